// SPDX-License-Identifier: Apache-2.0
// Sizes. demo(): trains on two cores in minutes. small(): a single GPU. base(): the paper's own parts, EVA-CLIP-g cut
// as in BLIP-2, GMHRA behind its last eight blocks, 32 queries, Baichuan-13B. The paper does not print its sizes;
// base() follows VideoChat, which it builds on.
#pragma once

#include "svad/models/svad_vlm.hpp"

namespace svad::presets {

/// The sizes of one SVAD-VLM from a few numbers.
struct Sizes {
    Index frames, image, patch, video_width, video_depth, video_heads;
    std::vector<Index> gmhra_after;
    Index query_width, query_depth, query_heads, queries;
    Index word_width, word_depth, word_heads, word_hidden, vocabulary;
};

[[nodiscard]] inline SvadConfig of(const Sizes& s, double deviation = 0.02) {
    SvadConfig c;
    c.frames = s.frames;
    c.video.vit = {.image = s.image, .patch = s.patch, .width = s.video_width, .depth = s.video_depth, .heads = s.video_heads,
                   .final_norm = false, .deviation = deviation};
    c.video.gmhra = {.width = s.video_width, .heads = s.video_heads};
    c.video.gmhra_after = s.gmhra_after;
    c.video.temporal_positions = s.frames;
    c.qformer = {.queries = s.queries, .width = s.query_width, .depth = s.query_depth, .heads = s.query_heads,
                 .hidden = 4 * s.query_width, .memory_width = s.video_width, .deviation = deviation};
    c.decoder = {.vocabulary = s.vocabulary, .width = s.word_width, .depth = s.word_depth, .heads = s.word_heads,
                 .hidden = s.word_hidden, .deviation = deviation};
    return c;
}

/// 8 frames of 64 x 64 in patches of 16, 2 million parameters: a quarter of the tokens that patches of 8 make
/// (bench/train_step.cpp measures what that is worth).
[[nodiscard]] inline SvadConfig demo() {
    SvadConfig c = of({.frames = 8, .image = 64, .patch = 16, .video_width = 128, .video_depth = 4, .video_heads = 4,
                       .gmhra_after = {1, 3}, .query_width = 128, .query_depth = 2, .query_heads = 4, .queries = 16,
                       .word_width = 128, .word_depth = 3, .word_heads = 4, .word_hidden = 344, .vocabulary = 768}, 0.04);
    c.video.gmhra.hidden = 256;
    c.video.gmhra.dropout = 0.1;
    c.video.vit.hidden = 384;
    c.qformer.hidden = 256;
    c.decoder.tied = true;
    return c;
}

/// 8 frames of 112 x 112, about 60 million parameters.
[[nodiscard]] inline SvadConfig small() {
    return of({.frames = 8, .image = 112, .patch = 14, .video_width = 384, .video_depth = 8, .video_heads = 6,
               .gmhra_after = {4, 5, 6, 7}, .query_width = 384, .query_depth = 4, .query_heads = 6, .queries = 32,
               .word_width = 512, .word_depth = 8, .word_heads = 8, .word_hidden = 1376, .vocabulary = 16000});
}

/// 8 frames of 224 x 224, EVA-CLIP-g, Q-Former of BLIP-2, Baichuan-13B: 14.6 billion parameters.
[[nodiscard]] inline SvadConfig base() {
    SvadConfig c;
    c.video.vit = {.image = 224, .patch = 14, .width = 1408, .depth = 39, .heads = 16, .hidden = 6144, .key_bias = false,
                   .final_norm = false};
    c.video.gmhra = {.width = 1408, .heads = 16, .hidden = 6144};
    c.decoder = {.vocabulary = 64000, .width = 5120, .depth = 40, .heads = 40, .hidden = 13696, .positions = Positions::alibi};
    return c;
}

}  // namespace svad::presets
