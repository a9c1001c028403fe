// SPDX-License-Identifier: Apache-2.0
// The small layers: norms, tables of embeddings, and convolutions as vision transformers use them (patches to tokens,
// depth-wise position encoding, batch norm with running statistics).
#pragma once

#include "svad/nn/linear.hpp"
#include "svad/ops/conv.hpp"
#include "svad/ops/depthwise.hpp"
#include "svad/ops/embedding.hpp"
#include "svad/ops/layout.hpp"
#include "svad/ops/norm.hpp"

namespace svad {

/// (x - mean) / sqrt(variance + eps) * weight + bias over the last axis.
struct LayerNorm {
    Parameter weight, bias;
    double eps;

    explicit LayerNorm(Index width, double epsilon = 1e-5)
        : weight(Shape{width}, Init::ones()), bias(Shape{width}, Init::zeros()), eps(epsilon) {}
    Var operator()(const Var& x) const { return layer_norm(x, weight, bias, eps); }
    void visit(auto&& f) { f("weight", weight); f("bias", bias); }
};

/// x / sqrt(mean(x^2) + eps) * weight over the last axis.
struct RmsNorm {
    Parameter weight;
    double eps;

    explicit RmsNorm(Index width, double epsilon = 1e-6) : weight(Shape{width}, Init::ones()), eps(epsilon) {}
    Var operator()(const Var& x) const { return rms_norm(x, weight, eps); }
    void visit(auto&& f) { f("weight", weight); }
};

enum class NormKind { layer, rms };

/// Either of the two: what a decoder's configuration chooses.
struct Norm {
    Parameter weight;
    std::optional<Parameter> bias;                  // layer norm has one
    double eps;

    Norm(NormKind kind, Index width, double epsilon) : weight(Shape{width}, Init::ones()), eps(epsilon) {
        if (kind == NormKind::layer) bias.emplace(Shape{width}, Init::zeros());
    }
    Var operator()(const Var& x) const {
        return bias ? layer_norm(x, weight, *bias, eps) : rms_norm(x, weight, eps);
    }
    void visit(auto&& f) { f("weight", weight); f("bias", bias); }
};

/// Rows of a table: ids [...] -> [..., width].
struct Embedding {
    Parameter weight;                               // [rows, width]

    Embedding(Index rows, Index width, Init rule = Init::normal(0.02)) : weight(Shape{rows, width}, rule) {}
    Var operator()(const Tensor<std::int32_t>& ids) const { return embedding(weight, ids); }
    Index rows() const { return weight.shape()[0]; }
    void visit(auto&& f) { f("weight", weight); }
};

namespace detail {
/// Pixels come from the CPU: where a model is elsewhere they are brought there, in the dtype it computes in.
inline Var pixels_for(const Var& pixels, const Var& weight) {
    return pixels.device() == weight.device() ? pixels : pixels.like(weight);
}
}  // namespace detail

/// Pictures to patch vectors, row-major: [B, 3, S, S] -> [B, N, width].
struct PatchEmbed {
    Parameter weight;                               // [width, channels, patch, patch]
    std::optional<Parameter> bias;
    Index patch;

    PatchEmbed(Index channels, Index width, Index patch_size, bool with_bias = true)
        : weight(Shape{width, channels, patch_size, patch_size}, Init::normal(0.02)), patch(patch_size) {
        if (with_bias) bias.emplace(Shape{width}, Init::zeros());
    }
    Var operator()(const Var& pixels) const {
        const auto [B, C, H, W] = pixels.sizes<4>("B C H W");
        const Index h = H / patch, w = W / patch, n = C * patch * patch;
        const Var whole = detail::pixels_for(pixels, weight).slice(2, 0, h * patch).slice(3, 0, w * patch);                     // a rest at the edges is not seen
        const Var patches = whole.reshape({B, C, h, patch, w, patch}).permute({0, 2, 4, 1, 3, 5}).reshape({B, h * w, n});
        return linear(patches, weight.var().reshape({weight.shape()[0], n}), value_or_none(bias));  // [B, h w, D]
    }
    void visit(auto&& f) { f("weight", weight); f("bias", bias); }
};

/// Clips to patch vectors with a kernel over three frames and a step of two: [B, T, 3, S, S] -> [B * T', N, width].
struct TubeEmbed {
    Parameter weight;                               // [width, channels, 3, patch, patch]
    std::optional<Parameter> bias;
    Index patch;

    TubeEmbed(Index channels, Index width, Index patch_size, bool with_bias = true)
        : weight(Shape{width, channels, 3, patch_size, patch_size}, Init::normal(0.02)), patch(patch_size) {
        if (with_bias) bias.emplace(Shape{width}, Init::zeros());
    }
    Var operator()(const Var& clip) const {
        const Var y = conv3d(detail::pixels_for(clip, weight).permute({0, 2, 1, 3, 4}), weight, value_or_none(bias),
                             {.stride = {2, patch, patch}, .padding = {1, 0, 0}, .groups = 1});     // [B, D, T', h, w]
        const Index B = y.size(0), D = y.size(1), T = y.size(2), N = y.size(3) * y.size(4);
        return y.permute({0, 2, 3, 4, 1}).reshape({B * T, N, D});
    }
    void visit(auto&& f) { f("weight", weight); f("bias", bias); }
};

/// 3x3x3 convolution of each channel by itself, zero padding: tokens [B, T, h, w, C] -> the same shape.
struct DepthwiseConv3d {
    Parameter weight, bias;                         // [C, 1, 3, 3, 3], [C]

    explicit DepthwiseConv3d(Index channels, Init rule = Init::normal(0.02))
        : weight(Shape{channels, 1, 3, 3, 3}, rule), bias(Shape{channels}, Init::zeros()) {}
    Var operator()(const Var& tokens) const { return depthwise_tokens(tokens, weight, bias); }
    /// Tokens [B * T, E + H * W, C] with the convolution added to their patches.
    Var added_to(const Var& tokens, const TokenGrid& grid) const { return depthwise_clips(tokens, weight, bias, grid, true); }
    void visit(auto&& f) { f("weight", weight); f("bias", bias); }
};

/// Batch norm with the running statistics of the checkpoint: x [B, C, ...], per channel.
struct BatchNorm {
    Parameter weight, bias, running_mean, running_var;
    double eps;

    explicit BatchNorm(Index channels, double epsilon = 1e-5)
        : weight(Shape{channels}, Init::ones()), bias(Shape{channels}, Init::zeros()),
          running_mean(Shape{channels}, Init::zeros(), Parameter::Kind::buffer),
          running_var(Shape{channels}, Init::ones(), Parameter::Kind::buffer), eps(epsilon) {}
    Var operator()(const Var& x) const {
        return batch_norm(x, weight, bias, running_mean.var().to<float>(), running_var.var().to<float>(),
                          eps);
    }
    void visit(auto&& f) {
        f("weight", weight);
        f("bias", bias);
        f("running_mean", running_mean);
        f("running_var", running_var);
    }
};

/// A convolution over [B, C, T, h, w] with any kernel; the size of the result is the op's.
struct Conv3dLayer {
    Parameter weight, bias;                         // [out, in / groups, kt, kh, kw], [out]
    Conv3d options;

    Conv3dLayer(const Shape& kernel, Conv3d o, Init rule = Init::normal(0.02))
        : weight(kernel, rule), bias(Shape{kernel[0]}, Init::zeros()), options(o) {}
    Var operator()(const Var& x) const { return conv3d(x, weight, bias, options); }
    void visit(auto&& f) { f("weight", weight); f("bias", bias); }
};

}  // namespace svad
