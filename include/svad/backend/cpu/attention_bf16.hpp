// SPDX-License-Identifier: Apache-2.0
// Attention whose products round their operands to bf16 (attention_pairs.hpp); softmax, its gradient and every sum stay
// in f32. Operands are packed once a head.
// Promise: as attention.hpp, of which it takes the plan, the masks and the order of blocks. Rows need step 1.
#pragma once

#include "svad/backend/cpu/attention.hpp"
#include "svad/backend/cpu/attention_pairs.hpp"

#if SVAD_BF16_ATTENTION

namespace svad::cpu::detail::paired {

/// Whether the scores of query i need more than the product.
inline bool needs_mask(const AttentionPlan& p, Index i, Index first, Index columns) {
    return p.slopes || p.keep || columns % 16 != 0 || p.seen(i) < first + columns;
}

/// Pairs of exp(s - base) for n scores (a multiple of 16), and their sum.
inline float soften(const float* s, Index n, float base, std::uint32_t* to) {
    Floats sum = {};
    for (Index j = 0; j < n; j += 32) {
        const Floats low = exp(Lanes<float>::load(s + j) - base), high = j + 16 < n ? exp(Lanes<float>::load(s + j + 16) - base) : Floats{};
        sum += low + high;
        store(to + j / 2, neighbours(low, high));
    }
    return fold(sum, [](Floats a, Floats b) { return a + b; });
}

/// s becomes P = exp(s - lse), d becomes dS = P (d - delta), which also goes to `to` in pairs.
inline void soften_back(float* s, float* d, Index n, float lse, float delta, std::uint32_t* to) {
    for (Index j = 0; j < n; j += 32) {
        Floats pair[2] = {};
        for (Index half = 0; half < 2 && j + 16 * half < n; ++half) {
            float *const x = s + j + 16 * half, *const g = d + j + 16 * half;
            const Floats share = exp(Lanes<float>::load(x) - lse);
            pair[half] = share * (Lanes<float>::load(g) - delta);
            Lanes<float>::store(x, share), Lanes<float>::store(g, pair[half]);
        }
        store(to + j / 2, neighbours(pair[0], pair[1]));
    }
}

/// Words of a row of n elements in pairs along width.
inline Index words(Index n) { return (n + 31) / 32 * 16; }
inline constexpr float hidden = -std::numeric_limits<float>::infinity();

/// Blocks of one thread in the forward pass: 12 queries against up to 512 keys.
struct Forward {
    const AttentionPlan& p;
    Index block, ld, width, pairs;
    Scratch<std::uint32_t> scratch;
    std::uint32_t *kt, *values, *queries, *shares;
    float *scores, *out;

    static constexpr Index rows = 12;

    explicit Forward(const AttentionPlan& plan)
        : p(plan), block(block_size(p.keys, 512, 32)), ld((p.keys + block - 1) / block * block), width(Lanes<float>::round_up(p.width)),
          pairs(words(p.width)),
          scratch(ld * pairs + ld / 2 * width + rows * (pairs + block / 2 + block + 16 + width), 6), kt(scratch.take(ld * pairs)),
          values(scratch.take(ld / 2 * width)), queries(scratch.take(rows * pairs)), shares(scratch.take(rows * block / 2)),
          scores(reinterpret_cast<float*>(scratch.take(rows * (block + 16)))), out(reinterpret_cast<float*>(scratch.take(rows * width))) {}

    void load_keys(const HeadView<const float>& k, const HeadView<const float>& v, Index b, Index g) {
        pack_columns(k.at(b, g, 0), k.row, p.keys, p.width, kt, ld);
        pack_pairs(v.at(b, g, 0), v.row, p.keys, p.width, 1.0f, values, width);
    }

    /// Queries i .. i + n of one head against all keys.
    void run(const HeadView<const float>& q, const HeadView<float>& y, float* lse, Index b, Index h, Index i, Index n) {
        float top[rows], sum[rows] = {};
        std::fill_n(top, rows, hidden);
        pack_rows(q.at(b, h, i), q.row, n, p.width, static_cast<float>(p.scale), queries, pairs);
        const Index seen = p.seen(i + n - 1), lds = block + 16;
        if (seen <= 0) std::fill_n(out, n * width, 0.0f);
        for (Index first = 0; first < seen; first += block) {
            const Index columns = std::min(block, seen - first), padded = Lanes<float>::round_up(columns);
            multiply(n, padded, {(p.width + 1) / 2, queries, pairs, 1, kt + first, ld, scores, lds, false});
            for (Index r = 0; r < n; ++r) {
                float* s = scores + r * lds;
                if (needs_mask(p, i + r, first, columns)) mask_scores(p, b, h, i + r, first, columns, s);
                const float before = std::exchange(top[r], std::max(top[r], largest(s, padded)));
                const float base = top[r] == hidden ? 0.0f : top[r], faded = simd::exp(before - base);      // hidden: exp(s) is 0
                sum[r] = sum[r] * faded + soften(s, padded, base, shares + r * (block / 2));
                if (first > 0)
                    for (Index j = 0; j < width; ++j) out[r * width + j] *= faded;
            }
            multiply(n, width, {(columns + 1) / 2, shares, block / 2, 1, values + first / 2 * width, width, out, width, first > 0});
        }
        for (Index r = 0; r < n; ++r) {
            const float share = sum[r] != 0 ? 1 / sum[r] : 1.0f;
            float* to = y.at(b, h, i + r);
            for (Index j = 0; j < p.width; ++j) to[j] = out[r * width + j] * share;
            lse[r] = sum[r] != 0 ? top[r] + std::log(sum[r]) : -hidden;
        }
    }
};

/// Blocks of one thread in the backward pass: 144 keys against 96 queries at a time; the formulas of AttentionBackward.
struct Backward {
    const AttentionPlan& p;
    Index block, rows, width, pairs, lds;
    Scratch<std::uint32_t> scratch;
    std::uint32_t *kt, *vt, *keys;                                      // of the block of keys
    std::uint32_t *queries, *query_pairs, *slopes, *slope_pairs;        // of the block of queries; slopes are dy
    std::uint32_t *share_pairs, *ds_pairs, *ds;
    float *scores, *products, *dk, *dv, *dq;

    explicit Backward(const AttentionPlan& plan)
        : p(plan), block(block_size(p.keys, 144, 32)), rows(block_size(p.queries, 96, 2)), width(Lanes<float>::round_up(p.width)),
          pairs(words(p.width)), lds(block + 16),
          scratch(2 * block * pairs + block / 2 * width + 2 * rows * pairs + rows * width + rows * lds + rows * block / 2 +
                      2 * rows * lds + 2 * block * width + rows * width, 16),
          kt(scratch.take(block * pairs)), vt(scratch.take(block * pairs)), keys(scratch.take(block / 2 * width)),
          queries(scratch.take(rows * pairs)), query_pairs(scratch.take(rows / 2 * width)), slopes(scratch.take(rows * pairs)),
          slope_pairs(scratch.take(rows / 2 * width)), share_pairs(scratch.take(rows / 2 * lds)), ds_pairs(scratch.take(rows / 2 * lds)),
          ds(scratch.take(rows * block / 2)), scores(floats(rows * lds)), products(floats(rows * lds)), dk(floats(block * width)),
          dv(floats(block * width)), dq(floats(rows * width)) {}

    void load_keys(const HeadView<const float>& k, const HeadView<const float>& v, Index b, Index g, Index first, Index n) {
        pack_columns(k.at(b, g, first), k.row, n, p.width, kt, block);
        pack_columns(v.at(b, g, first), v.row, n, p.width, vt, block);
        pack_pairs(k.at(b, g, first), k.row, n, p.width, 1.0f, keys, width);
        std::fill_n(dk, n * width, 0.0f);
        std::fill_n(dv, n * width, 0.0f);
    }

    void store_keys(const HeadView<float>& to_dk, const HeadView<float>& to_dv, Index b, Index g, Index first, Index n) const {
        for (Index i = 0; i < n; ++i) {
            std::copy_n(dk + i * width, p.width, to_dk.at(b, g, first + i));
            std::copy_n(dv + i * width, p.width, to_dv.at(b, g, first + i));
        }
    }

    /// Queries i .. i + n of head h against the loaded keys first .. first + m; adds to dk, dv and, behind the first block
    /// of keys, to to_dq.
    void run(const HeadView<const float>& q, const HeadView<const float>& y, const HeadView<const float>& dy, const float* lse,
             const HeadView<float>& to_dq, Index b, Index h, Index i, Index n, Index first, Index m) {
        const Index columns = std::min(m, p.seen(i + n - 1) - first), padded = Lanes<float>::round_up(columns), depth = (p.width + 1) / 2;
        if (columns <= 0) {
            if (first == 0) add_queries(to_dq, b, h, i, n, first, false);
            return;
        }
        const float *x = q.at(b, h, i), *d = dy.at(b, h, i), scale = static_cast<float>(p.scale);
        pack_rows(x, q.row, n, p.width, scale, queries, pairs);
        pack_pairs(x, q.row, n, p.width, scale, query_pairs, width);
        pack_rows(d, dy.row, n, p.width, 1.0f, slopes, pairs);
        pack_pairs(d, dy.row, n, p.width, 1.0f, slope_pairs, width);
        multiply(n, padded, {depth, queries, pairs, 1, kt, block, scores, lds, false});
        multiply(n, padded, {depth, slopes, pairs, 1, vt, block, products, lds, false});
        for (Index r = 0; r < n; r += 2) {
            for (Index s = r; s < std::min(r + 2, n); ++s) {
                if (needs_mask(p, i + s, first, columns)) mask_scores(p, b, h, i + s, first, columns, scores + s * lds);
                soften_back(scores + s * lds, products + s * lds, padded, lse[s], dot(dy.at(b, h, i + s), y.at(b, h, i + s), p.width),
                            ds + s * (block / 2));
            }
            if (r + 1 == n) std::fill_n(scores + n * lds, padded, 0.0f), std::fill_n(products + n * lds, padded, 0.0f);
            for (Index j = 0; j < padded; j += 16) {
                store(share_pairs + r / 2 * lds + j, across(at(scores + r * lds + j), at(scores + (r + 1) * lds + j)));
                store(ds_pairs + r / 2 * lds + j, across(at(products + r * lds + j), at(products + (r + 1) * lds + j)));
            }
        }
        multiply(columns, width, {(n + 1) / 2, share_pairs, 1, lds, slope_pairs, width, dv, width, true});
        multiply(columns, width, {(n + 1) / 2, ds_pairs, 1, lds, query_pairs, width, dk, width, true});
        multiply(n, width, {(columns + 1) / 2, ds, block / 2, 1, keys, width, dq, width, false});
        add_queries(to_dq, b, h, i, n, first, true);
    }

private:
    float* floats(Index n) { return reinterpret_cast<float*>(scratch.take(n)); }
    static Floats at(const float* p) { return Lanes<float>::load(p); }

    /// The gradient of n queries from dq (or zero), written over the first block of keys and added behind it.
    void add_queries(const HeadView<float>& to_dq, Index b, Index h, Index i, Index n, Index first, bool any) const {
        const float scale = any ? static_cast<float>(p.scale) : 0.0f;
        for (Index r = 0; r < n; ++r) {
            float* to = to_dq.at(b, h, i + r);
            if (!any) std::fill_n(to, p.width, 0.0f);
            else if (first == 0)
                for (Index j = 0; j < p.width; ++j) to[j] = scale * dq[r * width + j];
            else
                for (Index j = 0; j < p.width; ++j) to[j] += scale * dq[r * width + j];
        }
    }
};

/// Whether every operand lies as the packing reads it.
inline bool fits(const HeadView<const float>& q, const HeadView<const float>& k, const HeadView<const float>& v) {
    return q.step == 1 && k.step == 1 && v.step == 1;
}

inline void attention_forward(const AttentionPlan& p, const HeadView<const float>& q, const HeadView<const float>& k,
                              const HeadView<const float>& v, const HeadView<float>& y, float* lse) {
    if (p.batches * p.heads * p.queries == 0) return;
    parallel_for(p.batches * p.heads, attention_grain(p, 1), [&](Index begin, Index stop) {
        Forward block(p);
        Index packed = -1;                          // heads of a group share keys and values
        for (Index u = begin; u < stop; ++u) {
            const Index b = u / p.heads, h = u % p.heads, g = h / p.group();
            if (b * p.kv_heads + g != packed) block.load_keys(k, v, b, g);
            packed = b * p.kv_heads + g;
            for (Index i = 0; i < p.queries; i += Forward::rows)
                block.run(q, y, lse + u * p.queries + i, b, h, i, std::min(Forward::rows, p.queries - i));
        }
    });
}

inline void attention_backward(const AttentionPlan& p, const HeadView<const float>& q, const HeadView<const float>& k,
                               const HeadView<const float>& v, const HeadView<const float>& y, const HeadView<const float>& dy,
                               const float* lse, const HeadView<float>& dq, const HeadView<float>& dk, const HeadView<float>& dv) {
    parallel_for(p.batches * p.kv_heads, attention_grain(p, p.group()), [&](Index begin, Index stop) {
        Backward block(p);
        for (Index u = begin; u < stop; ++u) {
            const Index b = u / p.kv_heads, g = u % p.kv_heads;
            for (Index first = 0; first < p.keys; first += block.block) {
                const Index m = std::min(block.block, p.keys - first);
                block.load_keys(k, v, b, g, first, m);
                for (Index h = g * p.group(); h < (g + 1) * p.group(); ++h)
                    for (Index i = 0; i < p.queries; i += block.rows)
                        block.run(q, y, dy, lse + (b * p.heads + h) * p.queries + i, dq, b, h, i, std::min(block.rows, p.queries - i),
                                  first, m);
                block.store_keys(dk, dv, b, g, first, m);
            }
        }
    });
}

}  // namespace svad::cpu::detail::paired

#endif

namespace svad::cpu {

/// attention_forward with operands in bf16 where the plan wants it and the machine can, else in T.
template <class T>
void attend(const AttentionPlan& p, const HeadView<const T>& q, const HeadView<const T>& k, const HeadView<const T>& v,
            const HeadView<T>& y, T* lse) {
#if SVAD_BF16_ATTENTION
    if constexpr (std::same_as<T, float>)
        if (p.rounded && p.keys > 0 && detail::paired::fits(q, k, v)) return detail::paired::attention_forward(p, q, k, v, y, lse);
#endif
    attention_forward<T>(p, q, k, v, y, lse);
}

/// attention_backward in the same way.
template <class T>
void attend_back(const AttentionPlan& p, const HeadView<const T>& q, const HeadView<const T>& k, const HeadView<const T>& v,
                 const HeadView<const T>& y, const HeadView<const T>& dy, const T* lse, const HeadView<T>& dq, const HeadView<T>& dk,
                 const HeadView<T>& dv) {
#if SVAD_BF16_ATTENTION
    if constexpr (std::same_as<T, float>)
        if (p.rounded && p.keys > 0 && detail::paired::fits(q, k, v) && y.step == 1 && dy.step == 1)
            return detail::paired::attention_backward(p, q, k, v, y, dy, lse, dq, dk, dv);
#endif
    attention_backward<T>(p, q, k, v, y, dy, lse, dq, dk, dv);
}

}  // namespace svad::cpu
