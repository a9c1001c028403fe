// SPDX-License-Identifier: Apache-2.0
// RGB bytes to hue, saturation and value in bytes, with the integers of OpenCV's 8-bit conversion.
//
// Promise: equal to cvtColor(RGB2HSV) for all 2^24 colours: hue 0..179 in steps of two degrees, products with
// 12-bit reciprocals that are rounded to even, results rounded to nearest. Shot detectors compare thresholds
// with figures that others computed so; exact arithmetic in floats would differ by one step in many pixels.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace svad::video {

/// A colour: hue 0..179 (two degrees a step), saturation and value 0..255.
struct Hsv {
    std::uint8_t hue = 0, saturation = 0, value = 0;
    friend bool operator==(const Hsv&, const Hsv&) = default;
};

namespace detail {

/// scale * 2^12 / i, rounded to the nearest, ties to even; 0 for i = 0.
constexpr std::array<std::int32_t, 256> scaled_reciprocals(std::int32_t scale) {
    std::array<std::int32_t, 256> out{};
    for (std::int32_t i = 1; i < 256; ++i) {
        const std::int32_t whole = (scale << 12) / i, twice = 2 * ((scale << 12) % i);
        const bool up = twice > i || (twice == i && whole % 2 != 0);
        out[static_cast<std::size_t>(i)] = whole + (up ? 1 : 0);
    }
    return out;
}

inline constexpr std::array<std::int32_t, 256> saturation_of_value = scaled_reciprocals(255);
inline constexpr std::array<std::int32_t, 256> hue_of_spread = scaled_reciprocals(30);   // a sixth of 180

}  // namespace detail

/// The colour of a pixel of bytes.
[[nodiscard]] inline Hsv to_hsv(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
    const std::int32_t r = red, g = green, b = blue;
    const std::int32_t value = std::max({r, g, b}), spread = value - std::min({r, g, b});
    const auto at = [](const std::array<std::int32_t, 256>& table, std::int32_t i) {
        return table[static_cast<std::size_t>(i)];
    };
    constexpr std::int32_t half = 1 << 11;
    const std::int32_t saturation = (spread * at(detail::saturation_of_value, value) + half) >> 12;
    const std::int32_t sixths = value == r ? g - b : value == g ? b - r + 2 * spread : r - g + 4 * spread;
    std::int32_t hue = (sixths * at(detail::hue_of_spread, spread) + half) >> 12;
    if (hue < 0) hue += 180;
    return {static_cast<std::uint8_t>(hue), static_cast<std::uint8_t>(saturation), static_cast<std::uint8_t>(value)};
}

}  // namespace svad::video
