// SPDX-License-Identifier: Apache-2.0
// A model of your own from the library's layers: a transformer block is twenty lines. Learns to reverse five digits.
#include <svad/svad.hpp>

#include <cstdio>

namespace {

using namespace svad;

/// x + attn(norm(x)), then x + mlp(norm(x)).
struct Block {
    LayerNorm norm1, norm2;
    Attention attn;
    Mlp mlp;

    Block(Index width, Index heads)
        : norm1(width), norm2(width), attn({.width = width, .heads = heads}), mlp(width, 4 * width) {}

    Var operator()(Var x) const {                               // [B, L, D]
        x = x + attn(norm1(x));
        return x + mlp(norm2(x));
    }

    void visit(auto&& f) { f("norm1", norm1); f("attn", attn); f("norm2", norm2); f("mlp", mlp); }
};

struct Reverser {
    Embedding digits{10, 32};
    Parameter positions{Shape{5, 32}, Init::normal(0.02)};
    std::vector<Block> blocks;
    LayerNorm norm{32};
    Linear head{32, 10};

    Reverser() {
        for (int i = 0; i < 2; ++i) blocks.emplace_back(32, 2);
    }

    Var operator()(const Tensor<std::int32_t>& ids) const {     // [B, 5] -> [B, 5, 10]
        Var x = digits(ids) + positions.var();
        for (const Block& block : blocks) x = block(x);
        return head(norm(x));
    }

    void visit(auto&& f) {
        f("digits", digits);
        f("positions", positions);
        f("blocks", blocks);
        f("norm", norm);
        f("head", head);
    }
};

}  // namespace

int main() {
    Reverser model;
    init(model, 1);
    for (const auto& [path, parameter] : parameters(model)) std::printf("%s %s\n", path.c_str(), join(parameter->shape()).c_str());
    AdamW optimizer;
    optimizer.add(model);

    Random random(3, 0);
    Index right = 0;
    for (int step = 0; step < 400; ++step) {
        Tensor<std::int32_t> ids({64, 5}), labels({64 * 5});
        for (Index b = 0; b < 64; ++b)
            for (Index i = 0; i < 5; ++i) labels[b * 5 + 4 - i] = ids(b, i) = static_cast<std::int32_t>(random.below(10));
        const Var logits = model(ids).reshape({64 * 5, 10});
        backward(cross_entropy(logits, labels));
        optimizer.clip(1.0);
        optimizer.step(3e-3);
        optimizer.clear();
        const auto guess = argmax(logits);
        right = 0;
        for (Index i = 0; i < labels.numel(); ++i) right += guess[i] == labels[i];
    }
    std::printf("digits right in the last batch: %lld of 320\n", static_cast<long long>(right));
    return right > 300 ? 0 : 1;
}
