// SPDX-License-Identifier: Apache-2.0
// The wide loop against the plain one, over all colours and over awkward numbers of pixels.
#include "svad/video/hsv_delta.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace svad::video;
using namespace svad::video::detail;

TEST_CASE("hsv_replace: all 2^24 colours are those of to_hsv") {
    std::vector<std::uint8_t> rgb(65536 * 3);
    std::vector<std::uint32_t> got(65536);
    HsvSums sums;
    std::size_t wrong = 0;
    for (std::uint32_t red = 0; red < 256; ++red) {
        for (std::uint32_t i = 0; i < 65536; ++i) {
            rgb[3 * i] = static_cast<std::uint8_t>(red);
            rgb[3 * i + 1] = static_cast<std::uint8_t>(i >> 8);
            rgb[3 * i + 2] = static_cast<std::uint8_t>(i & 255);
        }
        hsv_replace(rgb.data(), got.data(), got.size(), sums);
        for (std::size_t i = 0; i < got.size(); ++i)
            wrong += got[i] != packed_hsv(to_hsv(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2])) ? 1U : 0U;
    }
    CHECK(wrong == 0);
}

TEST_CASE("hsv_replace: sums and colours of any number of pixels are those of the plain loop, and nothing else is touched") {
    for (const std::size_t pixels : {0U, 1U, 7U, 8U, 9U, 10U, 11U, 18U, 63U, 100U}) {
        std::vector<std::uint8_t> rgb(pixels * 3);
        for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<std::uint8_t>(i * 2654435761U >> 11);
        std::vector<std::uint32_t> wide(pixels + 1, 0x00785a3c), plain = wide;
        HsvSums a, b;
        hsv_replace(rgb.data(), wide.data(), pixels, a);
        hsv_replace_plain(rgb.data(), plain.data(), pixels, b);
        CAPTURE(pixels);
        CHECK(wide == plain);
        CHECK(a.hue == b.hue);
        CHECK(a.saturation == b.saturation);
        CHECK(a.value == b.value);
        CHECK(wide.back() == 0x00785a3c);
    }
}
