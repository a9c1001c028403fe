// SPDX-License-Identifier: Apache-2.0
// The Penn Treebank tokenizer that caption scores are defined on: Stanford's PTBTokenizer 3.4.1 with -preserveLines, as
// pycocoevalcap calls it, and that package's removal of punctuation.
//
// Promise: the words of the Java program for English captions (180,000 real ones of three data sets and 25,000 lines of
// web text come out the same); a line break inside a caption counts as a blank; at the end of a caption an
// abbreviation gets no second full stop (there the program's answer depends on the next line).
// The rules are a table, read like the .flex file: longest match first (Marcus et al. 1993; Manning et al. 2014).
// Rejected: calling Java; splitting at punctuation (moves CIDEr by tenths where captions hold "can't", "10:30", "U.S.").
#pragma once

#include "svad/text/pattern.hpp"
#include "svad/text/ptb_rules.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace svad::text {

struct PtbOptions {
    bool lower_case = true;
    bool end_of_input = false;   ///< as where the Java program finds no line feed behind the line, only the input's end
    std::string_view next_line = "a";   ///< what follows: an abbreviation in front of a sentence's first word ends one too
};

namespace detail {

inline std::string_view bracket_name(char32_t c) {
    switch (c) {
        case '(': return "-LRB-";
        case ')': return "-RRB-";
        case '[': return "-LSB-";
        case ']': return "-RSB-";
        case '{': return "-LCB-";
        case '}': return "-RCB-";
        default: return {};
    }
}

/// `token` in UTF-8 as it is: soft hyphens dropped, curly apostrophes straightened, round brackets named.
inline std::string plain_token(std::u32string_view token, bool brackets, bool nonbreaking) {
    std::string out;
    for (std::size_t i = 0; i < token.size(); ++i) {
        const char32_t c = token[i];
        if (c == 0xAD) continue;
        if (c == '&' && token.size() > 6 && token.substr(i).starts_with(U"&apos;")) {
            out += '\'';
            i += 5;
            continue;
        }
        if (const auto name = bracket_name(c); brackets && (c == '(' || c == ')')) out += name;
        else if (c == 0x2019 || c == 0x92 || c == 0x2018) out += '\'';
        else if (nonbreaking && c == ' ') append_utf8(out, 0xA0);
        else append_utf8(out, c);
    }
    return out;
}

inline std::string_view currency_name(char32_t c) {
    switch (c) {
        case 0xA2: return "cents";
        case 0xA3: return "#";
        case 0x80: case 0xA4: case 0x20A0: case 0x20AC: return "$";
        default: return {};
    }
}

inline std::string_view fraction_name(char32_t c) {
    constexpr std::array<std::string_view, 12> thirds{"1/3", "2/3", "1/5", "2/5", "3/5", "4/5",
                                                      "1/6", "5/6", "1/8", "3/8", "5/8", "7/8"};
    if (c == 0xBC) return "1/4";
    if (c == 0xBD) return "1/2";
    if (c == 0xBE) return "3/4";
    return c >= 0x2153 && c <= 0x215E ? thirds[c - 0x2153] : std::string_view{};
}

/// An entity in capitals is one too, but quotes only in small letters.
inline std::string entity_text(std::u32string_view token) {
    const std::string name = plain_token(token, false, false), small = to_lower(name);
    if (small == "&amp;") return "&";
    if (small == "&lt;") return "<";
    if (small == "&gt;") return ">";
    if (name == "&apos;") return "'";
    return name == "&quot;" ? "''" : name;
}

/// Curly and pointed quotes in the ASCII form of the Penn Treebank; low ones stay.
inline std::string quote_text(std::u32string_view token) {
    std::string out;
    for (const char32_t c : token) {
        switch (c) {
            case 0x93: case 0x201C: case 0xAB: out += "``"; break;
            case 0x94: case 0x201D: case 0xBB: out += "''"; break;
            case 0x91: case 0x2018: case 0x201B: case 0x2039: out += '`'; break;
            case 0x92: case 0x2019: case 0x203A: out += '\''; break;
            default: append_utf8(out, c);
        }
    }
    return out;
}

/// The output for a matched token.
inline std::string ptb_token(std::u32string_view token, Ptb action) {
    switch (action) {
        case Ptb::word: return plain_token(token, false, false);
        case Ptb::raw: {
            std::string out;
            for (const char32_t c : token) text::append_utf8(out, c);
            return out;
        }
        case Ptb::brackets: return plain_token(token, true, true);
        case Ptb::joined: return plain_token(token, false, true);
        case Ptb::open_quote: return "`";
        case Ptb::close_quote: return "'";
        case Ptb::open_double: return "``";
        case Ptb::close_double: return "''";
        case Ptb::quotes: return quote_text(token);
        case Ptb::dash: return "--";
        case Ptb::hyphens: return token.size() >= 2 && token.size() <= 4 ? "--" : plain_token(token, false, false);
        case Ptb::ellipsis: return "...";
        case Ptb::bracket: return std::string(bracket_name(token[0]));
        case Ptb::entity: return entity_text(token);
        case Ptb::fraction: return std::string(fraction_name(token[0]));
        case Ptb::currency: {
            const std::string_view name = currency_name(token[0]);
            return name.empty() ? plain_token(token, false, false) : std::string(name);
        }
        default: return {};
    }
}

/// to_lower in place for what is ASCII, which is nearly all.
inline void lower_token(std::string& token) {
    if (std::any_of(token.begin(), token.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
        token = to_lower(token);
        return;
    }
    for (char& c : token)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
}

inline PatternLexer& ptb_lexer() {
    thread_local PatternLexer lexer{ptb_rules(), ptb_definitions()};
    return lexer;
}

/// `text` with line breaks as blanks and ill-formed bytes as U+FFFD.
inline std::u32string ptb_line(std::string_view text) {
    std::u32string line;
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = next_code_point(text, i);
        const bool breaks = c.value == '\n' || c.value == '\r' || c.value == 0x0B || c.value == 0x0C ||
                            c.value == 0x2028 || c.value == 0x2029;
        line += breaks ? U' ' : c.value;
        i += c.length;
    }
    return line;
}

}  // namespace detail

/// The tokens of one caption. Any bytes; what the tokenizer has no rule for (emoji) is dropped.
[[nodiscard]] inline std::vector<std::string> ptb_tokenize(std::string_view text, const PtbOptions& options = {}) {
    std::u32string line = detail::ptb_line(text);
    const std::size_t end = line.size();
    if (!options.end_of_input) line += U'\n' + detail::ptb_line(options.next_line.substr(0, 64)) + U"\na";
    PatternLexer& lexer = detail::ptb_lexer();
    std::vector<std::string> tokens;
    for (std::size_t at = 0; at < end;) {
        const PatternMatch match = lexer.longest(line, at);
        const auto action = static_cast<Ptb>(match.action);
        if (match.length == 0) {
            ++at;
            continue;
        }
        std::size_t length = match.token;
        if (action == Ptb::split_last_two || action == Ptb::split_last_three || action == Ptb::split_first_two) {
            const std::size_t back = action == Ptb::split_last_two ? 2 : 3;
            length = action == Ptb::split_first_two ? 2 : length - back;
        }
        const std::u32string_view token = std::u32string_view{line}.substr(at, length);
        at += length;
        if (action == Ptb::skip) continue;
        const bool splits = length != match.token;
        std::string out = detail::ptb_token(token, splits || action == Ptb::abbreviation ? Ptb::word : action);
        if (action == Ptb::abbreviation) --at;   // the full stop ends the sentence too
        if (options.lower_case) detail::lower_token(out);
        if (!out.empty()) tokens.push_back(std::move(out));
    }
    return tokens;
}

/// Whether pycocoevalcap drops `token`: punctuation, by a list in upper case, so that a lower-cased "-lrb-" stays.
[[nodiscard]] inline bool is_caption_punctuation(std::string_view token) {
    constexpr std::array<std::string_view, 18> list{"''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".",
                                                    "?", "!", ",", ":", "-", "--", "...", ";", ""};
    return std::find(list.begin(), list.end(), token) != list.end();
}

/// What the scorers see of a caption: lower-case tokens without punctuation, joined by blanks.
[[nodiscard]] inline std::string caption_words(std::string_view text, const PtbOptions& options = {}) {
    std::string out;
    for (const std::string& token : ptb_tokenize(text, options)) {
        if (is_caption_punctuation(token)) continue;
        if (!out.empty()) out += ' ';
        out += token;
    }
    return out;
}

}  // namespace svad::text
