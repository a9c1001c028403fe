// SPDX-License-Identifier: Apache-2.0
// How the next word is chosen from its scores: the best one, a random one (temperature, top-k, top-p), or by beam
// search. No model here: rows of scores in, words out. Beam search follows transformers 5 step by step, so that its
// hypotheses, lengths and scores are those of `generate`; random choices are a function of (seed, row, step).
#pragma once

#include "svad/core/error.hpp"
#include "svad/core/random.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace svad::infer {

using Id = std::int32_t;

/// When beam search stops: once enough hypotheses are finished, when the present length cannot win any more
/// (a heuristic, the default), or when no length could.
enum class EarlyStopping { no, yes, never };

struct SearchOptions {
    Index max_new = 64;                             ///< words at most
    Index min_new = 0;                              ///< no stop word before
    std::vector<Id> stop = {};                      ///< end a row; part of the result
    Id pad = 0;                                     ///< fills behind the end of a row
    Index vocabulary = 0;                           ///< ids from here on are never chosen (padding of the table); 0 = all
    double repetition_penalty = 1;                  ///< on every id seen, the prompt's too: score > 0 ? s / p : s * p
    bool sample = false;
    double temperature = 1, top_p = 1;
    Index top_k = 0;                                ///< 0 = all
    std::uint64_t seed = 0;
    Index beams = 1;
    double length_penalty = 1;                      ///< a hypothesis' score is its sum / length ^ this
    EarlyStopping early_stopping = EarlyStopping::no;

    bool stops(Id id) const { return std::find(stop.begin(), stop.end(), id) != stop.end(); }
};

/// A finished row: words (with the stop word, if it got one) and score.
struct Hypothesis {
    std::vector<Id> ids;
    double score = 0;
};

/// Applies what changes scores before any choice; `seen` may repeat ids, `made` is the number of words so far.
inline void process_scores(std::span<float> scores, std::span<const Id> seen, Index made, const SearchOptions& o) {
    constexpr float never = -std::numeric_limits<float>::infinity();
    if (o.repetition_penalty != 1) {
        std::vector<Id> ids(seen.begin(), seen.end());
        std::sort(ids.begin(), ids.end());
        ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
        const float p = static_cast<float>(o.repetition_penalty);
        for (Id id : ids)
            if (id >= 0 && static_cast<std::size_t>(id) < scores.size()) {
                float& s = scores[static_cast<std::size_t>(id)];
                s = s > 0 ? s / p : s * p;
            }
    }
    if (made < o.min_new)
        for (Id id : o.stop) scores[static_cast<std::size_t>(id)] = never;
    if (o.vocabulary > 0)
        for (std::size_t i = static_cast<std::size_t>(o.vocabulary); i < scores.size(); ++i) scores[i] = never;
}

/// The best word; the first among equals. Sixteen lanes, since one comparison after the other takes longer than a layer.
[[nodiscard]] inline Id best(std::span<const float> scores) {
    std::array<float, 16> tops;
    tops.fill(-std::numeric_limits<float>::infinity());
    std::size_t i = 0;
    for (; i + tops.size() <= scores.size(); i += tops.size())
        for (std::size_t lane = 0; lane < tops.size(); ++lane) tops[lane] = scores[i + lane] > tops[lane] ? scores[i + lane] : tops[lane];
    for (; i < scores.size(); ++i) tops[0] = std::max(tops[0], scores[i]);
    const auto found = std::find(scores.begin(), scores.end(), *std::max_element(tops.begin(), tops.end()));
    return found == scores.end() ? 0 : static_cast<Id>(found - scores.begin());
}

/// A random word from softmax(scores / temperature), cut to the top_k best and then to the smallest set of mass top_p.
[[nodiscard]] inline Id sample(std::span<const float> scores, const SearchOptions& o, double uniform) {
    if (o.temperature <= 0) return best(scores);
    std::vector<Id> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    const auto better = [&](Id a, Id b) {
        const float x = scores[static_cast<std::size_t>(a)], y = scores[static_cast<std::size_t>(b)];
        return x > y || (x == y && a < b);
    };
    const std::size_t kept = o.top_k > 0 ? std::min(order.size(), static_cast<std::size_t>(o.top_k)) : order.size();
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(), better);
    order.resize(kept);
    std::vector<double> mass;
    double total = 0;
    for (Id id : order) {
        const double d = static_cast<double>(scores[static_cast<std::size_t>(id)]) - static_cast<double>(scores[static_cast<std::size_t>(order[0])]);
        total += mass.emplace_back(std::exp(d / o.temperature));
    }
    double cut = 0;
    std::size_t n = 0;
    while (n < mass.size() && (n == 0 || cut < o.top_p * total)) cut += mass[n++];
    double at = uniform * cut;
    for (std::size_t i = 0; i < n; ++i)
        if ((at -= mass[i]) < 0) return order[i];
    return order[n - 1];
}

/// log softmax of a row, in double.
[[nodiscard]] inline std::vector<double> log_probabilities(std::span<const float> scores) {
    const float top = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (float s : scores) sum += std::exp(static_cast<double>(s) - static_cast<double>(top));
    const double base = static_cast<double>(top) + std::log(sum);
    std::vector<double> out;
    out.reserve(scores.size());
    for (float s : scores) out.push_back(static_cast<double>(s) - base);
    return out;
}

/// Beam search for one prompt. Each step: scores of every running hypothesis in, and then running() tells which
/// hypothesis each new one continues, with which word.
class BeamSearch {
public:
    struct Running {
        std::vector<Id> ids;
        double sum = 0;
        Index parent = 0;                           ///< its place among the hypotheses of the step before
    };

    explicit BeamSearch(const SearchOptions& options) : options_(options), running_(1) {
        if (options.beams < 1) fail<UsageError>("beam search: beams must be at least 1; got ", options.beams);
        if (options.max_new < 1) finished_ = true;
    }

    bool finished() const { return finished_; }
    const std::vector<Running>& running() const { return running_; }
    /// Finished hypotheses, the best first.
    const std::vector<Hypothesis>& done() const { return done_; }

    /// One step; `scores` holds a row (already processed) for each running hypothesis.
    void advance(const std::vector<std::vector<float>>& scores) {
        const Index n = static_cast<Index>(running_[0].ids.size()) + 1;
        const std::vector<Candidate> top = candidates(scores);
        std::vector<Running> next;
        bool all_end = true;
        std::vector<Hypothesis> found;
        for (std::size_t rank = 0; rank < top.size(); ++rank) {
            const Candidate& c = top[rank];
            const bool ends = options_.stops(c.id) || n == options_.max_new;
            all_end = all_end && ends;
            std::vector<Id> ids = running_[static_cast<std::size_t>(c.parent)].ids;
            ids.push_back(c.id);
            if (ends && rank < width()) found.push_back({ids, c.sum / length_factor(n)});
            else if (!ends && next.size() < width()) next.push_back({std::move(ids), c.sum, c.parent});
        }
        if (improvable_ && !(options_.early_stopping == EarlyStopping::yes && full())) keep(std::move(found));
        if (all_end || next.empty()) {
            finished_ = true;
            return;
        }
        running_ = std::move(next);
        stop_test(n);
    }

private:
    struct Candidate {
        double sum;
        Index parent;
        Id id;
    };

    std::size_t width() const { return static_cast<std::size_t>(options_.beams); }
    bool full() const { return done_.size() == width(); }
    double length_factor(Index n) const { return std::pow(static_cast<double>(n), options_.length_penalty); }

    // The max(2, 1 + stop words) * beams best continuations of all running hypotheses, the best first.
    std::vector<Candidate> candidates(const std::vector<std::vector<float>>& scores) const {
        if (scores.size() != running_.size())
            fail<UsageError>("beam search: ", running_.size(), " rows of scores are needed; got ", scores.size());
        const std::size_t k = std::max<std::size_t>(2, 1 + options_.stop.size()) * width();
        std::vector<Candidate> all;
        for (std::size_t r = 0; r < scores.size(); ++r) {
            const std::vector<double> log_p = log_probabilities(scores[r]);
            for (std::size_t v = 0; v < log_p.size(); ++v)
                if (log_p[v] > -1e30) all.push_back({running_[r].sum + log_p[v], static_cast<Index>(r), static_cast<Id>(v)});
        }
        const std::size_t kept = std::min(k, all.size());
        std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(), [](const Candidate& a, const Candidate& b) {
            return a.sum != b.sum ? a.sum > b.sum : a.parent != b.parent ? a.parent < b.parent : a.id < b.id;
        });
        all.resize(kept);
        return all;
    }

    void keep(std::vector<Hypothesis> found) {
        for (Hypothesis& h : found) done_.push_back(std::move(h));
        std::stable_sort(done_.begin(), done_.end(), [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
        if (done_.size() > width()) done_.resize(width());
    }

    void stop_test(Index n) {
        const bool optimist = options_.early_stopping == EarlyStopping::never && options_.length_penalty > 0;
        const double best = running_[0].sum / length_factor(optimist ? options_.max_new : n);
        if (full() && !(best > done_.back().score)) improvable_ = false;
        finished_ = !improvable_ || (options_.early_stopping == EarlyStopping::yes && full());
    }

    SearchOptions options_;
    std::vector<Running> running_;
    std::vector<Hypothesis> done_;
    bool improvable_ = true, finished_ = false;
};

}  // namespace svad::infer
