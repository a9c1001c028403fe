// SPDX-License-Identifier: Apache-2.0
// Sums over every mixture of axes, maxima, their gradient, and argmax on the device; with packs and without, of one run
// with a tail, and cut into chunks.
#include "kernel_case.hpp"
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace svad::test {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

void check_sum(DType dtype, Sizes from, Sizes to, float scale = 1, bool budget = false) {
    KernelCase k("sum " + text_of(dtype) + " " + text_of(from) + " to " + text_of(to));
    CAPTURE(text_of(from));
    const Ref x = k.input(dtype, from, -1, 2), y = k.output(dtype, to);
    const auto run = [&] { cuda::sum(x, y, scale, k.stream()); };
    budget ? k.run_within_budget(run) : k.run(run);
    const Values in = k.values(x);
    Values expected(static_cast<std::size_t>(y.numel()), 0.0);
    const std::vector<std::int64_t> at = offsets(expanded(y, from));           // of the sum that each element belongs to
    for (std::size_t i = 0; i < in.size(); ++i) expected[static_cast<std::size_t>(at[i])] += in[i] * static_cast<double>(scale);
    const double terms = static_cast<double>(x.numel()) / static_cast<double>(std::max<std::int64_t>(1, y.numel()));
    k.expect(y, expected, rounding_of(dtype, std::max(1.0, std::sqrt(terms) / 4)));
}

void check_max(DType dtype, std::int64_t outer, std::int64_t n, std::int64_t inner) {
    KernelCase k("max " + text_of(dtype) + " " + text_of({outer, n, inner}));
    CAPTURE(text_of({outer, n, inner}));
    Values values(static_cast<std::size_t>(outer * n * inner));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>((i * 2654435761U >> 7) % 50);       // with ties
    if (values.size() > 5) values[5] = nan, values[values.size() - 1] = -inf;
    const Ref x = k.input(dtype, {outer, n, inner}, values), y = k.output(dtype, {outer, inner}), dy = k.input(dtype, {outer, inner}),
              dx = k.output(dtype, {outer, n, inner});
    k.run([&] {
        cuda::max(x, y, k.stream());
        cuda::max_grad(dy, y, x, dx, k.stream());
    });
    const Values g = k.values(dy);
    Values tops(static_cast<std::size_t>(outer * inner), -inf), slopes(values.size(), 0.0);
    for (std::int64_t o = 0; o < outer; ++o)
        for (std::int64_t j = 0; j < inner; ++j) {
            const auto at = [&](std::int64_t i) { return static_cast<std::size_t>((o * n + i) * inner + j); };
            std::int64_t best = 0;
            for (std::int64_t i = 1; i < n; ++i)
                if (!std::isnan(values[at(best)]) && (values[at(i)] > values[at(best)] || std::isnan(values[at(i)]))) best = i;
            tops[static_cast<std::size_t>(o * inner + j)] = values[at(best)];
            slopes[at(best)] = g[static_cast<std::size_t>(o * inner + j)];
        }
    k.expect(y, tops, {0, 0}), k.expect(dx, slopes, {0, 0});
}

void check_argmax(DType dtype, std::int64_t rows, std::int64_t n, const Values& values) {
    KernelCase k("argmax " + text_of(dtype) + " " + text_of({rows, n}));
    CAPTURE(text_of({rows, n}));
    const Ref x = k.input(dtype, {rows, n}, values), at = k.output(DType::i32, {rows});
    k.run([&] { cuda::argmax(x, at, k.stream()); });
    Values expected;
    for (std::int64_t r = 0; r < rows; ++r) {
        const double* row = values.data() + r * n;
        std::int64_t best = 0;
        for (std::int64_t i = 1; i < n; ++i)
            if (!std::isnan(row[best]) && (row[i] > row[best] || std::isnan(row[i]))) best = i;
        expected.push_back(static_cast<double>(best));
    }
    k.expect(at, expected, {0, 0});
}

}  // namespace

TEST_CASE("cuda sum: along one axis, in packs and not, by rows and by columns") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        check_sum(dtype, {6, 64}, {6, 1}, 0.5F);
        check_sum(dtype, {6, 37}, {6, 1});
        check_sum(dtype, {37, 24}, {1, 24});
        check_sum(dtype, {37, 5}, {1, 5}, 2);
        check_sum(dtype, {3, 40, 16}, {3, 1, 16});
        check_sum(dtype, {2, 9, 3}, {2, 1, 3});
        check_sum(dtype, {1001}, {1});
        check_sum(dtype, {4}, {4});
        check_sum(dtype, {1, 1}, {1, 1});
        check_sum(dtype, {}, {});
    }
}

TEST_CASE("cuda sum: over mixtures of axes") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        check_sum(dtype, {4, 2, 5, 3, 6}, {1, 2, 1, 3, 1});
        check_sum(dtype, {4, 2, 5, 3}, {1, 2, 1, 3});
        check_sum(dtype, {3, 5, 4, 8}, {3, 1, 4, 1});
        check_sum(dtype, {3, 5, 4, 8}, {1, 5, 1, 8});
        check_sum(dtype, {2, 1, 3, 16}, {1, 1, 3, 16});
    }
}

TEST_CASE("cuda sum: of nothing, and into nothing") {
    check_sum(DType::f32, {0, 3}, {1, 3});
    check_sum(DType::bf16, {2, 0}, {2, 1});
    check_sum(DType::f32, {0, 3}, {0, 1});
}

TEST_CASE("cuda sum: much to add is cut into chunks") {
    check_sum(DType::f32, {40003}, {1});
    check_sum(DType::bf16, {2, 50000}, {2, 1});
    check_sum(DType::f32, {700, 65}, {1, 65});
    check_sum(DType::bf16, {2000, 64}, {1, 64});
    check_sum(DType::f32, {3000, 3}, {1, 3});
    check_sum(DType::f32, {2, 2051}, {2, 1});
}

TEST_CASE("cuda max and its gradient: ties go to the first, NaN wins") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        check_max(dtype, 3, 40, 1);
        check_max(dtype, 2, 67, 5);
        check_max(dtype, 1, 9, 16);
        check_max(dtype, 1, 1, 1);
        check_max(dtype, 0, 3, 2);
    }
    check_max(DType::f32, 1, 20001, 1);
    check_max(DType::bf16, 1, 1500, 8);
}

TEST_CASE("cuda argmax: the first of equals, the first NaN, wide rows") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        check_argmax(dtype, 4, 5, {1, 3, 3, 2, 0, -inf, -inf, -inf, -inf, -inf, 0, nan, 9, nan, inf, 5, 4, 3, 2, 1});
        Values wide(2 * 9000);
        for (std::size_t i = 0; i < wide.size(); ++i) wide[i] = static_cast<double>((i * 2654435761U >> 9) % 200);
        check_argmax(dtype, 2, 9000, wide);
        check_argmax(dtype, 1, 1, {7});
        check_argmax(dtype, 0, 4, {});
    }
}

TEST_CASE("cuda reductions: traffic within budget") {
    check_sum(DType::bf16, {16, 512}, {16, 1}, 1, true);
    check_sum(DType::bf16, {256, 512}, {1, 512}, 1, true);
}

}  // namespace svad::test
