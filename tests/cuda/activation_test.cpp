// SPDX-License-Identifier: Apache-2.0
// Every curve and its slope on the device, in place too, at values where curves bend and where they are flat; swiglu of
// two halves of a row, and its gradients.
#include "kernel_case.hpp"
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace svad::test {
namespace {

using cuda::Curve;
constexpr Curve curves[] = {Curve::none, Curve::gelu, Curve::gelu_tanh, Curve::quick_gelu, Curve::silu, Curve::relu, Curve::sigmoid, Curve::tanh};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double value(Curve kind, double x) {
    switch (kind) {
        case Curve::gelu: return 0.5 * x * std::erfc(-x * std::sqrt(0.5));
        case Curve::gelu_tanh: return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
        case Curve::quick_gelu: return x * sigmoid(1.702 * x);
        case Curve::silu: return x * sigmoid(x);
        case Curve::relu: return std::max(x, 0.0);
        case Curve::sigmoid: return sigmoid(x);
        case Curve::tanh: return std::tanh(x);
        default: return x;
    }
}
/// By a difference of values: independent of the formulas of the kernels. Good to 1e-9.
double slope(Curve kind, double x) {
    if (kind == Curve::relu) return x > 0 ? 1 : 0;
    const double h = 1e-5;
    return (value(kind, x + h) - value(kind, x - h)) / (2 * h);
}

}  // namespace

TEST_CASE("cuda activation: every curve and slope, ragged, in place, empty") {
    for (const Curve kind : curves)
        for (const DType dtype : {DType::f32, DType::bf16})
            for (const std::int64_t n : {0, 1, 530}) {
                KernelCase k("activation " + std::to_string(static_cast<int>(kind)) + " " + text_of(dtype) + " " + std::to_string(n));
                const Ref x = k.input(dtype, {n}, -8, 8), dy = k.input(dtype, {n}), y = k.output(dtype, {n}), dx = k.output(dtype, {n}),
                          z = k.inout(dtype, {n}, -8, 8), dz = k.inout(dtype, {n});
                k.run([&] {
                    cuda::activation(kind, x, y, k.stream());
                    cuda::activation_grad(kind, dy, x, dx, k.stream());
                    cuda::activation_grad(kind, dz, x, dz, k.stream());
                    cuda::activation(kind, z, z, k.stream());
                });
                const Values in = k.values(x), g = k.values(dy), h = k.values(dz);
                Values a = in, b = k.values(z), c = in, d = in;
                for (std::size_t i = 0; i < in.size(); ++i)
                    a[i] = value(kind, in[i]), b[i] = value(kind, b[i]), c[i] = g[i] * slope(kind, in[i]), d[i] = h[i] * slope(kind, in[i]);
                k.expect(y, a), k.expect(z, b), k.expect(dx, c), k.expect(dz, d);
            }
}

TEST_CASE("cuda activation: far from zero curves are flat and stay finite") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        KernelCase k(std::string("activation far ") + text_of(dtype));
        const Values far = {-300, -89, -88, -20, 0, 20, 88, 300};
        const Ref x = k.input(dtype, {8}, far), one = k.input(dtype, {8}, Values(8, 1.0));
        std::vector<Ref> ys, ds;
        for (std::size_t i = 0; i < std::size(curves); ++i) ys.push_back(k.output(dtype, {8})), ds.push_back(k.output(dtype, {8}));
        k.run([&] {
            for (std::size_t i = 0; i < std::size(curves); ++i)
                cuda::activation(curves[i], x, ys[i], k.stream()), cuda::activation_grad(curves[i], one, x, ds[i], k.stream());
        });
        for (std::size_t i = 0; i < std::size(curves); ++i) {
            Values y, d;
            for (const double v : far) y.push_back(value(curves[i], v)), d.push_back(slope(curves[i], v));
            k.expect(ys[i], y), k.expect(ds[i], d);
        }
    }
}

TEST_CASE("cuda swiglu: halves of rows, whole values, rows that do not fit packs, nothing") {
    for (const DType dtype : {DType::f32, DType::bf16})
        for (const std::int64_t width : {0, 1, 24, 37})
            for (const bool halves : {true, false}) {
                KernelCase k(std::string("swiglu ") + text_of(dtype) + " " + std::to_string(width) + (halves ? " halves" : ""));
                const Ref both = k.input(dtype, {5, 2 * width}, -4, 4), alone = k.input(dtype, {5, width}, -4, 4), dy = k.input(dtype, {5, width});
                const Ref y = k.output(dtype, {5, width}), grads = k.output(dtype, {2, 5, width});
                const Slice low = sliced(both, 1, 0, width), high = sliced(both, 1, width, 2 * width);
                const Ref gate = halves ? low.ref : alone, up = high.ref;
                k.run([&] {
                    cuda::swiglu(gate, up, y, k.stream());
                    cuda::swiglu_grad(dy, gate, up, grads, k.stream());
                });
                const Values g = gather(k.values(halves ? both : alone), gate), u = gather(k.values(both), up, high.offset), d = k.values(dy);
                Values expected(g.size()), slopes(2 * g.size());
                for (std::size_t i = 0; i < g.size(); ++i) {
                    expected[i] = value(Curve::silu, g[i]) * u[i];
                    slopes[i] = d[i] * u[i] * slope(Curve::silu, g[i]);
                    slopes[g.size() + i] = d[i] * value(Curve::silu, g[i]);
                }
                k.expect(y, expected, rounding_of(dtype, 4)), k.expect(grads, slopes, rounding_of(dtype, 4));
            }
}

TEST_CASE("cuda activations: traffic within budget") {
    KernelCase k("gelu and swiglu bf16 16x512");
    const Ref both = k.input(DType::bf16, {16, 1024}), dy = k.input(DType::bf16, {16, 512}), y = k.output(DType::bf16, {16, 512}),
              z = k.output(DType::bf16, {16, 1024}), grads = k.output(DType::bf16, {2, 16, 512});
    const Ref gate = sliced(both, 1, 0, 512).ref, up = sliced(both, 1, 512, 1024).ref;
    k.run_within_budget([&] {
        cuda::activation(Curve::gelu, both, z, k.stream());
        cuda::swiglu(gate, up, y, k.stream());
        cuda::swiglu_grad(dy, gate, up, grads, k.stream());
    });
}

}  // namespace svad::test
