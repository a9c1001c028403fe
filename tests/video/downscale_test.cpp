// SPDX-License-Identifier: Apache-2.0
// Small frames: their size, hand-computed mixtures, and the decoder's planes against RGB of the same frame.
#include "svad/video/downscale.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace svad;
using namespace svad::video;

namespace {

using Size = std::pair<Index, Index>;

std::vector<std::uint8_t> small_red(const Downscaler& d) {
    std::vector<std::uint8_t> out;
    for (Index y = 0; y < d.height(); ++y)
        for (Index x = 0; x < d.width(); ++x) out.push_back(d.line(static_cast<std::size_t>(y)).plain(static_cast<std::size_t>(x)).r);
    return out;
}

}  // namespace

TEST_CASE("downscaled: the longer side becomes 256, the other follows to the nearest, none becomes 0") {
    CHECK(downscaled(720, 1280) == Size{144, 256});
    CHECK(downscaled(1024, 576) == Size{256, 144});
    CHECK(downscaled(240, 426) == Size{144, 256});
    CHECK(downscaled(256, 100) == Size{256, 100});
    CHECK(downscaled(100, 200) == Size{100, 200});
    CHECK(downscaled(1, 8192) == Size{1, 256});
}

TEST_CASE("Downscaler: a frame of 512 x 2 gives the means of four pixels") {
    Tensor<std::uint8_t> frame({2, 512, 3});
    for (Index i = 0; i < frame.numel(); ++i) frame[i] = 0;
    const auto at = [&](Index y, Index x) -> std::uint8_t& { return frame[(y * 512 + x) * 3]; };
    at(0, 0) = 100, at(0, 1) = 50, at(1, 0) = 30, at(1, 1) = 20;   // mean 50
    at(0, 510) = 255, at(0, 511) = 255, at(1, 510) = 255, at(1, 511) = 255;
    Downscaler small{2, 512};
    REQUIRE(small.height() == 1);
    REQUIRE(small.width() == 256);
    small.take(frame);
    const std::vector<std::uint8_t> red = small_red(small);
    CHECK(red[0] == 50);
    CHECK(red[1] == 0);
    CHECK(red[255] == 255);
    CHECK_THROWS_AS(small.take(Tensor<std::uint8_t>({2, 511, 3})), ShapeError);
}

TEST_CASE("Downscaler: a decoder's planes and their RGB give the same small frame, whatever the size") {
    for (const Size& size : {Size{2, 2}, Size{4, 300}, Size{300, 4}, Size{180, 320}, Size{239, 427}, Size{720, 1279}, Size{64, 3583},
                             Size{32, 4800}}) {
        const Index h = size.first, w = size.second;
        CAPTURE(h);
        CAPTURE(w);
        std::uint32_t state = 5;
        const auto noise = [&](Index n) {
            std::vector<std::uint8_t> bytes(static_cast<std::size_t>(n));
            for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
            return bytes;
        };
        const std::vector<std::uint8_t> y = noise(h * w), u = noise((h + 1) / 2 * ((w + 1) / 2)), v = noise((h + 1) / 2 * ((w + 1) / 2));
        const video::detail::YuvPicture picture{.width = static_cast<std::size_t>(w), .height = static_cast<std::size_t>(h),
                                         .planes = {y.data(), u.data(), v.data()}, .strides = {w, (w + 1) / 2, (w + 1) / 2},
                                         .convert = video::detail::YuvToRgb::of({104597, 132201, 25675, 53279}, false)};
        Tensor<std::uint8_t> rgb({h, w, 3});
        for (Index row = 0; row < h; ++row)
            for (Index x = 0; x < w; ++x) {
                const video::detail::Rgb p = picture.line(static_cast<std::size_t>(row)).plain(static_cast<std::size_t>(x));
                std::uint8_t* const to = rgb.data() + (row * w + x) * 3;
                to[0] = p.r, to[1] = p.g, to[2] = p.b;
            }
        Downscaler direct{h, w}, by_rgb{h, w};
        direct.take(picture);
        by_rgb.take(rgb);
        CHECK(small_red(direct) == small_red(by_rgb));
        CHECK(direct.line(0).plain(1) == by_rgb.line(0).plain(1));
    }
}
