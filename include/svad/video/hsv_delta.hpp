// SPDX-License-Identifier: Apache-2.0
// The inner loop of colour change: colours of pixels, and the sums of their differences from those of the frame before.
//
// Promise: all sums are those of to_hsv() pixel by pixel, on every machine. Pixels come from packed RGB, from planes, or
// from a decoder's planes (yuv_rgb.hpp): whatever has plain(i), wide(i) and copy(i, n). Where the CPU can, 32 go at once. Divisions
// are approximate reciprocals refined once: their error, below 2^-21.9 of the quotient, cannot reach the nearest half
// (2^-21 away for all 255 divisors), so they round to the integers of the tables (a test compares all colours).
// Rejected: exact divisions (half of the time of the loop), gathers from the tables (slower than dividing).
#pragma once

#include "svad/video/hsv.hpp"
#include "svad/video/wide.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace svad::video::detail {

/// A pixel's bytes.
struct Rgb {
    std::uint8_t r = 0, g = 0, b = 0;
    friend bool operator==(const Rgb&, const Rgb&) = default;
};

/// Sums of absolute differences over pixels.
struct HsvSums {
    std::uint64_t hue = 0, saturation = 0, value = 0;
    friend bool operator==(const HsvSums&, const HsvSums&) = default;
};

// Colours are kept in blocks of 32 pixels: 32 hues, 32 saturations, 32 values.
inline constexpr std::size_t hsv_block = 32, hsv_block_bytes = 3 * hsv_block;

/// Bytes that the colours of a line of pixels take.
constexpr std::size_t hsv_bytes(std::size_t pixels) { return (pixels + hsv_block - 1) / hsv_block * hsv_block_bytes; }

/// Where pixel i of a line has its hue: in the order in which halves of vectors are packed.
constexpr std::size_t hsv_place(std::size_t i) {
    return i / hsv_block * hsv_block_bytes + i % hsv_block / 16 * 16 + i % 2 * 8 + i % 16 / 2;
}

/// Puts the colours of pixels first .. last - 1 into `kept` and adds their distances from what was there.
template <class Pixels>
void hsv_replace_plain(const Pixels& pixels, std::size_t first, std::size_t last, std::uint8_t* kept, HsvSums& sums) {
    for (std::size_t i = first; i < last; ++i) {
        const Rgb rgb = pixels.plain(i);
        const Hsv now = to_hsv(rgb.r, rgb.g, rgb.b);
        std::uint8_t* const place = kept + hsv_place(i);
        const auto replace = [&](std::size_t part, std::uint8_t byte) {
            const auto apart = static_cast<std::uint64_t>(std::abs(byte - place[part * hsv_block]));
            place[part * hsv_block] = byte;
            return apart;
        };
        sums.hue += replace(0, now.hue);
        sums.saturation += replace(1, now.saturation);
        sums.value += replace(2, now.value);
    }
}

#if SVAD_X86

/// scale / x to the nearest multiple of 2^-12, for x = 1 .. 255 and scales up to 255.
SVAD_WIDE __m256 hsv_quotient(float scale, __m256 x) {
    const __m256 guess = _mm256_rcp_ps(x), grid = _mm256_set1_ps(3072);   // floats above 2048 are 2^-12 apart
    const __m256 correction = _mm256_fnmadd_ps(x, guess, _mm256_set1_ps(2));
    return _mm256_sub_ps(_mm256_fmadd_ps(_mm256_mul_ps(_mm256_set1_ps(scale), guess), correction, grid), grid);
}
/// a * q + offset, rounded down, where it is positive; a and q come with their exact values.
SVAD_WIDE __m256i hsv_product(__m256i a, __m256 q, float offset) {
    return _mm256_cvttps_epi32(_mm256_fmadd_ps(_mm256_cvtepi32_ps(a), q, _mm256_set1_ps(offset)));
}

/// Hues, saturations and values of sixteen pixels in words.
struct WideHsv {
    __m256i hue, saturation, value;
};

SVAD_WIDE WideHsv hsv_sixteen(__m256i r, __m256i g, __m256i b) {
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi16(1);
    const __m256i value = _mm256_max_epi16(r, _mm256_max_epi16(g, b));
    const __m256i spread = _mm256_sub_epi16(value, _mm256_min_epi16(r, _mm256_min_epi16(g, b)));
    const __m256i of_blue = _mm256_add_epi16(_mm256_sub_epi16(r, g), _mm256_slli_epi16(spread, 2));
    const __m256i of_green = _mm256_add_epi16(_mm256_sub_epi16(b, r), _mm256_slli_epi16(spread, 1));
    __m256i sixths = _mm256_blendv_epi8(of_blue, of_green, _mm256_cmpeq_epi16(value, g));
    sixths = _mm256_blendv_epi8(sixths, _mm256_sub_epi16(g, b), _mm256_cmpeq_epi16(value, r));
    const __m256i sign = _mm256_srai_epi16(sixths, 15), v = _mm256_max_epi16(value, one), s = _mm256_max_epi16(spread, one);
    const __m256i s0 = _mm256_unpacklo_epi16(s, zero), s1 = _mm256_unpackhi_epi16(s, zero);
    const __m256 q0 = hsv_quotient(255, _mm256_cvtepi32_ps(_mm256_unpacklo_epi16(v, zero)));
    const __m256 q1 = hsv_quotient(255, _mm256_cvtepi32_ps(_mm256_unpackhi_epi16(v, zero)));
    const __m256i saturation = _mm256_packs_epi32(hsv_product(s0, q0, 0.5f), hsv_product(s1, q1, 0.5f));
    const __m256 h0 = hsv_quotient(30, _mm256_cvtepi32_ps(s0)), h1 = hsv_quotient(30, _mm256_cvtepi32_ps(s1));
    // A turn is added before, so that all are positive, and taken away where it is one too many.
    const __m256i hue = _mm256_packs_epi32(hsv_product(_mm256_unpacklo_epi16(sixths, sign), h0, 180.5f),
                                           hsv_product(_mm256_unpackhi_epi16(sixths, sign), h1, 180.5f));
    return {_mm256_min_epu16(hue, _mm256_sub_epi16(hue, _mm256_set1_epi16(180))),
            _mm256_andnot_si256(_mm256_cmpeq_epi16(spread, zero), saturation), value};
}

SVAD_WIDE __m256i hsv_swap(__m256i even, __m256i odd, std::uint8_t* kept, __m256i sum) {
    const __m256i now = _mm256_packus_epi16(even, odd), before = wide_load(kept);
    wide_store(kept, now);
    return _mm256_add_epi64(sum, _mm256_sad_epu8(now, before));
}

SVAD_WIDE std::uint64_t wide_total(__m256i x) {
    std::uint64_t parts[4];
    wide_store(parts, x);
    return parts[0] + parts[1] + parts[2] + parts[3];
}

/// The sums of the blocks of one line.
struct WideSums {
    __m256i hue{}, saturation{}, value{};   // four 64-bit sums each

    SVAD_WIDE void replace(const WideRgb& rgb, std::uint8_t* kept) {
        const WideHsv even = hsv_sixteen(rgb.r.even, rgb.g.even, rgb.b.even), odd = hsv_sixteen(rgb.r.odd, rgb.g.odd, rgb.b.odd);
        hue = hsv_swap(even.hue, odd.hue, kept, hue);
        saturation = hsv_swap(even.saturation, odd.saturation, kept + hsv_block, saturation);
        value = hsv_swap(even.value, odd.value, kept + 2 * hsv_block, value);
    }
};

template <class Pixels>
SVAD_WIDE void hsv_replace_wide(const Pixels& pixels, std::size_t count, std::uint8_t* kept, HsvSums& sums) {
    WideSums wide;
    std::size_t i = 0;
    for (; i + hsv_block <= count; i += hsv_block, kept += hsv_block_bytes) wide.replace(pixels.wide(i), kept);
    if (count % 2 != 0) {   // two pixels may share their color: the last one is not followed by black
        hsv_replace_plain(pixels, i, count, kept - i / hsv_block * hsv_block_bytes, sums);
    } else if (i < count) {   // the rest with black behind it, whose colours are the zeros that are there from the start
        alignas(32) std::uint8_t room[hsv_block_bytes] = {};
        wide.replace(pixels.copy(i, count - i, room).wide(0), kept);
    }
    sums.hue += wide_total(wide.hue);
    sums.saturation += wide_total(wide.saturation);
    sums.value += wide_total(wide.value);
}

#endif

/// Puts the colours of a line of `count` pixels into `kept`, hsv_bytes(count) bytes that were zeros before the first frame, and
/// adds their distances from what was there, by the best means of this machine.
template <class Pixels>
void hsv_replace(const Pixels& pixels, std::size_t count, std::uint8_t* kept, HsvSums& sums) {
#if SVAD_X86
    if (has_wide()) return hsv_replace_wide(pixels, count, kept, sums);
#endif
    hsv_replace_plain(pixels, 0, count, kept, sums);
}

#if SVAD_X86

/// Where in vector `part` of three the sixteen bytes 3 i + c of 48 lie; -1 where they are in another.
template <int c, int part>
constexpr std::array<std::int8_t, 16> every_third() {
    std::array<std::int8_t, 16> at{};
    for (int i = 0; i < 16; ++i) {
        const int byte = 3 * i + c - 16 * part;
        at[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(byte >= 0 && byte < 16 ? byte : -1);
    }
    return at;
}

template <int c, int part>
SVAD_WIDE __m256i wide_third(__m256i x) {
    static constexpr std::array<std::int8_t, 16> at = every_third<c, part>();
    return _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at.data()))));
}
template <int c>
SVAD_WIDE WideWords wide_channel(const __m256i* x) {
    return wide_words(_mm256_or_si256(wide_third<c, 0>(x[0]), _mm256_or_si256(wide_third<c, 1>(x[1]), wide_third<c, 2>(x[2]))));
}
#endif

/// Pixels in packed RGB.
struct RgbLine {
    const std::uint8_t* rgb;

    Rgb plain(std::size_t i) const { return {rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]}; }
    /// An even n < 32 of pixels from i on, copied to 96 bytes of zeros.
    RgbLine copy(std::size_t i, std::size_t n, std::uint8_t* room) const {
        std::memcpy(room, rgb + 3 * i, 3 * n);
        return {room};
    }
#if SVAD_X86
    SVAD_WIDE WideRgb wide(std::size_t i) const {
        const std::uint8_t* const p = rgb + 3 * i;   // sixteen pixels in each half
        const __m256i x[3]{wide_halves(p, p + 48), wide_halves(p + 16, p + 64), wide_halves(p + 32, p + 80)};
        return {wide_channel<0>(x), wide_channel<1>(x), wide_channel<2>(x)};
    }
#endif
};

/// Pixels in planes.
struct PlanarLine {
    const std::uint8_t *r, *g, *b;

    Rgb plain(std::size_t i) const { return {r[i], g[i], b[i]}; }
    PlanarLine copy(std::size_t i, std::size_t n, std::uint8_t* room) const {
        std::memcpy(room, r + i, n);
        std::memcpy(room + hsv_block, g + i, n);
        std::memcpy(room + 2 * hsv_block, b + i, n);
        return {room, room + hsv_block, room + 2 * hsv_block};
    }
#if SVAD_X86
    SVAD_WIDE WideRgb wide(std::size_t i) const {
        return {wide_words(wide_load(r + i)), wide_words(wide_load(g + i)), wide_words(wide_load(b + i))};
    }
#endif
};

}  // namespace svad::video::detail
