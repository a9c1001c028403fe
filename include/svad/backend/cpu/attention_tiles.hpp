// SPDX-License-Identifier: Apache-2.0
// Attention in f32 on the tiles of the products (gemm_table.hpp), chosen when the program runs: operands as they are, or in
// pairs rounded to bf16 where the plan allows it and that is the faster way. Softmax, its gradient and every sum stay in f32.
// Promise: as attention.hpp, of which it takes the plan, the masks, the softmax of a row and the order of blocks. Rows need
// step 1. Keys and values are packed once a head; queries, probabilities and their gradients are read where they lie in f32.
#pragma once

#include "svad/backend/cpu/attention.hpp"
#include "svad/backend/cpu/gemm_avx2.hpp"
#include "svad/backend/cpu/gemm_bf16.hpp"

namespace svad::cpu {

namespace detail {

#if SVAD_X86

/// A left operand: word p of row r at data[r * row + p * step].
template <class Word>
struct Lines {
    const Word* data;
    Index row, step;
};

/// Products of one set of kernels, and the packing of their operands. A right operand of n columns lies in panels of
/// kernels.columns, each `words(depth)` words deep.
template <class Word>
struct TileProducts {
    const Kernels<Word>& kernels;

    Index panels(Index n) const { return (n + kernels.columns - 1) / kernels.columns; }
    Index right_size(Index n, Index depth) const { return panels(n) * words<Word>(depth) * kernels.columns; }
    /// Words of a row of a left operand, `depth` deep.
    static Index line(Index depth) { return (words<Word>(depth) + 15) / 16 * 16; }

    /// Rows of x as the columns of a right operand (q k'), or as its rows (p v).
    void columns_of(const float* x, Index stride, Index rows, Index depth, Word* to) const {
        for (Index j = 0; j < rows; j += kernels.columns, to += words<Word>(depth) * kernels.columns)
            kernels.turned(x + j * stride, stride, std::min(kernels.columns, rows - j), kernels.columns, depth, to);
    }
    void rows_of(const float* x, Index stride, Index depth, Index width, Word* to) const {
        for (Index j = 0; j < width; j += kernels.columns, to += words<Word>(depth) * kernels.columns)
            kernels.across(x + j, stride, std::min(kernels.columns, width - j), kernels.columns, depth, to);
    }
    /// x [rows, depth] as a left operand, in `memory` if it must be packed.
    Lines<Word> left(const float* x, Index stride, Index rows, Index depth, Word* memory) const {
        if constexpr (std::same_as<Word, float>) return {x, stride, 1};
        kernels.along(x, stride, rows, depth, memory, line(depth));
        return {memory, line(depth), 1};
    }
    /// The transpose of x [depth, rows] as a left operand.
    Lines<Word> left_of_columns(const float* x, Index stride, Index rows, Index depth, Word* memory) const {
        if constexpr (std::same_as<Word, float>) return {x, 1, stride};
        const Index wide = (rows + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
        kernels.across(x, stride, rows, wide, depth, memory);
        return {memory, 1, wide};
    }

    /// c [m, n] = alpha x k' for the rows of x, which are also packed as `a`, and n rows of k, which `b` holds as columns. One to
    /// four rows of k behind whole panels are products of lines: a picture has one token more than patches.
    void scores(Index m, Index n, Index depth, float alpha, const float* x, Index x_row, const Lines<Word>& a, const float* k, Index k_row, const Word* b,
                float* c, Index ldc, Word* memory) const {
        const Index rest = n % kernels.columns, few = rest <= 4 ? rest : 0, most = n - few, panel = words<Word>(depth) * kernels.columns;
        multiply(m, most, depth, alpha, a, b, panel, 0.0f, c, ldc);
        if (few == 0) return;
        const Lines<Word> last = left(k + most * k_row, k_row, few, depth, memory);
        kernels.dots[few]({m, depth, last.data, last.row, x, x_row, alpha, 0.0f, c + most, 1, ldc});
    }

    /// c [m, n] = beta c + alpha a b, where panel j of b begins at b + j * panel.
    void multiply(Index m, Index n, Index depth, float alpha, const Lines<Word>& a, const Word* b, Index panel, float beta, float* c, Index ldc) const {
        const Index height = block_size(m, kernels.rows, 1);
        for (Index j = 0; j < n; j += kernels.columns, b += panel)
            for (Index i = 0; i < m; i += height)
                kernels.tile[std::min(height, m - i)]({words<Word>(depth), a.data + i * a.row, a.row, a.step, b, kernels.columns, alpha, beta,
                                                       c + i * ldc + j, ldc, std::min(kernels.columns, n - j)});
    }
};

/// Blocks of one thread in the forward pass: a tile's rows of queries against up to 512 keys.
template <class Word>
struct TiledForward {
    const AttentionPlan& p;
    TileProducts<Word> products;
    Index rows, block, panel, lds;
    Scratch<Word> words_;
    Scratch<float> floats_;
    Word *kt, *values, *queries, *shares, *few;                     // few: keys behind the last panel
    float *scores, *top, *sum;

    TiledForward(const AttentionPlan& plan, const Kernels<Word>& kernels)
        : p(plan), products{kernels}, rows(block_size(p.queries, kernels.rows, 1)), block(block_size(p.keys, 512, kernels.columns)),
          panel(words<Word>(p.width) * kernels.columns), lds(block + 16),
          words_(products.right_size(p.keys, p.width) + blocks() * value_size() + (rows + 4) * products.line(p.width) + rows * products.line(block), 5),
          floats_(rows * (lds + 2), 3), kt(words_.take(products.right_size(p.keys, p.width))), values(words_.take(blocks() * value_size())),
          queries(words_.take(rows * products.line(p.width))), shares(words_.take(rows * products.line(block))),
          few(words_.take(4 * products.line(p.width))), scores(floats_.take(rows * lds)),
          top(floats_.take(rows)), sum(floats_.take(rows)) {}

    Index blocks() const { return (p.keys + block - 1) / block; }
    Index value_size() const { return products.right_size(p.width, block); }

    void load_keys(const HeadView<const float>& k, const HeadView<const float>& v, Index b, Index g) {
        products.columns_of(k.at(b, g, 0), k.row, p.keys, p.width, kt);
        for (Index i = 0; i < blocks(); ++i)
            products.rows_of(v.at(b, g, i * block), v.row, std::min(block, p.keys - i * block), p.width, values + i * value_size());
    }

    /// Queries i .. i + n of one head against all keys.
    void run(const HeadView<const float>& q, const HeadView<const float>& k, const HeadView<float>& y, float* lse, Index b, Index h, Index i,
             Index n) {
        std::fill_n(top, n, -std::numeric_limits<float>::infinity());
        std::fill_n(sum, n, 0.0f);
        float* const out = y.at(b, h, i);
        const Lines<Word> line = products.left(q.at(b, h, i), q.row, n, p.width, queries);
        const Index seen = p.seen(i + n - 1);
        for (Index r = 0; r < n && seen <= 0; ++r) std::fill_n(out + r * y.row, p.width, 0.0f);
        for (Index first = 0; first < seen; first += block) {
            const Index all = std::min(block, p.keys - first), columns = std::min(all, seen - first), padded = Lanes<float>::round_up(columns);
            products.scores(n, columns, p.width, static_cast<float>(p.scale), q.at(b, h, i), q.row, line, k.at(b, h / p.group(), first), k.row,
                            kt + first / products.kernels.columns * panel, scores, lds, few);
            for (Index r = 0; r < n; ++r) {
                mask_scores(p, b, h, i + r, first, columns, scores + r * lds);
                softmax_row(scores + r * lds, padded, top[r], sum[r], out + r * y.row, first > 0 ? p.width : 0);
            }
            const Lines<Word> share = products.left(scores, lds, n, columns, shares);
            products.multiply(n, p.width, columns, 1.0f, share, values + first / block * value_size(), words<Word>(all) * products.kernels.columns,
                              first > 0 ? 1.0f : 0.0f, out, y.row);
        }
        for (Index r = 0; r < n; ++r) {
            const bool any = sum[r] != 0;
            const float share = any ? 1 / sum[r] : 1.0f;
            for (Index j = 0; j < p.width; ++j) out[r * y.row + j] *= share;
            lse[r] = any ? top[r] + std::log(sum[r]) : std::numeric_limits<float>::infinity();
        }
    }
};

/// What the backward pass reads and writes.
struct AttentionInputs {
    HeadView<const float> q, k, v, y, dy;
    const float* lse;
};
struct AttentionGradients {
    HeadView<float> dq, dk, dv;
};

/// Blocks of one thread in the backward pass: 128 keys against 96 queries at a time; the formulas of AttentionBackward.
template <class Word>
struct TiledBackward {
    const AttentionPlan& p;
    TileProducts<Word> products;
    Index block, rows, lds;
    Scratch<Word> words_;
    Scratch<float> floats_;
    Word *kt, *vt, *keys, *query_rows, *slope_rows, *left, *few;    // right operands, and one left operand at a time
    float *scores, *slopes;
    Index written = 0;                                              // keys of the block whose gradients hold something

    TiledBackward(const AttentionPlan& plan, const Kernels<Word>& kernels)
        : p(plan), products{kernels}, block(block_size(p.keys, 128, kernels.columns)), rows(block_size(p.queries, 96, 1)),
          lds(block + 16),
          words_(2 * products.right_size(block, p.width) + products.right_size(p.width, block) + 2 * products.right_size(p.width, rows) + left_size() +
                     4 * products.line(p.width), 7),
          floats_(2 * rows * lds, 2), kt(words_.take(products.right_size(block, p.width))),
          vt(words_.take(products.right_size(block, p.width))), keys(words_.take(products.right_size(p.width, block))),
          query_rows(words_.take(products.right_size(p.width, rows))), slope_rows(words_.take(products.right_size(p.width, rows))),
          left(words_.take(left_size())), few(words_.take(4 * products.line(p.width))), scores(floats_.take(rows * lds)), slopes(floats_.take(rows * lds)) {}

    /// Words of the largest left operand.
    Index left_size() const {
        return std::max({rows * products.line(p.width), rows * products.line(block), words<Word>(rows) * lds});
    }

    void load_keys(const HeadView<const float>& k, const HeadView<const float>& v, Index b, Index g, Index first, Index n) {
        products.columns_of(k.at(b, g, first), k.row, n, p.width, kt);
        products.columns_of(v.at(b, g, first), v.row, n, p.width, vt);
        products.rows_of(k.at(b, g, first), k.row, n, p.width, keys);
        written = 0;
    }

    /// Queries i .. i + n of head h against the loaded keys first .. first + m; adds to what is already written of dk, dv and
    /// (behind the first block of keys) dq, and writes the rest.
    void run(const AttentionInputs& in, const AttentionGradients& out, Index b, Index h, Index i, Index n, Index first, Index m) {
        const Index columns = std::min(m, p.seen(i + n - 1) - first), step = products.kernels.columns, w = p.width, g = h / p.group();
        if (columns <= 0) {
            for (Index r = 0; r < n && first == 0; ++r) std::fill_n(out.dq.at(b, h, i + r), w, 0.0f);
            return;
        }
        const auto& [q, k, v, y, dy, lse] = in;
        const float *x = q.at(b, h, i), *d = dy.at(b, h, i), scale = static_cast<float>(p.scale);
        products.scores(n, columns, w, scale, x, q.row, products.left(x, q.row, n, w, left), k.at(b, g, first), k.row, kt, scores, lds, few);
        products.scores(n, columns, w, 1.0f, d, dy.row, products.left(d, dy.row, n, w, left), v.at(b, g, first), v.row, vt, slopes, lds, few);
        for (Index r = 0; r < n; ++r) {
            mask_scores(p, b, h, i + r, first, columns, scores + r * lds);
            const float delta = dot(d + r * dy.row, y.at(b, h, i + r), w);
            softmax_back_row(scores + r * lds, slopes + r * lds, columns, lse[(b * p.heads + h) * p.queries + i + r], delta);
        }
        products.rows_of(d, dy.row, n, w, slope_rows);
        products.rows_of(x, q.row, n, w, query_rows);
        const Index panel = words<Word>(n) * step;
        sum_into(out.dv, b, g, first, columns, n, 1.0f, scores, slope_rows, panel);
        sum_into(out.dk, b, g, first, columns, n, scale, slopes, query_rows, panel);
        written = std::max(written, columns);
        products.multiply(n, w, columns, scale, products.left(slopes, lds, n, columns, left), keys, words<Word>(m) * step, first > 0 ? 1.0f : 0.0f,
                          out.dq.at(b, h, i), out.dq.row);
    }

    /// Keys first + from .. first + to of the gradients, which no query has seen, become zero.
    void clear(const AttentionGradients& out, Index b, Index g, Index first, Index from, Index to) const {
        for (Index j = from; j < to; ++j) {
            std::fill_n(out.dk.at(b, g, first + j), p.width, 0.0f);
            std::fill_n(out.dv.at(b, g, first + j), p.width, 0.0f);
        }
    }

private:
    /// The rows of keys of `to`: += alpha s' x for the block s [n, columns], = where nothing is written yet.
    void sum_into(const HeadView<float>& to, Index b, Index g, Index first, Index columns, Index n, float alpha, const float* s, const Word* x,
                  Index panel) const {
        const auto part = [&](Index from, Index last, float beta) {
            if (from >= last) return;
            const Lines<Word> turned = products.left_of_columns(s + from, lds, last - from, n, left);
            products.multiply(last - from, p.width, n, alpha, turned, x, panel, beta, to.at(b, g, first + from), to.row);
        };
        part(0, std::min(written, columns), 1.0f);
        part(written, columns, 0.0f);
    }
};

template <class Word>
void tiled_forward(const AttentionPlan& p, const Kernels<Word>& kernels, const HeadView<const float>& q, const HeadView<const float>& k,
                   const HeadView<const float>& v, const HeadView<float>& y, float* lse) {
    parallel_for(p.batches * p.heads, attention_grain(p, 1), [&](Index begin, Index stop) {
        TiledForward<Word> block(p, kernels);
        Index packed = -1;                          // heads of a group share keys and values
        for (Index u = begin; u < stop; ++u) {
            const Index b = u / p.heads, h = u % p.heads, g = h / p.group();
            if (b * p.kv_heads + g != packed) block.load_keys(k, v, b, g);
            packed = b * p.kv_heads + g;
            for (Index i = 0; i < p.queries; i += block.rows)
                block.run(q, k, y, lse + u * p.queries + i, b, h, i, std::min(block.rows, p.queries - i));
        }
    });
}

template <class Word>
void tiled_backward(const AttentionPlan& p, const Kernels<Word>& kernels, const AttentionInputs& in, const AttentionGradients& out) {
    parallel_for(p.batches * p.kv_heads, attention_grain(p, p.group()), [&](Index begin, Index stop) {
        TiledBackward<Word> block(p, kernels);
        for (Index u = begin; u < stop; ++u) {
            const Index b = u / p.kv_heads, g = u % p.kv_heads;
            for (Index first = 0; first < p.keys; first += block.block) {
                const Index m = std::min(block.block, p.keys - first);
                block.load_keys(in.k, in.v, b, g, first, m);
                for (Index h = g * p.group(); h < (g + 1) * p.group(); ++h)
                    for (Index i = 0; i < p.queries; i += block.rows) block.run(in, out, b, h, i, std::min(block.rows, p.queries - i), first, m);
                block.clear(out, b, g, first, block.written, m);
            }
        }
    });
}

/// Calls f with the kernels to use; false if there are none.
template <class F>
bool with_kernels(bool rounded, const F& f) {
    if (rounded && isa() == Isa::avx512_bf16) return f(kernels_bf16()), true;
    if (isa() >= Isa::avx512) return f(kernels_avx512<false>()), true;
    if (isa() == Isa::avx2) return f(kernels_avx2<false>()), true;
    return false;
}

#endif

}  // namespace detail

/// attention_forward in the fastest way for this plan and processor.
template <class T>
void attend(const AttentionPlan& p, const HeadView<const T>& q, const HeadView<const T>& k, const HeadView<const T>& v,
            const HeadView<T>& y, T* lse) {
#if SVAD_X86
    if constexpr (std::same_as<T, float>)
        if (p.batches * p.heads * p.queries * p.keys > 0 && q.step == 1 && k.step == 1 && v.step == 1 &&
            detail::with_kernels(p.rounded, [&](const auto& kernels) { detail::tiled_forward(p, kernels, q, k, v, y, lse); }))
            return;
#endif
    attention_forward<T>(p, q, k, v, y, lse);
}

/// attention_backward in the same way.
template <class T>
void attend_back(const AttentionPlan& p, const HeadView<const T>& q, const HeadView<const T>& k, const HeadView<const T>& v,
                 const HeadView<const T>& y, const HeadView<const T>& dy, const T* lse, const HeadView<T>& dq, const HeadView<T>& dk,
                 const HeadView<T>& dv) {
#if SVAD_X86
    if constexpr (std::same_as<T, float>)
        if (p.batches * p.heads * p.queries * p.keys > 0 && q.step == 1 && k.step == 1 && v.step == 1 && y.step == 1 && dy.step == 1 &&
            detail::with_kernels(p.rounded, [&](const auto& kernels) { detail::tiled_backward(p, kernels, {q, k, v, y, dy, lse}, {dq, dk, dv}); }))
            return;
#endif
    attention_backward<T>(p, q, k, v, y, dy, lse, dq, dk, dv);
}

}  // namespace svad::cpu
