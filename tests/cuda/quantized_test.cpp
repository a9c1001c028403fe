// SPDX-License-Identifier: Apache-2.0
// Weights in blocks on the device: the values are those of the CPU's own unpacking, products sums of them.
#include "kernel_case.hpp"
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"
#include "svad/core/quantize.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace svad::test {
namespace {

constexpr DType types[] = {DType::q8_0, DType::q4_0, DType::q4_1, DType::q4_k, DType::q6_k};

/// A matrix in blocks, and its values as the CPU reads them.
struct Matrix {
    std::vector<std::uint8_t> bytes;
    Values values;

    Matrix(DType type, std::int64_t rows, std::int64_t width) {
        std::vector<float> x(static_cast<std::size_t>(rows * width));
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i) * 0.7F) * (1.0F + static_cast<float>(i % 5));
        bytes.resize(static_cast<std::size_t>(rows * width / block_of(type).elements) * block_of(type).bytes);
        blocks::encode(type, x.data(), rows * width, bytes.data());
        blocks::decode(type, bytes.data(), 0, rows * width, x.data());
        values.assign(x.begin(), x.end());
    }
};

}  // namespace

TEST_CASE("cuda dequantize and blocked_rows: every type has the CPU's values, whole and row by row") {
    for (const DType type : types)
        for (const DType dtype : {DType::f32, DType::bf16}) {
            KernelCase k("dequantize " + text_of(type) + " " + text_of(dtype));
            constexpr std::int64_t rows = 3, width = 512;
            const Matrix m(type, rows, width);
            const Ref packed = k.input_bytes(DType::u8, {static_cast<std::int64_t>(m.bytes.size())}, m.bytes.data(), m.bytes.size());
            const Ref y = k.output(dtype, {rows, width}), ids = k.input(DType::i32, {4}, {2, 0, 2, 1}), some = k.output(dtype, {4, width});
            k.run([&] {
                cuda::dequantize(packed.data, type, y, k.stream());
                cuda::blocked_rows(packed.data, type, ids, some, k.stream());
            });
            Values picked;
            for (const std::int64_t row : {2, 0, 2, 1}) picked.insert(picked.end(), m.values.begin() + row * width, m.values.begin() + (row + 1) * width);
            const Tolerance close{1e-6, dtype == DType::f32 ? 1e-6 : 0x1p-8};               // q d + m may be one rounding or two
            k.expect(y, m.values, close);
            k.expect(some, picked, close);
        }
}

TEST_CASE("cuda blocked_product: a word, a few rows and a prompt times weights of every type") {
    for (const DType type : types)
        for (const DType dtype : {DType::f32, DType::bf16})
            for (const std::int64_t rows : {0, 1, 8, 9}) {
                KernelCase k("blocked_product " + text_of(type) + " " + text_of(dtype) + " " + std::to_string(rows));
                constexpr std::int64_t n = 6, width = 256;
                const Matrix m(type, n, width);
                const Ref packed = k.input_bytes(DType::u8, {static_cast<std::int64_t>(m.bytes.size())}, m.bytes.data(), m.bytes.size());
                const Ref x = k.input(dtype, {rows, width}), y = k.output(dtype, {rows, n});
                k.run([&] { cuda::blocked_product(x, packed.data, type, y, k.stream()); });
                const Values xs = k.values(x);
                Values ys(static_cast<std::size_t>(rows * n));
                for (std::size_t i = 0; i < ys.size(); ++i)
                    for (std::size_t j = 0; j < width; ++j) ys[i] += xs[i / n * width + j] * m.values[i % n * width + j];
                // Sums of 256 products up to 5 in f32; where w is unpacked to bf16 first, a rounding of each.
                k.expect(y, ys, {dtype == DType::f32 ? 1e-4 : 0.15, dtype == DType::f32 ? 1e-5 : 0x1p-7});
            }
}

}  // namespace svad::test
