// SPDX-License-Identifier: Apache-2.0
#include "svad/ops/conv.hpp"

#include "svad/autograd/gradcheck.hpp"
#include "svad/ops/depthwise.hpp"
#include "svad/ops/embedding.hpp"

#include <doctest/doctest.h>

using namespace svad;

TEST_CASE("conv3d: a kernel that is one in its middle gives the clip back") {
    const Var x = random_f64({1, 1, 3, 4, 5}, -1, 1, 1);
    Tensor<double> kernel({1, 1, 3, 3, 3});
    kernel.fill(0);
    kernel[13] = 1;
    const Tensor<double> y = conv3d(x, Var(kernel), Var(), {.padding = {1, 1, 1}}).to<double>(), want = x.to<double>();
    REQUIRE(y.shape() == want.shape());
    for (Index i = 0; i < y.numel(); ++i) CHECK(y[i] == want[i]);
}

TEST_CASE("depthwise_tokens: equals conv3d with one group a channel") {
    const Var x = random_f64({2, 2, 3, 4, 5}, -1, 1, 2), w = random_f64({5, 1, 3, 3, 3}, -1, 1, 3), b = random_f64({5}, -1, 1, 4);
    const Var tokens = depthwise_tokens(x, w, b);
    const Var clip = conv3d(x.permute({0, 4, 1, 2, 3}), w, b, {.padding = {1, 1, 1}, .groups = 5});
    const Tensor<double> a = tokens.to<double>(), c = clip.permute({0, 2, 3, 4, 1}).to<double>();
    REQUIRE(a.shape() == c.shape());
    for (Index i = 0; i < a.numel(); ++i) CHECK(a[i] == doctest::Approx(c[i]).epsilon(1e-12));
}

TEST_CASE("depthwise_clips: adds the convolution to the patches and passes the class tokens") {
    const Index B = 2, T = 3, H = 2, W = 4, C = 21;
    const Var tokens = random_f64({B * T, 1 + H * W, C}, -1, 1, 2), w = random_f64({C, 1, 3, 3, 3}, -1, 1, 3), b = random_f64({C}, -1, 1, 4);
    const Var patches = tokens.slice(1, 1, end).reshape({B, T, H, W, C});
    const Tensor<double> want = concat(1, {tokens.slice(1, 0, 1), (patches + depthwise_tokens(patches, w, b)).reshape({B * T, H * W, C})}).to<double>();
    const Tensor<double> got = depthwise_clips(tokens, w, b, {T, H, W}, true).to<double>();
    REQUIRE(got.shape() == want.shape());
    for (Index i = 0; i < got.numel(); ++i) CHECK(got[i] == doctest::Approx(want[i]).epsilon(1e-12));
    CHECK_THROWS_AS((void)depthwise_clips(tokens, w, b, {4, H, W}), ShapeError);
}

TEST_CASE("conv3d: groups that do not divide the channels are an error") {
    CHECK_THROWS_AS((void)conv3d(Var::zeros({1, 3, 1, 4, 4}), Var::zeros({4, 1, 1, 2, 2}), Var(), {.groups = 2}), ShapeError);
}

TEST_CASE("embedding: rows by index, repeated rows add their gradients, padding gets none") {
    const Var table = random_f64({4, 3}, -1, 1, 5).leaf();
    const Tensor<std::int32_t> ids({2, 2}, {2, 0, 2, 3});
    const Var y = embedding(table, ids, 3);
    CHECK(y.shape() == Shape{2, 2, 3});
    backward(y, Var::full({2, 2, 3}, 1.0, DType::f64));
    const Tensor<double> g = table.grad().to<double>();
    for (Index d = 0; d < 3; ++d) {
        CHECK(g(0, d) == 1);
        CHECK(g(1, d) == 0);
        CHECK(g(2, d) == 2);
        CHECK(g(3, d) == 0);
    }
}

TEST_CASE("embedding: an index outside the table is an error, not a read") {
    CHECK_THROWS_AS(embedding(Var::zeros({4, 3}), Tensor<std::int32_t>::of({4})).item(), Error);
    CHECK_THROWS_AS(embedding(Var::zeros({4, 3}), Tensor<std::int32_t>::of({-1})).item(), Error);
}
