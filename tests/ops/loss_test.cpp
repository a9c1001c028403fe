// SPDX-License-Identifier: Apache-2.0
#include "svad/ops/loss.hpp"

#include "svad/autograd/backward.hpp"
#include "svad/autograd/gradcheck.hpp"
#include "svad/ops/elementwise.hpp"
#include "svad/ops/reduce.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

using Labels = Tensor<std::int32_t>;

}  // namespace

TEST_CASE("cross_entropy: equal scores cost the logarithm of their number") {
    CHECK(cross_entropy(Var::zeros({3, 7}), Labels::of({0, 3, 6})).item() == doctest::Approx(std::log(7.0)));
}

TEST_CASE("cross_entropy: ignored rows change neither the loss nor any gradient") {
    const Var x = random_f64({4, 5}, -2, 2, 1).leaf();
    const Var kept = x.detach().slice(0, 0, 2);
    const Var loss = cross_entropy(x, Labels::of({1, 2, -100, -100}));
    CHECK(loss.item() == doctest::Approx(cross_entropy(kept, Labels::of({1, 2})).item()).epsilon(1e-14));
    backward(loss);
    const Tensor<double> g = x.grad().to<double>();
    for (Index i = 10; i < 20; ++i) CHECK(g[i] == 0);
    CHECK(cross_entropy(x.detach(), Labels::of({-100, -100, -100, -100})).item() == 0);
}

TEST_CASE("cross_entropy: scores of a thousand do not overflow") {
    const Var x(Tensor<float>({1, 2}, {1000.0f, -1000.0f}));
    CHECK(cross_entropy(x, Labels::of({0})).item() == doctest::Approx(0.0));
    CHECK(cross_entropy(x, Labels::of({1})).item() == doctest::Approx(2000.0));
}

TEST_CASE("cross_entropy: a label outside the scores is an error that names it") {
    CHECK_THROWS_WITH_AS(cross_entropy(Var::zeros({1, 5}), Labels::of({5})).item(), doctest::Contains("5"), Error);
    CHECK_THROWS_AS(cross_entropy(Var::zeros({1, 5}), Labels::of({-1})).item(), Error);
    CHECK_THROWS_AS(cross_entropy(Var::zeros({2, 5}), Labels::of({0})).item(), ShapeError);
}

TEST_CASE("linear_cross_entropy: equals the product followed by cross_entropy, for any chunk") {
    const Labels labels = Labels::of({0, 10, -100, 3, 7});
    for (Index chunk : {1, 2, 256}) {
        const Var h = random_f64({5, 4}, -1, 1, 2).leaf(), w = random_f64({11, 4}, -1, 1, 3).leaf();
        const Var h2 = h.detach().leaf(), w2 = w.detach().leaf();
        const Var a = linear_cross_entropy(h, w, labels, {.smoothing = 0.1}, chunk);
        const Var b = cross_entropy(matmul(h2, w2, {.b = true}), labels, {.smoothing = 0.1});
        CHECK(a.item() == doctest::Approx(b.item()).epsilon(1e-13));
        backward(a);
        backward(b);
        for (const auto& [x, y] : {std::pair{h, h2}, std::pair{w, w2}}) {
            const Tensor<double> p = x.grad().to<double>(), q = y.grad().to<double>();
            for (Index i = 0; i < p.numel(); ++i) CHECK(p[i] == doctest::Approx(q[i]).epsilon(1e-11));
        }
    }
}

TEST_CASE("info_nce: pairs that agree cost less than pairs that are swapped") {
    const Var a = random_f64({4, 8}, -1, 1, 4), scale = Var::full({}, 2.0, DType::f64);
    std::vector<Var> turned;
    for (Index i = 0; i < 4; ++i) turned.push_back(a.slice(0, (i + 1) % 4));
    CHECK(info_nce(a, a, scale).item() < info_nce(a, stack(0, turned), scale).item());
}
