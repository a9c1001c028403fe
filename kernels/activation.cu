// SPDX-License-Identifier: Apache-2.0
// Activations and swiglu, forward and backward, element by element in f32 on f32 or bf16. The gradient recomputes from
// the input. gate and up of swiglu are (strided), usually the halves of one product's rows; all else is contiguous.
// Threads: one for each 16 bytes (strided.cuh), 256 a block.
// Traffic: activation 1 read + 1 write, its gradient 2 + 1, swiglu 2 + 1, its gradient 3 + 2. Bound by memory in f32; for
// bf16 the exponentials come near the bound of arithmetic, so there they are the hardware's (2 ulp of f32, 2^-14 of a
// bf16's rounding), and gelu_tanh is x sigmoid(2 u), which is the same function without a tanh.
#include "strided.cuh"

#include "svad/backend/cuda/ops.hpp"

namespace svad::cuda {

namespace {

/// e^x and 1 / (1 + e^-x), as exact as results of type T can show.
template <class T>
__device__ float exponential(float x) {
    if constexpr (std::is_same_v<T, float>) return expf(x);
    else return __expf(x);
}
template <class T>
__device__ float logistic(float x) {
    if constexpr (std::is_same_v<T, float>) return 1.0F / (1.0F + expf(-x));
    else return __fdividef(1.0F, 1.0F + __expf(-x));         // 0 where e^-x overflows
}

// Each curve: its value and its slope at x.
struct Identity {
    template <class T> static __device__ float value(float x) { return x; }
    template <class T> static __device__ float slope(float) { return 1.0F; }
};
/// x Phi(x), Phi the normal distribution.
struct Gelu {
    static __device__ float phi(float x) { return 0.5F * (1.0F + erff(x * 0.70710678F)); }
    template <class T> static __device__ float value(float x) { return x * phi(x); }
    template <class T> static __device__ float slope(float x) { return phi(x) + x * 0.39894228F * exponential<T>(-0.5F * x * x); }
};
/// 0.5 x (1 + tanh(u)) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
struct GeluTanh {
    static constexpr float twice_k = 1.59576912F, cubic = 0.044715F;
    template <class T> static __device__ float value(float x) { return x * logistic<T>(twice_k * x * (1.0F + cubic * x * x)); }
    template <class T> static __device__ float slope(float x) {
        const float s = logistic<T>(twice_k * x * (1.0F + cubic * x * x));
        return s + x * s * (1.0F - s) * twice_k * (1.0F + 3.0F * cubic * x * x);
    }
};
struct QuickGelu {
    template <class T> static __device__ float value(float x) { return x * logistic<T>(1.702F * x); }
    template <class T> static __device__ float slope(float x) {
        const float s = logistic<T>(1.702F * x);
        return s * (1.0F + 1.702F * x * (1.0F - s));
    }
};
struct Silu {
    template <class T> static __device__ float value(float x) { return x * logistic<T>(x); }
    template <class T> static __device__ float slope(float x) {
        const float s = logistic<T>(x);
        return s * (1.0F + x * (1.0F - s));
    }
};
struct Relu {
    template <class T> static __device__ float value(float x) { return x < 0.0F ? 0.0F : x; }
    template <class T> static __device__ float slope(float x) { return x > 0.0F ? 1.0F : 0.0F; }
};
struct Sigmoid {
    template <class T> static __device__ float value(float x) { return logistic<T>(x); }
    template <class T> static __device__ float slope(float x) {
        const float s = logistic<T>(x);
        return s * (1.0F - s);
    }
};
struct Tanh {
    template <class T> static __device__ float value(float x) { return tanhf(x); }
    template <class T> static __device__ float slope(float x) {
        const float t = tanhf(x);
        return 1.0F - t * t;
    }
};

template <class T, class C>
struct Value {
    __device__ float operator()(float x) const { return C::template value<T>(x); }
};
template <class T, class C>
struct Slope {
    __device__ float operator()(float dy, float x) const { return dy * C::template slope<T>(x); }
};
template <class T>
struct Swiglu {
    __device__ float operator()(float gate, float up) const { return Silu::value<T>(gate) * up; }
};
/// Calls f with the curve of this kind.
template <class F>
void with_curve(Curve kind, F&& f) {
    switch (kind) {
        case Curve::none: return f(Identity{});
        case Curve::gelu: return f(Gelu{});
        case Curve::gelu_tanh: return f(GeluTanh{});
        case Curve::quick_gelu: return f(QuickGelu{});
        case Curve::silu: return f(Silu{});
        case Curve::relu: return f(Relu{});
        case Curve::sigmoid: return f(Sigmoid{});
        case Curve::tanh: return f(Tanh{});
    }
}

/// The gradients of gate and up of one element, from one sigmoid.
template <class T>
__device__ float2 swiglu_slopes(float dy, float gate, float up) {
    const float s = logistic<T>(gate);
    return make_float2(dy * up * s * (1.0F + gate * (1.0F - s)), dy * gate * s);
}

/// Operands of the walk: dgate, dup, dy, gate, up.
template <class T, int N>
__global__ void __launch_bounds__(map_threads) swiglu_backward(Walk<5> walk, T* dgate, T* dup, const T* dy, const T* gate, const T* up) {
    const std::int64_t i = thread_of_grid();
    if (i >= walk.count) return;
    const Place<5> place = walk(static_cast<std::uint32_t>(i), N);
    dgate += place.at[0], dup += place.at[1], dy += place.at[2], gate += place.at[3], up += place.at[4];
    if (place.first + N <= walk.width) {
        const pack<T, N> d = load_along<N>(dy, walk.step[2]), g = load_along<N>(gate, walk.step[3]), u = load_along<N>(up, walk.step[4]);
        pack<T, N> to_gate, to_up;
#pragma unroll
        for (int j = 0; j < N; ++j) {
            const float2 slopes = swiglu_slopes<T>(d[j], g[j], u[j]);
            to_gate.set(j, slopes.x);
            to_up.set(j, slopes.y);
        }
        store_pack(dgate, to_gate);
        store_pack(dup, to_up);
        return;
    }
#pragma unroll 1
    for (int j = 0; j < walk.width - place.first; ++j) {
        const float2 slopes = swiglu_slopes<T>(load(dy + j), load(gate + j * walk.step[3]), load(up + j * walk.step[4]));
        store(dgate + j, slopes.x);
        store(dup + j, slopes.y);
    }
}

}  // namespace

/// y = curve(x); y may be x.
void activation(Curve kind, Ref x, Ref y, Stream stream) {
    by_dtype("activation", y.dtype, [&](auto t) {
        using T = decltype(t);
        with_curve(kind, [&](auto curve) {
            launch_flat_map(y.numel(), stream, Value<T, decltype(curve)>{}, y.as<T>(), x.as<const T>());
        });
    });
    check_launch("activation");
}

/// dx = dy * slope of the curve at x; dx may be dy or x.
void activation_grad(Curve kind, Ref dy, Ref x, Ref dx, Stream stream) {
    by_dtype("activation_grad", dx.dtype, [&](auto t) {
        using T = decltype(t);
        with_curve(kind, [&](auto curve) {
            launch_flat_map(dx.numel(), stream, Slope<T, decltype(curve)>{}, dx.as<T>(), dy.as<const T>(), x.as<const T>());
        });
    });
    check_launch("activation_grad");
}

/// y = silu(gate) * up; gate and up (strided) have y's sizes.
void swiglu(Ref gate, Ref up, Ref y, Stream stream) {
    by_dtype("swiglu", y.dtype, [&](auto t) {
        using T = decltype(t);
        launch_map(axes_of<3>({&y, &gate, &up}), stream, Swiglu<T>{}, y.as<T>(), gate.as<const T>(), up.as<const T>());
    });
    check_launch("swiglu");
}

/// both [2, ...] = gradients of gate and of up.
void swiglu_grad(Ref dy, Ref gate, Ref up, Ref both, Stream stream) {
    by_dtype("swiglu_grad", dy.dtype, [&](auto t) {
        using T = decltype(t);
        in_parts(axes_of<5>({&dy, &dy, &dy, &gate, &up}), most_elements, [&](const Axes<5>& axes) {
            constexpr int N = full_pack<T>;
            T* const dgate = both.as<T>() + axes.start[0];
            T* const dup = dgate + dy.numel();
            const T *d = dy.as<const T>() + axes.start[2], *g = gate.as<const T>() + axes.start[3], *u = up.as<const T>() + axes.start[4];
            const void* const from[] = {dgate, dup, d, g, u};
            bool packs = true;
            for (int k = 0; k < 5; ++k) packs = packs && walks_in_packs(axes, k, from[k], sizeof(T), N);
            const Walk<5> walk(axes, packs ? N : 1);
            launch(packs ? swiglu_backward<T, N> : swiglu_backward<T, 1>, blocks(walk.count, map_threads), dim3(map_threads), 0, stream,
                   walk, dgate, dup, d, g, u);
        });
    });
    check_launch("swiglu_grad");
}

}  // namespace svad::cuda
