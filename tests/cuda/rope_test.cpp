// SPDX-License-Identifier: Apache-2.0
// Rotary positions on the device: both pairings, turning back restores, positions shared or one row a sequence, heads
// first, in place, strides that leave no packs.
#include "kernel_case.hpp"
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace svad::test {
namespace {

constexpr std::int64_t first = 3, table_rows = 9;

/// What rope makes of the values that the view (of [B, L, H, D]) sees.
Values turned(const Values& x, const Ref& view, const Values& cos, const Values& sin, const Ref& positions, const Values& at, bool interleaved, bool inverse) {
    Values y = x;
    const auto D = static_cast<std::size_t>(view.sizes[3]), H = static_cast<std::size_t>(view.sizes[2]), L = static_cast<std::size_t>(view.sizes[1]);
    for (std::size_t row = 0; row * D < x.size(); ++row) {
        const std::size_t token = row / H, place = positions.sizes[0] > 1 ? token : token % L;
        const auto line = static_cast<std::size_t>(at[place]) - first;
        for (std::size_t i = 0; i < D / 2; ++i) {
            const std::size_t p = row * D + (interleaved ? 2 * i : i), q = row * D + (interleaved ? 2 * i + 1 : i + D / 2);
            const double c = cos[line * (D / 2) + i], s = (inverse ? -1 : 1) * sin[line * (D / 2) + i];
            y[p] = x[p] * c - x[q] * s, y[q] = x[q] * c + x[p] * s;
        }
    }
    return y;
}

void check_rope(DType dtype, std::int64_t B, std::int64_t L, std::int64_t H, std::int64_t D, bool shared, bool heads_first, bool budget = false) {
    for (const bool interleaved : {false, true}) {
        const std::string name = "rope " + text_of(dtype) + " " + text_of({B, L, H, D}) + (interleaved ? " interleaved" : "") + (shared ? " shared" : "") +
                                 (heads_first ? " heads first" : "");
        CAPTURE(name);
        KernelCase k(name);
        const Sizes sizes = {B, L, H, D}, by_heads = {B, H, L, D};
        const Ref x = k.input(dtype, heads_first ? by_heads : sizes), y = k.output(dtype, sizes), z = k.inout(dtype, sizes), back = k.output(dtype, sizes);
        Values angles, cosines, sines, places;
        for (std::int64_t i = 0; i < table_rows * D / 2; ++i) angles.push_back(0.37 * static_cast<double>(i));
        for (const double a : angles) cosines.push_back(static_cast<float>(std::cos(a))), sines.push_back(static_cast<float>(std::sin(a)));
        for (std::int64_t i = 0; i < (shared ? 1 : B) * L; ++i) places.push_back(static_cast<double>(first + i * 5 % table_rows));
        const Ref cos = k.input(DType::f32, {table_rows, D / 2}, cosines), sin = k.input(DType::f32, {table_rows, D / 2}, sines),
                  positions = k.input(DType::i32, {shared ? 1 : B, L}, places);
        const Ref view = heads_first ? swapped(x, 1, 2) : x;
        const auto run = [&] {
            cuda::rope(view, cos, sin, positions, y, first, interleaved, false, k.stream());
            cuda::rope(y, cos, sin, positions, back, first, interleaved, true, k.stream());
            cuda::rope(z, cos, sin, positions, z, first, interleaved, false, k.stream());
        };
        budget ? k.run_within_budget(run) : k.run(run);
        const Values in = gather(k.values(x), view);
        k.expect(y, turned(in, view, cosines, sines, positions, places, interleaved, false));
        k.expect(z, turned(k.values(z), z, cosines, sines, positions, places, interleaved, false));
        k.expect(back, turned(k.results(y), y, cosines, sines, positions, places, interleaved, true));
        k.expect(back, in, dtype == DType::bf16 ? Tolerance{0.02, 0x1p-7} : Tolerance{1e-6, 1e-6});
    }
}

}  // namespace

TEST_CASE("cuda rope: in packs, in single pairs, of one token, of none") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        check_rope(dtype, 2, 3, 2, 16, false, false);
        check_rope(dtype, 2, 3, 4, 32, true, true);
        check_rope(dtype, 2, 4, 1, 6, false, true);
        check_rope(dtype, 1, 1, 1, 2, true, false);
        check_rope(dtype, 2, 0, 3, 16, false, false);
    }
}

TEST_CASE("cuda rope: values that are not aligned") {
    KernelCase k("rope shifted");
    const Ref whole = k.input(DType::bf16, {17}), y = k.output(DType::bf16, {1, 1, 1, 16}), cos = k.input(DType::f32, {1, 8}, Values(8, 0.0)),
              sin = k.input(DType::f32, {1, 8}, Values(8, 1.0)), positions = k.input(DType::i32, {1, 1}, Values{0});
    Ref x = y;
    x.data = KernelCase::shifted(whole, 1).data;
    k.run([&] { cuda::rope(x, cos, sin, positions, y, 0, false, false, k.stream()); });
    const Values in = k.values(whole);
    Values expected;
    for (std::size_t i = 0; i < 16; ++i) expected.push_back(i < 8 ? -in[1 + i + 8] : in[1 + i - 8]);
    k.expect(y, expected, {0, 0});
}

TEST_CASE("cuda rope: traffic within budget") { check_rope(DType::bf16, 1, 8, 8, 64, true, false, true); }

}  // namespace svad::test
