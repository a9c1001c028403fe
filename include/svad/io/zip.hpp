// SPDX-License-Identifier: Apache-2.0
// Where the members of a zip archive lie, for archives that store their members as they are (PyTorch's checkpoints).
//
// Promise: a member is believed only if the central directory, its local header and the file's size agree; names
// occur once. Compressed, encrypted and split archives and those beyond 4 GiB (zip64 sizes) are a
// FormatError. Check sums are not computed: they would read every byte of a file that is mapped to be read lazily.
// Rejected: a zip library, whose purpose is all that is refused here.
#pragma once

#include "svad/core/error.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace svad::io {

/// Members by name; the views are into the archive's bytes.
using ZipMembers = std::map<std::string, std::string_view, std::less<>>;

namespace detail {

/// Little-endian fields of an archive, each checked against its size.
class ZipBytes {
public:
    ZipBytes(std::string_view bytes, std::string path) : bytes_{bytes}, path_{std::move(path)} {}

    [[nodiscard]] std::uint64_t size() const { return bytes_.size(); }
    [[nodiscard]] std::uint64_t number(std::uint64_t at, int width) const {
        const std::string_view raw = part(at, static_cast<std::uint64_t>(width));
        std::uint64_t value = 0;
        for (int i = width - 1; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(raw[static_cast<std::size_t>(i)]);
        return value;
    }
    [[nodiscard]] std::string_view part(std::uint64_t at, std::uint64_t length) const {
        if (at > bytes_.size() || length > bytes_.size() - at) bad("a record ends behind the file's end", at);
        return bytes_.substr(static_cast<std::size_t>(at), static_cast<std::size_t>(length));
    }
    [[noreturn]] void bad(std::string_view what, std::uint64_t at) const {
        fail<FormatError>(path_, ": is no zip archive that can be read: ", what, " (at byte ", at, ")");
    }

private:
    std::string_view bytes_;
    std::string path_;
};

/// Where the record that ends an archive starts; a comment of up to 65535 bytes may follow it.
inline std::uint64_t end_of_directory(const ZipBytes& zip) {
    constexpr std::uint64_t record = 22, longest_comment = 65535, signature = 0x06054b50;
    if (zip.size() < record) zip.bad("it is too short", 0);
    const std::uint64_t newest = zip.size() - record, oldest = newest - std::min(newest, longest_comment);
    for (std::uint64_t at = newest + 1; at-- > oldest;)
        if (zip.number(at, 4) == signature && zip.number(at + 20, 2) == newest - at) return at;
    zip.bad("it has no central directory", 0);
}

/// The bytes of the member whose directory entry is at `at`.
inline std::string_view stored_member(const ZipBytes& zip, std::uint64_t at, std::string_view name) {
    constexpr std::uint64_t encrypted = 1, beyond = 0xFFFFFFFF, signature = 0x04034b50;
    const std::uint64_t packed = zip.number(at + 20, 4), size = zip.number(at + 24, 4), local = zip.number(at + 42, 4);
    if ((zip.number(at + 8, 2) & encrypted) != 0) zip.bad("a member is encrypted", at);
    if (packed == beyond || size == beyond || local == beyond) zip.bad("a member is beyond 4 GiB", at);
    if (zip.number(at + 10, 2) != 0 || packed != size) zip.bad("a member is compressed", at);
    if (zip.number(local, 4) != signature) zip.bad("a member has no header", local);
    const std::uint64_t name_length = zip.number(local + 26, 2), extra = zip.number(local + 28, 2);
    if (zip.part(local + 30, name_length) != name) zip.bad("a member has another name than in the directory", local);
    return zip.part(local + 30 + name_length + extra, size);
}

}  // namespace detail

/// The members of the archive in `bytes`; `path` starts every error. Throws FormatError.
[[nodiscard]] inline ZipMembers zip_members(std::string_view bytes, const std::string& path) {
    constexpr std::uint64_t header = 46, signature = 0x02014b50;
    const detail::ZipBytes zip{bytes, path};
    const std::uint64_t end = detail::end_of_directory(zip);
    if (zip.number(end + 4, 2) != 0 || zip.number(end + 6, 2) != 0) zip.bad("it is split over several files", end);
    const std::uint64_t count = zip.number(end + 10, 2);
    std::uint64_t at = zip.number(end + 16, 4);
    if (count == 0xFFFF || at == 0xFFFFFFFF) zip.bad("it has more than 65534 members or is beyond 4 GiB", end);
    ZipMembers members;
    for (std::uint64_t i = 0; i < count; ++i) {
        if (zip.number(at, 4) != signature) zip.bad("the central directory is damaged", at);
        const std::uint64_t name_length = zip.number(at + 28, 2);
        const std::string_view name = zip.part(at + header, name_length);
        if (!members.emplace(name, detail::stored_member(zip, at, name)).second) zip.bad("two members have one name", at);
        at += header + name_length + zip.number(at + 30, 2) + zip.number(at + 32, 2);
    }
    return members;
}

}  // namespace svad::io
