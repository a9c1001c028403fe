// SPDX-License-Identifier: Apache-2.0
// Reading by decoding everything: works for any file that libav can open, and is what "the frames of a file" means.
//
// Which frames are wanted depends on how many there are, which only decoding tells. Short clips: all decoded frames are held
// (by reference, unconverted) until the end. Long ones: those that the container's frame count predicts are held; if the
// prediction was wrong the file is decoded a second time.
#pragma once

#include "svad/video/decoder.hpp"
#include "svad/video/sampling.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace svad::video {

#if SVAD_FFMPEG

namespace detail {

/// Frames that a walk through a file kept, by number, and what it learned about the whole.
struct Walk {
    Timeline line;
    std::map<Index, FramePtr> held;
    int quarter_turns = 0;
    bool truncated = false;
    Index damaged = 0;
    std::string reason;
};

/// Opens `path` and calls each(input, frame, index, seconds) for all frames. Fills `walk`.
template <class Each>
void walk_frames(const std::string& path, const ReadOptions& options, Walk& walk, Each&& each) {
    try {
        Input input{path, options};
        walk.quarter_turns = input.quarter_turns();
        const FramePtr frame = new_frame();
        std::int64_t last_pts = AV_NOPTS_VALUE, last_duration = 0;
        while (input.next(*frame)) {
            const Index index = walk.line.size();
            if (index == options.max_frames) fail<DecodeError>(path, ": has more than ", options.max_frames, " frames");
            const double at = input.seconds(*frame, index);
            walk.line.times.push_back(at);
            last_pts = frame->pts;
            last_duration = frame_duration(*frame);
            each(input, *frame, index, at);
            av_frame_unref(frame.get());
        }
        if (!walk.line.times.empty()) walk.line.end = walk.line.times.back() + input.duration(last_pts, last_duration);
        walk.truncated = input.truncated();
        walk.damaged = input.damaged();
        walk.reason = input.reason();
    } catch (const io::FileError& error) {
        throw DecodeError(error.what());
    }
}

/// Bytes that a decoded frame's pixels take.
inline std::uint64_t frame_bytes(const AVFrame& frame) {
    const auto format = static_cast<AVPixelFormat>(frame.format);
    return static_cast<std::uint64_t>(std::max(0, av_image_get_buffer_size(format, frame.width, frame.height, 1)));
}

/// Keeps references to all frames while they fit `budget` bytes, then only to those in `wanted`.
inline Walk hold_frames(const std::string& path, const ReadOptions& options, const Choice* choice, std::set<Index> wanted,
                        std::uint64_t budget) {
    Walk walk;
    std::uint64_t bytes = 0;
    // The container's count predicts nothing about a part of the file.
    bool keep_all = budget > 0, predicted = choice == nullptr || !options.range.whole();
    walk_frames(path, options, walk, [&](const Input& input, AVFrame& frame, Index index, double) {
        if (!predicted && input.claimed_frames() > 0 && input.claimed_frames() <= options.max_frames) {
            for (const Index i : choose(*choice, input.claimed_frames(), input.rate())) wanted.insert(i);
        }
        predicted = true;
        if (keep_all || wanted.contains(index)) {
            bytes += frame_bytes(frame);
            FramePtr kept = new_frame();
            av_frame_move_ref(kept.get(), &frame);
            walk.held.emplace(index, std::move(kept));
        }
        if (keep_all && bytes > budget) {
            keep_all = false;
            bytes = 0;
            std::erase_if(walk.held, [&](const auto& entry) {
                const bool drop = !wanted.contains(entry.first);
                if (!drop) bytes += frame_bytes(*entry.second);
                return drop;
            });
        }
        if (bytes > options.max_bytes && !keep_all)
            fail<DecodeError>(path, ": the wanted frames need more than ", options.max_bytes, " bytes");
    });
    return walk;
}

}  // namespace detail

#endif

}  // namespace svad::video
