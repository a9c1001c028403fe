// SPDX-License-Identifier: Apache-2.0
// VideoWriter: frames [H, W, 3] of bytes to an H.264 MP4 file, through libx264.
//
// Promise: `path` appears when finish() returns, complete and durable, or not at all (temporary file, then
// rename). The encoder uses one thread, so that many writers can run side by side, and equal frames give
// equal files. Frames are 4:2:0, so width and height must be even; colours are tagged BT.601 limited, which
// is also what readers assume of untagged files. The index comes first in the file (faststart).
#pragma once

#include "svad/core/tensor.hpp"
#include "svad/video/ffmpeg.hpp"

#if SVAD_FFMPEG

#include <string>
#include <utility>

namespace svad::video {

struct WriteOptions {
    Index width = 0, height = 0;   ///< even
    double fps = 25;
    int crf = 18;   ///< 0 lossless ... 51 worst; 18 looks like the original
    const char* preset = "veryfast";
};

class VideoWriter {
public:
    /// Starts a file. Throws UsageError for impossible options or a libav without libx264, FileError for a
    /// bad path.
    VideoWriter(std::string path, const WriteOptions& options)
        : path_{std::move(path)}, temporary_{io::temporary_name(path_)}, options_{options} {
        detail::set_up_libav();
        const Index w = options_.width, h = options_.height;
        if (w < 2 || h < 2 || w % 2 != 0 || h % 2 != 0 || w > 16384 || h > 16384)
            fail<UsageError>(path_, ": video sizes must be even and from 2 to 16384; got ", w, "x", h);
        if (!(options_.fps > 0 && options_.fps <= 1000))
            fail<UsageError>(path_, ": fps must be in (0, 1000]; got ", options_.fps);
        try {
            open();
        } catch (...) {
            discard();
            throw;
        }
    }
    VideoWriter(const VideoWriter&) = delete;
    VideoWriter& operator=(const VideoWriter&) = delete;
    ~VideoWriter() { discard(); }

    /// Appends one frame [H, W, 3].
    void write(const Tensor<std::uint8_t>& frame) {
        if (format_ == nullptr) fail<UsageError>(path_, ": video is finished; no more frames can be written");
        if (!(frame.shape() == Shape{options_.height, options_.width, 3}))
            fail<ShapeError>(path_, ": frame should be ", Shape{options_.height, options_.width, 3}, "; got ",
                             frame.shape());
        check(av_frame_make_writable(frame_.get()), "frame");
        const std::uint8_t* const planes[4] = {frame.data(), nullptr, nullptr, nullptr};
        const int strides[4] = {static_cast<int>(options_.width * 3), 0, 0, 0};
        sws_scale(scaler_.get(), planes, strides, 0, static_cast<int>(options_.height), frame_->data,
                  frame_->linesize);
        frame_->pts = count_++;
        encode(frame_.get());
    }

    /// Appends frames [T, H, W, 3].
    void write_all(const Tensor<std::uint8_t>& frames) {
        for (Index t = 0; t < frames.size(0); ++t) write(frames.slice(t));
    }

    /// Completes the file and gives it its name. Throws FileError; at least one frame must have been written.
    void finish() {
        if (format_ == nullptr) fail<UsageError>(path_, ": video is finished already");
        if (count_ == 0) fail<UsageError>(path_, ": a video needs at least one frame");
        encode(nullptr);
        check(av_write_trailer(format_), "index");
        check(avio_closep(&format_->pb), "file");
        close();
        io::commit_file(temporary_, path_);
    }

    /// Frames written so far.
    [[nodiscard]] Index frames() const { return count_; }

private:
    void check(int code, const char* what) const {
        if (code < 0)
            fail<io::FileError>(path_, ": video ", what, " cannot be written: ", detail::av_text(code));
    }

    void open() {
        const AVCodec* const codec = avcodec_find_encoder_by_name("libx264");
        if (codec == nullptr) fail<UsageError>(path_, ": this ffmpeg has no libx264 encoder");
        check(avformat_alloc_output_context2(&format_, nullptr, "mp4", temporary_.c_str()), "container");
        codec_ = detail::allocated(detail::CodecPtr{avcodec_alloc_context3(codec)});
        const AVRational rate = av_d2q(options_.fps, 100'000);
        codec_->width = static_cast<int>(options_.width);
        codec_->height = static_cast<int>(options_.height);
        codec_->pix_fmt = AV_PIX_FMT_YUV420P;
        codec_->framerate = rate;
        codec_->time_base = av_inv_q(rate);
        codec_->thread_count = 1;
        codec_->color_range = AVCOL_RANGE_MPEG;
        codec_->colorspace = AVCOL_SPC_SMPTE170M;
        codec_->color_primaries = AVCOL_PRI_SMPTE170M;
        codec_->color_trc = AVCOL_TRC_SMPTE170M;
        codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
        av_opt_set_int(codec_->priv_data, "crf", options_.crf, 0);
        check(av_opt_set(codec_->priv_data, "preset", options_.preset, 0), "preset");
        check(avcodec_open2(codec_.get(), codec, nullptr), "encoder");

        stream_ = avformat_new_stream(format_, nullptr);
        if (stream_ == nullptr) fail<Error>("video: out of memory");
        stream_->time_base = codec_->time_base;
        stream_->avg_frame_rate = rate;
        check(avcodec_parameters_from_context(stream_->codecpar, codec_.get()), "header");
        format_->flags |= AVFMT_FLAG_BITEXACT;
        check(avio_open(&format_->pb, ("file:" + temporary_).c_str(), AVIO_FLAG_WRITE), "file");
        opened_ = true;
        AVDictionary* settings = nullptr;
        av_dict_set(&settings, "movflags", "+faststart", 0);
        const int written = avformat_write_header(format_, &settings);
        av_dict_free(&settings);
        check(written, "header");
        prepare_conversion();
    }

    void prepare_conversion() {
        const int w = codec_->width, h = codec_->height;
        scaler_.reset(sws_getContext(w, h, AV_PIX_FMT_RGB24, w, h, AV_PIX_FMT_YUV420P,
                                     SWS_BICUBIC | SWS_ACCURATE_RND, nullptr, nullptr, nullptr));
        if (!scaler_) fail<Error>("video: out of memory");
        const int* const bt601 = sws_getCoefficients(SWS_CS_ITU601);
        sws_setColorspaceDetails(scaler_.get(), bt601, 1, bt601, 0, 0, 1 << 16, 1 << 16);
        frame_->format = AV_PIX_FMT_YUV420P;
        frame_->width = w;
        frame_->height = h;
        check(av_frame_get_buffer(frame_.get(), 0), "frame");
    }

    void encode(const AVFrame* frame) {
        check(avcodec_send_frame(codec_.get(), frame), "frame");
        for (;;) {
            const int got = avcodec_receive_packet(codec_.get(), packet_.get());
            if (got == AVERROR(EAGAIN) || got == AVERROR_EOF) return;
            check(got, "frame");
            packet_->duration =
                1;   // of codec_->time_base; the muxer derives the last frame's length from it
            av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
            packet_->stream_index = stream_->index;
            check(av_interleaved_write_frame(format_, packet_.get()), "frame");
        }
    }

    void close() {
        if (format_ == nullptr) return;
        if (format_->pb != nullptr) avio_closep(&format_->pb);
        avformat_free_context(std::exchange(format_, nullptr));
    }

    /// Drops an unfinished file.
    void discard() {
        const bool unfinished = format_ != nullptr && opened_;
        close();
        if (unfinished) ::unlink(temporary_.c_str());
    }

    std::string path_, temporary_;
    WriteOptions options_;
    AVFormatContext* format_ = nullptr;
    AVStream* stream_ = nullptr;   // of format_
    detail::CodecPtr codec_;
    detail::FramePtr frame_ = detail::new_frame();
    detail::PacketPtr packet_ = detail::new_packet();
    detail::ScalerPtr scaler_;
    bool opened_ = false;
    Index count_ = 0;
};

}  // namespace svad::video

#endif
