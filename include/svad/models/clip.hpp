// SPDX-License-Identifier: Apache-2.0
// CLIP (Radford et al. 2021): a picture and a text as unit vectors of one space, near each other if they belong together.
// The text tower is a causal decoder that is read at the end of the text; the vision tower is read at its class token.
#pragma once

#include "svad/models/decoder.hpp"
#include "svad/models/vit.hpp"
#include "svad/ops/loss.hpp"

#include <optional>

namespace svad {

struct ClipConfig {
    VitConfig vision;
    DecoderConfig text;
    Index shared_width = 512;
    std::optional<std::int32_t> end_of_text;        ///< id whose first place is read; none: the largest id's
};

struct Clip {
    ClipConfig config;
    Vit vision;
    Decoder text;
    Linear visual_projection, text_projection;
    Parameter logit_scale;                          // [1]; the logarithm of the factor

    explicit Clip(const ClipConfig& c)
        : config(c), vision(c.vision), text(c.text), visual_projection(c.vision.width, c.shared_width, {.bias = false}),
          text_projection(c.text.width, c.shared_width, {.bias = false}), logit_scale(Shape{1}, Init::constant(std::log(1 / 0.07))) {
        name_parameters(*this);
    }

    /// Pictures [B, 3, H, W] to unit vectors [B, shared_width].
    Var see(const Var& pictures) const { return l2_normalize(visual_projection(vision.pool(vision(pictures)))); }

    /// Texts: ids [B, L], keep [B, L] (0 = padding) to unit vectors [B, shared_width].
    Var read(const Tensor<std::int32_t>& ids, const KeyMask& keep = {}) const {
        return l2_normalize(text_projection(at_end(text(text.embed(ids), {.keep = keep}), ids)));
    }

    /// Scores of every text for every picture: [texts, pictures].
    Var scores(const Var& texts, const Var& pictures) const {
        return matmul(texts, pictures, {.b = true}) * exp(logit_scale.var());
    }

    /// Hidden states [B, L, D] where each text ends: [B, D].
    Var at_end(const Var& hidden, const Tensor<std::int32_t>& ids) const {
        const auto [B, L, D] = hidden.sizes<3>("B L D");
        Tensor<std::int32_t> rows({B});
        for (Index b = 0; b < B; ++b) {
            const std::int32_t* const row = ids.data() + b * L;
            const std::int32_t* at = config.end_of_text ? std::find(row, row + L, *config.end_of_text) : std::max_element(row, row + L);
            if (at == row + L) at = row;            // as the reference does for a text without an end
            rows[b] = static_cast<std::int32_t>(b * L + (at - row));
        }
        return embedding(hidden.reshape({B * L, D}), rows);
    }

    void visit(auto&& f) {
        f("vision", vision);
        f("text", text);
        f("visual_projection", visual_projection);
        f("text_projection", text_projection);
        f("logit_scale", logit_scale);
    }
};

}  // namespace svad
