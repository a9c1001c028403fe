// SPDX-License-Identifier: Apache-2.0
// attention and its gradient on the device: ragged sizes, causal, grouped heads, padding, linear biases, few queries on
// many keys, tokens instead of heads apart, rows that cannot be moved by packs.
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace svad::test {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Counts {
    std::int64_t batches, heads, kv_heads, queries, keys, width;
};
/// tokens: memory is [B, L, H, D] instead of [B, H, L, D]; odd: a gap behind each row takes the alignment away.
struct Options {
    bool causal = false, keep = false, slopes = false, tokens = false, odd = false, budget = false;
    std::int64_t extra = 0;                                  ///< past, beyond keys - queries
};
struct Plan : Counts, Options {
    std::int64_t before() const { return keys - queries + extra; }
    std::string name(DType dtype) const {
        return "attention " + text_of(dtype) + " " + text_of({batches, heads, kv_heads, queries, keys, width}) + (causal ? " causal" : "") +
               (keep ? " keep" : "") + (slopes ? " slopes" : "") + (tokens ? " tokens" : "") + (odd ? " odd" : "");
    }
};

/// Everything in f64, all [B, H, L, D].
struct Reference {
    Values y, lse, dq, dk, dv;
};

std::size_t number(std::int64_t i) { return static_cast<std::size_t>(i); }

double dot(const double* a, const double* b, std::int64_t n) {
    double sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
}

/// The scores of one query, minus infinity where it does not see the key.
Values scores_of(const Plan& p, double scale, const double* q, const double* k, const Values& keep, double slope, std::int64_t b, std::int64_t i) {
    Values s;
    for (std::int64_t j = 0; j < p.keys; ++j) {
        const bool hidden = (p.causal && j > i + p.before()) || (p.keep && keep[number(b * p.keys + j)] == 0);
        s.push_back(hidden ? -infinity : scale * dot(q, k + j * p.width, p.width) + slope * static_cast<double>(j - i - p.before()));
    }
    return s;
}

Reference reference(const Plan& p, double scale, const Values& q, const Values& k, const Values& v, const Values& dy, const Values& keep,
                    const Values& slopes) {
    Reference r{Values(q.size()), Values(number(p.batches * p.heads * p.queries)), Values(q.size()), Values(k.size()), Values(k.size())};
    for (std::int64_t row = 0; row < p.batches * p.heads * p.queries; ++row) {
        const std::int64_t i = row % p.queries, h = row / p.queries % p.heads, b = row / p.queries / p.heads;
        const std::size_t at = number(row * p.width), from = number((b * p.kv_heads + h / (p.heads / p.kv_heads)) * p.keys * p.width);
        Values s = scores_of(p, scale, q.data() + at, k.data() + from, keep, p.slopes ? slopes[number(h)] : 0, b, i);
        double top = -infinity, sum = 0;
        for (const double x : s) top = std::max(top, x);
        for (double& x : s) x = x == -infinity ? 0 : std::exp(x - top), sum += x;
        r.lse[number(row)] = sum == 0 ? -infinity : top + std::log(sum);
        if (sum == 0) continue;
        for (double& x : s) x /= sum;
        const auto place = [&](std::int64_t j, std::int64_t e) { return from + number(j * p.width + e); };
        for (std::int64_t j = 0; j < p.keys; ++j)
            for (std::int64_t e = 0; e < p.width; ++e) r.y[at + number(e)] += s[number(j)] * v[place(j, e)];
        const double delta = dot(dy.data() + at, r.y.data() + at, p.width);
        for (std::int64_t j = 0; j < p.keys; ++j) {
            const double ds = scale * s[number(j)] * (dot(dy.data() + at, v.data() + from + number(j * p.width), p.width) - delta);
            for (std::int64_t e = 0; e < p.width; ++e) {
                r.dq[at + number(e)] += ds * k[place(j, e)];
                r.dk[place(j, e)] += ds * q[at + number(e)];
                r.dv[place(j, e)] += s[number(j)] * dy[at + number(e)];
            }
        }
    }
    return r;
}

/// A value as it lies in memory and as heads [B, H, L, D].
struct Value {
    Ref whole, heads;
};
Value made(KernelCase& k, const Plan& p, DType dtype, std::int64_t heads, std::int64_t length, bool input) {
    const std::int64_t width = p.width + (p.odd ? 1 : 0), first = p.tokens ? length : heads, second = p.tokens ? heads : length;
    const Ref whole = input ? k.input(dtype, {p.batches, first, second, width}, -1, 1)
                            : k.inout(dtype, {p.batches, first, second, width}, 0, 1);        // gaps between odd rows stay
    Ref view = p.tokens ? swapped(whole, 1, 2) : whole;
    view.sizes[3] = p.width;
    return {whole, view};
}
void expect(const KernelCase& k, const Value& value, const Values& heads, Tolerance tolerance) {
    Values all = k.values(value.whole);
    const std::vector<std::int64_t> at = offsets(value.heads);
    for (std::size_t i = 0; i < at.size(); ++i) all[number(at[i])] = heads[i];
    k.expect(value.whole, all, tolerance);
}

void check(DType dtype, const Counts& counts, const Options& given = {}) {
    const Plan p{counts, given};
    const std::string name = p.name(dtype);
    CAPTURE(name);
    KernelCase k(name);
    const Value q = made(k, p, dtype, p.heads, p.queries, true), key = made(k, p, dtype, p.kv_heads, p.keys, true),
                v = made(k, p, dtype, p.kv_heads, p.keys, true), dy = made(k, p, dtype, p.heads, p.queries, true),
                y = made(k, p, dtype, p.heads, p.queries, false), dq = made(k, p, dtype, p.heads, p.queries, false),
                dk = made(k, p, dtype, p.kv_heads, p.keys, false), dv = made(k, p, dtype, p.kv_heads, p.keys, false);
    const Ref lse = k.output(DType::f32, {p.batches, p.heads, p.queries});
    cuda::Attention options;
    options.scale = 0.75F, options.causal = p.causal, options.past = p.before();
    Values hidden;                                            // batch b hides keys from the end and every fifth
    for (std::int64_t i = 0; i < p.batches * p.keys; ++i) hidden.push_back(i % p.keys + 3 * (i / p.keys) < p.keys - 1 && i % 5 != 3 ? 1 : 0);
    if (p.keep) options.keep = expanded(k.input(DType::u8, {p.batches, 1, 1, p.keys}, hidden), {p.batches, 1, p.queries, p.keys});
    if (p.slopes) options.slopes = k.input(DType::f32, {p.heads}, 0.1, 0.6);

    const auto run = [&] {
        cuda::attention(q.heads, key.heads, v.heads, y.heads, lse, options, k.stream());
        cuda::attention_grad(dy.heads, y.heads, lse, q.heads, key.heads, v.heads, dq.heads, dk.heads, dv.heads, options, k.stream());
    };
    p.budget ? k.run_within_budget(run) : k.run(run);
    const auto seen = [&](const Value& value) { return gather(k.values(value.whole), value.heads); };
    const Reference r = reference(p, options.scale, seen(q), seen(key), seen(v), seen(dy), hidden, p.slopes ? k.values(options.slopes) : Values());
    const double scale = dtype == DType::bf16 ? 60 : 2;       // probabilities and y are rounded to bf16 before they are used again
    // Tiles round probabilities to bf16, by 2^-9 of values below 1.
    expect(k, y, r.y, rounding_of(dtype, dtype == DType::bf16 && p.queries >= 16 ? 20 : 4));
    k.expect(lse, r.lse, rounding_of(DType::f32, 4));
    expect(k, dq, r.dq, rounding_of(dtype, 2 * scale));
    expect(k, dk, r.dk, rounding_of(dtype, 3 * scale));
    expect(k, dv, r.dv, rounding_of(dtype, 3 * scale));
}

}  // namespace

TEST_CASE("cuda attention: ragged sizes and widths") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        check(dtype, {1, 1, 1, 1, 1, 8});
        check(dtype, {2, 2, 2, 5, 7, 64});
        check(dtype, {1, 1, 1, 3, 65, 128});
        check(dtype, {1, 1, 1, 2, 9, 256});
        check(dtype, {1, 2, 1, 3, 5, 5});
        check(dtype, {1, 1, 1, 2, 6, 131});
        check(dtype, {1, 1, 1, 3, 6, 16}, {.odd = true});
    }
}

TEST_CASE("cuda attention: causal, grouped heads, with keys before the first query and with queries that see nothing") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        check(dtype, {1, 6, 2, 9, 9, 16}, {.causal = true});
        check(dtype, {1, 2, 2, 5, 18, 64}, {.causal = true});
        check(dtype, {1, 2, 1, 7, 4, 32}, {.causal = true, .extra = 3});
        check(dtype, {1, 1, 1, 6, 3, 8}, {.causal = true});       // past = -3: three queries see nothing
    }
}

TEST_CASE("cuda attention: padding, linear biases, tokens") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        check(dtype, {2, 2, 1, 4, 11, 16}, {.keep = true});
        check(dtype, {2, 4, 2, 6, 6, 8}, {.causal = true, .keep = true, .slopes = true, .tokens = true});
        check(dtype, {3, 1, 1, 2, 1, 8}, {.keep = true});                     // all keys hidden
    }
}

TEST_CASE("cuda attention: few queries on many keys") { check(DType::f32, {1, 2, 1, 4, 300, 16}, {.tokens = true}); }

TEST_CASE("cuda attention: nothing to see, nothing to do") {
    check(DType::f32, {1, 2, 1, 3, 0, 8});
    check(DType::f32, {0, 2, 1, 3, 4, 8});
    check(DType::f32, {1, 2, 1, 0, 4, 8});
}

TEST_CASE("cuda attention: tiles on tensor cores") {
    check(DType::bf16, {1, 1, 1, 16, 130, 64});
    check(DType::bf16, {1, 2, 1, 70, 70, 32}, {.causal = true, .tokens = true});
    check(DType::bf16, {1, 1, 1, 17, 7, 128}, {.slopes = true});
    check(DType::bf16, {2, 1, 1, 20, 65, 80}, {.keep = true});
    check(DType::bf16, {1, 1, 1, 66, 3, 8}, {.causal = true});
    check(DType::bf16, {1, 1, 1, 16, 0, 64});
}

TEST_CASE("cuda attention: traffic within budget") {
    check(DType::bf16, {1, 4, 2, 8, 32, 64}, {.causal = true, .budget = true});
    check(DType::bf16, {1, 1, 1, 64, 64, 64}, {.budget = true});
}

}  // namespace svad::test
