// SPDX-License-Identifier: Apache-2.0
#include "svad/train/optimizer.hpp"

#include "svad/autograd/backward.hpp"
#include "svad/nn/linear.hpp"
#include "svad/ops/elementwise.hpp"
#include "svad/ops/reduce.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

struct Point {
    Parameter weight{Shape{1, 2}, Init::constant(1)}, bias{Shape{2}, Init::constant(1)};
    void visit(auto&& f) { f("weight", weight); f("bias", bias); }
};

}  // namespace

TEST_CASE("adamw: the first step moves every value by the rate, against its gradient's sign") {
    Point p;
    init(p, 1);
    AdamW optimizer({.decay = 0});
    optimizer.add(p);
    backward(sum(p.weight.var() * 3.0) + sum(p.bias.var() * -0.01));
    optimizer.step(0.125);
    CHECK(p.weight.var().data<float>()[0] == doctest::Approx(0.875).epsilon(1e-5));
    CHECK(p.bias.var().data<float>()[1] == doctest::Approx(1.125).epsilon(1e-5));     // eps / 0.01 = 1e-6
}

TEST_CASE("adamw: weights decay, biases do not, and groups change that") {
    Point p;
    init(p, 1);
    AdamW optimizer({.decay = 0.5});
    optimizer.add(p, "part.");
    const auto zero_step = [&] {
        p.weight.var().node()->grad = Var::zeros({1, 2});
        p.bias.var().node()->grad = Var::zeros({2});
        optimizer.step(0.1);
    };
    zero_step();
    CHECK(p.weight.var().data<float>()[0] == doctest::Approx(0.95));
    CHECK(p.bias.var().data<float>()[0] == 1);
    optimizer.group("part.bias", true, 2);
    zero_step();
    CHECK(p.bias.var().data<float>()[0] == doctest::Approx(0.9));
    CHECK_THROWS_AS(optimizer.group("bias", true), UsageError);
}

TEST_CASE("adamw: a frozen parameter has no slot and one without gradient stays") {
    Point p;
    init(p, 1);
    freeze(p, "bias");
    AdamW optimizer;
    optimizer.add(p);
    CHECK(optimizer.slots().size() == 1);
    optimizer.step(0.1);
    CHECK(p.weight.var().data<float>()[0] == 1);
}

TEST_CASE("adamw: finds the least point of a bowl") {
    Point p;
    init(p, 1);
    AdamW optimizer({.decay = 0});
    optimizer.add(p);
    const Var target = Tensor<float>({1, 2}, {3, -2});
    for (int i = 0; i < 600; ++i) {
        const Var off = p.weight.var() - target;
        backward(sum(off * off));
        optimizer.step(0.05);
        optimizer.clear();
    }
    CHECK(p.weight.var().data<float>()[0] == doctest::Approx(3).epsilon(1e-3));
    CHECK(p.weight.var().data<float>()[1] == doctest::Approx(-2).epsilon(1e-3));
}

TEST_CASE("clip: longer gradients come out with the length asked for, shorter ones unchanged") {
    Point p;
    init(p, 1);
    AdamW optimizer;
    optimizer.add(p);
    backward(sum(p.weight.var() * 3.0));
    CHECK(optimizer.clip(1) == doctest::Approx(std::sqrt(18.0)));
    CHECK(grad_norm(p) == doctest::Approx(1).epsilon(1e-5));
    CHECK(optimizer.clip(5) == doctest::Approx(1).epsilon(1e-5));
    CHECK(grad_norm(p) == doctest::Approx(1).epsilon(1e-5));
}

TEST_CASE("adamw: a value replaced behind its back is an error, not a silent no-op") {
    Point p;
    init(p, 1);
    AdamW optimizer;
    optimizer.add(p);
    init(p, 2);
    CHECK_THROWS_AS(optimizer.step(0.1), UsageError);
}
