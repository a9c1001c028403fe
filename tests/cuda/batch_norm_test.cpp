// SPDX-License-Identifier: Apache-2.0
// batch_norm with given statistics, and its weight gradients, on the device: rows in packs, ragged rows, no rows.
#include "kernel_case.hpp"
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace svad::test {
namespace {

constexpr double eps = 1e-3;

void check_batch_norm(DType dtype, std::int64_t B, std::int64_t C, std::int64_t inner, bool budget = false) {
    KernelCase k("batch_norm " + text_of(dtype) + " " + text_of({B, C, inner}));
    CAPTURE(text_of({B, C, inner}));
    const Ref x = k.input(dtype, {B, C, inner}, -1, 3), dy = k.input(dtype, {B, C, inner}), w = k.input(dtype, {C}, 0.5, 1.5), b = k.input(dtype, {C}),
              mean = k.input(DType::f32, {C}, 0, 2), var = k.input(DType::f32, {C}, 0.1, 2), y = k.output(dtype, {B, C, inner}), out = k.output(dtype, {2, C});
    const auto run = [&] {
        cuda::batch_norm(x, w, b, mean, var, y, eps, k.stream());
        cuda::batch_norm_grad(dy, x, mean, var, out, eps, k.stream());
    };
    budget ? k.run_within_budget(run) : k.run(run);
    const Values in = k.values(x), g = k.values(dy), weight = k.values(w), shift = k.values(b), m = k.values(mean), v = k.values(var);
    Values expected(in.size()), sums(static_cast<std::size_t>(2 * C), 0.0);
    for (std::size_t i = 0; i < in.size(); ++i) {
        const std::size_t c = i / static_cast<std::size_t>(inner) % static_cast<std::size_t>(C);
        const double h = (in[i] - m[c]) / std::sqrt(v[c] + eps);
        expected[i] = h * weight[c] + shift[c];
        sums[c] += g[i] * h, sums[static_cast<std::size_t>(C) + c] += g[i];
    }
    k.expect(y, expected, rounding_of(dtype, 4));
    k.expect(out, sums, rounding_of(dtype, std::max(1.0, std::sqrt(static_cast<double>(B * inner)))));
}

}  // namespace

TEST_CASE("cuda batch_norm: in packs, ragged, one element a channel, none") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        check_batch_norm(dtype, 2, 3, 40);
        check_batch_norm(dtype, 3, 5, 7);
        check_batch_norm(dtype, 9, 4, 1);
        check_batch_norm(dtype, 2, 2, 4800);
        check_batch_norm(dtype, 0, 3, 4);
    }
}

TEST_CASE("cuda batch_norm: traffic within budget") { check_batch_norm(DType::bf16, 2, 4, 1024, true); }

}  // namespace svad::test
