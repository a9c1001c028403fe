// SPDX-License-Identifier: Apache-2.0
// Arithmetic element by element: operators on Var and Var with broadcasting, on Var and number, powers, exp, log,
// sqrt, minimum, maximum and where. Gradients of broadcast operands are summed back by sum_to.
// Binary ops read strided inputs in place. Equal elements in minimum and maximum share the gradient by halves.
#pragma once

#include "svad/autograd/op.hpp"
#include "svad/backend/cpu/loops.hpp"
#include "svad/backend/cpu/simd.hpp"
#include "svad/ops/cast.hpp"
#include "svad/ops/layout.hpp"

#include <cmath>

namespace svad {

Var operator*(const Var& a, const Var& b);
Var operator*(const Var& a, double s);
Var operator/(const Var& a, const Var& b);
Var operator-(const Var& a);

namespace detail {

/// The samples of a binary op: same shapes, rows, columns, a single element, both stretched, empty.
template <class Op>
std::vector<Sample<Op>> binary_samples(double lo = -1, double hi = 1) {
    return {{{}, {{2, 3}, {2, 3}}, lo, hi},       {{}, {{4, 5}, {5}}, lo, hi},      {{}, {{3, 1}, {3, 7}}, lo, hi},
            {{}, {{2, 3}, {1}}, lo, hi},          {{}, {{2, 1, 3}, {4, 1}}, lo, hi}, {{}, {Shape{}, Shape{}}, lo, hi},
            {{}, {{0, 3}, {3}}, lo, hi},          {{}, {{1}, {1, 1}}, lo, hi},      {{}, {{2, 3, 5, 2}, {3, 1, 2}}, lo, hi}};
}

/// The same and values of many tiles, for smooth ops only: among so many some lie too near to a kink to be checked.
template <class Op>
std::vector<Sample<Op>> smooth_samples(double lo = -1, double hi = 1) {
    auto list = binary_samples<Op>(lo, hi);
    list.push_back({{}, {{301, 67}, {301, 67}}, lo, hi}), list.push_back({{}, {{600, 67}, {67}}, lo, hi});
    return list;
}

/// The samples of a map of one value.
template <class Op>
std::vector<Sample<Op>> unary_samples(Op op = {}, double lo = -1, double hi = 1) {
    return {{op, {{2, 3}}, lo, hi}, {op, {{1}}, lo, hi},         {op, {Shape{}}, lo, hi},
            {op, {{0}}, lo, hi},    {op, {{3, 1, 17}}, lo, hi}, {op, {{40003}}, lo, hi}};
}

inline void binary_on_device(cuda::Binary kind, const Ref& a, const Ref& b, const Ref& y, Stream s) {
    cuda::binary(kind, cuda::spread(a, y), cuda::spread(b, y), y, s);
}
inline void unary_on_device(cuda::Unary kind, const Ref& x, const Ref& y, Stream s, double p = 0, double q = 0) {
    cuda::unary(kind, x, y, static_cast<float>(p), static_cast<float>(q), s);
}

}  // namespace detail

namespace ops {

struct AddOp {
    static constexpr std::string_view name = "add";
    static constexpr bool strided = true;

    Result shape(const Shape& a, const Shape& b) const { return {.y = broadcast(a, b, name)}; }
    template <Real T>
    void cpu(View<const T> a, View<const T> b, View<T> y) const {
        cpu::broadcast_map(y, [](T p, T q) { return p + q; }, a, b);
    }
    void cuda(Ref a, Ref b, Ref y, Stream s) const { detail::binary_on_device(svad::cuda::Binary::add, a, b, y, s); }
    Grads grad(const Var& dy, Dropped, Dropped a, Dropped b) const {
        return {a.wanted ? sum_to(dy, a.shape) : Var(), b.wanted ? sum_to(dy, b.shape) : Var()};
    }
    static auto samples() { return detail::smooth_samples<AddOp>(); }
};

struct SubOp {
    static constexpr std::string_view name = "sub";
    static constexpr bool strided = true;

    Result shape(const Shape& a, const Shape& b) const { return {.y = broadcast(a, b, name)}; }
    template <Real T>
    void cpu(View<const T> a, View<const T> b, View<T> y) const {
        cpu::broadcast_map(y, [](T p, T q) { return p - q; }, a, b);
    }
    void cuda(Ref a, Ref b, Ref y, Stream s) const { detail::binary_on_device(svad::cuda::Binary::sub, a, b, y, s); }
    Grads grad(const Var& dy, Dropped, Dropped a, Dropped b) const {
        return {a.wanted ? sum_to(dy, a.shape) : Var(), b.wanted ? -sum_to(dy, b.shape) : Var()};
    }
    static auto samples() { return detail::smooth_samples<SubOp>(); }
};

struct MulOp {
    static constexpr std::string_view name = "mul";
    static constexpr bool strided = true;

    Result shape(const Shape& a, const Shape& b) const { return {.y = broadcast(a, b, name)}; }
    template <Real T>
    void cpu(View<const T> a, View<const T> b, View<T> y) const {
        cpu::broadcast_map(y, [](T p, T q) { return p * q; }, a, b);
    }
    void cuda(Ref a, Ref b, Ref y, Stream s) const { detail::binary_on_device(svad::cuda::Binary::mul, a, b, y, s); }
    Grads grad(const Var& dy, Dropped, const Var& a, const Var& b) const {
        return {a.wants_grad() ? sum_to(dy * b.detach(), a.shape()) : Var(),
                b.wants_grad() ? sum_to(dy * a.detach(), b.shape()) : Var()};
    }
    static auto samples() { return detail::smooth_samples<MulOp>(); }
};

struct DivOp {
    static constexpr std::string_view name = "div";
    static constexpr bool strided = true;

    Result shape(const Shape& a, const Shape& b) const { return {.y = broadcast(a, b, name)}; }
    template <Real T>
    void cpu(View<const T> a, View<const T> b, View<T> y) const {
        cpu::broadcast_map(y, [](T p, T q) { return p / q; }, a, b);
    }
    void cuda(Ref a, Ref b, Ref y, Stream s) const { detail::binary_on_device(svad::cuda::Binary::div, a, b, y, s); }
    Grads grad(const Var& dy, const Var& y, Dropped a, const Var& b) const {
        const Var da = dy / b.detach();
        return {a.wanted ? sum_to(da, a.shape) : Var(), b.wants_grad() ? -sum_to(da * y.detach(), b.shape()) : Var()};
    }
    static auto samples() { return detail::smooth_samples<DivOp>(0.5, 2); }
};

/// dy where a is the larger (or, with `smaller`, the smaller) of a and b; half of it where they are equal.
struct ChosenGradOp {
    static constexpr std::string_view name = "chosen_grad";
    static constexpr bool strided = true;
    bool smaller = false;

    Result shape(const Shape& dy, const Shape&, const Shape&) const { return {.y = dy}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> a, View<const T> b, View<T> y) const {
        const T sign = smaller ? T(-1) : T(1);
        cpu::broadcast_map(y, [sign](T d, T p, T q) { return sign * p > sign * q ? d : p == q ? T(0.5) * d : T(0); }, dy, a, b);
    }
    void cuda(Ref dy, Ref a, Ref b, Ref y, Stream s) const {
        using svad::cuda::spread;
        svad::cuda::chosen_grad(spread(dy, y), spread(a, y), spread(b, y), y, smaller, s);
    }
    static auto samples() {
        return std::vector<Sample<ChosenGradOp>>{{{}, {{2, 3}, {2, 3}, {3}}}, {{true}, {{4, 1, 3}, {1}, {4, 1, 1}}}};
    }
};

struct MinimumOp {
    static constexpr std::string_view name = "minimum";
    static constexpr bool strided = true;

    Result shape(const Shape& a, const Shape& b) const { return {.y = broadcast(a, b, name)}; }
    template <Real T>
    void cpu(View<const T> a, View<const T> b, View<T> y) const {
        cpu::broadcast_map(y, [](T p, T q) { return q < p || q != q ? q : p; }, a, b);
    }
    void cuda(Ref a, Ref b, Ref y, Stream s) const { detail::binary_on_device(svad::cuda::Binary::minimum, a, b, y, s); }
    Grads grad(const Var& dy, Dropped, const Var& a, const Var& b) const {
        return {a.wants_grad() ? sum_to(apply(ChosenGradOp{true}, dy, a, b), a.shape()) : Var(),
                b.wants_grad() ? sum_to(apply(ChosenGradOp{true}, dy, b, a), b.shape()) : Var()};
    }
    static auto samples() { return detail::binary_samples<MinimumOp>(); }
};

struct MaximumOp {
    static constexpr std::string_view name = "maximum";
    static constexpr bool strided = true;

    Result shape(const Shape& a, const Shape& b) const { return {.y = broadcast(a, b, name)}; }
    template <Real T>
    void cpu(View<const T> a, View<const T> b, View<T> y) const {
        cpu::broadcast_map(y, [](T p, T q) { return q > p || q != q ? q : p; }, a, b);
    }
    void cuda(Ref a, Ref b, Ref y, Stream s) const { detail::binary_on_device(svad::cuda::Binary::maximum, a, b, y, s); }
    Grads grad(const Var& dy, Dropped, const Var& a, const Var& b) const {
        return {a.wants_grad() ? sum_to(apply(ChosenGradOp{}, dy, a, b), a.shape()) : Var(),
                b.wants_grad() ? sum_to(apply(ChosenGradOp{}, dy, b, a), b.shape()) : Var()};
    }
    static auto samples() { return detail::binary_samples<MaximumOp>(); }
};

/// y = scale * x + shift: every mix of a value and numbers but division by the value.
struct AffineOp {
    static constexpr std::string_view name = "affine";
    double scale = 1, shift = 0;

    Result shape(const Shape& x) const { return {.y = x}; }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        const T s = static_cast<T>(scale), t = static_cast<T>(shift);
        if (shift == 0) cpu::map(x.numel(), y.data, [s](T v) { return s * v; }, x.data);
        else if (scale == 1) cpu::map(x.numel(), y.data, [t](T v) { return v + t; }, x.data);
        else cpu::map(x.numel(), y.data, [s, t](T v) { return s * v + t; }, x.data);
    }
    void cuda(Ref x, Ref y, Stream s) const { detail::unary_on_device(svad::cuda::Unary::affine, x, y, s, scale, shift); }
    Grads grad(const Var& dy, Dropped, Dropped) const { return {scale == 1 ? dy : apply(AffineOp{scale, 0}, dy)}; }
    static auto samples() {
        auto list = detail::unary_samples(AffineOp{-1.5, 0.25});
        list.push_back({{3, 0}, {{2, 5}}}), list.push_back({{1, 2}, {{5}}});
        return list;
    }
};

/// y = numerator / x.
struct ReciprocalOp {
    static constexpr std::string_view name = "reciprocal";
    double numerator = 1;

    Result shape(const Shape& x) const { return {.y = x}; }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        cpu::map(x.numel(), y.data, [s = static_cast<T>(numerator)](T v) { return s / v; }, x.data);
    }
    void cuda(Ref x, Ref y, Stream s) const { detail::unary_on_device(svad::cuda::Unary::reciprocal, x, y, s, numerator); }
    Grads grad(const Var& dy, const Var& y, const Var& x) const { return {-(dy * y.detach() / x.detach())}; }
    static auto samples() { return detail::unary_samples(ReciprocalOp{2.5}, 0.5, 2); }
};

struct PowOp {
    static constexpr std::string_view name = "pow";
    double exponent = 2;

    Result shape(const Shape& x) const { return {.y = x}; }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        const T p = static_cast<T>(exponent);
        if (exponent == 2) cpu::map(x.numel(), y.data, [](T v) { return v * v; }, x.data);
        else cpu::map(x.numel(), y.data, [p](T v) { return std::pow(v, p); }, x.data);
    }
    void cuda(Ref x, Ref y, Stream s) const { detail::unary_on_device(svad::cuda::Unary::pow, x, y, s, exponent); }
    Grads grad(const Var& dy, Dropped, const Var& x) const {
        if (exponent == 0) return {dy * 0.0};
        if (exponent == 2) return {dy * x.detach() * 2.0};
        return {dy * apply(PowOp{exponent - 1}, x.detach()) * exponent};
    }
    static auto samples() {
        auto list = detail::unary_samples(PowOp{1.7}, 0.5, 2);
        list.push_back({{2}, {{3, 5}}}), list.push_back({{3}, {{4}}}), list.push_back({{0}, {{3}}});
        list.push_back({{-0.5}, {{7}}, 0.5, 2});
        return list;
    }
};

struct ExpOp {
    static constexpr std::string_view name = "exp";

    Result shape(const Shape& x) const { return {.y = x}; }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        cpu::map(x.numel(), y.data, [](T v) { return simd::exp(v); }, x.data);
    }
    void cuda(Ref x, Ref y, Stream s) const { detail::unary_on_device(svad::cuda::Unary::exp, x, y, s); }
    Grads grad(const Var& dy, const Var& y, Dropped) const { return {dy * y.detach()}; }
    static auto samples() { return detail::unary_samples(ExpOp{}, -3, 3); }
};

struct LogOp {
    static constexpr std::string_view name = "log";

    Result shape(const Shape& x) const { return {.y = x}; }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        cpu::map(x.numel(), y.data, [](T v) { return std::log(v); }, x.data);
    }
    void cuda(Ref x, Ref y, Stream s) const { detail::unary_on_device(svad::cuda::Unary::log, x, y, s); }
    Grads grad(const Var& dy, Dropped, const Var& x) const { return {dy / x.detach()}; }
    static auto samples() { return detail::unary_samples(LogOp{}, 0.3, 4); }
};

struct SqrtOp {
    static constexpr std::string_view name = "sqrt";

    Result shape(const Shape& x) const { return {.y = x}; }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        cpu::map(x.numel(), y.data, [](T v) { return std::sqrt(v); }, x.data);
    }
    void cuda(Ref x, Ref y, Stream s) const { detail::unary_on_device(svad::cuda::Unary::sqrt, x, y, s); }
    Grads grad(const Var& dy, const Var& y, Dropped) const { return {dy * 0.5 / y.detach()}; }
    static auto samples() { return detail::unary_samples(SqrtOp{}, 0.3, 4); }
};

/// a where the mask is not 0, else b; all three broadcast.
struct WhereOp {
    static constexpr std::string_view name = "where";
    static constexpr bool strided = true;
    Tensor<std::uint8_t> mask;

    Result shape(const Shape& a, const Shape& b) const { return {.y = broadcast(mask.shape(), broadcast(a, b, name), name)}; }
    template <Real T>
    void cpu(View<const T> a, View<const T> b, View<T> y) const {
        const View<const std::uint8_t> m(mask.data(), mask.shape());
        cpu::broadcast_map(y, [](std::uint8_t k, T p, T q) { return k ? p : q; }, m, a, b);
    }
    void cuda(Ref a, Ref b, Ref y, Stream s) const {
        using svad::cuda::spread;
        svad::cuda::where(spread(svad::cuda::mirrored(mask), y), spread(a, y), spread(b, y), y, s);
    }
    Grads grad(const Var& dy, Dropped, Dropped a, Dropped b) const {
        const Var zero = Var::zeros(Shape{}, dy.dtype(), dy.device());
        return {a.wanted ? sum_to(apply(WhereOp{mask}, dy, zero), a.shape) : Var(),
                b.wanted ? sum_to(apply(WhereOp{mask}, zero, dy), b.shape) : Var()};
    }
    static auto samples() {
        const auto row = Tensor<std::uint8_t>::of({1, 0, 0, 7, 1});
        return std::vector<Sample<WhereOp>>{{{row}, {{5}, {5}}},        {{row}, {{3, 5}, {1}}},
                                            {{row}, {{3, 1}, {3, 5}}},  {{row}, {{0, 5}, {0, 5}}},
                                            {{row.reshape({5, 1})}, {{2, 1, 4}, {5, 4}}}};
    }
};

}  // namespace ops

[[nodiscard]] inline Var operator+(const Var& a, const Var& b) { return apply(ops::AddOp{}, a, b); }
[[nodiscard]] inline Var operator-(const Var& a, const Var& b) { return apply(ops::SubOp{}, a, b); }
[[nodiscard]] inline Var operator*(const Var& a, const Var& b) { return apply(ops::MulOp{}, a, b); }
[[nodiscard]] inline Var operator/(const Var& a, const Var& b) { return apply(ops::DivOp{}, a, b); }
[[nodiscard]] inline Var operator+(const Var& a, double s) { return apply(ops::AffineOp{1, s}, a); }
[[nodiscard]] inline Var operator+(double s, const Var& a) { return a + s; }
[[nodiscard]] inline Var operator-(const Var& a, double s) { return a + -s; }
[[nodiscard]] inline Var operator-(double s, const Var& a) { return apply(ops::AffineOp{-1, s}, a); }
[[nodiscard]] inline Var operator*(const Var& a, double s) { return apply(ops::AffineOp{s, 0}, a); }
[[nodiscard]] inline Var operator*(double s, const Var& a) { return a * s; }
/// Multiplies by 1 / s.
[[nodiscard]] inline Var operator/(const Var& a, double s) { return a * (1 / s); }
[[nodiscard]] inline Var operator/(double s, const Var& a) { return apply(ops::ReciprocalOp{s}, a); }
[[nodiscard]] inline Var operator-(const Var& a) { return a * -1.0; }

[[nodiscard]] inline Var pow(const Var& x, double exponent) { return apply(ops::PowOp{exponent}, x); }
[[nodiscard]] inline Var exp(const Var& x) { return apply(ops::ExpOp{}, x); }
[[nodiscard]] inline Var log(const Var& x) { return apply(ops::LogOp{}, x); }
[[nodiscard]] inline Var sqrt(const Var& x) { return apply(ops::SqrtOp{}, x); }
/// The smaller of two, element by element, broadcasting; NaN wins.
[[nodiscard]] inline Var minimum(const Var& a, const Var& b) { return apply(ops::MinimumOp{}, a, b); }
[[nodiscard]] inline Var maximum(const Var& a, const Var& b) { return apply(ops::MaximumOp{}, a, b); }
/// a where the mask is not 0, else b; mask, a and b broadcast together.
[[nodiscard]] inline Var where(const Tensor<std::uint8_t>& mask, const Var& a, const Var& b) {
    return apply(ops::WhereOp{mask}, a, b);
}

}  // namespace svad
