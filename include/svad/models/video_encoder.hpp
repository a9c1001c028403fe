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

    /// What the ViT alone makes of clips. GMHRA reads it and never changes it, so that it may be kept where the ViT is frozen.
    struct FrameTokens {
        std::vector<Var> read;                      // [B * T, 1 + N, D] behind each block that a GMHRA block follows
        Var last;                                   // the same behind the last block
        Grid grid;
    };

    /// Clips [B, T, 3, S, S] to their frame tokens (eq 3).
    FrameTokens frame_tokens(const Var& clips, VideoTrace* trace = nullptr) const {
        FrameTokens out{{}, {}, vit.grid(clips)};
        Var x = vit.embed(clips);
        if (temporal) x = at_times(x, out.grid);
        if (trace) trace->embed = x;
        for (std::size_t i = 0; i < vit.blocks.size(); ++i) {
            x = vit.blocks[i](x, out.grid);
            if (trace) trace->blocks.push_back(x);
            const std::size_t next = out.read.size();
            if (next < gmhra.size() && config.gmhra_after[next] == static_cast<Index>(i)) out.read.push_back(x);
        }
        out.last = x;
        return out;
    }

    /// The aggregate over all frames of every clip (eq 4): [B, 1, D]; empty without GMHRA.
    Var aggregated(const FrameTokens& tokens, VideoTrace* trace = nullptr) const {
        const Index B = tokens.last.size(0) / tokens.grid.frames, D = config.vit.width;
        Var z = aggregate ? aggregate->var().reshape({1, 1, D}).expand({B, 1, D}) : Var();
        for (std::size_t i = 0; i < gmhra.size(); ++i) {
            z = gmhra[i](z, tokens.read[i], tokens.grid);
            if (trace) trace->aggregates.push_back(z);
        }
        return z;
    }

    /// Clips [B, T, 3, S, S] to tokens [B, 1 + T (1 + N), D], the aggregate first (eq 5).
    Var operator()(const Var& clips, VideoTrace* trace = nullptr) const { return all_tokens(frame_tokens(clips, trace), trace); }

    /// The same from frame tokens.
    Var all_tokens(const FrameTokens& tokens, VideoTrace* trace = nullptr) const {
        const Index T = tokens.grid.frames, B = tokens.last.size(0) / T;
        const Var whole = aggregated(tokens, trace);
        const Var frames = tokens.last.reshape({B, T * tokens.last.size(1), config.vit.width});
        Var z = frames;
        if (whole) z = config.aggregate_first ? concat(1, {whole, frames}) : concat(1, {frames, whole});
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
