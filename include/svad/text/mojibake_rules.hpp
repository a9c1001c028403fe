// SPDX-License-Identifier: Apache-2.0
// Which neighbouring characters betray that text was decoded with the wrong code page: classes of the few hundred
// characters that such mistakes produce, and the short sequences of them that people do not write on purpose
// (an accented small letter before a currency sign, a C1 control, a box corner inside a word, ...).
// Source: the heuristic of ftfy 6.3 (its "badness"), whose verdicts come out identically.
// Rejected: a statistical detector (it needs a model of every language and still changes correct text).
#pragma once

#include "svad/text/code_pages.hpp"
#include "svad/text/unicode.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

namespace svad::text::detail {

/// Classes of characters, a bit each.
enum MojibakeClass : std::uint32_t {
    c1 = 1u << 0, bad = 1u << 1, law = 1u << 2, currency = 1u << 3, opening = 1u << 4, closing = 1u << 5,
    numeric = 1u << 6, kaomoji = 1u << 7, upper = 1u << 8, lower = 1u << 9, upper_common = 1u << 10,
    lower_common = 1u << 11, box = 1u << 12, common = 1u << 13,
    // What a byte of UTF-8 looks like when it is misread: first of 2, 3 or 4 bytes, or a later one (strict: not a dash
    // or quotation mark, which stand at the beginning of words too).
    first_of_2 = 1u << 14, first_of_3 = 1u << 15, first_of_4 = 1u << 16, later = 1u << 17, later_strict = 1u << 18,
    latin = 1u << 19, small_latin = 1u << 20, blank = 1u << 21, word = 1u << 22, not_latin = 1u << 23, any = 1u << 24,
};

struct ClassMembers {
    std::uint32_t bits;
    std::u16string_view members;   // a-b is a range
};

inline constexpr std::array<ClassMembers, 14> class_members{{
    {c1, u"\u0080-\u009F"},
    {bad, u"¤¦¨ª¬¯¸ºƒ\u02C6\u02C7\u02D8\u02DB\u02DC†‡‰⌐◊\uFFFD"},
    {law, u"§¶"},
    {currency, u"¢£¥₧€"},
    {opening, u"¡©«¿΄΅‘‚“„•‹\uF8FF"},
    {closing, u"®»\u02DD”›™"},
    {numeric, u"±²³µ¹¼½¾×÷⁄№∂∆∏∑√∞∩∫≈≠≡≤≥"},
    {kaomoji, u"°Ò-ÖÙ-Üò-öø-üŌŐŪŲ"},
    {upper, u"À-ÑØÜÝĀĂĄĆČĎĐĒĖĘĚĞĢĪİĶĹĻĽŁŃŅŇŒŘŚŞŠŢŤŮŰŸŹŻŽҐ"},
    {lower, u"ß-ñüāăąćčďđēėęěğģīįķĺļľłœŕśşšťźżžґ\uFB01\uFB02"},
    {upper_common, u"ÞΆΈΉΊΌΎΏΑ-ΫЁ-Я"},
    {lower_common, u"ά-ωа-џ"},
    {box, u"│┌┐┘├┤┬┼═-╬▀▄█▌▐-▓"},
    {common, u"\u00A0\u00AD´·–—―’…"},
}};

/// Classes by character, for all but U+10000 and above, which have none.
inline const std::vector<std::uint32_t>& class_table() {
    static const std::vector<std::uint32_t> table = [] {
        std::vector<std::uint32_t> made(0x10000, 0);
        for (const auto& [bits, members] : class_members)
            for (std::size_t i = 0; i < members.size(); ++i) {
                const bool range = i + 2 < members.size() && members[i + 1] == u'-';
                for (std::size_t c = members[i]; c <= members[range ? i + 2 : i]; ++c) made[c] |= bits;
                if (range) i += 2;
            }
        for (std::size_t page = 0; page < 7; ++page)   // Latin-1 and the Windows pages
            for (std::size_t byte = 0x80; byte < 0xF5; ++byte) {
                const std::u16string_view high = code_pages[page].high;
                std::uint32_t& of = made[high.empty() ? byte : high[byte - 0x80]];
                if (byte < 0xC0) of |= later | later_strict;
                else if (byte >= 0xC2 && byte < 0xE0) of |= first_of_2;
                else if (byte >= 0xE0 && byte < 0xF0) of |= first_of_3;
                else if (byte == 0xF0 || byte == 0xF3) of |= first_of_4;   // the others are too common as letters
            }
        made[u' '] |= later;   // in place of a no-break space
        for (const char16_t c : std::u16string_view{u"–—―‘’‚“”„•…"}) made[c] &= ~std::uint32_t{later_strict};
        return made;
    }();
    return table;
}

inline std::uint32_t classes_of(char32_t c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    std::uint32_t bits = (c != '\n' ? any : 0u) | (letter ? latin : not_latin) | (c >= 'a' && c <= 'z' ? small_latin : 0u);
    if (c < 0x10000) bits |= class_table()[c];
    if (is_space(c) || (c >= 0x1C && c <= 0x1F)) return bits | blank;
    const CharacterClass kind = class_of(c);
    return kind == CharacterClass::letter || kind == CharacterClass::number || c == '_' ? bits | word : bits;
}

/// One place of a sequence: any character of these classes or of this list.
struct Place {
    std::uint32_t classes = 0;
    std::u16string_view also{};
};

using Sequence = std::array<Place, 5>;   // places that ask for nothing end it

inline constexpr std::uint32_t letters = lower | upper, marks = opening | closing,
                               odd = letters | box | marks | currency | numeric | law,
                               arabic = common | currency | bad | numeric | opening;
inline constexpr std::u16string_view arabic_more = u"ŸŠ®°µ»";

/// The sequences that are not written on purpose.
inline constexpr std::array bad_sequences{
    Sequence{{{c1}}},
    Sequence{{{odd}, {bad}}},   // bad before bad is the next line's
    Sequence{{{bad}, {odd | bad}}},
    Sequence{{{latin}, {lower_common | upper_common}, {bad}}},
    Sequence{{{lower | lower_common | box | closing | currency | numeric}, {upper}}},
    Sequence{{{box | closing | currency | numeric}, {lower}}},
    Sequence{{{lower | box | closing}, {currency}}},
    Sequence{{{blank}, {upper}, {currency}}},
    Sequence{{{upper | box}, {numeric | law}}},
    Sequence{{{letters | box | currency | closing}, {opening}, {numeric}}},
    Sequence{{{letters | currency | numeric | box | law}, {closing}, {opening}}},
    Sequence{{{currency | numeric | box}, {opening}}},
    Sequence{{{small_latin}, {upper}, {opening | currency}}},
    Sequence{{{box}, {kaomoji}}},
    Sequence{{{letters | currency | numeric | marks | law}, {box}}},
    Sequence{{{box}, {closing}}},
    Sequence{{{letters}, {marks}, {word}}},
    Sequence{{{0, u"Œœ"}, {not_latin}}},
    Sequence{{{upper}, {0, u"°"}}},
    // Windows-1252
    Sequence{{{0, u"ÂÃÎÐ"}, {marks, u"€œŠš¢£Ÿž\u00A0\u00AD®©°·»–—´"}}},
    Sequence{{{0, u"×"}, {0, u"²³"}}},
    Sequence{{{0, u"ØÙ"}, {arabic, arabic_more}, {0, u"ØÙ"}, {arabic, arabic_more}}},
    Sequence{{{0, u"à"}, {0, u"²µ¹¼½¾"}}},
    // Mac Roman
    Sequence{{{0, u"√"}, {0, u"±∂†≠®™´≤≥¥µø"}}},
    Sequence{{{0, u"≈"}, {0, u"°¢"}}},
    Sequence{{{0, u"‚"}, {0, u"Ä"}, {0, u"ìîïòôúùû†°¢π"}}},
    Sequence{{{0, u"‚"}, {0, u"âó"}, {0, u"àä°ê"}}},
    // Windows-1251
    Sequence{{{0, u"в"}, {0, u"Ђ"}}},
    Sequence{{{0, u"ВГРС"}, {c1 | bad | marks | currency, u"°µ"}, {0, u"ВГРС"}}},
    // Windows-1252 again
    Sequence{{{0, u"Ã"}, {0, u"\u00A0¡"}}},
    Sequence{{{small_latin}, {0, u"ÃÂ"}, {0, u" "}}},
    Sequence{{{small_latin}, {blank}, {0, u"ÃÂ"}, {0, u" "}}},
    Sequence{{{small_latin | closing, u".,?!"}, {0, u"Â"}, {marks, u" "}}},
    // Windows-1253 and 1257
    Sequence{{{0, u"β"}, {0, u"€"}, {0, u"™\u00A0Ά\u00AD®°"}}},
    Sequence{{{0, u"ΒΓΞΟ"}, {c1 | bad | marks | currency, u"°"}, {0, u"ΒΓΞΟ"}}},
    Sequence{{{0, u"ā"}, {0, u"€"}}},
};

inline bool fits(const Place& place, char32_t c, std::uint32_t classes) {
    return (place.classes & classes) != 0 || (c < 0x10000 && place.also.find(static_cast<char16_t>(c)) != place.also.npos);
}

inline bool sequence_at(const Sequence& places, std::u32string_view text, std::span<const std::uint32_t> classes, std::size_t at) {
    for (std::size_t k = 0; k < places.size(); ++k) {
        if (places[k].classes == 0 && places[k].also.empty()) return true;
        if (at + k >= text.size() || !fits(places[k], text[at + k], classes[at + k])) return false;
    }
    return true;
}

/// A Windows-1251 reading of Latin-1 over Windows-1252: five Cyrillic letters, any character, a Latin one or a blank.
inline bool cyrillic_garble_at(std::u32string_view text, std::size_t at) {
    constexpr std::u32string_view start = U"ГўВЂВ";
    if (text.substr(at, start.size()) != start || at + 6 >= text.size() || text[at + 5] == U'\n') return false;
    return text[at + 6] == U' ' || (classes_of(text[at + 6]) & latin) != 0;
}

/// Whether `text` holds a sequence that looks misread.
[[nodiscard]] inline bool looks_misread(std::u32string_view text) {
    std::vector<std::uint32_t> classes;
    classes.reserve(text.size());
    for (const char32_t c : text) classes.push_back(classes_of(c));
    if (text.size() > 1 && (text[0] == U'Ã' || text[0] == U'Â') && text[1] == U' ') return true;
    const auto ascii = [&](std::size_t i) { return i >= text.size() || text[i] < 0x80; };
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (ascii(at) && ascii(at + 1) && ascii(at + 2)) continue;   // every sequence has another among its first three
        for (const Sequence& one : bad_sequences)
            if (sequence_at(one, text, classes, at)) return true;
        if (text[at] == U'Г' && cyrillic_garble_at(text, at)) return true;
    }
    return false;
}

}  // namespace svad::text::detail
