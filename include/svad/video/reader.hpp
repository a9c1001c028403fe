// SPDX-License-Identifier: Apache-2.0
// Clip read(path, choice): the chosen frames of a video (or a picture: one frame) as bytes, with their times.
//
// Promise: decoding is exact. Frame i is the i-th in presentation order, and its bytes are those that decoding the whole file
// gives; only what the chosen frames need is decoded where the container allows that safely (packet_plan.hpp), else everything
// (frame_walk.hpp). A file that cannot be used is a DecodeError naming file and reason; one that ends early or is damaged gives
// the frames there are, and says so in `truncated` and `damaged`. One converted frame is in memory at a time unless the caller
// wants all of them.
#pragma once

#include "svad/core/tensor.hpp"
#include "svad/video/decoder.hpp"
#include "svad/video/frame_walk.hpp"
#include "svad/video/packet_plan.hpp"
#include "svad/video/rgb.hpp"
#include "svad/video/sampling.hpp"
#include "svad/video/transform.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace svad::video {

/// What reading learned about the chosen frames and the file.
struct ClipInfo {
    std::vector<double> times;     ///< [T], seconds on the file's own clock (the first frame may be after 0)
    std::vector<Index> indices;    ///< [T], frame numbers in presentation order
    Index total_frames = 0;        ///< frames that the file has inside the range
    double duration = 0;           ///< seconds from the first of these frames to the end of the last
    double rate = 0;               ///< average frames a second
    bool truncated = false;        ///< the file ends before what its header promises
    Index damaged = 0;             ///< packets or frames that are missing or patched up because they could not be decoded
};

/// Frames of one file, upright, in the order of the choice.
struct Clip : ClipInfo {
    Tensor<std::uint8_t> frames;   ///< [T, H, W, 3], RGB
};

/// Frames of one file as a model's input.
struct ClipInput : ClipInfo {
    Tensor<float> input;   ///< [T, 3, S, S]
};

/// As video::to_input of the frames: a model's input [T, 3, S, S].
[[nodiscard]] inline Tensor<float> to_input(const Clip& clip, const InputOptions& options = {}) {
    return to_input(clip.frames, options);
}
[[nodiscard]] inline Tensor<float> to_input(const Clip& clip, Index size) {
    return to_input(clip.frames, InputOptions{.size = size});
}

/// The timeline of a walk through a file, and whether the file was whole.
struct Passage : Timeline {
    bool truncated = false;   ///< as in ClipInfo
    Index damaged = 0;
};

#if SVAD_FFMPEG

namespace detail {

/// The frames of `line`, a file's whole timeline, that `choice` takes inside options.range.
inline ClipInfo chosen(const std::string& path, const Timeline& line, const Choice& choice, const ReadOptions& options) {
    const Selection inside = select(line, options.range);
    if (inside.frames.empty())
        fail<DecodeError>(path, ": has no frame from ", options.range.start, " to ", options.range.end, " s; it is ",
                          line.end - line.times.front(), " s long");
    ClipInfo info;
    for (const Index i : choose(choice, inside.line)) info.indices.push_back(inside.frames[static_cast<std::size_t>(i)]);
    for (const Index i : info.indices) info.times.push_back(line.times[static_cast<std::size_t>(i)]);
    info.total_frames = inside.line.size();
    info.duration = std::max(0.0, inside.line.end - inside.line.times.front());
    info.rate = info.duration > 0 ? static_cast<double>(info.total_frames) / info.duration : 0;
    return info;
}

/// Hands frames that arrive by number to visit(info, t, image [H, W, 3]) for every place t that they have in the choice.
template <class Visit>
class FrameSink {
public:
    FrameSink(const std::string& path, const ReadOptions& options, Visit& visit) : path_{path}, options_{options}, visit_{visit} {}

    void take(const ClipInfo& info, int quarter_turns, Index number, const AVFrame& frame) {
        if (!converter_) converter_.emplace(path_, quarter_turns, options_);
        if (image_.numel() == 0) image_ = Tensor<std::uint8_t>(converter_->shape(frame));
        converter_->convert(frame, image_.data());
        for (std::size_t t = 0; t < info.indices.size(); ++t)
            if (info.indices[t] == number) visit_(info, static_cast<Index>(t), std::as_const(image_));
    }

private:
    const std::string& path_;
    const ReadOptions& options_;
    Visit& visit_;
    std::optional<RgbConverter> converter_;
    Tensor<std::uint8_t> image_;
};

/// Reads by the packets' plan; nothing where that is not safe.
template <class Sink>
std::optional<ClipInfo> read_planned(const std::string& path, const Choice& choice, const ReadOptions& options, Sink& sink) {
    try {
        Input input{path, options, true};
        const std::optional<PacketPlan> plan = PacketPlan::of(input, options);
        if (!plan) return std::nullopt;
        ClipInfo info = chosen(path, plan->line(), choice, options);
        const std::set<Index> unique(info.indices.begin(), info.indices.end());
        const std::vector<Index> wanted(unique.begin(), unique.end());
        const bool decoded = plan->decode(path, input, options, wanted, [&](Index number, const AVFrame& frame) {
            sink.take(info, input.quarter_turns(), number, frame);
        });
        return decoded ? std::optional{info} : std::nullopt;
    } catch (const io::FileError& error) {
        throw DecodeError(error.what());
    }
}

/// Reads by decoding everything.
template <class Sink>
ClipInfo read_whole(const std::string& path, const Choice& choice, const ReadOptions& options, Sink& sink) {
    constexpr std::uint64_t held_at_once = std::uint64_t{64} << 20;   // all frames of a short clip, about 1000 of 176x144
    Walk walk = hold_frames(path, options, &choice, {}, std::min(held_at_once, options.max_bytes));
    if (walk.line.times.empty())
        fail<DecodeError>(path, ": no frame could be decoded", walk.reason.empty() ? "" : ": ", walk.reason);
    ClipInfo info = chosen(path, walk.line, choice, options);
    const std::set<Index> wanted(info.indices.begin(), info.indices.end());
    if (std::any_of(wanted.begin(), wanted.end(), [&](Index number) { return !walk.held.contains(number); }))
        walk = hold_frames(path, options, nullptr, wanted, 0);   // the container's count was wrong
    info.truncated = walk.truncated;
    info.damaged = walk.damaged;
    for (const Index number : wanted) {
        const auto found = walk.held.find(number);
        if (found == walk.held.end()) fail<DecodeError>(path, ": changed while it was read");
        sink.take(info, walk.quarter_turns, number, *found->second);
        walk.held.erase(found);
    }
    return info;
}

}  // namespace detail

/// Calls visit(info, t, image [H, W, 3]) for each chosen frame of `path` inside options.range, in any order of t, one image in
/// memory at a time; the tensor is reused, so clone() what is kept. `info` has the choice; its truncated and damaged are final
/// in the result only. A file that goes wrong halfway may have frames visited twice. Throws DecodeError.
template <class Visit>
ClipInfo visit_frames(const std::string& path, const Choice& choice, Visit&& visit, const ReadOptions& options = {}) {
    detail::FrameSink sink{path, options, visit};
    if (!options.decode_all && !std::holds_alternative<All>(choice))
        if (std::optional<ClipInfo> info = detail::read_planned(path, choice, options, sink)) return *std::move(info);
    return detail::read_whole(path, choice, options, sink);
}

/// The frames of `path`, inside options.range, that `choice` names. Throws DecodeError. Safe to call from many threads.
[[nodiscard]] inline Clip read(const std::string& path, const Choice& choice = Uniform{}, const ReadOptions& options = {}) {
    Clip clip;
    const auto keep = [&](const ClipInfo& info, Index t, const Tensor<std::uint8_t>& image) {
        if (clip.frames.numel() == 0) {
            const auto each = static_cast<std::uint64_t>(image.numel());
            if (each > options.max_bytes / info.indices.size())
                fail<DecodeError>(path, ": ", info.indices.size(), " frames of ", image.shape(), " are beyond the limit of ",
                                  options.max_bytes, " bytes");
            clip.frames = Tensor<std::uint8_t>::uninitialized({static_cast<Index>(info.indices.size()), image.size(0), image.size(1), 3});
        }
        std::copy(image.begin(), image.end(), clip.frames.data() + t * image.numel());
    };
    static_cast<ClipInfo&>(clip) = visit_frames(path, choice, keep, options);
    return clip;
}

/// As to_input(read(path, choice), input), but each frame goes straight to its place: the memory is one frame and the result.
[[nodiscard]] inline ClipInput read_input(const std::string& path, const Choice& choice = Uniform{}, const InputOptions& input = {},
                                          const ReadOptions& options = {}) {
    ClipInput clip;
    detail::InputMaker make{input};
    const auto place = [&](const ClipInfo& info, Index t, const Tensor<std::uint8_t>& image) {
        const Index T = static_cast<Index>(info.indices.size()), S = input.size;
        if (clip.input.numel() == 0) clip.input = Tensor<float>::uninitialized({T, 3, S, S});
        make(image, clip.input.data() + t * 3 * S * S);
    };
    static_cast<ClipInfo&>(clip) = visit_frames(path, choice, place, options);
    return clip;
}

/// Calls visit(index, seconds, frame [H, W, 3]) for every frame inside options.range in presentation order, one in memory at a
/// time; the tensor is reused, so clone() what is kept. Returns their timeline. Throws DecodeError if there is no frame.
template <class Visit>
Passage for_each_frame(const std::string& path, Visit&& visit, const ReadOptions& options = {}) {
    detail::Walk walk;
    std::optional<detail::RgbConverter> converter;
    Tensor<std::uint8_t> image;
    detail::walk_frames(path, options, walk, [&](const detail::Input& input, AVFrame& frame, Index index, double at) {
        if (!options.range.contains(at - walk.line.times.front())) return;
        if (!converter) {
            converter.emplace(path, input.quarter_turns(), options);
            image = Tensor<std::uint8_t>(converter->shape(frame));
        }
        converter->convert(frame, image.data());
        visit(index, at, std::as_const(image));
    });
    if (!converter) fail<DecodeError>(path, ": no frame could be decoded", walk.reason.empty() ? "" : ": ", walk.reason);
    return {detail::select(walk.line, options.range).line, walk.truncated, walk.damaged};
}

#else

/// This build has no FFmpeg: always throws UsageError.
[[nodiscard]] inline Clip read(const std::string& path, const Choice& = Uniform{}, const ReadOptions& = {}) {
    fail<UsageError>(path, ": this build of svad has no ffmpeg; configure with SVAD_FFMPEG=ON");
}
/// This build has no FFmpeg: always throws UsageError.
[[nodiscard]] inline ClipInput read_input(const std::string& path, const Choice& = Uniform{}, const InputOptions& = {},
                                          const ReadOptions& = {}) {
    fail<UsageError>(path, ": this build of svad has no ffmpeg; configure with SVAD_FFMPEG=ON");
}
/// This build has no FFmpeg: always throws UsageError.
template <class Visit>
ClipInfo visit_frames(const std::string& path, const Choice&, Visit&&, const ReadOptions& = {}) {
    fail<UsageError>(path, ": this build of svad has no ffmpeg; configure with SVAD_FFMPEG=ON");
}

#endif

}  // namespace svad::video
