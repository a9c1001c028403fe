// SPDX-License-Identifier: Apache-2.0
// Turning the strings of tokens back into text.
//
// Promise: the decoders of Hugging Face's tokenizers, but for one thing: bytes that are no UTF-8 come back as they were
// (there they become U+FFFD), so that decode(encode(s)) == s for any bytes. The empty list joins tokens with blanks.
#pragma once

#include "svad/text/unicode.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace svad::text {

namespace join_tokens {

struct Bytes {};                                            ///< tokens are bytes already: nothing between them
struct WordPiece { std::string prefix = "##"; bool cleanup = true; };
struct Metaspace { std::string mark = "▁"; bool drop_first = true; };
struct Suffix { std::string suffix = "</w>"; };             ///< becomes a blank, but not at the end
struct ByteFallback {};                                     ///< runs of <0x00> to <0xFF> become text
struct Fuse {};                                             ///< all tokens become one
struct Strip { std::string of = " "; std::size_t start = 0, stop = 0; };
struct Replace { std::string text, by; };
struct Ctc { std::string pad = "<pad>", blank = "|"; bool cleanup = true; };   ///< repeated tokens are one, pad is none

}  // namespace join_tokens

/// One step.
using DecoderStep = std::variant<join_tokens::Bytes, join_tokens::WordPiece, join_tokens::Metaspace, join_tokens::Suffix,
                                 join_tokens::ByteFallback, join_tokens::Fuse, join_tokens::Strip, join_tokens::Replace,
                                 join_tokens::Ctc>;

namespace detail {

using Strings = std::vector<std::string>;

inline void replace_all(std::string& text, std::string_view from, std::string_view to) {
    if (from.empty() || text.find(from) == std::string::npos) return;
    std::string out;
    std::size_t start = 0;
    for (std::size_t at; (at = text.find(from, start)) != std::string::npos; start = at + from.size())
        out.append(text, start, at - start).append(to);
    text = out.append(text, start);
}

/// What BERT's decoder tidies in every token.
inline void clean_up(std::string& token) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 11> all{{
        {" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"},
        {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
    }};
    for (const auto& [from, to] : all) replace_all(token, from, to);
}

/// The byte of a token <0x00> to <0xFF>, or -1.
inline int byte_of_token(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
    int value = 0;
    for (const char c : token.substr(3, 2)) {
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

inline Strings joined(Strings tokens, const join_tokens::Bytes&) { return tokens; }

inline Strings joined(Strings tokens, const join_tokens::WordPiece& step) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (i > 0 && !step.prefix.empty() && tokens[i].starts_with(step.prefix)) tokens[i].erase(0, step.prefix.size());
        else if (i > 0) tokens[i].insert(0, " ");
        if (step.cleanup) clean_up(tokens[i]);
    }
    return tokens;
}

inline Strings joined(Strings tokens, const join_tokens::Metaspace& step) {
    for (std::size_t i = 0; i < tokens.size(); ++i) replace_all(tokens[i], step.mark, i == 0 && step.drop_first ? "" : " ");
    return tokens;
}

inline Strings joined(Strings tokens, const join_tokens::Suffix& step) {
    for (std::size_t i = 0; i < tokens.size(); ++i) replace_all(tokens[i], step.suffix, i + 1 == tokens.size() ? "" : " ");
    return tokens;
}

inline Strings joined(Strings tokens, const join_tokens::ByteFallback&) {
    Strings out;
    std::string bytes;
    const auto flush = [&] {
        if (bytes.empty()) return;
        // As there: a run of bytes that is no UTF-8 as a whole is unknown byte by byte.
        if (find_invalid_utf8(bytes) == std::string::npos) out.push_back(bytes);
        else out.insert(out.end(), bytes.size(), "\uFFFD");
        bytes.clear();
    };
    for (std::string& token : tokens) {
        if (const int byte = byte_of_token(token); byte >= 0) {
            bytes += static_cast<char>(byte);
            continue;
        }
        flush();
        out.push_back(std::move(token));
    }
    flush();
    return out;
}

inline Strings joined(const Strings& tokens, const join_tokens::Fuse&) {
    std::string all;
    for (const std::string& token : tokens) all += token;
    return {all};
}

inline Strings joined(Strings tokens, const join_tokens::Strip& step) {
    if (step.of.empty()) return tokens;
    for (std::string& token : tokens) {
        std::string_view rest = token;
        for (std::size_t n = 0; n < step.start && rest.starts_with(step.of); ++n) rest.remove_prefix(step.of.size());
        for (std::size_t n = 0; n < step.stop && rest.ends_with(step.of); ++n) rest.remove_suffix(step.of.size());
        if (rest.size() < token.size()) token = std::string{rest};
    }
    return tokens;
}

inline Strings joined(Strings tokens, const join_tokens::Replace& step) {
    for (std::string& token : tokens) replace_all(token, step.text, step.by);
    return tokens;
}

inline Strings joined(Strings tokens, const join_tokens::Ctc& step) {
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    Strings out;
    for (std::string& token : tokens) {
        replace_all(token, step.pad, "");
        if (step.cleanup) {
            clean_up(token);
            replace_all(token, step.blank, " ");
        }
        if (!token.empty()) out.push_back(std::move(token));
    }
    return out;
}

}  // namespace detail

/// The text of `tokens`.
[[nodiscard]] inline std::string decode_tokens(std::vector<std::string> tokens, const std::vector<DecoderStep>& steps) {
    for (const DecoderStep& step : steps)
        tokens = std::visit([&](const auto& one) { return detail::joined(std::move(tokens), one); }, step);
    std::string text;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (i > 0 && steps.empty()) text += ' ';
        text += tokens[i];
    }
    return text;
}

}  // namespace svad::text
