// SPDX-License-Identifier: Apache-2.0
// Rows of figures whose cuts follow from the rules by hand.
#include "svad/video/shot_rules.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace svad;
using namespace svad::video;

namespace {

/// Cuts of a video of `frames` frames of which those in `above` are above the threshold.
std::vector<Index> cuts(LeastLength rule, Index frames, const std::set<Index>& above) {
    std::vector<Index> out;
    for (Index i = 0; i < frames; ++i)
        if (const auto cut = rule.next(above.contains(i))) out.push_back(*cut);
    return out;
}

std::vector<Index> adaptive_cuts(const AdaptiveOptions& options, const std::vector<double>& values) {
    AdaptiveRule rule{options};
    std::vector<Index> out;
    for (const double v : values)
        if (const auto cut = rule.next(v)) out.push_back(*cut);
    return out;
}

using List = std::vector<Index>;

}  // namespace

TEST_CASE("LeastLength: without a least length every frame above the threshold is a cut") {
    CHECK(cuts(LeastLength{0}, 10, {1, 2, 7}) == List{1, 2, 7});
}

TEST_CASE("LeastLength: a cut too near to the start is not told, and later ones count from it") {
    CHECK(cuts(LeastLength{15}, 60, {10}) == List{});
    CHECK(cuts(LeastLength{15}, 60, {10, 24}) == List{});      // 14 after the last frame above
    CHECK(cuts(LeastLength{15}, 60, {10, 25}) == List{25});    // 15 after it
    CHECK(cuts(LeastLength{15}, 60, {15}) == List{15});
}

TEST_CASE("LeastLength: merging tells a run of close cuts once, at its last frame") {
    // 20 is a cut; 30, 40 and 45 are too close: merging from 30, its last frame 45 is 15 later; told 15 frames after that.
    CHECK(cuts(LeastLength{15}, 100, {20, 30, 40, 45}) == List{20, 45});
    CHECK(cuts(LeastLength{15}, 60, {20, 30, 40, 45}) == List{20});    // the video ends before frame 60
    CHECK(cuts(LeastLength{15}, 61, {20, 30, 40, 45}) == List{20, 45});
}

TEST_CASE("LeastLength: a merged run shorter than the least length waits for the next frame above") {
    CHECK(cuts(LeastLength{15}, 200, {20, 30, 40}) == List{20});
    CHECK(cuts(LeastLength{15}, 200, {20, 30, 40, 100}) == List{20, 100});
}

TEST_CASE("LeastLength: suppression counts from the last cut that was told") {
    CHECK(cuts(LeastLength{15, ShortShots::suppress}, 100, {10, 15, 20, 29, 30, 44, 45}) == List{15, 30, 45});
}

TEST_CASE("AdaptiveRule: a frame three times its neighbours and above the least value is a cut") {
    const AdaptiveOptions options{.window = 1, .least_length = 1};
    CHECK(adaptive_cuts(options, {0, 10, 30, 10, 10}) == List{2});
    CHECK(adaptive_cuts(options, {0, 10, 29.9, 10, 10}) == List{});
    CHECK(adaptive_cuts(options, {0, 4, 14, 4, 4}) == List{});   // 3.5 times, but below 15
}

TEST_CASE("AdaptiveRule: neighbours that do not move at all give the largest ratio") {
    AdaptiveRule rule{{.window = 1, .least_length = 1}};
    (void)rule.next(0);
    CHECK_FALSE(rule.ratio());
    (void)rule.next(20);
    CHECK(rule.next(0) == Index{1});
    CHECK(rule.ratio() == 255.0);
    AdaptiveRule still{{.window = 1}};
    for (int i = 0; i < 3; ++i) (void)still.next(0);
    CHECK(still.ratio() == 0.0);
}

TEST_CASE("AdaptiveRule: the least length counts from frame 0 and then from each cut") {
    std::vector<double> values(60, 1.0);
    for (const std::size_t i : {5U, 20U, 34U, 35U, 50U}) values[i] = 40;
    CHECK(adaptive_cuts({.window = 1, .least_length = 15}, values) == List{20, 50});   // 34 and 35 hide each other
    CHECK(adaptive_cuts({.window = 1, .least_length = 5}, values) == List{5, 20, 50});
}

TEST_CASE("AdaptiveRule: a window of no frames is refused") {
    CHECK_THROWS_AS(AdaptiveRule{{.window = 0}}, UsageError);
    CHECK_THROWS_AS(AdaptiveRule{{.window = 1'000'000}}, UsageError);
}
