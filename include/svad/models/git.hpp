// SPDX-License-Identifier: Apache-2.0
// GIT (Wang et al., arXiv 2205.14100) and GVT (ChinaOpen, arXiv 2305.05880): tokens of a CLIP tower, one projection, and BERT's
// layers over [visual tokens ; words], where visual tokens see each other and words see what is in front of them.
#pragma once

#include "svad/models/decoder.hpp"
#include "svad/models/vit.hpp"
#include "svad/ops/loss.hpp"

namespace svad {

struct GitConfig {
    VitConfig vision;
    DecoderConfig decoder;                          ///< post_norm, embed_eps, learned positions
    Index frames = 0;                               ///< a learned vector a frame is added to its tokens; 0 = none
    std::optional<Index> whole_frame = {};          ///< GVT: class tokens of all frames, then all tokens of this one
    double projection_eps = 1e-5;
};

/// One vector [D] added to all tokens of a frame.
struct FramePlace {
    Parameter place;
    explicit FramePlace(Index width) : place(Shape{width}, Init::zeros()) {}
    void visit(auto&& f) { f("place", place); }
};

struct Git {
    GitConfig config;
    Vit vision;
    std::vector<FramePlace> times;
    Linear projection;
    LayerNorm projection_norm;
    Decoder decoder;

    explicit Git(const GitConfig& c)
        : config(c), vision(c.vision), times(static_cast<std::size_t>(c.frames), FramePlace(c.vision.width)),
          projection(c.vision.width, c.decoder.width), projection_norm(c.decoder.width, c.projection_eps), decoder(c.decoder) {
        if (!c.decoder.post_norm) fail<UsageError>("git: the decoder must have its norms behind the parts");
        name_parameters(*this);
    }

    /// Clips [B, T, 3, S, S] to visual words [B, M, D]: M = T (1 + N), GVT's T + 1 + N.
    Var see(const Var& clips) const {
        const auto [B, T, C, H, W] = clips.sizes<5>("B T C H W");
        const Var flat = vision(clips.reshape({B * T, C, H, W}));
        const Index P = flat.size(1), V = flat.size(2);
        Var tokens = flat.reshape({B, T, P, V});
        if (!times.empty()) {
            if (T > config.frames) fail<ShapeError>("git: ", T, " frames, but the model knows ", config.frames, "; sample fewer");
            std::vector<Var> rows;
            for (Index t = 0; t < T; ++t) rows.push_back(times[static_cast<std::size_t>(t)].place.var().reshape({1, 1, V}));
            tokens = tokens + concat(0, rows);
        }
        Var chosen = tokens.reshape({B, T * P, V});
        if (config.whole_frame) {
            const Index whole = std::min(*config.whole_frame, T - 1);
            chosen = concat(1, {tokens.slice(2, 0, 1).reshape({B, T, V}), tokens.slice(1, whole, whole + 1).reshape({B, P, V})});
        }
        return projection_norm(projection(chosen));
    }

    /// What the decoder reads, with M = its DecoderContext::prefix: [visual words ; words] [B, M + L, D].
    Var vectors(const Tensor<std::int32_t>& ids, const Var& features) const { return concat(1, {features, decoder.embed(ids)}); }

    void visit(auto&& f) {
        f("vision", vision);
        f("times", times);
        f("projection", projection);
        f("projection_norm", projection_norm);
        f("decoder", decoder);
    }
};

}  // namespace svad
