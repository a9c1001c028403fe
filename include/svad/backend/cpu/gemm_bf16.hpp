// SPDX-License-Identifier: Apache-2.0
// Products whose operands are rounded to bf16 and whose sums are f32, by AVX512-BF16's pairs of products (vdpbf16ps): twice
// the work of an f32 instruction. Operands are rounded once into pairs along k: a stays row by row, b goes into tiles of 32
// columns, 512 deep, which one thread makes and uses for all rows of its strip. An output is one thread's sum in a fixed
// order, whatever the number of threads. Without the instructions gemm() rounds the operands and multiplies in f32.
#pragma once

#include "svad/core/parallel.hpp"
#include "svad/core/storage.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__AVX512BF16__) && defined(__AVX512F__)
#include <immintrin.h>

#define SVAD_BF16_PAIRS 1

namespace svad::cpu::detail {

inline constexpr Index pair_columns = 32, pair_rows = 12, pair_depth = 512;

typedef std::uint32_t Pairs __attribute__((vector_size(64)));

/// Elements 2i and 2i + 1 of 32 floats as pair i.
inline Pairs pairs_of(const float* x) {
    return reinterpret_cast<Pairs>(_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + 16), _mm512_loadu_ps(x)));
}
/// 16 floats of one row and 16 of the next: pair i is (x[i], y[i]).
inline Pairs pairs_of(const float* x, const float* y) {
    typedef std::uint16_t Halves __attribute__((vector_size(64)));
    const auto both = reinterpret_cast<Halves>(_mm512_cvtne2ps_pbh(_mm512_loadu_ps(y), _mm512_loadu_ps(x)));
    return reinterpret_cast<Pairs>(__builtin_shufflevector(both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26,
                                                           11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
}

/// One step of a 16 x 16 transposition: lanes that differ in bit d change places with rows that do.
template <int d, int... l>
inline void swap_lanes(Pairs& a, Pairs& b, std::integer_sequence<int, l...>) {
    const Pairs first = __builtin_shufflevector(a, b, ((l & d) == 0 ? l : 16 + l - d)...);
    b = __builtin_shufflevector(a, b, ((l & d) == 0 ? l + d : 16 + l)...);
    a = first;
}
template <int d>
inline void swap_rows(Pairs* rows) {
    for (int i = 0; i < 16; ++i)
        if ((i & d) == 0) swap_lanes<d>(rows[i], rows[i + d], std::make_integer_sequence<int, 16>());
}
inline void transpose(Pairs* rows) { swap_rows<8>(rows), swap_rows<4>(rows), swap_rows<2>(rows), swap_rows<1>(rows); }

/// Columns of w (rows of `k` floats, `stride` apart) as a tile: pair p of column j at to[p * 32 + j]. Missing columns and
/// elements are zero.
inline void tile_of_rows(const float* w, Index stride, Index columns, Index k, std::uint32_t* to) {
    alignas(64) float rest[32];
    for (Index p = 0; p < k; p += 32)
        for (Index half = 0; half < pair_columns; half += 16) {
            Pairs rows[16] = {};
            for (Index j = 0; j < 16 && half + j < columns; ++j) {
                const float* from = w + (half + j) * stride + p;
                if (p + 32 > k) {
                    std::fill_n(std::copy_n(from, k - p, rest), 32 - (k - p), 0.0f);
                    from = rest;
                }
                rows[j] = pairs_of(from);
            }
            transpose(rows);
            for (Index i = 0; i < std::min<Index>(16, (k - p + 1) / 2); ++i) std::memcpy(to + (p / 2 + i) * pair_columns + half, &rows[i], sizeof(Pairs));
        }
}

/// The same where column j's elements are `stride` apart: w[p * stride + j].
inline void tile_of_columns(const float* w, Index stride, Index columns, Index k, std::uint32_t* to) {
    alignas(64) float x[32], y[32] = {};
    for (Index p = 0; p < k; p += 2, to += pair_columns) {
        const float *first = w + p * stride, *second = p + 1 < k ? first + stride : nullptr;
        if (columns < pair_columns || !second) {
            std::fill_n(std::copy_n(first, columns, x), 32 - columns, 0.0f);
            if (second) std::fill_n(std::copy_n(second, columns, y), 32 - columns, 0.0f);
            else std::fill_n(y, 32, 0.0f);
            first = x, second = y;
        }
        for (Index half = 0; half < 32; half += 16) {
            const Pairs pairs = pairs_of(first + half, second + half);
            std::memcpy(to + half, &pairs, sizeof pairs);
        }
    }
}

/// All of a as pairs: pair p of row r is at pairs[r * row + p * step].
struct PairedRows {
    Storage memory;
    Index row = 0, step = 1;
    const std::uint32_t* data() const { return reinterpret_cast<const std::uint32_t*>(memory.data()); }
};

inline PairedRows paired_rows(const float* a, Index m, Index k, Index lda, bool transposed) {
    PairedRows out;
    const Index pairs = (k + 31) / 32 * 16, wide = (m + 31) / 32 * 32;
    out.memory = Storage(static_cast<std::size_t>(transposed ? wide * ((k + 1) / 2) : m * pairs) * 4);
    auto* const to = reinterpret_cast<std::uint32_t*>(out.memory.data());
    if (transposed) {
        out.row = 1, out.step = wide;
        parallel_for((k + 1) / 2, std::max<Index>(1, 8192 / wide), [&](Index first, Index last) {
            alignas(64) std::uint32_t line[pair_columns];
            for (Index p = first; p < last; ++p)
                for (Index i = 0; i < m; i += pair_columns) {
                    tile_of_columns(a + 2 * p * lda + i, lda, std::min(pair_columns, m - i), std::min<Index>(2, k - 2 * p), line);
                    std::memcpy(to + p * wide + i, line, sizeof line);
                }
        });
        return out;
    }
    out.row = pairs;
    parallel_for(m, std::max<Index>(1, 16384 / std::max<Index>(1, k)), [&](Index first, Index last) {
        alignas(64) float rest[32];
        for (Index r = first; r < last; ++r)
            for (Index p = 0; p < k; p += 32) {
                const float* from = a + r * lda + p;
                if (p + 32 > k) std::fill_n(std::copy_n(from, k - p, rest), 32 - (k - p), 0.0f), from = rest;
                const Pairs made = pairs_of(from);
                std::memcpy(to + r * pairs + p / 2, &made, sizeof made);
            }
    });
    return out;
}

/// c [rows, columns] = beta c + alpha a b for one tile of b, `pairs` deep; all of it in registers.
template <int rows>
void pair_tile(Index pairs, const std::uint32_t* a, Index row, Index step, const std::uint32_t* b, float alpha, float beta, float* c, Index ldc, Index columns) {
    __m512 sums[rows][2];
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = _mm512_setzero_ps();
    for (Index p = 0; p < pairs; ++p, b += pair_columns) {
        const auto b0 = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b)), b1 = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + 16));
#pragma GCC unroll 12
        for (int r = 0; r < rows; ++r) {
            const auto x = reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(a[r * row + p * step])));
            sums[r][0] = _mm512_dpbf16_ps(sums[r][0], x, b0);
            sums[r][1] = _mm512_dpbf16_ps(sums[r][1], x, b1);
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r)
        for (Index half = 0; half < 2; ++half) {
            const Index left = std::clamp<Index>(columns - 16 * half, 0, 16);
            const auto mask = static_cast<__mmask16>((1u << left) - 1);
            float* const to = c + r * ldc + 16 * half;
            __m512 value = sums[r][half] * _mm512_set1_ps(alpha);
            if (beta != 0) value += _mm512_maskz_loadu_ps(mask, to) * _mm512_set1_ps(beta);
            _mm512_mask_storeu_ps(to, mask, value);
        }
}

inline void pair_rows_of_tile(Index m, Index pairs, const std::uint32_t* a, Index row, Index step, const std::uint32_t* b, float alpha, float beta, float* c,
                              Index ldc, Index columns) {
    const auto run = [&](auto n) {
        pair_tile<n>(pairs, a, row, step, b, alpha, beta, c, ldc, columns);
        m -= n, a += n * row, c += n * ldc;
    };
    while (m >= pair_rows) run(std::integral_constant<int, pair_rows>());
    if (m >= 8) run(std::integral_constant<int, 8>());
    if (m >= 4) run(std::integral_constant<int, 4>());
    while (m > 0) run(std::integral_constant<int, 1>());
}

/// c [m, n] = beta c + alpha a b; pack(first column, columns, first element, depth, to) makes a tile of b.
template <class Pack, class Finish>
void pair_product(Index m, Index n, Index k, float alpha, const PairedRows& a, Pack pack, float beta, float* c, Index ldc, Finish finish) {
    const Index strip = n >= 256 ? std::max<Index>(m, 1) : 1536, down = (m + strip - 1) / strip, across = (n + pair_columns - 1) / pair_columns;
    parallel_for(down * across, 1, [&](Index first, Index last) {
        const Storage memory(static_cast<std::size_t>(pair_depth / 2 * pair_columns) * 4);
        auto* const tile = reinterpret_cast<std::uint32_t*>(memory.data());
        for (Index t = first; t < last; ++t) {
            const Index top = t / across * strip, rows = std::min(strip, m - top), left = t % across * pair_columns, columns = std::min(pair_columns, n - left);
            float* const to = c + top * ldc + left;
            for (Index at = 0; at < k; at += pair_depth) {
                const Index depth = std::min(pair_depth, k - at);
                pack(left, columns, at, depth, tile);
                pair_rows_of_tile(rows, (depth + 1) / 2, a.data() + top * a.row + at / 2 * a.step, a.row, a.step, tile, alpha, at == 0 ? beta : 1.0f, to, ldc, columns);
            }
            finish(top, rows, left, columns);
        }
    });
}

}  // namespace svad::cpu::detail

#else
#define SVAD_BF16_PAIRS 0
#endif
