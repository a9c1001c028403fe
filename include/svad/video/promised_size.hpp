// SPDX-License-Identifier: Apache-2.0
// How long a Matroska or AVI file says it is: the one sign of a cut file there, since libav ends such files without a word.
//
// Matroska: the size of the Segment, the element after the EBML header (RFC 8794, 4 and 11.2); unknown sizes, as live streams
// have, promise nothing. AVI: the size of the first RIFF chunk; files of several chunks promise at least that.
#pragma once

#include "svad/video/sample_table.hpp"

#include <algorithm>
#include <cstdint>

namespace svad::video {

#if SVAD_FFMPEG

namespace detail {

/// An EBML element's head at `offset`: its identifier, where its content begins and the content's size; size -1: unknown.
struct EbmlHead {
    std::uint64_t id = 0;
    std::int64_t content = 0, size = -1;
};

/// Length of the variable-size integer that begins with `first`; 9 if it is none.
inline int ebml_length(std::uint8_t first) {
    int length = 1;
    while (length < 9 && (first & (0x100 >> length)) == 0) ++length;
    return length;
}

inline EbmlHead ebml_head(const ByteSource& source, std::int64_t offset) {
    std::uint8_t bytes[12] = {};
    const std::size_t got = source.read_at(offset, bytes, sizeof(bytes));
    const int id = ebml_length(bytes[0]);
    if (id > 4) return {};
    const int size = ebml_length(bytes[id]);
    if (size > 8 || static_cast<std::size_t>(id + size) > got) return {};
    EbmlHead head{big_endian(bytes, id), offset + id + size, -1};
    const std::uint64_t mask = (std::uint64_t{1} << (7 * size)) - 1, value = big_endian(bytes + id, size) & mask;
    if (value != mask && value < (std::uint64_t{1} << 62)) head.size = static_cast<std::int64_t>(value);
    return head;
}

/// Bytes that the file's own header promises; 0 where it promises none.
inline std::int64_t promised_size(const ByteSource& source) {
    std::uint8_t bytes[12] = {};
    if (source.read_at(0, bytes, sizeof(bytes)) < sizeof(bytes)) return 0;
    if (std::memcmp(bytes, "RIFF", 4) == 0 && std::memcmp(bytes + 8, "AVI ", 4) == 0) {
        std::int64_t size = 0;
        for (int i = 7; i >= 4; --i) size = size << 8 | bytes[i];
        return size + 8;
    }
    constexpr std::uint64_t ebml = 0x1A45DFA3, segment = 0x18538067;
    const EbmlHead head = ebml_head(source, 0);
    if (head.id != ebml || head.size < 0 || head.size > source.size()) return 0;
    const EbmlHead body = ebml_head(source, head.content + head.size);
    return body.id == segment && body.size >= 0 ? body.content + std::min(body.size, std::int64_t{1} << 61) : 0;
}

}  // namespace detail

#endif

}  // namespace svad::video
