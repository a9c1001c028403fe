// SPDX-License-Identifier: Apache-2.0
// Learning a sequence model: the averaged structured perceptron over examples, the mean of
// several learners with other orders, then rounding to bytes.
//
// Promise: same examples, options and seed give the same bytes on every machine: integers only until one last division.
// The average is kept lazily (weight minus time-stamped sum), so an update costs what it changes.
// Rejected: a conditional random field, several times slower to learn and in need of floating point and a step size.
#pragma once

#include "svad/text/sequence_model.hpp"

#include <numeric>

namespace svad::text::detail {

/// Hashes of words and what is known of each (not 0).
using WordValues = std::vector<std::pair<std::uint64_t, std::uint16_t>>;

/// Sentences are dealt into this many parts: features in training ask a dictionary made of the other parts, since one
/// that holds every word it is asked about would be believed too much.
inline constexpr std::size_t dictionary_parts = 10;

/// A finished model, and words that features ask about: sorted hashes with a value each.
struct SequenceModel {
    SequenceWeights<std::int8_t, std::int16_t> weights;
    std::vector<std::uint32_t> words;
    std::vector<std::uint16_t> values;
    Lexicon lexicon;

    /// The value of the word with this hash, or 0.
    [[nodiscard]] std::uint16_t value_of(std::uint64_t hash) const {
        const auto key = static_cast<std::uint32_t>(mix(hash, 5) >> 32);
        const auto at = std::lower_bound(words.begin(), words.end(), key);
        return at == words.end() || *at != key ? std::uint16_t{0} : values[static_cast<std::size_t>(at - words.begin())];
    }
    /// Takes (hash, value) in any order; of words with one key the first stays.
    void set_words(WordValues list) {
        for (auto& [hash, value] : list) hash = mix(hash, 5) >> 32;
        std::sort(list.begin(), list.end());
        list.erase(std::unique(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.first == b.first; }), list.end());
        words.clear(), values.clear();
        for (const auto& [hash, value] : list) words.push_back(static_cast<std::uint32_t>(hash)), values.push_back(value);
    }
};

/// The averaged structured perceptron.
class SequenceLearner {
public:
    SequenceLearner(int labels, const TaggerOptions& options) : margin_(options.margin), draw_(options.seed) {
        const std::size_t slots = options.slots;
        hidden_ = static_cast<std::uint64_t>(std::clamp(options.dropout, 0.0, 0.9) * 4294967296.0);
        now_.resize(labels, slots);
        sum_.resize(labels, slots);
    }

    /// One pass over the examples in a drawn order; the share of labels that came out wrong.
    double epoch(const std::vector<SequenceExample>& examples, std::uint64_t seed) {
        std::vector<std::size_t> order(examples.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[(seed = mix(seed, i)) % i]);
        std::size_t wrong = 0, all = 0;
        for (const std::size_t e : order) wrong += learn(examples[e]), all += examples[e].labels.size();
        return all ? static_cast<double>(wrong) / static_cast<double>(all) : 0.0;
    }

    /// Adds the averaged weights to `total`: the table, then the transitions.
    void add_average(std::vector<double>& total) const {
        total.resize(now_.table.size() + now_.transitions.size());
        const auto average = [&](std::int64_t now, std::int64_t sum) {
            return static_cast<double>(now) - static_cast<double>(sum) / static_cast<double>(std::max<std::int64_t>(time_, 1));
        };
        for (std::size_t i = 0; i < now_.table.size(); ++i) total[i] += average(now_.table[i], sum_.table[i]);
        for (std::size_t i = 0; i < now_.transitions.size(); ++i)
            total[now_.table.size() + i] += average(now_.transitions[i], sum_.transitions[i]);
    }

private:
    /// The input with some features hidden, so that no feature can rely on another always being there.
    void hide_features(const SequenceInput& in) {
        seen_.clear();
        seen_.joint = in.joint;
        for (std::size_t i = 0, f = 0; i < in.ends.size(); ++i) {
            for (; f < in.ends[i]; ++f)
                if (((draw_ = mix(draw_, f)) >> 32) >= hidden_) seen_.features.push_back(in.features[f]);
            seen_.ends.push_back(seen_.features.size());
        }
    }
    std::size_t learn(const SequenceExample& example) {
        hide_features(example.input);
        const auto guess = decode(now_, seen_, &example.labels, margin_);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < guess.size(); ++i) {
            const int gold = example.labels[i], got = guess[i];
            const int gold_before = i ? example.labels[i - 1] : now_.labels, got_before = i ? guess[i - 1] : now_.labels;
            if (gold != got) {
                ++wrong;
                for (std::size_t f = i ? seen_.ends[i - 1] : 0; f < seen_.ends[i]; ++f) {
                    const std::size_t at = now_.window(seen_.features[f]);
                    change(at, gold, 1), change(at, got, -1);
                }
            }
            if (gold == got && gold_before == got_before) continue;
            change(now_.window(seen_.joint[i], gold_before), gold, 1);
            change(now_.window(seen_.joint[i], got_before), got, -1);
            change_transition(gold_before, gold, 1), change_transition(got_before, got, -1);
        }
        ++time_;
        return wrong;
    }
    void change(std::size_t window, int label, int by) {
        const std::size_t at = window + static_cast<std::size_t>(label);
        now_.table[at] += by, sum_.table[at] += time_ * by;
    }
    void change_transition(int before, int label, int by) {
        const auto at = static_cast<std::size_t>(before * now_.labels + label);
        now_.transitions[at] += by, sum_.transitions[at] += time_ * by;
    }

    SequenceWeights<std::int32_t, std::int32_t> now_;
    SequenceWeights<std::int64_t, std::int64_t> sum_;
    SequenceInput seen_;
    int margin_ = 0;
    std::uint64_t draw_ = 0, hidden_ = 0;
    std::int64_t time_ = 0;
};

/// Learns the weights of `model` from examples, whose features may have asked it about words.
inline void learn_weights(SequenceModel& model, const std::vector<SequenceExample>& examples, int labels, const TaggerOptions& options) {
    if (options.slots < 1024 || options.slots > 64'000'000)
        fail<UsageError>("TaggerOptions::slots: must be from 1,024 to 64,000,000; got ", options.slots);
    std::vector<double> total;
    for (int k = 0; k < options.learners; ++k) {
        TaggerOptions own = options;
        own.seed = mix(options.seed, static_cast<std::uint64_t>(k));
        SequenceLearner learner(labels, own);
        for (int e = 0; e < options.epochs; ++e) {
            const double wrong = learner.epoch(examples, mix(own.seed, static_cast<std::uint64_t>(e) + 11));
            if (options.progress) options.progress(k * options.epochs + e + 1, wrong);
        }
        learner.add_average(total);
    }
    // The largest weights are rare: cutting them off keeps more of the others than a coarser step would.
    const double per_unit = 16.0 / (std::max(options.learners, 1) * std::sqrt(std::max(options.margin, 1)));
    model.weights.resize(labels, options.slots);
    const auto rounded = [&](std::size_t i, double limit) { return std::clamp(std::nearbyint(total[i] * per_unit), -limit, limit); };
    const std::size_t size = total.empty() ? 0 : model.weights.table.size();
    for (std::size_t i = 0; i < size; ++i) model.weights.table[i] = static_cast<std::int8_t>(rounded(i, 127));
    for (std::size_t i = size; i < total.size(); ++i) model.weights.transitions[i - size] = static_cast<std::int16_t>(rounded(i, 32767));
}

}  // namespace svad::text::detail
