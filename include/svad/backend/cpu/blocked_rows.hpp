// SPDX-License-Identifier: Apache-2.0
// Products of a few rows with weights in blocks, as decoding needs them. Every weight is read once and never again, so
// memory bounds the speed as soon as a core unpacks as fast as it reads. On AVX-512 that takes three things:
//   the scales of some rows are fetched and widened sixteen at a time, before the rows they belong to;
//   a unit of nibbles becomes 32 floats by two look-ups in a register that holds the sixteen values d q + m;
//   lines are asked for 8 KiB ahead: the units are too small for the hardware to see a stream in time.
// Promise: what Unpack says a weight is, is what meets x, in f32, and an output is one sum in one order: of the even and
// the odd halves of the units, then of its lanes by halves, whatever tile, thread or row of x it shares its pass with.
#pragma once

#include "svad/core/blocks.hpp"
#include "svad/core/parallel.hpp"

#include <concepts>
#include <span>
#include <vector>

namespace svad::cpu {

/// Weights [rows, k] as they are stored, and where the products of x [m, k] with them go: y [m, rows].
struct PackedRows {
    DType type = DType::f32;
    Index rows = 0;
    const std::uint8_t* weights = nullptr;
    float* y = nullptr;
};

/// Up to so many rows of x are multiplied this way.
inline constexpr Index few_rows = 8;

namespace detail {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

using blocks::Float16;

/// The scales d and least values m of every unit of 32 in some rows of weights, where they are fetched ahead of the units.
template <DType type>
struct Scales {
    static constexpr bool ahead = false;
};

#if defined(__AVX512F__)

/// d (and m, where `least` is given) of `count` blocks of `stride` bytes that begin with them in f16.
inline void fetch_scales(const std::uint8_t* w, int stride, Index count, float* d, float* least) {
    const __m512i places = _mm512_maskz_mullo_epi32(0xFFFF, _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                                                    _mm512_set1_epi32(stride));
    const auto widen = [](__m512i low_words) { return _mm512_maskz_cvtph_ps(0xFFFF, _mm512_maskz_cvtepi32_epi16(0xFFFF, low_words)); };
    for (Index i = 0; i < count; i += 16) {
        const auto some = static_cast<__mmask16>(count - i >= 16 ? 0xFFFF : (1 << (count - i)) - 1);
        const __m512i pairs = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), some, places, w + i * stride, 1);
        _mm512_storeu_ps(d + i, widen(pairs));
        if (least) _mm512_storeu_ps(least + i, widen(_mm512_maskz_srli_epi32(0xFFFF, pairs, 16)));
    }
}

[[gnu::always_inline]] inline Float16 every(float v) { return std::bit_cast<Float16>(_mm512_set1_ps(v)); }
/// Bytes as 32-bit words, of which look_up() sees the low four bits.
[[gnu::always_inline]] inline __m512i words(const std::uint8_t* p) { return _mm512_maskz_cvtepu8_epi32(0xFFFF, blocks::load<__m128i>(p)); }
[[gnu::always_inline]] inline Float16 look_up(Float16 table, __m512i at) {
    return std::bit_cast<Float16>(_mm512_maskz_permutexvar_ps(0xFFFF, at, std::bit_cast<__m512>(table)));
}
[[gnu::always_inline]] inline __m512i upper(__m512i at) { return _mm512_maskz_srli_epi32(0xFFFF, at, 4); }
constexpr Float16 nibbles{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

template <>
struct Scales<DType::q8_0> {
    static constexpr bool ahead = true;
    static void fetch(const std::uint8_t* w, Index units, float* d, float*) { fetch_scales(w, 34, units, d, nullptr); }
    [[gnu::always_inline]] static void unit(const std::uint8_t* block, Index, float d, float, Float16& a, Float16& b) {
        const auto wide = [](const std::uint8_t* p) {
            return std::bit_cast<Float16>(_mm512_maskz_cvtepi32_ps(0xFFFF, _mm512_maskz_cvtepi8_epi32(0xFFFF, blocks::load<__m128i>(p))));
        };
        a = wide(block + 2) * every(d), b = wide(block + 18) * every(d);
    }
};

template <>
struct Scales<DType::q4_0> {
    static constexpr bool ahead = true;
    static void fetch(const std::uint8_t* w, Index units, float* d, float*) { fetch_scales(w, 18, units, d, nullptr); }
    [[gnu::always_inline]] static void unit(const std::uint8_t* block, Index, float d, float, Float16& a, Float16& b) {
        const Float16 table = (nibbles - 8.0f) * every(d);
        const __m512i at = words(block + 2);
        a = look_up(table, at), b = look_up(table, upper(at));
    }
};

template <>
struct Scales<DType::q4_1> {
    static constexpr bool ahead = true;
    static void fetch(const std::uint8_t* w, Index units, float* d, float* least) { fetch_scales(w, 20, units, d, least); }
    [[gnu::always_inline]] static void unit(const std::uint8_t* block, Index, float d, float m, Float16& a, Float16& b) {
        const Float16 table = nibbles * every(d) + every(m);
        const __m512i at = words(block + 4);
        a = look_up(table, at), b = look_up(table, upper(at));
    }
};

template <>
struct Scales<DType::q4_k> {
    static constexpr bool ahead = true;
    static void fetch(const std::uint8_t* w, Index units, float* d, float* least) {
        for (Index u = 0; u < units; u += 8, w += 144) {
            std::uint32_t s[3];                                                 // eight scales and eight minima of 6 bits
            std::memcpy(s, w + 4, sizeof s);
            const std::uint32_t six = 0x3F3F3F3F, four = 0x0F0F0F0F, two = 0x30303030;
            const std::array<std::uint32_t, 4> bytes{s[0] & six, (s[2] & four) | ((s[0] >> 2) & two),
                                                     s[1] & six, ((s[2] >> 4) & four) | ((s[1] >> 2) & two)};
            const Float16 values = blocks::floats(std::bit_cast<blocks::Byte16>(bytes));
            const float scale = blocks::half(w), offset = blocks::half(w + 2);
            for (int i = 0; i < 8; ++i) d[u + i] = scale * values[i], least[u + i] = -offset * values[8 + i];
        }
    }
    [[gnu::always_inline]] static void unit(const std::uint8_t* block, Index unit, float d, float m, Float16& a, Float16& b) {
        const Float16 table = nibbles * every(d) + every(m);
        const std::uint8_t* const q = block + 16 + unit / 2 * 32;
        __m512i low = words(q), high = words(q + 16);
        if (unit % 2) low = upper(low), high = upper(high);
        a = look_up(table, low), b = look_up(table, high);
    }
};

#endif

/// The sum of the lanes, halves upon halves: one lane after the other costs as much as the products of a short row.
[[gnu::always_inline]] inline float across(Float16 v) {
    v += __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3);
    v += __builtin_shufflevector(v, v, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1);
    return v[0] + v[1];
}

/// `some` rows of weights with `rows` rows of x: y[r * ldy + j]. d and m hold the scales of those rows, where fetched ahead.
template <DType type, int some, int rows>
void packed_tile(const std::uint8_t* w, Index k, const float* d, const float* m, const float* x, float* y, Index ldy) {
    constexpr BlockSize size = blocks::run_of(type);
    constexpr Index units = size.elements / 32;
    constexpr std::size_t distance = 8192, line = 64, lines = (some * size.bytes / units + line - 1) / line;
    const Index all = k / 32;
    const std::size_t stride = static_cast<std::size_t>(k / size.elements) * size.bytes;
    std::size_t asked = 0;                                          // bytes of as many rows, 8 KiB further on
    Float16 even[some][rows] = {}, odd[some][rows] = {};
    for (Index u = 0; u < all; ++u) {
        for (std::size_t i = 0; i < lines && asked < some * stride; ++i, asked += line) __builtin_prefetch(w + distance + asked);
        for (int j = 0; j < some; ++j) {
            const std::uint8_t* const block = w + static_cast<std::size_t>(j) * stride + static_cast<std::size_t>(u / units) * size.bytes;
            Float16 a, b;
            if constexpr (Scales<type>::ahead) Scales<type>::unit(block, u % units, d[j * all + u], m[j * all + u], a, b);
            else blocks::Unpack<type>::unit(block, u % units, a, b);
            for (int r = 0; r < rows; ++r) {
                Float16 p, q;
                std::memcpy(&p, x + r * k + u * 32, sizeof p), std::memcpy(&q, x + r * k + u * 32 + 16, sizeof q);
                even[j][r] += a * p, odd[j][r] += b * q;
            }
        }
    }
    for (int j = 0; j < some; ++j)
        for (int r = 0; r < rows; ++r) y[r * ldy + j] = across(even[j][r] + odd[j][r]);
}

/// All m rows of x with n rows of weights; y [m, ldy].
template <DType type>
void packed_rows(const std::uint8_t* w, Index n, Index k, Index m, const float* x, float* y, Index ldy) {
    constexpr Index together = 4;                                   // rows whose scales are fetched at once
    const Index all = k / 32;
    const std::size_t stride = bytes_of(type, k);
    thread_local std::vector<float> memory;                         // grows to the longest row: a call should not allocate
    if (Scales<type>::ahead) memory.resize(std::max(memory.size(), static_cast<std::size_t>(2 * (together * all + 16))));
    float* const d = memory.data();
    float* const least = d + together * all + 16;                   // the last sixteen of a fetch may reach beyond the rows
    for (Index first = 0; first < n; first += together, w += together * stride) {
        const Index count = std::min(together, n - first);
        if constexpr (Scales<type>::ahead) Scales<type>::fetch(w, count * all, d, least);
        const float* from = x;
        float* to = y + first;
        for (Index r = 0; r < m;) {
            const bool four = m - r >= 4;
            const Index step = four ? 1 : 2;
            for (Index j = 0; j < count; j += step) {
                const auto* const at = w + static_cast<std::size_t>(j) * stride;
                const float *dj = d + j * all, *mj = least + j * all;
                if (four) packed_tile<type, 1, 4>(at, k, dj, mj, from, to + j, ldy);
                else if (count - j >= 2) packed_tile<type, 2, 1>(at, k, dj, mj, from, to + j, ldy);
                else packed_tile<type, 1, 1>(at, k, dj, mj, from, to + j, ldy);
            }
            r += four ? 4 : 1, from += (four ? 4 : 1) * k, to += (four ? 4 : 1) * ldy;
        }
    }
}

#pragma GCC diagnostic pop

}  // namespace detail

/// x [m, k] with several matrices in one pass of the threads: hand-overs cost as much as a small product.
template <std::same_as<float> T>
void packed_products(Index m, Index k, const T* x, std::span<const PackedRows> parts) {
    constexpr std::size_t tile_bytes = 32768;
    const auto rows_of = [&](const PackedRows& p) {                 // of a tile: a multiple of what a pass takes together
        return std::max<Index>(4, static_cast<Index>(tile_bytes / std::max<std::size_t>(1, 4 * bytes_of(p.type, k))) * 4);
    };
    Index tiles = 0;
    for (const PackedRows& p : parts) tiles += (p.rows + rows_of(p) - 1) / rows_of(p);
    parallel_for(tiles, 1, [&](Index first, Index last) {
        Index before = 0;                                           // tiles of the parts in front
        for (const PackedRows& p : parts) {
            const Index step = rows_of(p), own = (p.rows + step - 1) / step;
            const Index from = std::max<Index>(first - before, 0) * step, to = std::min(std::min(last - before, own) * step, p.rows);
            if (from < to)
                blocks::with_type(p.type, "linear", [&](auto t) {
                    detail::packed_rows<t>(p.weights + static_cast<std::size_t>(from) * bytes_of(t, k), to - from, k, m, x, p.y + from, p.rows);
                });
            before += own;
        }
    });
}

#if SVAD_PRECOMPILED            // compiled once, in svad::compiled (see ops.hpp)
extern template void packed_products(Index, Index, const float*, std::span<const PackedRows>);
#endif

}  // namespace svad::cpu
