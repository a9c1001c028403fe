// SPDX-License-Identifier: Apache-2.0
// LLaVA-1.5 (Liu et al., arXiv 2310.03744) and Video-LLaVA (Lin et al., arXiv 2311.10122): CLIP's patches, two projecting
// layers, and a decoder that reads them at the placeholders of its text. Video-LLaVA has a second tower for clips.
#pragma once

#include "svad/models/decoder.hpp"
#include "svad/models/placeholders.hpp"
#include "svad/models/vit.hpp"

namespace svad {

struct LlavaConfig {
    VitConfig vision;
    std::optional<VitConfig> video;                 ///< Video-LLaVA's tower for clips
    Index vision_blocks = 0;                        ///< how many blocks of a tower are run: all but one as published
    bool class_token = false;                       ///< pictures keep theirs; clips always do
    Activation activation = Activation::gelu;
    bool bias = true;
    DecoderConfig decoder;
    std::int32_t image_id = 32000, video_id = 32001;                            ///< the placeholders
};

struct Llava {
    LlavaConfig config;
    Vit vision;
    std::optional<Vit> video;
    Linear project1, project2;
    Decoder decoder;

    explicit Llava(const LlavaConfig& c)
        : config(c), vision(c.vision), project1(c.vision.width, c.decoder.width, {.bias = c.bias}),
          project2(c.decoder.width, c.decoder.width, {.bias = c.bias}), decoder(c.decoder) {
        if (c.video) video.emplace(*c.video);
        if (c.video && c.video->width != c.vision.width)
            fail<UsageError>("llava: towers of widths ", c.vision.width, " and ", c.video->width, " cannot share a projector");
        name_parameters(*this);
    }

    /// Pictures [n, 3, S, S] to visual words [n, N, D].
    Var see(const Var& pictures) const {
        const auto [n, C, H, W] = pictures.sizes<4>("n C H W");
        const Var tokens = vision.behind(config.vision_blocks, pictures.reshape({n, 1, C, H, W}));
        return project(config.class_token ? tokens : tokens.slice(1, 1, end));
    }

    /// Clips [n, T, 3, S, S] to visual words [n, T * (1 + N), D], frame after frame with their class tokens.
    Var watch(const Var& clips) const {
        if (!video) fail<UsageError>("llava: this model has no tower for clips; show it pictures");
        const Var tokens = video->behind(config.vision_blocks, clips);
        const Index n = clips.size(0), D = tokens.size(2);
        return project(tokens.reshape({n, tokens.numel() / (n * D), D}));
    }

    /// What the decoder reads: ids [B, L] with their placeholders filled; features may be empty where there are none.
    Var vectors(const Tensor<std::int32_t>& ids, const Var& pictures, const Var& clips = {}) const {
        const Var v = fill_placeholders(decoder.embed(ids), ids, config.image_id, pictures);
        return video ? fill_placeholders(v, ids, config.video_id, clips) : v;
    }

    void visit(auto&& f) {
        f("vision", vision);
        f("video", video);
        f("project1", project1);
        f("project2", project2);
        f("decoder", decoder);
    }

private:
    Var project(const Var& tokens) const { return project2(project1(tokens, config.activation)); }
};

}  // namespace svad
