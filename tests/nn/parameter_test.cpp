// SPDX-License-Identifier: Apache-2.0
#include "svad/nn/parameter.hpp"

#include "svad/autograd/backward.hpp"
#include "svad/ops/elementwise.hpp"
#include "svad/ops/reduce.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

Parameter filled(const std::string& path, Init rule, std::uint64_t seed = 1, const Shape& shape = {40, 50}) {
    Parameter p(shape, rule);
    p.set_path(path);
    p.fill(seed);
    return p;
}

double deviation(const Parameter& p) {
    double sum = 0;
    for (float x : p.var().to<float>()) sum += static_cast<double>(x) * static_cast<double>(x);
    return std::sqrt(sum / static_cast<double>(p.numel()));
}

}  // namespace

TEST_CASE("parameter: using an unfilled one is an error that names its path and shape") {
    Parameter p({576, 576});
    p.set_path("decoder.blocks.0.attn.q.weight");
    try {
        (void)p.var();
        FAIL("no error");
    } catch (const UsageError& e) {
        CHECK(std::string(e.what()) == "parameter decoder.blocks.0.attn.q.weight [576, 576] has no value yet; "
                                       "call init(model, seed) or load(model, file)");
    }
}

TEST_CASE("parameter: a copy has its own memory and its own gradient") {
    Parameter a = filled("a", Init::normal(1));
    Parameter b = a;
    backward(sum(a.var() * 2.0));
    CHECK(a.grad());
    CHECK(!b.grad());
    a.var().data<float>()[0] += 1;
    CHECK(a.var().data<float>()[0] != b.var().data<float>()[0]);
    CHECK(b.var().name() == "a");
}

TEST_CASE("parameter: random values depend on seed and path only") {
    const Parameter a = filled("x", Init::normal(1)), b = filled("x", Init::normal(1)), c = filled("y", Init::normal(1)),
                    d = filled("x", Init::normal(1), 2);
    CHECK(a.var().data<float>()[7] == b.var().data<float>()[7]);
    CHECK(a.var().data<float>()[7] != c.var().data<float>()[7]);
    CHECK(a.var().data<float>()[7] != d.var().data<float>()[7]);
}

TEST_CASE("parameter: init rules have the spread that they promise") {
    // 2000 draws: the spread is known to 1/sqrt(4000) = 1.6 %; four times that is allowed.
    CHECK(deviation(filled("n", Init::normal(0.5))) == doctest::Approx(0.5).epsilon(0.07));
    CHECK(deviation(filled("u", Init::xavier_uniform())) == doctest::Approx(std::sqrt(2.0 / 90)).epsilon(0.07));
    CHECK(deviation(filled("c", Init::constant(-3))) == doctest::Approx(3));
    CHECK(deviation(filled("z", Init::zeros())) == 0);
}

TEST_CASE("parameter: only a trainable one wants a gradient, and a buffer never does") {
    Parameter p = filled("p", Init::ones());
    CHECK(p.var().wants_grad());
    p.set_trainable(false);
    CHECK(!p.var().wants_grad());
    Parameter buffer({3}, Init::ones(), Parameter::Kind::buffer);
    buffer.fill(1);
    buffer.set_trainable(true);
    CHECK(!buffer.var().wants_grad());
}

TEST_CASE("parameter: a value of another shape is refused") {
    Parameter p({2, 3});
    CHECK_THROWS_AS(p.set(Var::zeros({3, 2})), ShapeError);
}
