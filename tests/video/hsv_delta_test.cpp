// SPDX-License-Identifier: Apache-2.0
// The wide loops against the plain one: all colours, awkward numbers of pixels, every kind of line.
#include "svad/video/hsv_delta.hpp"
#include "svad/video/yuv_rgb.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace svad::video;
using namespace svad::video::detail;

namespace {

std::vector<std::uint8_t> noise(std::size_t size, std::uint32_t seed) {
    std::vector<std::uint8_t> bytes(size);
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>((seed = seed * 1664525u + 1013904223u) >> 24);
    return bytes;
}

/// Whether two lines after one another give the same sums and colours by the best means and by the plain loop, and touch
/// nothing else.
template <class Line>
void check_lines(const Line& first, const Line& second, std::size_t pixels) {
    std::vector<std::uint8_t> wide(hsv_bytes(pixels) + 1, 0), plain = wide;
    wide.back() = plain.back() = 200;
    CAPTURE(pixels);
    for (const Line& line : {first, second}) {
        HsvSums a, b;
        hsv_replace(line, pixels, wide.data(), a);
        hsv_replace_plain(line, 0, pixels, plain.data(), b);
        CHECK(wide == plain);
        CHECK(a == b);
    }
}

constexpr std::size_t sizes[] = {0, 1, 2, 7, 30, 31, 32, 33, 63, 64, 65, 100};

}  // namespace

TEST_CASE("hsv_replace: all 2^24 colours are those of to_hsv") {
    std::vector<std::uint8_t> rgb(65536 * 3), got(hsv_bytes(65536));
    HsvSums sums;
    std::size_t wrong = 0;
    for (std::uint32_t red = 0; red < 256; ++red) {
        for (std::uint32_t i = 0; i < 65536; ++i) {
            rgb[3 * i] = static_cast<std::uint8_t>(red);
            rgb[3 * i + 1] = static_cast<std::uint8_t>(i >> 8);
            rgb[3 * i + 2] = static_cast<std::uint8_t>(i & 255);
        }
        hsv_replace(RgbLine{rgb.data()}, 65536, got.data(), sums);
        for (std::size_t i = 0; i < 65536; ++i) {
            const std::uint8_t* const place = &got[hsv_place(i)];
            const Hsv want = to_hsv(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
            wrong += Hsv{place[0], place[hsv_block], place[2 * hsv_block]} != want ? 1U : 0U;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("hsv_replace: packed pixels of any number") {
    for (const std::size_t pixels : sizes) {
        const std::vector<std::uint8_t> a = noise(3 * pixels, 1), b = noise(3 * pixels, 2);
        check_lines(RgbLine{a.data()}, RgbLine{b.data()}, pixels);
    }
}

TEST_CASE("hsv_replace: planes of any number of pixels") {
    for (const std::size_t pixels : sizes) {
        const std::vector<std::uint8_t> r = noise(pixels, 1), g = noise(pixels, 2), b = noise(pixels, 3);
        check_lines(PlanarLine{r.data(), g.data(), b.data()}, PlanarLine{g.data(), b.data(), r.data()}, pixels);
    }
}

TEST_CASE("hsv_replace: luma with halved colour of any number of pixels, of either range") {
    for (const bool full : {false, true})
        for (const std::size_t pixels : sizes) {
            const std::vector<std::uint8_t> y = noise(pixels, 4), u = noise((pixels + 1) / 2, 5), v = noise((pixels + 1) / 2, 6);
            const YuvToRgb bt601 = YuvToRgb::of({104597, 132201, 25675, 53279}, full);
            check_lines(YuvLine{y.data(), u.data(), v.data(), bt601}, YuvLine{y.data(), v.data(), u.data(), bt601}, pixels);
        }
}

TEST_CASE("YuvToRgb: black, white and gray are what they are, and colours are clamped") {
    const YuvToRgb bt601 = YuvToRgb::of({104597, 132201, 25675, 53279}, false), full = YuvToRgb::of({104597, 132201, 25675, 53279}, true);
    CHECK(bt601(16, 128, 128) == Rgb{0, 0, 0});
    CHECK(bt601(0, 128, 128) == Rgb{0, 0, 0});
    CHECK(bt601(255, 128, 128) == Rgb{255, 255, 255});
    CHECK(full(200, 128, 128) == Rgb{200, 200, 200});
    CHECK(bt601(81, 90, 240).r > 250);   // red
    CHECK(bt601(81, 90, 240).b < 3);
}
