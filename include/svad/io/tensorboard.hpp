// SPDX-License-Identifier: Apache-2.0
// Event files that TensorBoard reads: append-only TFRecords of hand-encoded Event protobufs with scalars.
//
// Record: u64 length | u32 masked crc32c(length) | payload | u32 masked crc32c(payload), all little-endian,
// where masked(c) = rotate_right(c, 15) + 0xa282ead8. Event: 1 wall_time (double), 2 step (varint), 3
// file_version (string), 5 summary { repeated 1 value { 1 tag (string), 2 simple_value (float) } }. The first
// event says "brain.Event:2". Every call is one write, so that a crash tears at most the last record, which
// readers skip. Rejected: linking protobuf for five fields.
#pragma once

#include "svad/io/file.hpp"

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <unistd.h>

namespace svad::io {

/// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78) of `bytes`; crc32c("123456789") = 0xe3069283.
[[nodiscard]] constexpr std::uint32_t crc32c(std::string_view bytes) {
    constexpr auto table = [] {
        std::array<std::uint32_t, 256> t{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t c = i;
            for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ ((c & 1) != 0 ? 0x82f63b78u : 0u);
            t[i] = c;
        }
        return t;
    }();
    std::uint32_t crc = 0xffffffffu;
    for (const char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
    return ~crc;
}

/// One named number of an event.
struct Scalar {
    std::string tag;   ///< e.g. "train/loss"; the part before '/' groups charts
    double value = 0;
};

namespace detail {

inline std::uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8u; }

template <class U>
void put_fixed(std::string& out, U value) {
    for (std::size_t i = 0; i < sizeof(U); ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

inline void put_varint(std::string& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(0x80 | (value & 0x7f));
    out += static_cast<char>(value);
}

/// A length-delimited protobuf field (wire type 2).
inline void put_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.size());
    out += bytes;
}

inline std::string event_header(double wall_time, std::int64_t step) {
    std::string event;
    put_varint(event, 1 << 3 | 1);
    put_fixed(event, std::bit_cast<std::uint64_t>(wall_time));
    put_varint(event, 2 << 3 | 0);
    put_varint(event, static_cast<std::uint64_t>(step));
    return event;
}

inline std::string tf_record(std::string_view payload) {
    std::string record;
    put_fixed(record, static_cast<std::uint64_t>(payload.size()));
    put_fixed(record, masked_crc(record));
    record += payload;
    put_fixed(record, masked_crc(payload));
    return record;
}

inline double seconds_since_epoch() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

inline std::string event_file_name(const std::string& directory) {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0 || host[0] == 0) host = {'h', 'o', 's', 't'};
    const std::string seconds = std::to_string(static_cast<std::int64_t>(seconds_since_epoch()));
    return temporary_name(directory + "/events.out.tfevents." + seconds + "." + host.data());
}

}  // namespace detail

/// One run's event file in `directory` (created if missing); `tensorboard --logdir <parent>` shows it.
class TensorBoard {
public:
    explicit TensorBoard(const std::string& directory) : TensorBoard{Opened{}, created(directory)} {}

    /// Appends one event with all `scalars` at `step`; reaches the kernel before returning. Throws FileError.
    void scalars(std::int64_t step, std::span<const Scalar> scalars,
                 double wall_time = detail::seconds_since_epoch()) {
        std::string summary;
        for (const Scalar& scalar : scalars) {
            std::string value;
            detail::put_bytes(value, 1, scalar.tag);
            detail::put_varint(value, 2 << 3 | 5);
            detail::put_fixed(value, std::bit_cast<std::uint32_t>(static_cast<float>(scalar.value)));
            detail::put_bytes(summary, 1, value);
        }
        std::string event = detail::event_header(wall_time, step);
        detail::put_bytes(event, 5, summary);
        file_.append(detail::tf_record(event));
    }

    /// Appends one scalar.
    void scalar(std::string tag, double value, std::int64_t step) {
        const Scalar one{std::move(tag), value};
        scalars(step, std::span{&one, 1});
    }

    /// Path of the event file.
    [[nodiscard]] const std::string& path() const { return file_.path(); }

private:
    struct Opened {};
    TensorBoard(Opened, const std::string& path) : file_{path} {
        std::string event = detail::event_header(detail::seconds_since_epoch(), 0);
        detail::put_bytes(event, 3, "brain.Event:2");
        file_.append(detail::tf_record(event));
    }

    static std::string created(const std::string& directory) {
        make_directories(directory);
        return detail::event_file_name(directory);
    }

    AppendFile file_;
};

}  // namespace svad::io
