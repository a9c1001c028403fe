// SPDX-License-Identifier: Apache-2.0
// Arithmetic element by element: binary ops with broadcasting, maps of one value, where, casts, fill. T is f32 or bf16,
// computed in f32; a strided operand has y's sizes and any strides, 0 where it is broadcast; y is contiguous.
// Threads: one for each 16 bytes of the widest operand (strided.cuh), 256 a block; where rows are not aligned or an
// operand does not walk in steps of 0 or 1, one for each element.
// Traffic: every operand once and y once, broadcast ones once a use, from cache. Bound by memory.
#include "strided.cuh"

#include "svad/backend/cuda/ops.hpp"

#include <cstring>

namespace svad::cuda {

namespace {

struct Add { __device__ float operator()(float a, float b) const { return a + b; } };
struct Sub { __device__ float operator()(float a, float b) const { return a - b; } };
struct Mul { __device__ float operator()(float a, float b) const { return a * b; } };
struct Div { __device__ float operator()(float a, float b) const { return a / b; } };
struct Minimum { __device__ float operator()(float a, float b) const { return b < a || b != b ? b : a; } };
struct Maximum { __device__ float operator()(float a, float b) const { return b > a || b != b ? b : a; } };

struct Affine { float p, q; __device__ float operator()(float x) const { return p * x + q; } };
struct Reciprocal { float p; __device__ float operator()(float x) const { return p / x; } };
struct Square { __device__ float operator()(float x) const { return x * x; } };
struct Pow { float p; __device__ float operator()(float x) const { return powf(x, p); } };
struct Exp { __device__ float operator()(float x) const { return expf(x); } };
struct Log { __device__ float operator()(float x) const { return logf(x); } };
struct Sqrt { __device__ float operator()(float x) const { return sqrtf(x); } };

/// dy where a is chosen; `sign` -1 chooses the smaller.
struct ChosenGrad {
    float sign;
    __device__ float operator()(float dy, float a, float b) const {
        return sign * a > sign * b ? dy : a == b ? 0.5F * dy : 0.0F;
    }
};
struct Where { __device__ float operator()(float mask, float a, float b) const { return mask != 0 ? a : b; } };
struct Same { __device__ float operator()(float x) const { return x; } };
struct Constant { float value; __device__ float operator()() const { return value; } };

/// Calls f with a value of the type behind f32, bf16 or f16.
template <class F>
void by_float_type(const char* op, DType dtype, F&& f) {
    if (dtype == DType::f16) f(f16{});
    else by_dtype(op, dtype, f);
}

}  // namespace

/// y = a . b; a, b (strided) have y's sizes.
void binary(Binary kind, Ref a, Ref b, Ref y, Stream stream) {
    by_dtype("binary", y.dtype, [&](auto t) {
        using T = decltype(t);
        const auto axes = axes_of<3>({&y, &a, &b});
        const auto with = [&](auto f) { launch_map(axes, stream, f, y.as<T>(), a.as<const T>(), b.as<const T>()); };
        switch (kind) {
            case Binary::add: with(Add{}); break;
            case Binary::sub: with(Sub{}); break;
            case Binary::mul: with(Mul{}); break;
            case Binary::div: with(Div{}); break;
            case Binary::minimum: with(Minimum{}); break;
            case Binary::maximum: with(Maximum{}); break;
        }
    });
    check_launch("binary");
}

/// affine: p x + q; reciprocal: p / x; pow: x^p; exp, log, sqrt: of x. y may be x.
void unary(Unary kind, Ref x, Ref y, float p, float q, Stream stream) {
    by_dtype("unary", y.dtype, [&](auto t) {
        using T = decltype(t);
        const auto with = [&](auto f) { launch_flat_map(y.numel(), stream, f, y.as<T>(), x.as<const T>()); };
        switch (kind) {
            case Unary::affine: with(Affine{p, q}); break;
            case Unary::reciprocal: with(Reciprocal{p}); break;
            case Unary::pow: p == 2 ? with(Square{}) : with(Pow{p}); break;
            case Unary::exp: with(Exp{}); break;
            case Unary::log: with(Log{}); break;
            case Unary::sqrt: with(Sqrt{}); break;
        }
    });
    check_launch("unary");
}

/// dy where a is the larger (`smaller`: the smaller) of a and b, half of it where they are equal, else 0; dy, a, b (strided).
void chosen_grad(Ref dy, Ref a, Ref b, Ref y, bool smaller, Stream stream) {
    by_dtype("chosen_grad", y.dtype, [&](auto t) {
        using T = decltype(t);
        launch_map(axes_of<4>({&y, &dy, &a, &b}), stream, ChosenGrad{smaller ? -1.0F : 1.0F}, y.as<T>(), dy.as<const T>(),
                   a.as<const T>(), b.as<const T>());
    });
    check_launch("chosen_grad");
}

/// a where mask (u8) is not 0, else b; mask, a, b (strided).
void where(Ref mask, Ref a, Ref b, Ref y, Stream stream) {
    by_dtype("where", y.dtype, [&](auto t) {
        using T = decltype(t);
        launch_map(axes_of<4>({&y, &mask, &a, &b}), stream, Where{}, y.as<T>(), mask.as<const std::uint8_t>(), a.as<const T>(),
                   b.as<const T>());
    });
    check_launch("where");
}

/// y = x in y's dtype, to nearest even; f32, bf16 and f16 in and out.
void cast(Ref x, Ref y, Stream stream) {
    by_float_type("cast", x.dtype, [&](auto from) {
        by_float_type("cast", y.dtype, [&](auto to) {
            launch_flat_map(y.numel(), stream, Same{}, y.as<decltype(to)>(), x.as<const decltype(from)>());
        });
    });
    check_launch("cast");
}

/// Every element of y (f32, bf16, f16, i32) becomes the value.
void fill(Ref y, float value, Stream stream) {
    if (y.dtype == DType::i32) {                            // the same four bytes, whatever they stand for
        const auto number = static_cast<std::int32_t>(value);
        float bits;
        std::memcpy(&bits, &number, sizeof bits);
        launch_flat_map(y.numel(), stream, Constant{bits}, y.as<float>());
    } else {
        by_float_type("fill", y.dtype, [&](auto t) { launch_flat_map(y.numel(), stream, Constant{value}, y.as<decltype(t)>()); });
    }
    check_launch("fill");
}

}  // namespace svad::cuda
