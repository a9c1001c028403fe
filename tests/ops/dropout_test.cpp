// SPDX-License-Identifier: Apache-2.0
#include "svad/autograd/gradcheck.hpp"
#include "svad/ops/ops.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {
bool equal(const Var& a, const Var& b) {
    const Tensor<float> x = a.to<float>(), y = b.to<float>();
    return std::equal(x.begin(), x.end(), y.begin(), y.end());
}
}  // namespace

TEST_CASE("dropout: does nothing outside of training") {
    const Var x = Var::full({8}, 1.0);
    CHECK(dropout(x, 0.5).storage().data() == x.storage().data());
    const Training on;
    CHECK(dropout(x, 0.0).storage().data() == x.storage().data());
}

TEST_CASE("dropout: drops the share p and keeps the mean") {
    const Training on(4, 1);
    for (double p : {0.1, 0.5, 0.9}) {
        const Index n = 200000;
        const Tensor<float> y = dropout(Var::full({n}, 1.0), p).to<float>();
        Index dropped = 0;
        for (float v : y.span()) {
            if (v == 0) ++dropped;
            else REQUIRE(v == doctest::Approx(1 / (1 - p)));
        }
        // Five standard deviations of the share.
        CHECK(std::abs(static_cast<double>(dropped) / static_cast<double>(n) - p) < 5 * std::sqrt(p * (1 - p) / static_cast<double>(n)));
    }
}

TEST_CASE("dropout: the mask follows seed, step and site, and nothing else") {
    const Var x = Var::full({500}, 1.0);
    const auto at = [&](std::uint64_t seed, std::uint64_t step, int site) {
        const Training on(seed, step);
        Var y = dropout(x, 0.5);
        for (int i = 0; i < site; ++i) y = dropout(x, 0.5);
        return y;
    };
    CHECK(equal(at(1, 2, 3), at(1, 2, 3)));
    CHECK(!equal(at(1, 2, 3), at(1, 2, 4)));
    CHECK(!equal(at(1, 2, 3), at(1, 3, 3)));
    CHECK(!equal(at(1, 2, 3), at(2, 2, 3)));
}

TEST_CASE("dropout: numbers are Philox words, 32 counters side by side") {
    const ops::DropoutOp op{.p = 0.5, .seed = 0x123456789abcdef0u, .stream = 0x0fedcba987654321u};
    std::uint32_t words[ops::DropoutOp::block];
    op.words(0xfffffff0u, words);
    for (std::uint64_t j = 0; j < 32; ++j) {
        const auto expected = philox(op.seed, op.stream, 0xfffffff0u + j);
        for (std::size_t k = 0; k < 4; ++k) CHECK(words[32 * k + j] == expected[k]);
    }
}

TEST_CASE("dropout: the gradient has the mask of the value") {
    const Var x = Var::full({3000}, 1.0).leaf();
    const Training on(9, 9);
    const Var y = dropout(x, 0.3);
    backward(sum(y));
    CHECK(equal(x.grad(), y));
}

TEST_CASE("dropout: a probability outside [0, 1) is refused") {
    CHECK_THROWS_AS((void)dropout(Var::zeros({1}), 1.0), UsageError);
    CHECK_THROWS_AS((void)dropout(Var::zeros({1}), -0.1), UsageError);
    CHECK_THROWS_AS((void)dropout(Var::zeros({1}), std::nan("")), UsageError);
}
