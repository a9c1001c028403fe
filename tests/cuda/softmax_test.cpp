// SPDX-License-Identifier: Apache-2.0
// softmax, log_softmax and l2_normalize with their gradients on the device: rows of a warp, of a block, and too wide for
// registers, with and without packs; masked rows, NaN, infinities and rows shorter than eps.
#include "kernel_case.hpp"
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace svad::test {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

/// Calls f(pointer to the row of each) for rows of `width`.
template <class F>
void each_row(std::size_t count, std::size_t width, F f) {
    for (std::size_t at = 0; at < count; at += width) f(at);
}

Values softmax_of(const Values& x, std::size_t width, bool log) {
    Values y(x.size());
    each_row(x.size(), width, [&](std::size_t at) {
        double top = -inf, sum = 0;
        for (std::size_t i = at; i < at + width; ++i) top = std::max(top, x[i]);
        for (std::size_t i = at; i < at + width; ++i) sum += std::exp(x[i] - top);
        for (std::size_t i = at; i < at + width; ++i) y[i] = log ? x[i] - top - std::log(sum) : std::exp(x[i] - top) / sum;
    });
    return y;
}
Values softmax_slopes(const Values& dy, const Values& y, std::size_t width, bool log) {
    Values dx(y.size());
    each_row(y.size(), width, [&](std::size_t at) {
        double sum = 0;
        for (std::size_t i = at; i < at + width; ++i) sum += log ? dy[i] : dy[i] * y[i];
        for (std::size_t i = at; i < at + width; ++i) dx[i] = log ? dy[i] - std::exp(y[i]) * sum : (dy[i] - sum) * y[i];
    });
    return dx;
}

void check_softmax(DType dtype, std::int64_t rows, std::int64_t width, bool budget = false) {
    KernelCase k("softmax " + text_of(dtype) + " " + text_of({rows, width}));
    CAPTURE(text_of({rows, width}));
    const Ref x = k.input(dtype, {rows, width}, -5, 5), dy = k.input(dtype, {rows, width}), p = k.input(dtype, {rows, width}, 0, 2.0 / static_cast<double>(width)),
              log_p = k.input(dtype, {rows, width}, -6, 0), y = k.output(dtype, {rows, width}), log_y = k.output(dtype, {rows, width}),
              dx = k.output(dtype, {rows, width}), log_dx = k.output(dtype, {rows, width});
    const auto run = [&] {
        cuda::softmax(x, y, k.stream()), cuda::log_softmax(x, log_y, k.stream());
        cuda::softmax_grad(dy, p, dx, k.stream()), cuda::log_softmax_grad(dy, log_p, log_dx, k.stream());
    };
    budget ? k.run_within_budget(run) : k.run(run);
    const auto n = static_cast<std::size_t>(width);
    k.expect(y, softmax_of(k.values(x), n, false));
    k.expect(log_y, softmax_of(k.values(x), n, true));
    k.expect(dx, softmax_slopes(k.values(dy), k.values(p), n, false));
    k.expect(log_dx, softmax_slopes(k.values(dy), k.values(log_p), n, true), rounding_of(dtype, std::sqrt(static_cast<double>(width)) / 4));
}

void check_l2(DType dtype, std::int64_t rows, std::int64_t width, double eps, bool budget = false) {
    KernelCase k("l2_normalize " + text_of(dtype) + " " + text_of({rows, width}) + (eps > 1 ? " short" : ""));
    CAPTURE(text_of({rows, width}));
    const Ref x = k.input(dtype, {rows, width}), dy = k.input(dtype, {rows, width}), u = k.input(dtype, {rows, width}, -0.1, 0.1),
              y = k.output(dtype, {rows, width}), norm = k.output(DType::f32, {rows}), dx = k.output(dtype, {rows, width});
    const auto run = [&] {
        cuda::l2_normalize(x, y, norm, eps, k.stream());
        cuda::l2_normalize_grad(dy, u, norm, dx, eps, k.stream());
    };
    budget ? k.run_within_budget(run) : k.run(run);
    const auto n = static_cast<std::size_t>(width);
    const Values in = k.values(x), g = k.values(dy), v = k.values(u);
    Values norms, out(in.size()), slopes(in.size());
    each_row(in.size(), n, [&](std::size_t at) {
        double squares = 0, along = 0;
        for (std::size_t i = at; i < at + n; ++i) squares += in[i] * in[i], along += g[i] * v[i];
        const double length = std::sqrt(squares), divisor = std::max(length, eps);
        norms.push_back(divisor);
        for (std::size_t i = at; i < at + n; ++i) {
            out[i] = in[i] / divisor;
            slopes[i] = (g[i] - (length <= eps ? 0 : v[i] * along)) / divisor;
        }
    });
    k.expect(norm, norms), k.expect(y, out), k.expect(dx, slopes);
}

}  // namespace

TEST_CASE("cuda softmax: rows of a warp, of a block, of registers exceeded") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        check_softmax(dtype, 9, 64);
        check_softmax(dtype, 6, 37);
        check_softmax(dtype, 3, 1);
        check_softmax(dtype, 0, 8);
    }
    check_softmax(DType::f32, 3, 516);
    check_softmax(DType::bf16, 3, 1032);
    check_softmax(DType::bf16, 2, 1031);
    check_softmax(DType::f32, 2, 2051);
    check_softmax(DType::bf16, 2, 16392);
    check_softmax(DType::f32, 1, 8196);
}

TEST_CASE("cuda softmax: masked elements and rows, NaN, infinity") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        KernelCase k(std::string("softmax special ") + text_of(dtype));
        Values values(5 * 40, -inf);
        for (std::size_t i = 0; i < 40; ++i) values[i] = i < 3 ? 0 : -inf, values[120 + i] = 1, values[160 + i] = 0;
        values[80 + 7] = nan, values[120 + 39] = nan, values[160] = inf;          // row 1 is masked throughout
        const Ref x = k.input(dtype, {5, 40}, values), y = k.output(dtype, {5, 40});
        k.run([&] { cuda::softmax(x, y, k.stream()); });
        Values expected(5 * 40, 0.0);
        for (std::size_t i = 0; i < 3; ++i) expected[i] = 1.0 / 3;
        expected[80 + 7] = nan;
        for (std::size_t i = 0; i < 40; ++i) expected[120 + i] = nan, expected[160 + i] = nan;
        expected[160] = nan;
        for (std::size_t i = 161; i < 200; ++i) expected[i] = nan;
        const Values got = k.results(y);
        for (std::size_t i = 0; i < 160; ++i) CHECK((std::isnan(expected[i]) ? std::isnan(got[i]) : std::abs(got[i] - expected[i]) < 2e-3));
        CHECK(std::isnan(got[160]));
    }
}

TEST_CASE("cuda l2_normalize: all widths, and rows shorter than eps") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        check_l2(dtype, 9, 64, 1e-12);
        check_l2(dtype, 5, 37, 1e-12);
        check_l2(dtype, 4, 8, 100);
        check_l2(dtype, 0, 8, 1e-12);
        check_l2(dtype, 2, 1032, 1e-12);
        check_l2(dtype, 1, 2051, 1e-12);
    }
    check_l2(DType::bf16, 1, 16392, 1e-12);
}

TEST_CASE("cuda softmax: traffic within budget") {
    check_softmax(DType::bf16, 16, 512, true);
    check_l2(DType::f32, 4, 1024, 1e-12, true);
}

}  // namespace svad::test
