// SPDX-License-Identifier: Apache-2.0
// Tar archives (POSIX ustar, with pax headers where a name or a size does not fit): writing and checked reading.
//
// Promise: the same entries give the same bytes (owner 0, time 0, mode 0644), so archives can be compared; reading
// gives entries as views into the archive's bytes, believes no length before it is inside the file, and knows regular files
// only: links, devices, folders with content and names that lead out of a folder ("..", "/...") are FormatErrors, so that
// what is unpacked stays where it is put. Sources: POSIX.1-2001 pax; GNU tar's base-256 sizes are refused by name.
#pragma once

#include "svad/io/file.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace svad::io {

/// A file inside an archive; views of the archive's bytes (the name is a copy, since pax headers may give it).
struct TarEntry {
    std::string name;
    std::string_view bytes;
};

namespace detail {

inline constexpr std::size_t tar_block = 512;

/// True if `name` leads nowhere but below the folder it is unpacked in.
inline bool stays_inside(std::string_view name) {
    if (name.empty() || name.front() == '/' || name.find('\0') != std::string_view::npos) return false;
    for (std::size_t at = 0; at <= name.size();) {
        const std::size_t stop = std::min(name.find('/', at), name.size());
        const std::string_view part = name.substr(at, stop - at);
        if (part.empty() || part == "." || part == "..") return false;
        at = stop + 1;
    }
    return true;
}

inline void put_octal(char* field, std::size_t width, std::uint64_t value) {
    for (std::size_t i = width - 1; i-- > 0; value /= 8) field[i] = static_cast<char>('0' + value % 8);
}

/// One header block; `name` has at most 100 bytes and `size` fits eleven octal digits.
inline std::array<char, tar_block> tar_header(std::string_view name, std::uint64_t size, char type) {
    std::array<char, tar_block> h{};
    std::memcpy(h.data(), name.data(), name.size());
    put_octal(h.data() + 100, 8, 0644);
    put_octal(h.data() + 108, 8, 0);
    put_octal(h.data() + 116, 8, 0);
    put_octal(h.data() + 124, 12, size);
    put_octal(h.data() + 136, 12, 0);
    std::memset(h.data() + 148, ' ', 8);
    h[156] = type;
    std::memcpy(h.data() + 257, "ustar\00000", 8);
    put_octal(h.data() + 329, 8, 0);
    put_octal(h.data() + 337, 8, 0);
    std::uint64_t sum = 0;
    for (const char c : h) sum += static_cast<unsigned char>(c);
    put_octal(h.data() + 148, 7, sum);   // six digits, NUL, blank
    return h;
}

/// A pax record "<length> key=value\n", whose length counts itself.
inline std::string pax_record(std::string_view key, std::string_view value) {
    const std::size_t rest = key.size() + value.size() + 3;
    std::size_t length = rest + 1;
    while (std::to_string(length).size() + rest != length) length = std::to_string(length).size() + rest;
    return join(length, " ", key, "=", value, "\n");
}

}  // namespace detail

/// What an entry of `size` bytes adds to an archive in front of its bytes: one header, or three blocks and more with pax.
/// Throws UsageError for a name that would lead out of the folder it is unpacked in.
[[nodiscard]] inline std::string tar_head(std::string_view name, std::uint64_t size) {
    if (!detail::stays_inside(name))
        fail<UsageError>("tar: '", name, "' is no name for an entry; give a relative path without '.' and '..'");
    constexpr std::uint64_t most = (std::uint64_t{1} << 33) - 1;
    std::string pax, head;
    if (name.size() > 100) pax += detail::pax_record("path", name);
    if (size > most) pax += detail::pax_record("size", std::to_string(size));
    const auto append = [&](const std::array<char, detail::tar_block>& block) { head.append(block.data(), block.size()); };
    if (!pax.empty()) {
        append(detail::tar_header("pax", pax.size(), 'x'));
        pax.resize((pax.size() + detail::tar_block - 1) / detail::tar_block * detail::tar_block, '\0');
        head += pax;
    }
    append(detail::tar_header(name.substr(0, 100), size > most ? 0 : size, '0'));
    return head;
}

/// Zero bytes behind an entry of `size` bytes.
[[nodiscard]] inline std::string tar_padding(std::uint64_t size) {
    return std::string(static_cast<std::size_t>((detail::tar_block - size % detail::tar_block) % detail::tar_block), '\0');
}

/// What ends an archive: two blocks of zeros.
[[nodiscard]] inline std::string tar_end() { return std::string(2 * detail::tar_block, '\0'); }

/// Walks the entries of an archive.
class TarReader {
public:
    /// `bytes` outlive the reader and its entries; `where` (usually a path) starts every error.
    TarReader(std::string_view bytes, std::string where) : bytes_{bytes}, where_{std::move(where)} {}

    /// Puts the next regular file into `entry`; false at the end. Throws FormatError with the offset.
    bool next(TarEntry& entry) {
        Pax pax;
        for (;;) {
            const std::string_view header = bytes_.substr(std::min(at_, bytes_.size()), detail::tar_block);
            if (header.size() < detail::tar_block) fail_here("the archive ends without its two blocks of zeros");
            if (header.find_first_not_of('\0') == std::string_view::npos) {
                if (pax.any()) fail_here("a pax header is followed by no entry");
                return false;
            }
            check_sum(header);
            const char type = header[156];
            std::uint64_t size = octal(header.substr(124, 12), "size");
            const bool file = type == '0' || type == '\0';
            if (file && !pax.size.empty()) size = decimal(pax.size);
            const std::uint64_t start = at_ + detail::tar_block;
            if (size > bytes_.size() - start) fail_here(join("an entry of ", size, " bytes is longer than the archive"));
            const std::string_view content = bytes_.substr(start, size);
            if (file) entry = {pax.path.empty() ? name_of(header) : pax.path, content};
            else if (type == 'x') pax = parse_pax(content);
            else if (type != '5') fail_here(join("entries of type '", std::string(1, type), "' are not read; only regular files are"));
            if (file && !detail::stays_inside(entry.name)) fail_here(join("the name '", entry.name, "' leads out of the archive's folder"));
            at_ = std::min<std::uint64_t>(bytes_.size(), start + size + tar_padding(size).size());
            if (file) return true;
        }
    }

private:
    struct Pax {
        std::string path, size;
        [[nodiscard]] bool any() const { return !path.empty() || !size.empty(); }
    };

    [[noreturn]] void fail_here(const std::string& what) const { fail<FormatError>(where_, ": ", what, " (at byte ", at_, ")"); }

    static std::string_view until_nul(std::string_view field) { return field.substr(0, field.find('\0')); }

    static std::string name_of(std::string_view header) {
        const std::string name(until_nul(header.substr(0, 100)));
        const std::string_view prefix = header.substr(257, 5) == "ustar" ? until_nul(header.substr(345, 155)) : "";
        return prefix.empty() ? name : join(prefix, "/", name);
    }

    [[nodiscard]] std::uint64_t octal(std::string_view field, const char* what) const {
        field = until_nul(field);
        while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
        while (!field.empty() && field.back() == ' ') field.remove_suffix(1);
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value, 8);
        if (error != std::errc{} || end != field.data() + field.size()) fail_here(join("the ", what, " is no octal number"));
        return value;
    }
    [[nodiscard]] std::uint64_t decimal(const std::string& text) const {
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc{} || end != text.data() + text.size()) fail_here("the size of a pax header is no number");
        return value;
    }

    void check_sum(std::string_view header) const {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < header.size(); ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
        if (octal(header.substr(148, 8), "checksum") != sum) fail_here("the checksum of a header is wrong");
    }

    [[nodiscard]] Pax parse_pax(std::string_view text) const {
        Pax pax;
        while (!text.empty()) {
            std::size_t length = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
            const auto digits = static_cast<std::size_t>(end - text.data());
            if (error != std::errc{} || length > text.size() || length < digits + 3 || text[digits] != ' ' || text[length - 1] != '\n')
                fail_here("a pax header is malformed");
            const std::string_view record = text.substr(digits + 1, length - digits - 2);
            const std::size_t equals = record.find('=');
            if (equals == std::string_view::npos) fail_here("a pax header is malformed");
            const std::string_view key = record.substr(0, equals), value = record.substr(equals + 1);
            if (key == "path") pax.path = value;
            if (key == "size") pax.size = value;
            text.remove_prefix(length);
        }
        return pax;
    }

    std::string_view bytes_;
    std::string where_;
    std::size_t at_ = 0;
};

}  // namespace svad::io
