// SPDX-License-Identifier: Apache-2.0
// Videos of flat colours, whose differences are known.
#include "svad/video/hash_shots.hpp"
#include "svad/video/shots.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::video;

namespace {

Tensor<std::uint8_t> flat(std::uint8_t r, std::uint8_t g, std::uint8_t b, Index height = 18, Index width = 32) {
    Tensor<std::uint8_t> frame({height, width, 3});
    for (Index i = 0; i < frame.numel(); i += 3) frame[i] = r, frame[i + 1] = g, frame[i + 2] = b;
    return frame;
}

/// Stripes of a given width, across or down.
Tensor<std::uint8_t> stripes(Index width, bool across) {
    Tensor<std::uint8_t> frame({64, 64, 3});
    for (Index i = 0; i < frame.numel(); ++i) {
        const Index y = i / 3 / 64, x = i / 3 % 64;
        frame[i] = (across ? y : x) / width % 2 == 0 ? 220 : 30;
    }
    return frame;
}

/// Squares of 8 pixels, light or dark in no order, or their negative.
Tensor<std::uint8_t> squares(bool negative) {
    Tensor<std::uint8_t> frame({64, 64, 3});
    for (Index i = 0; i < frame.numel(); ++i) {
        const Index square = i / 3 / 64 / 8 * 8 + i / 3 % 64 / 8;
        const bool light = (static_cast<std::uint64_t>(square + 1) * 0x9E3779B97F4A7C15u >> 60) < 8;
        frame[i] = light != negative ? 220 : 30;
    }
    return frame;
}

}  // namespace

TEST_CASE("shots_between: cuts part the frames, in order and without empty shots") {
    CHECK(shots_between({}, 5) == std::vector<Shot>{{0, 5}});
    CHECK(shots_between({2, 4}, 5) == std::vector<Shot>{{0, 2}, {2, 4}, {4, 5}});
    CHECK(shots_between({0, 2, 2, 5, 9}, 5) == std::vector<Shot>{{0, 2}, {2, 5}});
    CHECK(shots_between({1}, 0).empty());
}

TEST_CASE("FrameDifference: the parts are means of absolute differences of bytes") {
    FrameDifference difference;
    CHECK_FALSE(difference.next(flat(255, 0, 0)));
    const auto delta = difference.next(flat(0, 0, 100));   // hue 0 -> 120, saturation 255 -> 255, value 255 -> 100
    REQUIRE(delta);
    CHECK(delta->hue == 120);
    CHECK(delta->saturation == 0);
    CHECK(delta->value == 155);
    CHECK(content_value(*delta) == doctest::Approx(275.0 / 3));
    CHECK(content_value(*delta, {.hue = 0, .saturation = 1, .value = 1}) == doctest::Approx(77.5));
    CHECK(content_value(*difference.next(flat(0, 0, 100))) == 0);
}

TEST_CASE("FrameDifference: what is no image, or changes its size, is refused") {
    FrameDifference difference;
    CHECK_THROWS_AS((void)difference.next(Tensor<std::uint8_t>({4, 4})), ShapeError);
    CHECK_THROWS_AS((void)difference.next(Tensor<std::uint8_t>({4, 4, 4})), ShapeError);
    (void)difference.next(flat(1, 2, 3));
    CHECK_THROWS_AS((void)difference.next(flat(1, 2, 3, 18, 31)), ShapeError);
    CHECK_THROWS_AS((void)content_value({}, {0, 0, 0}), UsageError);
}

TEST_CASE("ContentDetector and AdaptiveDetector: a change of colour is one cut, where it happens") {
    ContentDetector content;
    AdaptiveDetector adaptive;
    std::vector<Index> by_content, by_neighbours;
    for (Index i = 0; i < 60; ++i) {
        const auto frame = i < 25 ? flat(200, 30, 30) : flat(30, 30, 200);
        if (const auto cut = content.next(frame)) by_content.push_back(*cut);
        if (const auto cut = adaptive.next(frame)) by_neighbours.push_back(*cut);
    }
    CHECK(by_content == std::vector<Index>{25});
    CHECK(by_neighbours == std::vector<Index>{25});
}

TEST_CASE("ContentDetector: a slow fade is no cut") {
    ContentDetector content;
    for (Index i = 0; i < 100; ++i) {
        const auto level = static_cast<std::uint8_t>(2 * i);
        CHECK_FALSE(content.next(flat(level, level, level)));
    }
}

TEST_CASE("perceptual_hash: brightness does not matter, structure does") {
    const auto dark = stripes(8, true);
    auto bright = dark.clone();
    for (Index i = 0; i < bright.numel(); ++i) bright[i] = static_cast<std::uint8_t>(dark[i] / 2);
    CHECK(perceptual_hash(dark).size() == 64);
    CHECK(perceptual_hash(dark) == perceptual_hash(bright));
    CHECK(perceptual_hash(dark) != perceptual_hash(stripes(8, false)));
}

TEST_CASE("perceptual_hash: a flat image has its mean only, a black one nothing") {
    std::vector<bool> mean_only(64, false);
    CHECK(perceptual_hash(flat(0, 0, 0)) == mean_only);
    mean_only[0] = true;
    CHECK(perceptual_hash(flat(90, 90, 90)) == mean_only);
    CHECK(perceptual_hash(flat(90, 90, 90, 1, 1)) == mean_only);   // smaller than the square it is brought to
}

TEST_CASE("perceptual_hash: wrong sizes and frames are refused") {
    CHECK_THROWS_AS((void)perceptual_hash(Tensor<std::uint8_t>({4, 4})), ShapeError);
    CHECK_THROWS_AS((void)perceptual_hash(flat(1, 1, 1), 1), UsageError);
    CHECK_THROWS_AS((void)perceptual_hash(flat(1, 1, 1), 8, 0), UsageError);
}

TEST_CASE("HashDetector: a new structure is a cut unless the shot would be too short") {
    HashDetector detector;
    std::vector<Index> cuts;
    for (Index i = 0; i < 60; ++i) {
        const bool negative = i < 10 || (i >= 20 && i < 30) || i >= 40;
        if (const auto cut = detector.next(squares(negative))) cuts.push_back(*cut);
        if (i == 5) CHECK(detector.distance().value() == 0);
        if (i == 10) CHECK(detector.distance().value() > 0.75);   // waves change their sign, the mean does not
    }
    CHECK(cuts == std::vector<Index>{20, 40});   // 10 is before frame 15, 30 only 10 after 20
}
