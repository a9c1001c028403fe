// SPDX-License-Identifier: Apache-2.0
// BERT (Devlin et al. 2018): post-norm layers over words, positions and token types; the sentence encoder of the
// similarity metric. Its layer, with an optional cross attention in the middle, is also the body of the Q-Former.
#pragma once

#include "svad/nn/attention.hpp"
#include "svad/nn/layers.hpp"
#include "svad/ops/matmul.hpp"
#include "svad/ops/reduce.hpp"

namespace svad {

struct BertLayerConfig {
    Index width = 768, heads = 12, hidden = 3072;
    Index memory_width = 0;                         ///< of the tokens that cross attention reads; 0 = no cross attention
    bool words = false;                             ///< rows of words behind the queries have an MLP of their own
    Activation activation = Activation::gelu;
    double eps = 1e-12, dropout = 0;
    double deviation = 0.02;
};

/// a = LN(h + attention(h)); a = LN(a + cross(a; memory)) if there is one; LN(a + mlp(a)). Words behind the queries of a
/// Q-Former take part in the first attention only, and go through word_mlp.
struct BertLayer {
    Attention attn;
    LayerNorm attn_norm;
    std::optional<Attention> cross;
    std::optional<LayerNorm> cross_norm;
    Mlp mlp;
    LayerNorm mlp_norm;
    std::optional<Mlp> word_mlp;
    std::optional<LayerNorm> word_norm;
    double rate;

    explicit BertLayer(const BertLayerConfig& c)
        : attn({.width = c.width, .heads = c.heads, .weight = Init::normal(c.deviation), .out = Init::normal(c.deviation)}),
          attn_norm(c.width, c.eps),
          mlp(c.width, c.hidden, mlp_options(c)), mlp_norm(c.width, c.eps), rate(c.dropout) {
        if (c.words) word_mlp.emplace(c.width, c.hidden, mlp_options(c)), word_norm.emplace(c.width, c.eps);
        if (c.memory_width == 0) return;
        cross.emplace(AttentionShape{.width = c.width, .heads = c.heads, .memory_width = c.memory_width,
                                     .weight = Init::normal(c.deviation), .out = Init::normal(c.deviation)});
        cross_norm.emplace(c.width, c.eps);
    }

    /// h [B, L, W], memory [B, M, V] or empty; masks over the positions of each; the last `words` rows of h are words.
    Var operator()(Var h, const KeyMask& keep, const Var& memory = {}, const KeyMask& memory_keep = {}, Index words = 0) const {
        h = attn_norm(h + drop(attn(h, {.keep = keep})));
        const Index Q = h.size(1) - words;
        const Var text = words > 0 ? h.slice(1, Q, end) : Var();
        if (words > 0) h = h.slice(1, 0, Q);
        if (cross) h = (*cross_norm)(h + drop(cross->look(h, memory, memory_keep)));
        h = mlp_norm(h + drop(mlp(h)));
        return words > 0 ? concat(1, {h, word_norm.value()(text + drop(word_mlp.value()(text)))}) : h;
    }

    void visit(auto&& f) {
        f("attn", attn);
        f("attn_norm", attn_norm);
        f("cross", cross);
        f("cross_norm", cross_norm);
        f("mlp", mlp);
        f("mlp_norm", mlp_norm);
        f("word_mlp", word_mlp);
        f("word_norm", word_norm);
    }

private:
    static MlpOptions mlp_options(const BertLayerConfig& c) {
        return {.activation = c.activation, .up = Init::normal(c.deviation), .down = Init::normal(c.deviation)};
    }
    Var drop(const Var& x) const { return rate > 0 ? dropout(x, rate) : x; }
};

struct BertConfig {
    Index vocabulary = 30522, positions = 512, types = 2;
    BertLayerConfig layer = {};
    Index depth = 12;
    bool pooler = true;
};

struct Bert {
    BertConfig config;
    Embedding words, positions, types;
    LayerNorm norm;
    std::vector<BertLayer> layers;
    std::optional<Linear> pooler;

    explicit Bert(const BertConfig& c)
        : config(c), words(c.vocabulary, c.layer.width), positions(c.positions, c.layer.width), types(c.types, c.layer.width),
          norm(c.layer.width, c.layer.eps), layers(static_cast<std::size_t>(c.depth), BertLayer(c.layer)) {
        if (c.pooler) pooler.emplace(c.layer.width, c.layer.width);
        name_parameters(*this);
    }

    /// ids [B, L] to hidden states [B, L, W]; `keep` [B, L] marks real tokens, `type_ids` [B, L] may be empty (type 0).
    Var operator()(const Tensor<std::int32_t>& ids, const KeyMask& keep = {}, const Tensor<std::int32_t>& type_ids = {}) const {
        return from_words(words(ids), keep, type_ids);
    }

    /// The same from word vectors [B, L, W]; `states` receives the embedding and every layer's output.
    Var from_words(const Var& vectors, const KeyMask& keep = {}, const Tensor<std::int32_t>& type_ids = {},
                   std::vector<Var>* states = nullptr) const {
        const auto [B, L, W] = vectors.sizes<3>("B L W");
        if (L > positions.rows()) fail<ShapeError>("bert: ", L, " tokens are more than the ", positions.rows(), " positions");
        const Tensor<std::int32_t> plain(Shape{B, L});
        Var h = vectors + types(type_ids.rank() == 2 ? type_ids : plain);
        h = norm(h + positions.weight.var().slice(0, 0, L));
        if (states) states->push_back(h);
        for (const BertLayer& layer : layers) {
            h = layer(h, keep);
            if (states) states->push_back(h);
        }
        return h;
    }

    /// tanh(dense(first token)): [B, W].
    Var pool(const Var& hidden) const {
        if (!pooler) fail<UsageError>("bert: this configuration has no pooler");
        return (*pooler)(hidden.slice(1, 0), Activation::tanh);
    }

    /// A sentence as one vector of length 1: the mean over kept tokens, normalised. [B, L, W] -> [B, W].
    static Var sentence(const Var& hidden, const KeyMask& keep) {
        const auto [B, L, W] = hidden.sizes<3>("B L W");
        Tensor<double> share(Shape{B, 1, L});
        for (Index b = 0; b < B; ++b) {
            double kept = 0;
            for (Index i = 0; i < L; ++i) kept += keep.rank() == 2 ? keep(b, i) != 0 : 1;
            for (Index i = 0; i < L; ++i)
                share[b * L + i] = (keep.rank() != 2 || keep(b, i)) ? 1.0 / std::max(kept, 1e-9) : 0.0;
        }
        const Var weights = Var(share).like(hidden);
        return l2_normalize(matmul(weights, hidden).reshape({B, W}));
    }

    void visit(auto&& f) {
        f("words", words);
        f("positions", positions);
        f("types", types);
        f("norm", norm);
        f("layers", layers);
        f("pooler", pooler);
    }
};

}  // namespace svad
