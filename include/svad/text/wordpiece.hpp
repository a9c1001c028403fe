// SPDX-License-Identifier: Apache-2.0
// WordPiece (Wu et al. 2016, as in BERT): the longest known beginning of a word, then the longest known continuation ...
//
// Promise: ids of Hugging Face's WordPiece; a word of more than `longest` characters, or one with a part that no token
// begins, is one unknown token as a whole. Linear in the text, since no token is longer than the longest one.
#pragma once

#include "svad/text/bpe_model.hpp"
#include "svad/text/unicode.hpp"
#include "svad/text/vocabulary.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

class WordPieceModel {
public:
    WordPieceModel() = default;
    /// `prefix` marks continuations ("##"); `longest`: characters of a word that is still looked at.
    WordPieceModel(Vocabulary vocabulary, std::int32_t unk, std::string prefix, std::size_t longest)
        : vocabulary_(std::move(vocabulary)), unk_(unk), prefix_(std::move(prefix)), longest_(longest) {
        for (std::size_t id = 0; id < vocabulary_.size(); ++id)
            longest_token_ = std::max(longest_token_, vocabulary_.string(static_cast<std::int32_t>(id)).size());
    }

    [[nodiscard]] const Vocabulary& vocabulary() const { return vocabulary_; }

    /// Appends the tokens of `word`.
    void encode(std::string_view word, std::vector<PieceToken>& out) const {
        const std::size_t first = out.size();
        std::size_t characters = 0;
        for (const char c : word) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
        std::string marked;
        bool known = characters <= longest_;
        for (std::size_t at = 0; known && at < word.size();) {
            const std::size_t room = longest_token_ - (at > 0 ? std::min(prefix_.size(), longest_token_) : 0);
            std::size_t end = at + std::min(word.size() - at, room);
            std::int32_t id = -1;
            for (; end > at; --end) {
                if (end < word.size() && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80) continue;   // inside a character
                const std::string_view part = word.substr(at, end - at);
                if (at > 0) {
                    marked.assign(prefix_).append(part);
                    id = vocabulary_.find(marked);
                } else {
                    id = vocabulary_.find(part);
                }
                if (id >= 0) break;
            }
            known = id >= 0;
            if (known) out.push_back({id, static_cast<std::uint32_t>(end - at)});
            at = end;
        }
        if (known) return;
        out.resize(first);
        if (unk_ >= 0) out.push_back({unk_, static_cast<std::uint32_t>(word.size())});
    }

private:
    Vocabulary vocabulary_;
    std::int32_t unk_ = -1;
    std::string prefix_;
    std::size_t longest_ = 100, longest_token_ = 0;
};

}  // namespace svad::text
