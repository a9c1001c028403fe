// SPDX-License-Identifier: Apache-2.0
// Q-Former (BLIP-2, arXiv 2301.12597, section 3.1; paper eq 6): learned queries, post-norm BERT layers, and in every
// `cross_every`-th layer a cross attention to the visual tokens. Q = QFormer(queries, Z). InstructBLIP (arXiv 2305.06500)
// puts the words of an instruction behind the queries, which they see in the self attention.
#pragma once

#include "svad/models/bert.hpp"

namespace svad {

struct QFormerConfig {
    Index queries = 32;                             ///< learned ones; 0 = the caller brings them
    Index width = 768, depth = 12, heads = 12, hidden = 3072;
    Index memory_width = 1408;                      ///< of the visual tokens
    Index cross_every = 2;                          ///< cross attention in layers 0, 2, 4, ...
    Index vocabulary = 0, positions = 512;          ///< of instructions; 0 = it takes none
    Activation activation = Activation::gelu;
    double eps = 1e-12, dropout = 0;
    double deviation = 0.02;
};

/// The words of an instruction, for a Q-Former that takes one: ids [B, L], 0 in keep = padding.
struct Instruction {
    Tensor<std::int32_t> ids = {};
    KeyMask keep = {};
};

struct QFormer {
    QFormerConfig config;
    std::optional<Parameter> queries;               // [Q, W]
    std::optional<Embedding> words, positions;
    LayerNorm norm;
    std::vector<BertLayer> layers;

    explicit QFormer(const QFormerConfig& c) : config(c), norm(c.width, c.eps) {
        if (c.cross_every < 1) fail<UsageError>("qformer: cross_every must be at least 1; got ", c.cross_every);
        if (c.queries > 0) queries.emplace(Shape{c.queries, c.width}, Init::normal(c.deviation));
        if (c.vocabulary > 0) words.emplace(c.vocabulary, c.width), positions.emplace(c.positions, c.width);
        for (Index i = 0; i < c.depth; ++i)
            layers.emplace_back(BertLayerConfig{.width = c.width, .heads = c.heads, .hidden = c.hidden,
                                                .memory_width = i % c.cross_every == 0 ? c.memory_width : 0, .words = c.vocabulary > 0,
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
        return run(norm(given).expand({tokens.size(0), given.size(-2), given.size(-1)}), tokens, keep, {}, 0, states);
    }

    /// The model's own queries under an instruction [B, L]: [B, Q, W]. `states` see the words, too: [B, Q + L, W].
    Var operator()(const Var& tokens, const Instruction& instruction, std::vector<Var>* states = nullptr) const {
        if (!words || !queries) fail<UsageError>("qformer: this configuration takes no instruction");
        const Index B = tokens.size(0), Q = config.queries, W = config.width, L = instruction.ids.size(1);
        if (instruction.ids.size(0) != B) fail<ShapeError>("qformer: instructions ", instruction.ids.shape(), " for ", B, " pictures");
        if (L > config.positions) fail<ShapeError>("qformer: an instruction of ", L, " words, but ", config.positions, " positions");
        const Var text = (*words)(instruction.ids) + positions->weight.var().slice(0, 0, L);
        const Var h = norm(concat(1, {queries->var().reshape({1, Q, W}).expand({B, Q, W}), text}));
        KeyMask all(Shape{B, Q + L});
        for (Index b = 0; b < B; ++b)
            for (Index i = 0; i < Q + L; ++i) all(b, i) = i < Q || instruction.keep.rank() != 2 || instruction.keep(b, i - Q);
        return run(h, tokens, {}, all, L, states).slice(1, 0, Q);
    }

    void visit(auto&& f) {
        f("queries", queries);
        f("words", words);
        f("positions", positions);
        f("norm", norm);
        f("layers", layers);
    }

private:
    Var run(Var h, const Var& tokens, const KeyMask& token_keep, const KeyMask& keep, Index L, std::vector<Var>* states) const {
        if (states) states->push_back(h);
        for (const BertLayer& layer : layers) {
            h = layer(h, keep, tokens, token_keep, L);
            if (states) states->push_back(h);
        }
        return h;
    }
};

}  // namespace svad
