// SPDX-License-Identifier: Apache-2.0
// From captions to the numbers of a paper's table: tokenize, score, average, say how sure.
//
// Promise: score_captions gives what the coco-caption toolkit gives for the same items (PTB tokens, BLEU closest,
// CIDEr-D with df of these references, ROUGE-L); the mean is (BLEU-1 + BLEU-4 + CIDEr-D + ROUGE-L) / 4, none of them
// times 100. Intervals are percentiles of a bootstrap over items (Efron 1979) with document frequencies kept, a function
// of the seed. Rejected: intervals from the spread of per-item BLEU (corpus BLEU is not a mean of items).
#pragma once

#include "svad/core/error.hpp"
#include "svad/core/random.hpp"
#include "svad/metrics/cider.hpp"
#include "svad/metrics/corpus_scorer.hpp"
#include "svad/metrics/ngram.hpp"
#include "svad/text/ptb.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::metrics {

/// One clip: what was said, and what people said.
struct CaptionItem {
    std::string id;
    std::string candidate;
    std::vector<std::string> references;
};

/// How strings become words.
enum class Tokenization { ptb, whitespace, characters };

struct ScoreOptions {
    Tokenization tokenization = Tokenization::ptb;   ///< characters: every non-blank code point is a word
};

/// Scores of one item.
struct ItemScores {
    std::string id;
    std::array<double, max_order> bleu{};
    double cider = 0, cider_plain = 0, rouge_l = 0;
    BleuCounts counts;   ///< what corpus BLEU sums
};

/// Scores of a corpus and of its items. `cider` is CIDEr-D, times 10 as usual.
struct CaptionScores {
    std::array<double, max_order> bleu{};
    double cider = 0, cider_plain = 0, rouge_l = 0;
    double mean = 0;                 ///< (bleu[0] + bleu[3] + cider + rouge_l) / 4
    std::vector<ItemScores> items;   ///< in the order given
};

/// `text` as words separated by single blanks (whitespace: unchanged).
[[nodiscard]] inline std::string tokenize(std::string_view text, Tokenization tokenization) {
    if (tokenization == Tokenization::whitespace) return std::string(text);
    if (tokenization == Tokenization::ptb) return text::caption_words(text);
    std::string out;
    for (const std::string_view word : split_words(text)) {
        for (std::size_t i = 0; i < word.size();) {
            const std::size_t length = text::next_code_point(word, i).length;
            if (!out.empty()) out += ' ';
            out.append(word.substr(i, length));
            i += length;
        }
    }
    return out;
}

/// Number `i` of captions that go to the tokenizer in a row, as pycocoevalcap sends all references and then all
/// candidates: where the Java program looks at the next line, that of the next caption, so values are the same.
[[nodiscard]] inline std::string tokenize(std::span<const std::string_view> captions, std::size_t i, Tokenization tokenization) {
    if (tokenization != Tokenization::ptb) return tokenize(captions[i], tokenization);
    text::PtbOptions options;
    options.end_of_input = i + 1 == captions.size();
    if (!options.end_of_input) options.next_line = captions[i + 1];
    return text::caption_words(captions[i], options);
}

namespace detail {

inline void check_items(std::span<const CaptionItem> items) {
    if (items.empty()) fail<UsageError>("score_captions: needs at least one item; got 0");
    for (const CaptionItem& item : items)
        if (item.references.empty()) fail<UsageError>("score_captions: item '", item.id, "' has no references");
}

inline std::vector<std::vector<std::string>> tokenized_references(std::span<const CaptionItem> items, Tokenization how) {
    std::vector<std::vector<std::string>> all(items.size());
    for (std::size_t i = 0; i < items.size(); ++i)
        for (const std::string& one : items[i].references) all[i].push_back(tokenize(one, how));
    return all;
}

}  // namespace detail

/// Scores every item and the corpus. Throws UsageError without items, or for an item without references.
[[nodiscard]] inline CaptionScores score_captions(std::span<const CaptionItem> items, const ScoreOptions& options = {}) {
    detail::check_items(items);
    std::vector<std::string_view> references, candidates;
    for (const CaptionItem& item : items) {
        references.insert(references.end(), item.references.begin(), item.references.end());
        candidates.push_back(item.candidate);
    }
    CorpusScorer scorer;
    std::size_t next = 0;
    for (const CaptionItem& item : items) {
        for (std::size_t r = 0; r < item.references.size(); ++r)
            scorer.add_reference(tokenize(references, next++, options.tokenization));
        scorer.next_item();
    }
    CaptionScores scores;
    BleuCounts total;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const RawScores raw = scorer.score(i, tokenize(candidates, i, options.tokenization));
        ItemScores one{items[i].id, bleu(raw.counts), raw.cider.cider_d, raw.cider.cider, raw.rouge_l, raw.counts};
        total.add(one.counts);
        scores.cider += one.cider;
        scores.cider_plain += one.cider_plain;
        scores.rouge_l += one.rouge_l;
        scores.items.push_back(std::move(one));
    }
    const auto n = static_cast<double>(items.size());
    scores.cider /= n;
    scores.cider_plain /= n;
    scores.rouge_l /= n;
    scores.bleu = bleu(total);
    scores.mean = (scores.bleu[0] + scores.bleu[3] + scores.cider + scores.rouge_l) / 4;
    return scores;
}

/// The one of `candidates` that, said of every item, has the highest corpus CIDEr-D: what a system that does not look
/// can reach. The first on a tie. Throws UsageError without items or candidates.
[[nodiscard]] inline std::string best_constant(std::span<const CaptionItem> items, std::span<const std::string> candidates,
                                               const ScoreOptions& options = {}) {
    detail::check_items(items);
    if (candidates.empty()) fail<UsageError>("best_constant: needs at least one candidate; got 0");
    std::vector<std::string> words;
    for (const std::string& one : candidates) words.push_back(tokenize(one, options.tokenization));
    const std::vector<double> scores = Cider{detail::tokenized_references(items, options.tokenization)}.score_constants(words);
    return candidates[static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin())];
}

/// Ends of a confidence interval.
struct Interval {
    double low = 0, high = 0;
};

struct BootstrapOptions {
    int rounds = 1000;
    double level = 0.95;   ///< part of the resampled values inside
    std::uint64_t seed = 1;
};

/// The columns of a table.
inline constexpr std::array<const char*, 7> score_names{"BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr-D", "mean"};

/// The values of `scores` in the order of score_names.
[[nodiscard]] inline std::array<double, 7> score_values(const CaptionScores& s) {
    return {s.bleu[0], s.bleu[1], s.bleu[2], s.bleu[3], s.rouge_l, s.cider, s.mean};
}

/// Intervals of score_values by drawing items with replacement. Throws UsageError for a level outside (0, 1), fewer
/// than 10 rounds or no items.
[[nodiscard]] inline std::array<Interval, 7> bootstrap(const CaptionScores& scores, const BootstrapOptions& options = {}) {
    if (options.rounds < 10 || !(options.level > 0 && options.level < 1) || scores.items.empty())
        fail<UsageError>("bootstrap: needs items, 10 rounds and a level in (0, 1); got ", scores.items.size(), ", ",
                         options.rounds, ", ", options.level);
    const auto n = static_cast<Index>(scores.items.size());
    std::array<std::vector<double>, 7> drawn;
    Random random{options.seed};
    for (int round = 0; round < options.rounds; ++round) {
        BleuCounts total;
        CaptionScores sum;
        for (Index k = 0; k < n; ++k) {
            const ItemScores& item = scores.items[static_cast<std::size_t>(random.below(n))];
            total.add(item.counts);
            sum.cider += item.cider / static_cast<double>(n);
            sum.rouge_l += item.rouge_l / static_cast<double>(n);
        }
        sum.bleu = bleu(total);
        sum.mean = (sum.bleu[0] + sum.bleu[3] + sum.cider + sum.rouge_l) / 4;
        const auto values = score_values(sum);
        for (std::size_t v = 0; v < values.size(); ++v) drawn[v].push_back(values[v]);
    }
    std::array<Interval, 7> intervals;
    for (std::size_t v = 0; v < drawn.size(); ++v) {
        std::sort(drawn[v].begin(), drawn[v].end());
        const auto cut = static_cast<std::size_t>((1 - options.level) / 2 * static_cast<double>(options.rounds));
        intervals[v] = {drawn[v][cut], drawn[v][drawn[v].size() - 1 - cut]};
    }
    return intervals;
}

/// A row of a table.
struct NamedScores {
    std::string name;
    CaptionScores scores;
};

/// The rows as plain text: a line of values and a line of intervals for each.
[[nodiscard]] inline std::string score_table(std::span<const NamedScores> rows, const BootstrapOptions& options = {}) {
    char cell[64];
    std::string out;
    const auto add = [&](const char* format, const auto&... values) {
        std::snprintf(cell, sizeof cell, format, values...);
        out += cell;
    };
    std::size_t width = 16;
    for (const NamedScores& row : rows) width = std::max(width, row.name.size());
    out.assign(width, ' ');
    for (const char* name : score_names) add("  %13s", name);
    for (const NamedScores& row : rows) {
        out += '\n' + row.name + std::string(width - row.name.size(), ' ');
        for (const double value : score_values(row.scores)) add("  %13.4f", value);
        std::snprintf(cell, sizeof cell, "  %g%% of %zu items", 100 * options.level, row.scores.items.size());
        std::string label = cell;
        label.resize(std::max(width, label.size()), ' ');
        out += '\n' + label;
        for (const Interval& one : bootstrap(row.scores, options)) add("  %6.3f-%6.3f", one.low, one.high);
    }
    return out + "\n";
}

}  // namespace svad::metrics
