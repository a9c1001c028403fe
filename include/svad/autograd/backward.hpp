// SPDX-License-Identifier: Apache-2.0
// backward(loss): d loss / d leaf for every leaf, by one walk from the newest node to the oldest. Each node is freed
// as it is passed, so peak memory falls during the walk. Gradients that meet are added in the order of the walk, which
// the program alone decides: results repeat to the bit.
#pragma once

#include "svad/autograd/op.hpp"
#include "svad/core/parallel.hpp"

#include <queue>

namespace svad {

namespace detail {

/// Gives a node's inputs the bytes that as_kept() left out. What was made again stays until its own gradient has passed.
inline void restore(Node& node) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        Var& x = node.inputs[i];
        if (x || !(node.op->cheap() || node.op->keeps_input(i))) continue;
        const std::shared_ptr<Node> maker = x.node();
        if (!maker || !maker->op) fail<UsageError>("backward: this graph was freed by an earlier backward(); compute the loss anew");
        if (!maker->again) {
            restore(*maker);
            const Span span(maker->op->name(), "again", [&] { return shapes_of(maker->inputs); });
            std::vector<Var> saved, plain;
            for (const Var& v : maker->inputs) plain.push_back(v.detach());
            maker->again = maker->op->run(plain, saved);
        }
        Var whole = maker->again;
        whole.attach(maker);
        x = whole;
    }
}

/// into += g, in place if nobody else sees into's memory.
inline void accumulate(Var& into, const Var& g) {
    if (!into) {
        into = g;
        return;
    }
    if (into.shape() != g.shape() || into.dtype() != g.dtype())
        fail<ShapeError>("backward: gradients ", into, " and ", g, " of one value differ");
    const Span span("accumulate", "backward", [&] { return join(g.shape()); });
#if SVAD_CUDA
    if (g.device().kind == Device::Kind::cuda) {
        const Var sum = into.contiguous() && into.storage().unique() ? into : Var::uninitialized(g.shape(), g.dtype(), g.device());
        cuda::use(g.device().index);
        if (g.numel() > 0) cuda::binary(cuda::Binary::add, cuda::ref(into), cuda::ref(g), cuda::ref(sum), cuda::compute_stream(g.device().index));
        into = sum;
        return;
    }
#endif
    dispatch(g.dtype(), "backward", [&](auto t) {
        using T = decltype(t);
        // The sum is written over the one that nobody else sees.
        const auto own = [](const Var& v) { return v.contiguous() && v.storage().unique(); };
        const Var sum = own(into) ? into : own(g) ? g : Var::uninitialized(g.shape(), g.dtype());
        if (CpuCache::imagining()) {
            into = sum;
            return;
        }
        const Var a = into.contiguous_(), b = g.contiguous_();
        const T* x = a.data<T>();
        const T* y = b.data<T>();
        T* out = sum.data<T>();
        parallel_for(g.numel(), 32768, [&](Index first, Index last) {
            for (Index i = first; i < last; ++i) out[i] = x[i] + y[i];
        });
        into = sum;
    });
}

}  // namespace detail

/// Fills grad() of every leaf that `root` depends on with d (sum of root * seed) / d leaf; adds to what is there.
inline void backward(const Var& root, const Var& seed) {
    if (!root.wants_grad())
        fail<UsageError>("backward: the loss does not depend on any value that wants a gradient");
    if (seed.shape() != root.shape()) fail<ShapeError>("backward: the seed ", seed, " must have the shape of ", root);
    const NoGrad off;
    using NodePtr = std::shared_ptr<detail::Node>;
    const auto older = [](const NodePtr& a, const NodePtr& b) { return a->order < b->order; };
    std::priority_queue<NodePtr, std::vector<NodePtr>, decltype(older)> pending(older);

    const auto give = [&](const NodePtr& node, const Var& g) {
        const bool first = !node->grad;
        detail::accumulate(node->grad, g);
        if (node->freed) fail<UsageError>("backward: this graph was freed by an earlier backward(); compute the loss anew");
        if (node->op && first) pending.push(node);
    };
    give(root.node(), seed);
    while (!pending.empty()) {
        const NodePtr node = pending.top();
        pending.pop();
        const Var dy = std::exchange(node->grad, Var());
        const Span span(node->op->name(), "backward", [&] { return detail::shapes_of(node->inputs); });
        detail::restore(*node);
        const Grads grads = node->op->grad(dy, node->result, node->saved, node->inputs);
        for (std::size_t i = 0; i < node->inputs.size(); ++i) {
            const Var& x = node->inputs[i];
            if (!x.wants_grad() || i >= grads.size() || !grads[i]) continue;
            if (grads[i].shape() != x.shape())
                fail<ShapeError>(node->op->name(), ": gradient ", grads[i], " does not fit input ", i, " ", x.shape());
            give(x.node(), grads[i]);
        }
        node->op = nullptr;
        node->inputs.clear();
        node->saved.clear();
        node->result = node->again = Var();
        node->freed = true;
    }
}

/// d loss / d leaf for a loss with one element.
inline void backward(const Var& loss) {
    if (loss.numel() != 1) fail<ShapeError>("backward: the loss must have one element; got ", loss);
    backward(loss, Var::full(loss.shape(), 1.0, loss.dtype(), loss.device()));
}

}  // namespace svad
