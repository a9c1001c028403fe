// SPDX-License-Identifier: Apache-2.0
// copy on the device: every size of element through runs, tiles and single elements; slices that take alignment away,
// permutations, broadcasting, writing into a part of a value as concat and pad do.
#include "kernel_case.hpp"
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"

#include <doctest/doctest.h>

namespace svad::test {
namespace {

constexpr DType types[] = {DType::u8, DType::bf16, DType::f32, DType::f64};

void expect_copy(KernelCase& k, const Ref& x, const Ref& view, std::int64_t offset, const Ref& y, bool budget = false) {
    const auto run = [&] { cuda::copy(view, y, k.stream()); };
    budget ? k.run_within_budget(run) : k.run(run);
    k.expect(y, gather(k.values(x), view, offset), {0, 0});
}

/// y = x with the axes i and j changed.
void check_swap(DType dtype, Sizes sizes, int i, int j, Sizes to, bool budget = false) {
    KernelCase k("copy " + text_of(dtype) + " " + text_of(sizes) + " swapped " + std::to_string(i) + " " + std::to_string(j));
    CAPTURE(text_of(sizes));
    const Ref x = k.input(dtype, sizes, 0, 100), y = k.output(dtype, to);
    expect_copy(k, x, swapped(x, i, j), 0, y, budget);
}

}  // namespace

TEST_CASE("cuda copy: contiguous, whole and ragged, and nothing") {
    for (const DType dtype : types)
        for (const std::int64_t n : {0, 1, 15, 64, 1003}) {
            KernelCase k("copy " + text_of(dtype) + " " + std::to_string(n));
            const Ref x = k.input(dtype, {n}, 0, 100), y = k.output(dtype, {n});
            expect_copy(k, x, x, 0, y);
        }
}

TEST_CASE("cuda copy: slices of rows in every alignment") {
    for (const DType dtype : types)
        for (const std::int64_t first : {0, 1, 2, 4, 8})
            for (const std::int64_t width : {3, 8, 16}) {
                KernelCase k("copy of a slice " + text_of(dtype) + " " + std::to_string(first) + " " + std::to_string(width));
                const Ref x = k.input(dtype, {5, 48}, 0, 100), y = k.output(dtype, {5, width});
                const Slice part = sliced(x, 1, first, first + width);
                expect_copy(k, x, part.ref, part.offset, y);
            }
}

TEST_CASE("cuda copy: permutations, by tiles and by heads") {
    for (const DType dtype : types) {
        check_swap(dtype, {70, 65}, 0, 1, {65, 70});
        check_swap(dtype, {2, 9, 33}, 1, 2, {2, 33, 9});
        check_swap(dtype, {64, 128}, 0, 1, {128, 64});
        check_swap(dtype, {3, 4}, 0, 1, {4, 3});
        check_swap(dtype, {2, 5, 3, 16}, 1, 2, {2, 3, 5, 16});
        check_swap(dtype, {11, 3, 20}, 0, 2, {20, 3, 11});
    }
    check_swap(DType::bf16, {66, 2, 34}, 0, 2, {34, 2, 66});
}

TEST_CASE("cuda copy: one value a row, one column for all, steps of two") {
    for (const DType dtype : types) {
        KernelCase k("copy of broadcasts " + text_of(dtype));
        const Ref x = k.input(dtype, {7, 1}, 0, 100), wide = k.output(dtype, {7, 32}), ragged = k.output(dtype, {7, 5}), flat = k.output(dtype, {133});
        const Ref row = k.input(dtype, {24}, 0, 100), tall = k.output(dtype, {3, 24}), halves = k.output(dtype, {12}), one = k.input(dtype, {1}, 0, 100);
        Ref every_other = row;
        every_other.sizes[0] = 12, every_other.strides[0] = 2;
        k.run([&] {
            cuda::copy(expanded(x, {7, 32}), wide, k.stream());
            cuda::copy(expanded(x, {7, 5}), ragged, k.stream());
            cuda::copy(expanded(row, {3, 24}), tall, k.stream());
            cuda::copy(expanded(one, {133}), flat, k.stream());
            cuda::copy(every_other, halves, k.stream());
        });
        k.expect(wide, gather(k.values(x), expanded(x, {7, 32})), {0, 0});
        k.expect(ragged, gather(k.values(x), expanded(x, {7, 5})), {0, 0});
        k.expect(tall, gather(k.values(row), expanded(row, {3, 24})), {0, 0});
        k.expect(flat, Values(133, k.values(one)[0]), {0, 0});
        k.expect(halves, gather(k.values(row), every_other), {0, 0});
    }
}

TEST_CASE("cuda copy: into a part of a value, and into turned axes") {
    for (const DType dtype : types) {
        KernelCase k("copy into a part " + text_of(dtype));
        const Ref x = k.input(dtype, {4, 6}, 0, 100), y = k.inout(dtype, {4, 20}, 0, 100), z = k.inout(dtype, {24, 17}, 0, 100), w = k.input(dtype, {17, 24}, 0, 100);
        const Slice part = sliced(y, 1, 10, 16);
        k.run([&] {
            cuda::copy(x, part.ref, k.stream());
            cuda::copy(w, swapped(z, 0, 1), k.stream());
        });
        Values expected = k.values(y);
        const Values from = k.values(x);
        for (std::size_t i = 0; i < 4; ++i)
            for (std::size_t j = 0; j < 6; ++j) expected[i * 20 + 10 + j] = from[i * 6 + j];
        k.expect(y, expected, {0, 0});
        k.expect(z, gather(k.values(w), swapped(w, 0, 1)), {0, 0});
    }
}

TEST_CASE("cuda copy: traffic within budget") {
    check_swap(DType::f32, {64, 96}, 0, 1, {96, 64}, true);
    check_swap(DType::bf16, {64, 192}, 0, 1, {192, 64}, true);
    check_swap(DType::bf16, {2, 8, 4, 64}, 1, 2, {2, 4, 8, 64}, true);
}

}  // namespace svad::test
