// SPDX-License-Identifier: Apache-2.0
// UTF-8 and character classes: the only file that includes utf8proc.
//
// Promise: any byte string can be walked. next_code_point never reads past the end; an ill-formed part comes back as
// one invalid step of its maximal length (Unicode 3.9, table 3-7: what other decoders replace by one U+FFFD), so bytes
// survive a walk unchanged. Classes are those of regular expressions: \p{L}, \p{N}, \s (White_Space).
// Rejected: std::codecvt (deprecated, throws away positions) and wchar_t functions (depend on the locale).
#pragma once

#include "svad/core/error.hpp"

#include <utf8proc.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace svad::text {

/// One step through UTF-8: the code point (U+FFFD where invalid), the bytes it takes, whether they are well formed.
struct CodePoint {
    char32_t value = 0;
    std::size_t length = 0;
    bool valid = true;
};

/// What splits ask of a character.
enum class CharacterClass : std::uint8_t { letter, number, space, other };

namespace detail {

struct LeadByte {
    int following = -1;                  // -1: no character starts so
    unsigned low = 0x80, high = 0xBF;    // allowed second byte
};

inline LeadByte lead_byte(unsigned b) {
    if (b < 0x80) return {0};
    if (b < 0xC2 || b > 0xF4) return {};
    if (b < 0xE0) return {1};
    if (b < 0xF0) return {2, b == 0xE0 ? 0xA0u : 0x80u, b == 0xED ? 0x9Fu : 0xBFu};
    return {3, b == 0xF0 ? 0x90u : 0x80u, b == 0xF4 ? 0x8Fu : 0xBFu};
}

}  // namespace detail

/// The character of `text` that starts at byte `at` < text.size().
[[nodiscard]] inline CodePoint next_code_point(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(text[i])); };
    const unsigned first = byte(at);
    const detail::LeadByte lead = detail::lead_byte(first);
    if (lead.following < 0) return {0xFFFD, 1, false};
    char32_t value = lead.following == 0 ? first : first & (0x3Fu >> lead.following);
    for (int k = 1; k <= lead.following; ++k) {
        const std::size_t i = at + static_cast<std::size_t>(k);
        const unsigned low = k == 1 ? lead.low : 0x80u, high = k == 1 ? lead.high : 0xBFu;
        if (i >= text.size() || byte(i) < low || byte(i) > high) return {0xFFFD, static_cast<std::size_t>(k), false};
        value = (value << 6) | (byte(i) & 0x3Fu);
    }
    return {value, static_cast<std::size_t>(lead.following) + 1, true};
}

/// Byte position of the first ill-formed part, or npos if `text` is valid UTF-8.
[[nodiscard]] inline std::size_t find_invalid_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = next_code_point(text, i);
        if (!c.valid) return i;
        i += c.length;
    }
    return std::string_view::npos;
}

/// Appends `value` in UTF-8.
inline void append_utf8(std::string& out, char32_t value) {
    utf8proc_uint8_t bytes[4];
    const auto n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(value), bytes);
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n));
}

/// The code points of `text`. Throws io::FormatError with the byte position of the first ill-formed part.
[[nodiscard]] inline std::u32string decode_utf8(std::string_view text) {
    std::u32string out;
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = next_code_point(text, i);
        if (!c.valid) fail<io::FormatError>("decode_utf8: text is not valid utf-8 (at byte ", i, ")");
        out.push_back(c.value);
        i += c.length;
    }
    return out;
}

/// `text` with every ill-formed part replaced by U+FFFD: valid UTF-8 whatever comes in.
[[nodiscard]] inline std::string replace_invalid_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = next_code_point(text, i);
        if (c.valid) out.append(text.substr(i, c.length));
        else append_utf8(out, 0xFFFD);
        i += c.length;
    }
    return out;
}

/// Whether `c` has the property White_Space, which is what \s means.
[[nodiscard]] inline bool is_space(char32_t c) {
    if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D);
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

/// The class of `c`: general category L*, N*, White_Space, or anything else.
[[nodiscard]] inline CharacterClass class_of(char32_t c) {
    if (c < 0x80) {
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return CharacterClass::letter;
        if (c >= '0' && c <= '9') return CharacterClass::number;
        return is_space(c) ? CharacterClass::space : CharacterClass::other;
    }
    if (is_space(c)) return CharacterClass::space;
    const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) return CharacterClass::letter;
    if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO) return CharacterClass::number;
    return CharacterClass::other;
}

/// Whether `c` is a decimal digit (Nd).
[[nodiscard]] inline bool is_decimal_digit(char32_t c) {
    if (c < 0x80) return c >= '0' && c <= '9';
    return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ND;
}

/// Whether `c` is a combining mark (Mn, Mc).
[[nodiscard]] inline bool is_mark(char32_t c) {
    const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC;
}

/// `c` in lower case where one code point does it, else `c`.
[[nodiscard]] inline char32_t to_lower(char32_t c) {
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

/// `text` in lower case, code point by code point; ill-formed bytes stay.
[[nodiscard]] inline std::string to_lower(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = next_code_point(text, i);
        if (c.valid) append_utf8(out, to_lower(c.value));
        else out.append(text.substr(i, c.length));
        i += c.length;
    }
    return out;
}

}  // namespace svad::text
