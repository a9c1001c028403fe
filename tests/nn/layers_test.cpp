// SPDX-License-Identifier: Apache-2.0
#include "svad/nn/layers.hpp"

#include "svad/autograd/gradcheck.hpp"
#include "svad/core/quantize.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

Var random(const Shape& shape, std::uint64_t seed) { return Var(random_f64(shape, -1, 1, seed).to<float>()); }

double difference(const Var& a, const Var& b) {
    REQUIRE(a.shape() == b.shape());
    const Tensor<float> x = a.to<float>(), y = b.to<float>();
    double worst = 0;
    for (Index i = 0; i < x.numel(); ++i) worst = std::max(worst, static_cast<double>(std::abs(x[i] - y[i])));
    return worst;
}

}  // namespace

TEST_CASE("layers: patches come out in row-major order") {
    PatchEmbed patch(1, 1, 2, false);
    init(patch, 1);
    patch.weight.set(Var::full({1, 1, 2, 2}, 0.25));               // the mean of each patch
    Tensor<float> picture({1, 1, 4, 6});
    for (Index y = 0; y < 4; ++y)
        for (Index x = 0; x < 6; ++x) picture[y * 6 + x] = static_cast<float>(10 * (y / 2) + x / 2);
    const Tensor<float> out = patch(picture).to<float>();
    REQUIRE(out.shape() == Shape{1, 6, 1});
    const float want[] = {0, 1, 2, 10, 11, 12};
    for (Index i = 0; i < 6; ++i) CHECK(out[i] == doctest::Approx(want[i]));
}

TEST_CASE("layers: tubes halve the frames and keep the order of clips, frames and patches") {
    TubeEmbed tube(1, 1, 2, false);
    init(tube, 1);
    Tensor<float> kernel({1, 1, 3, 2, 2});
    for (Index i = 4; i < 8; ++i) kernel[i] = 0.25f;                // the mean of the middle frame's patch
    tube.weight.set(kernel);
    Tensor<float> clips({2, 4, 1, 2, 2});
    for (Index i = 0; i < clips.numel(); ++i) clips[i] = static_cast<float>(i / 4);     // frame number, over both clips
    const Tensor<float> out = tube(clips).to<float>();
    REQUIRE(out.shape() == Shape{4, 1, 1});
    const float want[] = {0, 2, 4, 6};                              // step of two, centred on frames 0 and 2
    for (Index i = 0; i < 4; ++i) CHECK(out[i] == doctest::Approx(want[i]));
}

TEST_CASE("layers: a norm of kind rms has no bias, of kind layer is LayerNorm") {
    Norm rms(NormKind::rms, 8, 1e-6), layer(NormKind::layer, 8, 1e-5);
    init(rms, 1), init(layer, 1);
    LayerNorm same(8, 1e-5);
    init(same, 1);
    const Var x = random({3, 8}, 4);
    CHECK(parameter_count(rms) == 8);
    CHECK(difference(layer(x), same(x)) == 0);
    RmsNorm plain(8, 1e-6);
    init(plain, 1);
    CHECK(difference(rms(x), plain(x)) == 0);
}

TEST_CASE("layers: batch norm uses its running statistics") {
    BatchNorm norm(2);
    init(norm, 1);
    norm.running_mean.set(Tensor<float>::of({1, 2}));
    norm.running_var.set(Tensor<float>::of({4, 9}));
    const Tensor<float> out = norm(Tensor<float>({1, 2, 1}, {3, 5})).to<float>();
    CHECK(out[0] == doctest::Approx(1).epsilon(1e-5));              // (3 - 1) / 2
    CHECK(out[1] == doctest::Approx(1).epsilon(1e-5));              // (5 - 2) / 3
}

TEST_CASE("mlp: gated with silu is down(silu(gate x) * up x)") {
    Mlp mlp(4, 6, {.activation = Activation::silu, .gated = true});
    init(mlp, 2);
    const Var x = random({2, 3, 4}, 9);
    const Var by_hand = mlp.down(silu((*mlp.gate)(x)) * mlp.up(x));
    CHECK(difference(mlp(x), by_hand) < 1e-6);                      // one fused rounding
}

TEST_CASE("linear: layers together give what each gives, packed or not, with the tape or without") {
    const auto layer = [](Index out, bool bias, DType type, std::uint64_t seed) {
        Linear l(64, out, {.bias = bias});
        const Tensor<float> w = random_f64({out, 64}, -1, 1, seed).to<float>();
        const Var packed = Var::uninitialized({out, 64}, type);
        if (type == DType::f32) l.weight.set(w);
        else {
            blocks::encode(type, w.data(), w.numel(), reinterpret_cast<std::uint8_t*>(packed.storage().data()));
            l.weight.set(packed);
        }
        if (bias) l.bias->set(random({out}, seed + 1));
        return l;
    };
    for (const DType last : {DType::q8_0, DType::f32}) {
        const Linear a = layer(33, true, DType::q4_1, 1), b = layer(8, false, DType::q4_0, 3), c = layer(21, true, last, 5);
        for (const Index rows : {Index{1}, Index{5}, cpu::few_rows + 1}) {
            const Var x = random({1, rows, 64}, 7).leaf();
            const auto check = [&](const std::array<Var, 3>& y) {
                CHECK(difference(y[0], a(x)) == 0);
                CHECK(difference(y[1], b(x)) == 0);
                CHECK(difference(y[2], c(x)) == 0);
            };
            const std::array<Var, 3> taped = together(x, a, b, c);
            check(taped);
            CHECK(taped[0].wants_grad());
            const NoGrad off;
            check(together(x, a, b, c));
        }
    }
}

TEST_CASE("mlp: the gradient of both kinds is right") {
    for (const bool gated : {false, true}) {
        Mlp mlp(3, 5, {.activation = gated ? Activation::silu : Activation::gelu, .gated = gated});
        init(mlp, 2);
        to(mlp, DType::f64);
        CHECK(gradient_error([&](const std::vector<Var>& in) { return mlp(in[0]); }, {random_f64({2, 3}, -1, 1, 3)}) < 1e-7);
    }
}

TEST_CASE("mlp: dropout is silent outside training") {
    Mlp mlp(4, 6, {.dropout = 0.5});
    init(mlp, 2);
    const Var x = random({2, 4}, 9), quiet = mlp(x);
    CHECK(difference(quiet, mlp(x)) == 0);
    const Training on(1, 1);
    CHECK(difference(quiet, mlp(x)) > 0);
}
