// SPDX-License-Identifier: Apache-2.0
// Products of blocks whose operands are rounded to bf16 and whose sums are f32 (AVX512-BF16's vdpbf16ps, two products a
// lane): what attention in bf16 is made of. Operands are packed as pairs along the summed axis:
//     along width (q k', dy v')      pair p of row j is (x[j, 2p], x[j, 2p + 1])
//     along rows (p v, p' dy, ds k)  pair p of column d is (x[2p, d], x[2p + 1, d])
// One kernel multiplies all of them: 12 rows by 32 columns of the result stay in registers.
#pragma once

#include "svad/backend/cpu/tile.hpp"

#if defined(__AVX512BF16__) && defined(__AVX512F__)
#include <immintrin.h>

#define SVAD_BF16_ATTENTION 1

namespace svad::cpu::detail::paired {

using Floats = Lanes<float>::Vector;
typedef std::uint32_t Words __attribute__((vector_size(64), aligned(4), may_alias));
typedef std::uint16_t Halves __attribute__((vector_size(64)));

inline Words words_at(const std::uint32_t* p) { return *reinterpret_cast<const Words*>(p); }
inline void store(std::uint32_t* p, Words v) { *reinterpret_cast<Words*>(p) = v; }

/// Pair i of the result is (low[2i], low[2i + 1]), then those of high.
inline Words neighbours(Floats low, Floats high) {
    return reinterpret_cast<Words>(_mm512_cvtne2ps_pbh(static_cast<__m512>(high), static_cast<__m512>(low)));
}
/// Pair i is (a[i], b[i]).
inline Words across(Floats a, Floats b) {
    const Halves both = reinterpret_cast<Halves>(_mm512_cvtne2ps_pbh(static_cast<__m512>(b), static_cast<__m512>(a)));
    return reinterpret_cast<Words>(__builtin_shufflevector(both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25,
                                                           10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
}

/// Up to 16 floats, zeros behind them.
inline Floats some(const float* p, Index n) {
    if (n >= 16) return Lanes<float>::load(p);
    alignas(64) float line[16] = {};
    for (Index i = 0; i < n; ++i) line[i] = p[i];
    return Lanes<float>::load(line);
}

/// Pairs along width, row by row: pair p of row r at to[r * ld + p]; ld is a multiple of 16.
inline void pack_rows(const float* x, Index row, Index rows, Index width, float scale, std::uint32_t* to, Index ld) {
    for (Index r = 0; r < rows; ++r)
        for (Index j = 0; j < 2 * ld; j += 32)
            store(to + r * ld + j / 2, neighbours(scale * some(x + r * row + j, width - j), scale * some(x + r * row + j + 16, width - j - 16)));
}

/// The same transposed: pair p of row j at to[p * ld + j], zeros for missing rows up to a multiple of 16.
inline void pack_columns(const float* x, Index row, Index rows, Index width, std::uint32_t* to, Index ld) {
    for (Index j = 0; j < rows; j += 16)
        for (Index p = 0; p < width; p += 32) {
            Floats square[16] = {};
            for (Index r = 0; r < std::min<Index>(16, rows - j); ++r) {
                const float* from = x + (j + r) * row + p;
                square[r] = reinterpret_cast<Floats>(neighbours(some(from, width - p), some(from + 16, width - p - 16)));
            }
            transpose_square<float>(square);
            for (Index i = 0; i < std::min<Index>(16, (width - p + 1) / 2); ++i)
                Lanes<float>::store(reinterpret_cast<float*>(to + (p / 2 + i) * ld + j), square[i]);
        }
}

/// Pairs along rows: pair p of column d at to[p * ld + d]; ld is a multiple of 16.
inline void pack_pairs(const float* x, Index row, Index rows, Index width, float scale, std::uint32_t* to, Index ld) {
    for (Index r = 0; r < rows; r += 2, x += 2 * row, to += ld)
        for (Index d = 0; d < ld; d += 16) {
            const Floats a = some(x + d, width - d), b = r + 1 < rows ? some(x + row + d, width - d) : Floats{};
            store(to + d, across(scale * a, scale * b));
        }
}

/// The operands of one product; c [m, n] = a b, or += with `add`, for n a multiple of 16. Pair p of a's row r lies at
/// a[r * a_row + p * a_step].
struct PairProduct {
    Index pairs;
    const std::uint32_t* a;
    Index a_row, a_step;
    const std::uint32_t* b;
    Index ldb;
    float* c;
    Index ldc;
    bool add;
};

template <int rows, int vectors>
void tile(const PairProduct& p) {
    __m512 sums[rows][vectors];
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v)
            sums[r][v] = p.add ? static_cast<__m512>(Lanes<float>::load(p.c + r * p.ldc + 16 * v)) : _mm512_setzero_ps();
    const std::uint32_t *a = p.a, *b = p.b;
    const Index a_row = p.a_row, a_step = p.a_step, ldb = p.ldb;
    for (Index i = 0; i < p.pairs; ++i, a += a_step, b += ldb) {
        __m512bh line[vectors];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) line[v] = reinterpret_cast<__m512bh>(words_at(b + 16 * v));
#pragma GCC unroll 12
        for (int r = 0; r < rows; ++r) {
            const auto x = reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(a[r * a_row])));
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], x, line[v]);
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) Lanes<float>::store(p.c + r * p.ldc + 16 * v, static_cast<Floats>(sums[r][v]));
}

template <int vectors>
void strip(Index m, PairProduct p) {
    const auto run = [&](auto rows) {
        tile<decltype(rows)::value, vectors>(p);
        m -= rows, p.a += rows * p.a_row, p.c += rows * p.ldc;
    };
    while (m >= 12) run(std::integral_constant<int, 12>());
    if (m >= 8) run(std::integral_constant<int, 8>());
    if (m >= 4) run(std::integral_constant<int, 4>());
    if (m >= 2) run(std::integral_constant<int, 2>());
    if (m >= 1) run(std::integral_constant<int, 1>());
}

inline void multiply(Index m, Index n, PairProduct p) {
    for (; n >= 32; n -= 32, p.b += 32, p.c += 32) strip<2>(m, p);
    if (n > 0) strip<1>(m, p);
}

/// e^x for x below 87 within 3e-7 of its size, 0 below -87; NaN stays NaN.
inline Floats exp(Floats x) {
    constexpr float low = -125.5f;
    const Floats t = x * 1.44269504f, z = t < low ? Floats{} + low : t, shifted = z + 12582912.0f, f = z - (shifted - 12582912.0f);
    Floats p = f * 1.3333558e-3f + 9.6181291e-3f;
    p = p * f + 5.5504109e-2f;
    p = p * f + 2.4022651e-1f;
    p = p * f + 6.9314718e-1f;
    p = p * f + 1.0f;
    typedef std::int32_t Ints __attribute__((vector_size(64)));
    const Ints scaled = reinterpret_cast<Ints>(p) + (reinterpret_cast<Ints>(shifted) << 23);
    return t < low ? Floats{} : reinterpret_cast<Floats>(scaled);
}

template <class F>
float fold(Floats v, const F& f) {
    v = f(v, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15));
    v = f(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7));
    v = f(v, __builtin_shufflevector(v, v, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3));
    v = f(v, __builtin_shufflevector(v, v, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1));
    return v[0];
}
inline float largest(const float* x, Index n) {
    Floats top = Lanes<float>::load(x);
    for (Index j = 16; j < n; j += 16) {
        const Floats next = Lanes<float>::load(x + j);
        top = next > top ? next : top;
    }
    return fold(top, [](Floats a, Floats b) { return b > a ? b : a; });
}

}  // namespace svad::cpu::detail::paired

#else
#define SVAD_BF16_ATTENTION 0
#endif
