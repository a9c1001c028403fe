// SPDX-License-Identifier: Apache-2.0
#include "svad/autograd/gradcheck.hpp"
#include "svad/io/safetensors.hpp"
#include "svad/ops/ops.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

double largest_difference(const Var& got, const Tensor<float>& want) {
    const Tensor<float> g = got.to<float>();
    REQUIRE(g.shape() == want.shape());
    double worst = 0;
    for (Index i = 0; i < g.numel(); ++i) worst = std::max(worst, static_cast<double>(std::abs(g[i] - want[i])));
    return worst;
}

Var masked(const std::string& name, const io::SafeTensors& file, const Var& x) {
    if (name == "causal") {
        const Index n = x.size(-1);
        Tensor<std::uint8_t> keep({n, n});
        for (Index i = 0; i < n; ++i)
            for (Index j = 0; j <= i; ++j) keep(i, j) = 1;
        return where(keep, x, Var::full(Shape{}, -static_cast<double>(inf)));
    }
    if (name == "masked") return where(file.load<std::uint8_t>("masked.keep"), x, Var::full(Shape{}, -static_cast<double>(inf)));
    return x;
}

}  // namespace

TEST_CASE("softmax: values and gradients of the reference implementation") {
    const auto file = io::SafeTensors::open(std::string(SVAD_FIXTURES) + "/ops/softmax.safetensors");
    for (const std::string name : {"plain", "masked", "causal", "large", "log_softmax"}) {
        INFO(name);
        const Var x = Var(file.load<float>(name + ".x")).leaf();
        const Var logits = masked(name, file, x), y = name == "log_softmax" ? log_softmax(logits) : softmax(logits);
        backward(y, file.load<float>(name + ".dy"));
        const Tensor<float> want = file.load<float>(name + ".y");
        const double value_error = largest_difference(y, want), slope_error = largest_difference(x.grad(), file.load<float>(name + ".dx"));
        MESSAGE(name, ": y within ", value_error, ", dx within ", slope_error);
        CHECK(value_error <= (name == "log_softmax" ? 1e-5 : 1e-6));   // ten times the reference's own float32
        CHECK(slope_error <= (name == "log_softmax" ? 7e-6 : 1.7e-6));
        for (Index i = 0; i < want.numel(); ++i)
            if (want[i] == 0 && (name == "masked" || name == "causal")) CHECK(y.to<float>()[i] == 0);
    }
}

TEST_CASE("softmax: rows sum to one, and adding a constant changes nothing") {
    const Var x = random_f64({9, 70}, -3, 3, 1);
    const Tensor<double> y = softmax(x).to<double>(), shifted = softmax(x + 500).to<double>(), sums = sum(softmax(x), -1).to<double>();
    for (Index i = 0; i < y.numel(); ++i) CHECK(y[i] == doctest::Approx(shifted[i]).epsilon(1e-11));
    for (Index i = 0; i < 9; ++i) CHECK(sums[i] == doctest::Approx(1).epsilon(1e-14));
}

TEST_CASE("softmax: a row that is masked throughout is zeros, its gradient too") {
    const Var x = Var(Tensor<float>({2, 2}, {-inf, -inf, 1, -inf})).leaf();
    const Var y = softmax(x);
    const Tensor<float> t = y.to<float>();
    CHECK((t[0] == 0 && t[1] == 0 && t[2] == 1 && t[3] == 0));
    backward(y, Var::full({2, 2}, 3.0));
    const Tensor<float> slope = x.grad().to<float>();
    for (float g : slope.span()) CHECK(g == 0);
    CHECK(std::isnan(softmax(Tensor<float>::of({1, std::nanf("")})).to<float>()[0]));
}

TEST_CASE("sum, mean, max: along every axis equal plain loops") {
    const Var x = random_f64({3, 4, 5}, -1, 1, 2);
    const Tensor<double> t = x.to<double>();
    for (int axis = 0; axis < 3; ++axis) {
        const Tensor<double> s = sum(x, axis).to<double>(), m = mean(x, axis - 3, true).to<double>(), top = max(x, axis).to<double>();
        REQUIRE(s.shape() == x.shape().without(axis));
        REQUIRE(m.shape() == x.shape().with(axis, 1));
        std::vector<double> sums(static_cast<std::size_t>(s.numel()), 0), tops(sums.size(), -9);
        for (Index i = 0; i < 3; ++i)
            for (Index j = 0; j < 4; ++j)
                for (Index k = 0; k < 5; ++k) {
                    const auto at = static_cast<std::size_t>(axis == 0 ? j * 5 + k : axis == 1 ? i * 5 + k : i * 4 + j);
                    sums[at] += t(i, j, k);
                    tops[at] = std::max(tops[at], t(i, j, k));
                }
        for (Index i = 0; i < s.numel(); ++i) {
            const auto at = static_cast<std::size_t>(i);
            CHECK(s[i] == doctest::Approx(sums[at]).epsilon(1e-13));
            CHECK(m[i] * static_cast<double>(x.size(axis)) == doctest::Approx(sums[at]).epsilon(1e-13));
            CHECK(top[i] == tops[at]);
        }
    }
    CHECK(sum(x).rank() == 0);
    CHECK(mean(x).item() == doctest::Approx(sum(x).item() / 60).epsilon(1e-13));
}

TEST_CASE("sum: a million tenths in f32 is right to six digits") {
    const Var x = Var::full({1000003}, 0.1f);
    CHECK(sum(x).item() == doctest::Approx(1000003 * static_cast<double>(0.1f)).epsilon(1e-6));
    CHECK(mean(x).item() == doctest::Approx(static_cast<double>(0.1f)).epsilon(1e-6));
}

TEST_CASE("sum: of nothing is zero; the maximum of nothing is an error") {
    CHECK(sum(Var::zeros({0})).item() == 0);
    const Tensor<float> s = sum(Var::full({0, 3}, 1.0), 0).to<float>();
    REQUIRE(s.numel() == 3);
    CHECK((s[0] == 0 && s[1] == 0 && s[2] == 0));
    CHECK_THROWS_AS((void)max(Var::zeros({2, 0}), 1), ShapeError);
    CHECK_THROWS_AS((void)sum(Var::zeros({2}), 1), ShapeError);
    CHECK_THROWS_AS((void)argmax(Var::zeros({2, 0})), ShapeError);
}

TEST_CASE("max: the first of equals gets the gradient, NaN wins") {
    const Var x = Var(Tensor<float>::of({1, 7, 7, 2})).leaf();
    backward(max(x, 0));
    const Tensor<float> g = x.grad().to<float>();
    CHECK((g[0] == 0 && g[1] == 1 && g[2] == 0 && g[3] == 0));
    CHECK(std::isnan(max(Tensor<float>::of({std::nanf(""), 7}), 0).item()));
}

TEST_CASE("argmax: the first of equals, the first NaN, strided rows") {
    const Var x = Tensor<float>({3, 4}, {1, 9, 9, 0, -inf, -inf, -inf, -inf, 5, std::nanf(""), 9, std::nanf("")});
    const Tensor<std::int32_t> at = argmax(x);
    CHECK((at[0] == 1 && at[1] == 0 && at[2] == 1));
    const Tensor<std::int32_t> down = argmax(x.slice(0, 0, 2).permute({1, 0}));
    CHECK((down.numel() == 4 && down[0] == 0 && down[3] == 0));
}

TEST_CASE("variance: mean squared deviation, and its gradient") {
    const Var x = Tensor<double>::of({1, 2, 3, 6});
    CHECK(variance(x, 0).item() == doctest::Approx(3.5));
    const auto f = [](const std::vector<Var>& v) { return variance(v[0], 1); };
    CHECK(gradient_error(f, {random_f64({3, 5, 2}, -1, 1, 4)}) < 1e-8);
}

TEST_CASE("l2_normalize: rows have length one; a zero row stays zero with a finite gradient") {
    const Var x = Var(Tensor<float>({2, 2}, {3, 4, 0, 0})).leaf();
    const Var y = l2_normalize(x, 1e-6);
    const Tensor<float> t = y.to<float>();
    CHECK(t[0] == doctest::Approx(0.6));
    CHECK(t[1] == doctest::Approx(0.8));
    CHECK((t[2] == 0 && t[3] == 0));
    backward(y, Var::full({2, 2}, 1.0));
    const Tensor<float> g = x.grad().to<float>();
    CHECK(g[0] == doctest::Approx(0.032));
    CHECK(g[1] == doctest::Approx(-0.024));
    CHECK(g[2] == doctest::Approx(1e6));
}
