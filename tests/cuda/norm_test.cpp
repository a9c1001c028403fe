// SPDX-License-Identifier: Apache-2.0
// layer_norm and rms_norm on the device: narrow rows (a warp each), wide rows (a block each), rows too wide for registers,
// with and without 16-byte packs.
#include "svad/backend/cuda/ops.hpp"

#include "kernel_case.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace svad::test {
namespace {

using Values = std::vector<double>;
constexpr double eps = 1e-5;

struct Reference {
    Values y, stats, out;             // out: dx, dw, db
};

/// Both norms in f64, forward and backward; `centred` is layer_norm.
Reference reference(bool centred, const Values& x, const Values& w, const Values& b, const Values& dy, std::size_t width) {
    const std::size_t rows = x.size() / width;
    Reference r{Values(x.size()), {}, Values(x.size() + 2 * width)};
    const auto n = static_cast<double>(width);
    for (std::size_t i = 0; i < rows; ++i) {
        const double *in = x.data() + i * width, *g = dy.data() + i * width;
        double mean = 0, var = 0, sum_g = 0, sum_gh = 0;
        for (std::size_t j = 0; j < width && centred; ++j) mean += in[j] / n;
        for (std::size_t j = 0; j < width; ++j) var += (in[j] - mean) * (in[j] - mean) / n;
        const double scale = 1 / std::sqrt(var + eps);
        if (centred) r.stats.push_back(mean);
        r.stats.push_back(scale);
        const auto h = [&](std::size_t j) { return (in[j] - mean) * scale; };
        for (std::size_t j = 0; j < width; ++j) {
            r.y[i * width + j] = h(j) * w[j] + (centred ? b[j] : 0);
            if (centred) sum_g += g[j] * w[j] / n, r.out[(rows + 1) * width + j] += g[j];
            sum_gh += g[j] * w[j] * h(j) / n;
            r.out[rows * width + j] += g[j] * h(j);
        }
        for (std::size_t j = 0; j < width; ++j) r.out[i * width + j] = scale * (g[j] * w[j] - sum_g - h(j) * sum_gh);
    }
    return r;
}

void check(bool centred, DType dtype, std::int64_t rows, std::int64_t width, std::int64_t shift = 0, bool budget = false) {
    const std::string name = std::string(centred ? "layer_norm " : "rms_norm ") + (dtype == DType::f32 ? "f32 " : "bf16 ") +
                             std::to_string(rows) + "x" + std::to_string(width) + (shift ? " shifted" : "");
    CAPTURE(name);
    KernelCase k(name);
    const Ref x = k.input(dtype, {rows, width}, -1, 3), w = k.input(dtype, {width}, 0.5, 1.5), b = k.input(dtype, {width}),
              dy = k.input(dtype, {rows, width}), y = k.output(dtype, {rows, width}),
              stats = centred ? k.output(DType::f32, {rows, 2}) : k.output(DType::f32, {rows}), out = k.output(dtype, {rows + 2, width});
    const auto run = [&] {
        if (centred) cuda::layer_norm(x, w, b, y, stats, eps, k.stream()), cuda::layer_norm_grad(dy, stats, x, w, out, k.stream());
        else cuda::rms_norm(x, w, y, stats, eps, k.stream()), cuda::rms_norm_grad(dy, stats, x, w, out, k.stream());
    };
    budget ? k.run_within_budget(run) : k.run(run);
    const Reference r = reference(centred, k.values(x), k.values(w), k.values(b), k.values(dy), static_cast<std::size_t>(width));
    k.expect(y, r.y);
    k.expect(stats, r.stats, rounding_of(DType::f32, 4));
    k.expect(out, r.out, rounding_of(dtype, std::sqrt(static_cast<double>(rows)) * 2));       // weight sums grow with the rows
}

}  // namespace

TEST_CASE("cuda norms: rows of a warp, with packs and without") {
    for (const bool centred : {true, false})
        for (const DType dtype : {DType::f32, DType::bf16}) {
            check(centred, dtype, 9, 64);
            check(centred, dtype, 5, 37);
            check(centred, dtype, 1, 1);
            check(centred, dtype, 6, 8);
        }
}

TEST_CASE("cuda norms: rows of a block, of one warp more than fits, and of registers exceeded") {
    for (const bool centred : {true, false}) {
        check(centred, DType::f32, 3, 516);
        check(centred, DType::bf16, 3, 1032);
        check(centred, DType::bf16, 2, 1031);
        check(centred, DType::f32, 2, 2051);
    }
}

TEST_CASE("cuda norms: more rows than lines of partial sums") { check(true, DType::f32, 264 * 4 + 7, 8); }

TEST_CASE("cuda norms: no rows leave weight gradients of zero") {
    KernelCase k("layer_norm of nothing");
    const Ref x = k.input(DType::f32, {0, 4}, Values{}), w = k.input(DType::f32, {4}), stats = k.input(DType::f32, {0, 2}, Values{}),
              out = k.output(DType::f32, {2, 4});
    k.run([&] { cuda::layer_norm_grad(x, stats, x, w, out, k.stream()); });
    k.expect(out, Values(8, 0.0));
}

TEST_CASE("cuda norms: traffic within budget") {
    check(true, DType::bf16, 64, 512, 0, true);
    check(false, DType::f32, 16, 1024, 0, true);
}

}  // namespace svad::test
