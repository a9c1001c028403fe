// SPDX-License-Identifier: Apache-2.0
#include "svad/autograd/gradcheck.hpp"
#include "svad/io/safetensors.hpp"
#include "svad/ops/ops.hpp"

#include <doctest/doctest.h>

using namespace svad;

TEST_CASE("activations: values and gradients of the reference implementation") {
    const auto file = io::SafeTensors::open(std::string(SVAD_FIXTURES) + "/ops/activations.safetensors");
    using enum Activation;
    for (Activation a : {gelu, gelu_tanh, quick_gelu, silu, relu, Activation::sigmoid, Activation::tanh}) {
        const std::string name(name_of(a));
        INFO(name);
        const Var x = Var(file.load<float>(name + ".x")).leaf();
        const Var y = activate(x, a);
        backward(y, file.load<float>(name + ".dy"));
        const Tensor<float> got = y.to<float>(), slope = x.grad().to<float>();
        const Tensor<float> want = file.load<float>(name + ".y"), want_slope = file.load<float>(name + ".dx");
        REQUIRE(got.numel() == want.numel());
        double value_error = 0, slope_error = 0;
        for (Index i = 0; i < got.numel(); ++i) {
            value_error = std::max(value_error, static_cast<double>(std::abs(got[i] - want[i])));
            slope_error = std::max(slope_error, static_cast<double>(std::abs(slope[i] - want_slope[i])));
        }
        MESSAGE(name, ": y within ", value_error, ", dx within ", slope_error);
        CHECK(value_error <= 2e-6);                 // the reference's own float32 is off by up to 9.5e-7
        CHECK(slope_error <= 3e-6);
    }
}

TEST_CASE("activations: far from zero they are the identity on the right and zero on the left") {
    for (Activation a : {Activation::gelu, Activation::gelu_tanh, Activation::quick_gelu, Activation::silu, Activation::relu}) {
        INFO(name_of(a));
        const Tensor<float> y = activate(Tensor<float>::of({-1e4f, 0, 1e4f}), a).to<float>();
        CHECK(y[0] == 0);
        CHECK(y[1] == 0);
        CHECK(y[2] == 1e4f);
    }
}

TEST_CASE("activations: NaN stays NaN") {
    using enum Activation;
    const Var x = Tensor<float>::of({std::numeric_limits<float>::quiet_NaN()});
    for (Activation a : {gelu, gelu_tanh, quick_gelu, silu, relu, Activation::sigmoid, Activation::tanh})
        CHECK(std::isnan(activate(x, a).item()));
}

TEST_CASE("activate: none is the value itself") {
    const Var x = Tensor<float>::of({1, 2});
    CHECK(activate(x, Activation::none).storage().data() == x.storage().data());
}

TEST_CASE("swiglu: equals silu(gate) * up, gradients too") {
    const Var g = random_f64({3, 7}, -4, 4, 1).leaf(), u = random_f64({3, 7}, -4, 4, 2).leaf();
    const Var dy = random_f64({3, 7}, -1, 1, 3);
    backward(swiglu(g, u), dy);
    const Tensor<double> fused = swiglu(g, u).to<double>(), dg = g.grad().to<double>(), du = u.grad().to<double>();
    g.clear_grad(), u.clear_grad();
    const Var plain = silu(g) * u;
    backward(plain, dy);
    for (Index i = 0; i < 21; ++i) {
        CHECK(fused[i] == doctest::Approx(plain.to<double>()[i]).epsilon(1e-12));
        CHECK(dg[i] == doctest::Approx(g.grad().to<double>()[i]).epsilon(1e-12));
        CHECK(du[i] == doctest::Approx(u.grad().to<double>()[i]).epsilon(1e-12));
    }
    CHECK_THROWS_AS((void)swiglu(g, g.slice(0, 0)), ShapeError);
}
