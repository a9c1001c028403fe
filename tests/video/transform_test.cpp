// SPDX-License-Identifier: Apache-2.0
// Resizing, cropping and normalising of video/transform.hpp: laws, and the values of Pillow, torchvision and torch.
#include "svad/io/safetensors.hpp"
#include "svad/video/transform.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::video;

namespace {

/// Largest difference; infinite for different shapes.
template <class T>
double difference(const Tensor<T>& a, const Tensor<T>& b) {
    if (!(a.shape() == b.shape())) return 1e300;
    double most = 0;
    for (Index i = 0; i < a.numel(); ++i)
        most = std::max(most, std::fabs(double{1} * a[i] - double{1} * b[i]));
    return most;
}

Tensor<float> planes(const Tensor<std::uint8_t>& image) {
    const Index H = image.size(0), W = image.size(1), C = image.size(2);
    Tensor<float> out({C, H, W});
    for (Index y = 0; y < H; ++y)
        for (Index x = 0; x < W; ++x)
            for (Index c = 0; c < C; ++c) out(c, y, x) = image(y, x, c);
    return out;
}

Tensor<std::uint8_t> pattern(Index h, Index w, Index c = 3) {
    Tensor<std::uint8_t> image({h, w, c});
    for (Index i = 0; i < image.numel(); ++i)
        image[i] = static_cast<std::uint8_t>((i * 37 + i * i % 101) % 256);
    return image;
}

}  // namespace

TEST_CASE("resize: a constant image stays constant at any size, with every filter and arithmetic") {
    for (const int level : {0, 1, 127, 254, 255}) {
        Tensor<std::uint8_t> image({13, 29, 3});
        image.fill(static_cast<std::uint8_t>(level));
        for (const auto& [h, w] : {std::pair<Index, Index>{5, 7}, {13, 29}, {40, 64}, {1, 1}, {13, 8}})
            for (const Filter filter : {Filter::bilinear, Filter::bicubic}) {
                for (const Arithmetic arithmetic : {Arithmetic::pillow, Arithmetic::torch})
                    for (const std::uint8_t v : resize(image, h, w, filter, arithmetic)) REQUIRE(v == level);
                for (const Antialias antialias : {Antialias::no, Antialias::yes})
                    for (const float v : resize(planes(image), h, w, filter, antialias))
                        REQUIRE(v == doctest::Approx(level).epsilon(1e-6));   // float32 rounding
            }
    }
}

TEST_CASE("resize: to its own size an image stays as it is") {
    const auto image = pattern(11, 17);
    CHECK(difference(resize(image, 11, 17), image) == 0);
    CHECK(difference(resize(planes(image), 11, 17, Filter::bicubic, Antialias::no), planes(image)) < 1e-4);
}

TEST_CASE("resize: a mirrored image gives the mirrored result, a transposed one the transposed") {
    const auto image = planes(pattern(12, 18, 1));
    Tensor<float> mirrored({1, 12, 18}), turned({1, 18, 12});
    for (Index y = 0; y < 12; ++y)
        for (Index x = 0; x < 18; ++x) {
            mirrored(0, y, 17 - x) = image(0, y, x);
            turned(0, x, y) = image(0, y, x);
        }
    for (const Antialias antialias : {Antialias::no, Antialias::yes})
        for (const Filter filter : {Filter::bilinear, Filter::bicubic}) {
            const auto a = resize(image, 7, 25, filter, antialias),
                       b = resize(mirrored, 7, 25, filter, antialias);
            const auto c = resize(turned, 25, 7, filter, antialias);
            for (Index y = 0; y < 7; ++y)
                for (Index x = 0; x < 25; ++x) {
                    CHECK(a(0, y, x) == doctest::Approx(b(0, y, 24 - x)).epsilon(1e-5));
                    CHECK(a(0, y, x) == doctest::Approx(c(0, x, y)).epsilon(1e-5));
                }
        }
}

TEST_CASE("resize: halving with the antialiased bilinear filter is the 1-3-3-1 average") {
    const Tensor<float> row({1, 1, 8}, {0, 0, 0, 8, 0, 0, 0, 0});
    const auto half = resize(row, 1, 4, Filter::bilinear, Antialias::yes);
    CHECK(half[0] == doctest::Approx(0.0));
    CHECK(half[1] == doctest::Approx(3.0));
    CHECK(half[2] == doctest::Approx(1.0));
}

TEST_CASE("resize: one and four channels are resized like three; others and bad sizes are errors") {
    const auto image = pattern(9, 14, 4);
    const auto four = resize(image, 5, 6);
    Tensor<std::uint8_t> three({9, 14, 3}), one({9, 14, 1});
    for (Index i = 0; i < 9 * 14; ++i) {
        for (Index c = 0; c < 3; ++c) three[3 * i + c] = image[4 * i + c];
        one[i] = image[4 * i + 3];
    }
    const auto small3 = resize(three, 5, 6), small1 = resize(one, 5, 6);
    for (Index i = 0; i < 30; ++i) {
        CHECK(four[4 * i] == small3[3 * i]);
        CHECK(four[4 * i + 3] == small1[i]);
    }
    CHECK_THROWS_AS((void)resize(Tensor<std::uint8_t>({4, 4, 2}), 2, 2), ShapeError);
    CHECK_THROWS_AS((void)resize(image, 0, 2), ShapeError);
    CHECK_THROWS_AS((void)resize(Tensor<std::uint8_t>({0, 4, 3}), 2, 2), ShapeError);
}

TEST_CASE("shortest_edge and center_crop: sizes and offsets of transformers and of torchvision") {
    CHECK(shortest_edge(272, 640, 224) == std::pair<Index, Index>{224, 527});
    CHECK(shortest_edge(640, 272, 224) == std::pair<Index, Index>{527, 224});
    CHECK(shortest_edge(100, 100, 7) == std::pair<Index, Index>{7, 7});
    Tensor<std::uint8_t> ramp({4, 7, 1});
    for (Index i = 0; i < 28; ++i) ramp[i] = static_cast<std::uint8_t>(i % 7);
    CHECK(center_crop(ramp, 4)[0] == 1);                            // floor(3 / 2)
    CHECK(center_crop(ramp, 4, CropRounding::half_even)[0] == 2);   // round(1.5)
    CHECK_THROWS_AS((void)center_crop(ramp, 5), ShapeError);
}

TEST_CASE("to_input: constant grey frames come out as (level / 255 - mean) / deviation in every channel") {
    Tensor<std::uint8_t> frames({2, 30, 40, 3});
    frames.fill(51);
    const Tensor<float> input = to_input(frames, {.size = 16});
    REQUIRE(input.shape() == Shape{2, 3, 16, 16});
    for (Index c = 0; c < 3; ++c) {
        const auto at = static_cast<std::size_t>(c);
        CHECK(input(1, c, 7, 9) ==
              doctest::Approx((0.2f - clip_normalization.mean[at]) / clip_normalization.deviation[at])
                  .epsilon(1e-6));
    }
    CHECK(normalize(frames, half_normalization)[0] == doctest::Approx(-0.6).epsilon(1e-6));
    CHECK_THROWS_AS((void)to_input(Tensor<std::uint8_t>({30, 40, 3})), ShapeError);
}

TEST_CASE("resize: every value of Pillow, torchvision and torch is met") {
    const std::string path = std::string{SVAD_FIXTURES} + "/ops/resize.safetensors";
    if (!io::exists(path)) {
        MESSAGE("skipped: " << path << " is absent");
        return;
    }
    const auto file = io::SafeTensors::open(path);
    int bytes = 0, floats = 0;
    for (const std::string& name : file.names()) {
        const std::size_t dot = name.find('.');
        const std::string kind = name.substr(dot + 1);
        if (kind == "x") continue;
        CAPTURE(name);
        const auto x = file.load<std::uint8_t>(name.substr(0, dot) + ".x");
        const Filter filter = kind.find("bilinear") != std::string::npos ? Filter::bilinear : Filter::bicubic;
        const Shape shape = file.info(name).shape;
        if (kind.rfind("pil_", 0) == 0 || kind.rfind("tv_", 0) == 0) {
            const Arithmetic arithmetic = kind[0] == 'p' ? Arithmetic::pillow : Arithmetic::torch;
            const bool crop = kind.find("_crop") != std::string::npos;
            const auto [h, w] =
                crop ? shortest_edge(x.size(0), x.size(1), shape[0]) : std::pair{shape[0], shape[1]};
            const auto resized = resize(x, h, w, filter, arithmetic);
            CHECK(difference(crop ? center_crop(resized, shape[0]) : resized,
                             file.load<std::uint8_t>(name)) == 0);
            ++bytes;
        } else if (kind.rfind("clip_", 0) == 0) {
            const bool torch = kind.find("torchvision") != std::string::npos;
            const InputOptions options{.rounding = torch ? CropRounding::half_even : CropRounding::down};
            const auto input = to_input(x.reshape({1, x.size(0), x.size(1), 3}), options).slice(0);
            CHECK(difference(input, file.load<float>(name)) <
                  1e-6);   // a few float32 roundings of values near 2
            ++floats;
        } else {
            const Antialias antialias = kind.rfind("aa_", 0) == 0 ? Antialias::yes : Antialias::no;
            const auto resized = resize(planes(x), shape[1], shape[2], filter, antialias);
            CHECK(difference(resized, file.load<float>(name)) < 255 * 1e-6);   // the fixture's own bound
            ++floats;
        }
    }
    CHECK(bytes == 40);
    CHECK(floats == 31);
}
