// SPDX-License-Identifier: Apache-2.0
// A training loop by hand: a module, a loss, backward, an optimizer step. Learns which of two spirals a point is on.
#include <svad/svad.hpp>

#include <cmath>
#include <cstdio>

namespace {

using namespace svad;

struct Classifier {
    Linear in{2, 32, {.weight = Init::normal(0.5)}}, middle{32, 32, {.weight = Init::normal(0.2)}}, out{32, 2, {.weight = Init::normal(0.2)}};

    Var operator()(const Var& points) const { return out(middle(in(points, Activation::gelu), Activation::gelu)); }

    void visit(auto&& f) { f("in", in); f("middle", middle); f("out", out); }
};

/// Points [n, 2] and their classes [n].
std::pair<Var, Tensor<std::int32_t>> spirals(Index n, Random& random) {
    Tensor<float> points({n, 2});
    Tensor<std::int32_t> classes({n});
    for (Index i = 0; i < n; ++i) {
        const double along = random.uniform(), turn = 6.0 * along + 3.14159265 * static_cast<double>(i % 2);
        points(i, 0) = static_cast<float>(along * std::cos(turn));
        points(i, 1) = static_cast<float>(along * std::sin(turn));
        classes[i] = static_cast<std::int32_t>(i % 2);
    }
    return {Var(points), classes};
}

}  // namespace

int main() {
    Classifier model;
    init(model, 1);
    AdamW optimizer({.decay = 0.01});
    optimizer.add(model);
    const Schedule rate{.peak = 0.01, .warmup = 20, .total = 600};

    Random random(2, 0);
    for (Index step = 0; step < rate.total; ++step) {
        const Training on(1, static_cast<std::uint64_t>(step));
        const auto [points, classes] = spirals(128, random);
        const Var loss = cross_entropy(model(points), classes);
        backward(loss);
        optimizer.clip(1.0);
        optimizer.step(rate(step));
        optimizer.clear();
        if (step % 100 == 0) std::printf("step %3lld  loss %.3f\n", static_cast<long long>(step), loss.item());
    }

    const NoGrad off;
    const auto [points, classes] = spirals(1000, random);
    const auto guess = argmax(model(points));
    int right = 0;
    for (Index i = 0; i < 1000; ++i) right += guess[i] == classes[i];
    std::printf("%.1f %% of fresh points are classed rightly\n", right / 10.0);
    return right > 950 ? 0 : 1;
}
