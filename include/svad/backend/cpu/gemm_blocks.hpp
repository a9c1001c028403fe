// SPDX-License-Identifier: Apache-2.0
// From tiles in registers to a whole product, for any table of kernels. B is packed once into panels of a tile's width, by all
// threads; then blocks of C are handed out, small enough that their part of B stays in the second-level cache and a tile's
// rows of A in the first. A is read as it lies where it can be, else packed a block at a time by the thread that uses it.
// Gradients of weights (many terms, few outputs) are split over the sum instead: each part packs its own piece of both
// operands, and the parts are added in order. What is summed together follows from the shape alone, so results do not depend on
// the number of threads. Rejected: packing A in advance as well (as much memory as the operand, and no faster).
#pragma once

#include "svad/backend/cpu/gemm_table.hpp"
#include "svad/core/parallel.hpp"
#include "svad/core/storage.hpp"

#include <algorithm>
#include <cstdint>

namespace svad::cpu {

enum class Trans : bool { no, yes };

namespace detail {

/// Words of this thread, kept between products. A product that uses them calls no other before it is done with them.
template <class Word>
Word* thread_words(Index count) {
    thread_local Storage memory;
    const auto bytes = static_cast<std::size_t>(count) * sizeof(Word);
    if (!memory || memory.bytes() < bytes) memory = Storage(), memory = Storage(bytes);
    return reinterpret_cast<Word*>(memory.data());
}

constexpr Index parts(Index n, Index part) { return (n + part - 1) / part; }
/// n cut into as many equal pieces as pieces of `most` need, each a multiple of `unit` but the last.
constexpr Index even(Index n, Index most, Index unit) {
    return n <= most ? std::max<Index>(n, 1) : parts(parts(n, parts(n, most)), unit) * unit;
}

inline constexpr Index block_words = 384, block_panels = 12, block_tiles = 18, packed_bytes = Index{1} << 24;

/// Memory that will be needed soon, asked for a few lines at a time while tiles are computed: rows of a matrix come from far
/// away, and by the time the processor sees a pattern in them they are over.
class Ahead {
public:
    Ahead() = default;
    Ahead(const float* from, Index stride, Index rows, Index columns, Index calls)
        : at_(from), end_(from + (stride == columns ? rows * columns : columns)), step_(stride - columns), columns_(columns),
          rows_(stride == columns ? 1 : rows), each_(parts(rows * parts(columns, 16), std::max<Index>(1, calls))) {}
    void operator()() {
        const float* at = at_;
        for (Index i = rows_ > 0 ? each_ : 0; i > 0; --i, at += 16) {
            if (at >= end_) {
                if (--rows_ == 0) break;
                at = end_ + step_, end_ = at + columns_;
            }
            __builtin_prefetch(at, 0, 2);
        }
        at_ = at;
    }

private:
    const float *at_ = nullptr, *end_ = nullptr;
    Index step_ = 0, columns_ = 0, rows_ = 0, each_ = 0;
};

/// The left operand: op(a) [m, k].
struct Left {
    const float* data;
    Index stride;
    Trans trans;
    const float* at(Index row, Index k) const { return trans == Trans::no ? data + row * stride + k : data + k * stride + row; }
    Ahead ahead(Index row, Index rows, Index k, Index depth, Index calls) const {
        if (rows <= 0 || depth <= 0) return {};
        return {at(row, k), stride, trans == Trans::no ? rows : depth, trans == Trans::no ? depth : rows, calls};
    }
};

/// The rows [top, top + rows) and terms [at, at + depth) of the left operand as the tiles read them.
template <class Word>
struct LeftBlock {
    const Word* data;
    Index tile, row, step;                                          // from tile to tile, row to row, word to word
};

/// Rows that lie across k, in groups of `height` that go to to + i * group. They are read a few terms at a time over all groups, as
/// memory lies: by groups, every term would be another cache line that nothing asked for in time.
template <class Word>
void across(const Kernels<Word>& kernels, const float* from, Index stride, Index rows, Index height, Index width, Index k, Word* to, Index group) {
    constexpr Index terms = 16;
    for (Index p = 0; p < k; p += terms)
        for (Index i = 0; i * height < rows; ++i)
            kernels.across(from + p * stride + i * height, stride, std::min(height, rows - i * height), width, std::min(terms, k - p),
                           to + i * group + words<Word>(p) * width);
}

template <class Word>
struct LeftShape {
    bool packed;
    Index tile, row, step, words;                                   // words: memory for a block, 0 if it is read as it lies

    LeftShape(const Kernels<Word>& kernels, const Left& a, Index height, Index tiles, Index depth) {
        const Index deep = detail::words<Word>(depth);
        const bool aliased = a.stride * Index{sizeof(float)} % 4096 < 256 && a.stride >= 512;     // rows would share one set of a cache
        packed = !kernels.exact || a.trans == Trans::yes || (aliased && depth >= 64);
        if (a.trans == Trans::yes) row = 1, step = parts(height, kernels.lanes) * kernels.lanes, tile = deep * step + 16;
        else row = parts(deep, 16) * 16 + 16, step = 1, tile = height * row;                      // an odd number of cache lines
        if (a.trans == Trans::no && row / 16 % 2 == 0) row += 16, tile = height * row;
        words = packed ? tiles * tile : 0;
        if (!packed) row = a.stride, tile = height * row;
    }

    LeftBlock<Word> pack(const Kernels<Word>& kernels, const Left& a, Index top, Index rows, Index height, Index at, Index depth, Word* to) const {
        if constexpr (std::is_same_v<Word, float>)
            if (!packed) return {a.at(top, at), tile, row, step};
        if (a.trans == Trans::yes) across(kernels, a.at(top, at), a.stride, rows, height, step, depth, to, tile);
        else kernels.along(a.at(top, at), a.stride, rows, depth, to, row);
        return {to, tile, row, step};
    }
};

/// Some rows of C against panels of b, one block of terms deep.
template <class Word, class... Memory>
void block_product(const Kernels<Word>& kernels, const LeftBlock<Word>& a, Index rows, Index height, const Word* b, Index panel, Index columns, Index steps,
                   float alpha, float beta, float* c, Index ldc, Memory... soon) {
    for (Index i = 0; i * height < rows; ++i)
        for (Index j = 0; j * kernels.columns < columns; ++j) {
            (soon(), ...);
            kernels.tile[std::min(height, rows - i * height)]({steps, a.data + i * a.tile, a.row, a.step, b + j * panel, kernels.columns, alpha, beta,
                                                               c + i * height * ldc + j * kernels.columns, ldc,
                                                               std::min(kernels.columns, columns - j * kernels.columns)});
        }
}

/// c [m, n] = beta c + alpha op(a) b; pack(first column, columns, first term, terms, to, panel) makes panels of b, one at every
/// `panel` words.
template <class Word, class Pack, class Finish>
void tiled_product(const Kernels<Word>& kernels, Index m, Index n, Index k, float alpha, const Left& a, Pack pack, float beta, float* c, Index ldc,
                   Finish finish) {
    constexpr Index per_word = std::is_same_v<Word, float> ? 1 : 2;
    const Index wide = kernels.columns, all_words = words<Word>(k), panel = all_words * wide + 16;       // not all in the same set of a cache
    const Index depth = even(all_words, block_words, 16) * per_word;
    const bool small = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) < 2e5;
    const Index chunk = std::max<Index>(8, packed_bytes / (panel * Index{sizeof(Word)})) * wide;         // columns packed at a time
    const Index height = even(m, kernels.rows, 1), tiles = parts(m, height);
    for (Index left = 0; left < n; left += chunk) {
        const Index width = std::min(chunk, n - left), panels = parts(width, wide);
        const Storage memory(static_cast<std::size_t>(panels * panel) * sizeof(Word));
        auto* const packed = reinterpret_cast<Word*>(memory.data());
        const Index together = std::clamp<Index>(panels / 4, 1, 8), packs = parts(panels, together);
        parallel_for(packs, small ? packs : 1, [&](Index first, Index last) {
            for (Index p = first * together; p < std::min(panels, last * together); p += together)
                for (Index at = 0; at < k; at += depth)
                    pack(left + p * wide, std::min(together * wide, width - p * wide), at, std::min(depth, k - at),
                         packed + p * panel + at / per_word * wide, panel);
        });
        const Index across = even(panels, block_panels, 1), blocks = parts(panels, across);
        const Index most = a.trans == Trans::no && kernels.exact ? 2 * block_tiles : block_tiles;             // what is packed must fit the cache too
        const Index high = std::clamp<Index>(parts(tiles * blocks, 4 * threads()), 1, most), down = parts(tiles, high);
        const LeftShape<Word> shape(kernels, a, height, high, std::min(depth, k));
        parallel_for(down * blocks, small ? down * blocks : 1, [&](Index first, Index last) {
            Word* const scratch = shape.words > 0 ? thread_words<Word>(shape.words) : nullptr;
            for (Index t = first; t < last; ++t) {
                const Index top = t % down * high * height, rows = std::min(high * height, m - top), from = t / down * across;
                const Index columns = std::min(across * wide, width - from * wide);
                float* const to = c + top * ldc + left + from * wide;
                for (Index at = 0; at < k; at += depth) {
                    const Index deep = std::min(depth, k - at), calls = parts(rows, height) * parts(columns, wide);
                    block_product(kernels, shape.pack(kernels, a, top, rows, height, at, deep, scratch), rows, height,
                                  packed + from * panel + at / per_word * wide, panel, columns, words<Word>(deep), alpha, at == 0 ? beta : 1.0f, to, ldc,
                                  shape.packed ? a.ahead(top, rows, at + deep, std::min(depth, k - at - deep), calls)
                                               : a.ahead(top + height, rows - height, at, deep, calls),
                                  at + deep < k ? Ahead(reinterpret_cast<const float*>(packed + from * panel + (at + deep) / per_word * wide), panel,
                                                        parts(columns, wide), words<Word>(std::min(depth, k - at - deep)) * wide, calls)
                                                : Ahead());
                }
                finish(top, rows, left + from * wide, columns);
            }
        });
    }
}

/// True where the sum is long and C small: a weight's gradient.
constexpr bool split_pays(Index m, Index n, Index k) { return m * n <= Index{1} << 18 && k >= 2048 && k >= 2 * std::max(m, n); }

/// The same product, its terms in parts that are summed apart and added in order. b is given as op(b)' besides.
template <class Word, class Pack, class Finish>
void split_product(const Kernels<Word>& kernels, Index m, Index n, Index k, float alpha, const Left& a, const Left& b, Pack pack, float beta, float* c,
                   Index ldc, Finish finish) {
    constexpr Index per_word = std::is_same_v<Word, float> ? 1 : 2;
    const Index wide = kernels.columns, panels = parts(n, wide), height = even(m, kernels.rows, 1), tiles = parts(m, height);
    const Index depth = std::clamp<Index>((Index{1} << 16) / (m + n), 128, 256) / 16 * 16 * per_word;
    const Index count = std::clamp<Index>((Index{1} << 20) / (m * n), 4, 8), part = even(k, parts(k, count), 32), groups = parts(k, part);
    const Storage memory(static_cast<std::size_t>(groups * m * n) * sizeof(float));
    auto* const sums = reinterpret_cast<float*>(memory.data());
    parallel_for(groups, 1, [&](Index first, Index last) {
        const Index deep_words = words<Word>(std::min(depth, part)), panel = deep_words * wide + 16;
        const LeftShape<Word> shape(kernels, a, height, tiles, std::min(depth, part));
        Word* const scratch = thread_words<Word>(panels * panel + shape.words);
        for (Index g = first; g < last; ++g)
            for (Index at = g * part, end = std::min(k, at + part); at < end; at += depth) {
                const Index deep = std::min(depth, end - at);
                const Index next = std::min(depth, end - at - deep), calls = parts(m, height) * panels;
                pack(0, n, at, deep, scratch, panel);
                block_product(kernels, shape.pack(kernels, a, 0, m, height, at, deep, scratch + panels * panel), m, height, scratch, panel, n,
                              words<Word>(deep), alpha, at == g * part ? 0.0f : 1.0f, sums + g * m * n, n, a.ahead(0, m, at + deep, next, calls),
                              next > 0 ? b.ahead(0, n, at + deep, next, calls) : Ahead());
            }
    });
    const Index rows = std::max<Index>(1, 4096 / n);
    parallel_for(parts(m, rows), 1, [&](Index first, Index last) {
        for (Index top = first * rows; top < std::min(m, last * rows); top += rows) {
            const Index high = std::min(rows, m - top);
            for (Index r = top; r < top + high; ++r) {
                float* const to = c + r * ldc;
                float* const sum = sums + r * n;
                for (Index g = 1; g < groups; ++g)
                    for (Index j = 0; j < n; ++j) sum[j] += sums[(g * m + r) * n + j];
                for (Index j = 0; j < n; ++j) to[j] = beta == 0 ? sum[j] : beta * to[j] + sum[j];
            }
            finish(top, high, Index{0}, n);
        }
    });
}

/// A product of a few rows x [m, k] with w [n, k], both as they lie; element (r, j) at c[r * c_row + j * c_column].
template <class Word, class Finish>
void dots_product(const Kernels<Word>& kernels, Index m, Index n, Index k, float alpha, const float* x, Index ldx, const float* w, Index ldw, float beta,
                  float* c, Index c_row, Index c_column, Finish finish) {
    const Word* rows = nullptr;
    Storage memory;
    if constexpr (std::is_same_v<Word, float>)
        if (kernels.exact) rows = x;
    if (!rows) {
        const Index row = parts(words<Word>(k), 16) * 16;
        memory = Storage(static_cast<std::size_t>(m * row) * sizeof(Word));
        kernels.along(x, ldx, m, k, reinterpret_cast<Word*>(memory.data()), row);
        rows = reinterpret_cast<const Word*>(memory.data()), ldx = row;
    }
    const Index strip = std::clamp<Index>(32768 / k, 4, std::max<Index>(4, n / 16)) / 4 * 4, count = parts(n, strip);
    const bool small = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) < 1e5;
    parallel_for(count, small ? count : 1, [&](Index first, Index last) {
        for (Index t = first; t < last; ++t) {
            const Index j = t * strip, columns = std::min(strip, n - j), group = m <= 4 ? columns : 4;
            for (Index q = 0; q < columns; q += group)                // four rows of w stay in the cache for all rows of x
                for (Index r = 0; r < m; r += 4)
                    kernels.dots[std::min<Index>(4, m - r)]({std::min(group, columns - q), k, rows + r * ldx, ldx, w + (j + q) * ldw, ldw, alpha, beta,
                                                             c + r * c_row + (j + q) * c_column, c_row, c_column});
            finish(j, columns);
        }
    });
}

/// A product of a few rows with b [k, n] as it lies.
template <class Finish>
void lines_product(const Kernels<float>& kernels, Index m, Index n, Index k, float alpha, const Left& a, const float* b, Index ldb, float beta, float* c,
                   Index ldc, Finish finish) {
    const Index strip = kernels.strip[m], count = parts(n, strip);
    const bool small = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) < 1e5;
    LeftBlock<float> block{a.data, 0, a.trans == Trans::no ? a.stride : 1, a.trans == Trans::no ? 1 : a.stride};
    Storage memory;
    if (!kernels.exact) {
        const LeftShape<float> shape(kernels, a, m, 1, k);
        memory = Storage(static_cast<std::size_t>(shape.words) * sizeof(float));
        block = shape.pack(kernels, a, 0, m, m, 0, k, reinterpret_cast<float*>(memory.data()));
    }
    parallel_for(count, small ? count : 1, [&](Index first, Index last) {
        for (Index t = first; t < last; ++t) {
            const Index j = t * strip, columns = std::min(strip, n - j);
            kernels.line[m]({k, block.data, block.row, block.step, b + j, ldb, alpha, beta, c + j, ldc, columns});
            finish(j, columns);
        }
    });
}

}  // namespace detail
}  // namespace svad::cpu
