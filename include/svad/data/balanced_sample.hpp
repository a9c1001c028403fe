// SPDX-License-Identifier: Apache-2.0
// A sample that is uniform over categories (the paper's 3.2: clips are taken evenly from its sub-categories).
//
// Promise: the choice depends on the ids, their categories, the size and the seed, never on the order given. Categories that
// have too few give all they have; what they lack is spread evenly over the others. Items and categories are ranked by a hash
// of the seed and their name instead of being shuffled, so adding an item moves few others.
#pragma once

#include "svad/core/error.hpp"
#include "svad/core/random.hpp"
#include "svad/core/shape.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace svad::data {

/// Something that can be chosen.
struct Candidate {
    std::string id, category;
};

/// A place in a fixed random order: ascending ranks are a shuffle that depends on the seed and the name only.
[[nodiscard]] inline std::uint64_t seeded_rank(std::uint64_t seed, const std::string& name) {
    std::uint64_t z = stable_hash(name) + (seed + 1) * 0x9E3779B97F4A7C15u;   // then SplitMix64's finish
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/// How many each category gives so that `total` are taken as evenly as the numbers `available` allow.
[[nodiscard]] inline std::map<std::string, Index> even_shares(const std::map<std::string, Index>& available, Index total, std::uint64_t seed) {
    std::vector<std::pair<std::uint64_t, std::string>> order;
    for (const auto& [name, n] : available) order.emplace_back(seeded_rank(seed, name), name);
    std::sort(order.begin(), order.end());
    std::map<std::string, Index> shares;
    for (const auto& [name, n] : available) shares[name] = 0;
    for (Index left = total; left > 0;) {
        std::vector<std::string> open;
        for (const auto& [rank, name] : order)
            if (shares[name] < available.at(name)) open.push_back(name);
        if (open.empty()) break;
        const Index each = std::max<Index>(1, left / static_cast<Index>(open.size()));
        for (const std::string& name : open) {
            const Index more = std::min({each, left, available.at(name) - shares[name]});
            shares[name] += more;
            left -= more;
        }
    }
    return shares;
}

/// The places of `total` candidates (or of all, if there are fewer), ascending. Throws UsageError for a negative total.
[[nodiscard]] inline std::vector<std::size_t> balanced_sample(const std::vector<Candidate>& candidates, Index total, std::uint64_t seed) {
    if (total < 0) fail<UsageError>("balanced sample: the size should not be negative; got ", total);
    std::map<std::string, std::vector<std::pair<std::uint64_t, std::size_t>>> ranked;
    std::map<std::string, Index> available;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        ranked[candidates[i].category].emplace_back(seeded_rank(seed, candidates[i].id), i);
        ++available[candidates[i].category];
    }
    std::vector<std::size_t> chosen;
    for (const auto& [category, share] : even_shares(available, total, seed)) {
        auto& all = ranked[category];
        std::sort(all.begin(), all.end(), [&](const auto& a, const auto& b) {
            return std::tie(a.first, candidates[a.second].id) < std::tie(b.first, candidates[b.second].id);
        });
        for (Index i = 0; i < share; ++i) chosen.push_back(all[static_cast<std::size_t>(i)].second);
    }
    std::sort(chosen.begin(), chosen.end());
    return chosen;
}

}  // namespace svad::data
