// SPDX-License-Identifier: Apache-2.0
// AdamW, gradient norm and clipping over many arrays of different sizes and dtypes.
#include "kernel_case.hpp"
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace svad::test {
namespace {

constexpr std::int64_t sizes[] = {1, 4096, 0, 4097, 300, 9001};

}  // namespace

TEST_CASE("cuda adamw: every array as by the formula, with gradients in f32 and bf16, copies, and empty ones between") {
    KernelCase k("adamw");
    struct Array { Ref value, m, v, grad, copy; };
    std::vector<Array> arrays;
    for (int i = 0; i < 40; ++i) {                                          // more than one launch takes
        const std::int64_t n = i < 6 ? sizes[i] : 7 + i;
        const DType dtype = i % 2 == 0 ? DType::f32 : DType::bf16;
        arrays.push_back({k.inout(DType::f32, {n}), k.inout(DType::f32, {n}), k.inout(DType::f32, {n}, 0, 1), k.input(dtype, {n}),
                          i % 3 == 0 ? k.output(DType::bf16, {n}) : Ref{}});
    }
    const float rate = 0.01F, beta1 = 0.9F, beta2 = 0.98F, eps = 1e-3F, scale = 0.5F, correct1 = 0.19F, correct2 = 0.2F;
    const cuda::AdamWStep numbers{rate, correct1, correct2, scale};
    const Ref step = k.input_bytes(DType::f32, {4}, &numbers, sizeof numbers);
    std::vector<cuda::AdamWItem> items;
    for (std::size_t i = 0; i < arrays.size(); ++i) {
        const Array& a = arrays[i];
        items.push_back({a.value.as<float>(), a.m.as<float>(), a.v.as<float>(), a.copy.data, a.grad.data, a.grad.dtype, a.value.numel(),
                         i % 2 == 0 ? 0.05F : 0.0F, 1.0F + static_cast<float>(i % 2)});
    }
    k.run([&] { cuda::adamw(items.data(), static_cast<int>(items.size()), step.as<cuda::AdamWStep>(), beta1, beta2, eps, k.stream()); });
    for (std::size_t i = 0; i < arrays.size(); ++i) {
        const Array& a = arrays[i];
        Values value = k.values(a.value), m = k.values(a.m), v = k.values(a.v);
        const Values grad = k.values(a.grad);
        const double r = static_cast<double>(rate) * static_cast<double>(items[i].rate);
        for (std::size_t j = 0; j < value.size(); ++j) {
            const double g = grad[j] * static_cast<double>(scale), b1 = static_cast<double>(beta1), b2 = static_cast<double>(beta2);
            m[j] = b1 * m[j] + (1 - b1) * g;
            v[j] = b2 * v[j] + (1 - b2) * g * g;
            value[j] = value[j] * (1 - r * static_cast<double>(items[i].decay)) -
                       r / static_cast<double>(correct1) * m[j] / (std::sqrt(v[j]) / static_cast<double>(correct2) + static_cast<double>(eps));
        }
        const Tolerance close{1e-6, 1e-5};              // a dozen roundings of f32
        k.expect(a.m, m, close);
        k.expect(a.v, v, close);
        k.expect(a.value, value, close);
        if (a.copy) k.expect(a.copy, value, {1e-5, 0x1p-8});
    }
}

TEST_CASE("cuda sum_of_squares, clip_scale and scale_all: the norm of all gradients and its factor") {
    for (const double limit : {1e6, 3.0}) {
        KernelCase k("clip " + std::to_string(limit));
        std::vector<Ref> xs;
        for (int i = 0; i < 37; ++i) xs.push_back(k.inout(i % 2 == 0 ? DType::f32 : DType::bf16, {i < 6 ? sizes[i] : 11 + i}));
        const Ref squares = k.output(DType::f32, {1}), scale = k.output(DType::f32, {1});
        k.run([&] {
            cuda::sum_of_squares(xs.data(), static_cast<int>(xs.size()), squares, k.stream());
            cuda::clip_scale(squares, static_cast<float>(limit), scale, k.stream());
            cuda::scale_all(xs.data(), static_cast<int>(xs.size()), scale, k.stream());
        });
        double total = 0;
        for (const Ref& x : xs)
            for (const double value : k.values(x)) total += value * value;
        const double factor = std::min(1.0, limit / (std::sqrt(total) + 1e-6));
        CHECK((factor < 1) == (limit < 10));
        k.expect(squares, {total}, {0, 1e-5});
        k.expect(scale, {factor}, {0, 1e-5});
        for (const Ref& x : xs) {
            Values scaled = k.values(x);
            for (double& value : scaled) value *= factor;
            k.expect(x, scaled, {1e-6, x.dtype == DType::f32 ? 1e-5 : 0x1p-8});
        }
    }
}

TEST_CASE("cuda sum_of_squares: nothing has the norm zero") {
    KernelCase k("squares of nothing");
    const Ref y = k.output(DType::f32, {1});
    k.run([&] { cuda::sum_of_squares(nullptr, 0, y, k.stream()); });
    k.expect(y, {0.0});
}

}  // namespace svad::test
