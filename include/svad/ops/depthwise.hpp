// SPDX-License-Identifier: Apache-2.0
// The depth-wise 3x3x3 convolution over video tokens, GMHRA's position encoding, where the tokens lie: [B * T, E + H * W, C]
// with E leading tokens a frame (a class token) that are passed on. With `residual` it adds to its input. Channels lie
// together, so a vector of channels keeps its sums in registers over the 27 taps; nothing is copied, padded or permuted.
// Rejected: unfolding and a product a channel (conv.hpp: 20 times slower), a loop over taps with sums in memory (3 times).
#pragma once

#include "svad/backend/cpu/loops.hpp"
#include "svad/backend/cpu/vectors.hpp"
#include "svad/ops/elementwise.hpp"
#include "svad/ops/layout.hpp"

namespace svad {

/// Frames of a clip and patches of a frame, as the tokens of a video are laid out.
struct TokenGrid {
    Index frames = 1, rows = 0, columns = 0;
};

namespace detail {

template <class T>
struct ClipTokens {
    TokenGrid grid;
    Index images, tokens, channels, extra;

    ClipTokens(const TokenGrid& g, const Shape& x) : grid(g), images(x[0]), tokens(x[1]), channels(x[2]), extra(x[1] - g.rows * g.columns) {}

    /// Of clips [B, T, H, W, C].
    static ClipTokens of_clips(const Shape& x) { return ClipTokens({x[1], x[2], x[3]}, {x[0] * x[1], x[2] * x[3], x[4]}); }

    Index at(Index image, Index row, Index column) const { return ((image * tokens) + extra + row * grid.columns + column) * channels; }
    bool inside(Index frame, Index row, Index column) const {
        return frame >= 0 && frame < grid.frames && row >= 0 && row < grid.rows && column >= 0 && column < grid.columns;
    }

    /// y = base + sum over the taps of taps[tap] * from[place + tap] (sign 1) or [place - tap] (sign -1) at every patch,
    /// base being `bias` (if any) plus `from` itself with `residual`.
    void spread(const T* from, const T* taps, const T* bias, bool residual, Index sign, T* to) const {
        parallel_for(images, 1, [&](Index first, Index last) {
            for (Index i = first; i < last; ++i) {
                std::copy_n(from + i * tokens * channels, extra * channels, to + i * tokens * channels);
                for (Index h = 0; h < grid.rows; ++h)
                    for (Index w = 0; w < grid.columns; ++w) place(from, taps, bias, residual, sign, to, i, h, w);
            }
        });
    }

    /// sums [28, C] += of the images first .. last - 1: dy times the input at each tap, and dy.
    void gather(const T* x, const T* dy, T* sums, Index first, Index last) const {
        constexpr Index lanes = cpu::Lanes<T>::n;
        Index c = 0;
        for (; c + lanes <= channels; c += lanes) gather_at<cpu::Whole<T>>(x + c, dy + c, sums + c, first, last);
        for (; c < channels; ++c) gather_at<cpu::One<T>>(x + c, dy + c, sums + c, first, last);
    }

    /// The first `rows` of the 28 sums over all images, in at most 16 partial sums of fixed order.
    void gather_all(const T* x, const T* dy, T* sums, Index rows) const {
        const Index chunks = std::min<Index>(images, 16), size = chunks == 0 ? 0 : (images + chunks - 1) / chunks, n = 28 * channels;
        std::vector<T> partial(static_cast<std::size_t>(chunks * n), T(0));
        parallel_for(chunks, 1, [&](Index first, Index last) {
            for (Index c = first; c < last; ++c)
                gather(x, dy, partial.data() + c * n, std::min(images, c * size), std::min(images, (c + 1) * size));
        });
        std::fill_n(sums, rows * channels, T(0));
        for (Index c = 0; c < chunks; ++c)
            for (Index i = 0; i < rows * channels; ++i) sums[i] += partial[static_cast<std::size_t>(c * n + i)];
    }

private:
    void place(const T* from, const T* taps, const T* bias, bool residual, Index sign, T* to, Index image, Index h, Index w) const {
        const T *in[27], *weight[27];
        Index n = 0;
        for (Index tap = 0; tap < 27; ++tap) {
            const Index i = sign * (tap / 9 - 1), j = sign * (tap / 3 % 3 - 1), k = sign * (tap % 3 - 1);
            if (!inside(image % grid.frames + i, h + j, w + k)) continue;
            in[n] = from + at(image + i, h + j, w + k), weight[n++] = taps + tap * channels;
        }
        const T* own = residual ? from + at(image, h, w) : nullptr;
        T* out = to + at(image, h, w);
        constexpr Index lanes = cpu::Lanes<T>::n;
        Index c = 0;
        for (; c + 4 * lanes <= channels; c += 4 * lanes) columns<cpu::Whole<T>, 4>(in, weight, n, bias, own, out, c);
        for (; c + lanes <= channels; c += lanes) columns<cpu::Whole<T>, 1>(in, weight, n, bias, own, out, c);
        for (; c < channels; ++c) columns<cpu::One<T>, 1>(in, weight, n, bias, own, out, c);
    }

    template <class K, int vectors>
    static void columns(const T* const* in, const T* const* weight, Index n, const T* bias, const T* own, T* out, Index c) {
        using V = typename K::V;
        constexpr Index step = K::n;
        V sum[vectors];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) sum[v] = (bias ? K::get(bias + c + v * step) : V{}) + (own ? K::get(own + c + v * step) : V{});
        for (Index t = 0; t < n; ++t)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) sum[v] += K::get(in[t] + c + v * step) * K::get(weight[t] + c + v * step);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) K::put(out + c + v * step, sum[v]);
    }

    template <class K>
    void gather_at(const T* x, const T* dy, T* sums, Index first, Index last) const {
        using V = typename K::V;
        V all = K::get(sums + 27 * channels);
        for (Index i = first; i < last; ++i)
            for (Index h = 0; h < grid.rows; ++h)
                for (Index w = 0; w < grid.columns; ++w) all += K::get(dy + at(i, h, w));
        K::put(sums + 27 * channels, all);
        for (Index pair = 0; pair < 9; ++pair) {
            const Index i = pair / 3 - 1, j = pair % 3 - 1;
            T* to = sums + 3 * pair * channels;
            V left = K::get(to), middle = K::get(to + channels), right = K::get(to + 2 * channels);
            for (Index image = first; image < last; ++image)
                for (Index h = std::max<Index>(0, -j); h < std::min(grid.rows, grid.rows - j); ++h) {
                    if (!inside(image % grid.frames + i, h + j, 0)) continue;
                    const T *g = dy + at(image, h, 0), *in = x + at(image + i, h + j, 0);
                    V before = V{}, here = K::get(in);
                    for (Index w = 0; w < grid.columns; ++w, g += channels, in += channels) {
                        const V slope = K::get(g), after = w + 1 < grid.columns ? K::get(in + channels) : V{};
                        left += slope * before, middle += slope * here, right += slope * after;
                        before = here, here = after;
                    }
                }
            K::put(to, left), K::put(to + channels, middle), K::put(to + 2 * channels, right);
        }
    }
};

}  // namespace detail

namespace ops {

struct ClipDepthwiseGradInputOp {
    static constexpr std::string_view name = "clip_depthwise_grad_input";
    TokenGrid grid;
    bool residual = false;

    Result shape(const Shape& dy, const Shape&) const { return {.y = dy}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> taps, View<T> dx) const {
        svad::detail::ClipTokens<T>(grid, dy.shape).spread(dy.data, taps.data, nullptr, residual, -1, dx.data);
    }
    static auto samples() { return std::vector<Sample<ClipDepthwiseGradInputOp>>{{{{2, 2, 3}}, {{2, 6, 4}, {27, 4}}}}; }
};

/// [28, C]: the gradient of the taps and, last, of the bias.
struct ClipDepthwiseGradWeightOp {
    static constexpr std::string_view name = "clip_depthwise_grad_weight";
    TokenGrid grid;

    Result shape(const Shape& dy, const Shape&) const { return {.y = {28, dy.back()}}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> x, View<T> sums) const {
        svad::detail::ClipTokens<T>(grid, dy.shape).gather_all(x.data, dy.data, sums.data, 28);
    }
    static auto samples() { return std::vector<Sample<ClipDepthwiseGradWeightOp>>{{{{2, 2, 3}}, {{2, 6, 4}, {2, 6, 4}}}}; }
};

/// Tokens [B * T, E + H * W, C], taps [27, C], bias [C].
struct ClipDepthwiseOp {
    static constexpr std::string_view name = "clip_depthwise";
    TokenGrid grid;
    bool residual = false;

    Result shape(const Shape& x, const Shape& taps, const Shape& bias) const {
        require(x.rank() == 3 && grid.frames > 0 && x[0] % grid.frames == 0 && x[1] >= grid.rows * grid.columns, name,
                "tokens must be [B * frames, E + rows * columns, C]");
        require(taps == Shape{27, x.back()} && bias == Shape{x.back()}, name, "the kernel must be [C, 1, 3, 3, 3] and the bias [C]");
        return {.y = x};
    }
    template <Real T>
    void cpu(View<const T> x, View<const T> taps, View<const T> bias, View<T> y) const {
        svad::detail::ClipTokens<T>(grid, x.shape).spread(x.data, taps.data, bias.data, residual, 1, y.data);
    }
    Grads grad(const Var& dy, Dropped, const Var& x, const Var& taps, Dropped bias) const {
        Grads grads(3);
        if (x.wants_grad()) grads[0] = svad::apply(ClipDepthwiseGradInputOp{grid, residual}, dy, taps);
        if (!taps.wants_grad() && !bias.wanted) return grads;
        const Var sums = svad::apply(ClipDepthwiseGradWeightOp{grid}, dy, x);
        grads[1] = sums.slice(0, 0, 27), grads[2] = sums.slice(0, 27);
        return grads;
    }
    static auto samples() {
        return std::vector<Sample<ClipDepthwiseOp>>{{{{3, 2, 3}}, {{6, 6, 5}, {27, 5}, {5}}}, {{{2, 2, 3}, true}, {{4, 7, 19}, {27, 19}, {19}}},
                                                {{{1, 1, 1}}, {{1, 1, 1}, {27, 1}, {1}}}, {{{2, 3, 2}, true}, {{2, 8, 80}, {27, 80}, {80}}},
                                                {{{2, 2, 2}}, {{0, 4, 3}, {27, 3}, {3}}}};
    }
};

struct DepthwiseGradInputOp {
    static constexpr std::string_view name = "depthwise_grad_input";
    Result shape(const Shape& dy, const Shape&) const { return {.y = dy}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> taps, View<T> dx) const {
        svad::detail::ClipTokens<T>::of_clips(dy.shape).spread(dy.data, taps.data, nullptr, false, -1, dx.data);
    }
    void cuda(Ref dy, Ref taps, Ref dx, Stream s) const { svad::cuda::depthwise(dy, taps, dx, -1, s); }
    static auto samples() { return std::vector<Sample<DepthwiseGradInputOp>>{{{}, {{1, 2, 2, 3, 4}, {27, 4}}}}; }
};

struct DepthwiseGradWeightOp {
    static constexpr std::string_view name = "depthwise_grad_weight";
    Result shape(const Shape& dy, const Shape&) const { return {.y = {27, dy.back()}}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> x, View<T> dtaps) const {
        svad::detail::ClipTokens<T>::of_clips(dy.shape).gather_all(x.data, dy.data, dtaps.data, 27);
    }
    void cuda(Ref dy, Ref x, Ref dtaps, Stream s) const { svad::cuda::depthwise_grad_weight(dy, x, dtaps, s); }
    static auto samples() { return std::vector<Sample<DepthwiseGradWeightOp>>{{{}, {{1, 2, 2, 3, 4}, {1, 2, 2, 3, 4}}}}; }
};

/// Depth-wise 3x3x3 over tokens [B, T, H, W, C] with taps [27, C].
struct DepthwiseOp {
    static constexpr std::string_view name = "depthwise";
    Result shape(const Shape& x, const Shape& taps) const {
        require(x.rank() == 5, name, "tokens must be [B, T, H, W, C]");
        require(taps == Shape{27, x.back()}, name, "the kernel must be [C, 1, 3, 3, 3]");
        return {.y = x};
    }
    template <Real T>
    void cpu(View<const T> x, View<const T> taps, View<T> y) const {
        svad::detail::ClipTokens<T>::of_clips(x.shape).spread(x.data, taps.data, nullptr, false, 1, y.data);
    }
    void cuda(Ref x, Ref taps, Ref y, Stream s) const { svad::cuda::depthwise(x, taps, y, 1, s); }
    Grads grad(const Var& dy, Dropped, const Var& x, const Var& taps) const {
        return {x.wants_grad() ? svad::apply(DepthwiseGradInputOp{}, dy, taps) : Var(),
                taps.wants_grad() ? svad::apply(DepthwiseGradWeightOp{}, dy, x) : Var()};
    }
    static auto samples() {
        return std::vector<Sample<DepthwiseOp>>{{{}, {{2, 3, 2, 3, 5}, {27, 5}}}, {{}, {{1, 1, 1, 1, 1}, {27, 1}}}, {{}, {{0, 2, 2, 2, 3}, {27, 3}}}};
    }
};

}  // namespace ops

/// Tokens [B, T, H, W, C] with a depth-wise kernel w [C, 1, 3, 3, 3], zero padding 1, and b [C] or empty.
[[nodiscard]] inline Var depthwise_tokens(const Var& x, const Var& w, const Var& b = Var()) {
    require(w.numel() == 27 * w.size(0), "depthwise", "the kernel must be [C, 1, 3, 3, 3]");
    const Var y = apply(ops::DepthwiseOp{}, x, w.reshape({w.size(0), 27}).permute({1, 0}));
    return b ? y + b : y;
}

/// Tokens [B * T, E + H * W, C] of clips with a depth-wise kernel w [C, 1, 3, 3, 3] (zero padding 1) and b [C] or empty over
/// their patches; the E leading tokens of a frame pass. With `residual` patches become themselves plus the convolution.
[[nodiscard]] inline Var depthwise_clips(const Var& x, const Var& w, const Var& b, const TokenGrid& grid, bool residual = false) {
    require(w.rank() > 0 && w.numel() == 27 * w.size(0), "depthwise", "the kernel must be [C, 1, 3, 3, 3]");
    if (x.device() != Device::cpu()) {                              // its kernel takes patches alone
        const Index lead = x.size(1) - grid.rows * grid.columns;
        const Var patches = x.slice(1, lead, x.size(1)).reshape({x.size(0) / grid.frames, grid.frames, grid.rows, grid.columns, x.size(2)});
        const Var y = depthwise_tokens(patches, w, b), sum = (residual ? patches + y : y).reshape({x.size(0), grid.rows * grid.columns, x.size(2)});
        return lead > 0 ? concat(1, {x.slice(1, 0, lead), sum}) : sum;
    }
    const Var bias = b ? b : Var::zeros({w.size(0)}, x.dtype());
    return apply(ops::ClipDepthwiseOp{grid, residual}, x, w.reshape({w.size(0), 27}).permute({1, 0}), bias);
}

}  // namespace svad
