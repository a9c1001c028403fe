// SPDX-License-Identifier: Apache-2.0
// What the stages of building a data set hand on: the shots of every video (shots.jsonl) and the clips in use (clips.jsonl).
//
//   {"id": "food/a.mp4", "video": "../raw/food/a.mp4", "category": "food", "frames": 250, "seconds": 10.0, "width": 640,
//    "height": 360, "rate": 25.0, "warning": "", "fingerprint": ["f0e1...", ...],
//    "shots": [{"first": 0, "last": 117, "start": 0.0, "end": 4.72}, ...]}
//   {"id": "food/a.mp4#001", "video": "../raw/food/a.mp4", "start": 4.72, "end": 10.0, "seconds": 5.28, "category": "food",
//    "split": "train"}
// `video` is relative to the folder of the file; seconds are from the video's first frame, as video::Range counts them.
#pragma once

#include "svad/data/dual_filter.hpp"
#include "svad/data/fingerprint.hpp"
#include "svad/io/json_lines.hpp"

#include <charconv>
#include <cstdio>
#include <string>
#include <vector>

namespace svad::data {

/// A shot: frames first .. last, seconds start .. end.
struct ShotSpan {
    Index first = 0, last = 0;
    double start = 0, end = 0;
};

/// A video as the first stage found it.
struct VideoShots {
    std::string id, video, category;
    Index frames = 0, width = 0, height = 0;
    double seconds = 0, rate = 0;
    std::string warning;          ///< what was wrong with the file, if it could be used all the same
    Fingerprint fingerprint;
    std::vector<ShotSpan> shots;
};

/// A clip that later stages use.
struct ClipRow {
    std::string id, video;
    double start = 0, end = 0;
    std::string category, split;
    [[nodiscard]] double seconds() const { return end - start; }
};

/// "food/a.mp4#007"; at least three digits, so that clips sort as they follow each other.
[[nodiscard]] inline std::string clip_id(const std::string& video, Index number) {
    char text[24];
    std::snprintf(text, sizeof(text), "#%03lld", static_cast<long long>(number));
    return video + text;
}
/// The video's part of a clip's id.
[[nodiscard]] inline std::string video_of(const std::string& clip) { return clip.substr(0, clip.rfind('#')); }

/// What the dual filter judges.
[[nodiscard]] inline CutVideo cut_video(const VideoShots& v) {
    CutVideo cut{v.id, {}};
    for (const ShotSpan& shot : v.shots) cut.clips.push_back({shot.start, shot.end});
    return cut;
}

[[nodiscard]] inline io::Json to_json(const VideoShots& v) {
    io::Json prints = io::Json::array(), shots = io::Json::array();
    for (const std::uint64_t hash : v.fingerprint) {
        char text[20];
        std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash));
        prints.push_back(text);
    }
    for (const ShotSpan& s : v.shots)
        shots.push_back(io::object({{"first", s.first}, {"last", s.last}, {"start", s.start}, {"end", s.end}}));
    return io::object({{"id", v.id}, {"video", v.video}, {"category", v.category}, {"frames", v.frames}, {"seconds", v.seconds},
                       {"width", v.width}, {"height", v.height}, {"rate", v.rate}, {"warning", v.warning},
                       {"fingerprint", std::move(prints)}, {"shots", std::move(shots)}});
}

[[nodiscard]] inline io::Json to_json(const ClipRow& c) {
    io::Json out = io::object({{"id", c.id}, {"video", c.video}, {"start", c.start}, {"end", c.end}, {"seconds", c.seconds()},
                               {"category", c.category}});
    if (!c.split.empty()) out["split"] = c.split;
    return out;
}

namespace detail {

inline std::uint64_t parse_hash(const std::string& text, const std::string& where) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (text.size() != 16 || error != std::errc{} || end != text.data() + text.size())
        fail<io::FormatError>(where, ": a fingerprint should be 16 hexadecimal digits; got '", text.substr(0, 40), "'");
    return value;
}

/// Seconds from `start` to `end`, both finite, in order and not negative.
inline void check_span(double start, double end, const std::string& where) {
    if (!(std::isfinite(start) && std::isfinite(end) && start >= 0 && end > start))
        fail<io::FormatError>(where, ": a clip should end after it starts; got ", start, " to ", end, " s");
}

}  // namespace detail

/// Throws FormatError with `where` if `line` is no video of shots.jsonl.
[[nodiscard]] inline VideoShots video_shots_from_json(const io::Json& line, const std::string& where) {
    VideoShots v;
    v.id = io::field<std::string>(line, "id", where);
    v.video = io::field<std::string>(line, "video", where);
    v.category = io::field_or<std::string>(line, "category", "", where);
    v.frames = io::field<std::int64_t>(line, "frames", where);
    v.seconds = io::field<double>(line, "seconds", where);
    v.width = io::field_or<std::int64_t>(line, "width", 0, where);
    v.height = io::field_or<std::int64_t>(line, "height", 0, where);
    v.rate = io::field_or<double>(line, "rate", 0, where);
    v.warning = io::field_or<std::string>(line, "warning", "", where);
    for (const std::string& text : io::field<std::vector<std::string>>(line, "fingerprint", where)) v.fingerprint.push_back(detail::parse_hash(text, where));
    const auto shots = line.find("shots");
    if (shots == line.end() || !shots->is_array()) fail<io::FormatError>(where, ": 'shots' is missing or no list");
    for (const io::Json& s : *shots) {
        v.shots.push_back({io::field<std::int64_t>(s, "first", where), io::field<std::int64_t>(s, "last", where),
                           io::field<double>(s, "start", where), io::field<double>(s, "end", where)});
        detail::check_span(v.shots.back().start, v.shots.back().end, where);
    }
    return v;
}

/// Throws FormatError with `where` if `line` is no clip of clips.jsonl.
[[nodiscard]] inline ClipRow clip_from_json(const io::Json& line, const std::string& where) {
    ClipRow c{io::field<std::string>(line, "id", where), io::field<std::string>(line, "video", where), io::field<double>(line, "start", where),
              io::field<double>(line, "end", where), io::field_or<std::string>(line, "category", "", where),
              io::field_or<std::string>(line, "split", "", where)};
    detail::check_span(c.start, c.end, where);
    return c;
}

/// The videos of a stage's file, in its order. Throws FileError and FormatError.
[[nodiscard]] inline std::vector<VideoShots> read_video_shots(const std::string& path) {
    std::vector<VideoShots> out;
    io::for_each_json_line(io::read_file(path), path,
                           [&](const io::Json& line, const std::string& where) { out.push_back(video_shots_from_json(line, where)); });
    return out;
}

/// The clips of a stage's file, in its order. Throws FileError and FormatError.
[[nodiscard]] inline std::vector<ClipRow> read_clip_rows(const std::string& path) {
    std::vector<ClipRow> out;
    io::for_each_json_line(io::read_file(path), path,
                           [&](const io::Json& line, const std::string& where) { out.push_back(clip_from_json(line, where)); });
    return out;
}

}  // namespace svad::data
