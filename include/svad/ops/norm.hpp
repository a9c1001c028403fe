// SPDX-License-Identifier: Apache-2.0
// layer_norm and rms_norm over the last axis; batch_norm with given statistics over axis 1.
// Promise: the variance is that of the centred row (two passes), so a row far from zero keeps its digits. The
// statistics of a row, one or two numbers, are all that the gradient needs besides x.
// Rejected: E[x^2] - E[x]^2 (one pass, cancels), and normalising in double (four times slower, no digit gained).
#pragma once

#include "svad/autograd/op.hpp"
#include "svad/backend/cpu/loops.hpp"
#include "svad/backend/cpu/norm.hpp"
#include "svad/ops/layout.hpp"

namespace svad {

namespace detail {

/// Runs f(first, last, dw, db) over ranges of rows and leaves in `sums` [2, width] the two sums over all rows that f added up.
/// A fixed number of partial sums in a fixed order: the number of threads does not change the result.
template <class T, class F>
void rows_with_sums(Index rows, Index width, T* sums, const F& f) {
    const Index chunks = std::min<Index>(std::max<Index>(rows, 1), 64), size = (rows + chunks - 1) / chunks;
    std::vector<T> partial(static_cast<std::size_t>(chunks * 2 * width), T(0));
    parallel_for(chunks, cpu::row_grain(size * width, 4), [&](Index first, Index last) {
        for (Index c = first; c < last; ++c) {
            T* dw = partial.data() + c * 2 * width;
            f(std::min(rows, c * size), std::min(rows, (c + 1) * size), dw, dw + width);
        }
    });
    std::fill(sums, sums + 2 * width, T(0));
    for (Index c = 0; c < chunks; ++c)
        for (Index j = 0; j < 2 * width; ++j) sums[j] += partial[static_cast<std::size_t>(c * 2 * width + j)];
}

/// Row `index` of the packed result of a gradient op, in memory of its own (the rest of the result can then go).
inline Var packed_row(const Var& packed, Index index) { return packed.slice(0, index).contiguous_copy(); }

/// Rows 0 .. rows-1 of the packed result of a gradient op, in the shape of x.
inline Var packed_rows(const Var& packed, const Shape& x) { return packed.slice(0, 0, x.rows()).reshape(x); }

}  // namespace detail

namespace ops {

/// [dx; dw; db] as one value [rows + 2, D] from one pass over the rows. With h = (x - mean) r, g = dy w:
/// dx = r (g - mean(g) - h mean(g h)), dw = sum of dy h, db = sum of dy.
struct LayerNormGradOp {
    static constexpr std::string_view name = "layer_norm_grad";
    static constexpr Wide wide{.inputs = 1u << 1};

    Result shape(const Shape&, const Shape&, const Shape& x, const Shape& w) const {
        return {.y = {x.rows() + 2, w.back()}};
    }
    template <Real T>
    void cpu(View<const T> dy, View<const T> stats, View<const T> x, View<const T> w, View<T> out) const {
        const Index n = x.last(), rows = x.rows();
        const auto numbers = [&](Index r, T& mean, T& rstd) { mean = stats[2 * r], rstd = stats[2 * r + 1]; };
        svad::detail::rows_with_sums(rows, n, out.row(rows), [&](Index first, Index last, T* dw, T* db) {
            cpu::norm_back<true>(x.data, dy.data, w.data, n, first, last, numbers, out.data, dw, db);
        });
    }
    void cuda(Ref dy, Ref stats, Ref x, Ref w, Ref out, Stream s) const { svad::cuda::layer_norm_grad(dy, stats, x, w, out, s); }
    static auto samples() {
        return std::vector<Sample<LayerNormGradOp>>{{{}, {{2, 3, 5}, {6, 2}, {2, 3, 5}, {5}}}, {{}, {{0, 5}, {0, 2}, {0, 5}, {5}}}};
    }
};

/// y = (x - mean) / sqrt(var + eps) w + b for every row of the last axis.
struct LayerNormOp {
    static constexpr std::string_view name = "layer_norm";
    static constexpr bool cheap = true;
    static constexpr Wide wide{.saved = true};
    double eps = 1e-5;

    Result shape(const Shape& x, const Shape& w, const Shape& b) const {
        require(x.rank() > 0 && w == Shape{x.back()} && b == w, name, "weight and bias must be [D] for x [..., D]");
        return {.y = x, .saved = {{x.rows(), 2}}};
    }
    template <Real T>
    void cpu(View<const T> x, View<const T> w, View<const T> b, View<T> y, View<T> stats) const {
        const Index n = x.last();
        cpu::for_rows(x.rows(), n, [&](Index r) {
            cpu::layer_norm_row<T>(x.row(r), w.data, b.data, n, static_cast<T>(eps), y.row(r), stats[2 * r], stats[2 * r + 1]);
        }, 4);
    }
    void cuda(Ref x, Ref w, Ref b, Ref y, Ref stats, Stream s) const { svad::cuda::layer_norm(x, w, b, y, stats, eps, s); }
    Grads grad(const Var& dy, Dropped, const Var& stats, const Var& x, const Var& w, Dropped b) const {
        const Var packed = apply(LayerNormGradOp{}, dy, stats, x, w);
        const Index rows = x.shape().rows();
        return {detail::packed_rows(packed, x.shape()), w.wants_grad() ? detail::packed_row(packed, rows) : Var(),
                b.wanted ? detail::packed_row(packed, rows + 1) : Var()};
    }
    static auto samples() {
        return std::vector<Sample<LayerNormOp>>{{{}, {{2, 3, 5}, {5}, {5}}},  {{}, {{1}, {1}, {1}}},
                                                {{}, {{0, 4}, {4}, {4}}},     {{1e-6}, {{67, 37}, {37}, {37}}},
                                                {{1e-12}, {{3, 131}, {131}, {131}}}};
    }
};

/// [dx; dw; zeros] as one value [rows + 2, D]. With g = dy w: dx = r (g - x r^2 mean(g x)), dw = sum of dy x r.
struct RmsNormGradOp {
    static constexpr std::string_view name = "rms_norm_grad";
    static constexpr Wide wide{.inputs = 1u << 1};

    Result shape(const Shape&, const Shape&, const Shape& x, const Shape& w) const {
        return {.y = {x.rows() + 2, w.back()}};
    }
    template <Real T>
    void cpu(View<const T> dy, View<const T> stats, View<const T> x, View<const T> w, View<T> out) const {
        const Index n = x.last(), rows = x.rows();
        const auto numbers = [&](Index r, T&, T& rrms) { rrms = stats[r]; };
        svad::detail::rows_with_sums(rows, n, out.row(rows), [&](Index first, Index last, T* dw, T* db) {
            cpu::norm_back<false>(x.data, dy.data, w.data, n, first, last, numbers, out.data, dw, db);
        });
    }
    void cuda(Ref dy, Ref stats, Ref x, Ref w, Ref out, Stream s) const { svad::cuda::rms_norm_grad(dy, stats, x, w, out, s); }
    static auto samples() {
        return std::vector<Sample<RmsNormGradOp>>{{{}, {{2, 3, 5}, {6}, {2, 3, 5}, {5}}}, {{}, {{0, 5}, {0}, {0, 5}, {5}}}};
    }
};

/// y = x / sqrt(mean(x^2) + eps) w for every row of the last axis.
struct RmsNormOp {
    static constexpr std::string_view name = "rms_norm";
    static constexpr bool cheap = true;
    static constexpr Wide wide{.saved = true};
    double eps = 1e-6;

    Result shape(const Shape& x, const Shape& w) const {
        require(x.rank() > 0 && w == Shape{x.back()}, name, "the weight must be [D] for x [..., D]");
        return {.y = x, .saved = {{x.rows()}}};
    }
    template <Real T>
    void cpu(View<const T> x, View<const T> w, View<T> y, View<T> stats) const {
        const Index n = x.last();
        cpu::for_rows(x.rows(), n, [&](Index r) { stats[r] = cpu::rms_norm_row<T>(x.row(r), w.data, n, static_cast<T>(eps), y.row(r)); }, 3);
    }
    void cuda(Ref x, Ref w, Ref y, Ref stats, Stream s) const { svad::cuda::rms_norm(x, w, y, stats, eps, s); }
    Grads grad(const Var& dy, Dropped, const Var& stats, const Var& x, const Var& w) const {
        const Var packed = apply(RmsNormGradOp{}, dy, stats, x, w);
        return {detail::packed_rows(packed, x.shape()),
                w.wants_grad() ? detail::packed_row(packed, x.shape().rows()) : Var()};
    }
    static auto samples() {
        return std::vector<Sample<RmsNormOp>>{{{}, {{2, 3, 5}, {5}}}, {{}, {{1}, {1}}, 0.5, 1}, {{}, {{0, 4}, {4}}},
                                              {{1e-5}, {{67, 37}, {37}}}, {{1e-5}, {{3, 131}, {131}}}};
    }
};

/// [dw; db] [2, C]: dw = sum of dy (x - mean) / sqrt(var + eps), db = sum of dy, per channel.
struct BatchNormGradOp {
    static constexpr std::string_view name = "batch_norm_grad";
    Tensor<float> mean, var;
    double eps = 1e-5;

    Result shape(const Shape&, const Shape& x) const { return {.y = {2, x[1]}}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> x, View<T> out) const {
        const Index channels = x.size(1), inner = x.numel() == 0 ? 0 : x.numel() / (x.size(0) * channels);
        cpu::for_rows(channels, x.size(0) * inner, [&](Index c) {
            const T m = static_cast<T>(mean[c]), r = T(1) / std::sqrt(static_cast<T>(var[c]) + static_cast<T>(eps));
            T dw = 0, db = 0;
            for (Index b = 0; b < x.size(0); ++b) {
                const T *in = x.data + (b * channels + c) * inner, *g = dy.data + (b * channels + c) * inner;
                dw += cpu::sum_of<T>(inner, [&](Index j) { return g[j] * (in[j] - m); });
                db += cpu::sum(g, inner);
            }
            out[c] = dw * r, out[channels + c] = db;
        });
    }
    void cuda(Ref dy, Ref x, Ref out, Stream s) const {
        using svad::cuda::by_channel;
        svad::cuda::batch_norm_grad(by_channel(dy), by_channel(x), svad::cuda::mirrored(mean), svad::cuda::mirrored(var), out, eps, s);
    }
    static auto samples() {
        return std::vector<Sample<BatchNormGradOp>>{
            {{Tensor<float>::of({0.5F, -1, 0}), Tensor<float>::of({1, 2, 0.1F})}, {{2, 3, 4}, {2, 3, 4}}}};
    }
};

/// y = (x - mean) / sqrt(var + eps) w + b with fixed statistics of each channel, x [B, C, ...].
struct BatchNormOp {
    static constexpr std::string_view name = "batch_norm";
    Tensor<float> mean, var;
    double eps = 1e-5;

    Result shape(const Shape& x, const Shape& w, const Shape& b) const {
        require(x.rank() >= 2 && w == Shape{x[1]} && b == w, name, "weight and bias must be [C] for x [B, C, ...]");
        require(mean.shape() == w && var.shape() == w, name, "mean and variance must be [C] for x [B, C, ...]");
        return {.y = x};
    }
    template <Real T>
    void cpu(View<const T> x, View<const T> w, View<const T> b, View<T> y) const {
        const Index channels = x.size(1), inner = x.numel() == 0 ? 0 : x.numel() / (x.size(0) * channels);
        cpu::for_rows(x.size(0) * channels, inner, [&](Index r) {
            const Index c = r % channels;
            const T m = static_cast<T>(mean[c]), shift = b[c];
            const T scale = w[c] / std::sqrt(static_cast<T>(var[c]) + static_cast<T>(eps));
            const T* in = x.data + r * inner;
            T* to = y.data + r * inner;
            for (Index j = 0; j < inner; ++j) to[j] = (in[j] - m) * scale + shift;
        });
    }
    void cuda(Ref x, Ref w, Ref b, Ref y, Stream s) const {
        using svad::cuda::by_channel;
        svad::cuda::batch_norm(by_channel(x), w, b, svad::cuda::mirrored(mean), svad::cuda::mirrored(var), by_channel(y), eps, s);
    }
    // dx = dy w / sqrt(var + eps): the same op without its shifts.
    Grads grad(const Var& dy, Dropped, const Var& x, const Var& w, Dropped b) const {
        Grads grads(3);
        if (x.wants_grad()) {
            const BatchNormOp scale{Tensor<float>(mean.shape()), var, eps};
            grads[0] = apply(scale, dy, w.detach(), Var::zeros(w.shape(), w.dtype(), w.device()));
        }
        if (w.wants_grad() || b.wanted) {
            const Var packed = apply(BatchNormGradOp{mean, var, eps}, dy, x);
            grads[1] = packed.slice(0, 0), grads[2] = packed.slice(0, 1);
        }
        return grads;
    }
    static auto samples() {
        const Tensor<float> mean = Tensor<float>::of({0.5F, -1, 0}), var = Tensor<float>::of({1, 2, 0.1F});
        return std::vector<Sample<BatchNormOp>>{{{mean, var}, {{2, 3, 2, 5}, {3}, {3}}}, {{mean, var, 1e-3}, {{4, 3}, {3}, {3}}},
                                                {{mean, var}, {{0, 3, 2}, {3}, {3}}}};
    }
};

}  // namespace ops

/// x normalised over its last axis [..., D] to mean 0 and variance 1, times w [D], plus b [D]. Either may be empty.
[[nodiscard]] inline Var layer_norm(const Var& x, const Var& w, const Var& b, double eps = 1e-5) {
    const Shape width = {x.rank() == 0 ? 1 : x.size(-1)};
    return apply(ops::LayerNormOp{eps}, x, w ? w : Var::full(width, 1, x.dtype(), x.device()), b ? b : Var::zeros(width, x.dtype(), x.device()));
}

/// x over the root of its mean square along the last axis [..., D], times w [D].
[[nodiscard]] inline Var rms_norm(const Var& x, const Var& w, double eps = 1e-6) {
    return apply(ops::RmsNormOp{eps}, x, w);
}

/// x [B, C, ...] with channel c shifted by mean[c], divided by sqrt(var[c] + eps), times w [C], plus b [C].
/// The statistics are given, not gathered: this is the evaluation mode, the only one that published video models need.
[[nodiscard]] inline Var batch_norm(const Var& x, const Var& w, const Var& b, const Tensor<float>& mean,
                                    const Tensor<float>& var, double eps = 1e-5) {
    return apply(ops::BatchNormOp{mean, var, eps}, x, w, b);
}

}  // namespace svad
