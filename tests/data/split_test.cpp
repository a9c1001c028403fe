// SPDX-License-Identifier: Apache-2.0
// Splits without leakage: groups stay together, categories give their share, order changes nothing.
#include "svad/data/split.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::data;

namespace {

std::vector<SplitVideo> videos(int n) {
    std::vector<SplitVideo> out;
    for (int i = 0; i < n; ++i) {
        const std::string id = join("v", i);
        out.push_back({id, i % 3 == 0 ? "rare" : "common", i % 7 == 1 ? "g" + std::to_string(i / 28) : id});
    }
    return out;
}

}  // namespace

TEST_CASE("split: no group is on both sides, and every category gives its share") {
    const std::vector<SplitVideo> all = videos(300);
    const std::vector<bool> test = test_side(all, 0.2, 9);
    std::map<std::string, bool> side;
    std::map<std::string, std::pair<int, int>> counts;
    for (std::size_t i = 0; i < all.size(); ++i) {
        CHECK(side.try_emplace(all[i].group, test[i]).first->second == test[i]);
        ++counts[all[i].category].second;
        counts[all[i].category].first += test[i];
    }
    for (const auto& [category, n] : counts) CHECK(n.first == doctest::Approx(0.2 * n.second).epsilon(0.05));
}

TEST_CASE("split: order changes nothing, the seed does, and the ends of the share are exact") {
    std::vector<SplitVideo> all = videos(90);
    const auto chosen = [&](double share, std::uint64_t seed) {
        std::vector<std::string> ids;
        const std::vector<bool> test = test_side(all, share, seed);
        for (std::size_t i = 0; i < all.size(); ++i)
            if (test[i]) ids.push_back(all[i].id);
        std::sort(ids.begin(), ids.end());
        return ids;
    };
    const auto before = chosen(0.3, 2);
    std::reverse(all.begin(), all.end());
    CHECK(chosen(0.3, 2) == before);
    CHECK(chosen(0.3, 3) != before);
    CHECK(chosen(0, 2).empty());
    CHECK(chosen(1, 2).size() == all.size());
    CHECK_THROWS_AS((void)chosen(1.1, 2), UsageError);
}
