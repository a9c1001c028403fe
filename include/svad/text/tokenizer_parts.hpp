// SPDX-License-Identifier: Apache-2.0
// What every tokenizer is made of, whatever file it came from: normalizer, cuts, model, added tokens, template, decoder.
// Rejected: a class a family behind a virtual encode(): the families differ in parts, and files combine these freely.
#pragma once

#include "svad/text/added_tokens.hpp"
#include "svad/text/bpe_model.hpp"
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

/// A unigram model with the strings of its ids.
class UnigramModel {
public:
    UnigramModel() = default;
    UnigramModel(Vocabulary vocabulary, Unigram<double> unigram) : vocabulary_(std::move(vocabulary)), unigram_(std::move(unigram)) {}

    [[nodiscard]] const Vocabulary& vocabulary() const { return vocabulary_; }
    void encode(std::string_view piece, std::vector<PieceToken>& out) const { unigram_.encode(piece, out); }

private:
    Vocabulary vocabulary_;
    Unigram<double> unigram_;
};

/// To fill up encodings: to a fixed length, or (0) to the longest of a batch.
struct Padding {
    std::size_t length = 0, multiple_of = 0;
    std::int32_t id = 0, type = 0;
    bool left = false;
};

struct TokenizerParts {
    std::vector<NormalizerStep> normalizer;
    std::vector<CutStep> cuts;
    std::variant<BpeModel, WordPieceModel, UnigramModel> model;
    std::vector<AddedToken> added;
    PostProcessor post;
    std::vector<DecoderStep> decoder;
    std::vector<IdPair> merges;              ///< of BPE, in order of rank
    std::optional<std::size_t> max_length;   ///< where the file says to cut, special tokens included
    std::optional<Padding> padding;
    std::string json;                        ///< the tokenizer.json that says all this, if there is one
};

}  // namespace svad::text
