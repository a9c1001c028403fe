// SPDX-License-Identifier: Apache-2.0
// The plain ways to cut a text into words: between white space, into runs of letters and digits, into characters.
//
// Promise: linear time for any bytes. White space is what Python's str.split() takes for it (White_Space and the four
// separators U+001C to U+001F), since published word counts were made with it; an ill-formed part of UTF-8 counts as
// one character. Rejected: one function with a switch over languages: what a "word" is must stand at the call.
#pragma once

#include "svad/text/unicode.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace svad::text {

/// Whether Python's str.split() and str.isspace() take `c` for white space.
[[nodiscard]] inline bool is_blank(char32_t c) { return is_space(c) || (c >= 0x1C && c <= 0x1F); }

/// What lies between white space: views into `text`.
[[nodiscard]] inline std::vector<std::string_view> blank_words(std::string_view text) {
    std::vector<std::string_view> words;
    std::size_t start = 0;
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = next_code_point(text, i);
        if (is_blank(c.value)) {
            if (i > start) words.push_back(text.substr(start, i - start));
            start = i + c.length;
        }
        i += c.length;
    }
    if (text.size() > start) words.push_back(text.substr(start));
    return words;
}

/// Every character that is no white space: views into `text`.
[[nodiscard]] inline std::vector<std::string_view> characters(std::string_view text) {
    std::vector<std::string_view> found;
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = next_code_point(text, i);
        if (!is_blank(c.value)) found.push_back(text.substr(i, c.length));
        i += c.length;
    }
    return found;
}

/// The runs of a-z, 0-9, ' and - in the lower-cased text, joined by blanks: English words without punctuation.
[[nodiscard]] inline std::string plain_words(std::string_view text) {
    std::string words;
    words.reserve(text.size());
    bool open = false;
    const auto put = [&](char32_t c) {
        const bool part = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '\'' || c == '-';
        if (part && !open && !words.empty()) words += ' ';
        if (part) words += static_cast<char>(c);
        open = part;
    };
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = next_code_point(text, i);
        put(c.valid ? to_lower(c.value) : c.value);
        if (c.value == 0x130) put(0x307);   // the dotted capital I becomes i and a combining dot, which ends the run
        i += c.length;
    }
    return words;
}

}  // namespace svad::text
