// SPDX-License-Identifier: Apache-2.0
// The regular expressions with which tokenizers cut text, as scanners: each knows where its next match ends.
//
// Promise: the matches of a leftmost-first engine with Unicode classes, in linear time for any bytes (an ill-formed part
// counts as one character of no class); a pattern that is not in the table is refused with its text, never guessed.
// Rejected: std::regex (no Unicode classes, recursion as deep as the text is long) and a regex engine of our own (the
// patterns in use are a handful, and a scanner is several times faster).
#pragma once

#include "svad/core/error.hpp"
#include "svad/text/pretokenize.hpp"
#include "svad/text/unicode.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace svad::text {

/// The patterns that svad knows.
enum class SplitPattern : std::uint8_t {
    gpt2,         ///< GPT-2, RoBERTa, SmolLM2
    digits_1,     ///< Qwen, Qwen2: contractions in any case, every digit alone
    digits_3,     ///< cl100k, LLaMA 3: up to three digits together
    cl100k_end,   ///< newer spelling of cl100k: white space at the very end stays together
    o200k,        ///< o200k: words end where small letters are followed by capitals
    clip,         ///< CLIP: words, single numbers, signs; blanks match nothing
    words,        ///< \w+|[^\w\s]+
};

struct NamedPattern {
    std::string_view text;
    SplitPattern pattern;
};

inline constexpr std::array<NamedPattern, 11> split_patterns{{
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", SplitPattern::gpt2},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", SplitPattern::gpt2},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     SplitPattern::digits_1},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     SplitPattern::digits_3},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
     SplitPattern::digits_3},
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
     SplitPattern::digits_3},
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s)",
     SplitPattern::cl100k_end},
    {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
     R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|)"
     R"( ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     SplitPattern::o200k},
    {R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)", SplitPattern::clip},
    {R"(<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)", SplitPattern::clip},
    {R"(\w+|[^\w\s]+)", SplitPattern::words},
}};

/// The pattern whose text is `text`, or nothing.
[[nodiscard]] inline std::optional<SplitPattern> find_split_pattern(std::string_view text) {
    for (const NamedPattern& one : split_patterns)
        if (one.text == text) return one.pattern;
    return std::nullopt;
}

namespace detail {

/// Length of the contraction in any case that starts at the apostrophe `at`, or 0. U+017F is a long s.
inline std::size_t contraction_any_case(std::string_view text, std::size_t at) {
    const auto letter = [&](std::size_t i) { return i < text.size() ? static_cast<char>(text[i] | 0x20) : '\0'; };
    const char a = letter(at + 1), b = letter(at + 2);
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    return text.substr(at + 1).starts_with("\xC5\xBF") ? 3 : 0;
}

/// End of the run from `at` for whose characters test(value) holds.
template <class Test>
std::size_t run_while(std::string_view text, std::size_t at, Test test) {
    while (at < text.size()) {
        const CodePoint c = next_code_point(text, at);
        if (!test(c.valid ? c.value : U'\uFFFD')) break;
        at += c.length;
    }
    return at;
}

inline bool is_break(char c) { return c == '\r' || c == '\n'; }

/// End of the white space match that starts at `at`: \s*[\r\n]+|\s+(?!\S)|\s+, or the whole run at the text's end.
inline std::size_t space_end(std::string_view text, std::size_t at, bool whole_at_end) {
    std::size_t end = at, last = at, broken = 0, length = 0;
    while (end < text.size() && class_at(text, end, length) == CharacterClass::space) {
        if (is_break(text[end])) broken = end + 1;
        last = end;
        end += length;
    }
    if (whole_at_end && end == text.size()) return end;
    if (broken > 0) return broken;
    return end == text.size() || last == at ? end : last;
}

/// End of the signs that start at `at`, with the line breaks (and slashes) behind them.
inline std::size_t signs_end(std::string_view text, std::size_t at, bool slashes) {
    std::size_t end = run_end(text, at, CharacterClass::other);
    while (end < text.size() && (is_break(text[end]) || (slashes && text[end] == '/'))) ++end;
    return end;
}

inline std::size_t digits_end(std::string_view text, std::size_t at, int most) {
    std::size_t length = 0;
    for (int n = 0; n < most && at < text.size() && class_at(text, at, length) == CharacterClass::number; ++n) at += length;
    return at;
}

/// End of the match of the cl100k family at `at`; `most`: digits together.
inline std::size_t cl100k_end(std::string_view text, std::size_t at, int most, bool whole_at_end) {
    if (text[at] == '\'')
        if (const std::size_t n = contraction_any_case(text, at)) return at + n;
    std::size_t length = 0;
    const CharacterClass kind = class_at(text, at, length);
    if (kind == CharacterClass::letter) return run_end(text, at, kind);
    if (kind == CharacterClass::number) return digits_end(text, at, most);
    const std::size_t next = at + length;
    std::size_t following = 0;
    const CharacterClass after = next < text.size() ? class_at(text, next, following) : CharacterClass::space;
    if (!is_break(text[at]) && after == CharacterClass::letter) return run_end(text, next, after);
    if (kind == CharacterClass::other) return signs_end(text, at, false);
    if (text[at] == ' ' && next < text.size() && after == CharacterClass::other) return signs_end(text, next, false);
    return space_end(text, at, whole_at_end);
}

inline bool is_upper_like(char32_t c) {
    const Category k = category_of(c);
    return k == Category::lu || k == Category::lt || k == Category::lm || k == Category::lo || (k >= Category::mn && k <= Category::me);
}
inline bool is_lower_like(char32_t c) {
    const Category k = category_of(c);
    return k == Category::ll || k == Category::lm || k == Category::lo || (k >= Category::mn && k <= Category::me);
}

/// End of a word of o200k from `at`: capitals then small letters, at least one of either; `at` if there is none.
inline std::size_t o200k_word(std::string_view text, std::size_t at) {
    std::size_t end = at, shared = at;   // shared: behind the last character that may be a small letter too
    while (end < text.size()) {
        const CodePoint c = next_code_point(text, end);
        if (!c.valid || !is_upper_like(c.value)) break;
        end += c.length;
        if (is_lower_like(c.value)) shared = end;
    }
    const std::size_t small = run_while(text, end, is_lower_like);
    std::size_t stop = small > end ? small : shared > at ? shared : end;
    if (stop > at && stop < text.size() && text[stop] == '\'') stop += contraction_any_case(text, stop);
    return stop;
}

inline std::size_t o200k_end(std::string_view text, std::size_t at) {
    std::size_t length = 0;
    const CharacterClass kind = class_at(text, at, length);
    const bool may_lead = kind != CharacterClass::letter && kind != CharacterClass::number && !is_break(text[at]);
    if (may_lead)
        if (const std::size_t end = o200k_word(text, at + length); end > at + length) return end;
    if (const std::size_t end = o200k_word(text, at); end > at) return end;
    if (kind == CharacterClass::number) return digits_end(text, at, 3);
    if (kind == CharacterClass::other) return signs_end(text, at, true);
    std::size_t following = 0;
    if (text[at] == ' ' && at + 1 < text.size() && class_at(text, at + 1, following) == CharacterClass::other)
        return signs_end(text, at + 1, true);
    return space_end(text, at, false);
}

/// End of the match at `at`, or `at` if the character there belongs to none.
inline std::size_t clip_end(std::string_view text, std::size_t at) {
    if (text[at] == '\'')
        if (const std::size_t n = contraction(text.substr(at))) return at + n;
    std::size_t length = 0;
    const CharacterClass kind = class_at(text, at, length);
    if (kind == CharacterClass::space) return at;
    return kind == CharacterClass::number ? at + length : run_end(text, at, kind);
}

inline std::size_t words_end(std::string_view text, std::size_t at) {
    const std::size_t word = run_while(text, at, [](char32_t c) { return is_word(c); });
    return word > at ? word : run_while(text, at, [](char32_t c) { return !is_word(c) && !is_space(c); });
}

}  // namespace detail

/// End of the match of `pattern` that starts at byte `at` of `text`; `at` where none does.
[[nodiscard]] inline std::size_t match_end(SplitPattern pattern, std::string_view text, std::size_t at) {
    switch (pattern) {
        case SplitPattern::gpt2: return detail::piece_end(text, at);
        case SplitPattern::digits_1: return detail::cl100k_end(text, at, 1, false);
        case SplitPattern::digits_3: return detail::cl100k_end(text, at, 3, false);
        case SplitPattern::cl100k_end: return detail::cl100k_end(text, at, 3, true);
        case SplitPattern::o200k: return detail::o200k_end(text, at);
        case SplitPattern::clip: return detail::clip_end(text, at);
        case SplitPattern::words: return detail::words_end(text, at);
    }
    return at;
}

}  // namespace svad::text
