// SPDX-License-Identifier: Apache-2.0
// From one file to decoded frames to RGB.
//
// Input decodes the best video stream of a local file and hands out frames in presentation order; a cover
// picture of a sound file is not a video. RgbConverter turns a frame into packed RGB with the stream's matrix
// and range (untagged: BT.601 limited, as every libav based reader does) and applies the rotation of the
// container. Dimensions are limited before libav allocates for them.
#pragma once

#include "svad/core/shape.hpp"
#include "svad/video/ffmpeg.hpp"
#include "svad/video/sampling.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace svad::video {

/// What a file may cost; beyond it reading is a DecodeError.
struct ReadOptions {
    Index max_side = 8192;                              ///< width and height of a frame
    Index max_frames = 1'000'000;                       ///< decoded frames
    std::uint64_t max_bytes = std::uint64_t{1} << 30;   ///< RGB bytes of the frames that are kept
    int threads = 1;   ///< decoder threads; loaders decode many files at once instead
    Range range{};     ///< the part that is read; choices and counts are of the frames inside
};

#if SVAD_FFMPEG

namespace detail {

/// One opened file: its best video stream, decoded frame by frame.
class Input {
public:
    Input(const std::string& path, const ReadOptions& options) : path_{path}, source_{path} {
        quiet();
        open();
        try {
            choose_stream(options);
            open_decoder(options);
        } catch (...) {
            avformat_close_input(&format_);
            throw;
        }
    }
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;
    ~Input() { avformat_close_input(&format_); }

    /// Decodes the next frame into `frame`; false at the end.
    bool next(AVFrame& frame) {
        for (int errors = 0; errors < 10'000;) {
            const int got = avcodec_receive_frame(codec_.get(), &frame);
            if (got == 0) return true;
            if (got == AVERROR_EOF) return false;
            if (got != AVERROR(EAGAIN))
                note_damage(got), ++errors;
            else if (!feed())
                return false;
        }
        return false;
    }

    /// Seconds at which `frame`, the `index`-th, appears; a guess from the frame rate where the file does not
    /// say.
    [[nodiscard]] double seconds(const AVFrame& frame, Index index) const {
        if (frame.best_effort_timestamp == AV_NOPTS_VALUE) return static_cast<double>(index) / rate();
        return static_cast<double>(frame.best_effort_timestamp) * av_q2d(stream_->time_base);
    }
    /// Seconds that `frame` stays on the screen, or 0 if the file does not say.
    [[nodiscard]] double duration(const AVFrame& frame) const {
        return static_cast<double>(std::max<std::int64_t>(0, frame_duration(frame))) *
               av_q2d(stream_->time_base);
    }
    /// Average frames a second as the container has it; 25 if it has none.
    [[nodiscard]] double rate() const {
        const AVRational r =
            stream_->avg_frame_rate.num > 0 ? stream_->avg_frame_rate : stream_->r_frame_rate;
        return r.num > 0 && r.den > 0 ? av_q2d(r) : 25.0;
    }
    /// Number of frames that the container claims; 0 if it does not.
    [[nodiscard]] Index claimed_frames() const { return std::max<std::int64_t>(0, stream_->nb_frames); }
    /// Quarter turns counter-clockwise that bring a decoded frame upright.
    [[nodiscard]] int quarter_turns() const {
        const std::uint8_t* const matrix = display_matrix(*stream_);
        if (matrix == nullptr) return 0;
        std::array<std::int32_t, 9> m;
        std::memcpy(m.data(), matrix, sizeof(m));
        const double degrees = av_display_rotation_get(m.data());
        return std::isfinite(degrees) ? (static_cast<int>(std::lround(degrees / 90)) % 4 + 4) % 4 : 0;
    }
    /// True if the file ended before what it promised.
    [[nodiscard]] bool truncated() const { return cut_ || packets_ < claimed_frames(); }
    /// Packets and frames that the decoder refused.
    [[nodiscard]] Index damaged() const { return damaged_; }
    /// The last thing that went wrong, or "".
    [[nodiscard]] const std::string& reason() const { return reason_; }

private:
    void open() {
        // Containers and pictures only: no playlists, no scripts, no formats that name other files.
        constexpr const char* allowed =
            "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,m4v,h261,h263,h264,hevc,av1,"
            "obu,ivf,ogg,asf,"
            "mxf,gxf,nut,rm,dv,vc1,gif,apng,mjpeg,yuv4mpegpipe,mp3,aac,wav,flac,png_pipe,jpeg_pipe,bmp_pipe,"
            "webp_pipe,"
            "tiff_pipe,ppm_pipe,pgm_pipe,pam_pipe,pbm_pipe,qoi_pipe,j2k_pipe,tga_pipe,sgi_pipe";
        format_ = avformat_alloc_context();
        if (format_ == nullptr) fail<Error>("video: out of memory");
        format_->pb = source_.context();
        AVDictionary* settings = nullptr;
        av_dict_set(&settings, "format_whitelist", allowed, 0);
        av_dict_set(&settings, "protocol_whitelist", "none", 0);
        const int opened =
            avformat_open_input(&format_, "", nullptr, &settings);   // frees format_ when it fails
        av_dict_free(&settings);
        if (opened < 0) fail<DecodeError>(path_, ": is not a video that can be opened: ", av_text(opened));
    }

    void choose_stream(const ReadOptions& options) {
        // Probing decodes a little: give it the same limits as ourselves.
        std::vector<AVDictionary*> settings(format_->nb_streams, nullptr);
        const std::string pixels = std::to_string(options.max_side * options.max_side);
        for (AVDictionary*& s : settings) {
            av_dict_set(&s, "max_pixels", pixels.c_str(), 0);
            av_dict_set(&s, "threads", "1", 0);
        }
        const int found = avformat_find_stream_info(format_, settings.empty() ? nullptr : settings.data());
        for (AVDictionary*& s : settings) av_dict_free(&s);
        if (found < 0) fail<DecodeError>(path_, ": has no readable streams: ", av_text(found));
        const int best = av_find_best_stream(format_, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
        if (best < 0 || (format_->streams[best]->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0)
            fail<DecodeError>(path_, ": has no video stream");
        stream_ = format_->streams[best];
        for (unsigned i = 0; i < format_->nb_streams; ++i)
            if (static_cast<int>(i) != best) format_->streams[i]->discard = AVDISCARD_ALL;
    }

    void open_decoder(const ReadOptions& options) {
        const AVCodec* const codec = avcodec_find_decoder(stream_->codecpar->codec_id);
        if (codec == nullptr)
            fail<DecodeError>(path_, ": no decoder for ", avcodec_get_name(stream_->codecpar->codec_id));
        codec_ = allocated(CodecPtr{avcodec_alloc_context3(codec)});
        int code = avcodec_parameters_to_context(codec_.get(), stream_->codecpar);
        codec_->pkt_timebase = stream_->time_base;
        codec_->thread_count = std::max(1, options.threads);
        codec_->max_pixels = options.max_side * options.max_side;
        if (code >= 0) code = avcodec_open2(codec_.get(), codec, nullptr);
        if (code < 0)
            fail<DecodeError>(path_, ": ", codec->name, " decoder cannot be opened: ", av_text(code));
    }

    /// Gives the decoder one packet, or the end of the stream once; false when there is nothing more to give.
    bool feed() {
        while (!drained_) {
            const int got = av_read_frame(format_, packet_.get());
            if (got < 0) {
                drained_ = true;
                if (got != AVERROR_EOF) cut_ = true, reason_ = av_text(got);
                return avcodec_send_packet(codec_.get(), nullptr) >= 0;
            }
            const bool ours = packet_->stream_index == stream_->index;
            int sent = 0;
            if (ours) {
                ++packets_;
                if ((packet_->flags & AV_PKT_FLAG_CORRUPT) != 0) cut_ = true;
                sent = avcodec_send_packet(codec_.get(), packet_.get());
            }
            av_packet_unref(packet_.get());
            if (sent < 0)
                note_damage(sent);
            else if (ours)
                return true;
        }
        return false;
    }

    void note_damage(int code) {
        ++damaged_;
        reason_ = av_text(code);
    }

    std::string path_;
    ByteSource source_;
    AVFormatContext* format_ = nullptr;
    AVStream* stream_ = nullptr;
    CodecPtr codec_;
    PacketPtr packet_ = new_packet();
    bool drained_ = false, cut_ = false;
    Index packets_ = 0, damaged_ = 0;
    std::string reason_;
};

/// Converts frames of one file to packed upright RGB; every frame comes out in the size of the first.
class RgbConverter {
public:
    RgbConverter(std::string path, int quarter_turns, const ReadOptions& options)
        : path_{std::move(path)}, turns_{quarter_turns}, options_{options} {}

    /// [H, W, 3] of an upright frame like `frame`. Throws DecodeError if it is beyond the limits.
    Shape shape(const AVFrame& frame) {
        if (width_ == 0) {
            if (frame.width < 1 || frame.height < 1 || frame.width > options_.max_side ||
                frame.height > options_.max_side)
                fail<DecodeError>(path_, ": frames of ", frame.width, "x", frame.height,
                                  " are beyond the limit of ", options_.max_side);
            width_ = frame.width;
            height_ = frame.height;
        }
        return turns_ % 2 == 0 ? Shape{height_, width_, 3} : Shape{width_, height_, 3};
    }

    /// Writes `frame` to `out`, shape(frame).numel() bytes.
    void convert(const AVFrame& frame, std::uint8_t* out) {
        shape(frame);
        prepare(frame);
        std::uint8_t* const planes[4] = {rgb_.data(), nullptr, nullptr, nullptr};
        const int strides[4] = {static_cast<int>(stride_), 0, 0, 0};
        if (sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, planes, strides) < 0)
            fail<DecodeError>(path_, ": a frame cannot be converted to rgb");
        const Index W = width_, H = height_;
        if (turns_ == 0) {
            for (Index y = 0; y < H; ++y)
                std::memcpy(out + y * W * 3, rgb_.data() + y * stride_, static_cast<std::size_t>(W * 3));
            return;
        }
        const Index rows = turns_ == 2 ? H : W, columns = turns_ == 2 ? W : H;
        for (Index y = 0; y < rows; ++y)
            for (Index x = 0; x < columns; ++x) {
                const Index from_y = turns_ == 1 ? x : turns_ == 2 ? H - 1 - y : H - 1 - x;
                const Index from_x = turns_ == 1 ? W - 1 - y : turns_ == 2 ? W - 1 - x : y;
                std::memcpy(out + (y * columns + x) * 3, rgb_.data() + from_y * stride_ + from_x * 3, 3);
            }
    }

private:
    void prepare(const AVFrame& frame) {
        const auto format = static_cast<AVPixelFormat>(frame.format);
        const bool full = frame.color_range == AVCOL_RANGE_JPEG || format == AV_PIX_FMT_YUVJ420P ||
                          format == AV_PIX_FMT_YUVJ422P || format == AV_PIX_FMT_YUVJ444P;
        const std::array<int, 5> now{frame.width, frame.height, frame.format, frame.colorspace, full};
        if (scaler_ && now == key_) return;
        key_ = now;
        const int width = static_cast<int>(width_), height = static_cast<int>(height_);
        scaler_.reset(sws_getContext(frame.width, frame.height, format, width, height, AV_PIX_FMT_RGB24,
                                     SWS_BILINEAR, nullptr, nullptr, nullptr));
        if (!scaler_)
            fail<DecodeError>(path_, ": frames of pixel format ", frame.format,
                              " cannot be converted to rgb");
        const int* const matrix =
            sws_getCoefficients(frame.colorspace == AVCOL_SPC_BT709        ? SWS_CS_ITU709
                                : frame.colorspace == AVCOL_SPC_SMPTE240M  ? SWS_CS_SMPTE240M
                                : frame.colorspace == AVCOL_SPC_FCC        ? SWS_CS_FCC
                                : frame.colorspace == AVCOL_SPC_BT2020_NCL ? SWS_CS_BT2020
                                : frame.colorspace == AVCOL_SPC_BT2020_CL  ? SWS_CS_BT2020
                                                                           : SWS_CS_ITU601);
        sws_setColorspaceDetails(scaler_.get(), matrix, full, sws_getCoefficients(SWS_CS_ITU601), 1, 0,
                                 1 << 16, 1 << 16);
        // Rows are padded: swscale's vector code writes whole vectors and skips a tail that has no room.
        stride_ = (width_ * 3 + 64 + 63) / 64 * 64;
        rgb_.resize(static_cast<std::size_t>(stride_ * height_ + 64));
    }

    std::string path_;
    int turns_ = 0;
    ReadOptions options_;
    Index width_ = 0, height_ = 0, stride_ = 0;
    std::array<int, 5> key_{};
    ScalerPtr scaler_;
    std::vector<std::uint8_t> rgb_;
};

}  // namespace detail

#endif

}  // namespace svad::video
