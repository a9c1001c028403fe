// SPDX-License-Identifier: Apache-2.0
// What a score was made with, in one line that a paper can print beside it (as sacrebleu's, Post 2018):
//     CIDEr-D|n:4|sigma:6|df:corpus|tok:ptb-3.4.1-lower-nopunct|refs:5|items:1000|svad:0.1.0
//
// Promise: two scores whose signatures are equal may be compared; what changes a value changes its signature.
// Rejected: one signature for all scores (a reader copies one number and one line).
#pragma once

#include "svad/core/config.hpp"
#include "svad/metrics/report.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>

namespace svad::metrics {

/// The name of a tokenization in signatures.
[[nodiscard]] inline std::string_view tokenization_name(Tokenization tokenization) {
    switch (tokenization) {
        case Tokenization::ptb: return "ptb-3.4.1-lower-nopunct";
        case Tokenization::characters: return "char";
        default: return "none";
    }
}

/// The names that have a signature: score_names, and plain CIDEr.
inline constexpr std::array<std::string_view, 8> signed_names{
    "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr-D", "mean", "CIDEr"};

/// The signature of score number `which` of signed_names over `items`.
[[nodiscard]] inline std::string signature(std::size_t which, std::span<const CaptionItem> items,
                                           const ScoreOptions& options = {}) {
    constexpr std::array<std::string_view, 8> variants{
        "reflen:closest|eps:1e-15,1e-9", "reflen:closest|eps:1e-15,1e-9", "reflen:closest|eps:1e-15,1e-9",
        "reflen:closest|eps:1e-15,1e-9", "beta:1.2|refs:max-p,max-r", "n:4|sigma:6|df:corpus", "of:BLEU-1,BLEU-4,ROUGE-L,CIDEr-D",
        "n:4|df:corpus"};
    if (which >= variants.size()) fail<UsageError>("signature: there are ", variants.size(), " scores; got number ", which);
    std::size_t least = items.empty() ? 0 : items[0].references.size(), most = least;
    for (const CaptionItem& item : items) {
        least = std::min(least, item.references.size());
        most = std::max(most, item.references.size());
    }
    const std::string references = least == most ? std::to_string(least) : join(least, "-", most);
    return join(signed_names[which], "|", variants[which], "|tok:", tokenization_name(options.tokenization), "|refs:", references,
                "|items:", items.size(), "|svad:", SVAD_VERSION);
}

}  // namespace svad::metrics
