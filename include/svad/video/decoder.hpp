// SPDX-License-Identifier: Apache-2.0
// From one file to decoded frames.
//
// Input decodes the best video stream of a local file and hands out frames in presentation order; a cover
// picture of a sound file is not a video. Dimensions are limited before libav allocates for them.
#pragma once

#include "svad/core/shape.hpp"
#include "svad/video/ffmpeg.hpp"
#include "svad/video/promised_size.hpp"
#include "svad/video/sample_table.hpp"
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
    Index max_pixels = Index{8192} * 4608;              ///< width times height
    Index max_frames = 1'000'000;                       ///< decoded frames
    std::uint64_t max_bytes = std::uint64_t{1} << 30;   ///< RGB bytes of the frames that are kept
    double max_seconds = 600;                           ///< of work on one file, by the wall clock
    int threads = 1;   ///< decoder threads; loaders decode many files at once instead
    bool decode_all = false;   ///< decode every frame, wanted or not: slower, finds all damage
    Range range{};     ///< the part that is read; choices and counts are of the frames inside
};

/// What the container and the codec's headers claim.
struct Info {
    Index width = 0, height = 0;      ///< pixels after the rotation; pixel_aspect is not applied
    int quarter_turns = 0;            ///< counter-clockwise, already applied to width and height
    double pixel_aspect = 1;          ///< width of a pixel by its height, the stream's before the container's; 1: not said
    double rate = 0;                  ///< average frames a second; 0: not said
    Index frames = 0;                 ///< claimed number of frames
    double seconds = 0;               ///< claimed length
    std::string codec, pixel_format;  ///< FFmpeg's names
};

#if SVAD_FFMPEG

namespace detail {

/// What the container says of one packet of the video stream, in its time base.
struct PacketInfo {
    std::int64_t pts = AV_NOPTS_VALUE, dts = AV_NOPTS_VALUE, duration = 0;
    int flags = 0;   // AV_PKT_FLAG_*
};

/// One opened file: its best video stream, decoded frame by frame.
class Input {
public:
    /// `quick`: trust an MP4's headers where they say all that a decoder needs, without decoding to probe.
    Input(const std::string& path, const ReadOptions& options, bool quick = false)
        : path_{path}, source_{path, options.max_seconds}, max_packets_{2 * options.max_frames + 64} {
        set_up_libav();
        open();
        try {
            cut_ = promised_size(source_) > source_.size();
            if (!(quick && is_complete(options))) probe_streams(options);
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
            if (got == 0) {
                check_enumerations(frame);
                if (frame.decode_error_flags != 0 || (frame.flags & AV_FRAME_FLAG_CORRUPT) != 0) ++damaged_;
                return true;
            }
            if (got == AVERROR_EOF) return false;
            if (got != AVERROR(EAGAIN))
                note_damage(got), ++errors;
            else if (!feed())
                return false;
            check_time();
        }
        return false;
    }

    /// The next packet of the video stream, or nothing at the end of the file; count it with packets().
    bool next_packet(AVPacket& packet) {
        for (;; av_packet_unref(&packet)) {
            check_time();
            const int got = av_read_frame(format_, &packet);
            if (got < 0) {
                check_time();
                if (got != AVERROR_EOF) cut_ = true, reason_ = av_text(got);
                return false;
            }
            if (packet.stream_index == stream_->index) break;
        }
        if (packets_.size() >= static_cast<std::size_t>(max_packets_)) fail<DecodeError>(path_, ": has more than ", max_packets_, " packets");
        packets_.push_back({packet.pts, packet.dts, packet.duration, packet.flags});
        if ((packet.flags & AV_PKT_FLAG_CORRUPT) != 0) cut_ = true;
        return true;
    }
    /// What next() and next_packet() have read so far, in the file's order.
    [[nodiscard]] const std::vector<PacketInfo>& packets() const { return packets_; }

    /// Decoder state and stream, for readers that choose the packets themselves.
    [[nodiscard]] AVCodecContext& codec() { return *codec_; }
    [[nodiscard]] const AVStream& stream() const { return *stream_; }
    [[nodiscard]] const char* container() const { return format_->iformat->name; }

    /// Seconds at which `frame`, the `index`-th, appears; a guess from the frame rate where the file does not
    /// say.
    [[nodiscard]] double seconds(const AVFrame& frame, Index index) const {
        if (frame.best_effort_timestamp == AV_NOPTS_VALUE) return static_cast<double>(index) / rate();
        return static_cast<double>(frame.best_effort_timestamp) * av_q2d(stream_->time_base);
    }
    /// Seconds that the frame of the packet with time `pts` stays on the screen, once all packets are read. `guess` is libav's
    /// duration; where both say nothing it is one frame at the average rate.
    [[nodiscard]] double duration(std::int64_t pts, std::int64_t guess) const {
        for (std::size_t i = packets_.size(); is_mp4() && pts != AV_NOPTS_VALUE && i-- > 0;) {
            if (packets_[i].pts != pts) continue;
            if (i + 1 == packets_.size()) guess = last_sample_duration(source_, static_cast<std::uint32_t>(stream_->id)).value_or(guess);
            else if (packets_[i].dts != AV_NOPTS_VALUE && packets_[i + 1].dts > packets_[i].dts) guess = packets_[i + 1].dts - packets_[i].dts;
            break;
        }
        return guess > 0 ? static_cast<double>(guess) * av_q2d(stream_->time_base) : 1 / rate();
    }
    [[nodiscard]] bool is_mp4() const { return std::strstr(container(), "mp4") != nullptr; }
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
    /// What the headers say.
    [[nodiscard]] Info info() const {
        Info out;
        const AVCodecParameters& p = *stream_->codecpar;
        out.quarter_turns = quarter_turns();
        const bool lying = out.quarter_turns % 2 != 0;
        out.width = lying ? p.height : p.width;
        out.height = lying ? p.width : p.height;
        for (const AVRational aspect : {stream_->sample_aspect_ratio, p.sample_aspect_ratio})
            if (aspect.num > 0 && aspect.den > 0) out.pixel_aspect = av_q2d(aspect);
        if (stream_->avg_frame_rate.num > 0 || stream_->r_frame_rate.num > 0) out.rate = rate();
        out.frames = claimed_frames();
        if (stream_->duration > 0) out.seconds = static_cast<double>(stream_->duration) * av_q2d(stream_->time_base);
        else if (format_->duration > 0) out.seconds = static_cast<double>(format_->duration) / AV_TIME_BASE;
        out.codec = avcodec_get_name(p.codec_id);
        if (const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(p.format))) out.pixel_format = name;
        return out;
    }
    /// True if the file ended before what it promised.
    [[nodiscard]] bool truncated() const { return cut_ || static_cast<Index>(packets_.size()) < claimed_frames(); }
    /// Packets and frames that the decoder refused or patched up.
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
        if (opened < 0) check_time();
        if (opened < 0) fail<DecodeError>(path_, ": is not a video that can be opened: ", av_text(opened));
    }

    /// True for an MP4 with one video stream of which the header tells all; libav works out the delay of its frames from it.
    [[nodiscard]] bool is_complete(const ReadOptions& options) const {
        int videos = 0;
        for (unsigned i = 0; i < format_->nb_streams; ++i) {
            const AVCodecParameters& p = *format_->streams[i]->codecpar;
            if (p.codec_type != AVMEDIA_TYPE_VIDEO) continue;
            const bool known = p.codec_id == AV_CODEC_ID_H264 || p.codec_id == AV_CODEC_ID_HEVC || p.codec_id == AV_CODEC_ID_AV1;
            if (++videos > 1 || !known || p.width < 1 || p.height < 1 || p.extradata_size < 4) return false;
            if (Index{p.width} * p.height > options.max_pixels) return false;   // a header may lie: ask the stream
        }
        return videos == 1 && is_mp4();
    }

    /// Fills in what the headers leave open by reading on.
    void probe_streams(const ReadOptions& options) {
        // Probing decodes a little: give it the same limits as ourselves.
        std::vector<AVDictionary*> settings(format_->nb_streams, nullptr);
        const std::string pixels = std::to_string(options.max_pixels);
        for (AVDictionary*& s : settings) {
            av_dict_set(&s, "max_pixels", pixels.c_str(), 0);
            av_dict_set(&s, "threads", "1", 0);
        }
        const int found = avformat_find_stream_info(format_, settings.empty() ? nullptr : settings.data());
        for (AVDictionary*& s : settings) av_dict_free(&s);
        check_time();
        if (found < 0) fail<DecodeError>(path_, ": has no readable streams: ", av_text(found));
    }

    void choose_stream(const ReadOptions& options) {
        const int best = av_find_best_stream(format_, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
        if (best < 0 || (format_->streams[best]->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0)
            fail<DecodeError>(path_, ": has no video stream");
        stream_ = format_->streams[best];
        const Index listed = avformat_index_get_entries_count(stream_);
        if (listed > max_packets_) fail<DecodeError>(path_, ": lists ", listed, " frames; the limit is ", options.max_frames);
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
        codec_->max_pixels = options.max_pixels;
        if (code >= 0) code = avcodec_open2(codec_.get(), codec, nullptr);
        if (code < 0)
            fail<DecodeError>(path_, ": ", codec->name, " decoder cannot be opened: ", av_text(code));
    }

    /// Gives the decoder one packet, or the end of the stream once; false when there is nothing more to give.
    bool feed() {
        while (!drained_) {
            if (!next_packet(*packet_)) {
                drained_ = true;
                return avcodec_send_packet(codec_.get(), nullptr) >= 0;
            }
            const int sent = avcodec_send_packet(codec_.get(), packet_.get());
            av_packet_unref(packet_.get());
            if (sent >= 0) return true;
            note_damage(sent);
        }
        return false;
    }

    void check_time() const {
        if (source_.late()) fail<DecodeError>(path_, ": takes longer than ", source_.limit(), " s to decode; raise max_seconds to wait for it");
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
    bool cut_ = false, drained_ = false;
    Index damaged_ = 0, max_packets_ = 0;
    std::vector<PacketInfo> packets_;
    std::string reason_;
};

}  // namespace detail

#endif

}  // namespace svad::video
