// SPDX-License-Identifier: Apache-2.0
// Byte pair encoding (Gage 1994; Sennrich et al. 2016) over ids: learning merges from counted words, applying them.
//
// Promise: training is a function of the multiset of words: the most frequent pair wins, a tie goes to the smaller
// pair of ids, overlapping pairs merge from the left; the count may not fall below min_frequency. These are the rules
// of Hugging Face's BpeTrainer, whose merges come out identically. Encoding applies the lowest rank first, the
// leftmost on a tie, in n log n.
// Rejected: recounting after each merge (quadratic); a scan for the best pair while encoding (quadratic in the piece).
#pragma once

#include "svad/core/error.hpp"
#include "svad/core/shape.hpp"

#include <algorithm>
#include <cstdint>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace svad::text {

/// Two neighbouring ids.
struct IdPair {
    std::int32_t left = 0, right = 0;
    auto operator<=>(const IdPair&) const = default;
};

/// Hash of an IdPair: both halves, mixed.
struct IdPairHash {
    std::size_t operator()(IdPair p) const {
        const auto high = static_cast<std::uint64_t>(static_cast<std::uint32_t>(p.left)) << 32;
        const std::uint64_t key = (high | static_cast<std::uint32_t>(p.right)) * 0x9E3779B97F4A7C15u;
        return static_cast<std::size_t>(key ^ (key >> 29));
    }
};

/// A merge in the table: applied in order of rank, gives `id`.
struct Merge {
    std::int32_t rank = 0, id = 0;
};

using MergeTable = std::unordered_map<IdPair, Merge, IdPairHash>;

/// Merges the ids of one piece in place as `table` says: lowest rank first, leftmost first on a tie.
inline void apply_merges(std::vector<std::int32_t>& ids, const MergeTable& table) {
    struct Candidate {
        std::int32_t rank, at;
        IdPair pair;
        bool operator<(const Candidate& other) const {   // priority_queue keeps the greatest on top
            return rank != other.rank ? rank > other.rank : at > other.at;
        }
    };
    const auto n = static_cast<std::int32_t>(ids.size());
    if (n < 2) return;
    std::vector<std::int32_t> next(ids.size()), previous(ids.size());
    std::priority_queue<Candidate> queue;
    const auto id = [&](std::int32_t i) -> std::int32_t& { return ids[static_cast<std::size_t>(i)]; };
    const auto offer = [&](std::int32_t left, std::int32_t right) {
        if (left < 0 || right >= n) return;
        const IdPair pair{id(left), id(right)};
        if (const auto found = table.find(pair); found != table.end()) queue.push({found->second.rank, left, pair});
    };
    for (std::int32_t i = 0; i < n; ++i) {
        next[static_cast<std::size_t>(i)] = i + 1;
        previous[static_cast<std::size_t>(i)] = i - 1;
        offer(i, i + 1);
    }
    while (!queue.empty()) {
        const Candidate best = queue.top();
        queue.pop();
        const auto at = static_cast<std::size_t>(best.at);
        const std::int32_t right = next[at];
        if (id(best.at) != best.pair.left || right >= n || id(right) != best.pair.right) continue;   // merged meanwhile
        id(best.at) = table.find(best.pair)->second.id;
        id(right) = -1;
        next[at] = next[static_cast<std::size_t>(right)];
        if (next[at] < n) previous[static_cast<std::size_t>(next[at])] = best.at;
        offer(previous[at], best.at);
        offer(best.at, next[at]);
    }
    std::erase(ids, -1);
}

/// A word of the training text as ids of symbols, and how often it occurs.
struct CountedWord {
    std::vector<std::int32_t> ids;
    std::int64_t count = 0;
};

/// When to stop learning merges.
struct BpeOptions {
    Index vocabulary = 1024;          ///< stop when there are so many tokens
    std::int64_t min_frequency = 1;   ///< stop when the best pair is rarer; below 1 counts as 1
    std::vector<std::string> never{};   ///< strings that no merge may make: the spelling of special tokens
};

namespace detail {

struct PairChange {
    IdPair pair;
    std::int64_t by;
};

/// Replaces `pair` by `id` in `ids` from the left and tells how the counts of the neighbouring pairs change.
inline void merge_word(std::vector<std::int32_t>& ids, IdPair pair, std::int32_t id, std::vector<PairChange>& changes) {
    changes.clear();
    std::size_t out = 0;
    for (std::size_t i = 0; i < ids.size(); ++out) {
        if (i + 1 >= ids.size() || ids[i] != pair.left || ids[i + 1] != pair.right) {
            ids[out] = ids[i++];
            continue;
        }
        if (out > 0) {
            changes.push_back({{ids[out - 1], pair.left}, -1});
            changes.push_back({{ids[out - 1], id}, +1});
        }
        i += 2;
        if (i < ids.size()) {
            changes.push_back({{pair.right, ids[i]}, -1});
            changes.push_back({{id, ids[i]}, +1});
        }
        ids[out] = id;
    }
    ids.resize(out);
}

/// A pair in the trainer's queue with the words that held it when it was put there.
struct QueuedPair {
    std::int64_t count;
    IdPair pair;
    std::vector<std::int32_t> words;
    bool operator<(const QueuedPair& other) const {
        return count != other.count ? count < other.count : pair > other.pair;
    }
};

using PairCounts = std::unordered_map<IdPair, std::int64_t, IdPairHash>;
using PairWords = std::unordered_map<IdPair, std::vector<std::int32_t>, IdPairHash>;

inline void enqueue(std::priority_queue<QueuedPair>& queue, PairWords& where, const PairCounts& counts) {
    for (auto& [pair, words] : where) {
        std::sort(words.begin(), words.end());
        words.erase(std::unique(words.begin(), words.end()), words.end());
        if (const std::int64_t count = counts.at(pair); count > 0) queue.push({count, pair, std::move(words)});
    }
    where.clear();
}

}  // namespace detail

/// Learns merges from `words`, appending a token to `tokens` (token strings in id order) for each merge that makes a
/// new string. Returns the pairs in the order learnt. Deterministic.
inline std::vector<IdPair> learn_merges(std::vector<CountedWord> words, std::vector<std::string>& tokens,
                                        const BpeOptions& options) {
    std::unordered_map<std::string, std::int32_t> id_of;
    for (std::size_t i = 0; i < tokens.size(); ++i) id_of.emplace(tokens[i], static_cast<std::int32_t>(i));
    detail::PairCounts counts;
    detail::PairWords where;
    for (std::size_t w = 0; w < words.size(); ++w) {
        const std::vector<std::int32_t>& ids = words[w].ids;
        for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
            counts[{ids[i], ids[i + 1]}] += words[w].count;
            where[{ids[i], ids[i + 1]}].push_back(static_cast<std::int32_t>(w));
        }
    }
    std::priority_queue<detail::QueuedPair> queue;
    detail::enqueue(queue, where, counts);
    std::vector<IdPair> merges;
    std::vector<detail::PairChange> changes;
    while (static_cast<Index>(tokens.size()) < options.vocabulary && !queue.empty()) {
        detail::QueuedPair top = queue.top();
        queue.pop();
        if (const std::int64_t now = counts[top.pair]; now != top.count) {   // out of date: back with today's count
            top.count = now;
            queue.push(std::move(top));
            continue;
        }
        if (top.count < std::max<std::int64_t>(1, options.min_frequency)) break;
        std::string made = tokens[static_cast<std::size_t>(top.pair.left)] + tokens[static_cast<std::size_t>(top.pair.right)];
        if (std::find(options.never.begin(), options.never.end(), made) != options.never.end()) continue;
        const auto [found, fresh] = id_of.emplace(made, static_cast<std::int32_t>(tokens.size()));
        if (fresh) tokens.push_back(std::move(made));
        merges.push_back(top.pair);
        for (const std::int32_t w : top.words) {
            CountedWord& word = words[static_cast<std::size_t>(w)];
            detail::merge_word(word.ids, top.pair, found->second, changes);
            for (const detail::PairChange& change : changes) {
                counts[change.pair] += change.by * word.count;
                if (change.by > 0) where[change.pair].push_back(w);
            }
        }
        detail::enqueue(queue, where, counts);
    }
    return merges;
}

}  // namespace svad::text
