// SPDX-License-Identifier: Apache-2.0
// libav (FFmpeg 5.1 or newer) behind RAII: the only file that includes its headers.
//
// ByteSource feeds libav from one local file that we opened, so that neither the name nor the content of a
// file can make it open another file or a network address (playlists, concat scripts).
// Log output of libav is switched off: errors carry its text.
#pragma once

#include "svad/core/config.hpp"
#include "svad/core/error.hpp"
#include "svad/io/file.hpp"

#if SVAD_FFMPEG

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

namespace svad::video {

namespace detail {

inline std::string av_text(int code) {
    std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
    av_strerror(code, text.data(), text.size());
    return text.data();
}

struct FreeFrame {
    void operator()(AVFrame* p) const { av_frame_free(&p); }
};
struct FreePacket {
    void operator()(AVPacket* p) const { av_packet_free(&p); }
};
struct FreeCodec {
    void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
};
struct FreeScaler {
    void operator()(SwsContext* p) const { sws_freeContext(p); }
};
using FramePtr = std::unique_ptr<AVFrame, FreeFrame>;
using PacketPtr = std::unique_ptr<AVPacket, FreePacket>;
using CodecPtr = std::unique_ptr<AVCodecContext, FreeCodec>;
using ScalerPtr = std::unique_ptr<SwsContext, FreeScaler>;

template <class P>
P allocated(P pointer) {
    if (!pointer) fail<Error>("video: out of memory");
    return pointer;
}
inline FramePtr new_frame() { return allocated(FramePtr{av_frame_alloc()}); }
inline PacketPtr new_packet() { return allocated(PacketPtr{av_packet_alloc()}); }

/// Settings of libav for the whole process: no log, and no single allocation above 256 MiB (a frame of 8K has 106 MiB).
inline void set_up_libav() {
    static const bool once = (av_log_set_level(AV_LOG_QUIET), av_max_alloc(std::size_t{1} << 28), true);
    (void)once;
}

/// Libav copies some fields of a damaged file into enumerations unchecked. What its headers do not name becomes
/// "unspecified", so that reading the fields is defined.
inline void check_enumerations(AVFrame& frame) {
    const auto check = [](auto& field, int count, auto unspecified) {
        int value = 0;
        std::memcpy(&value, &field, sizeof value);
        if (value < 0 || value >= count) field = unspecified;
    };
    check(frame.chroma_location, AVCHROMA_LOC_NB, AVCHROMA_LOC_UNSPECIFIED);
    check(frame.color_range, AVCOL_RANGE_NB, AVCOL_RANGE_UNSPECIFIED);
    check(frame.colorspace, AVCOL_SPC_NB, AVCOL_SPC_UNSPECIFIED);
}

/// Duration of a frame in units of the stream's time base; 0 if unknown.
inline std::int64_t frame_duration(const AVFrame& frame) {
#if LIBAVUTIL_VERSION_MAJOR >= 58
    return frame.duration;
#else
    return frame.pkt_duration;
#endif
}

/// The container's display matrix, or nothing.
inline const std::uint8_t* display_matrix(const AVStream& stream) {
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
    const AVCodecParameters& p = *stream.codecpar;
    const AVPacketSideData* found =
        av_packet_side_data_get(p.coded_side_data, p.nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    return found != nullptr && found->size >= 36 ? found->data : nullptr;
#else
    std::size_t size = 0;
    const std::uint8_t* const data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return size >= 36 ? data : nullptr;
#endif
}

/// A local file as libav's byte source; after `limit` seconds it gives no more bytes.
class ByteSource {
public:
    explicit ByteSource(const std::string& path, double limit) : file_{path, O_RDONLY}, limit_{limit} {
        struct stat status {};
        if (::fstat(file_.get(), &status) != 0 || !S_ISREG(status.st_mode))
            fail<DecodeError>(path, ": is not a regular file");
        size_ = status.st_size;
        if (size_ == 0) fail<DecodeError>(path, ": is empty");
        constexpr int buffer_size = 1 << 16;
        auto* const buffer = static_cast<unsigned char*>(av_malloc(buffer_size));
        context_ =
            avio_alloc_context(buffer, buffer_size, 0, this, &ByteSource::read, nullptr, &ByteSource::seek);
        if (context_ == nullptr) {
            av_free(buffer);
            fail<Error>("video: out of memory");
        }
    }
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;
    ~ByteSource() {
        av_freep(&context_->buffer);
        avio_context_free(&context_);
    }

    [[nodiscard]] AVIOContext* context() const { return context_; }
    [[nodiscard]] double limit() const { return limit_; }
    [[nodiscard]] bool late() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count() > limit_;
    }
    [[nodiscard]] std::int64_t size() const { return size_; }
    /// Bytes at `offset` into `out`, without moving libav's position; how many there were.
    [[nodiscard]] std::size_t read_at(std::int64_t offset, std::uint8_t* out, std::size_t count) const {
        const ssize_t n = ::pread(file_.get(), out, count, offset);
        return n < 0 ? 0 : static_cast<std::size_t>(n);
    }

private:
    static int read(void* self, std::uint8_t* out, int size) {
        auto& source = *static_cast<ByteSource*>(self);
        if (source.late()) return AVERROR_EXIT;
        const ssize_t n = ::pread(source.file_.get(), out, static_cast<std::size_t>(size), source.at_);
        if (n < 0) return AVERROR(errno);
        source.at_ += n;
        return n == 0 ? AVERROR_EOF : static_cast<int>(n);
    }
    static std::int64_t seek(void* self, std::int64_t offset, int whence) {
        auto& source = *static_cast<ByteSource*>(self);
        if ((whence & AVSEEK_SIZE) != 0) return source.size_;
        const int from = whence & ~AVSEEK_FORCE;
        const std::int64_t base = from == SEEK_CUR ? source.at_ : from == SEEK_END ? source.size_ : 0;
        std::int64_t target = 0;   // files can name any offset
        if (__builtin_add_overflow(base, offset, &target) || target < 0) return AVERROR(EINVAL);
        return source.at_ = target;
    }

    io::detail::Descriptor file_;
    std::int64_t size_ = 0, at_ = 0;
    double limit_ = 0;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    AVIOContext* context_ = nullptr;
};

}  // namespace detail
}  // namespace svad::video

#endif
