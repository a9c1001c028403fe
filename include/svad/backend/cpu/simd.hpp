// SPDX-License-Identifier: Apache-2.0
// exp, tanh, erf and sigmoid as straight-line code: inlined in a loop over floats the compiler vectorises them for
// whatever width the machine has. Doubles take the standard library's.
// Promise for float: within 2 ulp (exp), 3 (sigmoid), 6 (tanh), 8 (erf); infinities right, NaN stays NaN.
// Formulas: exp by 2^n * p(r) with two steps of scaling, so that subnormals are right; tanh and erf as odd rationals,
// coefficients fitted by iteratively reweighted least squares for relative error (7e-9 and 2e-8 before rounding).
// always_inline: a call left in a loop costs ten times what the function does.
// Rejected: intrinsics (one copy per instruction set), -ffast-math (NaN and infinity carry meaning in masks).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace svad::simd {

/// e^x; 0 below -104, infinity above 88.73.
[[nodiscard, gnu::always_inline]] inline float exp(float x) {
    const float low = x < -104.0f ? -104.0f : x;
    const float z = low > 89.0f ? 89.0f : low;
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    const float shifted = z * 1.44269504f + 12582912.0f;
    const float n = shifted - 12582912.0f;
    const float r = (z - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.381433802e-03f;
    p = p * r + 8.368850686e-03f;
    p = p * r + 4.166840017e-02f;
    p = p * r + 1.666651964e-01f;
    p = p * r + 4.999999404e-01f;
    p = (p * r) * r + r + 1.0f;
    const auto bits = std::bit_cast<std::int32_t>(shifted) - 0x4b400000;
    const std::int32_t half = bits >> 1, rest = bits - half;
    return p * std::bit_cast<float>((half + 127) << 23) * std::bit_cast<float>((rest + 127) << 23);
}
[[nodiscard, gnu::always_inline]] inline double exp(double x) { return std::exp(x); }

/// e^x for x <= 88 (scores less their maximum), within 2 ulp: two thirds of exp's work. 0 below -87.
[[nodiscard, gnu::always_inline]] inline float exp_of_score(float x) {
    const float z = x < -87.0f ? -87.0f : x, shifted = z * 1.44269504f + 12582912.0f, n = shifted - 12582912.0f;
    const float r = (z - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.381433802e-03f;
    p = p * r + 8.368850686e-03f;
    p = p * r + 4.166840017e-02f;
    p = p * r + 1.666651964e-01f;
    p = p * r + 4.999999404e-01f;
    p = (p * r) * r + r + 1.0f;
    const std::uint32_t scaled = std::bit_cast<std::uint32_t>(p) + (std::bit_cast<std::uint32_t>(shifted) << 23);
    return x < -87.0f ? 0.0f : std::bit_cast<float>(scaled);
}
[[nodiscard, gnu::always_inline]] inline double exp_of_score(double x) { return std::exp(x); }

namespace detail {

// y within [-1, 1], and exactly 1 beyond the limit: 1 - tanh(x)^2 may meet a large factor.
[[nodiscard, gnu::always_inline]] inline float saturate(float y, float x, float limit) {
    const float above = y < -1.0f ? -1.0f : y;
    const float within = above > 1.0f ? 1.0f : above;
    return x > limit ? 1.0f : x < -limit ? -1.0f : within;
}

}  // namespace detail

[[nodiscard, gnu::always_inline]] inline float tanh(float x) {
    const float low = x < -9.02f ? -9.02f : x;
    const float z = low > 9.02f ? 9.02f : low, s = z * z;
    float p = -8.437416483e-14f;
    p = p * s + 5.258499539e-11f;
    p = p * s - 2.018585299e-08f;
    p = p * s + 1.114480347e-05f;
    p = p * s + 3.103058785e-03f;
    p = p * s + 1.308321059e-01f;
    p = p * s + 1.0f;
    float q = 2.544831659e-04f;
    q = q * s + 2.449161559e-02f;
    q = q * s + 4.641653597e-01f;
    q = q * s + 1.0f;
    return detail::saturate(z * p / q, x, 9.02f);
}
[[nodiscard, gnu::always_inline]] inline double tanh(double x) { return std::tanh(x); }

[[nodiscard, gnu::always_inline]] inline float erf(float x) {
    const float low = x < -3.93f ? -3.93f : x;
    const float z = low > 3.93f ? 3.93f : low, s = z * z;
    float p = 2.041666221e-06f;
    p = p * s + 2.846733260e-04f;
    p = p * s + 3.776359139e-03f;
    p = p * s + 5.277993158e-02f;
    p = p * s + 1.907169372e-01f;
    p = p * s + 1.128379107e+00f;
    float q = 3.799383194e-05f;
    q = q * s + 1.164310495e-03f;
    q = q * s + 1.499093510e-02f;
    q = q * s + 1.142285168e-01f;
    q = q * s + 5.023512244e-01f;
    q = q * s + 1.0f;
    return detail::saturate(z * p / q, x, 3.93f);
}
[[nodiscard, gnu::always_inline]] inline double erf(double x) { return std::erf(x); }

/// 1 / (1 + e^-x).
template <class T>
[[nodiscard, gnu::always_inline]] inline T sigmoid(T x) {
    return T(1) / (T(1) + exp(-x));
}

}  // namespace svad::simd
