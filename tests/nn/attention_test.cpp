// SPDX-License-Identifier: Apache-2.0
#include "svad/nn/attention.hpp"

#include "svad/autograd/gradcheck.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

Var random(const Shape& shape, std::uint64_t seed) { return Var(random_f64(shape, -1, 1, seed).to<float>()); }

double difference(const Var& a, const Var& b) {
    REQUIRE(a.shape() == b.shape());
    const Tensor<float> x = a.to<float>(), y = b.to<float>();
    double worst = 0;
    for (Index i = 0; i < x.numel(); ++i) worst = std::max(worst, static_cast<double>(std::abs(x[i] - y[i])));
    return worst;
}

Attention make(AttentionShape shape) {
    shape.weight = shape.out = Init::normal(0.4);
    Attention a(shape);
    init(a, 3);
    return a;
}

}  // namespace

TEST_CASE("attention: a masked key changes nothing, whatever it holds") {
    const Attention a = make({.width = 8, .heads = 2});
    Tensor<float> x = random({1, 5, 8}, 1).to<float>();
    KeyMask keep({1, 5});
    keep.fill(1);
    keep(0, 3) = 0;
    const Var before = a(x, {.keep = keep});
    x = x.clone();
    for (Index i = 0; i < 8; ++i) x(0, 3, i) = 50;
    const Var after = a(x, {.keep = keep});
    CHECK(difference(before.slice(1, 0, 3), after.slice(1, 0, 3)) == 0);
    CHECK(difference(before.slice(1, 4), after.slice(1, 4)) == 0);
}

TEST_CASE("attention: causal tokens do not see the future") {
    const Attention a = make({.width = 8, .heads = 4, .kv_heads = 2});
    const Var x = random({2, 6, 8}, 1);
    const Var all = a(x, {.causal = true}), part = a(x.slice(1, 0, 4), {.causal = true});
    CHECK(difference(all.slice(1, 0, 4), part) < 1e-6);             // other tile sizes, other order of sums
}

TEST_CASE("attention: token by token over a cache is the same as all at once") {
    const Attention a = make({.width = 8, .heads = 4, .kv_heads = 2});
    const Var x = random({2, 6, 8}, 1);
    Tensor<std::int32_t> positions({2, 6});
    for (Index i = 0; i < 12; ++i) positions[i] = static_cast<std::int32_t>(i % 6);
    const RopeTable table = rope_table(2, 6);
    const Var all = a(x, {.causal = true, .rotation = &table, .positions = positions});
    KvCache cache(1, 2, 6, a.k.out());
    for (const auto& [first, last] : {std::pair<Index, Index>{0, 3}, {3, 4}, {4, 6}}) {
        Tensor<std::int32_t> here({2, last - first});
        for (Index i = 0; i < here.numel(); ++i) here[i] = static_cast<std::int32_t>(first + i % (last - first));
        const Var part = a(x.slice(1, first, last), {.causal = true, .rotation = &table, .positions = here, .cache = &cache});
        cache.advance(last - first);
        CHECK(difference(all.slice(1, first, last), part) < 1e-6);
    }
}

TEST_CASE("attention: looking at memory of another width, with its mask") {
    const Attention a = make({.width = 8, .heads = 2, .memory_width = 5});
    const Var x = random({2, 3, 8}, 1), memory = random({2, 4, 5}, 2);
    KeyMask keep({2, 4});
    keep.fill(1);
    keep(0, 3) = keep(1, 3) = 0;
    CHECK(difference(a.look(x, memory, keep), a.look(x, memory.slice(1, 0, 3))) < 1e-6);
}

TEST_CASE("attention: gradients of self and cross attention are right") {
    Attention self = make({.width = 4, .heads = 2}), cross = make({.width = 4, .heads = 2, .memory_width = 3});
    to(self, DType::f64), to(cross, DType::f64);
    CHECK(gradient_error([&](const std::vector<Var>& in) { return self(in[0], {.causal = true}); }, {random_f64({2, 3, 4}, -1, 1, 1)}) < 1e-7);
    CHECK(gradient_error([&](const std::vector<Var>& in) { return cross.look(in[0], in[1]); },
                         {random_f64({2, 2, 4}, -1, 1, 1), random_f64({2, 3, 3}, -1, 1, 2)}) < 1e-7);
}

TEST_CASE("attention: heads that do not divide are refused") {
    CHECK_THROWS_AS(make({.width = 8, .heads = 3}), UsageError);
    CHECK_THROWS_AS(make({.width = 8, .heads = 4, .kv_heads = 3}), UsageError);
}

TEST_CASE("attention: one product for queries, keys and values equals three, forward and backward") {
    for (Index kv_heads : {4, 2})
        for (bool turned : {false, true}) {
            const Attention a = make({.width = 16, .heads = 4, .kv_heads = kv_heads, .key_bias = false});
            const RopeTable table = rope_table(4, 9);
            AttentionContext context{.causal = true};
            if (turned) context.rotation = &table, context.positions = position_ids(9);
            const Var x = random({3, 9, 16}, 7), one = x.leaf(), three = x.leaf();
            const auto gradients = [&](const Var& y, const Var& leaf) {
                backward(y, Var::full(y.shape(), 1));
                std::vector<Var> all{leaf.grad()};
                for (const Linear* l : {&a.q, &a.k, &a.v}) all.push_back(l->weight.grad()), l->weight.var().clear_grad();
                return all;
            };
            const Var together = a(one, context);
            std::vector<Var> rows;                                  // nine rows of width 16 are too few to be joined
            for (Index i = 0; i < 3; ++i) rows.push_back(a(three.slice(0, i, i + 1), context));
            const Var apart = concat(0, rows);
            CHECK(difference(together, apart) < 1e-5);
            const std::vector<Var> g = gradients(together, one), h = gradients(apart, three);
            for (std::size_t i = 0; i < g.size(); ++i) CHECK(difference(g[i], h[i]) < 1e-4);
        }
}
