// SPDX-License-Identifier: Apache-2.0
// Activations: gelu (exact and tanh), quick_gelu, silu, relu, sigmoid, tanh, and swiglu, which multiplies in the same
// pass. The gradient recomputes from the input in one fused pass, so nothing but the input is kept.
// `activate_values` and `activate_slopes` are the bare kernels, for ops that end in an activation (linear).
#pragma once

#include "svad/autograd/op.hpp"
#include "svad/backend/cpu/loops.hpp"
#include "svad/backend/cpu/simd.hpp"
#include "svad/ops/layout.hpp"

namespace svad {

enum class Activation : std::uint8_t { none, gelu, gelu_tanh, quick_gelu, silu, relu, sigmoid, tanh };

[[nodiscard]] constexpr std::string_view name_of(Activation a) {
    constexpr std::string_view names[] = {"none", "gelu", "gelu_tanh", "quick_gelu", "silu", "relu", "sigmoid", "tanh"};
    return names[static_cast<std::size_t>(a)];
}
inline void print(std::string& out, Activation a) { out += name_of(a); }

namespace detail {

// Each curve: its value and its slope at x.
struct IdentityCurve {
    template <class T> [[gnu::always_inline]] static T value(T x) { return x; }
    template <class T> [[gnu::always_inline]] static T slope(T) { return T(1); }
};
/// x Phi(x), Phi the normal distribution.
struct GeluCurve {
    template <class T> [[gnu::always_inline]] static T value(T x) {
        return T(0.5) * x * (T(1) + simd::erf(x * T(0.70710678118654752)));
    }
    template <class T> [[gnu::always_inline]] static T slope(T x) {
        const T density = T(0.39894228040143268) * simd::exp(T(-0.5) * x * x);
        return T(0.5) * (T(1) + simd::erf(x * T(0.70710678118654752))) + x * density;
    }
};
/// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
struct GeluTanhCurve {
    static constexpr double k = 0.79788456080286536, c = 0.044715;
    template <class T> [[gnu::always_inline]] static T value(T x) {
        return T(0.5) * x * (T(1) + simd::tanh(T(k) * x * (T(1) + T(c) * x * x)));
    }
    template <class T> [[gnu::always_inline]] static T slope(T x) {
        const T t = simd::tanh(T(k) * x * (T(1) + T(c) * x * x));
        return T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * T(k) * (T(1) + T(3 * c) * x * x);
    }
};
struct QuickGeluCurve {
    template <class T> [[gnu::always_inline]] static T value(T x) { return x * simd::sigmoid(T(1.702) * x); }
    template <class T> [[gnu::always_inline]] static T slope(T x) {
        const T s = simd::sigmoid(T(1.702) * x);
        return s * (T(1) + T(1.702) * x * (T(1) - s));
    }
};
struct SiluCurve {
    template <class T> [[gnu::always_inline]] static T value(T x) { return x * simd::sigmoid(x); }
    template <class T> [[gnu::always_inline]] static T slope(T x) {
        const T s = simd::sigmoid(x);
        return s * (T(1) + x * (T(1) - s));
    }
};
struct ReluCurve {
    template <class T> [[gnu::always_inline]] static T value(T x) { return x < T(0) ? T(0) : x; }
    template <class T> [[gnu::always_inline]] static T slope(T x) { return x > T(0) ? T(1) : T(0); }
};
struct SigmoidCurve {
    template <class T> [[gnu::always_inline]] static T value(T x) { return simd::sigmoid(x); }
    template <class T> [[gnu::always_inline]] static T slope(T x) {
        const T s = simd::sigmoid(x);
        return s * (T(1) - s);
    }
};
struct TanhCurve {
    template <class T> [[gnu::always_inline]] static T value(T x) { return simd::tanh(x); }
    template <class T> [[gnu::always_inline]] static T slope(T x) {
        const T t = simd::tanh(x);
        return T(1) - t * t;
    }
};

inline cuda::Curve curve_of(Activation a) {
    static_assert(static_cast<int>(cuda::Curve::tanh) == static_cast<int>(Activation::tanh), "one list in two places");
    return static_cast<cuda::Curve>(a);
}

template <class F>
void with_curve(Activation a, const F& f) {
    switch (a) {
        case Activation::gelu: return f(GeluCurve{});
        case Activation::gelu_tanh: return f(GeluTanhCurve{});
        case Activation::quick_gelu: return f(QuickGeluCurve{});
        case Activation::silu: return f(SiluCurve{});
        case Activation::relu: return f(ReluCurve{});
        case Activation::sigmoid: return f(SigmoidCurve{});
        case Activation::tanh: return f(TanhCurve{});
        default: return f(IdentityCurve{});
    }
}

/// y[i] = activation of x[i], in this thread; y may be x.
template <Real T>
void activate_values(Activation a, const T* x, T* y, Index n) {
    with_curve(a, [&](auto curve) {
        for (Index i = 0; i < n; ++i) y[i] = decltype(curve)::value(x[i]);
    });
}
/// dx[i] = dy[i] * slope of the activation at x[i], in this thread; dx may be dy or x.
template <Real T>
void activate_slopes(Activation a, const T* dy, const T* x, T* dx, Index n) {
    with_curve(a, [&](auto curve) {
        for (Index i = 0; i < n; ++i) dx[i] = dy[i] * decltype(curve)::slope(x[i]);
    });
}

/// dx[i] = dy[i] * slope of the activation at x[i] and y[i] = its value, in this thread.
template <Real T>
void activate_both(Activation a, const T* dy, const T* x, T* dx, T* y, Index n) {
    with_curve(a, [&](auto curve) {
        for (Index i = 0; i < n; ++i) {
            const T at = x[i];
            dx[i] = dy[i] * decltype(curve)::slope(at);
            y[i] = decltype(curve)::value(at);
        }
    });
}

}  // namespace detail

namespace ops {

/// dy * slope(x).
struct ActivationGradOp {
    static constexpr std::string_view name = "activation_grad";
    Activation kind = Activation::gelu;

    Result shape(const Shape&, const Shape& x) const { return {.y = x}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> x, View<T> dx) const {
        parallel_for(x.numel(), cpu::tile / 4, [&](Index first, Index last) {
            detail::activate_slopes(kind, dy.data + first, x.data + first, dx.data + first, last - first);
        });
    }
    void cuda(Ref dy, Ref x, Ref dx, Stream s) const { svad::cuda::activation_grad(detail::curve_of(kind), dy, x, dx, s); }
    static auto samples() { return std::vector<Sample<ActivationGradOp>>{{{}, {{9001}, {9001}}}, {{Activation::silu}, {{0}, {0}}}}; }
};

struct ActivationOp {
    static constexpr std::string_view name = "activation";
    Activation kind = Activation::gelu;

    Result shape(const Shape& x) const { return {.y = x}; }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        parallel_for(x.numel(), cpu::tile / 4, [&](Index first, Index last) {
            detail::activate_values(kind, x.data + first, y.data + first, last - first);
        });
    }
    void cuda(Ref x, Ref y, Stream s) const { svad::cuda::activation(detail::curve_of(kind), x, y, s); }
    Grads grad(const Var& dy, Dropped, const Var& x) const { return {apply(ActivationGradOp{kind}, dy, x.detach())}; }
    static auto samples() {
        using enum Activation;
        std::vector<Sample<ActivationOp>> list{{{gelu}, {{0}}}, {{gelu}, {Shape{}}, -6, 6}, {{silu}, {{40003}}, -6, 6}};
        for (Activation a : {none, gelu, gelu_tanh, quick_gelu, silu, relu, sigmoid, tanh})
            list.push_back({{a}, {{5, 7}}, -6, 6});
        return list;
    }
};

/// [2, ...]: the gradients of the gate and of the other factor, in one pass.
struct SwigluGradOp {
    static constexpr std::string_view name = "swiglu_grad";

    Result shape(const Shape&, const Shape& gate, const Shape&) const {
        Shape both{2};
        for (Index n : gate) both.push_back(n);
        return {.y = both};
    }
    template <Real T>
    void cpu(View<const T> dy, View<const T> gate, View<const T> up, View<T> both) const {
        T* dgate = both.data;
        T* dup = both.data + gate.numel();
        parallel_for(gate.numel(), cpu::tile / 4, [&](Index first, Index last) {
            for (Index i = first; i < last; ++i) {
                const T g = gate[i], s = simd::sigmoid(g), d = dy[i];
                dgate[i] = d * up[i] * (s * (T(1) + g * (T(1) - s)));
                dup[i] = d * (g * s);
            }
        });
    }
    void cuda(Ref dy, Ref gate, Ref up, Ref both, Stream s) const { svad::cuda::swiglu_grad(dy, gate, up, both, s); }
    static auto samples() { return std::vector<Sample<SwigluGradOp>>{{{}, {{70, 131}, {70, 131}, {70, 131}}}, {{}, {{0}, {0}, {0}}}}; }
};

/// silu(gate) * up.
struct SwigluOp {
    static constexpr std::string_view name = "swiglu";
    static constexpr bool cheap = true;

    Result shape(const Shape& gate, const Shape& up) const {
        require(gate == up, name, "gate and up must have one shape");
        return {.y = gate};
    }
    template <Real T>
    void cpu(View<const T> gate, View<const T> up, View<T> y) const {
        parallel_for(gate.numel(), cpu::tile / 4, [&](Index first, Index last) {
            for (Index i = first; i < last; ++i) y[i] = detail::SiluCurve::value(gate[i]) * up[i];
        });
    }
    void cuda(Ref gate, Ref up, Ref y, Stream s) const { svad::cuda::swiglu(gate, up, y, s); }
    Grads grad(const Var& dy, Dropped, const Var& gate, const Var& up) const {
        const Var both = apply(SwigluGradOp{}, dy, gate.detach(), up.detach());
        return {both.slice(0, 0), both.slice(0, 1)};
    }
    static auto samples() {
        return std::vector<Sample<SwigluOp>>{{{}, {{3, 5}, {3, 5}}, -4, 4}, {{}, {{1}, {1}}}, {{}, {{0, 2}, {0, 2}}},
                                             {{}, {{40003}, {40003}}, -4, 4}};
    }
};

/// The gradient of [gate | up], in its layout.
struct SwigluJoinedGradOp {
    static constexpr std::string_view name = "swiglu_joined_grad";

    Result shape(const Shape&, const Shape& both) const { return {.y = both}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> both, View<T> d) const {
        const Index n = dy.last();
        cpu::for_rows(dy.rows(), 2 * n, [&](Index r) {
            const T *in = both.row(r), *slope = dy.row(r);
            T* to = d.row(r);
            for (Index i = 0; i < n; ++i) {
                const T g = in[i], s = simd::sigmoid(g);
                to[i] = slope[i] * in[n + i] * (s * (T(1) + g * (T(1) - s)));
                to[n + i] = slope[i] * (g * s);
            }
        }, 4);
    }
    static auto samples() { return std::vector<Sample<SwigluJoinedGradOp>>{{{}, {{70, 131}, {70, 262}}}, {{}, {{0, 3}, {0, 6}}}}; }
};

/// silu(gate) * up of rows [gate | up].
struct SwigluJoinedOp {
    static constexpr std::string_view name = "swiglu_joined";

    Result shape(const Shape& both) const {
        require(both.rank() > 0 && both.back() % 2 == 0, name, "rows must hold gate and up, of one width");
        return {.y = both.with(-1, both.back() / 2)};
    }
    template <Real T>
    void cpu(View<const T> both, View<T> y) const {
        const Index n = y.last();
        cpu::for_rows(y.rows(), 2 * n, [&](Index r) {
            const T* in = both.row(r);
            T* to = y.row(r);
            for (Index i = 0; i < n; ++i) to[i] = detail::SiluCurve::value(in[i]) * in[n + i];
        }, 4);
    }
    Grads grad(const Var& dy, Dropped, const Var& both) const { return {apply(SwigluJoinedGradOp{}, dy, both.detach())}; }
    static auto samples() {
        return std::vector<Sample<SwigluJoinedOp>>{{{}, {{3, 10}}, -4, 4}, {{}, {{1, 2}}}, {{}, {{0, 4}}}, {{}, {{2, 201, 130}}, -4, 4}};
    }
};

}  // namespace ops

/// x Phi(x) with the exact normal distribution.
[[nodiscard]] inline Var gelu(const Var& x) { return apply(ops::ActivationOp{Activation::gelu}, x); }
/// GELU by its tanh approximation (GPT-2).
[[nodiscard]] inline Var gelu_tanh(const Var& x) { return apply(ops::ActivationOp{Activation::gelu_tanh}, x); }
/// x sigmoid(1.702 x) (CLIP).
[[nodiscard]] inline Var quick_gelu(const Var& x) { return apply(ops::ActivationOp{Activation::quick_gelu}, x); }
/// x sigmoid(x).
[[nodiscard]] inline Var silu(const Var& x) { return apply(ops::ActivationOp{Activation::silu}, x); }
[[nodiscard]] inline Var relu(const Var& x) { return apply(ops::ActivationOp{Activation::relu}, x); }
[[nodiscard]] inline Var sigmoid(const Var& x) { return apply(ops::ActivationOp{Activation::sigmoid}, x); }
[[nodiscard]] inline Var tanh(const Var& x) { return apply(ops::ActivationOp{Activation::tanh}, x); }
/// The activation chosen at run time; `none` gives x itself.
[[nodiscard]] inline Var activate(const Var& x, Activation kind) {
    return kind == Activation::none ? x : apply(ops::ActivationOp{kind}, x);
}
/// silu(gate) * up in one pass; both of one shape.
[[nodiscard]] inline Var swiglu(const Var& gate, const Var& up) { return apply(ops::SwigluOp{}, gate, up); }
/// The same of rows that hold gate and up side by side: [..., 2 F] -> [..., F].
[[nodiscard]] inline Var swiglu_joined(const Var& both) { return apply(ops::SwigluJoinedOp{}, both); }

}  // namespace svad
