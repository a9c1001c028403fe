// SPDX-License-Identifier: Apache-2.0
// softmax(scale Q K' + bias) V and its gradient, head by head in blocks of 64 queries x 128 keys that stay in cache
// (FlashAttention, arXiv 2205.14135 and 2307.08691). The score matrix never exists; of the softmax only the log of the
// sum of exponentials per query is kept (lse), from which the gradient makes the probabilities of a block again.
// Promise: any strides; a query that may see no key gives zeros (its lse is infinity); every sum has one fixed order.
// Rejected: whole rows of scores (faster below 128 keys by nothing, quadratic memory above).
#pragma once

#include "svad/backend/cpu/loops.hpp"
#include "svad/backend/cpu/simd.hpp"
#include "svad/backend/cpu/tile.hpp"

namespace svad::cpu {

/// Heads in memory: row i of head h of batch b starts at data + b * batch + h * head + i * row.
template <class T>
struct HeadView {
    T* data = nullptr;
    Index batch = 0, head = 0, row = 0, step = 1;

    T* at(Index b, Index h, Index i) const { return data + b * batch + h * head + i * row; }
};

/// What is computed: sizes, and which key a query sees with which bias.
struct AttentionPlan {
    Index batches = 0, heads = 0, kv_heads = 0, queries = 0, keys = 0, width = 0;
    double scale = 1;
    bool causal = false;                    ///< query i sees keys 0 .. i + past
    Index past = 0;
    const std::uint8_t* keep = nullptr;     ///< if given: query i of batch b sees j if keep[b * keep_batch + i * keep_row + j]
    Index keep_batch = 0, keep_row = 0;
    const float* slopes = nullptr;          ///< if given: head h adds slopes[h] * (j - i - past)
    bool rounded = false;                   ///< products may round their operands to bf16 (attention_tiles.hpp)

    /// Keys that query i may see, if `keep` does not hide them.
    Index seen(Index i) const { return causal ? std::clamp<Index>(i + past + 1, 0, keys) : keys; }
    Index group() const { return heads / kv_heads; }
};

namespace detail {

/// [0, n) in equal blocks of at most `most`, each a multiple of `unit`.
inline Index block_size(Index n, Index most, Index unit) {
    const Index blocks = std::max<Index>(1, (n + most - 1) / most), even = (n + blocks - 1) / blocks;
    return std::max(unit, (even + unit - 1) / unit * unit);
}

/// Block sizes of a plan, the same forward and backward.
template <class T>
struct AttentionBlocks {
    Index queries, keys, width, ld;         // ld: of a block of scores; not a power of two, for the cache's sake
    explicit AttentionBlocks(const AttentionPlan& p)
        : queries(block_size(p.queries, 64, tile_rows)), keys(block_size(p.keys, 128, Lanes<T>::n)),
          width(Lanes<T>::round_up(p.width)), ld(keys + Lanes<T>::n) {}
};

/// Adds the bias to the scores s of query i and keys first .. first + columns, and sets the unseen to minus infinity.
template <class T>
void mask_scores(const AttentionPlan& p, Index b, Index h, Index i, Index first, Index columns, T* s) {
    constexpr T hidden = -std::numeric_limits<T>::infinity();
    if (p.slopes) {
        const T slope = static_cast<T>(p.slopes[h]);
        const auto from = static_cast<std::int32_t>(first - i - p.past);
        for (std::int32_t j = 0; j < static_cast<std::int32_t>(columns); ++j) s[j] += slope * static_cast<T>(from + j);
    }
    if (p.keep) {
        const std::uint8_t* keep = p.keep + b * p.keep_batch + i * p.keep_row + first;
        for (Index j = 0; j < columns; ++j) {
            const T score = s[j];
            s[j] = keep[j] != 0 ? score : hidden;
        }
    }
    std::fill(s + std::clamp<Index>(p.seen(i) - first, 0, columns), s + Lanes<T>::round_up(columns), hidden);
}

/// One row of the online softmax: s becomes exp(s - top), and y's row and sum are brought to the new top.
template <class T>
void softmax_row(T* s, Index n, T& top, T& sum, T* y, Index width) {
    const T highest = std::max(top, largest(s, n));
    if (highest == -std::numeric_limits<T>::infinity()) {
        for (Index j = 0; j < n; ++j) s[j] = s[j] == highest ? T(0) : s[j];         // unseen, or NaN
        return;
    }
    const T faded = simd::exp(top - highest);
    for (Index j = 0; j < n; ++j) s[j] = simd::exp_of_score(s[j] - highest);
    sum = sum * faded + cpu::sum(s, n);
    if (top != highest)
        for (Index j = 0; j < width; ++j) y[j] *= faded;
    top = highest;
}

/// One row of the gradient: s becomes P = exp(s - lse), d becomes dS = P (d - delta).
template <class T>
void softmax_back_row(T* s, T* d, Index n, T lse, T delta) {
    for (Index j = 0; j < n; ++j) {
        const T share = simd::exp_of_score(s[j] - lse);
        s[j] = share;
        d[j] = share * (d[j] - delta);
    }
}

/// Keys transposed in blocks and values in rows, of one head.
template <class T>
void pack_keys(const AttentionPlan& p, const AttentionBlocks<T>& blocks, const HeadView<const T>& k,
               const HeadView<const T>& v, Index b, Index g, T* kt, T* values) {
    for (Index first = 0; first < p.keys; first += blocks.keys)
        pack_transposed(k.at(b, g, first), k.row, k.step, std::min(blocks.keys, p.keys - first), p.width,
                        kt + first * p.width, blocks.keys);
    pack_rows(v.at(b, g, 0), v.row, v.step, p.keys, p.width, T(1), values, blocks.width);
}

/// The blocks that one thread works on in the forward pass.
template <class T>
struct AttentionForward {
    const AttentionPlan& p;
    AttentionBlocks<T> blocks;
    Index all_keys;
    Scratch<T> scratch;
    T *kt, *values, *queries, *scores, *out, *top, *sum;

    explicit AttentionForward(const AttentionPlan& plan)
        : p(plan), blocks(plan), all_keys((plan.keys + blocks.keys - 1) / blocks.keys * blocks.keys),
          scratch(all_keys * (p.width + blocks.width) + blocks.queries * (2 * blocks.width + blocks.ld + 2), 7),
          kt(scratch.take(all_keys * p.width)), values(scratch.take(all_keys * blocks.width)),
          queries(scratch.take(blocks.queries * blocks.width)), scores(scratch.take(blocks.queries * blocks.ld)),
          out(scratch.take(blocks.queries * blocks.width)), top(scratch.take(blocks.queries)),
          sum(scratch.take(blocks.queries)) {}

    /// Queries i .. i + rows of one head, against all keys.
    void run(const HeadView<const T>& q, const HeadView<T>& y, T* lse, Index b, Index h, Index i, Index rows) {
        const Index width = blocks.width;
        pack_rows(q.at(b, h, i), q.row, q.step, rows, p.width, static_cast<T>(p.scale), queries, width);
        std::fill(out, out + rows * width, T(0));
        std::fill(top, top + rows, -std::numeric_limits<T>::infinity());
        std::fill(sum, sum + rows, T(0));
        const Index seen = p.seen(i + rows - 1);
        for (Index first = 0; first < seen; first += blocks.keys) {
            const Index columns = std::min(blocks.keys, seen - first), padded = Lanes<T>::round_up(columns);
            product(rows, padded, p.width, queries, width, Index{1}, kt + first * p.width, blocks.keys, scores, blocks.ld, false);
            for (Index r = 0; r < rows; ++r) {
                T* s = scores + r * blocks.ld;
                mask_scores(p, b, h, i + r, first, columns, s);
                softmax_row(s, padded, top[r], sum[r], out + r * width, width);
            }
            product(rows, width, columns, scores, blocks.ld, Index{1}, values + first * width, width, out, width, true);
        }
        for (Index r = 0; r < rows; ++r) {
            const bool any = sum[r] != T(0);
            const T share = any ? T(1) / sum[r] : T(1);
            T* to = y.at(b, h, i + r);
            for (Index j = 0; j < p.width; ++j) to[j] = out[r * width + j] * share;
            lse[r] = any ? top[r] + std::log(sum[r]) : std::numeric_limits<T>::infinity();
        }
    }
};

/// The blocks that one thread works on in the backward pass: one block of keys and values against all queries.
/// P = exp(S - lse), dV = P' dY, dP = dY V', dS = P (dP - sum(dY Y)), dQ = scale dS K, dK = dS' (scale Q).
template <class T>
struct AttentionBackward {
    const AttentionPlan& p;
    AttentionBlocks<T> blocks;
    Scratch<T> scratch;
    T *kt, *keys, *vt, *dk, *dv, *queries, *cotangent, *probability, *ds, *dq;

    explicit AttentionBackward(const AttentionPlan& plan)
        : p(plan), blocks(plan),
          scratch(blocks.keys * (2 * p.width + 3 * blocks.width) + blocks.queries * (3 * blocks.width + 2 * blocks.ld), 10),
          kt(scratch.take(blocks.keys * p.width)), keys(scratch.take(blocks.keys * blocks.width)),
          vt(scratch.take(blocks.keys * p.width)), dk(scratch.take(blocks.keys * blocks.width)),
          dv(scratch.take(blocks.keys * blocks.width)), queries(scratch.take(blocks.queries * blocks.width)),
          cotangent(scratch.take(blocks.queries * blocks.width)), probability(scratch.take(blocks.queries * blocks.ld)),
          ds(scratch.take(blocks.queries * blocks.ld)), dq(scratch.take(blocks.queries * blocks.width)) {}

    void load_keys(const HeadView<const T>& k, const HeadView<const T>& v, Index b, Index g, Index first, Index n) {
        pack_transposed(k.at(b, g, first), k.row, k.step, n, p.width, kt, blocks.keys);
        pack_transposed(v.at(b, g, first), v.row, v.step, n, p.width, vt, blocks.keys);
        pack_rows(k.at(b, g, first), k.row, k.step, n, p.width, T(1), keys, blocks.width);
        std::fill(dk, dk + n * blocks.width, T(0));
        std::fill(dv, dv + n * blocks.width, T(0));
    }

    void store_keys(const HeadView<T>& to_dk, const HeadView<T>& to_dv, Index b, Index g, Index first, Index n) const {
        for (Index i = 0; i < n; ++i) {
            std::copy(dk + i * blocks.width, dk + i * blocks.width + p.width, to_dk.at(b, g, first + i));
            std::copy(dv + i * blocks.width, dv + i * blocks.width + p.width, to_dv.at(b, g, first + i));
        }
    }

    /// Queries i .. i + rows of head h against the loaded keys first .. first + n; adds to dk, dv and to_dq.
    void run(const HeadView<const T>& q, const HeadView<const T>& y, const HeadView<const T>& dy, const T* lse,
             const HeadView<T>& to_dq, Index b, Index h, Index i, Index rows, Index first, Index n) {
        const Index columns = std::min(n, p.seen(i + rows - 1) - first), padded = Lanes<T>::round_up(columns);
        if (columns <= 0) return;
        const Index width = blocks.width, ld = blocks.ld;
        const Index one = 1;
        pack_rows(q.at(b, h, i), q.row, q.step, rows, p.width, static_cast<T>(p.scale), queries, width);
        pack_rows(dy.at(b, h, i), dy.row, dy.step, rows, p.width, T(1), cotangent, width);
        product(rows, padded, p.width, queries, width, one, kt, blocks.keys, probability, ld, false);
        product(rows, padded, p.width, cotangent, width, one, vt, blocks.keys, ds, ld, false);
        for (Index r = 0; r < rows; ++r) {
            mask_scores(p, b, h, i + r, first, columns, probability + r * ld);
            softmax_back_row(probability + r * ld, ds + r * ld, padded, lse[r], dot(cotangent + r * width, y.at(b, h, i + r), p.width));
        }
        product(columns, width, rows, probability, one, ld, cotangent, width, dv, width, true);
        product(columns, width, rows, ds, one, ld, queries, width, dk, width, true);
        product(rows, width, columns, ds, ld, one, keys, width, dq, width, false);
        const T scale = static_cast<T>(p.scale);
        for (Index r = 0; r < rows; ++r) {
            T* to = to_dq.at(b, h, i + r);
            for (Index j = 0; j < p.width; ++j) to[j] += scale * dq[r * width + j];
        }
    }
};

/// Units of work per tile of a parallel loop, so that a tile is worth waking a thread for.
inline Index attention_grain(const AttentionPlan& p, Index heads) {
    return std::max<Index>(1, 100000 / std::max<Index>(1, heads * p.queries * p.keys * p.width));
}

}  // namespace detail

/// y = softmax(scale q k' + bias) v and lse [batches, heads, queries]. y needs step 1.
template <class T>
void attention_forward(const AttentionPlan& p, const HeadView<const T>& q, const HeadView<const T>& k,
                       const HeadView<const T>& v, const HeadView<T>& y, T* lse) {
    if (p.batches * p.heads * p.queries == 0) return;
    parallel_for(p.batches * p.heads, detail::attention_grain(p, 1), [&](Index begin, Index stop) {
        detail::AttentionForward<T> block(p);
        Index packed = -1;                          // heads of a group share keys and values
        for (Index u = begin; u < stop; ++u) {
            const Index b = u / p.heads, h = u % p.heads, g = h / p.group();
            if (b * p.kv_heads + g != packed) detail::pack_keys(p, block.blocks, k, v, b, g, block.kt, block.values);
            packed = b * p.kv_heads + g;
            for (Index i = 0; i < p.queries; i += block.blocks.queries)
                block.run(q, y, lse + u * p.queries + i, b, h, i, std::min(block.blocks.queries, p.queries - i));
        }
    });
}

/// The gradients of sum(y * dy) with respect to q, k and v, which overwrite dq, dk and dv (of step 1).
template <class T>
void attention_backward(const AttentionPlan& p, const HeadView<const T>& q, const HeadView<const T>& k,
                        const HeadView<const T>& v, const HeadView<const T>& y, const HeadView<const T>& dy,
                        const T* lse, const HeadView<T>& dq, const HeadView<T>& dk, const HeadView<T>& dv) {
    if (p.batches * p.kv_heads == 0) return;
    parallel_for(p.batches * p.kv_heads, detail::attention_grain(p, p.group()), [&](Index begin, Index stop) {
        detail::AttentionBackward<T> block(p);
        const Index rows = block.blocks.queries;
        for (Index u = begin; u < stop; ++u) {
            const Index b = u / p.kv_heads, g = u % p.kv_heads;
            for (Index h = g * p.group(); h < (g + 1) * p.group(); ++h)
                for (Index i = 0; i < p.queries; ++i) std::fill_n(dq.at(b, h, i), p.width, T(0));
            for (Index first = 0; first < p.keys; first += block.blocks.keys) {
                const Index n = std::min(block.blocks.keys, p.keys - first);
                block.load_keys(k, v, b, g, first, n);
                for (Index h = g * p.group(); h < (g + 1) * p.group(); ++h)
                    for (Index i = 0; i < p.queries; i += rows)
                        block.run(q, y, dy, lse + (b * p.heads + h) * p.queries + i, dq, b, h, i,
                                  std::min(rows, p.queries - i), first, n);
                block.store_keys(dk, dv, b, g, first, n);
            }
        }
    });
}

}  // namespace svad::cpu
