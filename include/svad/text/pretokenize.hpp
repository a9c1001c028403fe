// SPDX-License-Identifier: Apache-2.0
// Cutting text into the pieces inside which byte pairs may merge: the GPT-2 pattern as a scanner,
//
//     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// Promise: the pieces are non-empty and concatenate to the input, for any bytes (an ill-formed part counts as a
// character of class other); linear time. Source: Radford et al. 2019, encoder.py.
// Rejected: std::regex (no Unicode classes, recursion as deep as the text is long).
#pragma once

#include "svad/text/unicode.hpp"

#include <array>
#include <string_view>
#include <vector>

namespace svad::text {

/// How text is cut before byte pairs merge.
struct SplitOptions {
    bool single_digits = false;   ///< every digit is a piece of its own, and what is between is cut by itself
};

namespace detail {

inline CharacterClass class_at(std::string_view text, std::size_t at, std::size_t& length) {
    const CodePoint c = next_code_point(text, at);
    length = c.length;
    return c.valid ? class_of(c.value) : CharacterClass::other;
}

/// Length of the English contraction that starts at `at` (an apostrophe), or 0.
inline std::size_t contraction(std::string_view rest) {
    constexpr std::array<std::string_view, 7> all{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (std::string_view one : all)
        if (rest.starts_with(one)) return one.size();
    return 0;
}

/// End of the run of characters of class `kind` from `at`.
inline std::size_t run_end(std::string_view text, std::size_t at, CharacterClass kind) {
    std::size_t length = 0;
    while (at < text.size() && class_at(text, at, length) == kind) at += length;
    return at;
}

/// End of the piece that starts at `at`.
inline std::size_t piece_end(std::string_view text, std::size_t at) {
    if (text[at] == '\'')
        if (const std::size_t n = contraction(text.substr(at))) return at + n;
    std::size_t length = 0;
    CharacterClass kind = class_at(text, at, length);
    if (kind != CharacterClass::space) return run_end(text, at, kind);
    if (text[at] == ' ' && at + 1 < text.size()) {
        std::size_t following = 0;
        kind = class_at(text, at + 1, following);
        if (kind != CharacterClass::space) return run_end(text, at + 1, kind);
    }
    std::size_t last = at, end = at;   // `last`: where the last space of the run starts
    while (end < text.size() && class_at(text, end, length) == CharacterClass::space) {
        last = end;
        end += length;
    }
    return end == text.size() || last == at ? end : last;   // the last space goes with what follows it
}

/// Whether `c` is of category Nd, Nl or No: what the Digits pre-tokenizer isolates.
inline bool is_digit_at(std::string_view text, std::size_t at, std::size_t& length) {
    return class_at(text, at, length) == CharacterClass::number;
}

template <class F>
void split_plain(std::string_view text, F& f) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = piece_end(text, at);
        f(text.substr(at, end - at));
        at = end;
    }
}

}  // namespace detail

/// Calls f(piece) for every piece of `text`, in order; the pieces are views into it.
template <class F>
void for_each_piece(std::string_view text, F f, const SplitOptions& options = {}) {
    if (!options.single_digits) return detail::split_plain(text, f);
    std::size_t start = 0, length = 0;
    for (std::size_t at = 0; at < text.size(); at += length) {
        if (!detail::is_digit_at(text, at, length)) continue;
        detail::split_plain(text.substr(start, at - start), f);
        f(text.substr(at, length));
        start = at + length;
    }
    detail::split_plain(text.substr(start), f);
}

/// The pieces of `text` as views into it.
[[nodiscard]] inline std::vector<std::string_view> split_gpt2(std::string_view text, const SplitOptions& options = {}) {
    std::vector<std::string_view> pieces;
    for_each_piece(text, [&](std::string_view piece) { pieces.push_back(piece); }, options);
    return pieces;
}

}  // namespace svad::text
