// SPDX-License-Identifier: Apache-2.0
// SVAD-VLM: video encoder, Q-Former, dual alignment, decoder (paper figure 4, eq 2 to 9). Clips and words go in; the
// scores of the next words, or their loss, come out.
#pragma once

#include "svad/models/decoder.hpp"
#include "svad/models/dual_align.hpp"
#include "svad/models/qformer.hpp"
#include "svad/models/video_encoder.hpp"
#include "svad/ops/loss.hpp"

namespace svad {

struct SvadConfig {
    Index frames = 8;                               ///< that a clip is sampled to
    VideoEncoderConfig video = {};
    QFormerConfig qformer = {};
    DecoderConfig decoder = {};
    bool dual = true;                               ///< an alignment of its own for auxiliary data (paper 4.3)
};

struct SvadVlm {
    SvadConfig config;
    VideoEncoder encoder;
    QFormer qformer;
    DualAlign align;
    Decoder decoder;

    explicit SvadVlm(const SvadConfig& c)
        : config(c), encoder(c.video), qformer(c.qformer),
          align(c.qformer.width, c.decoder.width, c.dual, Init::normal(c.decoder.deviation)), decoder(c.decoder) {
        if (c.qformer.memory_width != c.video.vit.width)
            fail<UsageError>("svad_vlm: the q-former reads width ", c.qformer.memory_width, ", the video encoder makes ",
                             c.video.vit.width);
        name_parameters(*this);
    }

    /// What the Q-Former says about clips [B, T, 3, S, S]: [B, Q, W].
    Var encode(const Var& frames) const { return qformer(encoder(frames)); }

    /// What the decoder is shown before any word: clips [B, T, 3, S, S] -> prefix [B, Q, D].
    Var see(const Var& frames, Branch branch = Branch::primary) const {
        const Var tokens = encoder(frames);                     // [B, 1 + T (1 + N), V]
        const Var queries = qformer(tokens);                    // [B, Q, W]
        return align(queries, branch);                          // [B, Q, D]
    }

    /// Hidden states at the text positions: prefix [B, Q, D], ids [B, L] padded on the right -> [B, L, D].
    Var hidden(const Var& prefix, const Tensor<std::int32_t>& ids) const {
        const Var h = decoder(concat(1, {prefix, decoder.embed(ids)}));
        return h.slice(1, prefix.size(1), end);
    }

    /// Scores of the next word at every text position: [B, L, vocabulary].
    Var operator()(const Var& prefix, const Tensor<std::int32_t>& ids) const { return decoder.scores(hidden(prefix, ids)); }

    /// Negative log-likelihood of the words that labels [B, L] name (eq 9): labels[b, i] is what position i must
    /// predict, `options.ignore` counts nowhere. Scores are made for labelled positions only, in chunks.
    Var loss(const Var& prefix, const Tensor<std::int32_t>& ids, const Tensor<std::int32_t>& labels,
             const LossOptions& options = {}) const {
        if (labels.shape() != ids.shape()) fail<ShapeError>("svad_vlm: labels ", labels.shape(), " must have the shape of ids ", ids.shape());
        const Var h = hidden(prefix, ids);
        std::vector<std::int32_t> rows, words;
        for (Index i = 0; i < labels.numel(); ++i) {
            if (labels[i] == options.ignore) continue;
            rows.push_back(static_cast<std::int32_t>(i));
            words.push_back(labels[i]);
        }
        const Var labelled = embedding(h.reshape({ids.numel(), h.size(2)}), Tensor<std::int32_t>::of(rows));
        if (rows.empty()) return sum(labelled);                 // nothing to learn from: zero
        return linear_cross_entropy(labelled, decoder.head_weight(), Tensor<std::int32_t>::of(words), options);
    }

    void visit(auto&& f) { f("encoder", encoder); f("qformer", qformer); f("align", align); f("decoder", decoder); }
};

}  // namespace svad
