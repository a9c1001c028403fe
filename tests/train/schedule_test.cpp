// SPDX-License-Identifier: Apache-2.0
#include "svad/train/schedule.hpp"

#include <doctest/doctest.h>

using namespace svad;

TEST_CASE("schedule: the warm-up is a line from 0 to the peak") {
    for (const Decay decay : {Decay::cosine, Decay::linear, Decay::none}) {
        const Schedule s{.peak = 2, .warmup = 4, .total = 20, .decay = decay};
        CHECK(s(0) == 0);
        CHECK(s(2) == doctest::Approx(1));
        CHECK(s(4) == doctest::Approx(2));
    }
}

TEST_CASE("schedule: cosine and linear are at half the peak half-way and end at zero or at the floor") {
    for (const Decay decay : {Decay::cosine, Decay::linear}) {
        const Schedule s{.peak = 2, .warmup = 4, .total = 20, .decay = decay}, kept{.peak = 2, .total = 20, .decay = decay, .floor = 0.1};
        CHECK(s(12) == doctest::Approx(1));
        CHECK(s(20) == doctest::Approx(0));
        CHECK(kept(20) == doctest::Approx(0.2));
        CHECK(kept(1000) >= 0.2 - 1e-12);
    }
    CHECK(Schedule{.peak = 2, .total = 20, .decay = Decay::none}(1000) == 2);
}
