// SPDX-License-Identifier: Apache-2.0
// Colours whose hue, saturation and value can be told by hand, and what holds for all of them.
#include "svad/video/hsv.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace svad::video;

TEST_CASE("to_hsv: gray has neither hue nor saturation") {
    for (int v = 0; v < 256; ++v) {
        const auto byte = static_cast<std::uint8_t>(v);
        CHECK(to_hsv(byte, byte, byte) == Hsv{0, 0, byte});
    }
}

TEST_CASE("to_hsv: the six pure colours are 30 steps of hue apart") {
    CHECK(to_hsv(255, 0, 0) == Hsv{0, 255, 255});
    CHECK(to_hsv(255, 255, 0) == Hsv{30, 255, 255});
    CHECK(to_hsv(0, 255, 0) == Hsv{60, 255, 255});
    CHECK(to_hsv(0, 255, 255) == Hsv{90, 255, 255});
    CHECK(to_hsv(0, 0, 255) == Hsv{120, 255, 255});
    CHECK(to_hsv(255, 0, 255) == Hsv{150, 255, 255});
}

TEST_CASE("to_hsv: a hue just below red is at the end of the circle") {
    CHECK(to_hsv(255, 0, 5) == Hsv{179, 255, 255});   // -5 * 30 / 255 = -0.59
    CHECK(to_hsv(200, 100, 100) == Hsv{0, 127, 200});   // (100 * 5222 + 2048) / 4096; exact would be 127.5
}

TEST_CASE("to_hsv: every colour is within one step of exact arithmetic") {
    int worst_hue = 0, worst_saturation = 0;
    for (int r = 0; r < 256; r += 5)
        for (int g = 0; g < 256; g += 3)
            for (int b = 0; b < 256; b += 7) {
                const Hsv got =
                    to_hsv(static_cast<std::uint8_t>(r), static_cast<std::uint8_t>(g), static_cast<std::uint8_t>(b));
                const int value = std::max({r, g, b}), spread = value - std::min({r, g, b});
                REQUIRE(got.value == value);
                REQUIRE(got.hue < 180);
                if (spread == 0) continue;
                const double sixths = value == r ? g - b : value == g ? b - r + 2 * spread : r - g + 4 * spread;
                const int hue = (static_cast<int>(std::lround(30 * sixths / spread)) + 180) % 180;
                const int apart = std::abs(got.hue % 180 - hue);
                worst_hue = std::max(worst_hue, std::min(apart, 180 - apart));
                const int saturation = static_cast<int>(std::lround(255.0 * spread / value));
                worst_saturation = std::max(worst_saturation, std::abs(got.saturation - saturation));
            }
    CHECK(worst_hue <= 1);
    CHECK(worst_saturation <= 1);
}
