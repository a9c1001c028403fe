// SPDX-License-Identifier: Apache-2.0
#include "svad/ops/linear.hpp"

#include "svad/autograd/gradcheck.hpp"
#include "svad/ops/elementwise.hpp"
#include "svad/ops/matmul.hpp"

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
