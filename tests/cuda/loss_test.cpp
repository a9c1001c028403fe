// SPDX-License-Identifier: Apache-2.0
// Cross entropy and binary cross entropy with their gradients on the device: ignored labels, smoothing, in place, a
// vocabulary wider than registers, sums of gradients of zero a row.
#include "kernel_case.hpp"
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace svad::test {
namespace {

void check_cross_entropy(DType dtype, std::int64_t n, std::int64_t V, float smoothing, bool one_dy, bool budget = false) {
    const std::string name = "cross_entropy " + text_of(dtype) + " " + text_of({n, V}) + (smoothing > 0 ? " smoothed" : "") + (one_dy ? " mean" : "");
    CAPTURE(name);
    KernelCase k(name);
    const cuda::CrossEntropy options{-100, smoothing};
    Values at;
    double counted = 0;
    for (std::int64_t i = 0; i < n; ++i) at.push_back(i % 4 == 1 ? -100 : static_cast<double>((i * 7919 + V - 1) % V)), counted += at.back() >= 0;
    const Ref x = k.input(dtype, {n, V}, -4, 4), labels = k.input(DType::i32, {n}, at), share = k.output(DType::f32, {1}), losses = k.output(DType::f32, {n}),
              total = k.output(DType::f32, {1}), plain = k.output(DType::f32, {1}), dy = k.input(DType::f32, {one_dy ? 1 : n}, 0.5, 2),
              dx = k.output(dtype, {n, V}), z = k.inout(dtype, {n, V}, -4, 4);
    const auto run = [&] {
        cuda::label_share(labels, share, options, k.stream());
        cuda::cross_entropy(x, labels, losses, options, k.stream());
        cuda::total_loss(losses, share, total, k.stream());
        cuda::total_loss(losses, Ref{}, plain, k.stream());
        cuda::cross_entropy_grad(dy, one_dy ? share : Ref{}, x, labels, dx, options, k.stream());
        cuda::cross_entropy_grad(dy, one_dy ? share : Ref{}, z, labels, z, options, k.stream());
    };
    budget ? k.run_within_budget(run) : k.run(run);

    const Values in = k.values(x), in_place = k.values(z), g = k.values(dy);
    const double part = 1 / std::max(1.0, counted), s = static_cast<double>(smoothing);
    const auto width = static_cast<std::size_t>(V);
    Values rows(at.size(), 0.0);
    const auto slopes = [&](const Values& scores, Values* loss) {
        Values d(scores.size(), 0.0);
        for (std::size_t r = 0; r < at.size(); ++r) {
            if (at[r] < 0) continue;
            const double* row = scores.data() + r * width;
            double sum = 0, mean = 0;
            for (std::size_t i = 0; i < width; ++i) sum += std::exp(row[i]), mean += row[i] / static_cast<double>(V);
            const auto t = static_cast<std::size_t>(at[r]);
            if (loss) (*loss)[r] = std::log(sum) - (1 - s) * row[t] - s * mean;
            const double scale = g[one_dy ? 0 : r] * (one_dy ? part : 1);
            for (std::size_t i = 0; i < width; ++i)
                d[r * width + i] = scale * (std::exp(row[i]) / sum - (i == t ? 1 - s : 0) - s / static_cast<double>(V));
        }
        return d;
    };
    const Values expected = slopes(in, &rows);
    double sum = 0;
    for (const double l : rows) sum += l;
    k.expect(share, {part});
    k.expect(losses, rows, {2e-5, 4e-6});
    k.expect(total, {sum * part}, {2e-5, 4e-6});
    k.expect(plain, {sum}, {2e-5, 4e-6});
    const Tolerance tolerance = dtype == DType::f32 ? Tolerance{1e-6, 4e-6} : Tolerance{1e-6, 0x1p-8};
    k.expect(dx, expected, tolerance);
    k.expect(z, slopes(in_place, nullptr), tolerance);
    const Values got = k.results(dx);
    for (std::size_t r = 0; r < at.size() && dtype == DType::f32; ++r) {
        double rest = 0;
        for (std::size_t i = 0; i < width; ++i) rest += got[r * width + i];
        CHECK(std::abs(rest) < 1e-5);
    }
}

void check_binary(DType dtype, std::int64_t n, bool weighted) {
    const std::string name = "binary_cross_entropy " + text_of(dtype) + " " + std::to_string(n) + (weighted ? " weighted" : "");
    CAPTURE(name);
    KernelCase k(name);
    const Ref x = k.input(dtype, {n}, -30, 30), targets = k.input(DType::f32, {n}, 0, 1), weights = k.input(DType::f32, {n}, 0, 2), y = k.output(DType::f32, {1}),
              dy = k.input(DType::f32, {1}, 0.5, 2), dx = k.output(dtype, {n});
    const Ref given = weighted ? weights : Ref{};
    k.run([&] {
        cuda::binary_cross_entropy(x, targets, given, y, k.stream());
        cuda::binary_cross_entropy_grad(dy, x, targets, given, dx, k.stream());
    });
    const Values v = k.values(x), t = k.values(targets), w = k.values(weights);
    double sum = 0;
    Values expected;
    for (std::size_t i = 0; i < v.size(); ++i) {
        const double weight = weighted ? w[i] : 1;
        sum += weight * (std::max(v[i], 0.0) - v[i] * t[i] + std::log1p(std::exp(-std::abs(v[i]))));
        expected.push_back(k.values(dy)[0] / static_cast<double>(n) * weight * (1 / (1 + std::exp(-v[i])) - t[i]));
    }
    k.expect(y, {sum / static_cast<double>(std::max<std::int64_t>(1, n))}, {1e-6, 1e-5});
    k.expect(dx, expected, dtype == DType::f32 ? Tolerance{1e-7, 1e-5} : Tolerance{1e-7, 0x1p-8});
}

}  // namespace

TEST_CASE("cuda cross_entropy: rows of a warp, of a block, of registers exceeded; ignored labels, smoothing, in place") {
    for (const DType dtype : {DType::f32, DType::bf16})
        for (const float smoothing : {0.0F, 0.1F}) {
            check_cross_entropy(dtype, 7, 40, smoothing, true);
            check_cross_entropy(dtype, 6, 37, smoothing, false);
            check_cross_entropy(dtype, 2, 1, smoothing, false);
            check_cross_entropy(dtype, 0, 8, smoothing, true);
            check_cross_entropy(dtype, 3, dtype == DType::f32 ? 516 : 1032, smoothing, true);
        }
    check_cross_entropy(DType::bf16, 2, 1031, 0.1F, true);
    check_cross_entropy(DType::bf16, 2, 16392, 0.1F, true);
    check_cross_entropy(DType::f32, 1, 8196, 0, true);
}

TEST_CASE("cuda cross_entropy: all labels ignored, and more labels than threads") {
    KernelCase k("label_share");
    const Ref none = k.input(DType::i32, {3}, Values(3, -100)), many = k.input(DType::i32, {2500}, Values(2500, 7)), a = k.output(DType::f32, {1}),
              b = k.output(DType::f32, {1}), losses = k.input(DType::f32, {2500}, 0, 2), y = k.output(DType::f32, {1});
    k.run([&] {
        cuda::label_share(none, a, {}, k.stream());
        cuda::label_share(many, b, {}, k.stream());
        cuda::total_loss(losses, b, y, k.stream());
    });
    double mean = 0;
    for (const double l : k.values(losses)) mean += l / 2500;
    k.expect(a, {1}), k.expect(b, {1.0 / 2500}), k.expect(y, {mean});
}

TEST_CASE("cuda binary_cross_entropy: with weights and without, large scores, nothing") {
    for (const DType dtype : {DType::f32, DType::bf16})
        for (const bool weighted : {false, true})
            for (const std::int64_t n : {0, 1, 301, 70000}) check_binary(dtype, n, weighted && n != 70000);
}

TEST_CASE("cuda cross_entropy: traffic within budget") { check_cross_entropy(DType::bf16, 8, 1024, 0, true, true); }

}  // namespace svad::test
