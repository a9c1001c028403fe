// SPDX-License-Identifier: Apache-2.0
// Reductions along an axis or over everything, and the row-wise normalisations softmax, log_softmax, l2_normalize.
// softmax subtracts the row's maximum; a row that is minus infinity throughout (all masked) comes out as zeros.
// Float sums use 32 accumulators, and blocks of 4096 are added in double: the error does not grow with the length.
#pragma once

#include "svad/autograd/op.hpp"
#include "svad/backend/cpu/loops.hpp"
#include "svad/backend/cpu/simd.hpp"
#include "svad/ops/elementwise.hpp"

namespace svad {

namespace detail {

/// x seen as [outer, n, inner] around one axis.
struct AxisSplit {
    Index outer = 1, n = 1, inner = 1;
    AxisSplit(const Shape& x, int axis) {
        const int at = x.at(axis);
        for (int i = 0; i < x.rank(); ++i) (i < at ? outer : i == at ? n : inner) *= x[i];
    }
};

inline Shape reduced(const Shape& x, int axis, bool keep) { return keep ? x.with(axis, 1) : x.without(axis); }

}  // namespace detail

namespace ops {

/// The sum, or the mean, along an axis.
struct SumOp {
    static constexpr std::string_view name = "sum";
    int axis = -1;
    bool keep = false, mean = false;

    Result shape(const Shape& x) const {
        require(x.rank() > 0, name, "a value without axes has nothing to sum along");
        return {.y = detail::reduced(x, axis, keep)};
    }

    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        const detail::AxisSplit s(x.shape, axis);
        const cpu::SumAxis axes[] = {{s.outer, true}, {s.n, false}, {s.inner, true}};
        if (y.numel() == 0) return;
        cpu::sum_axes<T>(x.data, y.data, axes);
        if (mean) cpu::map(y.numel(), y.data, [scale = T(1) / static_cast<T>(s.n)](T v) { return v * scale; }, y.data);
    }
    void cuda(Ref x, Ref y, Stream s) const {
        const Index n = x.size(axis);
        Ref to = x;                                             // y with the axis, of size 1
        to.sizes[axis < 0 ? axis + x.rank : axis] = 1;
        to = svad::cuda::contiguous(to);
        to.data = y.data;
        svad::cuda::sum(x, to, mean ? 1.0F / static_cast<float>(n) : 1.0F, s);
    }

    Grads grad(const Var& dy, Dropped, Dropped x) const {
        const Var spread = dy.reshape(x.shape.with(axis, 1));
        const Var d = mean ? spread * (1 / static_cast<double>(x.shape[axis])) : spread;
        return {d.expand(x.shape)};
    }

    static auto samples() {
        return std::vector<Sample<SumOp>>{
            {{0}, {{5}}},           {{-1}, {{3, 40}}},         {{0, true}, {{37, 5}}},    {{1, false, true}, {{2, 3, 4}}},
            {{1}, {{2, 0}}},        {{0}, {{0, 3}}},           {{0, false, true}, {{1}}}, {{0, false, true}, {{9, 6}}},
            {{0}, {{40001}}},       {{-1, true, true}, {{700, 65}}}, {{0, false, true}, {{700, 65}}}, {{1}, {{9, 70, 65}}}};
    }
};

/// dy at the first place along the axis where x equals the maximum y, else 0.
struct MaxGradOp {
    static constexpr std::string_view name = "max_grad";
    int axis = -1;

    Result shape(const Shape&, const Shape&, const Shape& x) const { return {.y = x}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> y, View<const T> x, View<T> dx) const {
        const detail::AxisSplit s(x.shape, axis);
        cpu::for_rows(s.outer, s.n * s.inner, [&](Index o) {
            for (Index j = 0; j < s.inner; ++j) {
                const T top = y[o * s.inner + j];
                bool open = true;
                for (Index i = 0; i < s.n; ++i) {
                    const Index at = (o * s.n + i) * s.inner + j;
                    const bool here = open && (x[at] == top || (x[at] != x[at] && top != top));
                    dx[at] = here ? dy[o * s.inner + j] : T(0);
                    open = open && !here;
                }
            }
        });
    }
    void cuda(Ref dy, Ref y, Ref x, Ref dx, Stream s) const {
        const auto [outer, n, inner] = svad::cuda::around(x, axis);
        using svad::cuda::flat;
        svad::cuda::max_grad(flat(dy, {outer, inner}), flat(y, {outer, inner}), flat(x, {outer, n, inner}), flat(dx, {outer, n, inner}), s);
    }
    static auto samples() { return std::vector<Sample<MaxGradOp>>{{{1}, {{2, 3}, {2, 3}, {2, 4, 3}}}}; }
};

/// The maximum along an axis; NaN wins.
struct MaxOp {
    static constexpr std::string_view name = "max";
    int axis = -1;
    bool keep = false;

    Result shape(const Shape& x) const {
        require(x.rank() > 0 && x[axis] > 0, name, "the axis must have at least one element");
        return {.y = detail::reduced(x, axis, keep)};
    }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        const detail::AxisSplit s(x.shape, axis);
        const auto larger = [](T a, T b) { return b > a || b != b ? b : a; };
        cpu::for_rows(s.outer, s.n * s.inner, [&](Index o) {
            const T* from = x.data + o * s.n * s.inner;
            T* to = y.data + o * s.inner;
            if (s.inner == 1) *to = cpu::reduce(s.n, from[0], [from](Index i) { return from[i]; }, larger);
            else {
                std::copy(from, from + s.inner, to);
                for (Index i = 1; i < s.n; ++i)
                    for (Index j = 0; j < s.inner; ++j) to[j] = larger(to[j], from[i * s.inner + j]);
            }
        });
    }
    void cuda(Ref x, Ref y, Stream s) const {
        const auto [outer, n, inner] = svad::cuda::around(x, axis);
        svad::cuda::max(svad::cuda::flat(x, {outer, n, inner}), svad::cuda::flat(y, {outer, inner}), s);
    }
    Grads grad(const Var& dy, const Var& y, const Var& x) const {
        return {apply(MaxGradOp{axis}, dy, y.detach(), x.detach())};
    }
    static auto samples() {
        return std::vector<Sample<MaxOp>>{{{0}, {{5}}}, {{-1, true}, {{3, 40}}}, {{1}, {{2, 3, 4}}}, {{0, true}, {{1, 1}}}, {{1}, {{0, 3}}}};
    }
};

/// (dy - sum(dy * y)) * y, row by row.
struct SoftmaxGradOp {
    static constexpr std::string_view name = "softmax_grad";

    Result shape(const Shape&, const Shape& y) const { return {.y = y}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> y, View<T> dx) const {
        const Index n = y.last();
        cpu::for_rows(y.rows(), n, [&](Index r) {
            const T* d = dy.row(r);
            const T* p = y.row(r);
            T* out = dx.row(r);
            const T mean = cpu::dot(d, p, n);
            for (Index i = 0; i < n; ++i) out[i] = (d[i] - mean) * p[i];
        });
    }
    void cuda(Ref dy, Ref y, Ref dx, Stream s) const { svad::cuda::softmax_grad(dy, y, dx, s); }
    static auto samples() { return std::vector<Sample<SoftmaxGradOp>>{{{}, {{500, 67}, {500, 67}}}, {{}, {{0, 3}, {0, 3}}}}; }
};

struct SoftmaxOp {
    static constexpr std::string_view name = "softmax";

    Result shape(const Shape& x) const {
        require(x.rank() > 0, name, "a last axis is needed");
        return {.y = x};
    }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        const Index n = x.last();
        if (x.numel() == 0) return;
        cpu::for_rows(x.rows(), n, [&](Index r) {
            const T* in = x.row(r);
            T* out = y.row(r);
            const T top = cpu::largest(in, n);
            if (top == -std::numeric_limits<T>::infinity()) {
                for (Index i = 0; i < n; ++i) out[i] = in[i] == top ? T(0) : in[i];     // masked, or NaN
                return;
            }
            for (Index i = 0; i < n; ++i) out[i] = simd::exp(in[i] - top);
            const T scale = T(1) / cpu::sum(out, n);
            for (Index i = 0; i < n; ++i) out[i] *= scale;
        }, 4);
    }
    void cuda(Ref x, Ref y, Stream s) const { svad::cuda::softmax(x, y, s); }
    Grads grad(const Var& dy, const Var& y, Dropped) const { return {apply(SoftmaxGradOp{}, dy, y.detach())}; }
    static auto samples() {
        return std::vector<Sample<SoftmaxOp>>{{{}, {{3, 5}}}, {{}, {{2, 40}}, -5, 5}, {{}, {{1}}}, {{}, {{0, 3}}}, {{}, {{3, 0}}}, {{}, {{500, 67}}}};
    }
};

/// dy - exp(y) * sum(dy), row by row.
struct LogSoftmaxGradOp {
    static constexpr std::string_view name = "log_softmax_grad";

    Result shape(const Shape&, const Shape& y) const { return {.y = y}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> y, View<T> dx) const {
        const Index n = y.last();
        cpu::for_rows(y.rows(), n, [&](Index r) {
            const T* d = dy.row(r);
            const T* log_p = y.row(r);
            T* out = dx.row(r);
            const T total = cpu::sum(d, n);
            for (Index i = 0; i < n; ++i) out[i] = d[i] - simd::exp(log_p[i]) * total;
        }, 4);
    }
    void cuda(Ref dy, Ref y, Ref dx, Stream s) const { svad::cuda::log_softmax_grad(dy, y, dx, s); }
    static auto samples() { return std::vector<Sample<LogSoftmaxGradOp>>{{{}, {{500, 67}, {500, 67}}}, {{}, {{0, 3}, {0, 3}}}}; }
};

struct LogSoftmaxOp {
    static constexpr std::string_view name = "log_softmax";

    Result shape(const Shape& x) const {
        require(x.rank() > 0, name, "a last axis is needed");
        return {.y = x};
    }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        const Index n = x.last();
        if (x.numel() == 0) return;
        cpu::for_rows(x.rows(), n, [&](Index r) {
            const T* in = x.row(r);
            T* out = y.row(r);
            const T top = cpu::largest(in, n);
            const T log_sum = std::log(cpu::sum_of<T>(n, [in, top](Index i) { return simd::exp(in[i] - top); }));
            for (Index i = 0; i < n; ++i) out[i] = (in[i] - top) - log_sum;
        }, 4);
    }
    void cuda(Ref x, Ref y, Stream s) const { svad::cuda::log_softmax(x, y, s); }
    Grads grad(const Var& dy, const Var& y, Dropped) const { return {apply(LogSoftmaxGradOp{}, dy, y.detach())}; }
    static auto samples() {
        return std::vector<Sample<LogSoftmaxOp>>{{{}, {{3, 5}}}, {{}, {{2, 40}}, -5, 5}, {{}, {{1}}}, {{}, {{0, 3}}}, {{}, {{500, 67}}}};
    }
};

/// (dy - y sum(dy * y)) / |x|, or dy / eps where |x| is below eps.
struct L2NormalizeGradOp {
    static constexpr std::string_view name = "l2_normalize_grad";
    static constexpr Wide wide{.inputs = 1u << 2};
    double eps = 1e-12;

    Result shape(const Shape&, const Shape& y, const Shape&) const { return {.y = y}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> y, View<const T> norm, View<T> dx) const {
        const Index n = y.last();
        cpu::for_rows(y.rows(), n, [&](Index r) {
            const T* d = dy.row(r);
            const T* u = y.row(r);
            T* out = dx.row(r);
            const bool tiny = norm[r] <= static_cast<T>(eps);
            const T along = tiny ? T(0) : cpu::dot(d, u, n), scale = T(1) / norm[r];
            for (Index i = 0; i < n; ++i) out[i] = (d[i] - u[i] * along) * scale;
        });
    }
    void cuda(Ref dy, Ref y, Ref norm, Ref dx, Stream s) const { svad::cuda::l2_normalize_grad(dy, y, norm, dx, eps, s); }
    static auto samples() { return std::vector<Sample<L2NormalizeGradOp>>{{{}, {{500, 67}, {500, 67}, {500}}, 0.5, 1}}; }
};

/// x / max(|x|, eps), row by row; keeps the divisors.
struct L2NormalizeOp {
    static constexpr std::string_view name = "l2_normalize";
    static constexpr Wide wide{.saved = true};
    double eps = 1e-12;

    Result shape(const Shape& x) const {
        require(x.rank() > 0, name, "a last axis is needed");
        return {.y = x, .saved = {x.without_last()}};
    }
    template <Real T>
    void cpu(View<const T> x, View<T> y, View<T> norm) const {
        const Index n = x.last();
        cpu::for_rows(x.rows(), n, [&](Index r) {
            const T* in = x.row(r);
            T* out = y.row(r);
            norm[r] = std::max(std::sqrt(cpu::dot(in, in, n)), static_cast<T>(eps));
            const T scale = T(1) / norm[r];
            for (Index i = 0; i < n; ++i) out[i] = in[i] * scale;
        });
    }
    void cuda(Ref x, Ref y, Ref norm, Stream s) const { svad::cuda::l2_normalize(x, y, norm, eps, s); }
    Grads grad(const Var& dy, const Var& y, const Var& norm, Dropped) const {
        return {apply(L2NormalizeGradOp{eps}, dy, y.detach(), norm)};
    }
    static auto samples() {
        return std::vector<Sample<L2NormalizeOp>>{{{}, {{3, 5}}}, {{}, {{2, 40}}}, {{}, {{1}}, 0.5, 1}, {{}, {{0, 3}}},
                                                  {{10.0}, {{2, 4}}}, {{}, {{500, 67}}}};
    }
};

}  // namespace ops

/// Along one axis, which disappears unless `keep`.
[[nodiscard]] inline Var sum(const Var& x, int axis, bool keep = false) { return apply(ops::SumOp{axis, keep, false}, x); }
[[nodiscard]] inline Var mean(const Var& x, int axis, bool keep = false) { return apply(ops::SumOp{axis, keep, true}, x); }
/// Of all elements: a value without axes.
[[nodiscard]] inline Var sum(const Var& x) { return sum(x.reshape({x.numel()}), 0); }
[[nodiscard]] inline Var mean(const Var& x) { return mean(x.reshape({x.numel()}), 0); }
/// The first of equal maxima gets the gradient.
[[nodiscard]] inline Var max(const Var& x, int axis, bool keep = false) { return apply(ops::MaxOp{axis, keep}, x); }
/// The mean squared deviation from the mean (divided by n, not n - 1) along one axis, which disappears.
[[nodiscard]] inline Var variance(const Var& x, int axis) { return mean(pow(x - mean(x, axis, true), 2), axis); }
/// exp(x) / sum(exp(x)) along the last axis.
[[nodiscard]] inline Var softmax(const Var& x) { return apply(ops::SoftmaxOp{}, x); }
[[nodiscard]] inline Var log_softmax(const Var& x) { return apply(ops::LogSoftmaxOp{}, x); }
/// x / max(|x|, eps) along the last axis.
[[nodiscard]] inline Var l2_normalize(const Var& x, double eps = 1e-12) { return apply(ops::L2NormalizeOp{eps}, x); }

/// The position of the largest element of each row of the last axis: the first of equals, or of NaNs if there are any.
[[nodiscard]] inline Tensor<std::int32_t> argmax(const Var& x) {
    if (x.rank() == 0 || x.size(-1) == 0) fail<ShapeError>("argmax: the last axis must have at least one element; got ", x);
    const Var packed = x.contiguous_();
    Tensor<std::int32_t> at(x.shape().without_last());
#if SVAD_CUDA
    if (x.device().kind == Device::Kind::cuda && !at.empty()) {
        const int device = x.device().index;
        cuda::use(device);
        const cuda::Temporary places(DType::i32, {at.numel()});
        cuda::argmax(cuda::ref(packed), places, cuda::compute_stream(device));
        cuda::download(at.data(), Ref(places).data, static_cast<std::size_t>(at.numel()) * sizeof(std::int32_t), device);
        return at;
    }
#endif
    dispatch(x.dtype(), "argmax", [&](auto t) {
        const auto view = packed.view<const decltype(t)>();
        const Index n = view.last();
        cpu::for_rows(view.rows(), n, [&](Index r) {
            const auto* row = view.row(r);
            const auto top = cpu::largest(row, n);
            Index best = -1;
            for (Index i = 0; i < n; ++i) {
                if (row[i] != row[i]) { best = i; break; }
                if (best < 0 && row[i] == top) best = i;
            }
            at[r] = static_cast<std::int32_t>(best);
        });
    });
    return at;
}

}  // namespace svad
