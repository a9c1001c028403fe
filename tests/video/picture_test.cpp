// SPDX-License-Identifier: Apache-2.0
#include "svad/video/picture.hpp"

#include "io/temp_dir.hpp"
#include "svad/video/reader.hpp"

#include <doctest/doctest.h>

#if SVAD_FFMPEG

#include <cstdlib>

using namespace svad;

namespace {

/// Two halves of plain colour, [h, w, 3].
Tensor<std::uint8_t> halves(Index h, Index w) {
    Tensor<std::uint8_t> image(Shape{h, w, 3});
    for (Index y = 0; y < h; ++y)
        for (Index x = 0; x < w; ++x) {
            std::uint8_t* const pixel = image.data() + (y * w + x) * 3;
            pixel[0] = x < w / 2 ? 200 : 20;
            pixel[1] = 90;
            pixel[2] = x < w / 2 ? 40 : 180;
        }
    return image;
}

}  // namespace

TEST_CASE("picture: a PNG read back is the image, bit for bit, whatever its size") {
    const TempDir dir;
    for (const auto& [h, w] : {std::pair<Index, Index>{1, 1}, {7, 31}, {64, 48}}) {
        const auto image = halves(h, w);
        io::write_atomic(dir / "a.png", video::encode_png(image));
        const auto frames = video::read(dir / "a.png").frames.slice(0);
        REQUIRE(frames.shape() == image.shape());
        CHECK(std::equal(image.data(), image.data() + image.numel(), frames.data()));
    }
}

TEST_CASE("picture: a JPEG read back is the image but for small errors, also with odd sides") {
    const TempDir dir;
    for (const auto& [h, w] : {std::pair<Index, Index>{16, 32}, {121, 1503}}) {
        const auto image = halves(h, w);
        const std::string bytes = video::encode_jpeg(image, 2);
        CHECK(bytes.starts_with("\xFF\xD8"));
        io::write_atomic(dir / "a.jpg", bytes);
        const auto frames = video::read(dir / "a.jpg").frames.slice(0);
        REQUIRE(frames.shape() == image.shape());
        for (const Index x : {w / 8, w - 1 - w / 8})
            for (Index c = 0; c < 3; ++c) {
                const Index at = (h / 2 * w + x) * 3 + c;
                CHECK(std::abs(int{image.data()[at]} - int{frames.data()[at]}) <= 6);
            }
    }
}

TEST_CASE("picture: lower quality is smaller, and impossible images and qualities are refused") {
    const auto image = halves(64, 64);
    CHECK(video::encode_jpeg(image, 31).size() <= video::encode_jpeg(image, 1).size());
    CHECK_THROWS_AS((void)video::encode_jpeg(image, 0), UsageError);
    CHECK_THROWS_AS((void)video::encode_jpeg(Tensor<std::uint8_t>(Shape{4, 4}), 3), ShapeError);
    CHECK_THROWS_AS((void)video::encode_png(Tensor<std::uint8_t>(Shape{0, 4, 3})), ShapeError);
}

#endif
