// SPDX-License-Identifier: Apache-2.0
// The low-rank part of a Linear (LoRA, Hu et al. 2021, arXiv 2106.09685, eq 3): scale (x A') B' beside x W', with W
// frozen. B starts at zero, so that nothing changes at first. How a model gets such parts: nn/lora.hpp.
#pragma once

#include "svad/nn/module.hpp"
#include "svad/ops/dropout.hpp"
#include "svad/ops/elementwise.hpp"
#include "svad/ops/linear.hpp"

namespace svad {

struct LoraOptions {
    Index rank = 8;
    double alpha = 16;                              ///< scale = alpha / rank
    double dropout = 0;                             ///< on x, in training only
};

struct LowRank {
    Parameter a, b;                                 // [rank, in], [out, rank]
    double scale, dropout_rate;
    Var base;                                       ///< while merged: the weight without this part

    /// A has the variance of U(+-1 / sqrt(in)).
    LowRank(Index in, Index out, const LoraOptions& o)
        : a(Shape{o.rank, in}, Init::normal(1 / std::sqrt(3.0 * static_cast<double>(in)))), b(Shape{out, o.rank}, Init::zeros()),
          scale(o.alpha / static_cast<double>(o.rank)), dropout_rate(o.dropout) {}

    /// x [..., in] -> [..., out].
    Var operator()(const Var& x) const { return linear(linear(dropout_rate > 0 ? dropout(x, dropout_rate) : x, a), b) * scale; }
    /// What it adds to the weight: scale B A, [out, in].
    Var delta() const { return matmul(b, a) * scale; }
    bool merged() const { return static_cast<bool>(base); }

    void visit(auto&& f) { f("a", a); f("b", b); }
};

}  // namespace svad
