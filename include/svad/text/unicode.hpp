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
#include <vector>

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

/// General categories, in Unicode's order: Cn, letters, marks, numbers, punctuation, symbols, separators, others.
enum class Category : std::uint8_t {
    cn, lu, ll, lt, lm, lo, mn, mc, me, nd, nl, no, pc, pd, ps, pe, pi, pf, po, sm, sc, sk, so, zs, zl, zp, cc, cf, cs, co
};

/// The general category of `c`. The basic plane comes from a table that is filled once.
[[nodiscard]] inline Category category_of(char32_t c) {
    static const std::vector<Category> table = [] {
        std::vector<Category> made(0x10000);
        for (std::size_t i = 0; i < made.size(); ++i)
            made[i] = static_cast<Category>(utf8proc_category(static_cast<utf8proc_int32_t>(i)));
        return made;
    }();
    return c < 0x10000 ? table[c] : static_cast<Category>(utf8proc_category(static_cast<utf8proc_int32_t>(c)));
}

[[nodiscard]] inline bool is_letter(Category c) { return c >= Category::lu && c <= Category::lo; }
[[nodiscard]] inline bool is_number(Category c) { return c >= Category::nd && c <= Category::no; }
[[nodiscard]] inline bool is_punctuation(Category c) { return c >= Category::pc && c <= Category::po; }

/// The class of `c`: general category L*, N*, White_Space, or anything else.
[[nodiscard]] inline CharacterClass class_of(char32_t c) {
    if (c < 0x80) {
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return CharacterClass::letter;
        if (c >= '0' && c <= '9') return CharacterClass::number;
        return is_space(c) ? CharacterClass::space : CharacterClass::other;
    }
    if (is_space(c)) return CharacterClass::space;
    const Category category = category_of(c);
    if (is_letter(category)) return CharacterClass::letter;
    return is_number(category) ? CharacterClass::number : CharacterClass::other;
}

/// Whether `c` is a decimal digit (Nd).
[[nodiscard]] inline bool is_decimal_digit(char32_t c) { return category_of(c) == Category::nd; }

/// Whether `c` is a combining mark (Mn, Mc).
[[nodiscard]] inline bool is_mark(char32_t c) { return category_of(c) == Category::mn || category_of(c) == Category::mc; }

/// What \w means: letters, marks, decimal and letter-like numbers, connectors, joiners and circled letters.
[[nodiscard]] inline bool is_word(char32_t c) {
    if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    const Category k = category_of(c);
    return is_letter(k) || (k >= Category::mn && k <= Category::nl) || k == Category::pc || c == 0x200C || c == 0x200D ||
           (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
           (c >= 0x1F170 && c <= 0x1F189);
}

/// Columns that `c` takes where all are equally wide: 0 for marks, 2 for the wide letters of East Asia, else 1.
[[nodiscard]] inline std::size_t columns(char32_t c) {
    return static_cast<std::size_t>(utf8proc_charwidth(static_cast<utf8proc_int32_t>(c)));
}

/// Canonical combining class: 0 for what starts a new character.
[[nodiscard]] inline int combining_class(char32_t c) {
    return c < 0x300 ? 0 : utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class;
}

/// Appends the full decomposition of `c`: canonical, or compatibility too. At most 18 characters.
inline void append_decomposed(std::u32string& out, char32_t c, bool compatibility) {
    if (c < 0xA0) return out.push_back(c);
    utf8proc_int32_t buffer[32];
    int boundary = 0;
    const auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (compatibility ? UTF8PROC_COMPAT : 0));
    const auto n = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), buffer, 32, options, &boundary);
    if (n <= 0 || n > 32) return out.push_back(c);
    for (utf8proc_ssize_t i = 0; i < n; ++i) out.push_back(static_cast<char32_t>(buffer[i]));
}

/// The character that `a` and `b` compose to, or 0.
[[nodiscard]] inline char32_t compose(char32_t a, char32_t b) {
    utf8proc_int32_t pair[2]{static_cast<utf8proc_int32_t>(a), static_cast<utf8proc_int32_t>(b)};
    const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    return utf8proc_normalize_utf32(pair, 2, options) == 1 ? static_cast<char32_t>(pair[0]) : 0;
}

/// `c` in lower case where one code point does it, else `c`.
[[nodiscard]] inline char32_t to_lower(char32_t c) {
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

/// `c` in upper case where one code point does it, else `c`.
[[nodiscard]] inline char32_t to_upper(char32_t c) {
    return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
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

/// End of the grapheme cluster of `text` that starts at `at`: what a reader takes for one character (UAX 29).
[[nodiscard]] inline std::size_t grapheme_end(std::string_view text, std::size_t at) {
    CodePoint last = next_code_point(text, at);
    utf8proc_int32_t state = 0;
    for (at += last.length; at < text.size();) {
        const CodePoint next = next_code_point(text, at);
        if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(last.value), static_cast<utf8proc_int32_t>(next.value), &state)) break;
        at += next.length;
        last = next;
    }
    return at;
}

}  // namespace svad::text
