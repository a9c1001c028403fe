// SPDX-License-Identifier: Apache-2.0
// Tokens that are found in the text before anything else: special ones ("<|im_start|>") and words that were added.
//
// Promise: the matches of Hugging Face's tokenizers: leftmost, then longest; tokens marked as normalized are looked for
// in the normalized text, the others in the text as it is; single_word, lstrip and rstrip as there.
#pragma once

#include "svad/text/byte_trie.hpp"
#include "svad/text/unicode.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

/// Whether a special string in a text means the special token or its letters.
enum class Specials { as_text, as_tokens };

struct AddedToken {
    std::string text;
    std::int32_t id = 0;
    bool special = true;
    bool normalized = false;     ///< looked for in the normalized text
    bool lstrip = false;         ///< takes the white space to its left
    bool rstrip = false;         ///< ... to its right
    bool single_word = false;    ///< only where no word character is beside it
};

/// A part of a text: an added token, or what is between (id -1).
struct TextPart {
    std::size_t begin = 0, end = 0;
    std::int32_t id = -1;
};

/// A set of added tokens that are looked for together.
class AddedTokens {
public:
    AddedTokens() = default;
    explicit AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
        std::vector<std::pair<std::string_view, std::int32_t>> keys;
        for (std::size_t i = 0; i < tokens_.size(); ++i) keys.emplace_back(tokens_[i].text, static_cast<std::int32_t>(i));
        trie_ = ByteTrie(std::move(keys));
    }

    [[nodiscard]] bool empty() const { return tokens_.empty(); }

    /// Calls f(TextPart) for the parts of `text` in order; special tokens count only for Specials::as_tokens.
    template <class F>
    void split(std::string_view text, Specials specials, F f) const {
        std::size_t start = 0;
        for (std::size_t at = 0; !tokens_.empty() && at < text.size();) {
            const std::size_t length = trie_.longest_prefix(text.substr(at));
            if (length == 0) {
                ++at;
                continue;
            }
            const AddedToken& token = tokens_[static_cast<std::size_t>(trie_.find(text.substr(at, length)))];
            const std::size_t stop = at + length;
            if ((token.special && specials == Specials::as_text) || (token.single_word && !alone(text, at, stop))) {
                at = stop;
                continue;
            }
            const std::size_t begin = token.lstrip ? start + space_start(text.substr(start), at - start) : at;
            const std::size_t end = token.rstrip ? space_stop(text, stop) : stop;
            if (begin > start) f(TextPart{start, begin, -1});
            f(TextPart{begin, end, token.id});
            start = end;
            at = std::max(stop, end);
        }
        if (start < text.size()) f(TextPart{start, text.size(), -1});
    }

private:
    static std::size_t character_start(std::string_view text, std::size_t end) {
        std::size_t at = end - 1;
        while (at > 0 && end - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
        return at;
    }
    static bool alone(std::string_view text, std::size_t begin, std::size_t end) {
        const bool left = begin == 0 || !is_word(next_code_point(text, character_start(text, begin)).value);
        return left && (end == text.size() || !is_word(next_code_point(text, end).value));
    }
    static std::size_t space_start(std::string_view text, std::size_t at) {
        while (at > 0) {
            const std::size_t before = character_start(text, at);
            if (!is_space(next_code_point(text, before).value)) break;
            at = before;
        }
        return at;
    }
    static std::size_t space_stop(std::string_view text, std::size_t at) {
        while (at < text.size()) {
            const CodePoint c = next_code_point(text, at);
            if (!is_space(c.value)) break;
            at += c.length;
        }
        return at;
    }

    std::vector<AddedToken> tokens_;
    ByteTrie trie_;
};

}  // namespace svad::text
