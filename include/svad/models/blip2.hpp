// SPDX-License-Identifier: Apache-2.0
// BLIP-2 (Li et al., arXiv 2301.12597) with a decoder, and InstructBLIP (arXiv 2305.06500): ViT, Q-Former, one projection
// to words. A clip is its frames one by one; InstructBLIP's Q-Former reads the instruction, too.
#pragma once

#include "svad/models/decoder.hpp"
#include "svad/models/placeholders.hpp"
#include "svad/models/qformer.hpp"
#include "svad/models/vit.hpp"

namespace svad {

struct Blip2Config {
    VitConfig vision;
    QFormerConfig qformer;
    DecoderConfig decoder;
    std::int32_t image_id = 50265;                  ///< the placeholder
};

struct Blip2 {
    Blip2Config config;
    Vit vision;
    QFormer qformer;
    Linear projection;
    Decoder decoder;

    explicit Blip2(const Blip2Config& c)
        : config(c), vision(c.vision), qformer(c.qformer), projection(c.qformer.width, c.decoder.width), decoder(c.decoder) {
        name_parameters(*this);
    }

    /// Pictures [n, 3, S, S] to visual words [n, Q, D].
    Var see(const Var& pictures) const { return projection(qformer(vision(pictures))); }

    /// The same under an instruction a picture [n, L].
    Var see(const Var& pictures, const Instruction& instruction) const { return projection(qformer(vision(pictures), instruction)); }

    /// What the decoder reads: ids [B, L] with their placeholders filled.
    Var vectors(const Tensor<std::int32_t>& ids, const Var& features) const {
        return fill_placeholders(decoder.embed(ids), ids, config.image_id, features);
    }

    void visit(auto&& f) {
        f("vision", vision);
        f("qformer", qformer);
        f("projection", projection);
        f("decoder", decoder);
    }
};

}  // namespace svad
