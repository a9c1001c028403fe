// SPDX-License-Identifier: Apache-2.0
#include "svad/autograd/gradcheck.hpp"
#include "svad/autograd/recompute.hpp"
#include "svad/ops/ops.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {
Var row(std::initializer_list<float> values) { return Tensor<float>::of(values); }

struct CubeOp {
    static constexpr std::string_view name = "cube";
    Result shape(const Shape& x) const { return {.y = x}; }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        for (Index i = 0; i < x.numel(); ++i) y[i] = x[i] * x[i] * x[i];
    }
    Grads grad(const Var& dy, Dropped, const Var& x) const { return {dy * x * x * 3.0}; }
};
}  // namespace

TEST_CASE("backward: a value used twice gets both gradients") {
    const Var x = row({2, 3}).leaf("x");
    backward(sum(x * x + x));
    CHECK(x.grad().to<float>()[0] == doctest::Approx(5));
    CHECK(x.grad().to<float>()[1] == doctest::Approx(7));
}

TEST_CASE("backward: gradients of several calls add up until cleared") {
    const Var x = row({1}).leaf();
    backward(sum(x * 3.0));
    backward(sum(x * 4.0));
    CHECK(x.grad().item() == doctest::Approx(7));
    x.clear_grad();
    CHECK(!x.grad());
}

TEST_CASE("backward: a second walk over a freed graph is an error that says so") {
    const Var x = row({1, 2}).leaf();
    const Var loss = sum(x * x);
    backward(loss);
    CHECK_THROWS_AS(backward(loss), UsageError);
}

TEST_CASE("backward: a loss with many elements or without a leaf is refused") {
    const Var x = row({1, 2}).leaf();
    CHECK_THROWS_AS(backward(x * 2.0), ShapeError);
    CHECK_THROWS_AS(backward(sum(row({1, 2}))), UsageError);
}

TEST_CASE("no_grad: records nothing while it lives") {
    const Var x = row({1}).leaf();
    {
        const NoGrad off;
        CHECK(!(x * 2.0).wants_grad());
    }
    CHECK((x * 2.0).wants_grad());
}

TEST_CASE("views: share memory and carry gradients") {
    const Var x = Var(Tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6})).leaf();
    const Var t = x.permute({1, 0});
    CHECK(t.storage().data() == x.storage().data());
    CHECK(t.to<float>()(2, 1) == 6);
    CHECK(x.slice(1, -2, end).to<float>()(1, 0) == 5);
    backward(sum(x.slice(0, 1).reshape({3, 1}).expand({3, 4}) * 1.0));
    CHECK(x.grad().to<float>()(0, 0) == 0);
    CHECK(x.grad().to<float>()(1, 2) == 4);
}

TEST_CASE("recompute: gives the gradients of the plain block, its inputs and its parameters") {
    const Var w = row({0.5f, -1.0f, 2.0f}).leaf("w"), x = row({1, 2, 3}).leaf("x");
    const auto block = [w](const Var& v) { return exp(v * w) * v; };
    backward(sum(block(x)));
    const Tensor<float> dx = x.grad().to<float>(), dw = w.grad().to<float>();
    x.clear_grad(), w.clear_grad();
    backward(sum(recompute(block, x)));
    for (Index i = 0; i < 3; ++i) {
        CHECK(x.grad().to<float>()[i] == dx[i]);
        CHECK(w.grad().to<float>()[i] == dw[i]);
    }
}

TEST_CASE("recompute: dropout inside repeats its mask, and masks after it are those of a plain run") {
    const Var x = Var::full({1000}, 1.0).leaf();
    const Training on(3, 5);
    const Var y = recompute([](const Var& v) { return dropout(v, 0.5); }, x);
    const Tensor<float> forward = y.to<float>();
    backward(sum(y));
    const Tensor<float> g = x.grad().to<float>();
    for (Index i = 0; i < 1000; ++i) REQUIRE(g[i] == forward[i]);
    CHECK(detail::modes().site == 1);
}

TEST_CASE("errors: an op names the leaf that does not fit") {
    const Var x = Var::zeros({2, 3}), w = Var::zeros({4, 5}).leaf("head.weight");
    try {
        (void)(x + w);
        CHECK(false);
    } catch (const ShapeError& e) {
        CHECK(std::string(e.what()).find("head.weight f32[4, 5]") != std::string::npos);
    }
    CHECK_THROWS_AS((void)(x + cast(x, DType::f64)), DTypeError);
}

TEST_CASE("op: a struct of the user's own runs and differentiates without being in AllOps") {
    const double error = gradient_error([](const std::vector<Var>& v) { return apply(CubeOp{}, v[0]); },
                                        {random_f64({2, 5}, -2, 2, 9)});
    CHECK(error < 1e-7);                                        // central differences with a step of 1e-5 in f64
    CHECK(apply(CubeOp{}, row({2})).item() == 8);
}
