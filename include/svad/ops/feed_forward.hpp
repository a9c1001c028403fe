// SPDX-License-Identifier: Apache-2.0
// act(x w1' + b1) w2' + b2 as one step of the tape. It keeps what stands before the activation and makes the activation's
// value again on the way back, in the pass that turns the gradient: the widest value of a transformer is kept once, not
// twice (a fifth of a block's memory), and the sum over rows for b1 costs no pass of its own.
#pragma once

#include "svad/ops/linear.hpp"

namespace svad {

namespace detail {

class FeedForwardOp final : public AnyOp {
public:
    FeedForwardOp(Activation a, cpu::Operands operands, bool biased) : activation_(a), operands_(operands), biased_(biased) {}

    std::string_view name() const override { return "feed_forward"; }
    bool differentiable() const override { return true; }
    bool keeps_result() const override { return false; }
    bool keeps_input(std::size_t i) const override { return i < 3; }        // x, w1, w2; then b1, b2

    Var run(std::span<const Var> in, std::vector<Var>& saved) const override {
        std::vector<Var> plain, before, none;
        for (const Var& v : in) plain.push_back(v.detach());
        const auto product = [&](const Var& x, std::size_t w, std::size_t b, Activation a, std::vector<Var>& kept) {
            if (!biased_) return erase(ops::LinearOp{a, operands_})->run(std::vector{x, plain[w]}, kept);
            return erase(ops::LinearBiasOp{a, operands_})->run(std::vector{x, plain[w], plain[b]}, kept);
        };
        const Var h = product(plain[0], 1, 3, activation_, before);
        saved.push_back(before.at(0));
        return product(h, 2, 4, Activation::none, none);
    }

    // With a = act(u), u = x w1' + b1:  dw2 = dy' a,  g = (dy w2) act'(u),  dw1 = g' x,  db1 = sum of g,  dx = g w1.
    Grads grad(const Var& dy, const Var&, std::span<const Var> saved, std::span<const Var> in) const override {
        const Var &x = in[0], &w1 = in[1], &w2 = in[2];
        const Index rows = dy.shape().rows(), width = w2.size(1);
        const Var slope = dy.reshape({rows, w2.size(0)});
        const auto product = [&](const Var& a, const Var& b, bool flip) { return svad::apply(ops::MatmulOp{{flip, false}, operands_}, a, b); };
        const Var both = svad::apply(ops::ActivationTurnOp{activation_}, product(slope, w2, false), saved[0].reshape({rows, width}));
        const Var g = both.slice(0, 0, rows);
        Grads grads(in.size());
        if (w2.wants_grad()) grads[2] = product(slope, both.slice(0, rows, 2 * rows), true);
        if (w1.wants_grad()) grads[1] = product(g, x.reshape({rows, x.shape().back()}), true);
        if (x.wants_grad()) grads[0] = product(g, w1, false).reshape(x.shape());
        if (biased_ && in[3].wants_grad()) grads[3] = both.slice(0, 2 * rows).contiguous_copy();       // of its own: the rest can go
        if (biased_ && in[4].wants_grad()) grads[4] = sum_to(slope, in[4].shape());
        return grads;
    }

private:
    Activation activation_;
    cpu::Operands operands_;
    bool biased_;
};

}  // namespace detail

/// act(x w1' + b1) w2' + b2: x [..., in], w1 [hidden, in], w2 [out, hidden]; both biases or neither. Equal to two linear().
[[nodiscard]] inline Var feed_forward(const Var& x, const Var& w1, const Var& b1, const Var& w2, const Var& b2, Activation activation) {
    const bool biased = b1 && b2;
    const bool plain = activation == Activation::none || static_cast<bool>(b1) != static_cast<bool>(b2);
    if (plain || detail::packed_weight(x, w1) || detail::packed_weight(x, w2)) return linear(linear(x, w1, b1, activation), w2, b2);
    const Var list[] = {x, w1, w2, b1, b2};
    return detail::record(OpPtr(new detail::FeedForwardOp(activation, detail::matmul_operands(), biased)), std::span(list, biased ? 5 : 3));
}

}  // namespace svad
