// SPDX-License-Identifier: Apache-2.0
// Frames to a model's input on the device: taps of columns, then of rows, rounded to bytes between, then normalised.
#include "kernel_case.hpp"
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

namespace svad::test {
namespace {

/// Three taps for each of `to` places of a line of `from`, with weights of sixteenths, so that sums have no rounding.
struct Taps {
    Values first, weights;
    Taps(std::int64_t from, std::int64_t to) {
        for (std::int64_t i = 0; i < to; ++i) {
            const std::int64_t at = i * from / to;
            first.push_back(static_cast<double>(at));
            for (std::int64_t j = 0; j < 3; ++j) weights.push_back(at + j < from ? static_cast<double>((i + j) % 3 * 4 + 2) / 16 : 0.0);
        }
    }
};

double byte_of(double x) { return std::floor(std::clamp(x, 0.0, 255.0) + 0.5); }

}  // namespace

TEST_CASE("cuda frames: bytes resized along columns, rounded, along rows, rounded, normalised; no frame, no work") {
    for (const DType dtype : {DType::f32, DType::bf16})
        for (const std::int64_t n : {0, 2}) {
            KernelCase k("frames " + text_of(dtype) + " " + std::to_string(n));
            constexpr std::int64_t H = 7, W = 9, h = 4, w = 5;
            Values pixels;
            for (std::int64_t i = 0; i < n * H * W * 3; ++i) pixels.push_back(static_cast<double>(i * 37 % 256));
            const Taps columns(W, w), rows(H, h);
            const Ref in = k.input(DType::u8, {n, H, W, 3}, pixels);
            const Ref x_first = k.input(DType::i32, {w}, columns.first), x_weights = k.input(DType::f32, {w, 3}, columns.weights);
            const Ref y_first = k.input(DType::i32, {h}, rows.first), y_weights = k.input(DType::f32, {h, 3}, rows.weights);
            const Ref y = k.output(dtype, {n, 3, h, w});
            const float mean[3] = {0.5F, 0.25F, 0.125F}, deviation[3] = {0.25F, 0.5F, 1.0F};
            k.run([&] { cuda::frames(in, x_first, x_weights, y_first, y_weights, mean, deviation, y, k.stream()); });
            const auto tapped = [](const Taps& taps, std::int64_t i, std::int64_t length, const auto& value) {
                double sum = 0;
                for (std::int64_t j = 0; j < 3; ++j) {
                    const std::int64_t at = static_cast<std::int64_t>(taps.first[static_cast<std::size_t>(i)]) + j;
                    if (at < length) sum += taps.weights[static_cast<std::size_t>(i * 3 + j)] * value(at);
                }
                return byte_of(sum);
            };
            Values expected;
            for (std::int64_t b = 0; b < n; ++b)
                for (std::int64_t c = 0; c < 3; ++c)
                    for (std::int64_t i = 0; i < h; ++i)
                        for (std::int64_t j = 0; j < w; ++j) {
                            const double value = tapped(rows, i, H, [&](std::int64_t row) {
                                return tapped(columns, j, W, [&](std::int64_t column) {
                                    return pixels[static_cast<std::size_t>(((b * H + row) * W + column) * 3 + c)];
                                });
                            });
                            expected.push_back((value / 255 - static_cast<double>(mean[c])) / static_cast<double>(deviation[c]));
                        }
            k.expect(y, expected, {1e-6, dtype == DType::f32 ? 1e-6 : 0x1p-8});
        }
}

}  // namespace svad::test
