// SPDX-License-Identifier: Apache-2.0
// Qwen-VL (Bai et al., arXiv 2308.12966): OpenCLIP's bigG without its class token, a resampler of one cross attention, and
// Qwen, which reads the result between <img> and </img>.
#pragma once

#include "svad/models/decoder.hpp"
#include "svad/models/placeholders.hpp"
#include "svad/models/vit.hpp"

namespace svad {

struct ResamplerConfig {
    Index width = 1664;                             ///< of the tokens it reads
    Index grid = 16;                                ///< queries lie on a square: grid^2 of them
    Index out = 4096, heads = 32;
    double eps = 1e-6;
};

/// Learned queries look once at all patches: softmax((q + p)(x + p')' / sqrt(d)) x, where p' is the table of places p
/// resized to the grid of the patches. Values carry no place.
struct Resampler {
    ResamplerConfig config;
    Parameter query;                                // [Q, D]
    Parameter places;                               // [Q, D]; sines and cosines, not learned
    Linear narrow;
    LayerNorm query_norm, token_norm;
    Attention attn;

    explicit Resampler(const ResamplerConfig& c)
        : config(c), query(Shape{c.grid * c.grid, c.out}, Init::normal(0.02)),
          places(Shape{c.grid * c.grid, c.out}, Init::zeros(), Parameter::Kind::buffer), narrow(c.width, c.out, {.bias = false}),
          query_norm(c.out, c.eps), token_norm(c.out, c.eps), attn({.width = c.out, .heads = c.heads}) {
        name_parameters(*this);
    }

    /// Tokens [B, rows * columns, V] to [B, Q, D].
    Var operator()(const Var& tokens, Index rows, Index columns) const {
        const Index B = tokens.size(0), Q = query.shape()[0], D = config.out;
        const Var x = token_norm(narrow(tokens));
        const Var at = rows == config.grid && columns == config.grid ? places.var()
                                                                     : resize_positions(places, config.grid, config.grid, rows, columns);
        const Var q = attn.q(query_norm(query) + places.var()).reshape({1, Q, D}).expand({B, Q, D});
        return attn.out(attention_tokens(q, attn.k(x + at), attn.v(x), attn.heads, attn.kv_heads));
    }

    void visit(auto&& f) {
        f("query", query);
        f("places", places);
        f("narrow", narrow);
        f("query_norm", query_norm);
        f("token_norm", token_norm);
        f("attn", attn);
    }
};

struct QwenVisionConfig {
    VitConfig vit;                                  ///< its `image` is the size that the table of positions is for
    ResamplerConfig resampler;
};

/// The visual side: pictures [B, 3, S, S] to [B, Q, D].
struct QwenVision {
    QwenVisionConfig config;
    Vit vit;
    Resampler resampler;
    LayerNorm norm;
    Linear projection;

    explicit QwenVision(const QwenVisionConfig& c)
        : config(c), vit(c.vit), resampler(c.resampler), norm(c.resampler.out, c.resampler.eps),
          projection(c.resampler.out, c.resampler.out, {.bias = false}) { name_parameters(*this); }

    Var operator()(const Var& pictures, std::vector<Var>* layers = nullptr) const {
        return projection(norm(resample(vit(pictures, layers), pictures)));
    }

    /// Tokens of the tower [B, N, V] through the resampler.
    Var resample(const Var& tokens, const Var& pictures) const {
        return resampler(tokens, pictures.size(2) / config.vit.patch, pictures.size(3) / config.vit.patch);
    }

    void visit(auto&& f) {
        f("vit", vit);
        f("resampler", resampler);
        f("norm", norm);
        f("projection", projection);
    }
};

struct QwenVlConfig {
    QwenVisionConfig vision;
    DecoderConfig decoder;
    std::int32_t image_start = 151857;              ///< <img>; </img> and the padding between them are the next two ids
};

struct QwenVl {
    QwenVlConfig config;
    QwenVision vision;
    Decoder decoder;

    explicit QwenVl(const QwenVlConfig& c) : config(c), vision(c.vision), decoder(c.decoder) { name_parameters(*this); }

    /// Pictures [n, 3, S, S] to visual words [n, Q, D].
    Var see(const Var& pictures) const { return vision(pictures); }

    /// What the decoder reads: whatever ids stand between <img> and </img> (a path and padding), Q of them, is replaced.
    Var vectors(Tensor<std::int32_t> ids, const Var& features) const {
        const Var words = decoder.embed(ids);
        const Index Q = vision.resampler.query.shape()[0], L = ids.size(1);
        const std::int32_t stop = config.image_start + 1, pad = config.image_start + 2;
        for (Index b = 0; b < ids.size(0); ++b)
            for (Index i = 0; i < L; ++i) {
                if (ids(b, i) != config.image_start) continue;
                if (i + Q + 1 >= L || ids(b, i + Q + 1) != stop)
                    fail<ShapeError>("qwen-vl: row ", b, ": <img> at ", i, " must be followed by ", Q, " ids and </img>");
                for (Index j = 1; j <= Q; ++j) ids(b, i + j) = pad;
                i += Q + 1;
            }
        return fill_placeholders(words, ids, pad, features);
    }

    void visit(auto&& f) { f("vision", vision); f("decoder", decoder); }
};

}  // namespace svad
