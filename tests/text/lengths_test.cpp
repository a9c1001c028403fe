// SPDX-License-Identifier: Apache-2.0
#include "svad/text/lengths.hpp"

#include <doctest/doctest.h>

using namespace svad::text;
using Pair = std::pair<std::size_t, std::size_t>;

TEST_CASE("kept_lengths: what fits stays, and special tokens take their room first") {
    CHECK(kept_lengths({8}, 5, 3, true, 0) == Pair{5, 3});
    CHECK(kept_lengths({8}, 9, 0, false, 2) == Pair{6, 0});
    CHECK(kept_lengths({2}, 9, 4, true, 2) == Pair{0, 0});
}

TEST_CASE("kept_lengths: the longer text gives first, then both are halved and the longer keeps the odd id") {
    CHECK(kept_lengths({9}, 10, 3, true, 0) == Pair{6, 3});
    CHECK(kept_lengths({9}, 3, 10, true, 0) == Pair{3, 6});
    CHECK(kept_lengths({5}, 5, 4, true, 0) == Pair{3, 2});
    CHECK(kept_lengths({5}, 4, 5, true, 0) == Pair{2, 3});
    CHECK(kept_lengths({5}, 4, 4, true, 0) == Pair{2, 3});
    CHECK(kept_lengths({5}, 20, 30, true, 0) == Pair{2, 3});
}

TEST_CASE("kept_lengths: all that fits is used, whatever the lengths") {
    for (std::size_t room = 1; room < 9; ++room)
        for (std::size_t a = 0; a < 12; ++a)
            for (std::size_t b = 0; b < 12; ++b) {
                const Pair kept = kept_lengths({room}, a, b, true, 0);
                CHECK(kept.first + kept.second == std::min(room, a + b));
                CHECK(kept.first <= a);
                CHECK(kept.second <= b);
            }
}

TEST_CASE("kept_lengths: the one text that may be cut must be there and longer than what is too much") {
    CHECK(kept_lengths({6, CutStrategy::only_first}, 5, 4, true, 0) == Pair{2, 4});
    CHECK(kept_lengths({6, CutStrategy::only_second}, 5, 4, true, 0) == Pair{5, 1});
    CHECK_THROWS_AS((void)kept_lengths({5, CutStrategy::only_second}, 5, 4, true, 0), svad::UsageError);
    CHECK_THROWS_AS((void)kept_lengths({4, CutStrategy::only_second}, 5, 0, false, 0), svad::UsageError);
    CHECK(kept_lengths({5, CutStrategy::only_second}, 5, 0, false, 0) == Pair{5, 0});
}

TEST_CASE("Padding: lengths are rounded up, and what is longer than a fixed length is left alone") {
    CHECK(Padding{}.filled(5) == 5);
    CHECK(Padding{.length = {}, .multiple_of = 4}.filled(5) == 8);
    CHECK(Padding{.length = {6}, .multiple_of = 4}.filled(5) == 8);
    CHECK(Padding{.length = {6}, .multiple_of = 4}.filled(9) == 9);
}
