// SPDX-License-Identifier: Apache-2.0
#include "../../examples/svad/retry.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

using namespace tool;
using svad::text::ModelError;
using Kind = Outcome::Kind;

namespace {

/// Runs with_retries on outcomes in turn; the waits go to `waits`, and the tries made are counted.
struct Script {
    std::vector<Outcome> outcomes;
    std::vector<double> waits{};
    std::size_t tries = 0;

    std::string run(const RetryPolicy& policy, std::uint64_t stream = 1) {
        return with_retries(policy, stream, [&] { return outcomes.at(std::min(tries++, outcomes.size() - 1)); },
                            [&](double s) { waits.push_back(s); }).text;
    }
};

const Outcome busy{Kind::again, {}, "busy", {}};
const Outcome good{Kind::reply, {"yes", 1, 1}, "", {}};

}  // namespace

TEST_CASE("retry: the first reply ends it; tries before it cost one wait each") {
    Script at_once{{good}}, third{{busy, busy, good}};
    CHECK(at_once.run({}) == "yes");
    CHECK(at_once.waits.empty());
    CHECK(third.run({}) == "yes");
    CHECK(third.tries == 3);
    CHECK(third.waits.size() == 2);
}

TEST_CASE("retry: tries are bounded, and the error is the last problem with their number") {
    Script s{{busy}};
    CHECK_THROWS_WITH_AS(s.run({.tries = 4}), "busy (4 tries)", ModelError);
    CHECK(s.tries == 4);
    CHECK(s.waits.size() == 3);
    Script one{{busy}};
    CHECK_THROWS_WITH_AS(one.run({.tries = 1}), "busy (1 try)", ModelError);
    CHECK(one.waits.empty());
}

TEST_CASE("retry: what would end alike again is not tried again") {
    Script s{{busy, {Kind::never, {}, "no such model", {}}, good}};
    CHECK_THROWS_WITH_AS(s.run({}), "no such model", ModelError);
    CHECK(s.tries == 2);
}

TEST_CASE("retry: waits double, jitter takes at most half of them, none is above the limit") {
    Script s{{busy}};
    const RetryPolicy policy{.tries = 12, .first = 0.5, .longest = 20};
    CHECK_THROWS_AS(s.run(policy), ModelError);
    double whole = 0.5;
    for (const double wait : s.waits) {
        CHECK(wait >= whole / 2);
        CHECK(wait <= whole);
        whole = std::min(20.0, 2 * whole);
    }
    CHECK(s.waits.size() == 11);
    svad::Random random{1};
    CHECK(wait_seconds(policy, std::numeric_limits<int>::max(), {}, random) <= 20);
}

TEST_CASE("retry: waits are a function of seed and stream") {
    const auto waits = [](std::uint64_t seed, std::uint64_t stream) {
        Script s{{busy}};
        CHECK_THROWS_AS(s.run({.seed = seed}, stream), ModelError);
        return s.waits;
    };
    CHECK(waits(1, 1) == waits(1, 1));
    CHECK(waits(1, 1) != waits(1, 2));
    CHECK(waits(1, 1) != waits(2, 1));
}

TEST_CASE("retry: a wait that the server asks for is kept up to the limit and does not move later ones") {
    Script zero{{{Kind::again, {}, "busy", 0.0}, busy, good}}, plain{{busy, busy, good}}, long_one{{{Kind::again, {}, "busy", 1e9}, good}};
    CHECK(zero.run({}) == "yes");
    CHECK(plain.run({}) == "yes");
    CHECK(long_one.run({.longest_asked = 60}) == "yes");
    CHECK(zero.waits[0] == 0);
    CHECK(zero.waits[1] == plain.waits[1]);
    CHECK(long_one.waits[0] == 60);
    svad::Random random{1};
    CHECK(wait_seconds({}, 0, -5.0, random) == 0);
    CHECK(wait_seconds({}, 0, std::numeric_limits<double>::quiet_NaN(), random) <= 0.5);
}
