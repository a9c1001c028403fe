// SPDX-License-Identifier: Apache-2.0
// Whether one system is better than another: two paired tests over the items that both described.
//
// Promise: the same numbers for the same seed. Randomisation swaps the two systems item by item with a coin (Noreen 1989;
// Riezler and Maxwell 2005); the bootstrap draws items for both (Efron 1979; Koehn 2004), its distribution shifted to no
// difference. p is two-sided, (1 + rounds as far from zero as what was seen) / (1 + rounds): never 0.
// Rejected: comparing two intervals (they may overlap where the paired difference is sure), t tests (BLEU is no mean).
#pragma once

#include "svad/core/random.hpp"
#include "svad/metrics/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

namespace svad::metrics {

/// One score of two systems on the same items.
struct PairedScore {
    double first = 0, second = 0, difference = 0;   ///< difference: first - second
    Interval interval;                              ///< of the difference, by the bootstrap
    double p_bootstrap = 1, p_randomization = 1;
};

namespace detail {

/// Sums over items from which the values of a corpus come.
struct ScoreSums {
    BleuCounts counts;
    double cider = 0, rouge_l = 0;

    void add(const ItemScores& item) {
        counts.add(item.counts);
        cider += item.cider;
        rouge_l += item.rouge_l;
    }

    [[nodiscard]] std::array<double, 7> values(double items) const {
        CaptionScores scores;
        scores.bleu = bleu(counts);
        scores.cider = cider / items;
        scores.rouge_l = rouge_l / items;
        scores.mean = (scores.bleu[0] + scores.bleu[3] + scores.cider + scores.rouge_l) / 4;
        return score_values(scores);
    }
};

inline std::array<double, 7> minus(const std::array<double, 7>& a, const std::array<double, 7>& b) {
    std::array<double, 7> out{};
    for (std::size_t v = 0; v < out.size(); ++v) out[v] = a[v] - b[v];
    return out;
}

inline void check_paired(const CaptionScores& first, const CaptionScores& second, const BootstrapOptions& options) {
    if (options.rounds < 10 || !(options.level > 0 && options.level < 1) || first.items.empty())
        fail<UsageError>("paired_test: needs items, 10 rounds and a level in (0, 1); got ", first.items.size(), ", ",
                         options.rounds, ", ", options.level);
    if (first.items.size() != second.items.size())
        fail<UsageError>("paired_test: both systems must have the same items; got ", first.items.size(), " and ",
                         second.items.size());
    for (std::size_t i = 0; i < first.items.size(); ++i)
        if (first.items[i].id != second.items[i].id)
            fail<UsageError>("paired_test: item ", i, " is '", first.items[i].id, "' and '", second.items[i].id,
                             "'; give both in one order");
}

/// One draw of differences: with `swap` the systems change places by a coin, else items are drawn with replacement.
inline std::array<double, 7> drawn_difference(const CaptionScores& first, const CaptionScores& second, bool swap,
                                              Random& random) {
    const std::size_t n = first.items.size();
    ScoreSums a, b;
    for (std::size_t k = 0; k < n; ++k) {
        const std::size_t i = swap ? k : static_cast<std::size_t>(random.below(static_cast<Index>(n)));
        const bool turned = swap && random.below(2) == 1;
        (turned ? b : a).add(first.items[i]);
        (turned ? a : b).add(second.items[i]);
    }
    return minus(a.values(static_cast<double>(n)), b.values(static_cast<double>(n)));
}

}  // namespace detail

/// Both tests for every value of score_names. The items must be the same, in one order.
[[nodiscard]] inline std::array<PairedScore, 7> paired_test(const CaptionScores& first, const CaptionScores& second,
                                                            const BootstrapOptions& options = {}) {
    detail::check_paired(first, second, options);
    const auto a = score_values(first), b = score_values(second), seen = detail::minus(a, b);
    std::array<std::vector<double>, 7> resampled;
    std::array<int, 7> far_resampled{}, far_swapped{};
    Random random{options.seed};
    for (int round = 0; round < options.rounds; ++round) {
        const auto drawn = detail::drawn_difference(first, second, false, random);
        const auto swapped = detail::drawn_difference(first, second, true, random);
        for (std::size_t v = 0; v < seen.size(); ++v) {
            // Rounding of sums in another order must not make a tie look smaller than what was seen.
            const double bar = std::abs(seen[v]) - 1e-12;
            resampled[v].push_back(drawn[v]);
            far_resampled[v] += std::abs(drawn[v] - seen[v]) >= bar;
            far_swapped[v] += std::abs(swapped[v]) >= bar;
        }
    }
    std::array<PairedScore, 7> out;
    const auto cut = static_cast<std::size_t>((1 - options.level) / 2 * static_cast<double>(options.rounds));
    for (std::size_t v = 0; v < out.size(); ++v) {
        std::sort(resampled[v].begin(), resampled[v].end());
        out[v] = {a[v], b[v], seen[v], {resampled[v][cut], resampled[v][resampled[v].size() - 1 - cut]},
                  (1.0 + far_resampled[v]) / (1.0 + options.rounds), (1.0 + far_swapped[v]) / (1.0 + options.rounds)};
    }
    return out;
}

}  // namespace svad::metrics
