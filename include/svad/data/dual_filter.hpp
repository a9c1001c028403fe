// SPDX-License-Identifier: Apache-2.0
// The dual filter of a collection of videos that are cut into clips (the paper's 3.2): videos that are mostly brief
// clips go as a whole, then brief clips go from those that stay.
//
// Promise: every decision is there with the numbers it was made from, for the dropped as for the kept, in the order
// given; filtering one video never looks at another, so the order and the company change nothing. A video's
// duration is the sum of its clips. Lengths and shares within 1e-9 of a limit count as equal to it: times
// are differences of floats, and a clip of 50 frames at 25 a second must not fail a limit of 2 seconds.
#pragma once

#include "svad/io/json.hpp"
#include "svad/video/sampling.hpp"
#include "svad/video/shots.hpp"

#include <cmath>
#include <string>
#include <vector>

namespace svad::data {

/// The limits of the filter.
struct DualFilterOptions {
    double brief_seconds = 2;        ///< a clip under this is brief
    double most_brief_share = 0.3;   ///< a video with more than this part of its duration in brief clips is fragmented
    double least_seconds = 2;        ///< in videos that are kept, clips under this are dropped
};

/// Part of a video, in seconds from its start.
struct ClipSpan {
    double start = 0, end = 0;
    [[nodiscard]] double seconds() const { return end - start; }
};

/// A video and the clips it was cut into, in order.
struct CutVideo {
    std::string id;
    std::vector<ClipSpan> clips;
};

/// What became of a clip.
enum class ClipVerdict { kept, too_short, in_dropped_video };
/// What became of a video.
enum class VideoVerdict { kept, fragmented, empty };

/// A clip and the reason why it is in or out.
struct ClipDecision {
    ClipSpan span;
    bool brief = false;   ///< counted towards the video's brief share
    ClipVerdict verdict = ClipVerdict::kept;
};

/// A video, the figures it was judged by, and its clips.
struct VideoDecision {
    std::string id;
    VideoVerdict verdict = VideoVerdict::kept;
    double seconds = 0, brief_seconds = 0;   ///< of all clips; of the brief ones
    double brief_share = 0;                  ///< brief_seconds / seconds
    Index kept_clips = 0;
    std::vector<ClipDecision> clips;
};

namespace detail {

inline constexpr double near_limit = 1e-9;

inline void check_options(const DualFilterOptions& o) {
    const auto sound = [](double x) { return std::isfinite(x) && x >= 0; };
    if (!sound(o.brief_seconds) || !sound(o.least_seconds) || !sound(o.most_brief_share) || o.most_brief_share > 1)
        fail<UsageError>("dual filter: seconds should not be negative and the share should be 0 to 1; got ", o.brief_seconds,
                         ", ", o.least_seconds, " and ", o.most_brief_share);
}

inline void check_clips(const CutVideo& video) {
    double last = 0;
    for (const ClipSpan& clip : video.clips) {
        if (!(std::isfinite(clip.end) && clip.start >= last - near_limit && clip.end > clip.start))
            fail<UsageError>("dual filter: clips of ", video.id, " should be in order, not overlap and not be empty; got ",
                             clip.start, " to ", clip.end, " after ", last);
        last = clip.end;
    }
}

}  // namespace detail

/// Judges one video. Throws UsageError for limits that make no sense and for clips that overlap or are empty.
[[nodiscard]] inline VideoDecision dual_filter(const CutVideo& video, const DualFilterOptions& options = {}) {
    detail::check_options(options);
    detail::check_clips(video);
    const auto under = [](double x, double limit) { return x < limit - detail::near_limit; };
    VideoDecision out;
    out.id = video.id;
    for (const ClipSpan& clip : video.clips) {
        const bool brief = under(clip.seconds(), options.brief_seconds);
        out.seconds += clip.seconds();
        if (brief) out.brief_seconds += clip.seconds();
        out.clips.push_back({clip, brief, ClipVerdict::kept});
    }
    if (out.clips.empty()) {
        out.verdict = VideoVerdict::empty;
        return out;
    }
    out.brief_share = out.brief_seconds / out.seconds;
    if (out.brief_share > options.most_brief_share + detail::near_limit) out.verdict = VideoVerdict::fragmented;
    for (ClipDecision& clip : out.clips) {
        if (out.verdict == VideoVerdict::fragmented) clip.verdict = ClipVerdict::in_dropped_video;
        else if (under(clip.span.seconds(), options.least_seconds)) clip.verdict = ClipVerdict::too_short;
        else ++out.kept_clips;
    }
    return out;
}

/// The spans of shots, each from its first frame to the start of the next or the video's end; seconds count from the
/// first frame. Shots without any length in time (broken timestamps) are left out.
[[nodiscard]] inline std::vector<ClipSpan> clip_spans(const std::vector<video::Shot>& shots, const video::Timeline& line) {
    std::vector<ClipSpan> spans;
    if (line.times.empty()) return spans;
    const auto at = [&](Index frame) {
        return (frame < line.size() ? line.times[static_cast<std::size_t>(frame)] : line.end) - line.times.front();
    };
    for (const video::Shot& shot : shots) {
        if (shot.start < 0 || shot.end > line.size())
            fail<UsageError>("clip_spans: shot ", shot.start, " to ", shot.end, " is not in a video of ", line.size(), " frames");
        const ClipSpan span{at(shot.start), at(shot.end)};
        const double before = spans.empty() ? 0 : spans.back().end;
        if (span.start >= before && span.end > span.start) spans.push_back(span);
    }
    return spans;
}

/// The word for a verdict in reports.
[[nodiscard]] inline const char* name_of(ClipVerdict verdict) {
    constexpr const char* names[]{"kept", "too_short", "in_dropped_video"};
    return names[static_cast<int>(verdict)];
}
[[nodiscard]] inline const char* name_of(VideoVerdict verdict) {
    constexpr const char* names[]{"kept", "fragmented", "empty"};
    return names[static_cast<int>(verdict)];
}

/// A decision with all its numbers, for a line of a report.
[[nodiscard]] inline io::Json to_json(const VideoDecision& video) {
    io::Json clips = io::Json::array();
    for (const ClipDecision& clip : video.clips)
        clips.push_back(io::object({{"start", clip.span.start},
                                    {"end", clip.span.end},
                                    {"seconds", clip.span.seconds()},
                                    {"brief", clip.brief},
                                    {"verdict", name_of(clip.verdict)}}));
    return io::object({{"id", video.id},
                       {"verdict", name_of(video.verdict)},
                       {"seconds", video.seconds},
                       {"brief_seconds", video.brief_seconds},
                       {"brief_share", video.brief_share},
                       {"kept_clips", video.kept_clips},
                       {"clips", std::move(clips)}});
}

/// The report of a whole collection: the limits, how many were kept and dropped and why, and every decision.
[[nodiscard]] inline io::Json to_json(const std::vector<VideoDecision>& videos, const DualFilterOptions& options) {
    io::Json all = io::Json::array();
    Index video_counts[3]{}, clip_counts[3]{};
    double seconds = 0, kept_seconds = 0;
    for (const VideoDecision& video : videos) {
        ++video_counts[static_cast<int>(video.verdict)];
        for (const ClipDecision& clip : video.clips) {
            ++clip_counts[static_cast<int>(clip.verdict)];
            seconds += clip.span.seconds();
            if (clip.verdict == ClipVerdict::kept) kept_seconds += clip.span.seconds();
        }
        all.push_back(to_json(video));
    }
    io::Json of_videos = io::Json::object(), of_clips = io::Json::object();
    for (int i = 0; i < 3; ++i) {
        of_videos[name_of(static_cast<VideoVerdict>(i))] = video_counts[i];
        of_clips[name_of(static_cast<ClipVerdict>(i))] = clip_counts[i];
    }
    return io::object({{"limits", io::object({{"brief_seconds", options.brief_seconds},
                                              {"most_brief_share", options.most_brief_share},
                                              {"least_seconds", options.least_seconds}})},
                       {"videos", std::move(of_videos)},
                       {"clips", std::move(of_clips)},
                       {"seconds", seconds},
                       {"kept_seconds", kept_seconds},
                       {"decisions", std::move(all)}});
}

}  // namespace svad::data
