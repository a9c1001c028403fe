// SPDX-License-Identifier: Apache-2.0
// Counts of word n-grams and the two scores that are little else: BLEU-1..4 and ROUGE-L.
//
// Promise: the numbers of pycocoevalcap, tiny constants included. BLEU of order n is
//     (prod_{k<=n} (correct_k + 1e-15) / (guess_k + 1e-9))^(1/n) * min(1, exp(1 - 1/ratio)),
// ratio = (tested + 1e-15) / (reference + 1e-9), the reference length being the closest one, the shorter on a tie; so a
// caption equal to its reference has 0.999999999, and one shorter than n words a tiny value. ROUGE-L has beta = 1.2.
// Sources: Papineni et al. 2002; Lin 2004; Chen et al. 2015 (coco-caption).
#pragma once

#include "svad/core/shape.hpp"
#include "svad/text/unicode.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace svad::metrics {

/// The words of `text`: cut at any white space, as Python's str.split() does.
[[nodiscard]] inline std::vector<std::string_view> split_words(std::string_view text) {
    std::vector<std::string_view> words;
    std::size_t start = 0, at = 0;
    while (at < text.size()) {
        const text::CodePoint c = text::next_code_point(text, at);
        const bool space = c.valid && (text::is_space(c.value) || (c.value >= 0x1C && c.value <= 0x1F));
        if (space && at > start) words.push_back(text.substr(start, at - start));
        at += c.length;
        if (space) start = at;
    }
    if (at > start) words.push_back(text.substr(start));
    return words;
}

/// The parts of `text` between single blanks, as Python's str.split(' '): "" is one empty part.
[[nodiscard]] inline std::vector<std::string_view> split_blanks(std::string_view text) {
    std::vector<std::string_view> parts;
    for (std::size_t start = 0;;) {
        const std::size_t end = text.find(' ', start);
        parts.push_back(text.substr(start, end - start));
        if (end == std::string_view::npos) return parts;
        start = end + 1;
    }
}

/// Numbers for words, so that n-grams are a few integers.
class WordIds {
public:
    /// Numbers of `words`; a new word gets the next number.
    std::vector<std::int32_t> add(std::span<const std::string_view> words) {
        std::vector<std::int32_t> ids;
        for (const std::string_view word : words)
            ids.push_back(ids_.try_emplace(std::string(word), static_cast<std::int32_t>(ids_.size())).first->second);
        return ids;
    }

    /// As add(), but new words get numbers for this call only.
    [[nodiscard]] std::vector<std::int32_t> find(std::span<const std::string_view> words) const {
        std::unordered_map<std::string_view, std::int32_t> fresh;
        std::vector<std::int32_t> ids;
        for (const std::string_view word : words) {
            const auto known = ids_.find(std::string(word));
            const auto next = static_cast<std::int32_t>(ids_.size() + fresh.size());
            ids.push_back(known != ids_.end() ? known->second : fresh.try_emplace(word, next).first->second);
        }
        return ids;
    }

private:
    std::unordered_map<std::string, std::int32_t> ids_;
};

/// Longest n-gram counted.
inline constexpr std::size_t max_order = 4;

/// Up to four word numbers; unused places hold -1.
using Gram = std::array<std::int32_t, max_order>;

/// Length of the n-gram less one: the place of its order in an array.
[[nodiscard]] inline std::size_t order_index(const Gram& gram) {
    std::size_t n = max_order - 1;
    while (n > 0 && gram[n] < 0) --n;
    return n;
}

/// An n-gram and how often it occurs.
struct CountedGram {
    Gram gram{};
    std::int32_t count = 0;
};

/// All n-grams of 1 to 4 words with their counts, sorted.
[[nodiscard]] inline std::vector<CountedGram> count_grams(std::span<const std::int32_t> words) {
    std::vector<Gram> all;
    for (std::size_t i = 0; i < words.size(); ++i) {
        Gram gram{-1, -1, -1, -1};
        for (std::size_t n = 0; n < max_order && i + n < words.size(); ++n) {
            gram[n] = words[i + n];
            all.push_back(gram);
        }
    }
    std::sort(all.begin(), all.end());
    std::vector<CountedGram> counted;
    for (const Gram& gram : all) {
        if (counted.empty() || counted.back().gram != gram) counted.push_back({gram, 0});
        ++counted.back().count;
    }
    return counted;
}

/// What BLEU needs of one caption; add() makes that of a corpus.
struct BleuCounts {
    std::array<double, max_order> correct{}, guess{};   ///< matched and present n-grams of the candidate
    double tested = 0, reference = 0;                   ///< words of the candidate, of the closest reference

    void add(const BleuCounts& other, double times = 1) {
        for (std::size_t n = 0; n < max_order; ++n) {
            correct[n] += times * other.correct[n];
            guess[n] += times * other.guess[n];
        }
        tested += times * other.tested;
        reference += times * other.reference;
    }
};

/// Counts of `candidate` against `references` (words, already cut); no reference counts as an empty one.
[[nodiscard]] inline BleuCounts bleu_counts(std::string_view candidate, std::span<const std::string> references) {
    WordIds ids;
    BleuCounts result;
    std::vector<CountedGram> best;   // of every n-gram the most that one reference has
    const auto tested = ids.add(split_words(candidate));
    result.tested = static_cast<double>(tested.size());
    double closest = -1;
    for (const std::string& reference : references) {
        const auto words = ids.add(split_words(reference));
        const auto length = static_cast<double>(words.size());
        const double distance = std::abs(length - result.tested), least = std::abs(closest - result.tested);
        if (closest < 0 || distance < least || (distance == least && length < closest)) closest = length;
        const auto grams = count_grams(words);
        best.insert(best.end(), grams.begin(), grams.end());
    }
    result.reference = std::max(0.0, closest);
    std::sort(best.begin(), best.end(), [](const CountedGram& a, const CountedGram& b) {
        return a.gram != b.gram ? a.gram < b.gram : a.count > b.count;
    });
    for (std::size_t n = 0; n < max_order; ++n)
        result.guess[n] = std::max(0.0, result.tested - static_cast<double>(n));
    for (const CountedGram& own : count_grams(tested)) {
        const auto found = std::lower_bound(best.begin(), best.end(), own.gram,
                                            [](const CountedGram& a, const Gram& b) { return a.gram < b; });
        if (found != best.end() && found->gram == own.gram)
            result.correct[order_index(own.gram)] += std::min(own.count, found->count);
    }
    return result;
}

/// BLEU-1..4 of one caption's counts, or of the sum over a corpus.
[[nodiscard]] inline std::array<double, max_order> bleu(const BleuCounts& counts) {
    std::array<double, max_order> scores{};
    double product = 1;
    for (std::size_t n = 0; n < max_order; ++n) {
        product *= (counts.correct[n] + 1e-15) / (counts.guess[n] + 1e-9);
        scores[n] = std::pow(product, 1.0 / static_cast<double>(n + 1));
    }
    const double ratio = (counts.tested + 1e-15) / (counts.reference + 1e-9);
    if (ratio < 1)
        for (double& score : scores) score *= std::exp(1 - 1 / ratio);
    return scores;
}

namespace detail {

inline Index longest_common_subsequence(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
    std::vector<Index> row(b.size() + 1, 0);
    for (const std::int32_t word : a) {
        Index diagonal = 0;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const Index above = row[j + 1];
            row[j + 1] = word == b[j] ? diagonal + 1 : std::max(above, row[j]);
            diagonal = above;
        }
    }
    return row.back();
}

}  // namespace detail

/// F of ROUGE-L, beta = 1.2; 0 if either is 0.
[[nodiscard]] inline double rouge_f(double precision, double recall) {
    if (precision == 0 || recall == 0) return 0;
    constexpr double beta = 1.2;
    return (1 + beta * beta) * precision * recall / (recall + beta * beta * precision);
}

/// ROUGE-L of `candidate`: F of the best precision and the best recall over `references`, beta = 1.2. Words are cut at
/// single blanks. 0 without references.
[[nodiscard]] inline double rouge_l(std::string_view candidate, std::span<const std::string> references) {
    WordIds ids;
    const auto own = ids.add(split_blanks(candidate));
    double precision = 0, recall = 0;
    for (const std::string& reference : references) {
        const auto other = ids.add(split_blanks(reference));
        const auto common = static_cast<double>(detail::longest_common_subsequence(own, other));
        precision = std::max(precision, common / static_cast<double>(own.size()));
        recall = std::max(recall, common / static_cast<double>(other.size()));
    }
    return rouge_f(precision, recall);
}

}  // namespace svad::metrics
