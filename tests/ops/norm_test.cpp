// SPDX-License-Identifier: Apache-2.0
#include "svad/autograd/gradcheck.hpp"
#include "svad/io/safetensors.hpp"
#include "svad/ops/norm.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

/// The reference values of one op; read by "<case>.<name>".
struct Golden {
    io::SafeTensors file;
    explicit Golden(const std::string& op) : file(io::SafeTensors::open(std::string(SVAD_FIXTURES) + "/ops/" + op + ".safetensors")) {}
    Tensor<float> operator()(const std::string& name) const { return file.load<float>(name); }
};

/// The largest difference over the largest size of `want`.
double difference(const Var& got, const Tensor<float>& want) {
    REQUIRE(got.shape() == want.shape());
    const Tensor<float> g = got.to<float>();
    double worst = 0, size = 1e-30;
    for (Index i = 0; i < want.numel(); ++i) {
        worst = std::max(worst, std::abs(static_cast<double>(g[i]) - static_cast<double>(want[i])));
        size = std::max(size, std::abs(static_cast<double>(want[i])));
    }
    return worst / size;
}

Var random_f32(const Shape& shape, std::uint64_t seed) { return random_f64(shape, -1, 1, seed).to<float>(); }

}  // namespace

TEST_CASE("layer_norm: equals the reference, forward and backward") {
    const Golden golden("layer_norm");
    const std::pair<const char*, double> cases[] = {{"a", 1e-5}, {"wide", 1e-12}, {"one", 1e-6}, {"offset", 1e-5}};
    for (const auto& one : cases) {
        const auto& name = one.first;
        const double eps = one.second;
        CAPTURE(name);
        const std::string c = std::string(name) + ".";
        const Var x = Var(golden(c + "x")).leaf(), w = Var(golden(c + "w")).leaf(), b = Var(golden(c + "b")).leaf();
        const Var y = layer_norm(x, w, b, eps);
        backward(y, golden(c + "dy"));
        // Ten times the error of torch's own float32: 1e-6, and 8e-5 where a row lies 300 away from zero.
        const double bound = c == "offset." ? 8e-5 : 1e-6;
        CHECK(difference(y, golden(c + "y")) < bound);
        CHECK(difference(x.grad(), golden(c + "dx")) < 2e-6);
        CHECK(difference(w.grad(), golden(c + "dw")) < std::max(2e-6, bound));
        CHECK(difference(b.grad(), golden(c + "db")) < 2e-6);
    }
}

TEST_CASE("rms_norm: equals the reference, forward and backward") {
    const Golden golden("rms_norm");
    const std::pair<const char*, double> cases[] = {{"a", 1e-6}, {"wide", 1e-5}, {"tiny", 1e-6}};
    for (const auto& one : cases) {
        const auto& name = one.first;
        const double eps = one.second;
        CAPTURE(name);
        const std::string c = std::string(name) + ".";
        const Var x = Var(golden(c + "x")).leaf(), w = Var(golden(c + "w")).leaf();
        const Var y = rms_norm(x, w, eps);
        backward(y, golden(c + "dy"));
        CHECK(difference(y, golden(c + "y")) < 1e-6);           // ten times the error of torch's own float32
        CHECK(difference(x.grad(), golden(c + "dx")) < 2e-6);
        CHECK(difference(w.grad(), golden(c + "dw")) < 1e-6);
    }
}

TEST_CASE("batch_norm: equals the reference, forward and backward") {
    const Golden golden("batch_norm3d");
    const Var x = Var(golden("a.x")).leaf(), w = Var(golden("a.w")).leaf(), b = Var(golden("a.b")).leaf();
    const Var y = batch_norm(x, w, b, golden("a.running_mean"), golden("a.running_var"), 1e-5);
    backward(y, golden("a.dy"));
    CHECK(difference(y, golden("a.y")) < 1e-6);                 // ten times the error of torch's own float32
    CHECK(difference(x.grad(), golden("a.dx")) < 1e-6);
    CHECK(difference(w.grad(), golden("a.dw")) < 2e-6);
    CHECK(difference(b.grad(), golden("a.db")) < 1e-6);
}

TEST_CASE("norms: gradients agree with differences in f64 over all samples") {
    const auto check = [](const auto& samples) {
        for (const auto& s : samples) {
            std::vector<Var> inputs;
            for (std::size_t i = 0; i < s.inputs.size(); ++i) inputs.push_back(random_f64(s.inputs[i], s.lo, s.hi, 9 + i));
            CHECK(gradient_error([&](const std::vector<Var>& x) {
                return apply_all(s.op, x);
            }, inputs) < 1e-6);
        }
    };
    check(ops::LayerNormOp::samples());
    check(ops::RmsNormOp::samples());
    check(ops::BatchNormOp::samples());
}

TEST_CASE("layer_norm: a constant row comes out as the bias") {
    const Var y = layer_norm(Var::full({2, 64}, 3.25), random_f32({64}, 1), Var::full({64}, 0.5));
    for (float v : y.as<float>().span()) CHECK(v == 0.5F);
}

TEST_CASE("layer_norm: neither a shift nor a positive scale of a row changes the result") {
    const Var x = random_f32({3, 48}, 2), w = random_f32({48}, 3), b = random_f32({48}, 4);
    const Tensor<float> y = layer_norm(x, w, b, 0.0).as<float>();
    Tensor<float> moved = x.to<float>();
    for (float& v : moved.span()) v = v * 4 + 8;
    CHECK(difference(layer_norm(moved, w, b, 0.0), y) < 2e-6);   // 8 / 0.5 ulp of the shifted values
}

TEST_CASE("layer_norm: without weight and bias rows have mean 0 and mean square 1") {
    const Tensor<float> y = layer_norm(random_f32({5, 100}, 5), Var(), Var()).as<float>();
    for (Index r = 0; r < 5; ++r) {
        double sum = 0, square = 0;
        for (Index j = 0; j < 100; ++j) sum += y(r, j), square += static_cast<double>(y(r, j)) * y(r, j);
        CHECK(std::abs(sum) < 1e-4);
        CHECK(square / 100 == doctest::Approx(1).epsilon(1e-4));   // eps of 1e-5 against a variance of 1/3
    }
}

TEST_CASE("norms: results do not depend on the number of threads") {
    const Var x = random_f32({701, 96}, 6), w = random_f32({96}, 7), b = random_f32({96}, 8), dy = random_f32({701, 96}, 9);
    const auto gradients = [&](int n) {
        const int before = threads();
        set_threads(n);
        const Var lx = x.leaf(), lw = w.leaf(), lb = b.leaf();
        backward(layer_norm(rms_norm(lx, lw), lw, lb), dy);
        set_threads(before);
        return std::vector<Tensor<float>>{lx.grad().to<float>(), lw.grad().to<float>(), lb.grad().to<float>()};
    };
    const auto one = gradients(1), three = gradients(3);
    for (std::size_t k = 0; k < one.size(); ++k)
        CHECK(std::equal(one[k].begin(), one[k].end(), three[k].begin()));
}

TEST_CASE("layer_norm: a frozen weight gets no gradient, the value does") {
    const Var x = random_f32({4, 8}, 10).leaf(), w = random_f32({8}, 11), b = random_f32({8}, 12);
    backward(layer_norm(x, w, b), random_f32({4, 8}, 13));
    CHECK(x.grad());
    CHECK(!w.grad());
}

TEST_CASE("norms: a weight of another width is refused with both shapes") {
    CHECK_THROWS_WITH_AS(static_cast<void>(layer_norm(random_f32({2, 8}, 1), random_f32({7}, 2), random_f32({7}, 3))),
                         "layer_norm: weight and bias must be [D] for x [..., D]; got f32[2, 8], f32[7], f32[7]", ShapeError);
    CHECK_THROWS_AS(static_cast<void>(rms_norm(random_f32({2, 8}, 1), random_f32({2}, 2))), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(batch_norm(random_f32({2, 8}, 1), random_f32({8}, 2), random_f32({8}, 3),
                                                 Tensor<float>({7}), Tensor<float>({7}))), ShapeError);
}
