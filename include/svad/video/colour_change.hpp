// SPDX-License-Identifier: Apache-2.0
// From a file to the colour change of every frame: what the content and adaptive detectors need, and nothing else.
//
// Promise: the distances are those of FrameDifference over the frames that for_each_frame gives (a rotation does not
// change them at full size; with Downscale::automatic frames are made small as they are stored, as PySceneDetect does).
// Frames of 8-bit 4:2:0 are compared straight from the decoder's planes if that gives what libswscale gives: a made-up
// picture of the file's width and matrix is converted by both first. All other frames take the way through RGB.
// Rejected: trusting the arithmetic without a look (it is of libswscale's x86 code, not of its interface).
#pragma once

#include "svad/video/downscale.hpp"
#include "svad/video/frame_delta.hpp"
#include "svad/video/frame_walk.hpp"
#include "svad/video/rgb.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace svad::video {

/// Whether frames are made small before they are compared.
enum class Downscale { none, automatic };

#if SVAD_FFMPEG

namespace detail {

/// What a frame's conversion depends on.
struct YuvKind {
    int width = 0, height = 0, format = 0, matrix = 0;
    bool full_range = false;
    friend bool operator==(const YuvKind&, const YuvKind&) = default;

    static YuvKind of(const AVFrame& frame) {
        return {frame.width, frame.height, frame.format, frame.colorspace,
                frame.color_range == AVCOL_RANGE_JPEG || frame.format == AV_PIX_FMT_YUVJ420P};
    }
    /// Whether libswscale converts such frames two lines at a time by the arithmetic of yuv_rgb.hpp.
    [[nodiscard]] bool direct() const {
        return (format == AV_PIX_FMT_YUV420P || format == AV_PIX_FMT_YUVJ420P) && width >= 2 && height >= 2 && height % 2 == 0;
    }
};

inline YuvPicture picture_of(const AVFrame& frame, const YuvToRgb& convert) {
    return {.width = static_cast<std::size_t>(frame.width),
            .height = static_cast<std::size_t>(frame.height),
            .planes = {frame.data[0], frame.data[1], frame.data[2]},
            .strides = {frame.linesize[0], frame.linesize[1], frame.linesize[2]},
            .convert = convert};
}

/// A frame like `like`, 64 lines high, in which every byte of every plane is as likely.
inline FramePtr made_up_frame(const AVFrame& like) {
    FramePtr frame = new_frame();
    frame->width = like.width, frame->height = 64, frame->format = like.format;
    frame->colorspace = like.colorspace, frame->color_range = like.color_range;
    if (av_frame_get_buffer(frame.get(), 0) < 0) fail<Error>("video: out of memory");
    std::uint32_t state = 1;
    for (int plane = 0; plane < 3; ++plane)
        for (int y = 0; y < (plane == 0 ? 64 : 32); ++y)
            for (int x = 0; x < (plane == 0 ? like.width : (like.width + 1) / 2); ++x) {
                state = state * 1664525u + 1013904223u;
                frame->data[plane][y * frame->linesize[plane] + x] = static_cast<std::uint8_t>(state >> 24);
            }
    return frame;
}

/// True if yuv_rgb.hpp converts frames like `like` exactly as RgbConverter does.
inline bool converts_equally(const AVFrame& like, const YuvToRgb& convert, const ReadOptions& options) {
    const FramePtr frame = made_up_frame(like);
    RgbConverter converter{"made-up frame", 0, options};
    Tensor<std::uint8_t> rgb(converter.shape(*frame));
    converter.convert(*frame, rgb.data());
    const YuvPicture picture = picture_of(*frame, convert);
    const auto width = static_cast<std::size_t>(like.width);
    for (std::size_t y = 0; y < 64; ++y) {
        const YuvLine line = picture.line(y);
        const RgbLine want{rgb.data() + y * width * 3};
        for (std::size_t x = 0; x < width; ++x)
            if (line.plain(x) != want.plain(x)) return false;
    }
    return true;
}

/// The colour change of the decoded frames of one file.
class ColorChange {
public:
    ColorChange(const std::string& path, Downscale downscale, const ReadOptions& options)
        : options_{options}, downscale_{downscale}, converter_{path, 0, options} {}

    std::optional<FrameDelta> next(const AVFrame& frame) {
        const Shape shape = converter_.shape(frame);
        if (stored_.rank() == 0) stored_ = Shape{frame.height, frame.width};
        const bool as_first = stored_ == Shape{frame.height, frame.width};
        if (as_first && direct(frame)) return difference(picture_of(frame, *direct_));
        if (image_.empty()) image_ = Tensor<std::uint8_t>(shape);
        converter_.convert(frame, image_.data());
        return difference(image_);
    }

private:
    /// Whether `frame` can be compared without a conversion to RGB.
    bool direct(const AVFrame& frame) {
        const YuvKind kind = YuvKind::of(frame);
        if (kind != kind_) {
            kind_ = kind;
            direct_.reset();
            const int* const m = sws_getCoefficients(matrix_of(frame));
            const YuvToRgb convert = YuvToRgb::of({m[0], m[1], m[2], m[3]}, kind.full_range);
            if (kind.direct() && converts_equally(frame, convert, options_)) direct_ = convert;
        }
        return direct_.has_value();
    }

    std::optional<FrameDelta> difference(const YuvPicture& picture) {
        if (downscale_ == Downscale::automatic) return small(picture);
        return difference_.next(stored_[0], stored_[1], [&](std::size_t row) { return picture.line(row); });
    }
    std::optional<FrameDelta> difference(const Tensor<std::uint8_t>& rgb) {
        return downscale_ == Downscale::automatic ? small(rgb) : difference_.next(rgb);
    }
    template <class Picture>
    std::optional<FrameDelta> small(const Picture& picture) {
        if (!downscaler_) downscaler_.emplace(stored_[0], stored_[1]);
        downscaler_->take(picture);
        return difference_.next(
            downscaler_->height(), downscaler_->width(), [&](std::size_t row) { return downscaler_->line(row); }, downscaler_->padding());
    }

    ReadOptions options_;
    Downscale downscale_;
    RgbConverter converter_;
    FrameDifference difference_;
    std::optional<Downscaler> downscaler_;
    Shape stored_;
    YuvKind kind_;
    std::optional<YuvToRgb> direct_;
    Tensor<std::uint8_t> image_;
};

}  // namespace detail

/// Calls visit(index, seconds, distance from the frame before: nothing for the first) for every frame inside
/// options.range in presentation order. Returns their timeline. Throws DecodeError if there is no frame.
template <class Visit>
Timeline for_each_change(const std::string& path, Visit&& visit, Downscale downscale = Downscale::none, const ReadOptions& options = {}) {
    detail::Walk walk;
    std::optional<detail::ColorChange> change;
    detail::walk_frames(path, options, walk, [&](const detail::Input&, AVFrame& frame, Index index, double at) {
        if (!options.range.contains(at - walk.line.times.front())) return;
        if (!change) change.emplace(path, downscale, options);
        visit(index, at, change->next(frame));
    });
    if (!change) fail<DecodeError>(path, ": no frame could be decoded", walk.reason.empty() ? "" : ": ", walk.reason);
    return detail::select(walk.line, options.range).line;
}

#endif

}  // namespace svad::video
