// SPDX-License-Identifier: Apache-2.0
// Reading gzip (RFC 1952), the form in which vocabularies and caption sets are handed around. zlib does the work.
//
// Promise: all members of a file are read and their checksums checked; what comes out is bounded before it is
// allocated, so a small file that unpacks to terabytes is an error and not a full memory.
// Built without zlib (SVAD_ZLIB=0) a gzip file is refused by name.
#pragma once

#include "svad/core/config.hpp"
#include "svad/core/error.hpp"
#include "svad/io/file.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#if SVAD_ZLIB
#include <zlib.h>
#endif

namespace svad::io {

/// Whether `bytes` start as a gzip file does.
[[nodiscard]] inline bool is_gzip(std::string_view bytes) {
    return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

#if SVAD_ZLIB

namespace detail {

/// An inflating stream, ended on destruction.
struct Inflater {
    z_stream stream{};

    explicit Inflater(std::string_view bytes, std::string_view where) {
        if (bytes.size() > 0xFFFFFFFFu) fail<FormatError>(where, ": is too large to unpack; got ", bytes.size(), " bytes");
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));   // zlib's interface knows no const
        stream.avail_in = static_cast<uInt>(bytes.size());
        if (inflateInit2(&stream, 15 + 16) != Z_OK) fail<FormatError>(where, ": zlib cannot be started");
    }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
    ~Inflater() { inflateEnd(&stream); }
};

}  // namespace detail

/// What the gzip file `bytes` holds, all members in a row; `where` starts every error. Throws FormatError for anything
/// broken or cut, and if more than `max_bytes` come out.
[[nodiscard]] inline std::string gunzip(std::string_view bytes, std::string_view where,
                                        std::uint64_t max_bytes = default_read_limit) {
    detail::Inflater inflater{bytes, where};
    z_stream& stream = inflater.stream;
    std::string out;
    for (std::size_t used = 0;;) {
        if (used == out.size()) {
            if (used > max_bytes) fail<FormatError>(where, ": unpacks to more than ", max_bytes, " bytes");
            out.resize(std::min<std::uint64_t>(max_bytes + 1, std::max<std::uint64_t>(4 * bytes.size() + 64, 2 * used)));
        }
        const auto room = static_cast<uInt>(std::min<std::size_t>(out.size() - used, 1u << 30));
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + used);
        stream.avail_out = room;
        const int status = inflate(&stream, Z_NO_FLUSH);
        used += room - stream.avail_out;
        const std::size_t at = bytes.size() - stream.avail_in;
        if (status == Z_STREAM_END) {
            if (stream.avail_in > 0) {
                inflateReset(&stream);
                continue;
            }
            if (used > max_bytes) fail<FormatError>(where, ": unpacks to more than ", max_bytes, " bytes");
            out.resize(used);
            return out;
        }
        if (status == Z_BUF_ERROR || (status == Z_OK && stream.avail_in == 0 && stream.avail_out > 0))
            fail<FormatError>(where, ": gzip data end too early (at byte ", at, ")");
        if (status != Z_OK) fail<FormatError>(where, ": gzip data are broken (at byte ", at, ")");
    }
}

#else

[[nodiscard]] inline std::string gunzip(std::string_view, std::string_view where, std::uint64_t = default_read_limit) {
    fail<FormatError>(where, ": is a gzip file and svad was built without zlib; unpack it first");
}

#endif

/// The file at `path`, unpacked if it is a gzip file. Throws FileError or FormatError; neither the file nor what it
/// unpacks to may exceed `max_bytes`.
[[nodiscard]] inline std::string read_maybe_gzip(const std::string& path, std::uint64_t max_bytes = default_read_limit) {
    std::string bytes = read_file(path, max_bytes);
    return is_gzip(bytes) ? gunzip(bytes, path, max_bytes) : bytes;
}

}  // namespace svad::io
