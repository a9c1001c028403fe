// SPDX-License-Identifier: Apache-2.0
// Longest common subsequences: small ones by hand, random ones against the table.
#include "svad/metrics/subsequence.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using svad::metrics::CommonSubsequence;
using Words = std::vector<std::uint32_t>;

namespace {

std::size_t by_table(const Words& a, const Words& b) {
    std::vector<std::vector<std::size_t>> best(a.size() + 1, std::vector<std::size_t>(b.size() + 1, 0));
    for (std::size_t i = 0; i < a.size(); ++i)
        for (std::size_t j = 0; j < b.size(); ++j)
            best[i + 1][j + 1] = a[i] == b[j] ? best[i][j] + 1 : std::max(best[i][j + 1], best[i + 1][j]);
    return best[a.size()][b.size()];
}

}  // namespace

TEST_CASE("common subsequence: of nothing 0, of itself all, of words apart those in order") {
    CommonSubsequence compare;
    compare.set(Words{});
    CHECK(compare.length(Words{1, 2}) == 0);
    compare.set(Words{1, 2, 3, 4});
    CHECK(compare.length(Words{1, 2, 3, 4}) == 4);
    CHECK(compare.length(Words{4, 3, 2, 1}) == 1);
    CHECK(compare.length(Words{9, 1, 9, 3, 9}) == 2);
    CHECK(compare.length(Words{}) == 0);
}

TEST_CASE("common subsequence: as the table says, over borders of 64 words, few words and many") {
    svad::Random random{3};
    CommonSubsequence compare;   // one for all: nothing may stay from the caption before
    const auto words = [&](svad::Index length, svad::Index kinds) {
        Words all;
        for (svad::Index k = 0; k < length; ++k) all.push_back(static_cast<std::uint32_t>(random.below(kinds)));
        return all;
    };
    for (const svad::Index length : {1, 20, 63, 64, 65, 128, 300})
        for (const svad::Index kinds : {1, 2, 9, 500}) {
            CAPTURE(length);
            CAPTURE(kinds);
            const Words caption = words(length, kinds);
            compare.set(caption);
            for (const svad::Index other : {1, 50, 200}) {
                const Words reference = words(other, kinds);
                CHECK(compare.length(reference) == by_table(caption, reference));
            }
        }
}
