// SPDX-License-Identifier: Apache-2.0
// The parts of TransNet V2 against their definitions, and a tiny network's shapes and gradients.
#include "svad/autograd/backward.hpp"
#include "svad/models/transnet_v2.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

Tensor<float> noise(const Shape& shape, std::uint64_t seed) {
    Tensor<float> x(shape);
    for (Index i = 0; i < x.numel(); ++i)
        x[i] = static_cast<float>(philox(seed, 1, static_cast<std::uint64_t>(i))[0]) / 4294967296.0f - 0.5f;
    return x;
}

Tensor<std::uint8_t> pictures(const Shape& shape, std::uint64_t seed) {
    Tensor<std::uint8_t> x(shape);
    for (Index i = 0; i < x.numel(); ++i) x[i] = static_cast<std::uint8_t>(philox(seed, 2, static_cast<std::uint64_t>(i))[0] & 255);
    return x;
}

constexpr TransNetConfig tiny{.height = 9, .width = 8, .filters = 2, .stacks = 3, .reach = 3, .features = 4, .hidden = 6, .dropout = 0};

}  // namespace

TEST_CASE("conv_over_time: each frame is the sum of three taps, dilated, with zeros outside") {
    const Index B = 2, T = 7, C = 3, N = 4, F = 2, step = 2;
    const Tensor<float> x = noise({B, T, C, N}, 1), w = noise({F, C, 3, 1, 1}, 2);
    const Tensor<float> y = detail::conv_over_time(Var(x), Var(w), step).to<float>();
    REQUIRE(y.shape() == Shape{B, T, F, N});
    double worst = 0;
    for (Index b = 0; b < B; ++b)
        for (Index t = 0; t < T; ++t)
            for (Index f = 0; f < F; ++f)
                for (Index n = 0; n < N; ++n) {
                    double want = 0;
                    for (Index i = 0; i < 3; ++i)
                        for (Index c = 0; c < C; ++c)
                            if (const Index at = t + (i - 1) * step; at >= 0 && at < T)
                                want += static_cast<double>(w[(f * C + c) * 3 + i]) * static_cast<double>(x(b, at, c, n));
                    worst = std::max(worst, std::abs(want - static_cast<double>(y(b, t, f, n))));
                }
    CHECK(worst < 1e-6);
}

TEST_CASE("TransNetStack: without a tape the same figures come out, whatever the picture's size") {
    for (const std::pair<Index, Index>& size : {std::pair<Index, Index>{9, 8}, {4, 7}, {2, 2}, {8, 16}}) {
        const Index h = size.first, w = size.second;
        TransNetStack stack(3, 4);
        init(stack, 5);
        std::uint64_t seed = 10;
        for (TransNetCell* cell : {&stack.first, &stack.second})   // running figures as after a training
            for (Parameter* p : {&cell->norm.weight, &cell->norm.bias, &cell->norm.running_mean, &cell->norm.running_var}) {
                Tensor<float> values = p->var().to<float>(), fresh = noise(values.shape(), ++seed);
                for (Index i = 0; i < values.numel(); ++i) values[i] = fresh[i] + (p == &cell->norm.running_var ? 0.6f : 0.1f);
            }
        const Var x(noise({2, 11, 3, h, w}, 9));
        const Tensor<float> with = stack(x).to<float>();
        const NoGrad off;
        const Tensor<float> without = stack(x).to<float>();
        CAPTURE(h);
        CAPTURE(w);
        REQUIRE(without.shape() == with.shape());
        double worst = 0, largest = 0;
        for (Index i = 0; i < with.numel(); ++i) {
            worst = std::max(worst, std::abs(static_cast<double>(with[i]) - static_cast<double>(without[i])));
            largest = std::max(largest, std::abs(static_cast<double>(with[i])));
        }
        CHECK(largest > 0.1);
        CHECK(worst < 1e-5 * largest);
    }
}

TEST_CASE("near_products: column k of frame t is its product with frame t + k - reach") {
    const Index B = 2, T = 6, D = 3, reach = 4;
    const Tensor<float> x = noise({B, T, D}, 3);
    const Tensor<float> y = detail::near_products(Var(x), reach).to<float>();
    REQUIRE(y.shape() == Shape{B, T, 2 * reach + 1});
    double worst = 0;
    for (Index b = 0; b < B; ++b)
        for (Index t = 0; t < T; ++t)
            for (Index k = 0; k <= 2 * reach; ++k) {
                double want = 0;
                if (const Index other = t + k - reach; other >= 0 && other < T)
                    for (Index d = 0; d < D; ++d) want += static_cast<double>(x(b, t, d)) * static_cast<double>(x(b, other, d));
                worst = std::max(worst, std::abs(want - static_cast<double>(y(b, t, k))));
            }
    CHECK(worst < 1e-6);
}

TEST_CASE("halved: means of four places, an odd last row is left out") {
    const Tensor<float> x(Shape{1, 1, 3, 4}, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 99, 99, 99, 99});
    const Tensor<float> y = detail::halved(Var(x)).to<float>();
    REQUIRE(y.shape() == Shape{1, 1, 1, 2});
    CHECK(y[0] == 3.5f);
    CHECK(y[1] == 5.5f);
}

TEST_CASE("color_histograms: every pixel counts once, by the three high bits of its channels") {
    Tensor<std::uint8_t> frame({1, 1, 1, 3, 3});
    frame[0] = 255, frame[4] = 32, frame[8] = 64;   // red, dark green, blue
    const Tensor<float> h = detail::color_histograms(frame);
    REQUIRE(h.shape() == Shape{1, 1, 512});
    CHECK(h[7 * 64] == 1);
    CHECK(h[8] == 1);
    CHECK(h[2] == 1);
}

TEST_CASE("TransNetV2: a window gives two logits a frame, and clips of a batch do not touch each other") {
    TransNetV2 model(tiny);
    init(model, 7);
    const Tensor<std::uint8_t> two = pictures({2, 12, 9, 8, 3}, 4);
    const TransNetLogits both = model(two);
    CHECK(both.single.shape() == Shape{2, 12});
    CHECK(both.many.shape() == Shape{2, 12});
    const TransNetLogits second = model(two.slice(1).clone().reshape({1, 12, 9, 8, 3}));
    double worst = 0;
    const Tensor<float> a = both.single.to<float>(), b = second.single.to<float>();
    for (Index t = 0; t < 12; ++t) worst = std::max(worst, std::abs(static_cast<double>(a(1, t)) - static_cast<double>(b(0, t))));
    CHECK(worst < 1e-5);
    CHECK_THROWS_AS((void)model(pictures({1, 12, 9, 9, 3}, 4)), ShapeError);
}

TEST_CASE("TransNetV2: the loss reaches every weight") {
    TransNetV2 model(tiny);
    init(model, 8);
    const TransNetLogits logits = model(pictures({1, 12, 9, 8, 3}, 5));
    backward(sum(logits.single * logits.single) + sum(logits.many));
    for_each_parameter(model, [&](const std::string& path, Parameter& p) {
        INFO(path);
        if (!p.is_buffer()) CHECK(p.grad());
    });
}

TEST_CASE("TransNetV2: the sizes of the published network") {
    TransNetV2 model;
    Index values = 0, buffers = 0;
    for_each_parameter(model, [&](const std::string&, Parameter& p) { (p.is_buffer() ? buffers : values) += p.numel(); });
    CHECK(values == 7'616'258);
    CHECK(buffers == 2 * 2 * (64 + 128 + 256));
}
