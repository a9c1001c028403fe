// SPDX-License-Identifier: Apache-2.0
// TransNet V2 (Soucek & Lokoc 2020): for every frame of a window of tiny pictures, whether a shot ends there.
//     stacks of dilated convolutions -> what the frames look like,
//     similarity of their averages and of their colour histograms to those of the 50 frames on either side,
//     a hidden layer, and two heads: the one frame of a transition, and all frames of it.
// A convolution over (time, height, width) is one over space and then one over time with a dilation, with nothing in
// between. The spatial ones of a cell's four units read the same picture and run as one; frames are their batch.
// Rejected: a three-dimensional convolution op for both (unfolding a window would take 300 MB, one frame takes 3).
#pragma once

#include "svad/models/transnet_values.hpp"
#include "svad/nn/layers.hpp"
#include "svad/ops/matmul.hpp"
#include "svad/ops/reduce.hpp"

#include <cmath>
#include <vector>

namespace svad {

struct TransNetConfig {
    Index height = 27, width = 48;                  ///< of the pictures
    Index filters = 16;                             ///< of a unit in the first stack; each next stack has twice as many
    Index stacks = 3;
    Index reach = 50;                               ///< frames on each side that a frame is compared with
    Index features = 128, hidden = 1024;
    double dropout = 0.5;

    /// Channels behind stack i.
    [[nodiscard]] Index channels(Index i) const { return 4 * filters << i; }
    /// Of the spatial mean of every stack.
    [[nodiscard]] Index mean_width() const { return channels(stacks) - channels(0); }
};

namespace detail {

/// x [B, T, C, N] with kernel w [F, C, 3, 1, 1] over time, `dilation` frames apart: [B, T, F, N].
[[nodiscard]] inline Var conv_over_time(const Var& x, const Var& w, Index dilation) {
    const Index T = x.size(1), F = w.size(0), C = w.size(1);
    const Var padded = pad(x, 1, dilation, dilation);
    std::vector<Var> taps;
    for (Index i = 0; i < 3; ++i) taps.push_back(padded.slice(1, i * dilation, i * dilation + T));
    const Var kernel = w.reshape({F, C, 3}).permute({0, 2, 1}).reshape({F, 3 * C});
    return matmul(kernel, concat(2, taps));
}

/// Means of 2 x 2 places of x [N, C, h, w]; an odd last row or column is left out.
[[nodiscard]] inline Var halved(const Var& x) {
    const auto [N, C, H, W] = x.sizes<4>("N C h w");
    const Index h = H / 2, w = W / 2;
    const Var even = x.slice(2, 0, 2 * h).slice(3, 0, 2 * w).reshape({N * C, h, 2, w, 2});
    return mean(mean(even, 4), 2).reshape({N, C, h, w});
}

/// x [B, T, D] of length 1: for each frame its products with those from `reach` before to `reach` behind, zeros where
/// there is none: [B, T, 2 reach + 1]. Rows that are one longer than the matrix turn its diagonals into columns.
[[nodiscard]] inline Var near_products(const Var& x, Index reach) {
    const Index B = x.size(0), T = x.size(1), row = T + 2 * reach;
    const Var all = pad(matmul(x, x, {.b = true}), 2, reach, reach);
    return pad(all.reshape({B, T * row}), 1, 0, T).reshape({B, T, row + 1}).slice(2, 0, 2 * reach + 1);
}

/// How many pixels of each frame [B, T, H, W, 3] have each of 8 x 8 x 8 colours: [B, T, 512].
[[nodiscard]] inline Tensor<float> color_histograms(const Tensor<std::uint8_t>& frames) {
    Tensor<float> counts(Shape{frames.size(0), frames.size(1), 512});
    const Index pixels = frames.size(2) * frames.size(3);
    const std::uint8_t* p = frames.data();
    for (Index f = 0; f < frames.size(0) * frames.size(1); ++f)
        for (Index i = 0; i < pixels; ++i, p += 3) counts[f * 512 + (p[0] >> 5) * 64 + (p[1] >> 5) * 8 + (p[2] >> 5)] += 1;
    return counts;
}

}  // namespace detail

/// One dilation of a cell: [2 F, C, 1, 3, 3] over space, [F, 2 F, 3, 1, 1] over time.
struct TransNetUnit {
    Parameter space, time;
    Index dilation;

    TransNetUnit(Index in, Index filters, Index step)
        : space(Shape{2 * filters, in, 1, 3, 3}, Init::xavier_uniform()), time(Shape{filters, 2 * filters, 3, 1, 1}, Init::xavier_uniform()),
          dilation(step) {}
    void visit(auto&& f) { f("space", space); f("time", time); }
};

/// Four dilations side by side, normalised: [B, T, C, h, w] -> [B, T, 4 F, h, w].
struct TransNetCell {
    std::vector<TransNetUnit> units;
    BatchNorm norm;

    TransNetCell(Index in, Index filters) : norm(4 * filters, 1e-3) {
        for (const Index step : {1, 2, 4, 8}) units.emplace_back(in, filters, step);
    }

    Var operator()(const Var& x) const {
        if (!detail::modes().tape) return Var(values(x.to<float>()));
        const Index B = x.size(0), T = x.size(1), h = x.size(3), w = x.size(4);
        std::vector<Var> kernels, parts;
        for (const TransNetUnit& unit : units) kernels.push_back(unit.space);
        const Var space = conv3d(x.reshape({B * T, x.size(2), 1, h, w}), concat(0, kernels), {}, {.padding = {0, 1, 1}});
        const Index each = space.size(1) / static_cast<Index>(units.size());
        const Var frames = space.reshape({B, T, space.size(1), h * w});
        for (std::size_t i = 0; i < units.size(); ++i) {
            const auto from = static_cast<Index>(i) * each;
            parts.push_back(detail::conv_over_time(frames.slice(2, from, from + each), units[i].time, units[i].dilation));
        }
        const Var y = concat(2, parts);
        return relu(norm(y.reshape({B * T, y.size(2), h * w}))).reshape({B, T, y.size(2), h, w});
    }

    /// The same without a tape.
    Tensor<float> values(const Tensor<float>& x) const {
        const Index B = x.size(0), T = x.size(1), C = x.size(2), h = x.size(3), w = x.size(4);
        std::vector<Var> kernels;
        std::vector<detail::TimeFilter> filters;
        for (const TransNetUnit& unit : units) {
            kernels.push_back(unit.space);
            filters.emplace_back(unit.time.var().to<float>(), unit.dilation);
        }
        const auto of = [](const Parameter& p) { return p.var().to<float>(); };
        const detail::ScaleShift then{of(norm.weight), of(norm.bias), of(norm.running_mean), of(norm.running_var), norm.eps};
        const Tensor<float> kernel = concat(0, kernels).to<float>();
        const Tensor<float> y = detail::cell_values(x.reshape({B * T, C, h, w}), T, kernel.reshape({kernel.size(0), C, 3, 3}), filters, then);
        return y.reshape({B, T, y.size(1), h, w});
    }

    void visit(auto&& f) { f("units", units); f("norm", norm); }
};

/// Two cells; their sum at half the size.
struct TransNetStack {
    TransNetCell first, second;

    TransNetStack(Index in, Index filters) : first(in, filters), second(4 * filters, filters) {}

    Var operator()(const Var& x) const {
        const Var y = first(x);
        if (!detail::modes().tape) {
            const auto frames = [&](const Var& v) { return v.to<float>().reshape({y.size(0) * y.size(1), y.size(2), y.size(3), y.size(4)}); };
            const Tensor<float> half = detail::halved_sum(frames(second(y)), frames(y));
            return Var(half.reshape({y.size(0), y.size(1), y.size(2), half.size(2), half.size(3)}));
        }
        const Var sum = second(y) + y;
        const Var small = detail::halved(sum.reshape({y.size(0) * y.size(1), y.size(2), y.size(3), y.size(4)}));
        return small.reshape({y.size(0), y.size(1), y.size(2), small.size(2), small.size(3)});
    }

    void visit(auto&& f) { f("first", first); f("second", second); }
};

/// Logits of every frame: that it is the one of a transition, that it is in one.
struct TransNetLogits {
    Var single, many;                               // [B, T]
};

/// What came out on the way, for tests and figures.
struct TransNetTrace {
    std::vector<Var> stacks;                        // [B, T, C, h, w]
    Var similarity, histogram, hidden;              // [B, T, features]; hidden before its activation
};

struct TransNetV2 {
    TransNetConfig config;
    std::vector<TransNetStack> stacks;
    Linear projection, similarity, histogram;
    Linear hidden, single, many;

    explicit TransNetV2(const TransNetConfig& c = {})
        : config(c), projection(c.mean_width(), c.features), similarity(2 * c.reach + 1, c.features),
          histogram(2 * c.reach + 1, c.features), hidden(flat_width(c) + 2 * c.features, c.hidden), single(c.hidden, 1),
          many(c.hidden, 1) {
        for (Index i = 0; i < c.stacks; ++i) stacks.emplace_back(i == 0 ? 3 : c.channels(i - 1), c.filters << i);
    }

    /// Frames [B, T, height, width, 3] of bytes (RGB).
    TransNetLogits operator()(const Tensor<std::uint8_t>& frames, TransNetTrace* trace = nullptr) const {
        if (frames.rank() != 5 || frames.size(2) != config.height || frames.size(3) != config.width || frames.size(4) != 3)
            fail<ShapeError>("transnet: frames should be [B, T, ", config.height, ", ", config.width, ", 3]; got ", frames.shape());
        const Index B = frames.size(0), T = frames.size(1);
        Var x = pixels(frames);
        std::vector<Var> means, outs;
        for (const TransNetStack& stack : stacks) {
            x = stack(x);
            outs.push_back(x);
            means.push_back(mean(x.reshape({B, T, x.size(2), x.size(3) * x.size(4)}), 3));
        }
        const Var seen = l2_normalize(projection(concat(2, means)));
        const Var alike = similarity(detail::near_products(seen, config.reach), Activation::relu);
        const Var colors = l2_normalize(Var(detail::color_histograms(frames)));
        const Var tones = histogram(detail::near_products(colors, config.reach), Activation::relu);
        const Var flat = x.permute({0, 1, 3, 4, 2}).reshape({B, T, x.numel() / (B * T)});
        const Var h = hidden(concat(2, {tones, alike, flat}));
        if (trace) *trace = {outs, alike, tones, h};
        const Var y = dropout(relu(h), config.dropout);
        return {single(y).reshape({B, T}), many(y).reshape({B, T})};
    }

    void visit(auto&& f) {
        f("stacks", stacks);
        f("projection", projection);
        f("similarity", similarity);
        f("histogram", histogram);
        f("hidden", hidden);
        f("single", single);
        f("many", many);
    }

private:
    static Index flat_width(const TransNetConfig& c) {
        return c.channels(c.stacks - 1) * (c.height >> c.stacks) * (c.width >> c.stacks);
    }
    /// Bytes to [B, T, 3, h, w] in 0 .. 1.
    static Var pixels(const Tensor<std::uint8_t>& frames) {
        const Index B = frames.size(0), T = frames.size(1), h = frames.size(2), w = frames.size(3);
        Tensor<float> x = Tensor<float>::uninitialized({B, T, 3, h, w});
        for (Index f = 0; f < B * T; ++f)
            for (Index i = 0; i < h * w; ++i)
                for (Index c = 0; c < 3; ++c)
                    x[(f * 3 + c) * h * w + i] = static_cast<float>(frames[(f * h * w + i) * 3 + c]) / 255.0f;
        return x;
    }
};

}  // namespace svad
