// SPDX-License-Identifier: Apache-2.0
// Keyword supervision for the pre-train stage: query k of the Q-Former must tell the keyword of kind k by one linear
// layer. The caption loss alone reaches the vision side through the whole decoder and teaches it little for a long
// time; this loss reaches it directly. The head is dropped after pre-training.
#pragma once

#include "svad/nn/linear.hpp"
#include "svad/ops/ops.hpp"

#include <vector>

namespace svad {

class KeywordHead {
public:
    /// One classifier for each kind; sizes[k] is its number of words.
    KeywordHead(Index width, const std::vector<Index>& sizes) {
        for (Index n : sizes) kinds_.emplace_back(width, n);
    }

    /// Mean cross-entropy over kinds; queries [B, Q, W], classes [B, kinds] with `ignore` (-100) where unknown.
    Var loss(const Var& queries, const Tensor<std::int32_t>& classes) const {
        const auto [B, Q, W] = queries.sizes<3>("B Q W");
        const auto kinds = static_cast<Index>(kinds_.size());
        if (classes.rank() != 2 || classes.size(0) != B || classes.size(1) != kinds)
            fail<ShapeError>("keyword_head: classes should be [", B, ", ", kinds, "]; got ", classes.shape());
        if (kinds > Q) fail<ShapeError>("keyword_head: ", kinds, " kinds need as many queries; got ", Q);
        Var total;
        for (Index k = 0; k < kinds; ++k) {
            Tensor<std::int32_t> labels({B});
            bool any = false;
            for (Index b = 0; b < B; ++b) any = (labels[b] = classes(b, k)) >= 0 || any;
            if (!any) continue;
            const Var one = cross_entropy(logits(queries, k), labels);
            total = total ? total + one : one;
        }
        return total ? total * (1.0 / static_cast<double>(kinds)) : Var::zeros({}, DType::f32, queries.device());
    }

    /// Scores of kind k's words: [B, words].
    Var logits(const Var& queries, Index k) const { return kinds_[static_cast<std::size_t>(k)](queries.slice(1, k)); }
    Index kinds() const { return static_cast<Index>(kinds_.size()); }

    void visit(auto&& f) { f("kinds", kinds_); }

private:
    std::vector<Linear> kinds_;
};

}  // namespace svad
