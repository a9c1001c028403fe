// SPDX-License-Identifier: Apache-2.0
// All scores of a whole corpus at once, what score_captions runs: words and n-grams become numbers, one walk over an
// item's references gives BLEU's clipped counts, both CIDErs and ROUGE-L.
//
// Promise: the values of bleu_counts, Cider and rouge_l up to rounding (they stay as the plain form and are what tests
// compare with); time and memory linear in the n-grams. Takes references as they come, so raw text need not be kept.
// Rejected: running the three plain scorers in turn (each cuts, numbers and counts the same words again).
#pragma once

#include "svad/metrics/cider.hpp"
#include "svad/metrics/ngram.hpp"
#include "svad/metrics/subsequence.hpp"
#include "svad/metrics/word_table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::metrics {

/// What one item gets.
struct RawScores {
    BleuCounts counts;
    CiderScore cider;
    double rouge_l = 0;
};

/// First add_reference and next_item for all items in turn, then score each once its candidate is known.
class CorpusScorer {
public:
    /// Adds a reference, words separated by white space, to the item that is being filled.
    void add_reference(std::string_view text) {
        const std::size_t first = grams_.size();
        cut(text);
        grams_table_.count(words_, grams_);
        for (std::size_t i = first; i < grams_.size(); ++i) {
            const std::size_t gram = grams_[i].index();
            if (gram >= seen_.size()) seen_.resize(gram + 1 + gram / 2), frequency_.resize(seen_.size());
            if (seen_[gram] == items_.size() + 1) continue;
            seen_[gram] = static_cast<std::uint32_t>(items_.size() + 1);
            ++frequency_[gram];
        }
        Sentence one{first, grams_.size(), static_cast<std::uint32_t>(words_.size()), rouge_words_.size(), 0};
        append_blank_parts(text);
        one.rouge_end = rouge_words_.size();
        references_.push_back(one);
    }

    /// Ends the item that is being filled.
    void next_item() { items_.push_back(references_.size()); }

    /// Scores `candidate` for item `i`; all items must have been ended.
    [[nodiscard]] RawScores score(std::size_t i, std::string_view candidate) {
        if (weights_.empty()) weigh();
        RawScores out;
        set_candidate(candidate, out);
        double precision = 0, recall = 0, closest = -1;
        const std::size_t begin = i == 0 ? 0 : items_[i - 1], end = items_.at(i);
        for (std::size_t r = begin; r < end; ++r) {
            const Sentence& reference = references_[r];
            const auto length = static_cast<double>(reference.words);
            const double distance = std::abs(length - out.counts.tested), least = std::abs(closest - out.counts.tested);
            if (closest < 0 || distance < least || (distance == least && length < closest)) closest = length;
            add_reference_scores(reference, out.cider);
            const std::size_t parts = reference.rouge_end - reference.rouge_begin;
            const auto common = static_cast<double>(subsequence_.length({rouge_words_.data() + reference.rouge_begin, parts}));
            precision = std::max(precision, common / static_cast<double>(candidate_parts_));
            recall = std::max(recall, common / static_cast<double>(parts));
        }
        out.counts.reference = std::max(0.0, closest);
        for (std::size_t k = 0; k < own_.size(); ++k) {
            out.counts.correct[own_[k].order()] += std::min(own_[k].count, most_[k]);
            weights_[own_[k].index()].own = 0;
        }
        const double scale = end == begin ? 0.0 : 10.0 / static_cast<double>(end - begin);
        out.cider = {out.cider.cider_d * scale, out.cider.cider * scale};
        out.rouge_l = rouge_f(precision, recall);
        return out;
    }

private:
    struct Sentence {
        std::size_t begin, end;          // of grams_
        std::uint32_t words;
        std::size_t rouge_begin, rouge_end;   // of rouge_words_
    };

    struct Weight {
        double idf = 0;
        std::uint32_t own = 0;           // place in own_ + 1, 0 for what the candidate has not
    };

    void cut(std::string_view text) {
        words_.clear();
        for (const std::string_view word : split_words(text)) words_.push_back(word_table_.add(word));
    }

    void append_blank_parts(std::string_view text) {
        for (const std::string_view part : split_blanks(text)) rouge_words_.push_back(word_table_.add(part));
    }

    /// Inverse document frequencies, once the references are complete.
    void weigh() {
        const double log_items = std::log(static_cast<double>(std::max<std::size_t>(1, items_.size())));
        weights_.resize(std::max<std::size_t>(1, grams_table_.size()));
        for (std::size_t g = 0; g < grams_table_.size(); ++g)
            weights_[g].idf = log_items - std::log(std::max(1.0, static_cast<double>(frequency_[g])));
        unseen_ = log_items;
    }

    void set_candidate(std::string_view candidate, RawScores& out) {
        cut(candidate);
        own_.clear();
        grams_table_.count(words_, own_);
        if (grams_table_.size() > weights_.size()) 
            weights_.resize(grams_table_.size() + grams_table_.size() / 4, {unseen_, 0});
        most_.assign(own_.size(), 0);
        norm_ = {};
        for (std::size_t k = 0; k < own_.size(); ++k) {
            Weight& weight = weights_[own_[k].index()];
            weight.own = static_cast<std::uint32_t>(k + 1);
            const double w = own_[k].count * weight.idf;
            norm_[own_[k].order()] += w * w;
        }
        for (double& norm : norm_) norm = std::sqrt(norm);
        out.counts.tested = static_cast<double>(words_.size());
        for (std::size_t n = 0; n < max_order; ++n)
            out.counts.guess[n] = std::max(0.0, out.counts.tested - static_cast<double>(n));
        const std::size_t kept = rouge_words_.size();
        append_blank_parts(candidate);
        candidate_parts_ = rouge_words_.size() - kept;
        subsequence_.set({rouge_words_.data() + kept, candidate_parts_});
        rouge_words_.resize(kept);
    }

    void add_reference_scores(const Sentence& reference, CiderScore& sum) {
        std::array<double, max_order> clipped{}, plain{}, norm{};
        for (std::size_t i = reference.begin; i < reference.end; ++i) {
            const GramCount& gram = grams_[i];
            const Weight& weight = weights_[gram.index()];
            const std::size_t n = gram.order();
            const double w = gram.count * weight.idf;
            norm[n] += w * w;
            if (weight.own == 0) continue;
            const std::uint32_t own = own_[weight.own - 1].count;
            most_[weight.own - 1] = std::max(most_[weight.own - 1], gram.count);
            clipped[n] += std::min(own, gram.count) * weight.idf * w;
            plain[n] += own * weight.idf * w;
        }
        CiderScore one;
        for (std::size_t n = 0; n < max_order; ++n) {
            const double norms = norm_[n] * std::sqrt(norm[n]);
            one.cider_d += norms != 0 ? clipped[n] / norms : clipped[n];
            one.cider += norms != 0 ? plain[n] / norms : plain[n];
        }
        const auto bigrams = [](std::size_t words) { return static_cast<Index>(words) - (words > 0); };
        sum.cider_d += one.cider_d * detail::length_penalty(bigrams(words_.size()) - bigrams(reference.words)) / max_order;
        sum.cider += one.cider / max_order;
    }

    WordTable word_table_;
    GramTable grams_table_;
    std::vector<GramCount> grams_, own_;             // of all references; of the candidate
    std::vector<Sentence> references_;
    std::vector<std::size_t> items_;                 // end of each item's references
    std::vector<std::uint32_t> seen_, frequency_;    // by n-gram: last item + 1, items
    std::vector<Weight> weights_;
    std::vector<std::uint32_t> words_, rouge_words_, most_;
    std::array<double, max_order> norm_{};
    double unseen_ = 0;
    std::size_t candidate_parts_ = 0;
    CommonSubsequence subsequence_;
};

}  // namespace svad::metrics
