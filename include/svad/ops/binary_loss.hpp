// SPDX-License-Identifier: Apache-2.0
// Binary cross-entropy on scores, in the form that neither overflows nor cancels:
//     weight (max(x, 0) - x t + log(1 + exp(-|x|))),  its gradient weight (sigmoid(x) - t).
#pragma once

#include "svad/backend/cpu/simd.hpp"
#include "svad/ops/elementwise.hpp"

namespace svad {

namespace ops {

struct BinaryCrossEntropyGradOp {
    static constexpr std::string_view name = "binary_cross_entropy_grad";
    static constexpr Wide wide{.inputs = 1u};
    Tensor<float> targets, weights;
    Result shape(const Shape&, const Shape& logits) const { return {.y = logits}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> x, View<T> dx) const {
        const T share = dy[0] / static_cast<T>(std::max<Index>(1, x.numel()));
        for (Index i = 0; i < x.numel(); ++i)
            dx[i] = share * static_cast<T>(weights.empty() ? 1.0f : weights[i]) * (simd::sigmoid(x[i]) - static_cast<T>(targets[i]));
    }
    void cuda(Ref dy, Ref x, Ref dx, Stream s) const {
        svad::cuda::binary_cross_entropy_grad(dy, x, svad::cuda::mirrored(targets), svad::cuda::mirrored(weights), dx, s);
    }
    static auto samples() { return std::vector<Sample<BinaryCrossEntropyGradOp>>{{{Tensor<float>::of({1, 0}), {}}, {{}, {2}}}}; }
};

/// mean of weight * (max(x, 0) - x t + log(1 + exp(-|x|))).
struct BinaryCrossEntropyOp {
    static constexpr std::string_view name = "binary_cross_entropy";
    static constexpr Wide wide{.result = true};
    Tensor<float> targets, weights = {};
    Result shape(const Shape& logits) const {
        require(logits.numel() == targets.numel() && (weights.empty() || weights.numel() == targets.numel()), name,
                "targets and weights must have the elements of the logits");
        return {.y = {}};
    }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        double sum = 0;
        for (Index i = 0; i < x.numel(); ++i) {
            const double v = static_cast<double>(x[i]), w = weights.empty() ? 1.0 : static_cast<double>(weights[i]);
            sum += w * (std::max(v, 0.0) - v * static_cast<double>(targets[i]) + std::log1p(std::exp(-std::abs(v))));
        }
        y[0] = static_cast<T>(sum / static_cast<double>(std::max<Index>(1, x.numel())));
    }
    void cuda(Ref x, Ref y, Stream s) const {
        svad::cuda::binary_cross_entropy(x, svad::cuda::mirrored(targets), svad::cuda::mirrored(weights), y, s);
    }
    Grads grad(const Var& dy, Dropped, const Var& x) const { return {svad::apply(BinaryCrossEntropyGradOp{targets, weights}, dy, x)}; }
    static auto samples() {
        return std::vector<Sample<BinaryCrossEntropyOp>>{{{Tensor<float>::of({1, 0, 0.25f})}, {{3}}, -3, 3},
                                                         {{Tensor<float>::of({1, 0}), Tensor<float>::of({2, 0.5f})}, {{2, 1}}}};
    }
};

}  // namespace ops

/// Binary cross-entropy on scores, mean over all elements, each times its weight if there are weights.
[[nodiscard]] inline Var binary_cross_entropy(const Var& logits, const Tensor<float>& targets, const Tensor<float>& weights = {}) {
    return apply(ops::BinaryCrossEntropyOp{targets, weights}, logits);
}

}  // namespace svad
