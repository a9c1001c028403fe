// SPDX-License-Identifier: Apache-2.0
// Repair of text that was UTF-8 and was decoded with a single-byte code page, once or several times: "sÃ³" is "só".
//
// Promise: fix_encoding() gives what ftfy 6.3's fix_encoding gives with its default settings, which is what CLIP's
// tokenizer runs on captions; text that does not look misread (mojibake_rules.hpp) comes back as it was.
// The method: read the text back into bytes with each code page that has all its characters, mend bytes that were lost
// on the way (a no-break space turned into a blank, U+FFFD), and take the first result that is UTF-8.
#pragma once

#include "svad/text/code_pages.hpp"
#include "svad/text/mojibake_rules.hpp"
#include "svad/text/unicode.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace svad::text {

namespace detail {

/// Bytes by character of the upper half of a code page.
inline const std::unordered_map<char32_t, char>& page_bytes(std::size_t page) {
    static const auto all = [] {
        std::array<std::unordered_map<char32_t, char>, code_pages.size()> made;
        for (std::size_t p = 0; p < made.size(); ++p)
            for (std::size_t i = 0; i < 128; ++i)
                made[p].emplace(code_pages[p].high.empty() ? static_cast<char32_t>(0x80 + i) : code_pages[p].high[i],
                                static_cast<char>(0x80 + i));
        return made;
    }();
    return all[page];
}

/// The bytes of which `text` is the reading in the code page; nothing if it has other characters.
inline std::optional<std::string> encode_in(std::u32string_view text, std::size_t page) {
    const auto& bytes = page_bytes(page);
    const bool windows = code_pages[page].windows;
    std::string out;
    out.reserve(text.size());
    for (const char32_t c : text) {
        if (windows && c == 0xFFFD) out += '\x1a';   // stands for a byte that was lost
        else if (c < 0x80 && !(windows && c == 0x1a)) out += static_cast<char>(c);
        else if (const auto found = bytes.find(c); found != bytes.end()) out += found->second;
        else return std::nullopt;
    }
    return out;
}

inline unsigned byte_at(std::string_view bytes, std::size_t i) {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0x100u;
}

inline bool in(unsigned b, unsigned low, unsigned high) { return b >= low && b <= high; }

/// Length of the sequence at `i` that is UTF-8 but for a blank where byte A0 belongs, or 0.
inline std::size_t blank_for_a0(std::string_view bytes, std::size_t i) {
    const unsigned a = byte_at(bytes, i), b = byte_at(bytes, i + 1), c = byte_at(bytes, i + 2), d = byte_at(bytes, i + 3);
    const auto likely = [](unsigned x) { return in(x, 0x80, 0xBF) && x != 0x85 && x != 0xA0; };
    const auto later_byte = [](unsigned x) { return in(x, 0x80, 0xBF); };
    if ((a == 0xC2 || a == 0xC3 || a == 0xC5 || a == 0xCE || a == 0xD0 || a == 0xD9) && b == ' ') return 2;
    if ((a == 0xE2 || a == 0xE3) && b == ' ' && likely(c)) return 3;
    if (in(a, 0xE0, 0xE3) && likely(b) && c == ' ') return 3;
    if (a != 0xF0) return 0;
    const int blanks = (b == ' ') + (c == ' ') + (d == ' ');
    const auto fit = [&](unsigned x) { return x == ' ' || later_byte(x); };
    return blanks == 1 && fit(b) && fit(c) && fit(d) ? 4 : 0;
}

/// Puts byte A0 back where a blank took its place. "Ã la" keeps its blank beside the A0: "à la" is two words.
inline std::string restore_a0(std::string_view bytes) {
    std::string words;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        words += bytes[i];
        if (byte_at(bytes, i) != 0xC3 || byte_at(bytes, i + 1) != ' ') continue;
        const std::string_view rest = bytes.substr(i + 2);
        const auto follows = [&](std::string_view next) { return rest.starts_with(next); };
        if (!follows(" ") && !follows("quele") && !follows("quela") && !follows("quilo") && !follows("s ")) words += '\xA0';
    }
    std::string out;
    for (std::size_t i = 0; i < words.size();) {
        const std::size_t n = blank_for_a0(words, i);
        std::string part = words.substr(i, std::max<std::size_t>(n, 1));
        if (n > 0) std::replace(part.begin(), part.end(), ' ', '\xA0');
        out += part;
        i += part.size();
    }
    return out;
}

/// Length of the UTF-8 or CESU-8 sequence at `i` of which bytes were lost (1A, or once '?'), or 0.
inline std::size_t lossy_sequence(std::string_view bytes, std::size_t i) {
    unsigned b[6];
    for (std::size_t k = 0; k < 6; ++k) b[k] = byte_at(bytes, i + k);
    const auto lost = [](unsigned x) { return x == 0x1A || x == '?'; };
    const auto rest = [](unsigned x) { return x == 0x1A || in(x, 0x80, 0xBF); };
    if (in(b[0], 0xC2, 0xDF) && b[1] == 0x1A) return 2;
    if ((b[0] == 0xC2 || b[0] == 0xC3) && b[1] == '?') return 2;
    if (b[0] == 0xED && in(b[1], 0xA0, 0xAF) && b[3] == 0xED && in(b[4], 0xB0, 0xBF)) {
        const bool one = lost(b[2]) && (lost(b[5]) || in(b[5], 0x80, 0xBF));
        const bool other = (lost(b[2]) || in(b[2], 0x80, 0xBF)) && lost(b[5]);
        if (one || other) return 6;
    }
    if (in(b[0], 0xE0, 0xEF) && ((lost(b[1]) && rest(b[2])) || (rest(b[1]) && lost(b[2])))) return 3;
    if (in(b[0], 0xF0, 0xF4) && ((lost(b[1]) && rest(b[2]) && rest(b[3])) || (rest(b[1]) && lost(b[2]) && rest(b[3])) ||
                                 (rest(b[1]) && rest(b[2]) && lost(b[3]))))
        return 4;
    return b[0] == 0x1A ? 1 : 0;
}

/// Sequences of which bytes were lost become U+FFFD.
inline std::string replace_lossy(std::string_view bytes) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t n = lossy_sequence(bytes, i);
        if (n > 0) out += "\xEF\xBF\xBD";
        else out += bytes[i];
        i += std::max<std::size_t>(n, 1);
    }
    return out;
}

/// The characters of `bytes` as UTF-8, CESU-8 (surrogates of three bytes each) or Java's (C0 80 for NUL); nothing if
/// they are none of these.
inline std::optional<std::u32string> decode_variants(std::string_view bytes) {
    std::u32string out;
    for (std::size_t i = 0; i < bytes.size();) {
        unsigned b[6];
        for (std::size_t k = 0; k < 6; ++k) b[k] = byte_at(bytes, i + k);
        if (b[0] == 0xC0 && b[1] == 0x80) {
            out += U'\0';
            i += 2;
        } else if (b[0] == 0xED && in(b[1], 0xA0, 0xAF) && in(b[2], 0x80, 0xBF) && b[3] == 0xED && in(b[4], 0xB0, 0xBF) &&
                   in(b[5], 0x80, 0xBF)) {
            out += static_cast<char32_t>(((b[1] & 0x0F) << 16) + ((b[2] & 0x3F) << 10) + ((b[4] & 0x0F) << 6) + (b[5] & 0x3F) + 0x10000);
            i += 6;
        } else {
            const CodePoint c = next_code_point(bytes, i);
            if (!c.valid) return std::nullopt;
            out += c.value;
            i += c.length;
        }
    }
    return out;
}

/// The text that was read with the code page instead of UTF-8, or nothing.
inline std::optional<std::u32string> reread(std::string bytes, const CodePage& page) {
    if (!page.mac) bytes = restore_a0(bytes);
    if (page.windows) bytes = replace_lossy(bytes);
    return decode_variants(bytes);
}

/// A C1 control as the character that Windows-1252 has in its place.
inline char32_t without_c1(char32_t c) { return c >= 0x80 && c < 0xA0 ? windows_1252[c - 0x80] : c; }

std::u32string fix_encoding(std::u32string text, int depth);

/// Length of the run of characters from `at` that look like misread UTF-8, or 0.
inline std::size_t misread_run(std::u32string_view text, std::size_t at) {
    const auto is = [&](std::size_t i, std::uint32_t bits) {
        return i < text.size() && text[i] < 0x10000 && (class_table()[text[i]] & bits) != 0;
    };
    std::size_t end = at;
    for (;;) {
        if (is(end, first_of_2) && is(end + 1, later)) end += 2;
        else if (is(end, first_of_3) && is(end + 1, later) && is(end + 2, later)) end += 3;
        else if (is(end, first_of_4) && is(end + 1, later) && is(end + 2, later) && is(end + 3, later)) end += 4;
        else return end - at;
    }
}

/// Repairs misread parts of a text that as a whole is not in any code page.
inline std::u32string fix_parts(std::u32string_view text, int depth) {
    std::u32string out;
    for (std::size_t at = 0; at < text.size();) {
        const bool amid = at > 0 && text[at - 1] < 0x10000 && (class_table()[text[at - 1]] & later_strict) != 0;
        const std::size_t n = amid ? 0 : misread_run(text, at);
        if (n > 0 && n < text.size() && looks_misread(text.substr(at, n)))
            out += fix_encoding(std::u32string{text.substr(at, n)}, depth + 1);
        else
            out += text.substr(at, std::max<std::size_t>(n, 1));
        at += std::max<std::size_t>(n, 1);
    }
    return out;
}

/// One repair; the text unchanged if none applies.
inline std::u32string fix_once(const std::u32string& text, int depth) {
    const bool ascii = std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x80; });
    if (ascii || !looks_misread(text)) return text;
    for (std::size_t page = 0; page < code_pages.size(); ++page)
        if (auto bytes = encode_in(text, page))
            if (auto fixed = reread(std::move(*bytes), code_pages[page])) return *fixed;
    if (std::u32string fixed = fix_parts(text, depth); fixed != text) return fixed;
    // What is left to repair are controls of Latin-1 that were meant to be letters and signs of Windows-1252.
    std::u32string fixed = text;
    std::transform(fixed.begin(), fixed.end(), fixed.begin(), without_c1);
    return fixed;
}

/// Parts inside parts: a text would have to be misread more than sixteen times over to go deeper.
inline constexpr int deepest_part = 16;

inline std::u32string fix_encoding(std::u32string text, int depth) {
    if (depth > deepest_part) return text;
    for (;;) {
        std::u32string fixed = fix_once(text, depth);
        if (fixed == text) return fixed;
        text = std::move(fixed);
    }
}

}  // namespace detail

/// `text` with misread UTF-8 repaired. Ill-formed parts of the argument count as U+FFFD.
[[nodiscard]] inline std::string fix_encoding(std::string_view text) {
    if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return std::string{text};
    std::string out;
    for (const char32_t c : detail::fix_encoding(decode_utf8(replace_invalid_utf8(text)), 0)) append_utf8(out, c);
    return out;
}

}  // namespace svad::text
