// SPDX-License-Identifier: Apache-2.0
// Products whose operands are rounded to bf16 and whose sums are f32, by AVX512-BF16's pairs of products (vdpbf16ps): twice
// the work of an f32 instruction. Operands are rounded as they are packed into pairs along k; the tiles are those of f32.
// Products of a few rows round b in registers and write no copy of it.
#pragma once

#include "svad/backend/cpu/gemm_avx512.hpp"

#if SVAD_X86

namespace svad::cpu::detail {

#define SVAD_INLINE_BF16 SVAD_AVX512_BF16 __attribute__((always_inline)) inline

/// Elements 2i and 2i + 1 of up to 32 floats as pair i.
SVAD_INLINE_BF16 Words16 pairs_of(const float* x, Index left) {
    if (left >= 32) return reinterpret_cast<Words16>(_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + 16), _mm512_loadu_ps(x)));
    return reinterpret_cast<Words16>(
        _mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(first_lanes(left - 16), x + 16), _mm512_maskz_loadu_ps(first_lanes(left), x)));
}
/// 16 floats of one row and 16 of the next: pair i is (x[i], y[i]).
SVAD_INLINE_BF16 Words16 pairs_of(__m512 x, __m512 y) {
    typedef std::uint16_t Halves __attribute__((vector_size(64)));
    const auto both = reinterpret_cast<Halves>(_mm512_cvtne2ps_pbh(y, x));
    return reinterpret_cast<Words16>(__builtin_shufflevector(both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10,
                                                             26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
}
SVAD_INLINE_BF16 __m512bh pairs(const void* at) { return reinterpret_cast<__m512bh>(_mm512_loadu_si512(at)); }

template <int rows>
SVAD_AVX512_BF16 void tile_bf16(const Tile<std::uint32_t>& t) {
    __m512 sums[rows][2];
#pragma GCC unroll 14
    for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = _mm512_setzero_ps();
    const std::uint32_t *b = t.b, *a[4] = {t.a, t.a + 4 * t.a_row, t.a + 8 * t.a_row, t.a + 12 * t.a_row};
    const Index row = t.a_row, step = t.a_step, b_step = t.b_step;
    for (Index p = t.steps; p > 0; --p, b += b_step) {
        const __m512bh b0 = pairs(b), b1 = pairs(b + 16);
#pragma GCC unroll 14
        for (int r = 0; r < rows; ++r) {
            const auto x = reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(a[r / 4][r % 4 * row])));
            sums[r][0] = _mm512_dpbf16_ps(sums[r][0], x, b0);
            sums[r][1] = _mm512_dpbf16_ps(sums[r][1], x, b1);
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

SVAD_AVX512_BF16 inline void along_bf16(const float* from, Index stride, Index rows, Index k, std::uint32_t* to, Index row) {
    for (Index r = 0; r < rows; ++r)
        for (Index p = 0; p < k; p += 32) _mm512_storeu_si512(to + r * row + p / 2, reinterpret_cast<__m512i>(pairs_of(from + r * stride + p, k - p)));
}

SVAD_AVX512_BF16 inline void turned_bf16(const float* from, Index stride, Index rows, Index width, Index k, std::uint32_t* to) {
    for (Index p = 0; p < k; p += 32) {
        const Index deep = k - p < 32 ? (k - p + 1) / 2 : 16;
        for (Index v = 0; v < width; v += 16) {
            Words16 x[16];
            if (v + 16 <= rows && k - p >= 32) {
#pragma GCC unroll 16
                for (int i = 0; i < 16; ++i) x[i] = pairs_of(from + (v + i) * stride + p, 32);
            } else {
                for (int i = 0; i < 16; ++i) x[i] = v + i < rows ? pairs_of(from + (v + i) * stride + p, k - p) : Words16{};
            }
            transpose(x);
            std::uint32_t* const at = to + p / 2 * width + v;
            if (deep == 16) {
#pragma GCC unroll 16
                for (int i = 0; i < 16; ++i) _mm512_storeu_si512(at + i * width, reinterpret_cast<__m512i>(x[i]));
            } else {
                for (Index i = 0; i < deep; ++i) _mm512_storeu_si512(at + i * width, reinterpret_cast<__m512i>(x[i]));
            }
        }
    }
}

SVAD_AVX512_BF16 inline void across_bf16(const float* from, Index stride, Index rows, Index width, Index k, std::uint32_t* to) {
    for (Index p = 0; p < k; p += 2, from += 2 * stride, to += width)
        for (Index v = 0; v < width; v += 16) {
            const __mmask16 mask = first_lanes(rows - v), second = p + 1 < k ? mask : __mmask16{0};
            prefetch(from + v, 16 * stride), prefetch(from + v, 17 * stride);
            const Words16 made = pairs_of(_mm512_maskz_loadu_ps(mask, from + v), _mm512_maskz_loadu_ps(second, from + stride + v));
            _mm512_storeu_si512(to + v, reinterpret_cast<__m512i>(made));
        }
}

/// x in pairs, each row to a multiple of 16; w in floats, rounded here.
template <int rows>
SVAD_AVX512_BF16 void dots_bf16(const Dots<std::uint32_t>& d) {
    for (Index j = 0; j < d.n; j += 4) {
        const Index columns = d.n - j < 4 ? d.n - j : 4;
        const float* w[4];
        for (Index i = 0; i < 4; ++i) w[i] = d.w + (j + (i < columns ? i : columns - 1)) * d.ldw;
        __m512 sums[rows][4];
#pragma GCC unroll 4
        for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = sums[r][2] = sums[r][3] = _mm512_setzero_ps();
        for (Index p = 0; p < d.k; p += 32) {
            __m512bh line[4];
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i) line[i] = reinterpret_cast<__m512bh>(pairs_of(w[i] + p, d.k - p));
#pragma GCC unroll 4
            for (int r = 0; r < rows; ++r) {
                const __m512bh x = pairs(d.x + r * d.ldx + p / 2);
#pragma GCC unroll 4
                for (int i = 0; i < 4; ++i) sums[r][i] = _mm512_dpbf16_ps(sums[r][i], x, line[i]);
            }
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; ++r) store_dots(d, four_sums(sums[r][0], sums[r][1], sums[r][2], sums[r][3]), r, j, columns);
    }
}

inline const Kernels<std::uint32_t>& kernels_bf16() {
    static constexpr Kernels<std::uint32_t> table = {
        false, 14, 32, 16,
        {nullptr, &tile_bf16<1>, &tile_bf16<2>, &tile_bf16<3>, &tile_bf16<4>, &tile_bf16<5>, &tile_bf16<6>, &tile_bf16<7>,
         &tile_bf16<8>, &tile_bf16<9>, &tile_bf16<10>, &tile_bf16<11>, &tile_bf16<12>, &tile_bf16<13>, &tile_bf16<14>},
        &along_bf16, &turned_bf16, &across_bf16,
        {nullptr, &dots_bf16<1>, &dots_bf16<2>, &dots_bf16<3>, &dots_bf16<4>},
        {}, {}};
    return table;
}

}  // namespace svad::cpu::detail

#endif
