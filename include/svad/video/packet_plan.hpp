// SPDX-License-Identifier: Apache-2.0
// Reading by decoding only what the wanted frames need.
//
// All packets are read (fast, no decoding) and, where every one of them stands for exactly one frame whose time it carries,
// they are the timeline. Decoding then begins at the last true key frame before each wanted frame, stops after the last wanted
// one, and skips frames between that no other frame is predicted from. H.264, HEVC, VP8, VP9 and AV1 in MP4 and Matroska
// qualify; other files, and those where anything looks odd or goes wrong, are read by frame_walk.hpp. Damage in packets that
// are not decoded is not noticed. Packets are kept in memory up to a budget instead of seeking: containers seek inexactly.
#pragma once

#include "svad/video/decoder.hpp"
#include "svad/video/sampling.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace svad::video {

#if SVAD_FFMPEG

namespace detail {

/// True for an H.264 packet that holds an IDR picture, before which nothing is needed; other key frames may need it.
inline bool has_idr(const AVPacket& packet, const AVCodecParameters& codec) {
    const std::uint8_t *p = packet.data, *const end = p + packet.size;
    if (codec.extradata_size < 7 || codec.extradata[0] != 1) return false;   // not length-prefixed
    const int prefix = (codec.extradata[4] & 3) + 1;
    while (end - p > prefix) {
        const std::uint64_t size = big_endian(p, prefix);
        p += prefix;
        if (size == 0 || size > static_cast<std::uint64_t>(end - p)) return false;
        if ((p[0] & 31) == 5) return true;
        p += size;
    }
    return false;
}

/// True if the packet of a codec of this list can be decoded with nothing before it.
inline bool is_true_key(const AVPacket& packet, const AVCodecParameters& codec) {
    return (packet.flags & AV_PKT_FLAG_KEY) != 0 && (codec.codec_id != AV_CODEC_ID_H264 || has_idr(packet, codec));
}

/// True if each packet of this codec in this container is one frame.
inline bool one_frame_a_packet(const Input& input) {
    const bool container = input.is_mp4() || std::strstr(input.container(), "matroska") != nullptr;
    switch (input.stream().codecpar->codec_id) {
        case AV_CODEC_ID_H264:
        case AV_CODEC_ID_HEVC:
        case AV_CODEC_ID_VP8:
        case AV_CODEC_ID_VP9:
        case AV_CODEC_ID_AV1: return container;
        default: return false;
    }
}

/// The packets of a file as its frames.
class PacketPlan {
public:
    static constexpr std::int64_t budget = std::int64_t{64} << 20;   // bytes of packets kept in memory

    /// Reads all packets of `input`; nothing if the file does not qualify.
    static std::optional<PacketPlan> of(Input& input, const ReadOptions& options) {
        if (!one_frame_a_packet(input)) return std::nullopt;
        PacketPlan plan;
        std::int64_t bytes = 0;
        for (PacketPtr packet = new_packet(); input.next_packet(*packet); packet = new_packet()) {
            if (packet->size < 1 || (packet->flags & AV_PKT_FLAG_CORRUPT) != 0) return std::nullopt;
            plan.key_.push_back(is_true_key(*packet, *input.stream().codecpar));
            plan.shown_.push_back((packet->flags & AV_PKT_FLAG_DISCARD) == 0 && !hidden(*packet, *input.stream().codecpar));
            if ((bytes += packet->size) <= budget) plan.kept_.push_back(std::move(packet));
        }
        if (bytes > budget) plan.kept_.clear();
        if (input.truncated() || !plan.order(input) || static_cast<Index>(plan.frames_.size()) > options.max_frames) return std::nullopt;
        return plan;
    }

    [[nodiscard]] const Timeline& line() const { return line_; }

    /// Decodes the frames numbered `wanted` (ascending, unique) and calls visit(number, frame) for each, in the order of decoding.
    /// False if anything went wrong: the file is to be read the slow way.
    template <class Visit>
    bool decode(const std::string& path, Input& input, const ReadOptions& options, std::span<const Index> wanted, Visit&& visit) const {
        std::optional<Input> again;   // packets that did not fit are read a second time
        if (kept_.empty()) again.emplace(path, options, true);
        AVCodecContext& codec = again ? again->codec() : input.codec();
        std::unordered_map<std::int64_t, Index> open;   // wanted frames by time
        for (const Index number : wanted) open.emplace(at(number).pts, number);
        const std::vector<char> use = needed(wanted);
        const FramePtr frame = new_frame();
        const auto take = [&] {
            int got = 0;
            while ((got = avcodec_receive_frame(&codec, frame.get())) == 0) {
                const auto found = open.find(frame->pts);
                if (found != open.end()) {
                    if (frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0) return false;
                    check_enumerations(*frame);
                    visit(found->second, *frame);
                    open.erase(found);
                }
                av_frame_unref(frame.get());
            }
            return got == AVERROR(EAGAIN) || got == AVERROR_EOF;
        };
        const PacketPtr buffer = new_packet();
        bool running = false;
        for (std::size_t i = 0; i < use.size() && !open.empty(); ++i) {
            const AVPacket* packet = again ? buffer.get() : kept_[i].get();
            if (again && !again->next_packet(*buffer)) return false;
            if (use[i] == skip_packet && running) {   // the end of a stretch: what the decoder holds back comes out
                if (avcodec_send_packet(&codec, nullptr) < 0 || !take()) return false;
                avcodec_flush_buffers(&codec);
                running = false;
            }
            if (use[i] != skip_packet) {
                codec.skip_frame = use[i] == wanted_packet ? AVDISCARD_DEFAULT : AVDISCARD_NONREF;
                if (avcodec_send_packet(&codec, packet) < 0 || !take()) return false;
                running = true;
            }
            if (again) av_packet_unref(buffer.get());
        }
        if (!open.empty() && (avcodec_send_packet(&codec, nullptr) < 0 || !take())) return false;
        return open.empty();
    }

private:
    enum Use : char { skip_packet, reference_packet, wanted_packet };

    /// A frame of the file: its packet's number in the file's order, and its time.
    struct Shown {
        std::size_t packet = 0;
        std::int64_t pts = 0;
    };

    /// True for a VP8 packet that changes what is predicted from but shows nothing (RFC 6386, 9.1).
    static bool hidden(const AVPacket& packet, const AVCodecParameters& codec) {
        return codec.codec_id == AV_CODEC_ID_VP8 && (packet.data[0] >> 4 & 1) == 0;
    }

    const Shown& at(Index number) const { return frames_[static_cast<std::size_t>(number)]; }

    /// Sorts the frames by time; false where the packets do not say everything.
    bool order(const Input& input) {
        const std::vector<PacketInfo>& packets = input.packets();
        if (packets.empty() || !key_[0]) return false;
        for (std::size_t i = 0; i < packets.size(); ++i) {
            // Frames before the first key frame cannot be decoded.
            if (packets[i].pts == AV_NOPTS_VALUE || packets[i].pts < packets[0].pts) return false;
            packet_pts_.push_back(packets[i].pts);
            if (shown_[i]) frames_.push_back({i, packets[i].pts});
        }
        std::sort(frames_.begin(), frames_.end(), [](const Shown& a, const Shown& b) { return a.pts < b.pts; });
        const double unit = av_q2d(input.stream().time_base);
        for (std::size_t i = 0; i < frames_.size(); ++i) {
            if (i > 0 && frames_[i].pts == frames_[i - 1].pts) return false;
            line_.times.push_back(static_cast<double>(frames_[i].pts) * unit);
        }
        if (frames_.empty()) return false;
        const Shown& last = frames_.back();
        line_.end = line_.times.back() + input.duration(last.pts, packets[last.packet].duration);
        return true;
    }

    /// What is to be done with each packet.
    std::vector<char> needed(std::span<const Index> wanted) const {
        std::vector<char> use(key_.size(), skip_packet);
        for (const Index number : wanted) {
            const Shown& frame = at(number);
            std::size_t i = frame.packet;
            const bool covered = use[i] != skip_packet;   // an earlier wanted frame needs it already
            use[i] = wanted_packet;
            if (covered) continue;
            // Frames of a key frame's group that appear before it are predicted from the group before.
            while (i > 0 && !(key_[i] && packet_pts_[i] <= frame.pts)) {
                if (use[--i] != skip_packet) break;
                use[i] = reference_packet;
            }
        }
        return use;
    }

    std::vector<PacketPtr> kept_;            // all packets, or none
    std::vector<char> key_, shown_;          // of each packet
    std::vector<std::int64_t> packet_pts_;   // of each packet
    std::vector<Shown> frames_;              // by time
    Timeline line_;
};

}  // namespace detail

#endif

}  // namespace svad::video
