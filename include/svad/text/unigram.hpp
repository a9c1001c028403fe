// SPDX-License-Identifier: Apache-2.0
// The unigram language model of pieces (Kudo 2018): the cut of a text whose pieces have the highest sum of log
// probabilities, by one pass of Viterbi over a trie.
//
// Promise: linear in the text (times the longest piece, which is bounded); no allocation a call beyond the scratch.
// Pieces and ties are those of the reference programs: a later candidate must be strictly better; a character that is no
// piece costs the lowest score less 10. Sums are kept in double as Hugging Face does, or rounded to float after every
// step as SentencePiece does (`single`).
// Rejected: a lattice with nodes for every piece (allocates, and the best path needs only one number a position).
#pragma once

#include "svad/core/error.hpp"
#include "svad/text/byte_trie.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace svad::text {

/// What a piece is for. The numbers are those of SentencePiece's files.
enum class PieceType : std::uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

/// A piece and its log probability.
struct UnigramPiece {
    std::string piece;
    double score = 0;
    PieceType type = PieceType::normal;
};

/// How unknown characters and sums are treated.
struct UnigramOptions {
    std::int32_t unk_id = -1;                  ///< -1: a text with an unknown character is an error
    bool fuse_unk = true;                      ///< neighbouring unknown characters are one piece
    bool single = false;                       ///< sums in float
    std::vector<std::int32_t> byte_ids{};      ///< 256 ids, or none: what an unknown piece is spelt with if it has none of -1
};

/// Bytes of the character that starts with `lead`, by its first four bits.
[[nodiscard]] inline std::size_t character_length(char lead) {
    return static_cast<std::size_t>("\1\1\1\1\1\1\1\1\1\1\1\1\2\2\3\4"[static_cast<unsigned char>(lead) >> 4]);
}

/// Cuts text into the most probable pieces.
class Unigram {
public:
    /// Longest piece in bytes: what keeps encoding linear.
    static constexpr std::size_t max_piece = 1024;

    /// Room for one call, to be kept between calls.
    struct Scratch {
        struct Node {
            double score = 0;
            std::int32_t start = -1, id = -1;
        };
        std::vector<Node> nodes;
        std::vector<std::size_t> ends;
    };

    Unigram() = default;

    explicit Unigram(const std::vector<UnigramPiece>& pieces, UnigramOptions options = {}) : options_(std::move(options)) {
        if (!options_.byte_ids.empty() && options_.byte_ids.size() != 256)
            fail<UsageError>("Unigram: byte_ids must have 256 ids or none; got ", options_.byte_ids.size());
        if (options_.unk_id >= static_cast<std::int32_t>(pieces.size()))
            fail<io::FormatError>("Unigram: unk_id must be a piece; got ", options_.unk_id, " of ", pieces.size(), " pieces");
        std::vector<std::pair<std::string_view, std::int32_t>> keys;
        double low = 0, high = 0;
        bool any = false;
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            const UnigramPiece& p = pieces[i];
            if (p.piece.size() > max_piece)
                fail<io::FormatError>("Unigram: a piece may have ", max_piece, " bytes; got ", p.piece.size(), " in piece ", i);
            if (p.type == PieceType::normal) {
                low = any ? std::min(low, p.score) : p.score;
                high = any ? std::max(high, p.score) : p.score;
                any = true;
            }
            if (p.type == PieceType::normal || p.type == PieceType::user_defined) keys.emplace_back(p.piece, static_cast<std::int32_t>(i));
        }
        for (const UnigramPiece& p : pieces)   // a symbol of the user always wins over what it is made of
            scores_.push_back(p.type == PieceType::user_defined ? static_cast<double>(p.piece.size()) * high - 0.1 : p.score);
        unknown_ = options_.single ? static_cast<double>(static_cast<float>(low) - 10.0f) : low - 10.0;
        trie_ = ByteTrie(std::move(keys));
    }

    /// Calls emit(id, begin, end) for every piece of `text`, from the left, with its bytes in `text`.
    template <class F>
    void encode(std::string_view text, Scratch& scratch, F emit) const {
        if (options_.single) search<true>(text, scratch);
        else search<false>(text, scratch);
        scratch.ends.clear();
        for (auto at = text.size(); at > 0; at = static_cast<std::size_t>(scratch.nodes[at].start)) scratch.ends.push_back(at);
        std::size_t begin = 0;
        for (std::size_t k = scratch.ends.size(); k > 0; --k) {
            const std::int32_t id = scratch.nodes[scratch.ends[k - 1]].id;
            if (id >= 0) {
                emit(id, begin, scratch.ends[k - 1]);
            } else {
                while (options_.fuse_unk && k > 1 && scratch.nodes[scratch.ends[k - 2]].id < 0) --k;
                unknown(text, begin, scratch.ends[k - 1], emit);
            }
            begin = scratch.ends[k - 1];
        }
    }

    template <class F>
    void encode(std::string_view text, F emit) const {
        Scratch scratch;
        encode(text, scratch, emit);
    }

private:
    UnigramOptions options_;
    ByteTrie trie_;
    std::vector<double> scores_;
    double unknown_ = 0;

    template <class F>
    void unknown(std::string_view text, std::size_t begin, std::size_t end, F& emit) const {
        const auto has_byte = [&](char c) { return options_.byte_ids[static_cast<unsigned char>(c)] >= 0; };
        const std::string_view bytes = text.substr(begin, end - begin);
        if (!options_.byte_ids.empty() && std::all_of(bytes.begin(), bytes.end(), has_byte)) {
            for (std::size_t i = begin; i < end; ++i) emit(options_.byte_ids[static_cast<unsigned char>(text[i])], begin, end);
            return;
        }
        if (options_.unk_id < 0) fail<UsageError>("Unigram: no piece for '", text.substr(begin, std::min<std::size_t>(end - begin, 32)), "' and no unk_id");
        emit(options_.unk_id, begin, end);
    }

    template <bool Single>
    void search(std::string_view text, Scratch& scratch) const {
        if (text.size() > 0x7FFFFFF0u) fail<UsageError>("Unigram: a text may have 2^31 bytes; got ", text.size());
        scratch.nodes.assign(text.size() + 1, {});
        const auto offer = [](typename Scratch::Node& node, double score, std::size_t start, std::int32_t id) {
            if (Single) score = static_cast<double>(static_cast<float>(score));   // rounded first: ties are made here
            if (node.start < 0 || score > node.score) node = {score, static_cast<std::int32_t>(start), id};
        };
        for (std::size_t start = 0; start < text.size();) {
            const double here = scratch.nodes[start].score;
            const std::size_t length = std::min(character_length(text[start]), text.size() - start);
            bool whole = false;
            std::int32_t node = ByteTrie::root;
            for (std::size_t at = start; at < text.size();) {
                if ((node = trie_.child(node, static_cast<unsigned char>(text[at++]))) < 0) break;
                const std::int32_t id = trie_.value(node);
                if (id < 0) continue;
                offer(scratch.nodes[at], scores_[static_cast<std::size_t>(id)] + here, start, id);
                whole |= at - start == length;
            }
            if (!whole) offer(scratch.nodes[start + length], unknown_ + here, start, -1);
            start += length;
        }
    }
};

}  // namespace svad::text
