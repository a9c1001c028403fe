// SPDX-License-Identifier: Apache-2.0
// Vision transformer (Dosovitskiy et al. 2020; paper eq 2 and 3): patches, one class token and a position table, then
// pre-norm blocks. CLIP, EVA-CLIP-g, DINOv2, SigLIP and the ViT of Hugging Face are configurations. A picture of another size gets a
// resized position table: torch's bicubic (a = -0.75, align_corners = false, no antialias), class row untouched.
#pragma once

#include "svad/models/lmhra.hpp"
#include "svad/nn/attention.hpp"
#include "svad/ops/matmul.hpp"

namespace svad {

/// How the tokens of a picture become one vector: the class token; tanh(dense(class token)) as in Hugging Face's ViTModel;
/// a learned query that looks at all tokens (SigLIP).
enum class VitPool { none, token, dense, attention };

struct VitConfig {
    Index image = 224, patch = 14, channels = 3;
    Index width = 1408, depth = 39, heads = 16;
    Index hidden = 0;                               ///< of the MLP; 0 = 4 * width
    Activation activation = Activation::gelu;
    double eps = 1e-6;
    bool patch_bias = true;
    bool attention_bias = true, key_bias = true;
    bool pre_norm = false;                          ///< a norm before the blocks (CLIP)
    bool final_norm = true;
    bool class_token = true;                        ///< SigLIP has none
    VitPool pool = VitPool::none;
    bool gated = false;                             ///< the MLP has a gate (DINOv2-g)
    bool layer_scale = false;                       ///< a learned factor a channel behind attention and MLP (DINOv2)
    bool tubes = false;                             ///< patches span 3 frames with a step of 2: half the frames remain
    int local_mixing = 0;                           ///< Lmhra in every block: 0, 1 (before attention) or 2 (and before the MLP)
    double local_reduction = 2.0;
    Index time_places = 0;                          ///< TimeAttention in every block, with places for so many frames; 0 = none
    double dropout = 0;                             ///< in the MLP
    double deviation = 0.02;                        ///< of initial weights

    Index side() const { return image / patch; }
    Index mlp_width() const { return hidden > 0 ? hidden : 4 * width; }
};

/// Taps of a one-dimensional bicubic resize, one row per output: [out, in]; rows sum to 1.
[[nodiscard]] inline Tensor<double> bicubic_matrix(Index in, Index out) {
    constexpr double a = -0.75;                     // torch's constant; Pillow's is -0.5
    Tensor<double> m(Shape{out, in});
    const double scale = static_cast<double>(in) / static_cast<double>(out);
    const auto weight = [](double x) {
        x = std::abs(x);
        if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
        return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0.0;
    };
    for (Index i = 0; i < out; ++i) {
        const double at = (static_cast<double>(i) + 0.5) * scale - 0.5, base = std::floor(at);
        for (Index k = -1; k <= 2; ++k) {
            const Index j = std::clamp<Index>(static_cast<Index>(base) + k, 0, in - 1);
            m(i, j) += weight(at - base - static_cast<double>(k));
        }
    }
    return m;
}

/// A table of positions [rows * columns, D] resized to another grid; differentiable.
[[nodiscard]] inline Var resize_positions(const Var& table, Index rows, Index columns, Index new_rows, Index new_columns) {
    const Tensor<double> down = bicubic_matrix(rows, new_rows), across = bicubic_matrix(columns, new_columns);
    Tensor<double> both(Shape{new_rows * new_columns, rows * columns});
    for (Index y = 0; y < new_rows; ++y)
        for (Index x = 0; x < new_columns; ++x)
            for (Index j = 0; j < rows; ++j)
                for (Index i = 0; i < columns; ++i) both(y * new_columns + x, j * columns + i) = down(y, j) * across(x, i);
    return matmul(Var(both).like(table), table);
}

/// Every place of the picture looks at itself in all frames (LanguageBind, arXiv 2310.01852): h = x + place of the frame;
/// h + attention(norm h).
struct TimeAttention {
    Parameter places;                               // [T, D]
    LayerNorm norm;
    Attention attn;

    explicit TimeAttention(const VitConfig& c)
        : places(Shape{c.time_places, c.width}, Init::normal(std::pow(static_cast<double>(c.width), -0.5))), norm(c.width, c.eps),
          attn({.width = c.width, .heads = c.heads, .weight = Init::normal(c.deviation), .out = Init::normal(c.deviation)}) {}

    Var operator()(const Var& x, Index frames) const {                          // [B * T, P, D]
        const auto [BT, P, D] = x.sizes<3>("BT P D");
        const Index B = BT / frames;
        if (frames > places.shape()[0]) fail<ShapeError>("vit: ", frames, " frames, but the model has places for ", places.shape()[0]);
        Var h = x.reshape({B, frames, P, D}).permute({0, 2, 1, 3}).reshape({B * P, frames, D});
        if (frames > 1) h = h + places.var().slice(0, 0, frames);
        h = h + attn(norm(h));
        return h.reshape({B, P, frames, D}).permute({0, 2, 1, 3}).reshape({BT, P, D});
    }

    void visit(auto&& f) { f("places", places); f("norm", norm); f("attn", attn); }
};

struct VitBlock {
    std::optional<TimeAttention> time;
    std::optional<Lmhra> local1, local2;
    LayerNorm norm1, norm2;
    Attention attn;
    Mlp mlp;
    std::optional<Parameter> scale1, scale2;        // [D]

    explicit VitBlock(const VitConfig& c)
        : norm1(c.width, c.eps), norm2(c.width, c.eps),
          attn({.width = c.width, .heads = c.heads, .bias = c.attention_bias, .key_bias = c.key_bias,
                .weight = Init::normal(c.deviation), .out = residual(c)}),
          mlp(c.width, c.mlp_width(), {.activation = c.activation, .gated = c.gated, .dropout = c.dropout,
                                       .up = Init::normal(c.deviation), .down = residual(c)}) {
        if (c.time_places > 0) time.emplace(c);
        if (c.local_mixing > 0) local1.emplace(c.width, c.local_reduction);
        if (c.local_mixing > 1) local2.emplace(c.width, c.local_reduction);
        if (c.layer_scale) scale1.emplace(Shape{c.width}, Init::ones()), scale2.emplace(Shape{c.width}, Init::ones());
    }

    Var operator()(Var x, const Grid& grid) const {                             // [B * T, 1 + N, D]
        if (time) x = (*time)(x, grid.frames);
        if (local1) x = (*local1)(x, grid);
        x = x + scaled(attn(norm1(x)), scale1);
        if (local2) x = (*local2)(x, grid);
        return x + scaled(mlp(norm2(x)), scale2);
    }

    void visit(auto&& f) {
        f("time", time);
        f("local1", local1);
        f("norm1", norm1);
        f("attn", attn);
        f("local2", local2);
        f("norm2", norm2);
        f("mlp", mlp);
        f("scale1", scale1);
        f("scale2", scale2);
    }

private:
    static Var scaled(const Var& x, const std::optional<Parameter>& scale) { return scale ? x * scale->var() : x; }
    static Init residual(const VitConfig& c) { return Init::normal(c.deviation / std::sqrt(2.0 * static_cast<double>(c.depth))); }
};

/// One learned query looks at all tokens, then an MLP: tokens [B, N, D] -> [B, D].
struct AttentionPool {
    Parameter probe;                                // [D]
    Attention attn;
    LayerNorm norm;
    Mlp mlp;

    explicit AttentionPool(const VitConfig& c)
        : probe(Shape{c.width}, Init::normal(c.deviation)),
          attn({.width = c.width, .heads = c.heads, .weight = Init::normal(c.deviation), .out = Init::normal(c.deviation)}),
          norm(c.width, c.eps), mlp(c.width, c.mlp_width(), {.activation = c.activation}) {}

    Var operator()(const Var& tokens) const {
        const auto [B, N, D] = tokens.sizes<3>("B N D");
        const Var x = attn.look(probe.var().reshape({1, 1, D}).expand({B, 1, D}), tokens);
        return (x + mlp(norm(x))).reshape({B, D});
    }

    void visit(auto&& f) { f("probe", probe); f("attn", attn); f("norm", norm); f("mlp", mlp); }
};

struct Vit {
    VitConfig config;
    std::optional<PatchEmbed> patch;
    std::optional<TubeEmbed> tube;
    std::optional<Parameter> class_token;           // [D]
    Parameter positions;                            // [1 + N, D]; [N, D] without a class token
    std::optional<LayerNorm> pre_norm;
    std::vector<VitBlock> blocks;
    std::optional<LayerNorm> norm;
    std::optional<Linear> pooler;
    std::optional<AttentionPool> head;

    explicit Vit(const VitConfig& c)
        : config(c), positions(Shape{first_patch(c) + c.side() * c.side(), c.width}, Init::normal(c.deviation)),
          blocks(static_cast<std::size_t>(c.depth), VitBlock(c)) {
        if (c.tubes) tube.emplace(c.channels, c.width, c.patch, c.patch_bias);
        else patch.emplace(c.channels, c.width, c.patch, c.patch_bias);
        if (c.pre_norm) pre_norm.emplace(c.width, c.eps);
        if (c.final_norm) norm.emplace(c.width, c.eps);
        if (c.class_token) class_token.emplace(Shape{c.width}, Init::normal(c.deviation));
        if (c.pool == VitPool::dense) pooler.emplace(c.width, c.width);
        if (c.pool == VitPool::attention) head.emplace(c);
        name_parameters(*this);
    }

    /// The layout of the tokens of clips [B, T, 3, H, W].
    Grid grid(const Var& clips) const {
        const auto [B, T, C, H, W] = clips.sizes<5>("B T C H W");
        return {.frames = config.tubes ? (T + 1) / 2 : T, .rows = H / config.patch, .columns = W / config.patch};
    }

    /// Clips [B, T, 3, H, W] to tokens [B * T, 1 + N, D]: patches behind the class token, positions added (eq 2), and
    /// the norm before the blocks, if there is one.
    Var embed(const Var& clips) const {
        const Var x = place(clips);
        return pre_norm ? (*pre_norm)(x) : x;
    }

    /// The same without the norm.
    Var place(const Var& clips) const {
        const auto [B, T, C, H, W] = clips.sizes<5>("B T C H W");
        const Grid g = grid(clips);
        const Var patches = tube ? (*tube)(clips) : (*patch)(clips.reshape({B * T, C, H, W}));      // [B * T, N, D]
        const Index D = config.width, frames = patches.size(0);
        Var x = patches;
        if (class_token) x = concat(1, {class_token->var().reshape({1, 1, D}).expand({frames, 1, D}), patches});
        return x + position_table(g);
    }

    /// Pictures [B, 3, H, W] to tokens [B, 1 + N, D]; `layers` receives the embedding and every block's output.
    Var operator()(const Var& pictures, std::vector<Var>* layers = nullptr) const {
        const auto [B, C, H, W] = pictures.sizes<4>("B C H W");
        const Var x = behind(config.depth, pictures.reshape({B, 1, C, H, W}), layers);
        return norm ? (*norm)(x) : x;
    }

    /// Clips [B, T, 3, H, W] to the tokens [B * T, 1 + N, D] behind the first `count` blocks, without the last norm.
    Var behind(Index count, const Var& clips, std::vector<Var>* layers = nullptr) const {
        if (count < 0 || count > config.depth) fail<UsageError>("vit: ", count, " blocks of ", config.depth);
        const Grid g = grid(clips);
        Var x = embed(clips);
        if (layers) layers->push_back(x);
        for (Index i = 0; i < count; ++i) {
            x = blocks[static_cast<std::size_t>(i)](x, g);
            if (layers) layers->push_back(x);
        }
        return x;
    }

    /// The final tokens [B, 1 + N, D] as one vector [B, D], as the configuration says.
    Var pool(const Var& tokens) const {
        if (config.pool == VitPool::none) fail<UsageError>("vit: this configuration has no pooling");
        if (head) return (*head)(tokens);
        return pooler ? (*pooler)(tokens.slice(1, 0), Activation::tanh) : tokens.slice(1, 0);
    }

    void visit(auto&& f) {
        f("patch", patch);
        f("tube", tube);
        f("class_token", class_token);
        f("positions", positions);
        f("pre_norm", pre_norm);
        f("blocks", blocks);
        f("norm", norm);
        f("pooler", pooler);
        f("head", head);
    }

private:
    static Index first_patch(const VitConfig& c) { return c.class_token ? 1 : 0; }

    Var position_table(const Grid& g) const {
        const Index side = config.side();
        if (g.rows == side && g.columns == side) return positions;
        const Var table = positions;
        const Var patches = resize_positions(class_token ? table.slice(0, 1, end) : table, side, side, g.rows, g.columns);
        return class_token ? concat(0, {table.slice(0, 0, 1), patches}) : patches;
    }
};

}  // namespace svad
