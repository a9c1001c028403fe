// SPDX-License-Identifier: Apache-2.0
// A cell of TransNet V2 without a tape: plain loops over floats, several times as fast as the ops it is made of.
//
// Promise: the figures of TransNetCell's ops up to rounding (a test compares them). The convolution over space is
// Winograd's; the one over time adds three products on the frames where they lie, so that nothing is padded, cut out or
// joined; normalisation and activation follow while a frame's result is in cache. Rejected: ops of these with
// gradients (nobody trains this network at a cost that matters, and the ops it is made of have them).
#pragma once

#include "svad/backend/cpu/winograd.hpp"
#include "svad/core/tensor.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace svad::detail {

/// What a convolution over time and what follows it need: one dilation, F filters of C channels.
struct TimeFilter {
    Index filters, channels, dilation;
    std::vector<float> taps;           // [3, F, C]: before, at and behind the frame

    /// kernel [F, C, 3, 1, 1].
    TimeFilter(const Tensor<float>& kernel, Index step)
        : filters(kernel.size(0)), channels(kernel.size(1)), dilation(step), taps(static_cast<std::size_t>(kernel.numel())) {
        for (Index i = 0; i < filters * channels; ++i)
            for (Index k = 0; k < 3; ++k) taps[static_cast<std::size_t>(k * filters * channels + i)] = kernel[3 * i + k];
    }
    [[nodiscard]] const float* tap(Index k) const { return taps.data() + k * filters * channels; }
};

/// Channels times a factor plus a shift, at least 0.
struct ScaleShift {
    std::vector<float> scale, shift;

    ScaleShift(const Tensor<float>& weight, const Tensor<float>& bias, const Tensor<float>& mean, const Tensor<float>& variance, double eps) {
        for (Index c = 0; c < weight.numel(); ++c) {
            scale.push_back(weight[c] / std::sqrt(variance[c] + static_cast<float>(eps)));
            shift.push_back(bias[c] - mean[c] * scale.back());
        }
    }
    void operator()(Index channel, float* x, Index n) const {
        const float a = scale[static_cast<std::size_t>(channel)], b = shift[static_cast<std::size_t>(channel)];
        for (Index i = 0; i < n; ++i) x[i] = std::max(0.0f, x[i] * a + b);
    }
};

/// A clip's frames with the channels of all dilations side by side: [T, channels, places].
struct TimeInput {
    const float* x;
    Index frames, channels, places;

    [[nodiscard]] const float* at(Index t, Index channel) const { return x + (t * channels + channel) * places; }
};

/// out [F, places] = the convolution of frame t's channels from `channel` on.
inline void filter_over_time(const TimeInput& in, const TimeFilter& f, Index t, Index channel, float* out) {
    constexpr Index lanes = cpu::Lanes<float>::n;
    const Index whole = in.places / lanes * lanes, rest = in.places - whole;
    bool add = false;
    for (const Index k : {1, 0, 2}) {
        const Index s = t + (k - 1) * f.dilation;
        if (s < 0 || s >= in.frames) continue;
        cpu::product<float>(f.filters, whole, f.channels, f.tap(k), f.channels, 1, in.at(s, channel), in.places, out, in.places, add);
        add = true;
    }
    if (rest == 0) return;
    std::vector<float> panel(static_cast<std::size_t>(f.channels * lanes)), sum(static_cast<std::size_t>(f.filters * lanes));
    for (const Index k : {0, 1, 2}) {   // the last places, in lines of their own
        const Index s = t + (k - 1) * f.dilation;
        if (s < 0 || s >= in.frames) continue;
        for (Index c = 0; c < f.channels; ++c) std::copy_n(in.at(s, channel + c) + whole, rest, panel.data() + c * lanes);
        cpu::product<float>(f.filters, lanes, f.channels, f.tap(k), f.channels, 1, panel.data(), lanes, sum.data(), lanes, true);
    }
    for (Index i = 0; i < f.filters; ++i) std::copy_n(sum.data() + i * lanes, rest, out + i * in.places + whole);
}

/// y [N, 4 F, places] of the frames [N, 8 F, places] of clips of T frames: each filter on its share of the channels.
inline void filter_frames(const TimeInput& clips, Index T, const std::vector<TimeFilter>& filters, const ScaleShift& then, float* y) {
    parallel_for(clips.frames, 4, [&](Index first, Index last) {
        for (Index n = first; n < last; ++n) {
            const TimeInput clip{clips.at(n / T * T, 0), T, clips.channels, clips.places};
            Index from = 0, to = 0;
            for (const TimeFilter& f : filters) {
                float* const out = y + (n * static_cast<Index>(then.scale.size()) + to) * clips.places;
                filter_over_time(clip, f, n % T, from, out);
                for (Index i = 0; i < f.filters; ++i) then(to + i, out + i * clips.places, clips.places);
                from += f.channels;
                to += f.filters;
            }
        }
    });
}

/// A cell: x [N, C, h, w] of clips of T frames -> [N, 4 F, h, w]. `kernels` [8 F, C, 3, 3] of all dilations.
inline Tensor<float> cell_values(const Tensor<float>& x, Index T, const Tensor<float>& kernels, const std::vector<TimeFilter>& filters,
                                 const ScaleShift& then) {
    const Index N = x.size(0), O = kernels.size(0), h = x.size(2), w = x.size(3);
    const auto space = Tensor<float>::uninitialized({N, O, h, w});
    cpu::convolve_3x3(N, x.size(1), O, h, w, x.data(), kernels.data(), space.data());
    const auto y = Tensor<float>::uninitialized({N, static_cast<Index>(then.scale.size()), h, w});
    filter_frames({space.data(), N, O, h * w}, T, filters, then, y.data());
    return y;
}

/// Means of 2 x 2 places of a + b [N, C, h, w]; an odd last row or column is left out.
inline Tensor<float> halved_sum(const Tensor<float>& a, const Tensor<float>& b) {
    const Index N = a.size(0), C = a.size(1), H = a.size(2), W = a.size(3), h = H / 2, w = W / 2;
    const auto out = Tensor<float>::uninitialized({N, C, h, w});
    parallel_for(N * C, 64, [&](Index first, Index last) {
        std::vector<float> sum(static_cast<std::size_t>(W));
        for (Index i = first; i < last; ++i)
            for (Index y = 0; y < h; ++y) {
                const Index at = (i * H + 2 * y) * W;
                const float *const p = a.data() + at, *const q = b.data() + at;
                for (Index x = 0; x < W; ++x) sum[static_cast<std::size_t>(x)] = (p[x] + q[x]) + (p[x + W] + q[x + W]);
                float* const to = out.data() + (i * h + y) * w;
                for (Index x = 0; x < w; ++x) to[x] = 0.25f * (sum[static_cast<std::size_t>(2 * x)] + sum[static_cast<std::size_t>(2 * x + 1)]);
            }
    });
    return out;
}

}  // namespace svad::detail
