// SPDX-License-Identifier: Apache-2.0
// A whole video in words: its shots, and for each what a model says of its frames.
//
// Promise: every frame belongs to exactly one shot, and a description sees frames of its shot only. Memory does not grow
// with the video: one frame while shots are looked for, then the sampled frames of one batch of shots.
// Shots shorter than a least length join the one before them (the first one the one behind): half a second is
// no movement that a sentence could tell of. Rejected: sampling while shots are looked for (which frames a shot gives is
// known at its end only).
#pragma once

#include "svad/infer/captioner.hpp"
#include "svad/infer/shot_detector.hpp"
#include "svad/video/hash_shots.hpp"
#include "svad/video/shots.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace svad::infer {

/// Who finds the shots; `none` takes a file as one shot.
enum class ShotRule { none, content, adaptive, hash, combined };

/// Frames first .. last of a file, and when they are seen, in seconds from its first frame.
struct TimedShot {
    Index first = 0, last = 0;
    double start = 0, end = 0;
    friend bool operator==(const TimedShot&, const TimedShot&) = default;
};

/// A shot and what is said of it.
struct DescribedShot {
    TimedShot shot;
    std::string text;
};

struct VideoDescriptionOptions {
    ShotRule rule = ShotRule::adaptive;
    const TransNetV2* network = nullptr;   ///< for ShotRule::combined
    double least_seconds = 0.5;            ///< of a shot
    Index batch = 8;                       ///< shots that are described at once
    SearchOptions search{};
    video::ReadOptions read{.max_seconds = 24 * 3600.0};
};

/// `shots` without those shorter than `least` seconds, which join the shot before (the first one the shot behind).
[[nodiscard]] inline std::vector<TimedShot> join_short_shots(const std::vector<TimedShot>& shots, double least) {
    std::vector<TimedShot> out;
    for (const TimedShot& s : shots) {
        const bool first_is_short = out.size() == 1 && out[0].end - out[0].start < least;
        if (out.empty() || (s.end - s.start >= least && !first_is_short)) {
            out.push_back(s);
            continue;
        }
        out.back().last = s.last;
        out.back().end = s.end;
    }
    return out;
}

#if SVAD_FFMPEG

namespace detail {

/// The changes of shot that `detector` tells frame by frame.
template <class Detector>
std::vector<Index> cuts_of(Detector detector, const std::string& path, const video::ReadOptions& read, video::Timeline& line) {
    std::vector<Index> cuts;
    line = video::for_each_frame(path, [&](Index, double, const Tensor<std::uint8_t>& frame) {
        if (const std::optional<Index> cut = detector.next(frame)) cuts.push_back(*cut);
    }, read);
    return cuts;
}

inline std::vector<Index> cuts_of(ShotDetector detector, const std::string& path, const video::ReadOptions& read, video::Timeline& line) {
    line = video::for_each_frame(path, [&](Index, double, const Tensor<std::uint8_t>& frame) { detector.next(frame); }, read);
    std::vector<Index> cuts;
    for (const Boundary& b : detector.finish()) cuts.push_back(b.frame);
    return cuts;
}

inline std::vector<Index> find_cuts(const std::string& path, const VideoDescriptionOptions& options, video::Timeline& line) {
    switch (options.rule) {
        case ShotRule::content: return cuts_of(video::ContentDetector{}, path, options.read, line);
        case ShotRule::hash: return cuts_of(video::HashDetector{}, path, options.read, line);
        case ShotRule::combined:
            if (options.network == nullptr) fail<UsageError>("describe: the combined detector needs the weights of TransNet V2");
            return cuts_of(ShotDetector{*options.network}, path, options.read, line);
        default: return cuts_of(video::AdaptiveDetector{}, path, options.read, line);
    }
}

}  // namespace detail

/// The shots of a file as options.rule and options.least_seconds make them. Throws DecodeError.
[[nodiscard]] inline std::vector<TimedShot> find_shots(const std::string& path, const VideoDescriptionOptions& options) {
    if (options.rule == ShotRule::none) {
        const video::ClipInfo info = video::visit_frames(path, video::Uniform{.frames = 1}, [](const auto&...) {}, options.read);
        return {{0, info.total_frames - 1, 0, info.duration}};
    }
    video::Timeline line;
    const std::vector<Index> cuts = detail::find_cuts(path, options, line);
    const auto seconds = [&](Index frame) {
        return (frame < line.size() ? line.times[static_cast<std::size_t>(frame)] : line.end) - line.times.front();
    };
    std::vector<TimedShot> shots;
    for (const video::Shot& s : video::shots_between(cuts, line.size()))
        shots.push_back({s.start, s.end - 1, seconds(s.start), seconds(s.end)});
    return join_short_shots(shots, options.least_seconds);
}

/// The part of a file that a shot is; the last shot goes to the file's end.
[[nodiscard]] inline video::Range range_of(const TimedShot& shot, bool is_last) {
    return is_last ? video::Range{.start = shot.start} : video::Range{.start = shot.start, .end = shot.end};
}

/// Describes the shots of a file and calls each(shot, is_last) as they are ready, in order. Throws DecodeError.
template <class Each>
void describe_video(const Captioner& captioner, const std::string& path, const VideoDescriptionOptions& options, Each&& each) {
    if (options.batch < 1) fail<UsageError>("describe: a batch should have 1 shot or more; got ", options.batch);
    const std::vector<TimedShot> shots = find_shots(path, options);
    const auto batch = static_cast<std::size_t>(options.batch);
    for (std::size_t at = 0; at < shots.size(); at += batch) {
        const std::size_t end = std::min(shots.size(), at + batch);
        std::vector<Tensor<std::uint8_t>> clips;
        for (std::size_t i = at; i < end; ++i) {
            video::ReadOptions read = options.read;
            read.range = range_of(shots[i], i + 1 == shots.size());
            clips.push_back(captioner.frames(path, read));
        }
        std::vector<std::string> texts = captioner.describe(clips, options.search);
        for (std::size_t i = at; i < end; ++i) each(DescribedShot{shots[i], std::move(texts[i - at])}, i + 1 == shots.size());
    }
}

#endif

}  // namespace svad::infer
