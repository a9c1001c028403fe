// SPDX-License-Identifier: Apache-2.0
// Even samples: shares, independence of order, and what a seed changes.
#include "svad/data/balanced_sample.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace svad;
using namespace svad::data;

namespace {

std::vector<Candidate> candidates(const std::map<std::string, int>& sizes) {
    std::vector<Candidate> out;
    for (const auto& [category, n] : sizes)
        for (int i = 0; i < n; ++i) out.push_back({join(category, i), category});
    return out;
}

std::set<std::string> ids(const std::vector<Candidate>& all, const std::vector<std::size_t>& chosen) {
    std::set<std::string> out;
    for (const std::size_t i : chosen) out.insert(all[i].id);
    return out;
}

}  // namespace

TEST_CASE("even shares: small categories give all, the others share the rest") {
    CHECK(even_shares({{"a", 100}, {"b", 2}, {"c", 50}}, 32, 1) == std::map<std::string, Index>{{"a", 15}, {"b", 2}, {"c", 15}});
    CHECK(even_shares({{"a", 1}, {"b", 2}}, 10, 1) == std::map<std::string, Index>{{"a", 1}, {"b", 2}});
    const auto odd = even_shares({{"a", 9}, {"b", 9}, {"c", 9}}, 10, 3);
    CHECK(odd.at("a") + odd.at("b") + odd.at("c") == 10);
    for (const auto& [name, n] : odd) CHECK((n == 3 || n == 4));
}

TEST_CASE("balanced sample: the order of the candidates changes nothing, the seed does") {
    std::vector<Candidate> all = candidates({{"a", 40}, {"b", 7}, {"c", 23}});
    const auto chosen = ids(all, balanced_sample(all, 21, 5));
    CHECK(chosen.size() == 21);
    std::reverse(all.begin(), all.end());
    CHECK(ids(all, balanced_sample(all, 21, 5)) == chosen);
    CHECK(ids(all, balanced_sample(all, 21, 6)) != chosen);
    CHECK(balanced_sample(all, 1000, 5).size() == 70);
    CHECK(balanced_sample(all, 0, 5).empty());
    CHECK_THROWS_AS((void)balanced_sample(all, -1, 5), UsageError);
}
