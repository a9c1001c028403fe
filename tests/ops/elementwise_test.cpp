// SPDX-License-Identifier: Apache-2.0
#include "svad/autograd/gradcheck.hpp"
#include "svad/ops/ops.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {
Var row(std::initializer_list<float> values) { return Tensor<float>::of(values); }
void check_values(const Var& x, std::initializer_list<double> expected) {
    const Tensor<double> t = x.to<double>();
    REQUIRE(t.numel() == static_cast<Index>(expected.size()));
    for (Index i = 0; i < t.numel(); ++i) CHECK(t[i] == doctest::Approx(expected.begin()[i]).epsilon(1e-6));
}
constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
}  // namespace

TEST_CASE("elementwise: operators with values and numbers") {
    const Var a = row({1, 2, 4}), b = row({2, -1, 8});
    check_values(a + b, {3, 1, 12});
    check_values(a - b, {-1, 3, -4});
    check_values(a * b, {2, -2, 32});
    check_values(a / b, {0.5, -2, 0.5});
    check_values(-a, {-1, -2, -4});
    check_values(a + 1, {2, 3, 5});
    check_values(1 - a, {0, -1, -3});
    check_values(a - 1, {0, 1, 3});
    check_values(3 * a, {3, 6, 12});
    check_values(a / 4, {0.25, 0.5, 1});
    check_values(4 / a, {4, 2, 1});
    check_values(pow(a, 3), {1, 8, 64});
    check_values(pow(a, 0.5), {1, std::sqrt(2.0), 2});
    check_values(sqrt(a) * sqrt(a), {1, 2, 4});
    check_values(log(exp(b)), {2, -1, 8});
}

TEST_CASE("elementwise: shapes broadcast as in numpy, against a plain loop") {
    const Var a = random_f64({2, 3, 1, 4}, -1, 1, 1), b = random_f64({3, 5, 1}, -1, 1, 2);
    const Tensor<double> y = (a * b).to<double>(), p = a.to<double>(), q = b.to<double>();
    REQUIRE(y.shape() == Shape{2, 3, 5, 4});
    for (Index i = 0; i < 2; ++i)
        for (Index j = 0; j < 3; ++j)
            for (Index k = 0; k < 5; ++k)
                for (Index l = 0; l < 4; ++l) CHECK(y(i, j, k, l) == p(i, j, Index{0}, l) * q(j, k, Index{0}));
}

TEST_CASE("elementwise: views of any strides are read in place") {
    const Var x = random_f64({4, 6}, -1, 1, 3);
    const Tensor<double> t = x.to<double>(), y = (x.permute({1, 0}).slice(0, 1, 5) + x.slice(1, 2)).to<double>();
    REQUIRE(y.shape() == Shape{4, 4});
    for (Index i = 0; i < 4; ++i)
        for (Index j = 0; j < 4; ++j) CHECK(y(i, j) == t(j, i + 1) + t(j, Index{2}));
}

TEST_CASE("elementwise: sizes that do not broadcast and dtypes that differ are errors") {
    CHECK_THROWS_AS((void)(Var::zeros({2, 3}) + Var::zeros({2, 4})), ShapeError);
    CHECK_THROWS_AS((void)(Var::zeros({2}) * Var::zeros({2}, DType::f64)), DTypeError);
    CHECK_THROWS_AS((void)exp(Var::zeros({2}, DType::bf16)), DTypeError);
    CHECK_THROWS_AS((void)exp(Var()), UsageError);
}

TEST_CASE("elementwise: a value with itself gets both gradients") {
    const Var x = row({3, -2}).leaf();
    backward(sum(x * x / 2 - x));
    check_values(x.grad(), {2, -3});
}

TEST_CASE("minimum, maximum: NaN wins, and equal values share the gradient") {
    const Tensor<float> low = minimum(row({1, not_a_number, 2}), row({not_a_number, 3, 1})).to<float>();
    CHECK(std::isnan(low[0]));
    CHECK(std::isnan(low[1]));
    CHECK(low[2] == 1);
    CHECK(std::isnan(maximum(row({1}), row({not_a_number})).to<float>()[0]));
    const Var a = row({1, 5, 2}).leaf(), b = row({3, 5, 1}).leaf();
    backward(sum(maximum(a, b)));
    check_values(a.grad(), {0, 0.5, 1});
    check_values(b.grad(), {1, 0.5, 0});
}

TEST_CASE("where: the side not taken gets no gradient, even from infinity") {
    const auto mask = Tensor<std::uint8_t>::of({1, 0, 1});
    const Var a = row({1, 2, 3}).leaf();
    const Var y = where(mask, a, Var::full(Shape{}, -inf));
    CHECK(y.to<float>()[1] == -inf);
    backward(y, row({5, 6, 7}));
    check_values(a.grad(), {5, 0, 7});
}

TEST_CASE("cast: rounds to nearest even and casts the gradient back") {
    check_values(cast(row({1.00390625f, 1.01171875f, -2.5f}), DType::bf16), {1.0, 1.015625, -2.5});
    check_values(cast(row({65504, 1e-8f}), DType::f16), {65504, 0});
    check_values(cast(Var(Tensor<std::int32_t>::of({7, -3})), DType::f64), {7, -3});
    const Var x = row({1, 2}).leaf();
    backward(sum(cast(x, DType::f64) * 3));
    CHECK(x.grad().dtype() == DType::f32);
    check_values(x.grad(), {3, 3});
    CHECK_THROWS_AS((void)cast(row({1}), DType::i32), DTypeError);
    CHECK(cast(x, DType::f32).storage().data() == x.storage().data());
}

TEST_CASE("simd: exp, tanh, erf and sigmoid stay within their promised distance of the true value") {
    struct Worst {
        double ulps = 0;
        void see(float got, double exact) {
            const float near = std::abs(static_cast<float>(exact));
            const double ulp = static_cast<double>(std::nextafter(near, inf)) - static_cast<double>(near);
            ulps = std::max(ulps, std::abs(static_cast<double>(got) - exact) / ulp);
        }
    } e, o, t, g, s;
    for (int i = -400000; i <= 400000; ++i) {
        const float x = static_cast<float>(i) * 2.17e-4f, z = x * 0.1f;
        const double exact = static_cast<double>(x);
        e.see(simd::exp(x), std::exp(exact));
        o.see(simd::exp_of_score(x), std::exp(exact));
        s.see(simd::sigmoid(x), 1 / (1 + std::exp(-exact)));
        t.see(simd::tanh(z), std::tanh(static_cast<double>(z)));
        g.see(simd::erf(z), std::erf(static_cast<double>(z)));
    }
    CHECK(e.ulps < 2);
    CHECK(o.ulps < 2);
    CHECK(s.ulps < 3);
    CHECK(t.ulps < 6);
    CHECK(g.ulps < 8);
}

TEST_CASE("simd: infinities, NaN and subnormals come out right") {
    CHECK(simd::exp(-inf) == 0.0f);
    CHECK(simd::exp(inf) == inf);
    CHECK(simd::exp(89.0f) == inf);
    CHECK(simd::exp(0.0f) == 1.0f);
    CHECK(simd::exp(-100.0f) == doctest::Approx(3.7835e-44).epsilon(1e-3));
    CHECK(std::isnan(simd::exp(not_a_number)));
    CHECK(simd::exp_of_score(-inf) == 0.0f);
    CHECK(simd::exp_of_score(-87.5f) == 0.0f);
    CHECK(simd::exp_of_score(0.0f) == 1.0f);
    CHECK(std::isnan(simd::exp_of_score(not_a_number)));
    CHECK(std::isnan(simd::tanh(not_a_number)));
    CHECK(std::isnan(simd::erf(not_a_number)));
    CHECK(simd::tanh(-inf) == -1.0f);
    CHECK(simd::erf(inf) == 1.0f);
    for (float x : {9.03f, 20.0f}) CHECK((simd::tanh(x) == 1.0f && simd::tanh(-x) == -1.0f));
    for (float x : {3.94f, 20.0f}) CHECK((simd::erf(x) == 1.0f && simd::erf(-x) == -1.0f));
    CHECK(simd::sigmoid(-inf) == 0.0f);
    CHECK(simd::sigmoid(inf) == 1.0f);
}

TEST_CASE("loops: sums over any choice of axes equal a plain loop") {
    const Index sizes[] = {3, 4, 5, 2, 6};
    const Tensor<double> x = random_f64({3, 4, 5, 2, 6}, -1, 1, 9).to<double>();
    for (unsigned kept = 0; kept < 32; ++kept) {
        cpu::SumAxis axes[5];
        Index n = 1;
        for (unsigned i = 0; i < 5; ++i) {
            axes[i] = {sizes[i], (kept >> i & 1) != 0};
            if (axes[i].kept) n *= sizes[i];
        }
        std::vector<double> got(static_cast<std::size_t>(n), 99), expected(static_cast<std::size_t>(n), 0);
        cpu::sum_axes<double>(x.data(), got.data(), axes);
        for (Index i = 0; i < x.numel(); ++i) {
            Index rest = i, at = 0, step = 1;
            for (int a = 4; a >= 0; --a) {
                if (axes[a].kept) at += rest % sizes[a] * step, step *= sizes[a];
                rest /= sizes[a];
            }
            expected[static_cast<std::size_t>(at)] += x[i];
        }
        for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(expected[i]).epsilon(1e-12));
    }
}
