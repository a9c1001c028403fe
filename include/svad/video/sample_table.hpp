// SPDX-License-Identifier: Apache-2.0
// How long the last sample of an MP4 track lasts, from its `stts` box.
//
// A sample's duration is the distance to the next one; for the last there is none, and libav before 7.1 puts the average
// there, which ends a clip of variable rate at the wrong time. Boxes are walked with their sizes checked against their
// parents' (ISO/IEC 14496-12, 4.2 and 8.6.1.2); whatever does not add up is "unknown".
#pragma once

#include "svad/video/ffmpeg.hpp"

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>

namespace svad::video {

#if SVAD_FFMPEG

namespace detail {

/// Content of a box: bytes begin .. end of the file.
struct Box {
    std::int64_t begin = 0, end = 0;
};

inline std::uint64_t big_endian(const std::uint8_t* bytes, int count) {
    std::uint64_t value = 0;
    for (int i = 0; i < count; ++i) value = value << 8 | bytes[i];
    return value;
}

/// Calls visit(name, content) for the boxes in `parent` until it returns false; a broken size ends the walk.
template <class Visit>
void for_each_box(const ByteSource& source, Box parent, Visit&& visit) {
    constexpr int most = 4096;   // boxes; far more than any writer makes beside fragments
    std::uint8_t header[16];
    for (int i = 0; i < most && parent.end - parent.begin >= 8; ++i) {
        const std::size_t got = source.read_at(parent.begin, header, sizeof(header));
        if (got < 8) return;
        std::uint64_t size = big_endian(header, 4);
        std::int64_t skip = 8;
        if (size == 1 && got == sizeof(header)) size = big_endian(header + 8, 8), skip = 16;
        else if (size == 0) size = static_cast<std::uint64_t>(parent.end - parent.begin);
        if (size < static_cast<std::uint64_t>(skip) || size > static_cast<std::uint64_t>(parent.end - parent.begin)) return;
        const Box content{parent.begin + skip, parent.begin + static_cast<std::int64_t>(size)};
        if (!visit(reinterpret_cast<const char*>(header + 4), content)) return;
        parent.begin = content.end;
    }
}

/// The first box below `parent` along `path`.
inline std::optional<Box> find_box(const ByteSource& source, Box parent, std::initializer_list<const char*> path) {
    for (const char* const wanted : path) {
        std::optional<Box> found;
        for_each_box(source, parent, [&](const char* name, Box content) {
            if (std::memcmp(name, wanted, 4) == 0) found = content;
            return !found;
        });
        if (!found) return std::nullopt;
        parent = *found;
    }
    return parent;
}

/// Duration of the last sample of the track numbered `track`, in units of its time base; nothing if the file does not say.
inline std::optional<std::int64_t> last_sample_duration(const ByteSource& source, std::uint32_t track) {
    const std::optional<Box> movie = find_box(source, {0, source.size()}, {"moov"});
    if (!movie) return std::nullopt;
    std::optional<std::int64_t> answer;
    for_each_box(source, *movie, [&](const char* name, Box content) {
        if (std::memcmp(name, "trak", 4) != 0) return true;
        const std::optional<Box> header = find_box(source, content, {"tkhd"});
        std::uint8_t bytes[24];
        if (!header || source.read_at(header->begin, bytes, sizeof(bytes)) < sizeof(bytes)) return true;
        if (big_endian(bytes + (bytes[0] == 1 ? 20 : 12), 4) != track) return true;
        const std::optional<Box> table = find_box(source, content, {"mdia", "minf", "stbl", "stts"});
        if (!table || source.read_at(table->begin, bytes, 8) < 8) return false;
        const auto entries = static_cast<std::int64_t>(big_endian(bytes + 4, 4));
        const std::int64_t last = table->begin + 8 * entries;
        if (entries < 1 || last + 8 > table->end || source.read_at(last, bytes, 8) < 8) return false;
        answer = static_cast<std::int64_t>(big_endian(bytes + 4, 4));
        return false;
    });
    return answer;
}

}  // namespace detail

#endif

}  // namespace svad::video
