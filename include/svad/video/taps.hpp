// SPDX-License-Identifier: Apache-2.0
// The filters of image resizing as tables of taps: which inputs make an output, with which weights.
//
// Antialiased (Pillow, torchvision): the filter is stretched by the scale when shrinking, bicubic a = -0.5, taps outside are
// dropped and the rest renormalised. Plain (torch interpolate without antialias): bicubic a = -0.75, taps clamped to the
// border. Bytes use integer weights of 22 bits (Pillow) or as many as fit 16 (torch).
#pragma once

#include "svad/core/error.hpp"
#include "svad/core/tensor.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace svad::video {

enum class Filter { bilinear, bicubic };
/// Whose fixed-point arithmetic a resize of bytes follows; they differ by one level in about 0.3% of values.
enum class Arithmetic { pillow, torch };

namespace detail {

/// Output i is the sum over k < count[i] of weight[i * width + k] * input[first[i] + k].
struct Taps {
    Index width = 0;
    std::vector<Index> first, count;
    std::vector<double> weight;
};

inline double filter_value(Filter filter, double x, double a) {
    x = std::fabs(x);
    if (filter == Filter::bilinear) return x < 1 ? 1 - x : 0;
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/// Pillow's precompute_coeffs, which torch's antialiased kernels share.
inline Taps antialiased_taps(Index in, Index out, Filter filter) {
    const double scale = static_cast<double>(in) / static_cast<double>(out), stretch = std::max(scale, 1.0);
    const double support = (filter == Filter::bilinear ? 1.0 : 2.0) * stretch;
    Taps taps;
    taps.width = static_cast<Index>(std::ceil(support)) * 2 + 1;
    taps.weight.assign(static_cast<std::size_t>(out * taps.width), 0.0);
    for (Index i = 0; i < out; ++i) {
        const double center = (static_cast<double>(i) + 0.5) * scale;
        const Index first = std::max<Index>(static_cast<Index>(center - support + 0.5), 0);
        const Index count = std::min<Index>(static_cast<Index>(center + support + 0.5), in) - first;
        double* const w = taps.weight.data() + i * taps.width;
        double total = 0;
        for (Index k = 0; k < count; ++k) {
            w[k] = filter_value(filter, (static_cast<double>(k + first) - center + 0.5) / stretch, -0.5);
            total += w[k];
        }
        if (total != 0)
            for (Index k = 0; k < count; ++k) w[k] /= total;
        taps.first.push_back(first);
        taps.count.push_back(count);
    }
    return taps;
}

/// Two or four taps around the sampled point; taps beyond the border add to the border's weight.
inline Taps plain_taps(Index in, Index out, Filter filter) {
    const double scale = static_cast<double>(in) / static_cast<double>(out);
    const Index reach = filter == Filter::bilinear ? 1 : 2;
    Taps taps;
    taps.width = 2 * reach;
    taps.weight.assign(static_cast<std::size_t>(out * taps.width), 0.0);
    for (Index i = 0; i < out; ++i) {
        double at = (static_cast<double>(i) + 0.5) * scale - 0.5;
        if (filter == Filter::bilinear) at = std::max(at, 0.0);
        const auto base = static_cast<Index>(std::floor(at));
        const Index first = std::clamp<Index>(base - reach + 1, 0, in - 1);
        const Index last = std::clamp<Index>(base + reach, 0, in - 1);
        double* const w = taps.weight.data() + i * taps.width;
        for (Index k = base - reach + 1; k <= base + reach; ++k)
            w[std::clamp(k, first, last) - first] += filter_value(filter, at - static_cast<double>(k), -0.75);
        taps.first.push_back(first);
        taps.count.push_back(last - first + 1);
    }
    return taps;
}

/// Weights as integers of `bits` fractional bits.
struct FixedTaps {
    Taps taps;
    int bits = 0;
    std::vector<std::int32_t> weight;
};

inline FixedTaps fixed_taps(Taps taps, Arithmetic arithmetic) {
    FixedTaps fixed;
    fixed.bits = 22;                         // Pillow: 32 - 8 - 2, so that sums of bytes stay within an int
    if (arithmetic == Arithmetic::torch) {   // the most bits that keep every weight within an int16
        const double largest = *std::max_element(taps.weight.begin(), taps.weight.end());
        fixed.bits = 0;
        while (fixed.bits < 22 && static_cast<int>(0.5 + largest * (1 << (fixed.bits + 1))) < (1 << 15))
            ++fixed.bits;
    }
    for (const double w : taps.weight) {
        const double scaled = w * (1 << fixed.bits);
        fixed.weight.push_back(static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5));
    }
    fixed.taps = std::move(taps);
    return fixed;
}

inline void check_sizes(Index h, Index w, Index to_h, Index to_w) {
    if (h < 1 || w < 1 || to_h < 1 || to_w < 1)
        fail<ShapeError>("resize: sizes must be positive; got ", h, "x", w, " to ", to_h, "x", to_w);
}

}  // namespace detail

}  // namespace svad::video
