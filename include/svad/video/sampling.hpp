// SPDX-License-Identifier: Apache-2.0
// Which frames of a clip a model sees: pure functions from a timeline to frame numbers.
//
// Every published system picks differently, so each rule is a type and a `Choice` is one of them:
//   Uniform      centre of each of N equal segments of frames: min(n - 1, floor((2i + 1) n / 2N))
//   UniformTime  the frame on screen at the centre of each of N equal segments of time (variable frame rates)
//   Segments     VideoChat: s = (n - 1) / N, index floor(s / 2) + round(s i), halves to even
//   Linspace     floor(linspace(0, n - 1, N)), both ends included (LanguageBind, CLIP-ViP)
//   Stride       floor(i n / N) (GVT)
//   Fps          the frame on screen at 0, 1/rate, 2/rate ... seconds after the first
//   All          every frame
// Indices repeat when there are fewer frames than asked for, so N frames come out of every clip that has one.
#pragma once

#include "svad/core/error.hpp"
#include "svad/core/shape.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <variant>
#include <vector>

namespace svad::video {

struct Uniform {
    Index frames = 8;
};
struct UniformTime {
    Index frames = 8;
};
struct Segments {
    Index frames = 8;
};
struct Linspace {
    Index frames = 8;
};
struct Stride {
    Index frames = 8;
};
struct Fps {
    double rate = 1;
    Index max_frames = 4096;   ///< more would be an error, not a silent cut
};
struct All {};

/// One of the rules above.
using Choice = std::variant<Uniform, UniformTime, Segments, Linspace, Stride, Fps, All>;

/// When each frame of a clip appears, in seconds, and when the last one ends.
struct Timeline {
    std::vector<double> times;
    double end = 0;

    [[nodiscard]] Index size() const { return static_cast<Index>(times.size()); }
};

/// Part of a file, in seconds from its first frame: a frame is inside if it appears at `start` or later and before `end`
/// (times within 1e-9 of a limit count as equal to it).
struct Range {
    double start = 0, end = std::numeric_limits<double>::infinity();
    [[nodiscard]] bool whole() const { return start <= 0 && std::isinf(end); }
    [[nodiscard]] bool contains(double seconds) const { return start <= seconds + 1e-9 && seconds + 1e-9 < end; }
};

namespace detail {

/// Frame numbers and timeline of what a range takes from a file.
struct Selection {
    std::vector<Index> frames;
    Timeline line;
};

inline Selection select(const Timeline& line, const Range& range) {
    if (!(range.start < range.end) || !std::isfinite(range.start))
        fail<UsageError>("range: should begin before it ends; got ", range.start, " to ", range.end, " s");
    Selection out;
    for (Index i = 0; i < line.size(); ++i) {
        const double t = line.times[static_cast<std::size_t>(i)];
        if (!range.whole() && !range.contains(t - line.times.front())) continue;
        out.frames.push_back(i);
        out.line.times.push_back(t);
    }
    if (out.frames.empty()) return out;
    const auto next = static_cast<std::size_t>(out.frames.back()) + 1;
    out.line.end = next < line.times.size() ? std::max(line.times[next], out.line.times.back()) : line.end;
    return out;
}

/// The last frame with a time of at most t (the first frame if there is none). Times that run backwards are
/// walked as they come, so the answer is defined for damaged files too.
inline Index on_screen(const Timeline& line, double t) {
    Index found = 0;
    for (Index i = 0; i < line.size(); ++i)
        if (line.times[static_cast<std::size_t>(i)] <= t + 1e-9) found = i;
    return found;
}

inline std::vector<Index> indices(const All&, const Timeline& line) {
    std::vector<Index> out(line.times.size());
    for (Index i = 0; i < line.size(); ++i) out[static_cast<std::size_t>(i)] = i;
    return out;
}

inline std::vector<Index> indices(const Fps& fps, const Timeline& line) {
    if (!(fps.rate > 0)) fail<UsageError>("fps: the rate must be positive; got ", fps.rate);
    const double length = std::max(0.0, line.end - line.times.front());
    const double count = std::max(1.0, std::ceil(length * fps.rate - 1e-6));
    if (!(count <= static_cast<double>(fps.max_frames)))
        fail<UsageError>("fps: ", length, " s at ", fps.rate, " frames a second is more than ",
                         fps.max_frames, " frames");
    std::vector<Index> out;
    for (Index i = 0; i < static_cast<Index>(count); ++i)
        out.push_back(on_screen(line, line.times.front() + static_cast<double>(i) / fps.rate));
    return out;
}

/// The i-th of N index for the rules that look at the number of frames n or at the timeline only.
inline Index pick(const Uniform& u, Index i, const Timeline& line) {
    return std::min(line.size() - 1, (2 * i + 1) * line.size() / (2 * u.frames));
}
inline Index pick(const UniformTime& u, Index i, const Timeline& line) {
    const double first = line.times.front();
    return on_screen(
        line, first + (static_cast<double>(i) + 0.5) * (line.end - first) / static_cast<double>(u.frames));
}
inline Index pick(const Segments& s, Index i, const Timeline& line) {
    const double segment = static_cast<double>(line.size() - 1) / static_cast<double>(s.frames);
    const auto start = static_cast<Index>(segment / 2);
    return std::min(line.size() - 1,
                    start + static_cast<Index>(std::nearbyint(segment * static_cast<double>(i))));
}
inline Index pick(const Linspace& l, Index i, const Timeline& line) {
    if (l.frames == 1) return 0;
    const double step = static_cast<double>(line.size() - 1) / static_cast<double>(l.frames - 1);
    return i == l.frames - 1 ? line.size() - 1
                             : static_cast<Index>(static_cast<double>(i) * step);   // as numpy
}
inline Index pick(const Stride& s, Index i, const Timeline& line) { return i * line.size() / s.frames; }

template <class Rule>
std::vector<Index> indices(const Rule& rule, const Timeline& line) {
    if (rule.frames < 1)
        fail<UsageError>("sampling: at least one frame must be asked for; got ", rule.frames);
    std::vector<Index> out;
    for (Index i = 0; i < rule.frames; ++i) out.push_back(pick(rule, i, line));
    return out;
}

}  // namespace detail

/// The frame numbers that `choice` takes from `line`, in its order. Throws UsageError for an empty timeline.
[[nodiscard]] inline std::vector<Index> choose(const Choice& choice, const Timeline& line) {
    if (line.times.empty()) fail<UsageError>("sampling: there are no frames to choose from");
    return std::visit([&](const auto& rule) { return detail::indices(rule, line); }, choice);
}

/// As above for `n` frames of equal length.
[[nodiscard]] inline std::vector<Index> choose(const Choice& choice, Index n, double frame_rate = 25) {
    Timeline line;
    for (Index i = 0; i < n; ++i) line.times.push_back(static_cast<double>(i) / frame_rate);
    line.end = static_cast<double>(n) / frame_rate;
    return choose(choice, line);
}

}  // namespace svad::video
