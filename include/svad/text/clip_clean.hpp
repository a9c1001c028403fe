// SPDX-License-Identifier: Apache-2.0
// What CLIP's tokenizer does to a caption before it is cut: repair it, take HTML out of it, one blank between words,
// lower case.
//
// Promise: clip_clean() gives what open_clip's tokenizer gives with ftfy 6.3: misread UTF-8 repaired, entities replaced,
// ligatures and wide characters made plain, quotes straightened, controls dropped, NFC. Any bytes may come in.
// Rejected: leaving the repair out, as the tokenizer.json of CLIP does (captions from the web then get other ids).
#pragma once

#include "svad/text/aligned.hpp"
#include "svad/text/code_pages.hpp"
#include "svad/text/html.hpp"
#include "svad/text/mojibake.hpp"
#include "svad/text/normalizer.hpp"
#include "svad/text/unicode.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace svad::text {

namespace detail {

/// Upper case as Python's str.upper() has it for the characters of HTML entities.
inline std::string entity_upper(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint c = next_code_point(text, at);
        at += c.length;
        switch (c.value) {
            case 0xDF: out += "SS"; break;
            case 0x149: out += "\u02BCN"; break;
            case 0xFB00: out += "FF"; break;
            case 0xFB01: out += "FI"; break;
            case 0xFB02: out += "FL"; break;
            case 0xFB03: out += "FFI"; break;
            case 0xFB04: out += "FFL"; break;
            default: append_utf8(out, to_upper(c.value));
        }
    }
    return out;
}

/// What "&name;" stands for where its semicolon leaves no doubt; the reference itself otherwise. A name in capitals that
/// HTML does not know is that of the letter in upper case: &EACUTE;.
inline std::string sure_entity(std::string_view reference) {
    const std::string_view name = reference.substr(1, reference.size() - 2);
    if (name.starts_with('#')) {
        const std::string plain = unescape_html(reference);
        return plain.find(';') == std::string::npos ? plain : std::string(reference);
    }
    const auto& table = html_entities();
    if (const auto found = table.find(name); found != table.end()) return std::string(found->second.text);
    const bool capitals = std::none_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    const auto found = capitals ? table.find(to_lower(name)) : table.end();
    if (found == table.end() || unescape_html(reference) != reference) return std::string(reference);
    return entity_upper(found->second.text);
}

/// References &name; and &#number; with at most 24 letters and digits.
inline std::string without_sure_entities(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t amp = std::min(text.find('&', at), text.size());
        out += text.substr(at, amp - at);
        if ((at = amp) == text.size()) break;
        std::size_t end = at + 1 + (at + 1 < text.size() && text[at + 1] == '#');
        const std::size_t first = end;
        const auto part = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
        while (end < text.size() && end - first < 24 && part(text[end])) ++end;
        if (end > first && end < text.size() && text[end] == ';') {
            out += sure_entity(text.substr(at, end + 1 - at));
            at = end + 1;
        } else {
            out += text[at++];
        }
    }
    return out;
}

/// Letters behind typographic ligatures and digraphs; empty for others.
inline std::string_view ligature(char32_t c) {
    switch (c) {
        case 0x132: return "IJ";
        case 0x133: return "ij";
        case 0x149: return "\u02BCn";
        case 0x1C4: return "D\u017D";
        case 0x1C5: return "D\u017E";
        case 0x1C6: return "d\u017E";
        case 0x1C7: return "LJ";
        case 0x1C8: return "Lj";
        case 0x1C9: return "lj";
        case 0x1CA: return "NJ";
        case 0x1CB: return "Nj";
        case 0x1CC: return "nj";
        case 0x1F1: return "DZ";
        case 0x1F2: return "Dz";
        case 0x1F3: return "dz";
        case 0xFB00: return "ff";
        case 0xFB01: return "fi";
        case 0xFB02: return "fl";
        case 0xFB03: return "ffi";
        case 0xFB04: return "ffl";
        case 0xFB05: return "\u017Ft";
        case 0xFB06: return "st";
        default: return {};
    }
}

/// A character after the steps that look at characters one by one, appended to `out`.
inline void append_plain(std::u32string& out, char32_t c) {
    if (c >= 0x80 && c < 0xA0) c = windows_1252[c - 0x80];
    if (const std::string_view letters = ligature(c); !letters.empty()) {
        for (std::size_t at = 0; at < letters.size();) {
            const CodePoint letter = next_code_point(letters, at);
            out += letter.value == 0x2BC ? U'\'' : letter.value;
            at += letter.length;
        }
        return;
    }
    if (c == 0x3000) c = ' ';
    if (c > 0xFF00 && c < 0xFFF0) return append_decomposed(out, c, true);
    if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) c = '\'';
    if (c >= 0x201C && c <= 0x201F) c = '"';
    if (c == 0x2028 || c == 0x2029 || c == 0x85) c = '\n';
    out += c;
}

inline bool is_dropped_control(char32_t c) {
    return c < 9 || c == 0xB || (c >= 0xE && c < 0x20) || c == 0x7F || (c >= 0x206A && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

/// Length of a terminal's escape sequence (ESC [ digits and semicolons, a letter) at `at`, or 0.
inline std::size_t escape_length(std::u32string_view text, std::size_t at) {
    if (text[at] != 0x1B || at + 1 >= text.size() || text[at + 1] != '[') return 0;
    std::size_t end = at + 2;
    while (end < text.size() && (is_decimal_digit(text[end]) || text[end] == ';')) ++end;
    const bool letter = end < text.size() && text[end] < 0x80 && is_letter(category_of(text[end]));
    return letter ? end + 1 - at : 0;
}

/// The steps behind the repair of encodings: characters, line breaks, escapes, controls, NFC.
inline std::string plain_characters(std::string_view text) {
    std::u32string all;
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint c = next_code_point(text, at);
        append_plain(all, c.value);
        at += c.length;
    }
    std::string out;
    for (std::size_t i = 0; i < all.size();) {
        if (const std::size_t n = escape_length(all, i); n > 0) {
            i += n;
            continue;
        }
        const char32_t c = all[i++];
        if (c == '\r' && i < all.size() && all[i] == '\n') continue;
        if (!is_dropped_control(c)) append_utf8(out, c == '\r' ? U'\n' : c);
    }
    return apply(AlignedText{out, 0, false}, normalize::Unicode{UnicodeForm::nfc}).text();
}

/// One line, until nothing changes. `entities`: replace HTML references.
inline std::string fixed_line(std::string text, bool entities) {
    for (int round = 0; round < 64; ++round) {
        std::string now = plain_characters(text::fix_encoding(entities ? without_sure_entities(text) : text));
        if (now == text) break;
        text = std::move(now);
    }
    return text;
}

/// Whether the capital sigma at `at` ends a word: a cased letter before it and none behind.
inline bool is_final_sigma(std::u32string_view text, std::size_t at) {
    const auto passed_over = [](char32_t c) {
        const Category k = category_of(c);
        return k == Category::mn || k == Category::me || k == Category::cf || k == Category::lm || k == Category::sk || c == '\'' || c == '.' ||
               c == ':' || c == 0xB7 || c == 0x2019 || c == 0x2018 || c == 0x2024 || c == 0x2027 || c == 0x387 || c == 0x55F || c == 0x5F4;
    };
    const auto cased = [](char32_t c) {
        const Category k = category_of(c);
        return k == Category::lu || k == Category::ll || k == Category::lt || c == 0xAA || c == 0xBA || (c >= 0x2160 && c <= 0x217F) ||
               (c >= 0x24B6 && c <= 0x24E9);
    };
    std::size_t before = at, behind = at + 1;
    while (before > 0 && passed_over(text[before - 1])) --before;
    while (behind < text.size() && passed_over(text[behind])) ++behind;
    return before > 0 && cased(text[before - 1]) && !(behind < text.size() && cased(text[behind]));
}

/// Lower case of a whole text, with the sigma that ends words and the dotted capital I.
inline std::string lowered(std::string_view text) {
    const std::u32string all = decode_utf8(text);
    std::string out;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i] == 0x3A3) append_utf8(out, is_final_sigma(all, i) ? 0x3C2 : 0x3C3);
        else if (all[i] == 0x130) out += "i\u0307";
        else append_utf8(out, to_lower(all[i]));
    }
    return out;
}

}  // namespace detail

/// `text` with everything repaired that ftfy repairs, line by line. Ill-formed parts count as U+FFFD.
[[nodiscard]] inline std::string fix_text(std::string_view text) {
    const std::string valid = replace_invalid_utf8(text);
    std::string out;
    bool entities = true;   // from the first '<' on the text is HTML, whose references are meant
    for (std::size_t start = 0; start < valid.size();) {
        const std::size_t end = std::min(valid.find('\n', start), valid.size() - 1) + 1;
        std::string line = valid.substr(start, end - start);
        entities = entities && line.find('<') == std::string::npos;
        out += detail::fixed_line(std::move(line), entities);
        start = end;
    }
    return out;
}

/// `text` as CLIP's tokenizer wants it.
[[nodiscard]] inline std::string clip_clean(std::string_view text) {
    const std::string plain = unescape_html(unescape_html(fix_text(text)));
    std::string out;
    bool blank = false;
    for (std::size_t at = 0; at < plain.size();) {
        const CodePoint c = next_code_point(plain, at);
        const bool space = is_space(c.value) || (c.value >= 0x1C && c.value <= 0x1F);
        if (!space && blank && !out.empty()) out += ' ';
        blank = space;
        if (!space) out.append(plain, at, c.length);
        at += c.length;
    }
    return detail::lowered(replace_invalid_utf8(out));
}

}  // namespace svad::text
