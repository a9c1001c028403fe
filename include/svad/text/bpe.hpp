// SPDX-License-Identifier: Apache-2.0
// Byte pair encoding (Gage 1994; Sennrich et al. 2016) over ids: applying merges. bpe_trainer.hpp learns them.
//
// Promise: the lowest rank is applied first, the leftmost on a tie, in n log n.
// Rejected: a scan for the best pair in each round (quadratic in the piece).
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

/// Merges the ids of one piece in place: lowest rank first, leftmost first on a tie. find(pair) gives the Merge of a
/// pair, with id -1 if there is none. `lengths`, one for each id, are added up.
template <class Find>
void apply_merges(std::vector<std::int32_t>& ids, std::vector<std::uint32_t>& lengths, Find find) {
    struct Candidate {
        std::int32_t rank, at;
        IdPair pair;
        std::int32_t id;
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
        if (const Merge found = find(pair); found.id >= 0) queue.push({found.rank, left, pair, found.id});
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
        id(best.at) = best.id;
        id(right) = -1;
        lengths[at] += lengths[static_cast<std::size_t>(right)];
        next[at] = next[static_cast<std::size_t>(right)];
        if (next[at] < n) previous[static_cast<std::size_t>(next[at])] = best.at;
        offer(previous[at], best.at);
        offer(best.at, next[at]);
    }
    std::size_t out = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (ids[i] < 0) continue;
        ids[out] = ids[i];
        lengths[out++] = lengths[i];
    }
    ids.resize(out);
    lengths.resize(out);
}

/// As above with a table of merges, for ids alone.
inline void apply_merges(std::vector<std::int32_t>& ids, const MergeTable& table) {
    std::vector<std::uint32_t> lengths(ids.size());
    apply_merges(ids, lengths, [&](IdPair pair) {
        const auto found = table.find(pair);
        return found == table.end() ? Merge{0, -1} : found->second;
    });
}

}  // namespace svad::text
