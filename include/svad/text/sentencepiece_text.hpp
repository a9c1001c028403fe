// SPDX-License-Identifier: Apache-2.0
// What SentencePiece does to text before it cuts it: rules of replacement, white space, the blank in front; and where
// every byte of the outcome came from.
//
// Promise: any bytes; linear; an ill-formed byte becomes U+FFFD; symbols of the user stay as they are.
// Rejected: normalising first and aligning afterwards (rules delete and join, so there is no way back).
#pragma once

#include "svad/text/sentencepiece_model.hpp"
#include "svad/text/unicode.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace svad::text {

/// The sign for a blank inside pieces, U+2581.
inline constexpr std::string_view blank_sign = "\xE2\x96\x81";

/// Prepared text; origin[i] is the byte of the input from which byte i came, origin.back() where the input ended.
struct PreparedText {
    std::string text;
    std::vector<std::uint32_t> origin;
};

namespace detail {

/// One step of preparing: what the front of `rest` becomes.
inline Charsmap::Match prepare_front(std::string_view rest, const Charsmap& rules, const ByteTrie& symbols) {
    if (const std::size_t n = symbols.longest_prefix(rest)) return {rest.substr(0, n), n};
    if (const Charsmap::Match match = rules.longest(rest); match.length > 0) return match;
    const CodePoint c = next_code_point(rest, 0);
    return c.valid ? Charsmap::Match{rest.substr(0, c.length), c.length} : Charsmap::Match{"\xEF\xBF\xBD", 1};
}

inline void append_prepared(PreparedText& out, std::string_view bytes, std::size_t from, bool escape) {
    for (const char c : bytes) {
        if (escape && c == ' ') {
            out.text += blank_sign;
            out.origin.insert(out.origin.end(), 3, static_cast<std::uint32_t>(from));
        } else {
            out.text += c;
            out.origin.push_back(static_cast<std::uint32_t>(from));
        }
    }
}

/// Takes blanks off the end; returns the origin of the first one taken, else `at`.
inline std::size_t strip_blanks(PreparedText& out, std::string_view blank, std::size_t at) {
    while (out.text.ends_with(blank)) {
        const std::size_t length = out.text.size() - blank.size();
        at = out.origin[length];
        out.text.resize(length);
        out.origin.resize(length);
    }
    return at;
}

}  // namespace detail

/// Prepares `text` into `out`, whose room is used again.
inline void prepare_text(std::string_view text, const SentencePieceNormalizer& how, const ByteTrie& symbols, bool as_suffix,
                         PreparedText& out) {
    if (text.size() >= 0x40000000u) fail<UsageError>("SentencePiece: a text may have 2^30 bytes; got ", text.size());
    out.text.clear();
    out.origin.clear();
    std::size_t at = 0;
    const bool trim = how.remove_extra_whitespaces;
    const auto front = [&] { return detail::prepare_front(text.substr(at), how.rules, symbols); };
    while (trim && at < text.size()) {
        const Charsmap::Match match = front();
        if (match.result != " ") break;
        at += match.length;
    }
    const bool blank = how.add_dummy_prefix && at < text.size();
    if (blank && !as_suffix) detail::append_prepared(out, " ", at, how.escape_whitespaces);
    for (bool after_blank = trim; at < text.size();) {
        const Charsmap::Match match = front();
        std::string_view made = match.result;
        while (after_blank && made.starts_with(' ')) made.remove_prefix(1);
        detail::append_prepared(out, made, at, how.escape_whitespaces);
        if (!made.empty()) after_blank = made.ends_with(' ');
        if (!trim) after_blank = false;
        at += match.length;
    }
    if (trim) at = detail::strip_blanks(out, how.escape_whitespaces ? blank_sign : " ", at);
    if (blank && as_suffix) detail::append_prepared(out, " ", at, how.escape_whitespaces);
    out.origin.push_back(static_cast<std::uint32_t>(at));
}

}  // namespace svad::text
