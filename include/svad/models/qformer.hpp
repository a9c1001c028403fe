// SPDX-License-Identifier: Apache-2.0
// Q-Former (BLIP-2, arXiv 2301.12597, section 3.1; paper eq 6): learned queries, post-norm BERT layers, and in every
// `cross_every`-th layer a cross attention to the visual tokens. Q = QFormer(queries, Z).
#pragma once

#include "svad/models/bert.hpp"

namespace svad {

struct QFormerConfig {
    Index queries = 32;                             ///< learned ones; 0 = the caller brings them
    Index width = 768, depth = 12, heads = 12, hidden = 3072;
    Index memory_width = 1408;                      ///< of the visual tokens
    Index cross_every = 2;                          ///< cross attention in layers 0, 2, 4, ...
    Activation activation = Activation::gelu;
    double eps = 1e-12, dropout = 0;
    double deviation = 0.02;
};

struct QFormer {
    QFormerConfig config;
    std::optional<Parameter> queries;               // [Q, W]
    LayerNorm norm;
    std::vector<BertLayer> layers;

    explicit QFormer(const QFormerConfig& c) : config(c), norm(c.width, c.eps) {
        if (c.cross_every < 1) fail<UsageError>("qformer: cross_every must be at least 1; got ", c.cross_every);
        if (c.queries > 0) queries.emplace(Shape{c.queries, c.width}, Init::normal(c.deviation));
        for (Index i = 0; i < c.depth; ++i)
            layers.emplace_back(BertLayerConfig{.width = c.width, .heads = c.heads, .hidden = c.hidden,
                                                .memory_width = i % c.cross_every == 0 ? c.memory_width : 0,
                                                .activation = c.activation, .eps = c.eps, .dropout = c.dropout,
                                                .deviation = c.deviation});
        name_parameters(*this);
    }

    /// Visual tokens [B, M, V] to [B, Q, W].
    Var operator()(const Var& tokens) const {
        if (!queries) fail<UsageError>("qformer: this configuration has no queries of its own; pass some");
        return (*this)(queries->var(), tokens);
    }

    /// The same with queries [Q, W] or [B, Q, W] given; `states` receives the embedding and every layer's output.
    Var operator()(const Var& given, const Var& tokens, const KeyMask& keep = {}, std::vector<Var>* states = nullptr) const {
        const auto [B, M, V] = tokens.sizes<3>("B M V");
        const Index Q = given.size(-2), W = given.size(-1);
        Var h = norm(given).expand({B, Q, W});
        if (states) states->push_back(h);
        for (const BertLayer& layer : layers) {
            h = layer(h, {}, tokens, keep);
            if (states) states->push_back(h);
        }
        return h;
    }

    void visit(auto&& f) { f("queries", queries); f("norm", norm); f("layers", layers); }
};

}  // namespace svad
