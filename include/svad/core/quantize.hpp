// SPDX-License-Identifier: Apache-2.0
// Floats into the blocks of core/blocks.hpp. q8_0, q4_0 and q4_1 round to a scale taken from the largest value; q4_k and q6_k
// search for the scale (and the least value) that leaves the smallest weighted error, first in every group of 32 or 16,
// then in the six or eight bits that the groups' scales have. The rules are those of ggml's reference quantisation, so that
// a file made here is the file llama.cpp would make.
#pragma once

#include "svad/core/blocks.hpp"
#include "svad/core/parallel.hpp"

#include <cmath>

// A product and a sum in one rounding would choose other levels now and then; the rules are those of two roundings.
#if defined(__clang__)
#define SVAD_ROUND_EACH _Pragma("clang fp contract(off)")
#else
#define SVAD_ROUND_EACH
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif

namespace svad::blocks {

namespace detail {

inline void put_half(std::uint8_t* to, float x) {
    const f16 h(x);
    std::memcpy(to, &h.bits, 2);
}
inline float as_half(float x) { return static_cast<float>(f16(x)); }
/// Nearest integer, halves to even.
inline int nearest(float x) { return static_cast<int>(std::nearbyint(x)); }

inline void encode_q8_0(const float* x, std::uint8_t* to) {
    SVAD_ROUND_EACH
    float most = 0;
    for (int i = 0; i < 32; ++i) most = std::max(most, std::abs(x[i]));
    const float d = most / 127.0f, inverse = d != 0 ? 1.0f / d : 0.0f;
    put_half(to, d);
    for (int i = 0; i < 32; ++i) to[2 + i] = static_cast<std::uint8_t>(static_cast<std::int8_t>(std::round(x[i] * inverse)));
}

inline void encode_q4_0(const float* x, std::uint8_t* to) {
    SVAD_ROUND_EACH
    float most = 0;                                             // the value of the largest size, with its sign
    for (int i = 0; i < 32; ++i)
        if (std::abs(x[i]) > std::abs(most)) most = x[i];
    const float d = most / -8.0f, inverse = d != 0 ? 1.0f / d : 0.0f;
    put_half(to, d);
    const auto level = [&](float v) { return static_cast<std::uint8_t>(std::min(15, static_cast<int>(v * inverse + 8.5f))); };
    for (int i = 0; i < 16; ++i) to[2 + i] = static_cast<std::uint8_t>(level(x[i]) | level(x[i + 16]) << 4);
}

inline void encode_q4_1(const float* x, std::uint8_t* to) {
    SVAD_ROUND_EACH
    const auto [low, high] = std::minmax_element(x, x + 32);
    const float least = *low, d = (*high - least) / 15.0f, inverse = d != 0 ? 1.0f / d : 0.0f;
    put_half(to, d), put_half(to + 2, least);
    const auto level = [&](float v) { return static_cast<std::uint8_t>(std::min(15, static_cast<int>((v - least) * inverse + 0.5f))); };
    for (int i = 0; i < 16; ++i) to[4 + i] = static_cast<std::uint8_t>(level(x[i]) | level(x[i + 16]) << 4);
}

/// Scale and least value (not above 0) of 32 numbers as d q - m, q in 0..15.
struct Line {
    float d = 0, m = 0;
};

/// The line of least weighted squared error among 21 steps around the obvious one, each refined by least squares.
inline Line fit_line(const float* x, const float* weights) {
    SVAD_ROUND_EACH
    constexpr int n = 32, top = 15, steps = 20;
    float low = x[0], high = x[0], sum_w = weights[0], sum_x = weights[0] * x[0];
    for (int i = 1; i < n; ++i) {
        low = std::min(low, x[i]), high = std::max(high, x[i]);
        sum_w += weights[i], sum_x += weights[i] * x[i];
    }
    low = std::min(low, 0.0f);
    if (high == low) return {0, -low};
    const auto level = [&](float v, float inverse, float least) { return std::clamp(nearest(inverse * (v - least)), 0, top); };
    const auto error = [&](float d, float least, float inverse, float from) {
        float sum = 0;
        for (int i = 0; i < n; ++i) {
            const float off = d * static_cast<float>(level(x[i], inverse, from)) + least - x[i];
            sum += weights[i] * (off * off);
        }
        return sum;
    };
    const float first = static_cast<float>(top) / (high - low);
    Line best{1.0f / first, low};
    float best_error = error(best.d, low, first, low);
    float from = low;
    for (int step = 0; step <= steps; ++step) {
        const float inverse = (-1.0f + 0.1f * static_cast<float>(step) + static_cast<float>(top)) / (high - from);
        float sum_l = 0, sum_l2 = 0, sum_xl = 0;
        for (int i = 0; i < n; ++i) {
            const auto l = static_cast<float>(level(x[i], inverse, from));
            sum_l += weights[i] * l, sum_l2 += weights[i] * l * l, sum_xl += weights[i] * l * x[i];
        }
        const float determinant = sum_w * sum_l2 - sum_l * sum_l;
        if (determinant <= 0) continue;
        float d = (sum_w * sum_xl - sum_x * sum_l) / determinant, least = (sum_l2 * sum_x - sum_l * sum_xl) / determinant;
        if (least > 0) least = 0, d = sum_xl / sum_l2;
        const float now = error(d, least, inverse, from);
        if (now < best_error) best = {d, least}, best_error = now, from = least;
    }
    return {best.d, -best.m};
}

inline void encode_q4_k(const float* x, std::uint8_t* to) {
    SVAD_ROUND_EACH
    std::array<Line, 8> lines;
    float most_d = 0, most_m = 0;
    for (std::size_t j = 0; j < 8; ++j) {
        const float* const group = x + 32 * j;
        float squares = 0;
        for (int i = 0; i < 32; ++i) squares += group[i] * group[i];
        const float size = std::sqrt(squares / 32);
        std::array<float, 32> weights;
        for (std::size_t i = 0; i < 32; ++i) weights[i] = size + std::abs(group[i]);
        lines[j] = fit_line(group, weights.data());
        most_d = std::max(most_d, lines[j].d), most_m = std::max(most_m, lines[j].m);
    }
    const float to_d = most_d > 0 ? 63.0f / most_d : 0.0f, to_m = most_m > 0 ? 63.0f / most_m : 0.0f;
    put_half(to, most_d / 63.0f), put_half(to + 2, most_m / 63.0f);
    std::array<std::uint8_t, 8> d{}, m{};
    for (std::size_t j = 0; j < 8; ++j) {
        d[j] = static_cast<std::uint8_t>(std::min(63, nearest(to_d * lines[j].d)));
        m[j] = static_cast<std::uint8_t>(std::min(63, nearest(to_m * lines[j].m)));
    }
    std::uint8_t* const scales = to + 4;                        // six bits each: the low four of the last four groups share bytes
    for (std::size_t j = 0; j < 4; ++j) {
        scales[j] = static_cast<std::uint8_t>(d[j] | d[j + 4] >> 4 << 6);
        scales[j + 4] = static_cast<std::uint8_t>(m[j] | m[j + 4] >> 4 << 6);
        scales[j + 8] = static_cast<std::uint8_t>((d[j + 4] & 15) | (m[j + 4] & 15) << 4);
    }
    const float scale_d = as_half(most_d / 63.0f), scale_m = as_half(most_m / 63.0f);
    std::array<std::uint8_t, 256> levels{};
    for (std::size_t j = 0; j < 8; ++j) {
        const float step = scale_d * static_cast<float>(d[j]), least = scale_m * static_cast<float>(m[j]);
        for (std::size_t i = 0; i < 32 && step != 0; ++i)
            levels[32 * j + i] = static_cast<std::uint8_t>(std::clamp(nearest((x[32 * j + i] + least) / step), 0, 15));
    }
    for (std::size_t j = 0; j < 4; ++j)
        for (std::size_t i = 0; i < 32; ++i) to[16 + 32 * j + i] = static_cast<std::uint8_t>(levels[64 * j + i] | levels[64 * j + 32 + i] << 4);
}

/// The scale of 16 numbers as d q, q in -32..31, of least error weighted by their squares among 19 steps.
inline float fit_scale(const float* x) {
    SVAD_ROUND_EACH
    float most = 0;
    for (int i = 0; i < 16; ++i)
        if (std::abs(x[i]) > std::abs(most)) most = x[i];
    if (std::abs(most) < 1e-15f) return 0;
    float best_d = 0, best = 0;
    for (int step = -10; step <= 9; ++step) {
        const int shift = step == -10 ? 0 : step;               // the obvious one first
        if (step > -10 && step == 0) continue;
        const float inverse = -(32.0f + 0.1f * static_cast<float>(shift)) / most;
        float sum_xl = 0, sum_l2 = 0;
        for (int i = 0; i < 16; ++i) {
            const float w = x[i] * x[i];
            const auto l = static_cast<float>(std::clamp(nearest(inverse * x[i]), -32, 31));
            sum_xl += w * x[i] * l, sum_l2 += w * l * l;
        }
        if (step == -10) {
            best_d = sum_l2 > 0 ? sum_xl / sum_l2 : 0.0f, best = best_d * sum_xl;
        } else if (sum_l2 > 0 && sum_xl * sum_xl > best * sum_l2) {
            best_d = sum_xl / sum_l2, best = best_d * sum_xl;
        }
    }
    return best_d;
}

inline void encode_q6_k(const float* x, std::uint8_t* to) {
    SVAD_ROUND_EACH
    std::array<float, 16> scales;
    float most = 0;
    for (std::size_t j = 0; j < 16; ++j) {
        scales[j] = fit_scale(x + 16 * j);
        if (std::abs(scales[j]) > std::abs(most)) most = scales[j];
    }
    std::fill_n(to, 210, std::uint8_t{0});
    if (std::abs(most) < 1e-15f) return;
    const float inverse = -128.0f / most, d = as_half(1.0f / inverse);
    put_half(to + 208, 1.0f / inverse);
    std::array<std::uint8_t, 256> levels{};
    for (std::size_t j = 0; j < 16; ++j) {
        const auto scale = static_cast<std::int8_t>(std::min(127, nearest(inverse * scales[j])));
        to[192 + j] = static_cast<std::uint8_t>(scale);
        const float step = d * static_cast<float>(scale);
        for (std::size_t i = 0; i < 16; ++i)
            levels[16 * j + i] = static_cast<std::uint8_t>(step == 0 ? 0 : std::clamp(nearest(x[16 * j + i] / step), -32, 31) + 32);
    }
    for (std::size_t part = 0; part < 2; ++part)
        for (std::size_t i = 0; i < 32; ++i) {
            const std::uint8_t* const q = levels.data() + 128 * part + i;
            to[64 * part + i] = static_cast<std::uint8_t>((q[0] & 15) | (q[64] & 15) << 4);
            to[64 * part + 32 + i] = static_cast<std::uint8_t>((q[32] & 15) | (q[96] & 15) << 4);
            to[128 + 32 * part + i] = static_cast<std::uint8_t>(q[0] >> 4 | q[32] >> 4 << 2 | q[64] >> 4 << 4 | q[96] >> 4 << 6);
        }
}

}  // namespace detail

#undef SVAD_ROUND_EACH
#if !defined(__clang__)
#pragma GCC pop_options
#endif

/// `count` floats (whole blocks) as blocks of `type`, or as bf16 or f16. Throws DTypeError for other types and sizes, and
/// UsageError for a value that is not finite: a block with one would lose all its others.
inline void encode(DType type, const float* from, Index count, std::uint8_t* to) {
    const BlockSize size = block_of(type);
    (void)bytes_of(type, count);
    for (Index i = 0; i < count; ++i)
        if (!std::isfinite(from[i])) fail<UsageError>("quantize: element ", i, " is ", from[i], "; only finite weights can be stored as ", type);
    const auto each = [&](auto one) {
        parallel_for(count / size.elements, 16, [&](Index first, Index last) {
            for (Index b = first; b < last; ++b) one(from + b * size.elements, to + static_cast<std::size_t>(b) * size.bytes);
        });
    };
    switch (type) {
        case DType::q8_0: return each(detail::encode_q8_0);
        case DType::q4_0: return each(detail::encode_q4_0);
        case DType::q4_1: return each(detail::encode_q4_1);
        case DType::q4_k: return each(detail::encode_q4_k);
        case DType::q6_k: return each(detail::encode_q6_k);
        case DType::f16: return each([](const float* x, std::uint8_t* y) { detail::put_half(y, *x); });
        case DType::bf16: return each([](const float* x, std::uint8_t* y) { const bf16 h(*x); std::memcpy(y, &h, 2); });
        case DType::f32: return each([](const float* x, std::uint8_t* y) { std::memcpy(y, x, 4); });
        default: fail<DTypeError>("quantize: ", type, " is not a type of stored weights");
    }
}

}  // namespace svad::blocks
