// SPDX-License-Identifier: Apache-2.0
#include "svad/autograd/gradcheck.hpp"
#include "svad/io/safetensors.hpp"
#include "svad/ops/attention.hpp"
#include "svad/ops/attention_joined.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

/// The largest difference over the largest size of `want`.
double difference(const Var& got, const Var& want) {
    REQUIRE(got.shape() == want.shape());
    const Tensor<double> g = got.to<double>(), w = want.to<double>();
    double worst = 0, size = 1e-30;
    for (Index i = 0; i < w.numel(); ++i) {
        worst = std::max(worst, std::abs(g[i] - w[i]));
        size = std::max(size, std::abs(w[i]));
    }
    return worst / size;
}

Var random_f32(const Shape& shape, std::uint64_t seed) { return random_f64(shape, -1, 1, seed).to<float>(); }

/// The definition, one score at a time: result and, for the cotangent dy, the three gradients.
struct Plain {
    Tensor<double> y, dq, dk, dv;
};

Plain plain_attention(const Var& vq, const Var& vk, const Var& vv, const Var& vdy, const AttentionOptions& o) {
    const Tensor<double> q = vq.to<double>(), k = vk.to<double>(), v = vv.to<double>(), dy = vdy.to<double>();
    const Index B = q.size(0), H = q.size(1), Lq = q.size(2), D = q.size(3), Lk = k.size(2), group = H / k.size(1);
    const double scale = o.scale != 0 ? o.scale : 1 / std::sqrt(static_cast<double>(D));
    const Index past = o.past.value_or(Lk - Lq);
    Plain out{Tensor<double>(q.shape()), Tensor<double>(q.shape()), Tensor<double>(k.shape()), Tensor<double>(k.shape())};
    std::vector<double> p(static_cast<std::size_t>(Lk)), dp(p);
    const auto share = [&](Index j) -> double& { return p[static_cast<std::size_t>(j)]; };
    for (Index b = 0; b < B; ++b)
        for (Index h = 0; h < H; ++h)
            for (Index i = 0; i < Lq; ++i) {
                const Index g = h / group;
                double sum = 0, delta = 0;
                for (Index j = 0; j < Lk; ++j) {
                    double score = 0;
                    for (Index d = 0; d < D; ++d) score += scale * q(b, h, i, d) * k(b, g, j, d);
                    if (!o.slopes.empty()) score += static_cast<double>(o.slopes[h]) * static_cast<double>(j - i - past);
                    bool seen = !o.causal || j <= i + past;
                    if (!o.keep.empty())
                        seen = seen && o.keep(o.keep.size(0) == 1 ? 0 : b, 0, o.keep.size(2) == 1 ? 0 : i, j) != 0;
                    share(j) = seen ? std::exp(score) : 0;
                    sum += share(j);
                }
                for (Index j = 0; j < Lk; ++j) {
                    share(j) = sum == 0 ? 0 : share(j) / sum;
                    double& d_share = dp[static_cast<std::size_t>(j)] = 0;
                    for (Index d = 0; d < D; ++d) {
                        out.y(b, h, i, d) += share(j) * v(b, g, j, d);
                        d_share += dy(b, h, i, d) * v(b, g, j, d);
                        out.dv(b, g, j, d) += share(j) * dy(b, h, i, d);
                    }
                    delta += share(j) * d_share;
                }
                for (Index j = 0; j < Lk; ++j)
                    for (Index d = 0; d < D; ++d) {
                        const double ds = scale * share(j) * (dp[static_cast<std::size_t>(j)] - delta);
                        out.dq(b, h, i, d) += ds * k(b, g, j, d);
                        out.dk(b, g, j, d) += ds * q(b, h, i, d);
                    }
            }
    return out;
}

struct Case {
    Shape q, k;
    AttentionOptions options = {};
};

Tensor<std::uint8_t> random_keep(const Shape& shape, std::uint64_t seed) {
    Tensor<std::uint8_t> keep(shape);
    Random random(seed);
    for (std::uint8_t& k : keep.span()) k = random.chance(0.6) ? 1 : 0;
    return keep;
}

std::vector<Case> cases() {
    const Tensor<float> slopes = Tensor<float>::of({0.5F, 0.1F, 0.02F});
    return {{{1, 1, 1, 1}, {1, 1, 1, 1}},
            {{2, 3, 65, 32}, {2, 3, 65, 32}},
            {{1, 2, 70, 8}, {1, 1, 300, 8}},
            {{2, 4, 1, 32}, {2, 4, 520, 32}},
            {{1, 2, 129, 128}, {1, 2, 257, 128}},
            {{1, 6, 33, 20}, {1, 2, 131, 20}, {.causal = true}},
            {{1, 1, 9, 5}, {1, 1, 4, 5}, {.causal = true}},                         // the first queries see nothing
            {{1, 1, 5, 7}, {1, 1, 40, 7}, {.causal = true, .past = 2}},             // keys beyond the last query
            {{1, 3, 100, 16}, {1, 3, 140, 16}, {.causal = true, .slopes = slopes}},
            {{2, 3, 10, 16}, {2, 3, 140, 16}, {.scale = 3, .slopes = slopes}},
            {{3, 2, 67, 12}, {3, 2, 141, 12}, {.keep = random_keep({3, 1, 1, 141}, 3)}},
            {{2, 2, 67, 33}, {2, 1, 141, 33}, {.causal = true, .keep = random_keep({2, 1, 67, 141}, 4)}},
            {{2, 2, 4, 16}, {2, 2, 6, 16}, {.keep = Tensor<std::uint8_t>({1, 1, 1, 6})}}};   // nothing is seen at all
}

}  // namespace

TEST_CASE("attention: equals the reference, forward and backward") {
    const auto file = io::SafeTensors::open(std::string(SVAD_FIXTURES) + "/ops/attention.safetensors");
    const char* names[] = {"full", "cross", "causal", "padding", "causal_left_padding", "gqa_causal",
                           "mqa", "cached_causal", "scaled", "odd_long", "alibi_causal"};
    for (const char* name : names) {
        CAPTURE(name);
        const std::string c = std::string(name) + ".";
        const Var q = Var(file.load<float>(c + "q")).leaf(), k = Var(file.load<float>(c + "k")).leaf(),
                  v = Var(file.load<float>(c + "v")).leaf();
        const auto run = [&](const AttentionOptions& o) {
            const Var y = attention(q, k, v, o);
            backward(y, file.load<float>(c + "dy"));
            CHECK(difference(y, file.load<float>(c + "y")) < 1e-6);      // torch's own float32 is off by up to 2.5e-7
            for (const auto& [leaf, key] : {std::pair{&q, "dq"}, {&k, "dk"}, {&v, "dv"}}) {
                CHECK(difference(leaf->grad(), file.load<float>(c + key)) < 5e-6);   // ten times torch's 4.8e-7
                leaf->clear_grad();
            }
        };
        AttentionOptions options;
        if (c == "scaled.") options.scale = 0.37;
        if (file.contains(c + "slopes")) options.slopes = file.load<float>(c + "slopes");
        if (file.contains(c + "keep")) options.keep = file.load<std::uint8_t>(c + "keep");
        run(options);
        if (c.find("causal") != std::string::npos && c.find("left") == std::string::npos) {
            options.keep = {};                                          // the same mask by rule
            options.causal = true;
            run(options);
        }
    }
}

TEST_CASE("attention: equals the definition for blocks, masks, biases and groups of all kinds") {
    int i = 0;
    for (const Case& c : cases()) {
        CAPTURE(i++);
        const Var q = random_f32(c.q, 1).leaf(), k = random_f32(c.k, 2).leaf(), v = random_f32(c.k, 3).leaf();
        const Var dy = random_f32(c.q, 4);
        const Plain want = plain_attention(q, k, v, dy, c.options);
        const Var y = attention(q, k, v, c.options);
        backward(y, dy);
        // 32-bit sums over up to 300 keys, and exp of a rounded log-sum-exp.
        CHECK(difference(y, want.y) < 2e-6);
        CHECK(difference(q.grad(), want.dq) < 1e-5);
        CHECK(difference(k.grad(), want.dk) < 1e-5);
        CHECK(difference(v.grad(), want.dv) < 1e-5);
    }
}

TEST_CASE("attention: gradients agree with differences in f64 over all samples") {
    const auto check = [](const auto& samples) {
        for (const auto& s : samples) {
            std::vector<Var> inputs;
            for (std::size_t i = 0; i < s.inputs.size(); ++i) inputs.push_back(random_f64(s.inputs[i], s.lo, s.hi, 9 + i));
            CHECK(gradient_error([&](const std::vector<Var>& x) { return apply_all(s.op, x); }, inputs) < 1e-6);
        }
    };
    check(ops::AttentionOp::samples());
    check(ops::PackedAttentionOp::samples());
}

TEST_CASE("attention_tokens: equals attention on permuted heads, which are read in place") {
    const Index B = 2, L = 21, H = 4, G = 2, D = 16;
    const Var q = random_f32({B, L, H * D}, 1).leaf(), k = random_f32({B, L, G * D}, 2).leaf(),
              v = random_f32({B, L, G * D}, 3).leaf(), dy = random_f32({B, L, H * D}, 4);
    const auto apart = [&](const Var& x, Index heads) { return x.reshape({B, L, heads, D}).permute({0, 2, 1, 3}); };
    const Var y = attention_tokens(q, k, v, H, G, {.causal = true});
    backward(y, dy);
    const Tensor<float> dq = q.grad().to<float>(), dk = k.grad().to<float>(), dv = v.grad().to<float>();
    for (const Var* x : {&q, &k, &v}) x->clear_grad();
    const Var heads = attention(apart(q, H), apart(k, G), apart(v, G), {.causal = true}).permute({0, 2, 1, 3}).reshape({B, L, H * D});
    CHECK(difference(heads, y) == 0);
    backward(heads, dy);
    CHECK(difference(q.grad(), dq) == 0);
    CHECK(difference(k.grad(), dk) == 0);
    CHECK(difference(v.grad(), dv) == 0);
}

TEST_CASE("attention_packed: equals attention_tokens on the slices of the projection") {
    const Index B = 2, L = 19, H = 4, G = 2, D = 8;
    const Var qkv = random_f32({B, L, (H + 2 * G) * D}, 1).leaf(), dy = random_f32({B, L, H * D}, 2);
    const Var y = attention_packed(qkv, H, G);
    backward(y, dy);
    const Tensor<float> packed = qkv.grad().to<float>();
    qkv.clear_grad();
    const Var parts = attention_tokens(qkv.slice(2, 0, H * D), qkv.slice(2, H * D, (H + G) * D),
                                       qkv.slice(2, (H + G) * D, (H + 2 * G) * D), H, G);
    CHECK(difference(parts, y) == 0);
    backward(parts, dy);
    CHECK(difference(qkv.grad(), packed) == 0);
}

TEST_CASE("attention: expanded keys are read where they lie") {
    const Var q = random_f32({3, 2, 4, 8}, 1), k = random_f32({1, 2, 5, 8}, 2), v = random_f32({1, 2, 5, 8}, 3);
    const Var wide_k = k.expand({3, 2, 5, 8}), wide_v = v.expand({3, 2, 5, 8});
    CHECK(!wide_k.contiguous());
    CHECK(difference(attention(q, wide_k, wide_v), attention(q, wide_k.contiguous_copy(), wide_v.contiguous_copy())) == 0);
}

TEST_CASE("attention: a query that sees no key gives zeros and no gradient") {
    Tensor<std::uint8_t> keep({2, 1, 1, 6});
    for (Index j = 0; j < 3; ++j) keep(0, 0, 0, j) = 1;                     // the second batch sees nothing
    const Var q = random_f32({2, 2, 4, 8}, 1).leaf(), k = random_f32({2, 2, 6, 8}, 2).leaf(), v = random_f32({2, 2, 6, 8}, 3).leaf();
    const Var y = attention(q, k, v, {.keep = keep});
    backward(y, random_f32(y.shape(), 4));
    const Tensor<float> out = y.to<float>();
    CHECK(*std::max_element(out.begin(), out.begin() + out.numel() / 2) > 0);
    for (const Var& x : {y, q.grad(), k.grad(), v.grad()}) {
        const Tensor<float> t = x.to<float>();
        CHECK(std::all_of(t.begin() + t.numel() / 2, t.end(), [](float f) { return f == 0; }));
    }
}

TEST_CASE("attention: what hidden keys hold does not matter, not even infinity's neighbours") {
    const Var q = random_f32({1, 1, 3, 8}, 1);
    const Tensor<float> k = random_f32({1, 1, 4, 8}, 2).to<float>(), v = random_f32({1, 1, 4, 8}, 3).to<float>();
    const Tensor<std::uint8_t> keep({1, 1, 1, 4}, {1, 0, 1, 1});
    const Tensor<float> before = attention(q, k, v, {.keep = keep}).to<float>();
    for (Index d = 0; d < 8; ++d) k(0, 0, 1, d) = 1e30F, v(0, 0, 1, d) = -1e30F;
    CHECK(difference(attention(q, k, v, {.keep = keep}), before) == 0);
}

TEST_CASE("attention: scores of thousands neither overflow nor lose the winner") {
    const Tensor<float> q = Tensor<float>::of({100, 0}).reshape({1, 1, 1, 2});
    const Tensor<float> k({1, 1, 3, 2}, {90, 0, 100, 0, -100, 0}), v({1, 1, 3, 2}, {1, 2, 3, 4, 5, 6});
    const Tensor<float> y = attention(q, k, v, {.scale = 1}).to<float>();
    CHECK(y[0] == 3);
    CHECK(y[1] == 4);
}

TEST_CASE("attention: queries one at a time behind cached keys equal the causal pass") {
    const Var q = random_f32({1, 2, 9, 8}, 1), k = random_f32({1, 1, 9, 8}, 2), v = random_f32({1, 1, 9, 8}, 3);
    const Tensor<float> slopes = Tensor<float>::of({0.25F, 0.5F});
    const Var all = attention(q, k, v, {.causal = true, .slopes = slopes});
    for (Index i = 0; i < 9; ++i) {
        const Var one = attention(q.slice(2, i, i + 1), k.slice(2, 0, i + 1), v.slice(2, 0, i + 1), {.causal = true, .slopes = slopes});
        CHECK(difference(one, all.slice(2, i, i + 1)) < 1e-6);              // blocks of another size round otherwise
    }
}

TEST_CASE("attention: results do not depend on the number of threads") {
    const Var q = random_f32({3, 4, 65, 32}, 1), k = random_f32({3, 2, 150, 32}, 2), v = random_f32({3, 2, 150, 32}, 3);
    const Var dy = random_f32(q.shape(), 4);
    const auto run = [&](int n) {
        const int before = threads();
        set_threads(n);
        const Var lq = q.leaf(), lk = k.leaf(), lv = v.leaf();
        const Var y = attention(lq, lk, lv, {.causal = true});
        backward(y, dy);
        set_threads(before);
        return std::vector<Var>{y.detach(), lq.grad(), lk.grad(), lv.grad()};
    };
    const std::vector<Var> one = run(1), three = run(3);
    for (std::size_t i = 0; i < one.size(); ++i) CHECK(difference(one[i], three[i]) == 0);
}

TEST_CASE("attention: arguments that do not fit are refused with the shapes") {
    const Var q = random_f32({2, 6, 3, 8}, 1), k = random_f32({2, 4, 5, 8}, 2), ok = random_f32({2, 3, 5, 8}, 2);
    CHECK_THROWS_WITH_AS(static_cast<void>(attention(q, k, k)),
                         "attention: the heads of q must be a multiple of those of k and v; got f32[2, 6, 3, 8], "
                         "f32[2, 4, 5, 8], f32[2, 4, 5, 8]", ShapeError);
    CHECK_THROWS_AS(static_cast<void>(attention(q, ok, k)), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(attention(q, ok, ok, {.keep = Tensor<std::uint8_t>({2, 1, 3, 4})})), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(attention(q, ok, ok, {.slopes = Tensor<float>({2})})), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(attention_tokens(random_f32({1, 2, 9}, 1), random_f32({1, 2, 9}, 2), random_f32({1, 2, 9}, 3), 2, 2)), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(attention_packed(random_f32({1, 2, 9}, 1), 0, 0)), UsageError);
}

TEST_CASE("attention: operands in bf16 change the result and the gradients by no more than their rounding") {
    struct Sizes {
        Shape q, k;
        bool causal, hidden;
    };
    for (const Sizes& s : {Sizes{{2, 4, 65, 32}, {2, 4, 65, 32}, false, false}, {{1, 4, 16, 24}, {1, 2, 521, 24}, false, true},
                           {{1, 2, 1, 64}, {1, 2, 1100, 64}, false, false}, {{1, 2, 150, 17}, {1, 1, 300, 17}, true, true},
                           {{2, 1, 5, 8}, {2, 1, 3, 8}, true, false}, {{1, 1, 7, 5}, {1, 1, 2, 5}, false, false}}) {
        CAPTURE(s.q);
        CAPTURE(s.k);
        AttentionOptions o;
        o.causal = s.causal;
        if (s.hidden) {
            o.keep = random_keep({s.q[0], 1, 1, s.k[2]}, 5);
            o.slopes = Tensor<float>::of(std::vector<float>(static_cast<std::size_t>(s.q[1]), 0.05f));
        }
        const Var dy = random_f32(s.q, 4);
        std::vector<Var> results[2];
        for (int way = 0; way < 2; ++way) {
            const Autocast precision(way == 0 ? DType::f32 : DType::bf16);
            const Var q = random_f32(s.q, 1).leaf(), k = random_f32(s.k, 2).leaf(), v = random_f32(s.k, 3).leaf();
            const Var y = attention(q, k, v, o);
            backward(y, dy);
            results[way] = {y.detach(), q.grad(), k.grad(), v.grad()};
        }
        for (std::size_t i = 0; i < 4; ++i) CHECK(difference(results[1][i], results[0][i]) < 0.02);
    }
}

TEST_CASE("attention_kv: equals attention_tokens on the halves") {
    const Var q = random_f64({2, 3, 8}, -1, 1, 1), kv = random_f64({2, 5, 8}, -1, 1, 2), dy = random_f64({2, 3, 8}, -1, 1, 3);
    const Var a = q.leaf(), b = kv.leaf(), c = q.leaf(), d = kv.leaf();
    const Var joined = attention_kv(a, b, 4, 2), apart = attention_tokens(c, d.slice(2, 0, 4), d.slice(2, 4, 8), 4, 2);
    CHECK(difference(joined, apart) < 1e-14);
    backward(joined, dy);
    backward(apart, dy);
    CHECK(difference(a.grad(), c.grad()) < 1e-14);
    CHECK(difference(b.grad(), d.grad()) < 1e-14);
    CHECK_THROWS_AS((void)attention_kv(q, kv.slice(2, 0, 7), 4, 2), ShapeError);
}
