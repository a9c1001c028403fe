// SPDX-License-Identifier: Apache-2.0
// Convolutions on the device and their gradients, each against the sum that defines it.
#include "kernel_case.hpp"
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"

#include <doctest/doctest.h>

#include <array>

namespace svad::test {
namespace {

struct Shape3 {
    std::int64_t B, C, O, groups;
    std::array<std::int64_t, 3> in, kernel, stride, padding;

    std::int64_t out(std::size_t a) const { return (in[a] + 2 * padding[a] - kernel[a]) / stride[a] + 1; }
};

/// f(index in x, index in w, index in y) for every product that the convolution adds.
template <class F>
void each_product(const Shape3& s, F f) {
    const std::int64_t each = s.C / s.groups, outputs = s.O / s.groups;
    for (std::int64_t b = 0; b < s.B; ++b)
        for (std::int64_t o = 0; o < s.O; ++o)
            for (std::int64_t c = 0; c < each; ++c)
                for (std::int64_t t = 0; t < s.out(0); ++t)
                    for (std::int64_t h = 0; h < s.out(1); ++h)
                        for (std::int64_t w = 0; w < s.out(2); ++w)
                            for (std::int64_t i = 0; i < s.kernel[0]; ++i)
                                for (std::int64_t j = 0; j < s.kernel[1]; ++j)
                                    for (std::int64_t k = 0; k < s.kernel[2]; ++k) {
                                        const std::int64_t y = t * s.stride[0] + i - s.padding[0], z = h * s.stride[1] + j - s.padding[1];
                                        const std::int64_t x = w * s.stride[2] + k - s.padding[2];
                                        if (y < 0 || y >= s.in[0] || z < 0 || z >= s.in[1] || x < 0 || x >= s.in[2]) continue;
                                        const std::int64_t channel = o / outputs * each + c;
                                        f(static_cast<std::size_t>((((b * s.C + channel) * s.in[0] + y) * s.in[1] + z) * s.in[2] + x),
                                          static_cast<std::size_t>((((o * each + c) * s.kernel[0] + i) * s.kernel[1] + j) * s.kernel[2] + k),
                                          static_cast<std::size_t>((((b * s.O + o) * s.out(0) + t) * s.out(1) + h) * s.out(2) + w));
                                    }
}

const Shape3 shapes[] = {
    {2, 4, 6, 1, {3, 5, 7}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}},
    {1, 6, 4, 2, {4, 6, 9}, {2, 3, 1}, {2, 1, 3}, {0, 2, 0}},
    {2, 3, 5, 1, {1, 8, 8}, {1, 4, 4}, {1, 4, 4}, {0, 0, 0}},
    {0, 2, 2, 1, {2, 2, 2}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}},
};

/// f32 sums of `terms` products of values up to 1, rounded once to the dtype.
Tolerance sums_of(DType dtype, double terms) {
    const Tolerance one = rounding_of(dtype);
    return {one.absolute + terms * 1e-7, one.relative};
}

}  // namespace

TEST_CASE("cuda conv3d: forward and both gradients, with steps, zeros and groups; nothing in, zeros out") {
    for (const DType dtype : {DType::f32, DType::bf16})
        for (const Shape3& s : shapes) {
            KernelCase k("conv3d " + text_of(dtype) + " " + std::to_string(&s - shapes));
            const Ref x = k.input(dtype, {s.B, s.C, s.in[0], s.in[1], s.in[2]});
            const Ref w = k.input(dtype, {s.O, s.C / s.groups, s.kernel[0], s.kernel[1], s.kernel[2]});
            const Ref dy = k.input(dtype, {s.B, s.O, s.out(0), s.out(1), s.out(2)});
            const Ref y = k.output(dtype, {s.B, s.O, s.out(0), s.out(1), s.out(2)});
            const Ref dx = k.output(dtype, {s.B, s.C, s.in[0], s.in[1], s.in[2]});
            const Ref dw = k.output(dtype, {s.O, s.C / s.groups, s.kernel[0], s.kernel[1], s.kernel[2]});
            cuda::Convolution options;
            for (std::size_t a = 0; a < 3; ++a) options.stride[a] = s.stride[a], options.padding[a] = s.padding[a];
            options.groups = s.groups;
            k.run([&] {
                cuda::conv3d(x, w, y, options, k.stream());
                cuda::conv3d_grad_input(dy, w, dx, options, k.stream());
                cuda::conv3d_grad_weight(dy, x, dw, options, k.stream());
            });
            const Values xs = k.values(x), ws = k.values(w), slopes = k.values(dy);
            Values ys(slopes.size()), dxs(xs.size()), dws(ws.size());
            each_product(s, [&](std::size_t i, std::size_t j, std::size_t o) {
                ys[o] += xs[i] * ws[j];
                dxs[i] += slopes[o] * ws[j];
                dws[j] += slopes[o] * xs[i];
            });
            k.expect(y, ys, sums_of(dtype, 30));
            k.expect(dx, dxs, sums_of(dtype, 30));
            k.expect(dw, dws, sums_of(dtype, 100));
        }
}

TEST_CASE("cuda depthwise: tokens with their neighbours in time and space, both directions, and the gradient of the taps") {
    struct Tokens { std::int64_t B, T, H, W, C; };
    for (const DType dtype : {DType::f32, DType::bf16})
        for (const Tokens s : {Tokens{2, 3, 4, 5, 7}, Tokens{1, 1, 1, 1, 1}, Tokens{1, 2, 3, 2, 40}, Tokens{0, 2, 2, 2, 3}}) {
            KernelCase k("depthwise " + text_of(dtype) + " " + std::to_string(s.C));
            const Ref x = k.input(dtype, {s.B, s.T, s.H, s.W, s.C}), taps = k.input(dtype, {27, s.C}), dy = k.input(dtype, {s.B, s.T, s.H, s.W, s.C});
            const Ref y = k.output(dtype, {s.B, s.T, s.H, s.W, s.C}), dx = k.output(dtype, {s.B, s.T, s.H, s.W, s.C}), dtaps = k.output(dtype, {27, s.C});
            k.run([&] {
                cuda::depthwise(x, taps, y, 1, k.stream());
                cuda::depthwise(dy, taps, dx, -1, k.stream());
                cuda::depthwise_grad_weight(dy, x, dtaps, k.stream());
            });
            const Values xs = k.values(x), ws = k.values(taps), slopes = k.values(dy);
            Values ys(xs.size()), dxs(xs.size()), dws(ws.size());
            const auto at = [&](std::int64_t b, std::int64_t t, std::int64_t h, std::int64_t w, std::int64_t c) {
                return static_cast<std::size_t>((((b * s.T + t) * s.H + h) * s.W + w) * s.C + c);
            };
            for (std::int64_t b = 0; b < s.B; ++b)
                for (std::int64_t t = 0; t < s.T; ++t)
                    for (std::int64_t h = 0; h < s.H; ++h)
                        for (std::int64_t w = 0; w < s.W; ++w)
                            for (std::int64_t tap = 0; tap < 27; ++tap) {
                                const std::int64_t i = t + tap / 9 - 1, j = h + tap / 3 % 3 - 1, l = w + tap % 3 - 1;
                                if (i < 0 || i >= s.T || j < 0 || j >= s.H || l < 0 || l >= s.W) continue;
                                for (std::int64_t c = 0; c < s.C; ++c) {
                                    const std::size_t to = at(b, t, h, w, c), from = at(b, i, j, l, c), weight = static_cast<std::size_t>(tap * s.C + c);
                                    ys[to] += xs[from] * ws[weight];
                                    dxs[from] += slopes[to] * ws[weight];
                                    dws[weight] += slopes[to] * xs[from];
                                }
                            }
            k.expect(y, ys, sums_of(dtype, 27));
            k.expect(dx, dxs, sums_of(dtype, 27));
            k.expect(dtaps, dws, sums_of(dtype, 120));
        }
}

}  // namespace svad::test
