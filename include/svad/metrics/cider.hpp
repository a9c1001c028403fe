// SPDX-License-Identifier: Apache-2.0
// CIDEr and CIDEr-D (Vedantam et al. 2015): cosine of tf-idf vectors of n-grams, averaged over n = 1..4 and references,
// times 10. CIDEr-D also clips counts and multiplies by exp(-(difference in length)^2 / (2 * 6^2)).
//
// Promise: pycocoevalcap's numbers (its "CIDEr" is cider_d here) with document frequencies from the references of the
// corpus; an n-gram counts once per item; the length is the number of bigrams, as there. So with one item every idf is
// 0 and so is the score. Where that program stops (no reference holds a word) the score here is 0.
// Rejected: document frequencies from a file (scores of two papers then differ by the file).
#pragma once

#include "svad/core/error.hpp"
#include "svad/core/parallel.hpp"
#include "svad/metrics/ngram.hpp"

#include <array>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace svad::metrics {

/// Both forms for one caption, or their means.
struct CiderScore {
    double cider_d = 0;
    double cider = 0;   ///< plain: no clipping, no length penalty
};

namespace detail {

struct GramHash {
    std::size_t operator()(const Gram& gram) const {
        std::uint64_t key = 0;
        for (const std::int32_t id : gram) key = (key ^ static_cast<std::uint32_t>(id)) * 0x9E3779B97F4A7C15u + (key >> 31);
        return static_cast<std::size_t>(key ^ (key >> 32));
    }
};

struct WeightedGram {
    Gram gram;
    std::size_t order;
    double weight;
};

/// A sentence as tf-idf weights.
struct GramVector {
    std::vector<WeightedGram> grams;   // sorted
    std::array<double, max_order> norm{};
    Index bigrams = 0;
};

inline double length_penalty(Index difference) {
    const auto d = static_cast<double>(difference);
    return std::exp(-(d * d) / (2 * 6.0 * 6.0));
}

}  // namespace detail

/// Document frequencies and weighted references of a corpus: made once, scores any candidate.
class Cider {
public:
    /// `references[i]`: those of item i, words separated by white space.
    explicit Cider(std::span<const std::vector<std::string>> references) : items_(references.size()) {
        std::vector<std::vector<std::vector<CountedGram>>> counted(references.size());
        for (std::size_t i = 0; i < references.size(); ++i) {
            std::vector<Gram> seen;
            for (const std::string& reference : references[i]) {
                counted[i].push_back(count_grams(ids_.add(split_words(reference))));
                for (const CountedGram& one : counted[i].back()) seen.push_back(one.gram);
            }
            std::sort(seen.begin(), seen.end());
            seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
            for (const Gram& gram : seen) ++frequency_[gram];
        }
        log_items_ = std::log(static_cast<double>(std::max<std::size_t>(1, references.size())));
        for (std::size_t i = 0; i < references.size(); ++i)
            for (const auto& grams : counted[i]) items_[i].push_back(weigh(grams));
    }

    /// Number of items.
    [[nodiscard]] std::size_t size() const { return items_.size(); }

    /// Scores of `candidate` as the caption of item `i` < size(); 0 if the item has no references.
    [[nodiscard]] CiderScore score(std::size_t i, std::string_view candidate) const {
        const detail::GramVector own = weigh(count_grams(ids_.find(split_words(candidate))));
        CiderScore sum;
        for (const detail::GramVector& reference : items_.at(i)) {
            const CiderScore one = similarity(own, reference);
            sum.cider_d += one.cider_d;
            sum.cider += one.cider;
        }
        const double scale = items_[i].empty() ? 0.0 : 10.0 / static_cast<double>(items_[i].size());
        return {sum.cider_d * scale, sum.cider * scale};
    }

    /// Mean CIDEr-D over all items of giving every item the same caption, for each of `candidates`.
    /// An inverted index over the references makes a candidate cost as many steps as its n-grams have occurrences.
    [[nodiscard]] std::vector<double> score_constants(std::span<const std::string> candidates) const;

private:
    [[nodiscard]] detail::GramVector weigh(const std::vector<CountedGram>& grams) const {
        detail::GramVector vector;
        for (const auto& [gram, count] : grams) {
            const auto found = frequency_.find(gram);
            const double df = found == frequency_.end() ? 1.0 : static_cast<double>(found->second);
            const std::size_t n = order_index(gram);
            const double weight = static_cast<double>(count) * (log_items_ - std::log(std::max(1.0, df)));
            vector.grams.push_back({gram, n, weight});
            vector.norm[n] += weight * weight;
            if (n == 1) vector.bigrams += count;
        }
        for (double& norm : vector.norm) norm = std::sqrt(norm);
        return vector;
    }

    /// Mean over n; not yet times 10.
    static CiderScore similarity(const detail::GramVector& own, const detail::GramVector& reference) {
        std::array<double, max_order> clipped{}, plain{};
        auto other = reference.grams.begin();
        for (const detail::WeightedGram& one : own.grams) {
            while (other != reference.grams.end() && other->gram < one.gram) ++other;
            if (other == reference.grams.end()) break;
            if (other->gram != one.gram) continue;
            clipped[one.order] += std::min(one.weight, other->weight) * other->weight;
            plain[one.order] += one.weight * other->weight;
        }
        CiderScore sum;
        for (std::size_t n = 0; n < max_order; ++n) {
            const double norms = own.norm[n] * reference.norm[n];
            sum.cider_d += norms != 0 ? clipped[n] / norms : clipped[n];
            sum.cider += norms != 0 ? plain[n] / norms : plain[n];
        }
        return {sum.cider_d * detail::length_penalty(own.bigrams - reference.bigrams) / max_order, sum.cider / max_order};
    }

    WordIds ids_;
    std::unordered_map<Gram, std::int32_t, detail::GramHash> frequency_;
    double log_items_ = 0;
    std::vector<std::vector<detail::GramVector>> items_;
};

inline std::vector<double> Cider::score_constants(std::span<const std::string> candidates) const {
    struct Posting {
        std::size_t reference;
        double weight;
    };
    std::vector<const detail::GramVector*> references;
    std::vector<double> share;   // of a reference in the corpus mean
    std::unordered_map<Gram, std::vector<Posting>, detail::GramHash> index;
    for (const auto& item : items_) {
        for (const detail::GramVector& one : item) {
            for (const detail::WeightedGram& gram : one.grams)
                if (gram.weight != 0) index[gram.gram].push_back({references.size(), gram.weight});
            references.push_back(&one);
            share.push_back(10.0 / (max_order * static_cast<double>(item.size() * items_.size())));
        }
    }
    std::vector<double> scores(candidates.size(), 0.0);
    parallel_for(static_cast<Index>(candidates.size()), 16, [&](Index begin, Index end) {
        std::vector<std::array<double, max_order>> dot(references.size());
        for (auto c = static_cast<std::size_t>(begin); c < static_cast<std::size_t>(end); ++c) {
            const detail::GramVector own = weigh(count_grams(ids_.find(split_words(candidates[c]))));
            std::fill(dot.begin(), dot.end(), std::array<double, max_order>{});
            for (const detail::WeightedGram& one : own.grams) {
                const auto found = index.find(one.gram);
                if (found == index.end()) continue;
                for (const Posting& at : found->second)
                    dot[at.reference][one.order] += std::min(one.weight, at.weight) * at.weight;
            }
            for (std::size_t r = 0; r < references.size(); ++r) {
                double sum = 0;
                for (std::size_t n = 0; n < max_order; ++n)
                    if (const double norms = own.norm[n] * references[r]->norm[n]; norms != 0) sum += dot[r][n] / norms;
                if (sum != 0) scores[c] += sum * share[r] * detail::length_penalty(own.bigrams - references[r]->bigrams);
            }
        }
    });
    return scores;
}

}  // namespace svad::metrics
