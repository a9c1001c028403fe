// SPDX-License-Identifier: Apache-2.0
// Two published video models from the same parts, for their checkpoints and as baselines:
// the visual side of VideoChat (EVA ViT with GMHRA, Q-Former with extra queries, projection to words; arXiv 2305.06355)
// and UniFormerV2 (CLIP ViT with local mixing and GMHRA, classifier; arXiv 2211.09552).
#pragma once

#include "svad/models/qformer.hpp"
#include "svad/models/video_encoder.hpp"
#include "svad/ops/reduce.hpp"

namespace svad {

struct VideoChatConfig {
    VideoEncoderConfig video = {};
    QFormerConfig qformer = {};
    Index extra_queries = 64;                       ///< beyond the Q-Former's own; they start at zero
    Index word_width = 4096;
};

struct VideoChat {
    VideoEncoder encoder;
    QFormer qformer;
    std::optional<Parameter> extra_queries;         // [E, W]
    Linear projection;

    explicit VideoChat(const VideoChatConfig& c)
        : encoder(c.video), qformer(c.qformer), projection(c.qformer.width, c.word_width) {
        if (c.extra_queries > 0) extra_queries.emplace(Shape{c.extra_queries, c.qformer.width}, Init::zeros());
        name_parameters(*this);
    }

    /// All queries, the Q-Former's first: [Q + E, W].
    Var queries() const { return extra_queries ? concat(0, {qformer.queries->var(), extra_queries->var()}) : qformer.queries->var(); }

    /// Clips [B, T, 3, S, S] to what the language model is shown: [B, Q + E, D].
    Var operator()(const Var& clips, VideoTrace* trace = nullptr, std::vector<Var>* states = nullptr) const {
        return projection(qformer(queries(), encoder(clips, trace), {}, states));
    }

    void visit(auto&& f) {
        f("encoder", encoder);
        f("qformer", qformer);
        f("extra_queries", extra_queries);
        f("projection", projection);
    }
};

struct UniFormerConfig {
    VideoEncoderConfig video = {};
    Index classes = 400;
};

struct UniFormer {
    VideoEncoder encoder;
    Parameter balance;                              // [V]
    LayerNorm head_norm;
    Linear head;

    explicit UniFormer(const UniFormerConfig& c)
        : encoder(c.video), balance(Shape{c.video.vit.width}, Init::zeros()), head_norm(c.video.vit.width, c.video.vit.eps),
          head(c.video.vit.width, c.classes) { name_parameters(*this); }

    /// Clips [B, T, 3, S, S] to class scores: head(norm((1 - w) aggregate + w mean of class tokens)), w = sigmoid(balance).
    Var operator()(const Var& clips, VideoTrace* trace = nullptr) const {
        const auto tokens = encoder.frame_tokens(clips, trace);
        const Index B = clips.size(0), V = balance.numel();
        const Var class_tokens = mean(tokens.last.slice(1, 0).reshape({B, tokens.grid.frames, V}), 1);     // [B, V]
        const Var w = sigmoid(balance);
        const Var mixed = encoder.aggregated(tokens, trace).reshape({B, V}) * (1.0 - w) + class_tokens * w;
        return head(head_norm(mixed));
    }

    void visit(auto&& f) { f("encoder", encoder); f("balance", balance); f("head_norm", head_norm); f("head", head); }
};

}  // namespace svad
