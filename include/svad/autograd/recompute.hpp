// SPDX-License-Identifier: Apache-2.0
// Gradient checkpointing (Chen et al. 2016): run a block without a tape, keep its inputs only, and run it again on the
// way back. Dropout inside repeats the same masks, because masks are a function of (seed, step, site).
#pragma once

#include "svad/autograd/backward.hpp"

#include <functional>

namespace svad {

namespace detail {

class RecomputeOp final : public AnyOp {
public:
    using Block = std::function<Var(std::span<const Var>)>;
    RecomputeOp(Block block, const Modes& modes) : block_(std::move(block)), modes_(modes) {}

    std::string_view name() const override { return "recompute"; }
    Var run(std::span<const Var> inputs, std::vector<Var>&) const override {
        const NoGrad off;
        std::vector<Var> plain;
        for (const Var& x : inputs) plain.push_back(x.detach());
        const Var y = block_(plain);
        sites_ = modes().site;
        return y;
    }
    std::uint64_t sites() const { return sites_; }
    bool differentiable() const override { return true; }
    bool keeps_result() const override { return false; }
    bool keeps_input(std::size_t) const override { return true; }

    Grads grad(const Var& dy, const Var&, std::span<const Var>, std::span<const Var> inputs) const override {
        std::vector<Var> leaves;
        for (const Var& x : inputs) leaves.push_back(x.wants_grad() ? x.leaf() : x);
        {
            const ModeScope scope;
            modes() = modes_;
            const Var y = block_(leaves);
            if (y.wants_grad()) backward(y, dy);
        }
        Grads grads;
        for (const Var& x : leaves) grads.push_back(x.grad());
        return grads;
    }

private:
    Block block_;
    Modes modes_;
    mutable std::uint64_t sites_ = 0;
};

}  // namespace detail

/// block(inputs) with none of its activations kept: they are computed again in backward(). `block` must be a pure
/// function of its inputs and of parameters that outlive the backward pass; parameters in it get their gradients.
template <class Block, class... In>
Var recompute(Block block, const In&... inputs) {
    auto call = [block](std::span<const Var> in) {
        return [&]<std::size_t... i>(std::index_sequence<i...>) { return block(in[i]...); }(std::index_sequence_for<In...>{});
    };
    const Var list[] = {inputs...};
    if (!tape_enabled()) return call(list);
    auto op = std::make_unique<const detail::RecomputeOp>(call, detail::modes());
    std::vector<Var> saved;
    Var y = op->run(list, saved);
    detail::modes().site = op->sites();
    auto node = std::make_shared<detail::Node>();           // always recorded: parameters inside may want gradients
    node->order = detail::next_order();
    node->inputs.assign(std::begin(list), std::end(list));
    node->result = y.without_data();
    node->op = std::move(op);
    y.attach(std::move(node));
    return y;
}

}  // namespace svad
