// SPDX-License-Identifier: Apache-2.0
// Losses. cross_entropy as torch computes it (ignored labels, label smoothing, reductions); linear_cross_entropy, which
// makes the scores of a large vocabulary in chunks of rows and never keeps them; the contrastive loss of CLIP.
// Per row, with p = softmax(x), target t and smoothing s over V classes:
//     loss = lse(x) - (1 - s) x_t - s mean(x),   d loss / d x = p - (1 - s) onehot(t) - s / V.
#pragma once

#include "svad/backend/cpu/loops.hpp"
#include "svad/backend/cpu/simd.hpp"
#include "svad/ops/elementwise.hpp"
#include "svad/ops/linear.hpp"
#include "svad/ops/reduce.hpp"

namespace svad {

enum class Reduction { mean, sum, none };

struct LossOptions {
    std::int32_t ignore = -100;                     ///< rows with this label count nowhere
    double smoothing = 0;
    Reduction reduction = Reduction::mean;          ///< the mean is over the rows that count; 0 if none does
};

namespace detail {

inline Index counted(const Tensor<std::int32_t>& labels, std::int32_t ignore) {
    return std::count_if(labels.begin(), labels.end(), [&](std::int32_t l) { return l != ignore; });
}

inline void check_labels(const Tensor<std::int32_t>& labels, std::int32_t ignore, Index rows, Index classes, std::string_view who) {
    if (labels.numel() != rows) fail<ShapeError>(who, ": ", rows, " rows need as many labels; got labels ", labels.shape());
    for (std::int32_t l : labels)
        if (l != ignore && (l < 0 || l >= classes)) fail<ShapeError>(who, ": label ", l, " is none of ", classes, " classes");
}

/// The loss of one row, in double from the parts on.
template <class T>
double row_loss(const T* x, Index V, std::int32_t label, double smoothing) {
    const T high = cpu::largest(x, V);
    const double lse = static_cast<double>(high) + std::log(static_cast<double>(cpu::sum_of<T>(V, [&](Index i) { return simd::exp(x[i] - high); })));
    const double mean = smoothing > 0 ? static_cast<double>(cpu::sum(x, V)) / static_cast<double>(V) : 0;
    return lse - (1 - smoothing) * static_cast<double>(x[label]) - smoothing * mean;
}

/// Its gradient times `scale`; out may be x.
template <class T>
void row_grad(const T* x, Index V, std::int32_t label, double smoothing, double scale, T* out) {
    const T high = cpu::largest(x, V);
    for (Index i = 0; i < V; ++i) out[i] = simd::exp(x[i] - high);
    const double total = static_cast<double>(cpu::sum(out, V));
    const T factor = static_cast<T>(scale / total), less = static_cast<T>(scale * smoothing / static_cast<double>(V));
    for (Index i = 0; i < V; ++i) out[i] = out[i] * factor - less;
    out[label] -= static_cast<T>(scale * (1 - smoothing));
}

inline cuda::CrossEntropy on_device(const LossOptions& o) { return {o.ignore, static_cast<float>(o.smoothing)}; }

/// Rows of scores that exist at once on a device: as many as take 2^27 elements, unless a smaller chunk than usual is asked for.
inline Index rows_on_device(Index chunk, Index classes) {
    return chunk < 256 ? chunk : std::max<Index>(chunk, (Index{1} << 27) / std::max<Index>(1, classes));
}

}  // namespace detail

namespace ops {

struct CrossEntropyGradOp {
    static constexpr std::string_view name = "cross_entropy_grad";
    static constexpr Wide wide{.inputs = 1u};
    Tensor<std::int32_t> labels;
    LossOptions options;

    Result shape(const Shape&, const Shape& logits) const { return {.y = logits}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> x, View<T> dx) const {
        const Index V = x.last(), n = std::max<Index>(1, svad::detail::counted(labels, options.ignore));
        const double share = options.reduction == Reduction::mean ? 1.0 / static_cast<double>(n) : 1.0;
        parallel_for(labels.numel(), svad::cpu::row_grain(V, 4), [&](Index first, Index last) {
            for (Index r = first; r < last; ++r) {
                const double g = static_cast<double>(dy[options.reduction == Reduction::none ? r : 0]) * share;
                if (labels[r] == options.ignore) std::fill(dx.row(r), dx.row(r) + V, T(0));
                else svad::detail::row_grad(x.row(r), V, labels[r], options.smoothing, g, dx.row(r));
            }
        });
    }
    void cuda(Ref dy, Ref x, Ref dx, Stream s) const {
        const Ref targets = svad::cuda::mirrored(labels);
        const svad::cuda::CrossEntropy how = svad::detail::on_device(options);
        const svad::cuda::Temporary share(DType::f32, {1});
        const bool mean = options.reduction == Reduction::mean;
        if (mean) svad::cuda::label_share(targets, share, how, s);
        const Index rows = labels.numel(), V = x.last(), given = options.reduction == Reduction::none ? rows : 1;
        using svad::cuda::flat;
        svad::cuda::cross_entropy_grad(flat(dy, {given}), mean ? Ref(share) : Ref(), flat(x, {rows, V}), targets, flat(dx, {rows, V}), how, s);
    }
    static auto samples() { return std::vector<Sample<CrossEntropyGradOp>>{{{Tensor<std::int32_t>::of({1, -100}), {}}, {{}, {2, 3}}}}; }
};

struct CrossEntropyOp {
    static constexpr std::string_view name = "cross_entropy";
    static constexpr Wide wide{.result = true};
    Tensor<std::int32_t> labels;
    LossOptions options = {};

    Result shape(const Shape& logits) const {
        require(logits.rank() >= 1 && logits.back() > 0, name, "logits need at least one class");
        svad::detail::check_labels(labels, options.ignore, logits.rows(), logits.back(), name);
        return {.y = options.reduction == Reduction::none ? labels.shape() : Shape{}};
    }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        const Index V = x.last(), n = labels.numel();
        std::vector<double> rows(static_cast<std::size_t>(n), 0.0);
        parallel_for(n, svad::cpu::row_grain(V, 4), [&](Index first, Index last) {
            for (Index r = first; r < last; ++r)
                if (labels[r] != options.ignore)
                    rows[static_cast<std::size_t>(r)] = svad::detail::row_loss(x.row(r), V, labels[r], options.smoothing);
        });
        if (options.reduction == Reduction::none) {
            for (Index r = 0; r < n; ++r) y[r] = static_cast<T>(rows[static_cast<std::size_t>(r)]);
            return;
        }
        double sum = 0;
        for (double r : rows) sum += r;
        const Index kept = std::max<Index>(1, svad::detail::counted(labels, options.ignore));
        y[0] = static_cast<T>(options.reduction == Reduction::mean ? sum / static_cast<double>(kept) : sum);
    }
    void cuda(Ref x, Ref y, Stream s) const {
        const Ref targets = svad::cuda::mirrored(labels);
        const Index rows = labels.numel();
        using svad::cuda::flat;
        if (rows == 0) return svad::cuda::fill(y, 0, s);
        const svad::cuda::CrossEntropy how = svad::detail::on_device(options);
        if (options.reduction == Reduction::none) return svad::cuda::cross_entropy(flat(x, {rows, x.last()}), targets, flat(y, {rows}), how, s);
        const svad::cuda::Temporary losses(DType::f32, {rows}), share(DType::f32, {1});
        const bool mean = options.reduction == Reduction::mean;
        svad::cuda::cross_entropy(flat(x, {rows, x.last()}), targets, losses, how, s);
        if (mean) svad::cuda::label_share(targets, share, how, s);
        svad::cuda::total_loss(losses, mean ? Ref(share) : Ref(), y, s);
    }
    Grads grad(const Var& dy, Dropped, const Var& logits) const { return {svad::apply(CrossEntropyGradOp{labels, options}, dy, logits)}; }
    static auto samples() {
        const auto labels = [](const std::vector<std::int32_t>& v) { return Tensor<std::int32_t>::of(v); };
        return std::vector<Sample<CrossEntropyOp>>{{{labels({1, -100, 4}), {}}, {{3, 5}}, -2, 2},
                                                   {{labels({0, 2}), {.smoothing = 0.1, .reduction = Reduction::sum}}, {{2, 3}}},
                                                   {{labels({1, -100}), {.smoothing = 0.3, .reduction = Reduction::none}}, {{2, 40}}},
                                                   {{labels({-100}), {}}, {{1, 4}}}, {{labels({}), {}}, {{0, 4}}}, {{labels({0}), {}}, {{1, 1}}}};
    }
};

/// Both gradients of LinearCrossEntropyOp in one flat value: [N D] for the hidden states, then [V D] for the weight.
struct LinearCrossEntropyGradOp {
    static constexpr std::string_view name = "linear_cross_entropy_grad";
    static constexpr Wide wide{.inputs = 1u};
    Tensor<std::int32_t> labels;
    LossOptions options;
    Index chunk;
    cpu::Operands operands = cpu::Operands::exact;

    Result shape(const Shape&, const Shape& h, const Shape& w) const { return {.y = {h.numel() + w.numel()}}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> h, View<const T> w, View<T> out) const {
        using svad::cpu::Trans;
        const Index N = h.size(0), D = h.size(1), V = w.size(0);
        const Index kept = std::max<Index>(1, svad::detail::counted(labels, options.ignore));
        const double g = static_cast<double>(dy[0]) * (options.reduction == Reduction::mean ? 1.0 / static_cast<double>(kept) : 1.0);
        T* dh = out.data;
        T* dw = out.data + N * D;
        std::fill(dw, dw + V * D, T(0));
        std::vector<T> scores(static_cast<std::size_t>(std::min(chunk, N) * V));
        for (Index at = 0; at < N; at += chunk) {
            const Index rows = std::min(chunk, N - at);
            svad::cpu::gemm<T>(Trans::no, Trans::yes, rows, V, D, T(1), h.row(at), D, w.data, D, T(0), scores.data(), V, operands);
            parallel_for(rows, svad::cpu::row_grain(V, 4), [&](Index first, Index last) {
                for (Index r = first; r < last; ++r) {
                    T* row = scores.data() + r * V;
                    if (labels[at + r] == options.ignore) std::fill(row, row + V, T(0));
                    else svad::detail::row_grad(row, V, labels[at + r], options.smoothing, g, row);
                }
            });
            svad::cpu::gemm<T>(Trans::no, Trans::no, rows, D, V, T(1), scores.data(), V, w.data, D, T(0), dh + at * D, D, operands);
            svad::cpu::gemm<T>(Trans::yes, Trans::no, V, D, rows, T(1), scores.data(), V, h.row(at), D, T(1), dw, D, operands);
        }
    }
    void cuda(Ref dy, Ref h, Ref w, Ref out, Stream s) const;
    static auto samples() {
        return std::vector<Sample<LinearCrossEntropyGradOp>>{{{Tensor<std::int32_t>::of({1, 0}), {}, 1}, {{}, {2, 3}, {4, 3}}}};
    }
};

/// cross_entropy(h w', labels) in chunks of rows: the scores [N, V] never exist whole.
struct LinearCrossEntropyOp {
    static constexpr std::string_view name = "linear_cross_entropy";
    static constexpr Wide wide{.result = true};
    Tensor<std::int32_t> labels;
    LossOptions options = {};
    Index chunk = 256;
    cpu::Operands operands = cpu::Operands::exact;

    Result shape(const Shape& h, const Shape& w) const {
        require(h.rank() == 2 && w.rank() == 2 && h[1] == w[1] && w[0] > 0, name, "hidden must be [N, D] and the weight [V, D]");
        require(options.reduction != Reduction::none, name, "only mean and sum are possible");
        svad::detail::check_labels(labels, options.ignore, h[0], w[0], name);
        return {.y = {}};
    }
    template <Real T>
    void cpu(View<const T> h, View<const T> w, View<T> y) const {
        const Index N = h.size(0), D = h.size(1), V = w.size(0);
        std::vector<T> scores(static_cast<std::size_t>(std::min(chunk, N) * V));
        std::vector<double> losses(static_cast<std::size_t>(N), 0.0);
        for (Index at = 0; at < N; at += chunk) {
            const Index rows = std::min(chunk, N - at);
            svad::cpu::gemm<T>(svad::cpu::Trans::no, svad::cpu::Trans::yes, rows, V, D, T(1), h.row(at), D, w.data, D, T(0), scores.data(), V, operands);
            parallel_for(rows, svad::cpu::row_grain(V, 4), [&](Index first, Index last) {
                for (Index r = first; r < last; ++r)
                    if (labels[at + r] != options.ignore)
                        losses[static_cast<std::size_t>(at + r)] =
                            svad::detail::row_loss(scores.data() + r * V, V, labels[at + r], options.smoothing);
            });
        }
        double sum = 0;
        for (double l : losses) sum += l;
        const Index kept = std::max<Index>(1, svad::detail::counted(labels, options.ignore));
        y[0] = static_cast<T>(options.reduction == Reduction::mean ? sum / static_cast<double>(kept) : sum);
    }
    void cuda(Ref h, Ref w, Ref y, Stream s) const {
        const Index N = h.size(0), V = w.size(0), D = h.size(1), rows = std::min(N, svad::detail::rows_on_device(chunk, V));
        if (N == 0) return svad::cuda::fill(y, 0, s);
        const Ref targets = svad::cuda::mirrored(labels);
        const svad::cuda::CrossEntropy how = svad::detail::on_device(options);
        const svad::cuda::Temporary scores(h.dtype, {rows, V}), losses(DType::f32, {N}), share(DType::f32, {1});
        using svad::cuda::flat;
        for (Index at = 0; at < N; at += rows) {
            const Index n = std::min(rows, N - at);
            svad::cuda::gemm(scores_of(n, V, D, operands), flat(h, {n, D}, at * D), w, scores, {}, s);
            svad::cuda::cross_entropy(flat(scores, {n, V}), flat(targets, {n}, at), flat(losses, {n}, at), how, s);
        }
        const bool mean = options.reduction == Reduction::mean;
        if (mean) svad::cuda::label_share(targets, share, how, s);
        svad::cuda::total_loss(losses, mean ? Ref(share) : Ref(), y, s);
    }
    /// The product of n rows of hidden states and the weight.
    static svad::cuda::Gemm scores_of(Index n, Index V, Index D, svad::cpu::Operands operands) {
        svad::cuda::Gemm g;
        g.m = n, g.n = V, g.k = D, g.flip_b = true, g.lda = g.ldb = D, g.ldc = V;
        g.precision = svad::detail::precision_of(operands);
        return g;
    }
    // The scores are made again, chunk by chunk.
    Grads grad(const Var& dy, Dropped, const Var& h, const Var& w) const {
        const Var both = svad::apply(LinearCrossEntropyGradOp{labels, options, chunk, operands}, dy, h, w);
        const Index n = h.numel();
        return {both.slice(0, 0, n).reshape(h.shape()), both.slice(0, n, n + w.numel()).reshape(w.shape())};
    }
    static auto samples() {
        const auto labels = [](const std::vector<std::int32_t>& v) { return Tensor<std::int32_t>::of(v); };
        return std::vector<Sample<LinearCrossEntropyOp>>{{{labels({1, -100, 4, 0, 2}), {}, 2}, {{5, 3}, {6, 3}}},
                                                         {{labels({0, 2}), {.smoothing = 0.2, .reduction = Reduction::sum}}, {{2, 4}, {3, 4}}},
                                                         {{labels({}), {}}, {{0, 4}, {3, 4}}}, {{labels({0}), {}}, {{1, 1}, {1, 1}}}};
    }
};

inline void LinearCrossEntropyGradOp::cuda(Ref dy, Ref h, Ref w, Ref out, Stream s) const {
    const Index N = h.size(0), V = w.size(0), D = h.size(1), rows = std::min(N, svad::detail::rows_on_device(chunk, V));
    using svad::cuda::flat;
    if (N == 0) return svad::cuda::fill(out, 0, s);
    const Ref targets = svad::cuda::mirrored(labels);
    const svad::cuda::CrossEntropy how = svad::detail::on_device(options);
    const bool mean = options.reduction == Reduction::mean;
    const svad::cuda::Temporary scores(h.dtype, {rows, V}), share(DType::f32, {1});
    // Several chunks add up in f32, or a weight's gradient would be rounded once a chunk.
    const bool sums = rows < N && h.dtype != DType::f32;
    const svad::cuda::Temporary sum(DType::f32, {sums ? V : 0, D});
    const Ref dw = flat(out, {V, D}, N * D), target = sums ? Ref(sum) : dw;
    if (mean) svad::cuda::label_share(targets, share, how, s);
    for (Index at = 0; at < N; at += rows) {
        const Index n = std::min(rows, N - at);
        const Ref part = flat(scores, {n, V}), hidden = flat(h, {n, D}, at * D);
        svad::cuda::gemm(LinearCrossEntropyOp::scores_of(n, V, D, operands), hidden, w, part, {}, s);
        svad::cuda::cross_entropy_grad(flat(dy, {1}), mean ? Ref(share) : Ref(), part, flat(targets, {n}, at), part, how, s);
        svad::cuda::Gemm g;
        g.m = n, g.n = D, g.k = V, g.lda = V, g.ldb = g.ldc = D, g.precision = svad::detail::precision_of(operands);
        svad::cuda::gemm(g, part, w, flat(out, {n, D}, at * D), {}, s);
        g.m = V, g.k = n, g.flip_a = true, g.beta = at == 0 ? 0.0F : 1.0F;
        svad::cuda::gemm(g, part, hidden, target, {}, s);
    }
    if (sums) svad::cuda::cast(sum, dw, s);
}

}  // namespace ops

/// -log softmax(logits)[label] over the last axis: logits [..., V], labels [...]; a scalar, or one value a row.
[[nodiscard]] inline Var cross_entropy(const Var& logits, const Tensor<std::int32_t>& labels, const LossOptions& options = {}) {
    return apply(ops::CrossEntropyOp{labels, options}, logits);
}

/// cross_entropy(hidden weight', labels) without ever holding all scores: hidden [N, D], weight [V, D], labels [N]. With a
/// packed weight (see linear) the scores [N, V] are held.
[[nodiscard]] inline Var linear_cross_entropy(const Var& hidden, const Var& weight, const Tensor<std::int32_t>& labels,
                                              const LossOptions& options = {}, Index chunk = 256) {
    if (chunk < 1) fail<UsageError>("linear_cross_entropy: the chunk must be at least one row; got ", chunk);
    if (detail::packed_weight(hidden, weight)) return cross_entropy(detail::packed_linear(hidden, weight), labels, options);
    return apply(ops::LinearCrossEntropyOp{labels, options, chunk, detail::matmul_operands()}, hidden, weight);
}

/// CLIP's loss: a and b [N, D] are normalised, scores = exp(logit_scale) a b', and the mean of the cross-entropies of
/// rows and of columns against the diagonal.
[[nodiscard]] inline Var info_nce(const Var& a, const Var& b, const Var& logit_scale) {
    const Var scores = matmul(l2_normalize(a), l2_normalize(b), {.b = true}) * exp(logit_scale);
    Tensor<std::int32_t> diagonal({a.size(0)});
    for (Index i = 0; i < a.size(0); ++i) diagonal[i] = static_cast<std::int32_t>(i);
    return (cross_entropy(scores, diagonal) + cross_entropy(scores.permute({1, 0}), diagonal)) * 0.5;
}

}  // namespace svad
