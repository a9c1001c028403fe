// SPDX-License-Identifier: Apache-2.0
#include "svad/nn/lora.hpp"

#include "svad/autograd/gradcheck.hpp"
#include "svad/nn/attention.hpp"
#include "svad/nn/weights.hpp"
#include "svad/ops/reduce.hpp"
#include "io/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

struct Pair {
    Attention attn{{.width = 6, .heads = 2}};
    Mlp mlp{6, 10};
    Var operator()(const Var& x) const { return mlp(attn(x)); }
    void visit(auto&& f) { f("attn", attn); f("mlp", mlp); }
};

Pair made(DType dtype = DType::f32) {
    Pair p;
    init(p, 3, dtype);
    return p;
}

Var input(std::uint64_t seed = 1) { return Var(random_f64({2, 3, 6}, -1, 1, seed).to<float>()); }

std::vector<float> values(const Var& x) {
    const Tensor<float> t = x.to<float>();
    return {t.begin(), t.end()};
}

/// Gives B values, as training would.
void learn(Pair& p, std::uint64_t seed) {
    for_each_part<Linear>(p, [&](const std::string&, Linear& l) {
        if (l.lora) l.lora->b.set(Var(random_f64(l.lora->b.shape(), -1, 1, seed++).to<float>()));
    });
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, static_cast<double>(std::abs(a[i] - b[i])));
    return worst;
}

}  // namespace

TEST_CASE("lora: a new part changes nothing, trains alone and counts its parameters") {
    Pair p = made();
    const auto before = values(p(input()));
    CHECK(add_lora(p, "attn.*", {.rank = 2}) == 4);
    CHECK(values(p(input())) == before);
    freeze(p, "mlp.*");
    CHECK(parameter_count(p, Count::trainable) == 4 * (2 * 6 + 6 * 2));
    CHECK(p.attn.q.lora->a.path() == "attn.q.lora.a");
}

TEST_CASE("lora: values depend on the seed and the path only") {
    Pair one = made(), two = made();
    add_lora(one, "attn.q");
    add_lora(two, "*");
    CHECK(values(one.attn.q.lora->a) == values(two.attn.q.lora->a));
    CHECK(values(two.attn.q.lora->a) != values(two.attn.k.lora->a));
}

TEST_CASE("lora: gradients reach both halves and nothing of the frozen weight") {
    Linear l(5, 4);
    l.weight.set(Var(random_f64({4, 5}, -1, 1, 1)));
    l.bias->set(Var(random_f64({4}, -1, 1, 2)));
    add_lora(l, "*", {.rank = 3, .alpha = 6});
    l.lora->a.set(random_f64({3, 5}, -1, 1, 4)), l.lora->b.set(random_f64({4, 3}, -1, 1, 5));
    for (const Activation activation : {Activation::none, Activation::gelu})
        CHECK(gradient_error([&](const std::vector<Var>& in) { return l(in[0], activation); }, {random_f64({2, 5}, -1, 1, 3)}) < 1e-7);
    backward(sum(l(random_f64({2, 5}, -1, 1, 3))));
    CHECK(l.lora->a.grad());
    CHECK(l.lora->b.grad());
    CHECK_FALSE(l.weight.grad());
}

TEST_CASE("lora: merging keeps the function, unmerging gives the old bits back") {
    Pair p = made();
    const auto weight = values(p.mlp.up.weight);
    add_lora(p, "*", {.rank = 2, .alpha = 4});
    learn(p, 7);
    const auto apart = values(p(input()));
    merge_lora(p);
    CHECK(values(p.mlp.up.weight) != weight);
    CHECK(difference(values(p(input())), apart) < 1e-5);
    merge_lora(p);                                                  // once is enough
    CHECK(difference(values(p(input())), apart) < 1e-5);
    unmerge_lora(p);
    CHECK(values(p.mlp.up.weight) == weight);
    CHECK(values(p(input())) == apart);
    merge_lora(p);
    drop_lora(p);
    CHECK(difference(values(p(input())), apart) < 1e-5);
    CHECK(parameter_count(p) == parameter_count(made()));
}

TEST_CASE("lora: the parts alone are a file that makes the same model of a fresh one") {
    const TempDir dir;
    Pair p = made();
    add_lora(p, "attn.q", {.rank = 2, .alpha = 5});
    add_lora(p, "mlp.*", {.rank = 3});
    learn(p, 9);
    save_lora(p, dir / "parts.safetensors");
    Pair fresh = made();
    load_lora(fresh, dir / "parts.safetensors");
    CHECK(values(fresh(input())) == values(p(input())));
    CHECK_FALSE(fresh.attn.q.weight.trainable());
    CHECK(fresh.mlp.up.lora->a.path() == "mlp.up.lora.a");
    CHECK_THROWS_AS(load_lora(fresh, dir / "parts.safetensors"), UsageError);

    save(p, dir / "rest.safetensors", {}, DType::f32, {"*.lora.*"});
    CHECK_NOTHROW(load(fresh, io::open_weights(dir / "rest.safetensors"), {.rules = {}, .elsewhere = {"*.lora.*"}}));
    CHECK_THROWS_WITH_AS(load(fresh, dir / "rest.safetensors"), doctest::Contains("missing"), io::FormatError);
}

TEST_CASE("lora: files that do not fit are refused before anything is changed") {
    const TempDir dir;
    const auto write = [&](const std::string& name, std::vector<std::pair<std::string, Shape>> tensors) {
        std::vector<Tensor<float>> alive;
        std::vector<io::NamedBytes> list;
        for (const auto& [path, shape] : tensors) list.push_back(io::named(path, alive.emplace_back(shape)));
        io::write_safetensors(dir / name, list);
        return dir / name;
    };
    Pair p = made();
    const Shape one{1};
    CHECK_THROWS_WITH_AS(load_lora(p, write("a", {{"attn.z.lora.a", {2, 6}}})), doctest::Contains("belongs to no linear layer"), io::FormatError);
    CHECK_THROWS_WITH_AS(load_lora(p, write("b", {{"attn.q.lora.a", {2, 6}}})), doctest::Contains("no 'attn.q.lora.b'"), io::FormatError);
    CHECK_THROWS_WITH_AS(load_lora(p, write("c", {{"attn.q.lora.a", {2, 5}}, {"attn.q.lora.b", {6, 2}}, {"attn.q.lora.scale", one}})),
                         doctest::Contains("do not fit a layer [6, 6]"), io::FormatError);
    CHECK_THROWS_WITH_AS(load_lora(p, write("d", {{"attn.k.lora.a", {2, 6}}, {"attn.k.lora.b", {6, 2}}, {"attn.k.lora.scale", one},
                                                  {"attn.q.lora.a", {2, 6}}, {"attn.q.lora.b", {6, 3}}, {"attn.q.lora.scale", one}})),
                         doctest::Contains("do not fit"), io::FormatError);
    CHECK_THROWS_WITH_AS(load_lora(p, write("e", {})), doctest::Contains("holds no low-rank parts"), io::FormatError);
    CHECK_FALSE(p.attn.k.lora);
    CHECK_THROWS_AS(add_lora(p, "nothing.*"), UsageError);
    CHECK_THROWS_AS(add_lora(p, "*", {.rank = 0}), UsageError);
}

TEST_CASE("lora: packed weights are trained beside, and refuse to be merged") {
    Linear l(64, 4);
    Tensor<bf16> w({4, 64});
    for (Index i = 0; i < w.numel(); ++i) w.data()[i] = bf16(static_cast<float>(i % 7) - 3.0f);
    l.weight.set(Var(w));
    l.bias->set(Var(Tensor<float>({4})));
    add_lora(l, "*", {.rank = 2});
    backward(sum(l(Var(random_f64({3, 64}, -1, 1, 3).to<float>()))));
    CHECK(l.lora->b.grad());
    CHECK_THROWS_WITH_AS(merge_lora(l), doctest::Contains("is stored as bf16"), DTypeError);
}
