// SPDX-License-Identifier: Apache-2.0
// Products in f32 by AVX2 and FMA, of operands as they are or rounded to bf16 on the way: tiles of up to 6 rows and 16 columns, 12 sums in the 16 registers. Compiled for this target
// whatever the rest of the program is compiled for.
#pragma once

#include "svad/backend/cpu/features.hpp"
#include "svad/backend/cpu/gemm_table.hpp"

#include <cstdint>

#if SVAD_X86

namespace svad::cpu::detail {

#define SVAD_INLINE2 SVAD_AVX2 __attribute__((always_inline)) inline

/// The mask of the first n of 8 lanes.
SVAD_INLINE2 __m256i first_of_8(Index n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n < 8 ? n : 8)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/// To bf16, nearest and ties to even, as floats.
SVAD_INLINE2 __m256 to_bf16(__m256 x) {
    typedef std::uint32_t Words8 __attribute__((vector_size(32)));
    const auto bits = reinterpret_cast<Words8>(x);
    const auto near = reinterpret_cast<__m256>(bits + 0x7fffu + ((bits >> 16) & 1u)), quiet = reinterpret_cast<__m256>(bits | 0x400000u);
    const auto kept = reinterpret_cast<Words8>(_mm256_blendv_ps(near, quiet, _mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
    return reinterpret_cast<__m256>(kept & 0xffff0000u);
}
template <bool round>
SVAD_INLINE2 __m256 operand(__m256 x) {
    if constexpr (round) return to_bf16(x);
    else return x;
}

SVAD_INLINE2 void store_sums(__m256 sum, float alpha, float beta, float* to, Index left) {
    if (left <= 0) return;
    const __m256i mask = first_of_8(left);
    __m256 value = sum * _mm256_set1_ps(alpha);
    if (beta != 0) value += _mm256_maskload_ps(to, mask) * _mm256_set1_ps(beta);
    _mm256_maskstore_ps(to, mask, value);
}

/// 8 * vectors columns of some rows; with `ragged` b is not packed: only the columns that there are are read, and rounded.
template <int rows, int vectors, bool ragged, bool round>
SVAD_AVX2 void tile_avx2(const Tile<float>& t) {
    __m256 sums[rows][vectors];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) sums[r][v] = _mm256_setzero_ps();
    const float *b = t.b, *a[2] = {t.a, t.a + 4 * t.a_row};
    const Index row = t.a_row, step = t.a_step, b_step = t.b_step;
    __m256i mask[vectors];
    if constexpr (ragged)
        for (int v = 0; v < vectors; ++v) mask[v] = first_of_8(t.columns - 8 * v);
    for (Index p = t.steps; p > 0; --p, b += b_step) {
        __m256 line[vectors];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) {
            if constexpr (ragged) line[v] = operand<round>(_mm256_maskload_ps(b + 8 * v, mask[v]));
            else line[v] = _mm256_loadu_ps(b + 8 * v);
        }
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) {
            const __m256 x = _mm256_broadcast_ss(a[r / 4] + r % 4 * row);
#pragma GCC unroll 8
            for (int v = 0; v < vectors; ++v) sums[r][v] = _mm256_fmadd_ps(x, line[v], sums[r][v]);
        }
        a[0] += step;
        if constexpr (rows > 4) a[1] += step;
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) store_sums(sums[r][v], t.alpha, t.beta, t.c + r * t.ldc + 8 * v, t.columns - 8 * v);
}

template <bool round>
SVAD_AVX2 void along_avx2(const float* from, Index stride, Index rows, Index k, float* to, Index row) {
    for (Index r = 0; r < rows; ++r)
        for (Index p = 0; p < k; p += 8) _mm256_storeu_ps(to + r * row + p, operand<round>(_mm256_maskload_ps(from + r * stride + p, first_of_8(k - p))));
}

/// An 8 x 8 transposition.
SVAD_INLINE2 void transpose(__m256* x) {
    __m256 y[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) y[i] = _mm256_unpacklo_ps(x[i], x[i + 1]), y[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
        x[i] = _mm256_shuffle_ps(y[i], y[i + 2], 0x44), x[i + 1] = _mm256_shuffle_ps(y[i], y[i + 2], 0xee);
        x[i + 2] = _mm256_shuffle_ps(y[i + 1], y[i + 3], 0x44), x[i + 3] = _mm256_shuffle_ps(y[i + 1], y[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        y[i] = _mm256_permute2f128_ps(x[i], x[i + 4], 0x20);
        y[i + 4] = _mm256_permute2f128_ps(x[i], x[i + 4], 0x31);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) x[i] = y[i];
}

template <bool round>
SVAD_AVX2 void turned_avx2(const float* from, Index stride, Index rows, Index width, Index k, float* to) {
    for (Index p = 0; p < k; p += 8) {
        const __m256i mask = first_of_8(k - p);
        for (Index v = 0; v < width; v += 8) {
            __m256 x[8];
#pragma GCC unroll 8
            for (int i = 0; i < 8; ++i) x[i] = v + i < rows ? operand<round>(_mm256_maskload_ps(from + (v + i) * stride + p, mask)) : _mm256_setzero_ps();
            transpose(x);
#pragma GCC unroll 8
            for (int i = 0; i < 8; ++i)
                if (p + i < k) _mm256_storeu_ps(to + (p + i) * width + v, x[i]);
        }
    }
}

template <bool round>
SVAD_AVX2 void across_avx2(const float* from, Index stride, Index rows, Index width, Index k, float* to) {
    for (Index p = 0; p < k; ++p, from += stride, to += width)
        for (Index v = 0; v < width; v += 8) _mm256_storeu_ps(to + v, operand<round>(_mm256_maskload_ps(from + v, first_of_8(rows - v))));
}

template <int rows, bool round>
SVAD_AVX2 void dots_avx2(const Dots<float>& d) {
    for (Index j = 0; j < d.n; j += 2) {
        const bool both = j + 1 < d.n;
        const float *w0 = d.w + j * d.ldw, *w1 = both ? w0 + d.ldw : w0;
        __m256 sums[rows][2];
#pragma GCC unroll 4
        for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_ps();
        for (Index p = 0; p < d.k; p += 8) {
            const __m256i mask = first_of_8(d.k - p);
            const bool whole = p + 8 <= d.k;
            const __m256 line0 = operand<round>(whole ? _mm256_loadu_ps(w0 + p) : _mm256_maskload_ps(w0 + p, mask));
            const __m256 line1 = operand<round>(whole ? _mm256_loadu_ps(w1 + p) : _mm256_maskload_ps(w1 + p, mask));
#pragma GCC unroll 4
            for (int r = 0; r < rows; ++r) {
                const float* const at = d.x + r * d.ldx + p;
                const __m256 x = whole ? _mm256_loadu_ps(at) : _mm256_maskload_ps(at, mask);
                sums[r][0] = _mm256_fmadd_ps(x, line0, sums[r][0]);
                sums[r][1] = _mm256_fmadd_ps(x, line1, sums[r][1]);
            }
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; ++r) {
            alignas(32) float sum[8];
            const __m256 two = _mm256_hadd_ps(sums[r][0], sums[r][1]);
            _mm256_store_ps(sum, _mm256_hadd_ps(two, two));
            for (Index i = 0; i < (both ? 2 : 1); ++i) {
                float* const y = d.y + r * d.y_row + (j + i) * d.y_column;
                const float value = d.alpha * (sum[i] + sum[i + 4]);
                *y = d.beta == 0 ? value : d.beta * *y + value;
            }
        }
    }
}

template <bool round>
const Kernels<float>& kernels_avx2() {
    static constexpr Kernels<float> table = {
        !round, 6, 16, 8,
        {nullptr, &tile_avx2<1, 2, false, false>, &tile_avx2<2, 2, false, false>, &tile_avx2<3, 2, false, false>, &tile_avx2<4, 2, false, false>, &tile_avx2<5, 2, false, false>,
         &tile_avx2<6, 2, false, false>},
        &along_avx2<round>, &turned_avx2<round>, &across_avx2<round>,
        {nullptr, &dots_avx2<1, round>, &dots_avx2<2, round>, &dots_avx2<3, round>, &dots_avx2<4, round>},
        {0, 64, 32, 32, 16, 16, 16, 8, 8},
        {nullptr, &tile_avx2<1, 8, true, round>, &tile_avx2<2, 4, true, round>, &tile_avx2<3, 4, true, round>, &tile_avx2<4, 2, true, round>, &tile_avx2<5, 2, true, round>,
         &tile_avx2<6, 2, true, round>, &tile_avx2<7, 1, true, round>, &tile_avx2<8, 1, true, round>}};
    return table;
}

}  // namespace svad::cpu::detail

#endif
