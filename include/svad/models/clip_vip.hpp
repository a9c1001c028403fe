// SPDX-License-Identifier: Apache-2.0
// CLIP-ViP (Xue et al., arXiv 2209.06430): text-to-video retrieval (paper table 8) with the weights of CLIP. A few proxy
// tokens stand beside the class token; they see all frames, a patch sees them and its own frame:
//     tokens = [class, proxies, patches of frame 0, patches of frame 1, ...]
#pragma once

#include "svad/models/clip.hpp"

namespace svad {

struct ClipVipConfig {
    ClipConfig clip;
    Index proxies = 3;
    Index frames = 12;                              ///< rows of the table of times; other numbers of frames resize it. 0: no table
};

/// Taps of a one-dimensional linear resize as torch's interpolate (align_corners = false) has them: [out, in].
[[nodiscard]] inline Tensor<double> linear_matrix(Index in, Index out) {
    Tensor<double> m(Shape{out, in});
    for (Index i = 0; i < out; ++i) {
        const double at = std::max(0.0, (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5);
        const Index low = std::min(static_cast<Index>(at), in - 1), high = std::min(low + 1, in - 1);
        m(i, low) += 1 - (at - static_cast<double>(low));
        m(i, high) += at - static_cast<double>(low);
    }
    return m;
}

struct ClipVip {
    ClipVipConfig config;
    Clip clip;
    Parameter proxies;                              // [P, D]
    std::optional<Parameter> times;                 // [T, D]

    explicit ClipVip(const ClipVipConfig& c) : config(c), clip(c.clip), proxies(Shape{c.proxies, c.clip.vision.width}, Init::normal(1.0)) {
        if (c.frames > 0) times.emplace(Shape{c.frames, c.clip.vision.width}, Init::zeros());
        name_parameters(*this);
    }

    /// Clips [B, T, 3, S, S] to tokens [B, 1 + P + T * N, D] before the last norm; `layers` as in Vit.
    Var tokens(const Var& clips, std::vector<Var>* layers = nullptr) const {
        const Vit& vit = clip.vision;
        const Index B = clips.size(0), T = clips.size(1), D = vit.config.width, P = config.proxies;
        const Var placed = vit.place(clips);                                                    // [B * T, 1 + N, D]
        const Index N = placed.size(1) - 1;
        const Var by_frame = placed.reshape({B, T, 1 + N, D});
        Var patches = by_frame.slice(2, 1, end);
        if (times) patches = patches + time_table(T).reshape({T, 1, D});
        const Var proxy = (proxies.var() + vit.positions.var().slice(0, 0, 1)).reshape({1, P, D}).expand({B, P, D});
        const Var first = by_frame.slice(1, 0, 1).slice(2, 0, 1).reshape({B, 1, D});
        Var x = vit.pre_norm.value()(concat(1, {first, proxy, patches.reshape({B, T * N, D})}));
        if (layers) layers->push_back(x);
        for (const VitBlock& block : vit.blocks) {
            x = x + guided(block.attn, block.norm1(x), T);
            x = x + block.mlp(block.norm2(x));
            if (layers) layers->push_back(x);
        }
        return x;
    }

    /// The class token of tokens [B, L, D] behind the last norm: [B, D].
    Var pool(const Var& tokens) const { return clip.vision.norm.value()(tokens.slice(1, 0, 1)).reshape({tokens.size(0), tokens.size(2)}); }

    /// Clips [B, T, 3, S, S] to unit vectors [B, shared_width].
    Var see(const Var& clips) const { return l2_normalize(clip.visual_projection(pool(tokens(clips)))); }

    /// Texts: ids [B, L], keep [B, L] (0 = padding) to unit vectors [B, shared_width].
    Var read(const Tensor<std::int32_t>& ids, const KeyMask& keep = {}) const { return clip.read(ids, keep); }

    /// Clips and texts belong together row by row: the sum of both directions' cross entropies, as published.
    Var loss(const Var& texts, const Var& videos) const { return info_nce(texts, videos, clip.logit_scale) * 2.0; }

    void visit(auto&& f) {
        f("clip", clip);
        f("proxies", proxies);
        f("times", times);
    }

private:
    Var time_table(Index T) const {
        if (T == config.frames) return times->var();
        return matmul(Var(linear_matrix(config.frames, T)).like(*times), times->var());
    }

    // Two products instead of one with a mask: the leading tokens see all, N patches see 1 + P + N keys and not 1 + P + T N.
    Var guided(const Attention& a, const Var& x, Index T) const {
        const Var q = a.q(x), k = a.k(x), v = a.v(x);
        const Index B = x.size(0), M = 1 + config.proxies, N = (x.size(1) - M) / T, D = x.size(2);
        const auto of_frame = [&](const Var& y) {
            const Var lead = y.slice(1, 0, M).reshape({B, 1, M, D}).expand({B, T, M, D});
            return concat(2, {lead, y.slice(1, M, end).reshape({B, T, N, D})}).reshape({B * T, M + N, D});
        };
        const Var lead = attention_tokens(q.slice(1, 0, M), k, v, a.heads, a.kv_heads);
        const Var rest = attention_tokens(q.slice(1, M, end).reshape({B * T, N, D}), of_frame(k), of_frame(v), a.heads, a.kv_heads);
        return a.out(concat(1, {lead, rest.reshape({B, T * N, D})}));
    }
};

}  // namespace svad
