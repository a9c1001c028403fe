// SPDX-License-Identifier: Apache-2.0
// 3 x 3 convolutions of pictures with fewer multiplications: Winograd's F(2x2, 3x3) (Lavin & Gray 2016).
//
// Four outputs need 16 products instead of 36: tiles of 4 x 4 inputs and the kernels are transformed, 16 matrix products
// over the channels follow, and their tiles are transformed back. All factors are 0, 1/2 and 1, so the result differs
// from the plain sum by roundings only (about twice as many). Tiles are handled in blocks that fit the second-level
// cache. Rejected: F(4x4, 3x3) (a third fewer products again, but its factors up to 8 cost two digits).
#pragma once

#include "svad/backend/cpu/tile.hpp"
#include "svad/core/parallel.hpp"

#include <algorithm>
#include <vector>

namespace svad::cpu {

namespace detail {

/// Sizes of a convolution of pictures [N, C, H, W] with kernels [O, C, 3, 3], zeros around, and how it is cut in blocks.
struct WinogradPlan {
    Index pictures, channels, filters, height, width;
    Index down = (height + 1) / 2, across = (width + 1) / 2;   // tiles of 2 x 2 outputs
    Index rows = std::max<Index>(1, std::clamp<Index>(8192 / channels, 32, 192) / across);   // of tiles in a block
    Index places = Lanes<float>::round_up(rows * across);      // tiles of a block, to whole vectors
    Index blocks = (pictures * down + rows - 1) / rows;
    Index strip = std::min<Index>(filters, 32);                // filters at once
};

/// kernels [O, C, 3, 3] -> [16, O, C].
inline std::vector<float> winograd_kernels(const WinogradPlan& p, const float* kernels) {
    std::vector<float> out(static_cast<std::size_t>(16 * p.filters * p.channels));
    parallel_for(p.filters, 8, [&](Index first, Index last) {
        for (Index i = first * p.channels; i < last * p.channels; ++i) {
            const float* const g = kernels + i * 9;
            float half[4][3];
            for (Index k = 0; k < 3; ++k) {
                const float sum = g[k] + g[6 + k];
                half[0][k] = g[k], half[1][k] = 0.5f * (sum + g[3 + k]), half[2][k] = 0.5f * (sum - g[3 + k]), half[3][k] = g[6 + k];
            }
            for (Index r = 0; r < 4; ++r) {
                const float sum = half[r][0] + half[r][2];
                const float row[4] = {half[r][0], 0.5f * (sum + half[r][1]), 0.5f * (sum - half[r][1]), half[r][2]};
                for (Index k = 0; k < 4; ++k) out[static_cast<std::size_t>((4 * r + k) * p.filters * p.channels + i)] = row[k];
            }
        }
    });
    return out;
}

/// One row of tiles of one channel: rows 2 t - 1 .. 2 t + 2 of picture [H, W] to out[k * step + tile], k < 16.
/// `line` holds 2 (across + 1) floats.
inline void winograd_input(const WinogradPlan& p, const float* picture, Index t, float* line, float* out, Index step) {
    const Index n = p.across + 1;
    const auto row = [&](Index k) {
        const Index y = 2 * t - 1 + k;
        return y < 0 || y >= p.height ? nullptr : picture + y * p.width;
    };
    const float* const d[4] = {row(0), row(1), row(2), row(3)};
    // Which rows are added: d0 - d2, d1 + d2, d2 - d1, d1 - d3.
    const std::pair<Index, Index> parts[4] = {{0, 2}, {1, 2}, {2, 1}, {1, 3}};
    float *__restrict const even = line, *__restrict const odd = line + n;   // of columns -1, 0, 1 ...
    for (Index r = 0; r < 4; ++r) {
        const float *const a = d[parts[r].first], *const b = d[parts[r].second], sign = r == 1 ? 1.0f : -1.0f;
        const auto at = [&](Index x) { return (a ? a[x] : 0.0f) + (b ? sign * b[x] : 0.0f); };
        even[0] = 0;
        if (a && b && p.width % 2 == 0) {
            for (Index x = 0; x + 1 < n; ++x) {
                odd[x] = a[2 * x] + sign * b[2 * x];
                even[x + 1] = a[2 * x + 1] + sign * b[2 * x + 1];
            }
        } else {
            for (Index x = 0; x + 1 < n; ++x) {
                odd[x] = at(2 * x);
                even[x + 1] = 2 * x + 1 < p.width ? at(2 * x + 1) : 0.0f;
            }
        }
        odd[n - 1] = 0;
        float* const to = out + 4 * r * step;
        float *__restrict const v0 = to, *__restrict const v1 = to + step, *__restrict const v2 = to + 2 * step, *__restrict const v3 = to + 3 * step;
        for (Index x = 0; x < p.across; ++x) {
            v0[x] = even[x] - even[x + 1];
            v1[x] = odd[x] + even[x + 1];
            v2[x] = even[x + 1] - odd[x];
            v3[x] = odd[x] - odd[x + 1];
        }
    }
}

/// One row of tiles of one filter: in[k * step + tile] to the outputs top left, top right, bottom left, bottom right of
/// all tiles, each `stride` floats, a multiple of the vector width.
inline void winograd_output(const float* in, Index step, float* parts, Index stride) {
    using V = Lanes<float>;
    for (Index x = 0; x < stride; x += V::n) {
        V::Vector above[4], below[4];
        for (Index k = 0; k < 4; ++k) {
            const auto row = [&](Index r) { return V::load(in + (4 * r + k) * step + x); };
            const V::Vector b = row(1), c = row(2);
            above[k] = row(0) + b + c;
            below[k] = b - c - row(3);
        }
        V::store(parts + x, above[0] + above[1] + above[2]);
        V::store(parts + stride + x, above[1] - above[2] - above[3]);
        V::store(parts + 2 * stride + x, below[0] + below[1] + below[2]);
        V::store(parts + 3 * stride + x, below[1] - below[2] - below[3]);
    }
}

/// to[0 .. n - 1] = left[0], right[0], left[1] ...
inline void interleave_line(const float* __restrict left, const float* __restrict right, float* __restrict to, Index n) {
    for (Index x = 0; x < n / 2; ++x) to[2 * x] = left[x], to[2 * x + 1] = right[x];
    if (n % 2 != 0) to[n - 1] = left[n / 2];
}

/// Tile rows `first` .. of a block: products and outputs.
class WinogradBlock {
public:
    explicit WinogradBlock(const WinogradPlan& plan)
        : p_{plan}, stride_{Lanes<float>::round_up(p_.across + 1)},
          scratch_{16 * p_.places * (p_.channels + p_.strip) + 5 * stride_, 3},
          inputs_{scratch_.take(16 * p_.channels * p_.places)},
          products_{scratch_.take(16 * p_.strip * p_.places + stride_)},   // the last row is read in whole vectors
          line_{scratch_.take(4 * stride_)} {
        std::fill(inputs_, inputs_ + 16 * p_.channels * p_.places, 0.0f);   // padding of vectors
    }

    void run(Index first, const float* x, const float* kernels, float* y) {
        const Index rows = std::min(p_.rows, p_.pictures * p_.down - first), area = p_.height * p_.width;
        for (Index r = 0; r < rows; ++r) {
            const Index picture = (first + r) / p_.down, t = (first + r) % p_.down;
            for (Index c = 0; c < p_.channels; ++c)
                winograd_input(p_, x + (picture * p_.channels + c) * area, t, line_, inputs_ + c * p_.places + r * p_.across,
                               p_.channels * p_.places);
        }
        for (Index o = 0; o < p_.filters; o += p_.strip) {
            const Index strip = std::min(p_.strip, p_.filters - o);
            for (Index k = 0; k < 16; ++k)
                product<float>(strip, p_.places, p_.channels, kernels + (k * p_.filters + o) * p_.channels, p_.channels, 1,
                               inputs_ + k * p_.channels * p_.places, p_.places, products_ + k * p_.strip * p_.places, p_.places, false);
            for (Index i = 0; i < strip; ++i)
                for (Index r = 0; r < rows; ++r) put((first + r) / p_.down, o + i, (first + r) % p_.down, i * p_.places + r * p_.across, y);
        }
    }

private:
    void put(Index picture, Index filter, Index t, Index at, float* y) {
        winograd_output(products_ + at, p_.strip * p_.places, line_, stride_);
        float* const to = y + ((picture * p_.filters + filter) * p_.height + 2 * t) * p_.width;
        interleave_line(line_, line_ + stride_, to, p_.width);
        if (2 * t + 1 < p_.height) interleave_line(line_ + 2 * stride_, line_ + 3 * stride_, to + p_.width, p_.width);
    }

    const WinogradPlan& p_;
    Index stride_;   // of the outputs of a row of tiles
    Scratch<float> scratch_;
    float *inputs_, *products_, *line_;
};

}  // namespace detail

/// y [N, O, H, W] = x [N, C, H, W] convolved with kernels [O, C, 3, 3], zeros around.
inline void convolve_3x3(Index pictures, Index channels, Index filters, Index height, Index width, const float* x, const float* kernels,
                         float* y) {
    const detail::WinogradPlan plan{pictures, channels, filters, height, width};
    const std::vector<float> transformed = detail::winograd_kernels(plan, kernels);
    parallel_for(plan.blocks, 1, [&](Index first, Index last) {
        detail::WinogradBlock block{plan};
        for (Index b = first; b < last; ++b) block.run(b * plan.rows, x, transformed.data(), y);
    });
}

}  // namespace svad::cpu
