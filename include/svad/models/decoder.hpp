// SPDX-License-Identifier: Apache-2.0
// Transformer decoder. LLaMA, Vicuna, Qwen 1, 2 and 2-VL, Baichuan (rotary or ALiBi), GPT-2, OPT, GIT and the demo's own are
// configurations:
//     h = h + attention(norm1 h);  h = h + mlp(norm2 h);  scores = head(norm h)
// It reads vectors, so that visual queries stand in front of words (paper eq 8), and it continues from a KvCache.
#pragma once

#include "svad/nn/attention.hpp"
#include "svad/nn/layers.hpp"
#include "svad/ops/reduce.hpp"

namespace svad {

/// How a decoder knows the order of words.
enum class Positions { rope, alibi, learned };

struct DecoderConfig {
    Index vocabulary = 32000;
    Index width = 4096, depth = 32, heads = 32;
    Index kv_heads = 0;                             ///< 0 = heads
    Index head_width = 0;                           ///< 0 = width / heads
    Index hidden = 11008;
    Positions positions = Positions::rope;
    Index max_positions = 2048;                     ///< places that a learned table knows
    Index first_position = 0;                       ///< row of a learned table for the first place (OPT: 2)
    Index longest = 0;                              ///< sequences beyond it would need rules that are not ours; 0 = any
    RopeOptions rope = {};
    std::vector<Index> rope_sections = {};          ///< pairs that turn by time, row and column (Qwen2-VL); empty = one place
    NormKind norm = NormKind::rms;
    double eps = 1e-6;
    bool post_norm = false;                         ///< h = norm1(h + attention h), as BERT and GIT; no last norm then
    double embed_eps = 0;                           ///< of a layer norm over word + position (GIT); 0 = none
    bool gated = true;
    Activation activation = Activation::silu;
    bool attention_bias = false, out_bias = false, mlp_bias = false;
    bool tied = false;                              ///< the head is the table of words
    bool head_bias = false;
    bool norm_head = false;                         ///< rows of the head have length 1 (Baichuan 2)
    double dropout = 0;                             ///< behind attention and MLP
    double deviation = 0.02;                        ///< of initial weights
};

/// What a call of a decoder may bring beside the vectors.
struct DecoderContext {
    KeyMask keep = {};                              ///< [B, past + L], 0 = padding; empty = all real
    KvCache* cache = nullptr;                       ///< continue from it, and add to it
    std::vector<Var>* layers = nullptr;             ///< receives every block's output
    Index prefix = 0;                               ///< so many leading vectors of the whole text see each other both ways, and
                                                    ///< have no place among the words (GIT's pictures)
    Tensor<std::int32_t> places = {};               ///< [3, B, L]: time, row, column, for rope_sections; empty = by counting
};

struct DecoderBlock {
    Norm norm1, norm2;
    Attention attn;
    Mlp mlp;
    double rate;
    bool post_norm;

    explicit DecoderBlock(const DecoderConfig& c)
        : norm1(c.norm, c.width, c.eps), norm2(c.norm, c.width, c.eps),
          attn({.width = c.width, .heads = c.heads, .kv_heads = c.kv_heads, .head_width = c.head_width, .bias = c.attention_bias,
                .out_bias = c.out_bias, .weight = Init::normal(c.deviation), .out = residual(c)}),
          mlp(c.width, c.hidden, {.activation = c.activation, .gated = c.gated, .bias = c.mlp_bias,
                                  .up = Init::normal(c.deviation), .down = residual(c)}), rate(c.dropout), post_norm(c.post_norm) {}

    Var operator()(Var h, const AttentionContext& context) const {              // [B, L, D]
        if (post_norm) {
            h = norm1(h + drop(attn(h, context)));
            return norm2(h + drop(mlp(h)));
        }
        h = h + drop(attn(norm1(h), context));
        return h + drop(mlp(norm2(h)));
    }

    void visit(auto&& f) { f("norm1", norm1); f("attn", attn); f("norm2", norm2); f("mlp", mlp); }

private:
    static Init residual(const DecoderConfig& c) { return Init::normal(c.deviation / std::sqrt(2.0 * static_cast<double>(c.depth))); }
    Var drop(const Var& x) const { return rate > 0 ? dropout(x, rate) : x; }
};

struct Decoder {
    DecoderConfig config;
    Embedding words;
    std::optional<Embedding> positions;
    std::optional<LayerNorm> embed_norm;
    std::vector<DecoderBlock> blocks;
    std::optional<Norm> norm;
    std::optional<Parameter> head;                  // [vocabulary, D]; none when tied
    std::optional<Parameter> head_bias;             // [vocabulary]

    explicit Decoder(const DecoderConfig& c)
        : config(c), words(c.vocabulary, c.width, Init::normal(c.deviation)),
          blocks(static_cast<std::size_t>(c.depth), DecoderBlock(c)) {
        if (!c.post_norm) norm.emplace(c.norm, c.width, c.eps);
        if (c.embed_eps > 0) embed_norm.emplace(c.width, c.embed_eps);
        if (c.head_bias) head_bias.emplace(Shape{c.vocabulary}, Init::zeros());
        if (c.positions == Positions::learned) positions.emplace(c.first_position + c.max_positions, c.width, Init::normal(c.deviation));
        if (!c.tied) head.emplace(Shape{c.vocabulary, c.width}, Init::normal(c.deviation));
        name_parameters(*this);
    }

    /// Word vectors: ids [B, L] -> [B, L, D].
    Var embed(const Tensor<std::int32_t>& ids) const { return words(ids); }

    /// Vectors [B, L, D] to hidden states behind the last norm, if there is one [B, L, D].
    Var operator()(const Var& vectors, const DecoderContext& in = {}) const {
        const auto [B, L, D] = vectors.sizes<3>("B L D");
        const Index past = in.cache ? in.cache->length() : 0;
        if (in.keep.rank() == 2 && in.keep.shape() != Shape{B, past + L})
            fail<ShapeError>("decoder: keep must be [", B, ", ", past + L, "]; got ", in.keep.shape());
        if (config.longest > 0 && past + L > config.longest)
            fail<ShapeError>("decoder: ", past + L, " positions, but this model is defined up to ", config.longest, "; shorten the prompt");
        const Index prefix = std::clamp<Index>(in.prefix - past, 0, L);         // of these vectors
        const Tensor<std::int32_t> places = count_kept(in.keep, B, past, L, in.prefix);
        AttentionContext context{.causal = true, .keep = in.keep, .prefix = prefix, .rope = config.rope, .positions = places, .cache = in.cache};
        RopeTable rotation;
        if (config.positions == Positions::rope) {
            rotation = in.places.empty() ? turns(places) : turns_in_sections(in.places, context.positions);
            context.rotation = &rotation;
        }
        if (config.positions == Positions::alibi) context.slopes = alibi_slopes(config.heads);

        Var h = prefix == 0 ? placed(vectors, places)
                            : concat(1, {vectors.slice(1, 0, prefix), placed(vectors.slice(1, prefix, L), behind(places, prefix))});
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            context.layer = static_cast<Index>(i);
            h = blocks[i](h, context);
            if (in.layers) in.layers->push_back(h);
        }
        if (in.cache) in.cache->advance(L);
        return norm ? (*norm)(h) : h;
    }

    /// The weights that turn hidden states into scores: [vocabulary, D]. A head with a bias is more than they: see scores().
    Var head_weight() const {
        if (head_bias) fail<UsageError>("decoder: the head has a bias; use scores()");
        return head_rows();
    }
    /// Scores of the next word: hidden [..., D] -> [..., vocabulary].
    Var scores(const Var& hidden) const { return linear(hidden, head_rows(), value_or_none(head_bias)); }
    /// An empty cache for `rows` sequences of up to `capacity` positions.
    KvCache cache(Index rows, Index capacity) const {
        const Linear& k = blocks.at(0).attn.k;
        return KvCache(config.depth, rows, capacity, k.out(), computes_in(words.weight), words.weight.var().device());
    }

    /// The dtype of what these weights make of vectors: their own, or f32 where they stay as a file stores them.
    static DType computes_in(const Parameter& weight) {
        const Var& w = weight.var();
        const bool stored = is_blocked(w.dtype()) || (blocks::is_packed(w.dtype()) && w.device().kind == Device::Kind::cpu);
        return stored ? DType::f32 : w.dtype();
    }

    void visit(auto&& f) {
        f("words", words);
        f("positions", positions);
        f("embed_norm", embed_norm);
        f("blocks", blocks);
        f("norm", norm);
        f("head", head);
        f("head_bias", head_bias);
    }

private:
    Var head_rows() const {
        const Var w = head ? head->var() : words.weight.var();
        return config.norm_head ? l2_normalize(w) : w;
    }
    static Tensor<std::int32_t> behind(const Tensor<std::int32_t>& places, Index first) {
        const Index B = places.size(0), L = places.size(1);
        Tensor<std::int32_t> rest({B, L - first});
        for (Index b = 0; b < B; ++b) std::copy_n(places.data() + b * L + first, L - first, rest.data() + b * (L - first));
        return rest;
    }
    // Words with what the learned table and the norm over it make of them; places [B, L].
    Var placed(const Var& vectors, Tensor<std::int32_t> places) const {
        for (std::int32_t& p : places) p += static_cast<std::int32_t>(config.first_position);
        const Var h = positions ? vectors + (*positions)(places) : vectors;
        return embed_norm ? (*embed_norm)(h) : h;
    }
    // Angles for the positions that occur.
    RopeTable turns(const Tensor<std::int32_t>& places) const {
        const Index head_width = config.head_width > 0 ? config.head_width : config.width / config.heads;
        if (places.empty()) return rope_table(head_width, 1, config.rope);
        const auto [first, last] = std::minmax_element(places.begin(), places.end());
        return rope_table(head_width, *last - *first + 1, config.rope, *first);
    }
    // The same where every token has three places [3, B, L]: a row of the table a token, and positions that name it.
    RopeTable turns_in_sections(const Tensor<std::int32_t>& places, Tensor<std::int32_t>& rows) const {
        const Index head_width = config.head_width > 0 ? config.head_width : config.width / config.heads, n = rows.numel();
        const std::vector<double> frequencies = rope_frequencies(head_width, config.rope);
        std::vector<Index> axes;                    // of each pair
        for (std::size_t axis = 0; axis < config.rope_sections.size(); ++axis)
            axes.insert(axes.end(), static_cast<std::size_t>(config.rope_sections[axis]), static_cast<Index>(axis));
        if (axes.size() != frequencies.size() || places.shape() != Shape{3, rows.size(0), rows.size(1)})
            fail<ShapeError>("decoder: places ", places.shape(), " for ids ", rows.shape(), " and ", axes.size(), " of ", frequencies.size(), " pairs");
        RopeTable table{Tensor<float>({n, head_width / 2}), Tensor<float>({n, head_width / 2})};
        for (Index r = 0; r < n; ++r) {
            rows[r] = static_cast<std::int32_t>(r);
            for (std::size_t i = 0; i < axes.size(); ++i) {
                const double angle = static_cast<double>(places[axes[i] * n + r]) * frequencies[i];
                table.cos(r, static_cast<Index>(i)) = static_cast<float>(std::cos(angle));
                table.sin(r, static_cast<Index>(i)) = static_cast<float>(std::sin(angle));
            }
        }
        return table;
    }
    // The place of each new token among the kept ones behind the prefix: cumsum(keep) - 1, as Hugging Face counts.
    static Tensor<std::int32_t> count_kept(const KeyMask& keep, Index B, Index past, Index L, Index prefix) {
        Tensor<std::int32_t> places(Shape{B, L});
        for (Index b = 0; b < B; ++b) {
            std::int32_t n = 0;
            for (Index i = 0; i < past + L; ++i) {
                n += keep.rank() != 2 || keep(b, i);
                if (i >= past) places(b, i - past) = std::max(n - 1 - static_cast<std::int32_t>(prefix), 0);
            }
        }
        return places;
    }
};

}  // namespace svad
