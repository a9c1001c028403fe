// SPDX-License-Identifier: Apache-2.0
#include "svad/ops/linear.hpp"

#include "svad/autograd/backward.hpp"
#include "svad/autograd/gradcheck.hpp"
#include "svad/core/random.hpp"
#include "svad/ops/cast.hpp"
#include "svad/ops/elementwise.hpp"
#include "svad/ops/feed_forward.hpp"
#include "svad/ops/matmul.hpp"
#include "svad/ops/reduce.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

double difference(const Var& a, const Var& b) {
    REQUIRE(a.shape() == b.shape());
    const Tensor<double> x = a.to<double>(), y = b.to<double>();
    double worst = 0;
    for (Index i = 0; i < x.numel(); ++i) worst = std::max(worst, std::abs(x[i] - y[i]));
    return worst;
}

}  // namespace

TEST_CASE("linear: the fused activation equals the activation behind the product") {
    const Var x = random_f64({2, 3, 5}, -1, 1, 1), w = random_f64({7, 5}, -1, 1, 2), b = random_f64({7}, -1, 1, 3);
    CHECK(difference(linear(x, w, b, Activation::gelu), gelu(linear(x, w, b))) < 1e-14);
    CHECK(difference(linear(x, w, b, Activation::relu), relu(linear(x, w, b))) == 0);
}

TEST_CASE("linear: no row and no bias are allowed, a wrong width is an error with both shapes") {
    const Var w = random_f64({7, 5}, -1, 1, 2);
    CHECK(linear(Var::zeros({0, 5}, DType::f64), w).shape() == Shape{0, 7});
    CHECK_THROWS_WITH_AS((void)linear(Var::zeros({2, 4}, DType::f64), w), doctest::Contains("[7, 5]"), ShapeError);
}

TEST_CASE("matmul: leading sizes broadcast, and flips read the transposed operand") {
    const Var a = random_f64({3, 1, 2, 4}, -1, 1, 1), b = random_f64({5, 4, 6}, -1, 1, 2);
    const Var y = matmul(a, b);
    CHECK(y.shape() == Shape{3, 5, 2, 6});
    CHECK(difference(y.slice(0, 2).slice(0, 3), matmul(a.slice(0, 2).slice(0, 0), b.slice(0, 3))) < 1e-15);
    CHECK(difference(y, matmul(a.transpose(-1, -2), b.transpose(-1, -2), {.a = true, .b = true})) < 1e-15);
    CHECK_THROWS_AS((void)matmul(a, a), ShapeError);
}

TEST_CASE("matmul: an empty sum is zero") {
    const Var y = matmul(Var::zeros({2, 0}), Var::zeros({0, 3}));
    for (float v : y.to<float>()) CHECK(v == 0);
}

namespace {

/// A weight [n, k] as a file stores it: bytes with small scales in blocks, or rounded values.
Var packed_weight(DType type, Index n, Index k) {
    const Var values = random_f64({n, k}, -1, 1, 5);
    if (type == DType::bf16) return values.to<bf16>();
    if (type == DType::f16) return values.to<f16>();
    const Var w = Var::uninitialized({n, k}, type);
    auto* const bytes = reinterpret_cast<std::uint8_t*>(w.storage().data());
    const BlockSize size = block_of(type);
    Random random(3, 0);
    for (std::size_t i = 0; i < bytes_of(type, n * k); ++i) bytes[i] = static_cast<std::uint8_t>(random.below(256));
    for (std::size_t b = 0; b < bytes_of(type, n * k); b += size.bytes)
        for (const std::size_t at : {type == DType::q6_k ? std::size_t{208} : std::size_t{0}, type == DType::q6_k ? std::size_t{208} : std::size_t{2}})
            if (at != 2 || type == DType::q4_1 || type == DType::q4_k) bytes[b + at] = 0, bytes[b + at + 1] = 0x28;    // 2^-5
    return w;
}

}  // namespace

TEST_CASE("linear: weights as their file stores them give what their f32 values give, for any number of rows") {
    for (const DType type : {DType::q8_0, DType::q4_0, DType::q4_1, DType::q4_k, DType::q6_k, DType::bf16, DType::f16}) {
        const Var w = packed_weight(type, 37, 512), plain = w.to<float>(), b = random_f64({37}, -1, 1, 8).to<float>();
        for (const Index rows : {1, 3, 4, 7, 8, 9, 40}) {
            CAPTURE(name_of(type));
            CAPTURE(rows);
            const Var x = random_f64({rows, 512}, -1, 1, 6).to<float>();
            const Var want = linear(x, plain, b, Activation::silu);
            double size = 0;
            for (const double v : want.to<double>().span()) size = std::max(size, std::abs(v));
            CHECK(difference(linear(x, w, b, Activation::silu), want) < 1e-5 * size);
        }
    }
}

TEST_CASE("linear: a gradient passes through packed weights, and they get none") {
    const Var w = packed_weight(DType::q4_k, 6, 256), x = random_f64({3, 256}, -1, 1, 6).to<float>();
    const Var one = Var(x).leaf(), other = Var(x.to<float>()).leaf();
    backward(sum(linear(one, w) * linear(one, w)));
    backward(sum(linear(other, Var(w.to<float>())) * linear(other, Var(w.to<float>()))));
    double size = 0;
    for (const double v : other.grad().to<double>().span()) size = std::max(size, std::abs(v));
    CHECK(difference(one.grad(), other.grad()) < 1e-5 * size);
}

TEST_CASE("linear: other mathematics on packed weights is an error that says what to do") {
    const Var w = packed_weight(DType::q8_0, 2, 64);
    CHECK_THROWS_WITH_AS((void)(w + w), doctest::Contains("q8_0"), DTypeError);
    CHECK(difference(cast(w, DType::f32), w.to<float>()) == 0);
}

TEST_CASE("feed_forward: value and gradients equal those of two products") {
    const std::vector<Var> in{random_f64({3, 7, 5}, -1, 1, 1), random_f64({9, 5}, -1, 1, 2), random_f64({4, 9}, -1, 1, 3),
                              random_f64({9}, -1, 1, 4), random_f64({4}, -1, 1, 5)};
    const Var dy = random_f64({3, 7, 4}, -1, 1, 6);
    for (Activation a : {Activation::gelu, Activation::silu})
        for (bool biased : {true, false}) {
            std::vector<Var> one, two;
            for (const Var& x : in) one.push_back(x.leaf()), two.push_back(x.leaf());
            const auto bias = [&](const std::vector<Var>& v, std::size_t i) { return biased ? v[i] : Var(); };
            const Var y = feed_forward(one[0], one[1], bias(one, 3), one[2], bias(one, 4), a);
            const Var z = linear(linear(two[0], two[1], bias(two, 3), a), two[2], bias(two, 4));
            CHECK(difference(y, z) < 1e-14);
            backward(y, dy);
            backward(z, dy);
            for (std::size_t i = 0; i < (biased ? 5u : 3u); ++i) CHECK(difference(one[i].grad(), two[i].grad()) < 1e-13);
        }
}

TEST_CASE("feed_forward: parts that are frozen get no gradient") {
    const Var x = random_f64({6, 5}, -1, 1, 1), w1 = random_f64({9, 5}, -1, 1, 2), w2 = random_f64({4, 9}, -1, 1, 3).leaf();
    const Var y = feed_forward(x, w1, Var(), w2, Var(), Activation::gelu);
    backward(y, Var::full(y.shape(), 1, DType::f64));
    CHECK(w2.grad().shape() == w2.shape());
    CHECK_FALSE(w1.grad());
}
