// SPDX-License-Identifier: Apache-2.0
// The unigram language model (Kudo 2018): of all ways to cut a text into known pieces, the one with the highest sum of
// log-probabilities, by the Viterbi algorithm over a trie.
//
// Promise: pieces of Hugging Face's Unigram (sums in double) and of SentencePiece (in float); the first way found wins
// a tie, which goes to the earlier start; a character that begins no piece is unknown, at the lowest score less 10, and
// unknown neighbours are one piece. Time is the text's length times the longest piece.
#pragma once

#include "svad/core/error.hpp"
#include "svad/text/bpe_model.hpp"
#include "svad/text/trie.hpp"
#include "svad/text/unicode.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

/// A piece that the model may use. Its id is given, since a vocabulary also holds others.
struct UnigramPiece {
    std::string text;
    double score = 0;   ///< log-probability
    std::int32_t id = 0;
};

/// Real: the type that scores are summed in.
template <class Real>
class Unigram {
public:
    Unigram() = default;
    Unigram(const std::vector<UnigramPiece>& pieces, std::int32_t unk) : unk_(unk) {
        Real lowest = std::numeric_limits<Real>::max();
        for (const UnigramPiece& one : pieces) {
            if (one.text.empty()) continue;
            trie_.add(one.text, static_cast<std::int32_t>(scores_.size()));
            scores_.push_back(static_cast<Real>(one.score));
            ids_.push_back(one.id);
            lowest = std::min(lowest, scores_.back());
        }
        trie_.build();
        unk_score_ = (pieces.empty() ? Real{0} : lowest) - Real{10};
    }

    /// Appends the pieces of `text` with their lengths; unknown runs have the id `unk`.
    void encode(std::string_view text, std::vector<PieceToken>& out) const {
        thread_local std::vector<Node> best;
        best.assign(text.size() + 1, Node{});
        best[0].score = 0;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t character = next_code_point(text, at).length;
            const Real here = best[at].score;
            bool single = false;
            trie_.each_prefix(text.substr(at), [&](std::size_t length, std::int32_t piece) {
                offer(best[at + length], here + scores_[static_cast<std::size_t>(piece)], at, piece);
                single = single || length == character;
            });
            if (!single) offer(best[at + character], here + unk_score_, at, -1);
            at += character;
        }
        const std::size_t first = out.size();
        bool unknown = false;
        for (std::size_t end = text.size(); end > 0;) {
            const Node& node = best[end];
            const auto length = static_cast<std::uint32_t>(end - node.start);
            if (node.piece < 0 && unknown) out.back().length += length;
            else out.push_back({node.piece < 0 ? unk_ : ids_[static_cast<std::size_t>(node.piece)], length});
            unknown = node.piece < 0;
            end = node.start;
        }
        std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
    }

    /// The id that unknown runs have.
    [[nodiscard]] std::int32_t unk() const { return unk_; }

private:
    struct Node {
        Real score = 0;
        std::size_t start = SIZE_MAX;
        std::int32_t piece = -1;
    };

    static void offer(Node& node, Real score, std::size_t start, std::int32_t piece) {
        if (node.start == SIZE_MAX || score > node.score) node = {score, start, piece};
    }

    Trie trie_;
    std::vector<Real> scores_;
    std::vector<std::int32_t> ids_;
    std::int32_t unk_ = 0;
    Real unk_score_ = -10;
};

}  // namespace svad::text
