// SPDX-License-Identifier: Apache-2.0
#include "svad/autograd/gradcheck.hpp"
#include "svad/ops/ops.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

/// 0, 1, 2, ... in the given shape.
Var counted(const Shape& shape) {
    Tensor<double> t(shape);
    for (Index i = 0; i < t.numel(); ++i) t[i] = static_cast<double>(i);
    return Var(t);
}

std::vector<double> values(const Var& x) {
    const Tensor<double> t = x.to<double>();
    return {t.begin(), t.end()};
}

std::string error_of(auto&& f) {
    try {
        f();
    } catch (const Error& e) {
        return e.what();
    }
    return "";
}

}  // namespace

TEST_CASE("layout: a permutation and its inverse give the values back, and so do two transpositions") {
    const Var x = counted({2, 3, 4, 5});
    CHECK(values(x.permute({2, 0, 3, 1}).permute({1, 3, 0, 2})) == values(x));
    CHECK(values(x.transpose(1, -1).transpose(-1, 1)) == values(x));
    CHECK(x.permute({2, 0, 3, 1}).shape() == Shape{4, 2, 5, 3});
    const Tensor<double> from = x.to<double>(), to = x.permute({2, 0, 3, 1}).to<double>();
    for (Index a = 0; a < 2; ++a)
        for (Index b = 0; b < 3; ++b)
            for (Index c = 0; c < 4; ++c)
                for (Index d = 0; d < 5; ++d) REQUIRE(to(c, a, d, b) == from(a, b, c, d));
}

TEST_CASE("layout: slices laid side by side are the whole") {
    const Var x = counted({4, 6, 3});
    for (const int axis : {0, 1, 2, -1}) {
        const Var parts = concat(axis, {x.slice(axis, 0, 1), x.slice(axis, 1, 2), x.slice(axis, 2, svad::end)});
        CHECK(values(parts) == values(x));
    }
    std::vector<Var> rows;
    for (Index i = 0; i < 6; ++i) rows.push_back(x.slice(1, i));
    CHECK(values(stack(1, rows)) == values(x));
    CHECK(values(x.slice(1, -2, svad::end)) == values(x.slice(1, 4, 6)));
    CHECK(x.slice(1, -1).shape() == Shape{4, 3});
}

TEST_CASE("layout: sum_to undoes expand up to the number of copies") {
    const Var x = counted({3, 1, 2});
    const Var wide = x.expand({5, 3, 4, 2});
    CHECK(wide.shape() == Shape{5, 3, 4, 2});
    CHECK(values(sum_to(wide, x.shape())) == values(x * 20.0));
}

TEST_CASE("layout: pad surrounds with zeros, and cutting the padding off gives the value back") {
    const Var x = counted({2, 3}) + 1.0, y = pad(x, 1, 2, 1);
    CHECK(values(y) == std::vector<double>{0, 0, 1, 2, 3, 0, 0, 0, 4, 5, 6, 0});
    CHECK(values(y.slice(1, 2, 5)) == values(x));
}

TEST_CASE("layout: reshape keeps the order of elements, of views too") {
    const Var x = counted({3, 4});
    CHECK(values(x.reshape({2, 6})) == values(x));
    CHECK(values(x.transpose(0, 1).reshape({12})) == std::vector<double>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
}

TEST_CASE("layout: the gradient of a chain of views lands where the values came from") {
    const Var x = counted({3, 4}).leaf();
    backward(sum(x.transpose(0, 1).slice(0, 1, 3).slice(1, 2) * Var(Tensor<double>({2}, {10, 100}))));
    CHECK(values(x.grad()) == std::vector<double>{0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 100, 0});
}

TEST_CASE("layout: what does not fit is an error that names both shapes") {
    const Var x = counted({2, 3});
    CHECK(error_of([&] { (void)x.reshape({4, 2}); }).find("[2, 3]") != std::string::npos);
    CHECK(error_of([&] { (void)x.reshape({4, 2}); }).find("[4, 2]") != std::string::npos);
    CHECK(error_of([&] { (void)concat(0, {x, counted({2, 4})}); }).find("[2, 4]") != std::string::npos);
    CHECK(error_of([&] { (void)x.expand({2, 5}); }).find("[2, 5]") != std::string::npos);
    CHECK(error_of([&] { (void)sum_to(x, {2, 2}); }).find("[2, 2]") != std::string::npos);
    CHECK_FALSE(error_of([&] { (void)x.slice(1, 2, 4); }).empty());
    CHECK_FALSE(error_of([&] { (void)x.slice(1, 3); }).empty());
    CHECK_FALSE(error_of([&] { (void)x.permute({0, 0}); }).empty());
    CHECK_FALSE(error_of([&] { (void)pad(x, 0, -1, 0); }).empty());
}
