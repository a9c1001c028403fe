// SPDX-License-Identifier: Apache-2.0
// One picture as PNG or JPEG bytes, through libav: for reports and for looking at what a model sees. PNG where a frame of
// 64 pixels a side must not be blurred by a lossy format; JPEG for film strips of real videos, a tenth of the size.
#pragma once

#include "svad/core/tensor.hpp"
#include "svad/video/ffmpeg.hpp"

#if SVAD_FFMPEG

#include <algorithm>
#include <string>

namespace svad::video {

namespace detail {

/// The bytes of one picture of these pixels; fill(frame) writes them.
template <class Fill>
std::string encode_picture(const char* where, AVCodecID id, AVPixelFormat format, const Tensor<std::uint8_t>& image, int quality, Fill fill) {
    if (image.rank() != 3 || image.size(2) != 3 || image.empty() || image.size(0) > 16384 || image.size(1) > 16384)
        fail<ShapeError>(where, ": image should be [H, W, 3] of at most 16384 a side; got ", image.shape());
    set_up_libav();
    const auto check = [&](int code) {
        if (code < 0) fail<Error>(where, ": ", av_text(code));
    };
    const AVCodec* const codec = avcodec_find_encoder(id);
    if (codec == nullptr) fail<UsageError>(where, ": this ffmpeg has no such encoder");
    const auto context = allocated(CodecPtr{avcodec_alloc_context3(codec)});
    context->height = static_cast<int>(image.size(0));
    context->width = static_cast<int>(image.size(1));
    context->pix_fmt = format;
    context->time_base = {1, 1};
    context->thread_count = 1;
    if (quality > 0) {
        context->flags |= AV_CODEC_FLAG_QSCALE;
        context->global_quality = FF_QP2LAMBDA * quality;
    }
    check(avcodec_open2(context.get(), codec, nullptr));

    const auto frame = new_frame();
    frame->format = format;
    frame->width = context->width;
    frame->height = context->height;
    frame->quality = context->global_quality;
    check(av_frame_get_buffer(frame.get(), 0));
    fill(*frame);
    check(avcodec_send_frame(context.get(), frame.get()));
    check(avcodec_send_frame(context.get(), nullptr));
    const auto packet = new_packet();
    check(avcodec_receive_packet(context.get(), packet.get()));
    return {reinterpret_cast<const char*>(packet->data), static_cast<std::size_t>(packet->size)};
}

}  // namespace detail

/// Image [H, W, 3] as the bytes of a PNG file.
[[nodiscard]] inline std::string encode_png(const Tensor<std::uint8_t>& image) {
    return detail::encode_picture("encode_png", AV_CODEC_ID_PNG, AV_PIX_FMT_RGB24, image, 0, [&](AVFrame& frame) {
        const Index row = image.size(1) * 3;
        for (Index y = 0; y < image.size(0); ++y) std::copy_n(image.data() + y * row, row, frame.data[0] + y * frame.linesize[0]);
    });
}

/// Image [H, W, 3] as the bytes of a JPEG file; quality from 1 (best) to 31.
[[nodiscard]] inline std::string encode_jpeg(const Tensor<std::uint8_t>& image, int quality = 4) {
    if (quality < 1 || quality > 31) fail<UsageError>("encode_jpeg: quality must be from 1 to 31; got ", quality);
    return detail::encode_picture("encode_jpeg", AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ420P, image, quality, [&](AVFrame& frame) {
        const detail::ScalerPtr scaler{sws_getContext(frame.width, frame.height, AV_PIX_FMT_RGB24, frame.width, frame.height,
                                                      AV_PIX_FMT_YUVJ420P, SWS_BILINEAR, nullptr, nullptr, nullptr)};
        if (!scaler) fail<Error>("encode_jpeg: the pixels cannot be converted");
        const std::uint8_t* const planes[4] = {image.data(), nullptr, nullptr, nullptr};
        const int strides[4] = {frame.width * 3, 0, 0, 0};
        sws_scale(scaler.get(), planes, strides, 0, frame.height, frame.data, frame.linesize);
    });
}

}  // namespace svad::video

#endif
