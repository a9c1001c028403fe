// SPDX-License-Identifier: Apache-2.0
#include "svad/nn/kv_cache.hpp"

#include "svad/ops/layout.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {
Var numbered(const Shape& shape, float start) {
    Tensor<float> t(shape);
    for (Index i = 0; i < t.numel(); ++i) t[i] = start + static_cast<float>(i);
    return t;
}
}  // namespace

TEST_CASE("kv_cache: what is appended comes back in order, row by row") {
    KvCache cache(2, 2, 5, 3);
    (void)cache.append(1, numbered({2, 2, 3}, 0), numbered({2, 2, 3}, 100));
    cache.advance(2);
    const auto [k, v] = cache.append(1, numbered({2, 1, 3}, 50), numbered({2, 1, 3}, 150));
    REQUIRE(k.shape() == Shape{2, 3, 3});
    const Tensor<float> keys = k.to<float>(), values = v.to<float>();
    CHECK(keys(0, 1, 2) == 5);
    CHECK(keys(1, 0, 0) == 6);
    CHECK(keys(0, 2, 0) == 50);
    CHECK(keys(1, 2, 1) == 54);
    CHECK(values(1, 2, 1) == 154);
}

TEST_CASE("kv_cache: reorder copies rows, also to more rows than before") {
    KvCache cache(1, 2, 4, 1);
    (void)cache.append(0, numbered({2, 2, 1}, 0), numbered({2, 2, 1}, 10));
    cache.advance(2);
    const Index rows[] = {1, 1, 0};
    cache.reorder(rows);
    CHECK(cache.rows() == 3);
    const Tensor<float> keys = cache.append(0, numbered({3, 1, 1}, 7), numbered({3, 1, 1}, 17)).first.to<float>();
    CHECK(keys(0, 1, 0) == 3);
    CHECK(keys(1, 0, 0) == 2);
    CHECK(keys(2, 0, 0) == 0);
    CHECK(keys(2, 2, 0) == 9);
    const Index bad[] = {3};
    CHECK_THROWS_AS(cache.reorder(bad), UsageError);
}

TEST_CASE("kv_cache: more positions than there is room for, and rows of another width, are errors") {
    KvCache cache(1, 1, 2, 3);
    CHECK_THROWS_AS((void)cache.append(0, numbered({1, 3, 3}, 0), numbered({1, 3, 3}, 0)), UsageError);
    CHECK_THROWS_AS((void)cache.append(0, numbered({1, 1, 2}, 0), numbered({1, 1, 2}, 0)), ShapeError);
}
