// SPDX-License-Identifier: Apache-2.0
// The video side of SVAD-VLM (paper eq 2 to 5): a ViT reads every frame by itself, GMHRA blocks behind chosen depths
// gather one aggregate over all frames, and the result is [aggregate, tokens of frame 1, ..., tokens of frame T].
// A last norm (VideoChat's ln_vision) goes over all of them. Where the aggregate stands does not matter to the
// Q-Former, which has no key positions; VideoChat puts it last, the paper first.
#pragma once

#include "svad/models/gmhra.hpp"
#include "svad/models/vit.hpp"

namespace svad {

struct VideoEncoderConfig {
    VitConfig vit = {.final_norm = false};
    GmhraConfig gmhra = {};
    std::vector<Index> gmhra_after = {31, 32, 33, 34, 35, 36, 37, 38};  ///< behind which blocks (from 0); may be empty
    bool aggregate_first = true;                    ///< the paper's order; VideoChat's checkpoints were made with false
    Index temporal_positions = 0;                   ///< frames of a learned table [T, D] added per frame (CLIP-ViP); 0 = none
    bool norm = true;
    double norm_eps = 1e-5;
};

/// What happened on the way, for whoever wants to look.
struct VideoTrace {
    Var embed, tokens, normed;                      // [B * T, 1 + N, D]; all tokens before and behind the last norm
    std::vector<Var> blocks, aggregates;
};

struct VideoEncoder {
    VideoEncoderConfig config;
    Vit vit;
    std::vector<Gmhra> gmhra;
    std::optional<Parameter> aggregate;             // [D], the aggregate before the first GMHRA block
    std::optional<Parameter> temporal;              // [T, D]
    std::optional<LayerNorm> norm;

    explicit VideoEncoder(const VideoEncoderConfig& c)
        : config(c), vit(c.vit), gmhra(c.gmhra_after.size(), Gmhra(c.gmhra)) {
        for (std::size_t i = 0; i < c.gmhra_after.size(); ++i)
            if (c.gmhra_after[i] >= c.vit.depth || c.gmhra_after[i] < (i == 0 ? 0 : c.gmhra_after[i - 1] + 1))
                fail<UsageError>("video_encoder: gmhra_after must rise and stay below depth ", c.vit.depth);
        if (!gmhra.empty()) {
            if (c.gmhra.width != c.vit.width)
                fail<UsageError>("video_encoder: gmhra width ", c.gmhra.width, " is not the vit's, ", c.vit.width);
            aggregate.emplace(Shape{c.vit.width}, Init::zeros());
        }
        if (c.temporal_positions > 0) temporal.emplace(Shape{c.temporal_positions, c.vit.width}, Init::zeros());
        if (c.norm) norm.emplace(c.vit.width, c.norm_eps);
        name_parameters(*this);
    }

    struct Stages {
        Var aggregate;                              // [B, 1, D]; empty without GMHRA
        Var frames;                                 // [B * T, 1 + N, D], the last block's output
        Grid grid;
    };

    /// Clips [B, T, 3, S, S] to the aggregate and the frame tokens (eq 3 and 4).
    Stages stages(const Var& clips, VideoTrace* trace = nullptr) const {
        const Index B = clips.size(0), D = config.vit.width;
        const Grid grid = vit.grid(clips);
        Var x = vit.embed(clips);
        if (temporal) x = at_times(x, grid);
        if (trace) trace->embed = x;
        Var z = aggregate ? aggregate->var().reshape({1, 1, D}).expand({B, 1, D}) : Var();
        std::size_t next = 0;
        for (std::size_t i = 0; i < vit.blocks.size(); ++i) {
            x = vit.blocks[i](x, grid);
            if (trace) trace->blocks.push_back(x);
            if (next == gmhra.size() || config.gmhra_after[next] != static_cast<Index>(i)) continue;
            z = gmhra[next++](z, x, grid);
            if (trace) trace->aggregates.push_back(z);
        }
        return {z, x, grid};
    }

    /// Clips [B, T, 3, S, S] to tokens [B, 1 + T (1 + N), D], the aggregate first (eq 5).
    Var operator()(const Var& clips, VideoTrace* trace = nullptr) const {
        const Stages s = stages(clips, trace);
        const Var frames = s.frames.reshape({clips.size(0), s.grid.frames * (1 + s.grid.patches()), config.vit.width});
        Var z = frames;
        if (s.aggregate) z = config.aggregate_first ? concat(1, {s.aggregate, frames}) : concat(1, {frames, s.aggregate});
        const Var out = norm ? (*norm)(z) : z;
        if (trace) trace->tokens = z, trace->normed = out;
        return out;
    }

    void visit(auto&& f) {
        f("vit", vit);
        f("temporal", temporal);
        f("aggregate", aggregate);
        f("gmhra", gmhra);
        f("norm", norm);
    }

private:
    Var at_times(const Var& x, const Grid& grid) const {
        const Index T = grid.frames, M = x.size(1), D = x.size(2);
        if (T != config.temporal_positions)
            fail<ShapeError>("video_encoder: made for ", config.temporal_positions, " frames; got ", T);
        const Var clips = x.reshape({x.size(0) / T, T, M, D}) + temporal->var().reshape({T, 1, D});
        return clips.reshape({x.size(0), M, D});
    }
};

}  // namespace svad
