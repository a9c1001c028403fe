// SPDX-License-Identifier: Apache-2.0
// One picture as PNG bytes, through libav: for reports and for looking at what a model sees. PNG, since a frame of 64
// pixels a side must not be blurred by a lossy format.
#pragma once

#include "svad/core/tensor.hpp"
#include "svad/video/ffmpeg.hpp"

#if SVAD_FFMPEG

#include <string>

namespace svad::video {

/// Image [H, W, 3] as the bytes of a PNG file.
[[nodiscard]] inline std::string encode_png(const Tensor<std::uint8_t>& image) {
    if (image.rank() != 3 || image.size(2) != 3 || image.empty() || image.size(0) > 16384 || image.size(1) > 16384)
        fail<ShapeError>("encode_png: image should be [H, W, 3] of at most 16384 a side; got ", image.shape());
    detail::quiet();
    const auto check = [](int code) {
        if (code < 0) fail<Error>("encode_png: ", detail::av_text(code));
    };
    const AVCodec* const codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
    if (codec == nullptr) fail<UsageError>("encode_png: this ffmpeg has no PNG encoder");
    const auto context = detail::allocated(detail::CodecPtr{avcodec_alloc_context3(codec)});
    const auto height = static_cast<int>(image.size(0)), width = static_cast<int>(image.size(1));
    context->width = width;
    context->height = height;
    context->pix_fmt = AV_PIX_FMT_RGB24;
    context->time_base = {1, 1};
    context->thread_count = 1;
    check(avcodec_open2(context.get(), codec, nullptr));

    const auto frame = detail::new_frame();
    frame->format = AV_PIX_FMT_RGB24;
    frame->width = width;
    frame->height = height;
    check(av_frame_get_buffer(frame.get(), 0));
    for (int y = 0; y < height; ++y)
        std::copy_n(image.data() + Index{y} * width * 3, width * 3, frame->data[0] + Index{y} * frame->linesize[0]);
    check(avcodec_send_frame(context.get(), frame.get()));
    check(avcodec_send_frame(context.get(), nullptr));
    const auto packet = detail::new_packet();
    check(avcodec_receive_packet(context.get(), packet.get()));
    return {reinterpret_cast<const char*>(packet->data), static_cast<std::size_t>(packet->size)};
}

}  // namespace svad::video

#endif
