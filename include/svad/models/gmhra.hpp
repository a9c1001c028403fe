// SPDX-License-Identifier: Apache-2.0
// Global multi-head relation aggregator (paper eq 4): one learned token per clip reads all tokens of all frames
//     q <- q + attention(norm1 q; y, y),   q <- q + mlp(norm2 q),   y = norm3(frame tokens), patches += dpe(patches)
// with dpe a depth-wise 3x3x3 convolution over time and space. The paper leaves the details open; the default is the
// reading of VideoChat, which it builds on (dpe behind the norm, exact GELU). UniFormerV2's (dpe before the norm,
// quick GELU) is an option. Frame tokens are read, never changed. Both outputs start at zero: identity at first.
#pragma once

#include "svad/models/lmhra.hpp"
#include "svad/nn/attention.hpp"

namespace svad {

struct GmhraConfig {
    Index width = 1408, heads = 16;
    Index hidden = 0;                               ///< of the MLP; 0 = 4 * width
    Activation activation = Activation::gelu;
    bool dpe_before_norm = false;                   ///< UniFormerV2's order
    double dropout = 0.5;                           ///< in the MLP
    double eps = 1e-5;
};

struct Gmhra {
    DepthwiseConv3d dpe;
    LayerNorm norm1, norm2, norm3;
    Attention attn;
    Mlp mlp;
    bool dpe_before_norm;

    explicit Gmhra(const GmhraConfig& c)
        : dpe(c.width), norm1(c.width, c.eps), norm2(c.width, c.eps), norm3(c.width, c.eps),
          attn({.width = c.width, .heads = c.heads, .weight = Init::xavier_uniform(), .out = Init::zeros()}),
          mlp(c.width, c.hidden > 0 ? c.hidden : 4 * c.width,
              {.activation = c.activation, .dropout = c.dropout, .up = Init::xavier_uniform(), .down = Init::zeros()}),
          dpe_before_norm(c.dpe_before_norm) {}

    /// aggregate [B, 1, D], frame tokens [B * T, 1 + N, D] -> the next aggregate [B, 1, D].
    Var operator()(Var q, const Var& tokens, const Grid& grid) const {
        const Index B = q.size(0), D = q.size(2);
        const Var y = dpe_before_norm ? norm3(positioned(tokens, grid)) : positioned(norm3(tokens), grid);
        q = q + attn.look(norm1(q), y.reshape({B, grid.frames * (1 + grid.patches()), D}));
        return q + mlp(norm2(q));
    }

    void visit(auto&& f) {
        f("dpe", dpe);
        f("norm1", norm1);
        f("attn", attn);
        f("norm2", norm2);
        f("mlp", mlp);
        f("norm3", norm3);
    }

private:
    Var positioned(const Var& tokens, const Grid& grid) const {
        return dpe.added_to(tokens, {grid.frames, grid.rows, grid.columns});
    }
};

}  // namespace svad
