// SPDX-License-Identifier: Apache-2.0
// Clip read(path, choice): the chosen frames of a video (or a picture: one frame) as bytes, with their times.
//
// Promise: decoding is exact. Frame i is the i-th in presentation order, whatever the container's frame
// count, key frames or index say; nothing is seeked. A file that cannot be used is a DecodeError naming file
// and reason; one that ends early or is damaged gives the frames there are, and says so in `truncated` and
// `damaged`. Which frames are wanted depends on how many there are, which only decoding tells. Short clips:
// all decoded frames are held (by reference, unconverted) until the end. Long ones: those that the
// container's frame count predicts are held, and if the prediction was wrong the file is decoded a second
// time.
#pragma once

#include "svad/core/tensor.hpp"
#include "svad/video/decoder.hpp"
#include "svad/video/sampling.hpp"
#include "svad/video/transform.hpp"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace svad::video {

/// Frames of one file, upright, in the order of the choice.
struct Clip {
    Tensor<std::uint8_t> frames;   ///< [T, H, W, 3], RGB
    std::vector<double> times;     ///< [T], seconds on the file's own clock (the first frame may be after 0)
    std::vector<Index> indices;    ///< [T], frame numbers in presentation order
    Index total_frames = 0;        ///< frames that the file has inside the range (could be decoded)
    double duration = 0;           ///< seconds from the first of these frames to the end of the last
    double rate = 0;               ///< average frames a second
    bool truncated = false;        ///< the file ends before what its header promises
    Index damaged = 0;             ///< packets or frames that could not be decoded and are missing
};

/// As video::to_input of the frames: a model's input [T, 3, S, S].
[[nodiscard]] inline Tensor<float> to_input(const Clip& clip, const InputOptions& options = {}) {
    return to_input(clip.frames, options);
}
[[nodiscard]] inline Tensor<float> to_input(const Clip& clip, Index size) {
    return to_input(clip.frames, InputOptions{.size = size});
}

#if SVAD_FFMPEG

namespace detail {

/// Frames that one walk through a file kept, and what it learned about the whole.
struct Walk {
    Timeline line;
    std::map<Index, FramePtr> held;
    int quarter_turns = 0;
    bool truncated = false;
    Index damaged = 0;
    std::string reason;
};

/// Opens `path` and calls each(input, frame, index, seconds) for all frames; a false result stops. Fills
/// `walk`.
template <class Each>
void walk_frames(const std::string& path, const ReadOptions& options, Walk& walk, Each&& each) {
    try {
        Input input{path, options};
        walk.quarter_turns = input.quarter_turns();
        const FramePtr frame = new_frame();
        while (input.next(*frame)) {
            const Index index = walk.line.size();
            if (index == options.max_frames)
                fail<DecodeError>(path, ": has more than ", options.max_frames, " frames");
            const double at = input.seconds(*frame, index), length = input.duration(*frame);
            walk.line.times.push_back(at);
            walk.line.end =
                std::max(index == 0 ? at : walk.line.end, at + (length > 0 ? length : 1 / input.rate()));
            const bool more = each(input, *frame, index, at);
            av_frame_unref(frame.get());
            if (!more) return;
        }
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
    return static_cast<std::uint64_t>(
        std::max(0, av_image_get_buffer_size(format, frame.width, frame.height, 1)));
}

/// Keeps references to all frames while they fit `budget` bytes, then only to those in `wanted`.
inline Walk hold_frames(const std::string& path, const ReadOptions& options, const Choice* choice,
                        std::set<Index> wanted, std::uint64_t budget) {
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
        return true;
    });
    return walk;
}

/// Converts the held frames `indices` to one tensor [T, H, W, 3].
inline Tensor<std::uint8_t> to_rgb(const std::string& path, const Walk& walk,
                                   const std::vector<Index>& indices, const ReadOptions& options) {
    RgbConverter converter{path, walk.quarter_turns, options};
    const Shape one = converter.shape(*walk.held.at(indices.front()));
    const std::uint64_t each = static_cast<std::uint64_t>(one.numel());
    if (each > options.max_bytes / indices.size())
        fail<DecodeError>(path, ": ", indices.size(), " frames of ", one, " are beyond the limit of ",
                          options.max_bytes, " bytes");
    const auto out =
        Tensor<std::uint8_t>::uninitialized({static_cast<Index>(indices.size()), one[0], one[1], 3});
    for (std::size_t i = 0; i < indices.size(); ++i) {
        std::uint8_t* const target = out.data() + static_cast<Index>(i) * one.numel();
        if (i > 0 && indices[i] == indices[i - 1])
            std::memcpy(target, target - one.numel(), each);
        else
            converter.convert(*walk.held.at(indices[i]), target);
    }
    return out;
}

}  // namespace detail

/// The frames of `path`, inside options.range, that `choice` names. Throws DecodeError. Safe to call from many threads.
[[nodiscard]] inline Clip read(const std::string& path, const Choice& choice = Uniform{},
                               const ReadOptions& options = {}) {
    constexpr std::uint64_t held_at_once = std::uint64_t{64}
                                           << 20;   // all frames of a short clip, about 1000 of 176x144
    detail::Walk walk =
        detail::hold_frames(path, options, &choice, {}, std::min(held_at_once, options.max_bytes));
    if (walk.line.times.empty())
        fail<DecodeError>(path, ": no frame could be decoded", walk.reason.empty() ? "" : ": ", walk.reason);
    Clip clip;
    const detail::Selection inside = detail::select(walk.line, options.range);
    if (inside.frames.empty())
        fail<DecodeError>(path, ": has no frame from ", options.range.start, " to ", options.range.end, " s; it is ",
                          walk.line.end - walk.line.times.front(), " s long");
    for (const Index i : choose(choice, inside.line)) clip.indices.push_back(inside.frames[static_cast<std::size_t>(i)]);
    const std::set<Index> wanted(clip.indices.begin(), clip.indices.end());
    for (const Index index : wanted) {
        if (walk.held.contains(index)) continue;
        walk = detail::hold_frames(path, options, nullptr, wanted, 0);   // the container's count was wrong
        break;
    }
    for (const Index index : clip.indices) {
        if (!walk.held.contains(index)) fail<DecodeError>(path, ": changed while it was read");
        clip.times.push_back(walk.line.times[static_cast<std::size_t>(index)]);
    }
    clip.frames = detail::to_rgb(path, walk, clip.indices, options);
    clip.total_frames = inside.line.size();
    clip.duration = std::max(0.0, inside.line.end - inside.line.times.front());
    clip.rate = clip.duration > 0 ? static_cast<double>(clip.total_frames) / clip.duration : 0;
    clip.truncated = walk.truncated;
    clip.damaged = walk.damaged;
    return clip;
}

/// Calls visit(index, seconds, frame [H, W, 3]) for every frame inside options.range in presentation order, one in memory at a
/// time; the tensor is reused, so clone() what is kept. Returns their timeline. Throws DecodeError if there is
/// no frame.
template <class Visit>
Timeline for_each_frame(const std::string& path, Visit&& visit, const ReadOptions& options = {}) {
    detail::Walk walk;
    std::unique_ptr<detail::RgbConverter> converter;
    Tensor<std::uint8_t> image;
    detail::walk_frames(
        path, options, walk, [&](const detail::Input& input, AVFrame& frame, Index index, double at) {
            if (!options.range.contains(at - walk.line.times.front())) return true;
            if (!converter) {
                converter = std::make_unique<detail::RgbConverter>(path, input.quarter_turns(), options);
                image = Tensor<std::uint8_t>(converter->shape(frame));
            }
            converter->convert(frame, image.data());
            visit(index, at, std::as_const(image));
            return true;
        });
    if (!converter)
        fail<DecodeError>(path, ": no frame could be decoded", walk.reason.empty() ? "" : ": ", walk.reason);
    return detail::select(walk.line, options.range).line;
}

#else

/// This build has no FFmpeg: always throws UsageError.
[[nodiscard]] inline Clip read(const std::string& path, const Choice& = Uniform{}, const ReadOptions& = {}) {
    fail<UsageError>(path, ": this build of svad has no ffmpeg; configure with SVAD_FFMPEG=ON");
}

#endif

}  // namespace svad::video
