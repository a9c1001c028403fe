// SPDX-License-Identifier: Apache-2.0
// The inner loop of colour change: colours of a frame, and the sums of their differences from those of the frame before.
//
// Promise: all sums are those of to_hsv() pixel by pixel, on every machine. Where the CPU has AVX2 (asked at run time)
// eight pixels go at once; the reciprocals are divisions there, which round to the same integers as the tables for all
// 255 divisors (a test compares all colours). Rejected: planes of bytes, which would need packing at every step.
#pragma once

#include "svad/video/hsv.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define SVAD_HSV_AVX2 1
#include <immintrin.h>
#else
#define SVAD_HSV_AVX2 0
#endif

namespace svad::video::detail {

/// A colour in one word: hue, saturation and value from the low byte up.
inline std::uint32_t packed_hsv(const Hsv& c) {
    return static_cast<std::uint32_t>(c.hue) | static_cast<std::uint32_t>(c.saturation) << 8 | static_cast<std::uint32_t>(c.value) << 16;
}

/// Sums of absolute differences over the pixels of a frame.
struct HsvSums {
    std::uint64_t hue = 0, saturation = 0, value = 0;
};

/// Puts the colours of `pixels` RGB pixels into `last` and adds their distances from what was there.
inline void hsv_replace_plain(const std::uint8_t* rgb, std::uint32_t* last, std::size_t pixels, HsvSums& sums) {
    for (std::size_t i = 0; i < pixels; ++i, rgb += 3) {
        const std::uint32_t now = packed_hsv(to_hsv(rgb[0], rgb[1], rgb[2])), before = last[i];
        const auto apart = [&](int shift) {
            const int a = static_cast<int>(now >> shift & 255), b = static_cast<int>(before >> shift & 255);
            return static_cast<std::uint64_t>(std::abs(a - b));
        };
        sums.hue += apart(0);
        sums.saturation += apart(8);
        sums.value += apart(16);
        last[i] = now;
    }
}

#if SVAD_HSV_AVX2

// Every function of the loop needs the target, or the compiler could not inline it.
#define SVAD_AVX2 __attribute__((target("avx2"))) inline

/// scale / x to the nearest integer; whatever for x = 0, since it is multiplied by 0.
SVAD_AVX2 __m256i hsv_reciprocal(float scale, __m256i x) {
    const __m256 divisor = _mm256_cvtepi32_ps(_mm256_max_epi32(x, _mm256_set1_epi32(1)));
    return _mm256_cvtps_epi32(_mm256_div_ps(_mm256_set1_ps(scale), divisor));
}
/// (a * b + 2^11) / 2^12, rounded down.
SVAD_AVX2 __m256i hsv_scaled(__m256i a, __m256i b) {
    return _mm256_srai_epi32(_mm256_add_epi32(_mm256_mullo_epi32(a, b), _mm256_set1_epi32(1 << 11)), 12);
}
/// Byte `channel` of eight pixels whose halves are in the halves of `bytes`, as integers.
SVAD_AVX2 __m256i hsv_channel(__m256i bytes, char channel) {
    const char a = channel, b = static_cast<char>(channel + 3), c = static_cast<char>(channel + 6), d = static_cast<char>(channel + 9);
    constexpr char z = -1;
    return _mm256_shuffle_epi8(bytes, _mm256_setr_epi8(a, z, z, z, b, z, z, z, c, z, z, z, d, z, z, z, a, z, z, z, b, z, z, z, c, z, z,
                                                       z, d, z, z, z));
}
/// Eight colours, packed.
SVAD_AVX2 __m256i hsv_eight(const std::uint8_t* rgb) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rgb));
    const __m256i bytes = _mm256_inserti128_si256(_mm256_castsi128_si256(low), _mm_loadu_si128(reinterpret_cast<const __m128i*>(rgb + 12)), 1);
    const __m256i r = hsv_channel(bytes, 0), g = hsv_channel(bytes, 1), b = hsv_channel(bytes, 2);
    const __m256i value = _mm256_max_epi32(r, _mm256_max_epi32(g, b));
    const __m256i spread = _mm256_sub_epi32(value, _mm256_min_epi32(r, _mm256_min_epi32(g, b)));
    const __m256i saturation = hsv_scaled(spread, hsv_reciprocal(255 * 4096.0f, value));
    const __m256i of_blue = _mm256_add_epi32(_mm256_sub_epi32(r, g), _mm256_slli_epi32(spread, 2));
    const __m256i of_green = _mm256_add_epi32(_mm256_sub_epi32(b, r), _mm256_slli_epi32(spread, 1));
    __m256i sixths = _mm256_blendv_epi8(of_blue, of_green, _mm256_cmpeq_epi32(value, g));
    sixths = _mm256_blendv_epi8(sixths, _mm256_sub_epi32(g, b), _mm256_cmpeq_epi32(value, r));
    __m256i hue = hsv_scaled(sixths, hsv_reciprocal(30 * 4096.0f, spread));
    hue = _mm256_add_epi32(hue, _mm256_and_si256(_mm256_srai_epi32(hue, 31), _mm256_set1_epi32(180)));
    return _mm256_or_si256(hue, _mm256_or_si256(_mm256_slli_epi32(saturation, 8), _mm256_slli_epi32(value, 16)));
}

/// As hsv_replace_plain. The sums of the bytes of each colour are taken by one instruction a channel.
SVAD_AVX2 void hsv_replace_avx2(const std::uint8_t* rgb, std::uint32_t* last, std::size_t pixels, HsvSums& sums) {
    __m256i hue = _mm256_setzero_si256(), saturation = hue, value = hue;   // four 64-bit sums each
    const __m256i zero = _mm256_setzero_si256(), low = _mm256_set1_epi32(255);
    std::size_t i = 0;
    for (; i + 10 <= pixels; i += 8) {   // the second load reads 4 bytes more than eight pixels
        const __m256i now = hsv_eight(rgb + 3 * i);
        auto* const place = reinterpret_cast<__m256i*>(last + i);
        const __m256i before = _mm256_loadu_si256(place);
        const __m256i apart = _mm256_or_si256(_mm256_subs_epu8(now, before), _mm256_subs_epu8(before, now));
        hue = _mm256_add_epi64(hue, _mm256_sad_epu8(_mm256_and_si256(apart, low), zero));
        saturation = _mm256_add_epi64(saturation, _mm256_sad_epu8(_mm256_and_si256(_mm256_srli_epi32(apart, 8), low), zero));
        value = _mm256_add_epi64(value, _mm256_sad_epu8(_mm256_srli_epi32(apart, 16), zero));
        _mm256_storeu_si256(place, now);
    }
    const auto total = [](const __m256i& x) {
        std::uint64_t parts[4];
        __builtin_memcpy(parts, &x, sizeof parts);
        return parts[0] + parts[1] + parts[2] + parts[3];
    };
    sums.hue += total(hue);
    sums.saturation += total(saturation);
    sums.value += total(value);
    hsv_replace_plain(rgb + 3 * i, last + i, pixels - i, sums);
}

#undef SVAD_AVX2

#endif

/// As hsv_replace_plain, by the best means of this machine.
inline void hsv_replace(const std::uint8_t* rgb, std::uint32_t* last, std::size_t pixels, HsvSums& sums) {
#if SVAD_HSV_AVX2
    static const bool wide = __builtin_cpu_supports("avx2") != 0;
    if (wide) return hsv_replace_avx2(rgb, last, pixels, sums);
#endif
    hsv_replace_plain(rgb, last, pixels, sums);
}

}  // namespace svad::video::detail
