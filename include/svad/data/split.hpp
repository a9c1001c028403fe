// SPDX-License-Identifier: Apache-2.0
// Training and test side of a collection of videos, without leakage.
//
// Promise: a video is on one side with all its clips, a group of near duplicates too, and every category gives its share to the
// test side as nearly as its groups allow. The choice depends on ids, categories, groups and the seed only, not on the order
// given. Large groups are placed first: a small one can still even out what they left.
#pragma once

#include "svad/data/balanced_sample.hpp"

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace svad::data {

/// A video and the group of near duplicates it belongs to (any name; videos of one name stay together).
struct SplitVideo {
    std::string id, category, group;
};

namespace detail {

/// Videos that stay together: their number in each category, and the rank of the group.
struct SplitGroup {
    std::vector<std::size_t> videos;
    std::map<std::string, Index> categories;
    std::string name;   // the least id
};

inline std::vector<SplitGroup> ordered_groups(const std::vector<SplitVideo>& videos, std::uint64_t seed) {
    std::map<std::string, SplitGroup> by_name;
    for (std::size_t i = 0; i < videos.size(); ++i) {
        SplitGroup& group = by_name[videos[i].group];
        if (group.name.empty() || videos[i].id < group.name) group.name = videos[i].id;
        group.videos.push_back(i);
        ++group.categories[videos[i].category];
    }
    std::vector<SplitGroup> groups;
    for (auto& [name, group] : by_name) groups.push_back(std::move(group));
    std::sort(groups.begin(), groups.end(), [&](const SplitGroup& a, const SplitGroup& b) {
        if (a.videos.size() != b.videos.size()) return a.videos.size() > b.videos.size();
        const std::pair left{seeded_rank(seed, a.name), a.name}, right{seeded_rank(seed, b.name), b.name};
        return left < right;
    });
    return groups;
}

}  // namespace detail

/// For each video whether it is on the test side; `share` of each category's videos is wanted there. Throws UsageError for a
/// share outside [0, 1].
[[nodiscard]] inline std::vector<bool> test_side(const std::vector<SplitVideo>& videos, double share, std::uint64_t seed) {
    if (!(share >= 0 && share <= 1)) fail<UsageError>("split: the test share should be 0 to 1; got ", share);
    std::map<std::string, Index> missing;   // test videos that a category still lacks
    for (const SplitVideo& video : videos) ++missing[video.category];
    for (auto& [category, n] : missing) n = static_cast<Index>(std::lround(share * static_cast<double>(n)));
    std::vector<bool> test(videos.size(), false);
    for (const detail::SplitGroup& group : detail::ordered_groups(videos, seed)) {
        // A group goes over if that brings the categories closer to their shares than leaving it.
        Index gain = 0;
        for (const auto& [category, n] : group.categories) gain += std::abs(missing[category]) - std::abs(missing[category] - n);
        if (gain <= 0) continue;
        for (const auto& [category, n] : group.categories) missing[category] -= n;
        for (const std::size_t i : group.videos) test[i] = true;
    }
    return test;
}

}  // namespace svad::data
