// SPDX-License-Identifier: Apache-2.0
// Linear, and the feed-forward part of a transformer block: down(act(up x)), or down(act(gate x) * up x) when gated
// (Shazeer 2020). One Mlp serves both, because a block should not care.
#pragma once

#include "svad/nn/low_rank.hpp"
#include "svad/ops/activation.hpp"
#include "svad/ops/elementwise.hpp"
#include "svad/ops/feed_forward.hpp"

namespace svad {

/// An optional parameter as an op takes it: its value, or no value.
[[nodiscard]] inline Var value_or_none(const std::optional<Parameter>& p) { return p ? p->var() : Var(); }

struct LinearOptions {
    bool bias = true;
    Init weight = Init::normal(0.02);
};

/// y = x W' + b over the last axis: [..., in] -> [..., out]; and a low-rank part, if it was given one (nn/lora.hpp).
struct Linear {
    Parameter weight;                               // [out, in]
    std::optional<Parameter> bias;                  // [out]
    std::optional<LowRank> lora;

    Linear(Index in, Index out, LinearOptions o = {}) : weight(Shape{out, in}, o.weight) {
        if (o.bias) bias.emplace(Shape{out}, Init::zeros());
    }

    Var operator()(const Var& x, Activation activation = Activation::none) const {
        if (!lora || lora->merged()) return linear(x, weight, value_or_none(bias), activation);
        const Var y = linear(x, weight, value_or_none(bias)) + (*lora)(x);
        return activation == Activation::none ? y : activate(y, activation);
    }

    Index in() const { return weight.shape()[1]; }
    Index out() const { return weight.shape()[0]; }

    void visit(auto&& f) { f("weight", weight); f("bias", bias); f("lora", lora); }
};

/// The results of layers that read the same x, side by side, from one product over their weights put together. Empty if
/// they cannot be joined (adapters, packed weights), or if x has too few rows to be worth the copy of the weights.
[[nodiscard]] inline Var joined(const Var& x, std::initializer_list<const Linear*> layers) {
    if (x.rank() == 0 || x.shape().rows() < x.size(-1) || x.device() != Device::cpu()) return Var();
    std::vector<Var> weights, biases;
    bool biased = false;
    for (const Linear* l : layers) {
        if (l->lora || l->weight.var().dtype() != x.dtype()) return Var();
        weights.push_back(l->weight), biased = biased || l->bias;
    }
    if (!biased) return linear(x, concat(0, weights));
    for (const Linear* l : layers) biases.push_back(l->bias ? l->bias->var() : Var::zeros({l->out()}, x.dtype()));
    return linear(x, concat(0, weights), concat(0, biases));
}

/// Several layers on the same x: {layer(x) ...}. While a text is written with packed weights, they share one pass of the threads.
template <std::same_as<Linear>... Layers>
std::array<Var, sizeof...(Layers)> together(const Var& x, const Layers&... layers) {
    if ((layers.lora || ...)) return {layers(x)...};
    const std::array<Var, sizeof...(Layers)> weights{layers.weight.var()...};
    if (!detail::few_packed(x, weights)) return {layers(x)...};
    const std::vector<Var> products = detail::packed_linears(x, weights);
    std::size_t i = 0;
    const auto finish = [&](const Linear& l) { const Var& y = products[i++]; return l.bias ? y + l.bias->var() : y; };
    return {finish(layers)...};
}

struct MlpOptions {
    Activation activation = Activation::gelu;
    bool gated = false;
    bool bias = true;
    double dropout = 0;                             ///< behind the activation, in training only
    Init up = Init::normal(0.02), down = Init::normal(0.02);
};

/// [..., width] -> [..., width] through `hidden`.
struct Mlp {
    std::optional<Linear> gate;
    Linear up, down;
    Activation activation;
    double dropout_rate;

    Mlp(Index width, Index hidden, MlpOptions o = {})
        : up(width, hidden, {.bias = o.bias, .weight = o.up}), down(hidden, width, {.bias = o.bias, .weight = o.down}),
          activation(o.activation), dropout_rate(o.dropout) {
        if (o.gated) gate.emplace(width, hidden, LinearOptions{.bias = o.bias, .weight = o.up});
    }

    Var operator()(const Var& x) const {
        if (!gate && dropout_rate == 0 && !up.lora && !down.lora)
            return feed_forward(x, up.weight, value_or_none(up.bias), down.weight, value_or_none(down.bias), activation);
        Var h;
        if (const Var both = gate && activation == Activation::silu ? joined(x, {&*gate, &up}) : Var()) h = swiglu_joined(both);
        else if (!gate) h = up(x, activation);
        else if (activation == Activation::silu) {
            const auto [g, u] = together(x, *gate, up);
            h = swiglu(g, u);
        }
        else h = (*gate)(x, activation) * up(x);
        if (dropout_rate > 0) h = dropout(h, dropout_rate);
        return down(h);
    }

    void visit(auto&& f) { f("gate", gate); f("up", up); f("down", down); }
};

}  // namespace svad
