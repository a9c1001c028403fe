// SPDX-License-Identifier: Apache-2.0
// From a decoded frame to packed upright RGB.
//
// The stream's matrix and range are used (untagged: BT.601 limited, as every libav based reader does), then the rotation of
// the container. Frames of more than 8 bits go through 16-bit 4:2:2 first: libswscale's one-step path places their chroma
// between the wrong rows and ignores where the file says it lies, which shows as fringes of up to 5 levels in a mean.
#pragma once

#include "svad/core/shape.hpp"
#include "svad/video/decoder.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace svad::video {

#if SVAD_FFMPEG

namespace detail {

/// One conversion between pixel formats of one size; `chroma` is where the source's chroma lies {across, down} in 1/256 pixels.
struct ScalerPlan {
    int width = 0, height = 0;
    AVPixelFormat from = AV_PIX_FMT_NONE, to = AV_PIX_FMT_RGB24;
    int matrix = SWS_CS_ITU601;
    bool from_full = false, to_full = false;
    std::array<int, 2> chroma{-513, -513};   // -513: libswscale's own choice
};

inline ScalerPtr make_scaler(const ScalerPlan& plan, int width, int height) {
    ScalerPtr scaler = allocated(ScalerPtr{sws_alloc_context()});
    const std::pair<const char*, int> settings[] = {
        {"srcw", plan.width},          {"srch", plan.height},           {"src_format", plan.from},
        {"dstw", width},               {"dsth", height},                {"dst_format", plan.to},
        {"sws_flags", SWS_BILINEAR},   {"src_range", plan.from_full},   {"dst_range", plan.to_full},
        {"src_h_chr_pos", plan.chroma[0]}, {"src_v_chr_pos", plan.chroma[1]}};
    for (const auto& [name, value] : settings) av_opt_set_int(scaler.get(), name, value, 0);
    if (sws_init_context(scaler.get(), nullptr, nullptr) < 0) return nullptr;
    sws_setColorspaceDetails(scaler.get(), sws_getCoefficients(plan.matrix), plan.from_full,
                             sws_getCoefficients(plan.to == AV_PIX_FMT_RGB24 ? SWS_CS_ITU601 : plan.matrix), plan.to_full, 0,
                             1 << 16, 1 << 16);
    return scaler;
}

/// libswscale's name of a frame's matrix.
inline int matrix_of(const AVFrame& frame) {
    switch (frame.colorspace) {
        case AVCOL_SPC_BT709: return SWS_CS_ITU709;
        case AVCOL_SPC_SMPTE240M: return SWS_CS_SMPTE240M;
        case AVCOL_SPC_FCC: return SWS_CS_FCC;
        case AVCOL_SPC_BT2020_NCL:
        case AVCOL_SPC_BT2020_CL: return SWS_CS_BT2020;
        default: return SWS_CS_ITU601;
    }
}

/// Position of the chroma samples among the luma samples {across, down}, in 1/256 pixels (H.273, chroma_sample_loc_type);
/// in the middle where the stream does not say.
inline std::array<int, 2> chroma_position(const AVFrame& frame, const AVPixFmtDescriptor& format) {
    std::array<int, 2> at{128, 128};
    switch (frame.chroma_location) {
        case AVCHROMA_LOC_LEFT: at = {0, 128}; break;
        case AVCHROMA_LOC_TOPLEFT: at = {0, 0}; break;
        case AVCHROMA_LOC_TOP: at = {128, 0}; break;
        case AVCHROMA_LOC_BOTTOMLEFT: at = {0, 256}; break;
        case AVCHROMA_LOC_BOTTOM: at = {128, 256}; break;
        default: break;
    }
    at[0] = format.log2_chroma_w > 0 ? at[0] * ((1 << format.log2_chroma_w) - 1) : -513;
    at[1] = format.log2_chroma_h > 0 ? at[1] * ((1 << format.log2_chroma_h) - 1) : -513;
    return at;
}

/// Converts frames of one file to packed upright RGB; every frame comes out in the size of the first.
class RgbConverter {
public:
    RgbConverter(std::string path, int quarter_turns, const ReadOptions& options)
        : path_{std::move(path)}, turns_{quarter_turns}, options_{options} {}

    /// [H, W, 3] of an upright frame like `frame`. Throws DecodeError if it is beyond the limits.
    Shape shape(const AVFrame& frame) {
        if (width_ == 0) {
            if (frame.width < 1 || frame.height < 1 || frame.width > options_.max_side || frame.height > options_.max_side)
                fail<DecodeError>(path_, ": frames of ", frame.width, "x", frame.height, " are beyond the limit of ",
                                  options_.max_side);
            width_ = frame.width;
            height_ = frame.height;
        }
        return turns_ % 2 == 0 ? Shape{height_, width_, 3} : Shape{width_, height_, 3};
    }

    /// Writes `frame` to `out`, shape(frame).numel() bytes.
    void convert(const AVFrame& frame, std::uint8_t* out) {
        shape(frame);
        prepare(frame);
        const AVFrame* source = &frame;
        if (deep_) {
            scale(*deep_, frame, middle_->data, middle_->linesize);
            source = middle_.get();
        }
        std::uint8_t* const planes[4] = {rgb_.data(), nullptr, nullptr, nullptr};
        const int strides[4] = {static_cast<int>(stride_), 0, 0, 0};
        scale(*scaler_, *source, planes, strides);
        turn(out);
    }

private:
    void scale(SwsContext& scaler, const AVFrame& frame, std::uint8_t* const* planes, const int* strides) const {
        if (sws_scale(&scaler, frame.data, frame.linesize, 0, frame.height, planes, strides) < 0)
            fail<DecodeError>(path_, ": a frame cannot be converted to rgb");
    }

    /// Copies the padded rows of rgb_ to `out`, turned.
    void turn(std::uint8_t* out) const {
        const Index W = width_, H = height_;
        if (turns_ == 0) {
            for (Index y = 0; y < H; ++y) std::memcpy(out + y * W * 3, rgb_.data() + y * stride_, static_cast<std::size_t>(W * 3));
            return;
        }
        const Index rows = turns_ == 2 ? H : W, columns = turns_ == 2 ? W : H;
        constexpr Index tile = 32;   // a quarter turn reads a column for each row that it writes: stay within the cache
        for (Index y0 = 0; y0 < rows; y0 += tile)
            for (Index x0 = 0; x0 < columns; x0 += tile)
                for (Index y = y0; y < std::min(rows, y0 + tile); ++y)
                    for (Index x = x0; x < std::min(columns, x0 + tile); ++x) {
                        const Index from_y = turns_ == 1 ? x : turns_ == 2 ? H - 1 - y : H - 1 - x;
                        const Index from_x = turns_ == 1 ? W - 1 - y : turns_ == 2 ? W - 1 - x : y;
                        std::memcpy(out + (y * columns + x) * 3, rgb_.data() + from_y * stride_ + from_x * 3, 3);
                    }
    }

    void prepare(const AVFrame& frame) {
        const auto format = static_cast<AVPixelFormat>(frame.format);
        const bool full = frame.color_range == AVCOL_RANGE_JPEG || format == AV_PIX_FMT_YUVJ420P ||
                          format == AV_PIX_FMT_YUVJ422P || format == AV_PIX_FMT_YUVJ444P;
        const std::array<int, 6> now{frame.width, frame.height, frame.format, frame.colorspace, full, frame.chroma_location};
        if (scaler_ && now == key_) return;
        key_ = now;
        ScalerPlan plan{frame.width, frame.height, format, AV_PIX_FMT_RGB24, matrix_of(frame), full, true, {-513, -513}};
        deep_.reset();
        const AVPixFmtDescriptor* const kind = av_pix_fmt_desc_get(format);
        if (kind != nullptr && kind->comp[0].depth > 8 && kind->nb_components >= 3 &&
            kind->log2_chroma_w + kind->log2_chroma_h > 0)
            plan = through_16_bits(plan, frame, *kind);
        scaler_ = make_scaler(plan, static_cast<int>(width_), static_cast<int>(height_));
        if (!scaler_) refuse(frame);
        // Rows are padded: swscale's vector code writes whole vectors and skips a tail that has no room.
        stride_ = (width_ * 3 + 64 + 63) / 64 * 64;
        rgb_.resize(static_cast<std::size_t>(stride_ * height_ + 64));
    }

    /// Makes the first step of a frame of more than 8 bits; returns the plan of the second.
    ScalerPlan through_16_bits(ScalerPlan plan, const AVFrame& frame, const AVPixFmtDescriptor& kind) {
        ScalerPlan rest = plan;
        plan.chroma = chroma_position(frame, kind);
        plan.to = rest.from = AV_PIX_FMT_YUV422P16;
        plan.to_full = plan.from_full;
        deep_ = make_scaler(plan, frame.width, frame.height);
        if (!deep_) refuse(frame);
        middle_ = new_frame();
        middle_->width = frame.width;
        middle_->height = frame.height;
        middle_->format = plan.to;
        if (av_frame_get_buffer(middle_.get(), 64) < 0) fail<Error>("video: out of memory");
        return rest;
    }

    [[noreturn]] void refuse(const AVFrame& frame) const {
        const char* const name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(frame.format));
        fail<DecodeError>(path_, ": frames of pixel format ", name == nullptr ? "unknown" : name, " cannot be converted to rgb");
    }

    std::string path_;
    int turns_ = 0;
    ReadOptions options_;
    Index width_ = 0, height_ = 0, stride_ = 0;
    std::array<int, 6> key_{};
    ScalerPtr deep_, scaler_;   // to 16 bits (deep formats only), to rgb
    FramePtr middle_;
    std::vector<std::uint8_t> rgb_;
};

}  // namespace detail

#endif

}  // namespace svad::video
