// SPDX-License-Identifier: Apache-2.0
// What every tokenizer is made of, whatever file it came from: normalizer, cuts, model, added tokens, template, decoder.
// Rejected: a class a family behind a virtual encode(): the families differ in parts, and files combine these freely.
#pragma once

#include "svad/text/added_tokens.hpp"
#include "svad/text/bpe_model.hpp"
#include "svad/text/lengths.hpp"
#include "svad/text/normalizer.hpp"
#include "svad/text/post_processor.hpp"
#include "svad/text/pretokenizer.hpp"
#include "svad/text/token_decoder.hpp"
#include "svad/text/unigram.hpp"
#include "svad/text/wordpiece.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace svad::text {

/// Bit of PieceToken::length: the next token stands for the same bytes.
constexpr std::uint32_t same_bytes = std::uint32_t{1} << 31;

/// A unigram model with the strings of its ids.
class UnigramModel {
public:
    UnigramModel() = default;
    UnigramModel(Vocabulary vocabulary, Unigram unigram) : vocabulary_(std::move(vocabulary)), unigram_(std::move(unigram)) {}

    [[nodiscard]] const Vocabulary& vocabulary() const { return vocabulary_; }
    void encode(std::string_view piece, std::vector<PieceToken>& out) const {
        thread_local Unigram::Scratch scratch;
        std::size_t last_end = 0;
        unigram_.encode(piece, scratch, [&](std::int32_t id, std::size_t begin, std::size_t end) {
            if (begin < last_end) out.back().length |= same_bytes;   // of an unknown piece that is spelt by its bytes
            last_end = end;
            out.push_back({id, static_cast<std::uint32_t>(end - begin)});
        });
    }

private:
    Vocabulary vocabulary_;
    Unigram unigram_;
};

struct TokenizerParts {
    std::vector<NormalizerStep> normalizer;
    std::vector<CutStep> cuts;
    std::variant<BpeModel, WordPieceModel, UnigramModel> model;
    std::vector<AddedToken> added;
    PostProcessor post;
    std::vector<DecoderStep> decoder;
    std::vector<IdPair> merges;              ///< of BPE, in order of rank
    std::optional<Truncation> truncation;
    std::optional<Padding> padding;
    std::string json;                        ///< the tokenizer.json that says all this, if there is one
};

}  // namespace svad::text
