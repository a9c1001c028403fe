// SPDX-License-Identifier: Apache-2.0
// The twins of PTX instructions and warp intrinsics against plain arithmetic.
#include "kernel_case.hpp"
#include "planted/planted.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace svad::test {
namespace {

std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b, std::size_t n, std::size_t k, std::size_t m) {
    std::vector<double> d(n * m);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < m; ++j)
            for (std::size_t l = 0; l < k; ++l) d[i * m + j] += a[i * k + l] * b[l * m + j];
    return d;
}

}  // namespace

TEST_CASE("cuda twins: ldmatrix and mma multiply bf16 tiles") {
    KernelCase k("twin mma bf16");
    const Ref a = k.input(DType::bf16, {16, 16}), b = k.input(DType::bf16, {16, 8}), d = k.output(DType::f32, {16, 8});
    k.run([&] { cuda::twin_mma_bf16(a, b, d, k.stream()); });
    k.expect(d, product(k.values(a), k.values(b), 16, 16, 8), {1e-6, 1e-6});
}

TEST_CASE("cuda twins: mma multiplies tf32 tiles, with ten bits of fraction") {
    KernelCase k("twin mma tf32");
    const Ref a = k.input(DType::f32, {16, 8}), b = k.input(DType::f32, {8, 8}), d = k.output(DType::f32, {16, 8});
    k.run([&] { cuda::twin_mma_tf32(a, b, d, k.stream()); });
    k.expect(d, product(k.values(a), k.values(b), 16, 8, 8), {8 * 0x1p-9, 0});       // eight products, each factor cut at 2^-10
}

TEST_CASE("cuda twins: bf16 and f16 round to nearest even and keep infinities; exp2 is exact on integers") {
    KernelCase k("twin conversions");
    const double inf = std::numeric_limits<double>::infinity();
    const Ref x = k.input(DType::f32, {8}, {1.0, 1 + 0x1p-8, 1 + 3 * 0x1p-8, 1 + 0x1p-11, 1 + 3 * 0x1p-11, 0x1p-24, inf, -3.0});
    const Ref y = k.output(DType::f32, {8}), y2 = k.output(DType::f32, {8}), y3 = k.output(DType::f32, {8});
    k.run([&] { cuda::twin_conversions(x, y, y2, y3, k.stream()); });
    k.expect(y, {1, 1, 1 + 0x1p-6, 1, 1, 0x1p-24, inf, -3}, {0, 0});
    k.expect(y2, {1, 1 + 0x1p-8, 1 + 3 * 0x1p-8, 1, 1 + 0x1p-9, 0x1p-24, inf, -3}, {0, 0});
    std::vector<double> powers;
    for (const double v : k.values(x)) powers.push_back(std::exp2(v));
    k.expect(y3, powers, {0, 1e-6});
}

TEST_CASE("cuda twins: shuffles and the ballot") {
    KernelCase k("twin warp");
    const Ref x = k.input(DType::f32, {32}), y = k.output(DType::f32, {5, 32});
    k.run([&] { cuda::twin_warp(x, y, k.stream()); });
    const std::vector<double> v = k.values(x);
    std::vector<double> expected(160);
    double positive = 0;
    for (std::size_t lane = 0; lane < 32; ++lane) {
        expected[lane] = v[lane ^ 3];
        expected[32 + lane] = v[lane < 30 ? lane + 2 : lane];
        expected[64 + lane] = v[lane >= 2 ? lane - 2 : lane];
        expected[96 + lane] = v[lane / 16 * 16 + 5];
        expected[128 + lane] = positive += v[lane] > 0;
    }
    k.expect(y, expected, {0, 0});
}

TEST_CASE("cuda twins: cp.async copies, or writes zeros") {
    KernelCase k("twin copy_async");
    const Ref x = k.input(DType::f32, {32, 4}), y = k.output(DType::f32, {32, 4});
    k.run([&] { cuda::twin_copy_async(x, y, k.stream()); });
    std::vector<double> expected = k.values(x);
    for (std::size_t i = 0; i < expected.size(); ++i)
        if (i / 4 % 2) expected[i] = 0;
    k.expect(y, expected, {0, 0});
}

}  // namespace svad::test
