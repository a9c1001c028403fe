// SPDX-License-Identifier: Apache-2.0
// Rows of a table by index on the device, and the gradient, which adds repeated rows in the order of their positions: the
// reference adds in the same order in f32, and the results are the same bits.
#include "kernel_case.hpp"
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"

#include <doctest/doctest.h>

namespace svad::test {
namespace {

Values some_ids(std::int64_t n, std::int64_t rows) {
    Values ids;
    for (std::int64_t i = 0; i < n; ++i) ids.push_back(static_cast<double>(i % 3 == 0 ? 1 % rows : i * 7919 % rows));       // one id is frequent
    return ids;
}

void check_embedding(DType dtype, std::int64_t n, std::int64_t rows, std::int64_t width, std::int32_t padding = -1, bool budget = false) {
    const std::string name = "embedding " + text_of(dtype) + " " + text_of({n, rows, width}) + (padding >= 0 ? " padded" : "");
    CAPTURE(name);
    KernelCase k(name);
    const Values at = some_ids(n, rows);
    const Ref table = k.input(dtype, {rows, width}), ids = k.input(DType::i32, {n}, at), y = k.output(dtype, {n, width}), dy = k.input(dtype, {n, width}),
              grad = k.output(dtype, {rows, width});
    const auto run = [&] {
        cuda::embedding(table, ids, y, k.stream());
        cuda::embedding_grad(dy, ids, grad, padding, k.stream());
    };
    budget ? k.run_within_budget(run) : k.run(run);
    const Values from = k.values(table), g = k.values(dy);
    Values expected;
    std::vector<float> sums(static_cast<std::size_t>(rows * width), 0.0F);
    const auto D = static_cast<std::size_t>(width);
    for (std::size_t i = 0; i < at.size(); ++i) {
        const auto row = static_cast<std::size_t>(at[i]);
        for (std::size_t j = 0; j < D; ++j) {
            expected.push_back(from[row * D + j]);
            if (static_cast<std::int32_t>(row) != padding) sums[row * D + j] += static_cast<float>(g[i * D + j]);
        }
    }
    k.expect(y, expected, {0, 0});
    // In f32 to the bit; in bf16 the sum is rounded once.
    k.expect(grad, Values(sums.begin(), sums.end()), dtype == DType::f32 ? Tolerance{0, 0} : Tolerance{0, 0x1p-8});
}

}  // namespace

TEST_CASE("cuda embedding: in packs and not, repeated rows, padding, one, none") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        check_embedding(dtype, 40, 9, 16);
        check_embedding(dtype, 40, 9, 16, 1);
        check_embedding(dtype, 33, 50, 5);
        check_embedding(dtype, 1, 1, 1);
        check_embedding(dtype, 0, 4, 8);
    }
}

TEST_CASE("cuda embedding: enough positions for several sorted runs, and an uneven number of them") {
    check_embedding(DType::f32, 513, 40, 4);
    check_embedding(DType::f32, 1300, 7, 4);
    check_embedding(DType::bf16, 2600, 400, 8);
}

TEST_CASE("cuda embedding: rows wider than a block") { check_embedding(DType::f32, 6, 3, 1100); }

TEST_CASE("cuda embedding: traffic within budget") { check_embedding(DType::bf16, 64, 512, 128, -1, true); }

}  // namespace svad::test
