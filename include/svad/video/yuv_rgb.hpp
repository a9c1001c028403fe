// SPDX-License-Identifier: Apache-2.0
// A decoder's planes with halved colour (4:2:0, 8 bits) to RGB, pixel by pixel, as libswscale's vector code does it.
//
// Promise: equal to what libswscale gives with its default rounding on x86: products of 13-bit coefficients of which
// the upper 16 bits are kept, the colour of a pixel without interpolation. Who uses it compares it with libswscale
// first (colour_change.hpp), since other machines and versions may round otherwise. It saves writing and reading a
// picture of three bytes a pixel: the words go on to hue and saturation in registers.
#pragma once

#include "svad/video/hsv_delta.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace svad::video::detail {

/// Coefficients of 2^13 a unit; luma_offset in eighths of a level.
struct YuvToRgb {
    std::int16_t luma_offset = 0, luma = 0, red_of_v = 0, green_of_u = 0, green_of_v = 0, blue_of_u = 0;

    /// From libswscale's table of a matrix (red of v, blue of u, minus green of u and of v, in 2^16 for limited range).
    static YuvToRgb of(const std::array<int, 4>& matrix, bool full_range) {
        const auto color = [&](std::int64_t c) { return rounded(full_range ? c * 224 / 255 : c); };
        const std::int64_t unit = 1 << 16;
        return {.luma_offset = static_cast<std::int16_t>(full_range ? 0 : 16 << 3),
                .luma = rounded(full_range ? unit : unit * 255 / 219),
                .red_of_v = color(matrix[0]),
                .green_of_u = color(-matrix[2]),
                .green_of_v = color(-matrix[3]),
                .blue_of_u = color(matrix[1])};
    }

    Rgb operator()(std::uint8_t y, std::uint8_t u, std::uint8_t v) const {
        const int l = upper((y << 3) - luma_offset, luma), du = (u - 128) << 3, dv = (v - 128) << 3;
        const auto byte = [](int x) { return static_cast<std::uint8_t>(std::clamp(x, 0, 255)); };
        return {byte(l + upper(dv, red_of_v)), byte(l + upper(du, green_of_u) + upper(dv, green_of_v)), byte(l + upper(du, blue_of_u))};
    }

private:
    static std::int16_t rounded(std::int64_t c) {
        return static_cast<std::int16_t>(std::clamp<std::int64_t>((c * (1 << 13) + (1 << 15)) >> 16, -0x7FFF, 0x7FFF));
    }
    static int upper(int a, int b) { return (a * b) >> 16; }
};

#if SVAD_X86

/// Sixteen bytes as words.
SVAD_WIDE __m256i wide_bytes(const std::uint8_t* p) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

/// The same as YuvToRgb for sixteen pixels in words.
struct WideYuvToRgb {
    __m256i luma_offset, luma, red_of_v, green_of_u, green_of_v, blue_of_u, middle;

    SVAD_WIDE explicit WideYuvToRgb(const YuvToRgb& c)
        : luma_offset(_mm256_set1_epi16(c.luma_offset)), luma(_mm256_set1_epi16(c.luma)), red_of_v(_mm256_set1_epi16(c.red_of_v)),
          green_of_u(_mm256_set1_epi16(c.green_of_u)), green_of_v(_mm256_set1_epi16(c.green_of_v)),
          blue_of_u(_mm256_set1_epi16(c.blue_of_u)), middle(_mm256_set1_epi16(128 << 3)) {}

    struct Color {
        __m256i r, g, b;   // what it adds to the luma
    };
    SVAD_WIDE Color color(__m256i u, __m256i v) const {
        const __m256i du = _mm256_sub_epi16(_mm256_slli_epi16(u, 3), middle), dv = _mm256_sub_epi16(_mm256_slli_epi16(v, 3), middle);
        return {_mm256_mulhi_epi16(dv, red_of_v), _mm256_add_epi16(_mm256_mulhi_epi16(du, green_of_u), _mm256_mulhi_epi16(dv, green_of_v)),
                _mm256_mulhi_epi16(du, blue_of_u)};
    }
    SVAD_WIDE __m256i lightness(__m256i y) const {
        return _mm256_mulhi_epi16(_mm256_sub_epi16(_mm256_slli_epi16(y, 3), luma_offset), luma);
    }
    SVAD_WIDE static __m256i byte(__m256i x) {
        return _mm256_min_epi16(_mm256_max_epi16(x, _mm256_setzero_si256()), _mm256_set1_epi16(255));
    }
};

#endif

/// A line of pixels: a luma each, a colour for two.
struct YuvLine {
    const std::uint8_t *y, *u, *v;
    YuvToRgb convert;
#if SVAD_X86
    SVAD_WIDE WideRgb wide(std::size_t i) const {
        const WideYuvToRgb c(convert);
        const WideYuvToRgb::Color color = c.color(wide_bytes(u + i / 2), wide_bytes(v + i / 2));
        const WideWords words = wide_words(wide_load(y + i));
        const __m256i even = c.lightness(words.even), odd = c.lightness(words.odd);
        return {{c.byte(_mm256_add_epi16(even, color.r)), c.byte(_mm256_add_epi16(odd, color.r))},
                {c.byte(_mm256_add_epi16(even, color.g)), c.byte(_mm256_add_epi16(odd, color.g))},
                {c.byte(_mm256_add_epi16(even, color.b)), c.byte(_mm256_add_epi16(odd, color.b))}};
    }
#endif
    Rgb plain(std::size_t i) const { return convert(y[i], u[i / 2], v[i / 2]); }
    /// An even n < 32 of pixels from an even i on, black behind them.
    YuvLine copy(std::size_t i, std::size_t n, std::uint8_t* room) const {
        std::uint8_t *const to_u = room + hsv_block, *const to_v = to_u + hsv_block / 2;
        std::memset(to_u, 128, hsv_block);   // no color
        std::memcpy(room, y + i, n);
        std::memcpy(to_u, u + i / 2, n / 2);
        std::memcpy(to_v, v + i / 2, n / 2);
        return {.y = room, .u = to_u, .v = to_v, .convert = convert};
    }
};

/// A decoded frame of 4:2:0.
struct YuvPicture {
    std::size_t width = 0, height = 0;
    std::array<const std::uint8_t*, 3> planes{};
    std::array<std::ptrdiff_t, 3> strides{};
    YuvToRgb convert;

    [[nodiscard]] YuvLine line(std::size_t row) const {
        const auto at = [&](std::size_t plane, std::size_t r) { return planes[plane] + strides[plane] * static_cast<std::ptrdiff_t>(r); };
        return {.y = at(0, row), .u = at(1, row / 2), .v = at(2, row / 2), .convert = convert};
    }
};

}  // namespace svad::video::detail
