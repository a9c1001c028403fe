// SPDX-License-Identifier: Apache-2.0
// Products in f32 by AVX-512, of operands as they are or rounded to bf16 on the way: tiles of up to 14 rows and 32 columns, 28 sums in the 32 registers, so that a row costs one broadcast
// for two multiply-adds. Compiled for this target whatever the rest of the program is compiled for.
// Rejected: 8 x 48 tiles (bench/README.md), and the intrinsics of unpacking and shuffling, of which GCC 12 warns.
#pragma once

#include "svad/backend/cpu/features.hpp"
#include "svad/backend/cpu/gemm_table.hpp"

#include <cstdint>
#include <utility>

#if SVAD_X86

namespace svad::cpu::detail {

typedef std::uint32_t Words16 __attribute__((vector_size(64)));

#define SVAD_INLINE512 SVAD_AVX512 __attribute__((always_inline)) inline

/// The mask of the first n of 16 lanes.
SVAD_INLINE512 __mmask16 first_lanes(Index n) { return static_cast<__mmask16>(n >= 16 ? 0xffffu : n <= 0 ? 0u : (1u << n) - 1u); }

/// One step of a 16 x 16 transposition: lanes that differ in bit d change places with rows that do.
template <int d, int... l>
SVAD_INLINE512 void swap_lanes(Words16& a, Words16& b, std::integer_sequence<int, l...>) {
    const Words16 first = __builtin_shufflevector(a, b, ((l & d) == 0 ? l : 16 + l - d)...);
    b = __builtin_shufflevector(a, b, ((l & d) == 0 ? l + d : 16 + l)...);
    a = first;
}
template <int d>
SVAD_INLINE512 void swap_rows(Words16* rows) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i)
        if ((i & d) == 0) swap_lanes<d>(rows[i], rows[i + d], std::make_integer_sequence<int, 16>());
}
SVAD_INLINE512 void transpose(Words16* rows) { swap_rows<8>(rows), swap_rows<4>(rows), swap_rows<2>(rows), swap_rows<1>(rows); }

/// To bf16, nearest and ties to even, as floats.
SVAD_INLINE512 __m512 to_bf16(__m512 x) {
    const auto bits = reinterpret_cast<Words16>(x);
    const auto near = reinterpret_cast<__m512i>(bits + 0x7fffu + ((bits >> 16) & 1u)), quiet = reinterpret_cast<__m512i>(bits | 0x400000u);
    const auto kept = reinterpret_cast<Words16>(_mm512_mask_blend_epi32(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), near, quiet));
    return reinterpret_cast<__m512>(kept & 0xffff0000u);
}
template <bool round>
SVAD_INLINE512 __m512 operand(__mmask16 mask, const float* from) {
    const __m512 x = _mm512_maskz_loadu_ps(mask, from);
    if constexpr (round) return to_bf16(x);
    else return x;
}

SVAD_INLINE512 void store_sums(__m512 sum, float alpha, float beta, float* to, __mmask16 mask) {
    __m512 value = sum * _mm512_set1_ps(alpha);
    if (beta != 0) value += _mm512_maskz_loadu_ps(mask, to) * _mm512_set1_ps(beta);
    _mm512_mask_storeu_ps(to, mask, value);
}

template <int rows>
SVAD_AVX512 void tile_avx512(const Tile<float>& t) {
    __m512 sums[rows][2];
#pragma GCC unroll 14
    for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = _mm512_setzero_ps();
    const float *b = t.b, *a[4] = {t.a, t.a + 4 * t.a_row, t.a + 8 * t.a_row, t.a + 12 * t.a_row};
    const Index row = t.a_row, step = t.a_step, b_step = t.b_step;
    for (Index p = t.steps; p > 0; --p, b += b_step) {
        const __m512 b0 = _mm512_loadu_ps(b), b1 = _mm512_loadu_ps(b + 16);
#pragma GCC unroll 14
        for (int r = 0; r < rows; ++r) {
            const __m512 x = _mm512_set1_ps(a[r / 4][r % 4 * row]);
            sums[r][0] = _mm512_fmadd_ps(x, b0, sums[r][0]);
            sums[r][1] = _mm512_fmadd_ps(x, b1, sums[r][1]);
        }
#pragma GCC unroll 4
        for (int i = 0; i < (rows + 3) / 4; ++i) a[i] += step;
    }
    const __mmask16 left = first_lanes(t.columns), right = first_lanes(t.columns - 16);
#pragma GCC unroll 14
    for (int r = 0; r < rows; ++r) {
        store_sums(sums[r][0], t.alpha, t.beta, t.c + r * t.ldc, left);
        if (right) store_sums(sums[r][1], t.alpha, t.beta, t.c + r * t.ldc + 16, right);
    }
}

/// A strip of 16 * vectors columns of a few rows, straight from the rows of b.
template <int rows, int vectors, bool round>
SVAD_AVX512 void line_avx512(const Tile<float>& t) {
    __m512 sums[rows][vectors];
    __mmask16 mask[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
        mask[v] = first_lanes(t.columns - 16 * v);
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) sums[r][v] = _mm512_setzero_ps();
    }
    const float *b = t.b, *a = t.a;
    const Index row = t.a_row, step = t.a_step, b_step = t.b_step;
    for (Index p = t.steps; p > 0; --p, b += b_step, a += step) {
        __m512 x[rows];
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) x[r] = _mm512_set1_ps(a[r * row]);
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) {
            const __m512 line = operand<round>(mask[v], b + 16 * v);
#pragma GCC unroll 8
            for (int r = 0; r < rows; ++r) sums[r][v] = _mm512_fmadd_ps(x[r], line, sums[r][v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v)
            if (mask[v]) store_sums(sums[r][v], t.alpha, t.beta, t.c + r * t.ldc + 16 * v, mask[v]);
}

template <bool round>
SVAD_AVX512 void along_avx512(const float* from, Index stride, Index rows, Index k, float* to, Index row) {
    for (Index r = 0; r < rows; ++r)
        for (Index p = 0; p < k; p += 16) _mm512_storeu_ps(to + r * row + p, operand<round>(first_lanes(k - p), from + r * stride + p));
}

template <bool round>
SVAD_AVX512 void turned_avx512(const float* from, Index stride, Index rows, Index width, Index k, float* to) {
    for (Index p = 0; p < k; p += 16) {
        const __mmask16 mask = first_lanes(k - p);
        const Index deep = k - p < 16 ? k - p : 16;
        for (Index v = 0; v < width; v += 16) {
            Words16 x[16];
            if (v + 16 <= rows) {
#pragma GCC unroll 16
                for (int i = 0; i < 16; ++i) x[i] = reinterpret_cast<Words16>(operand<round>(mask, from + (v + i) * stride + p));
            } else {
                for (int i = 0; i < 16; ++i)
                    x[i] = v + i < rows ? reinterpret_cast<Words16>(operand<round>(mask, from + (v + i) * stride + p)) : Words16{};
            }
            transpose(x);
            float* const at = to + p * width + v;
            if (deep == 16) {
#pragma GCC unroll 16
                for (int i = 0; i < 16; ++i) _mm512_storeu_si512(at + i * width, reinterpret_cast<__m512i>(x[i]));
            } else {
                for (Index i = 0; i < deep; ++i) _mm512_storeu_si512(at + i * width, reinterpret_cast<__m512i>(x[i]));
            }
        }
    }
}

template <bool round>
SVAD_AVX512 void across_avx512(const float* from, Index stride, Index rows, Index width, Index k, float* to) {
    for (Index p = 0; p < k; ++p, from += stride, to += width)
        for (Index v = 0; v < width; v += 16) {
            prefetch(from + v, 16 * stride);
            _mm512_storeu_ps(to + v, operand<round>(first_lanes(rows - v), from + v));
        }
}

SVAD_INLINE512 __m256 folded(__m512 x) {
    return __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
}
/// The sums of four vectors.
SVAD_INLINE512 __m128 four_sums(__m512 s0, __m512 s1, __m512 s2, __m512 s3) {
    const __m256 all = _mm256_hadd_ps(_mm256_hadd_ps(folded(s0), folded(s1)), _mm256_hadd_ps(folded(s2), folded(s3)));
    return _mm256_castps256_ps128(all) + _mm256_extractf128_ps(all, 1);
}
template <class Word>
SVAD_INLINE512 void store_dots(const Dots<Word>& d, __m128 sums, int row, Index column, Index columns) {
    alignas(16) float four[4];
    _mm_store_ps(four, sums);
    for (Index j = 0; j < columns; ++j) {
        float* const y = d.y + row * d.y_row + (column + j) * d.y_column;
        *y = d.beta == 0 ? d.alpha * four[j] : d.beta * *y + d.alpha * four[j];
    }
}

template <int rows, bool round>
SVAD_AVX512 void dots_avx512(const Dots<float>& d) {
    constexpr int chains = rows == 1 ? 2 : 1;                       // enough sums in flight to hide the latency of one
    for (Index j = 0; j < d.n; j += 4) {
        const Index columns = d.n - j < 4 ? d.n - j : 4;
        const float* w[4];
        for (Index i = 0; i < 4; ++i) w[i] = d.w + (j + (i < columns ? i : columns - 1)) * d.ldw;
        __m512 sums[chains][rows][4];
#pragma GCC unroll 8
        for (int i = 0; i < chains * rows * 4; ++i) sums[i / (rows * 4)][i / 4 % rows][i % 4] = _mm512_setzero_ps();
        Index p = 0;
        for (; p + 16 * chains <= d.k; p += 16 * chains)
#pragma GCC unroll 2
            for (int h = 0; h < chains; ++h) {
                __m512 line[4];
#pragma GCC unroll 4
                for (int i = 0; i < 4; ++i) line[i] = operand<round>(0xffff, w[i] + p + 16 * h);
#pragma GCC unroll 4
                for (int r = 0; r < rows; ++r) {
                    const __m512 x = _mm512_loadu_ps(d.x + r * d.ldx + p + 16 * h);
#pragma GCC unroll 4
                    for (int i = 0; i < 4; ++i) sums[h][r][i] = _mm512_fmadd_ps(x, line[i], sums[h][r][i]);
                }
            }
        for (; p < d.k; p += 16) {
            const __mmask16 mask = first_lanes(d.k - p);
#pragma GCC unroll 4
            for (int r = 0; r < rows; ++r) {
                const __m512 x = _mm512_maskz_loadu_ps(mask, d.x + r * d.ldx + p);
#pragma GCC unroll 4
                for (int i = 0; i < 4; ++i) sums[0][r][i] = _mm512_fmadd_ps(x, operand<round>(mask, w[i] + p), sums[0][r][i]);
            }
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; ++r) {
            if constexpr (chains == 2)
#pragma GCC unroll 4
                for (int i = 0; i < 4; ++i) sums[0][r][i] += sums[chains - 1][r][i];
            store_dots(d, four_sums(sums[0][r][0], sums[0][r][1], sums[0][r][2], sums[0][r][3]), r, j, columns);
        }
    }
}

/// The same of weights stored in bf16: w(j, i) at w + j * ldw, k a multiple of 32. x comes from `halves`: of every 32 elements
/// first the even ones, then the odd ones, since these are what a word of two weights yields in one operation each.
template <int rows>
SVAD_AVX512 void stored_dots_avx512(Index n, Index k, const float* x, Index ldx, const std::uint16_t* weights, Index ldw, float* y, Index y_row) {
    const Dots<float> d{n, k, x, ldx, nullptr, 0, 1.0f, 0.0f, y, y_row, 1};
    for (Index j = 0; j < n; j += 4) {
        const Index columns = n - j < 4 ? n - j : 4;
        const std::uint16_t* w[4];
        for (Index i = 0; i < 4; ++i) w[i] = weights + (j + (i < columns ? i : columns - 1)) * ldw;
        __m512 sums[rows][4];
#pragma GCC unroll 4
        for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = sums[r][2] = sums[r][3] = _mm512_setzero_ps();
        for (Index p = 0; p < k; p += 32)
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i) {
                __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(w[i] + p) + 4 * static_cast<std::uintptr_t>(ldw) * 2), 0, 3);
                const auto two = reinterpret_cast<Words16>(_mm512_loadu_si512(w[i] + p));
                const auto even = reinterpret_cast<__m512>(two << 16), odd = reinterpret_cast<__m512>(two & 0xffff0000u);
#pragma GCC unroll 4
                for (int r = 0; r < rows; ++r) {
                    sums[r][i] = _mm512_fmadd_ps(even, _mm512_loadu_ps(x + r * ldx + p), sums[r][i]);
                    sums[r][i] = _mm512_fmadd_ps(odd, _mm512_loadu_ps(x + r * ldx + p + 16), sums[r][i]);
                }
            }
#pragma GCC unroll 4
        for (int r = 0; r < rows; ++r) store_dots(d, four_sums(sums[r][0], sums[r][1], sums[r][2], sums[r][3]), r, j, columns);
    }
}

template <bool round>
const Kernels<float>& kernels_avx512() {
    static constexpr Kernels<float> table = {
        !round, 14, 32, 16,
        {nullptr, &tile_avx512<1>, &tile_avx512<2>, &tile_avx512<3>, &tile_avx512<4>, &tile_avx512<5>, &tile_avx512<6>, &tile_avx512<7>,
         &tile_avx512<8>, &tile_avx512<9>, &tile_avx512<10>, &tile_avx512<11>, &tile_avx512<12>, &tile_avx512<13>, &tile_avx512<14>},
        &along_avx512<round>, &turned_avx512<round>, &across_avx512<round>,
        {nullptr, &dots_avx512<1, round>, &dots_avx512<2, round>, &dots_avx512<3, round>, &dots_avx512<4, round>},
        {0, 256, 128, 64, 64, 64, 32, 32, 32},
        {nullptr, &line_avx512<1, 16, round>, &line_avx512<2, 8, round>, &line_avx512<3, 4, round>, &line_avx512<4, 4, round>, &line_avx512<5, 4, round>, &line_avx512<6, 2, round>,
         &line_avx512<7, 2, round>, &line_avx512<8, 2, round>}};
    return table;
}

}  // namespace svad::cpu::detail

#endif
