// SPDX-License-Identifier: Apache-2.0
// Convolutions with zero padding: conv3d and conv2d unfold the input and multiply: col [C/g k, P], y = w col. The
// depth-wise convolution of tokens has kernels of its own (depthwise.hpp); patches are a product (PatchEmbed).
#pragma once

#include "svad/ops/elementwise.hpp"
#include "svad/ops/matmul.hpp"

#include <array>

namespace svad {

/// Steps and zeros per axis (time, height, width), and into how many groups channels are split.
struct Conv3d {
    std::array<Index, 3> stride{1, 1, 1}, padding{0, 0, 0};
    Index groups = 1;
};

namespace detail {

/// Where a convolution reads: x [B, C, T, H, W], w [O, C/g, kt, kh, kw], y [B, O, t, h, w].
struct Window {
    Conv3d options;
    std::array<Index, 3> in{}, kernel{}, out{};
    Index batch = 0, channels = 0, filters = 0;

    Window(const Conv3d& o, const Shape& x, const Shape& w) : options(o), batch(x[0]), channels(x[1]), filters(w[0]) {
        for (std::size_t i = 0; i < 3; ++i) {
            in[i] = x[static_cast<int>(i) + 2];
            kernel[i] = w[static_cast<int>(i) + 2];
            const Index room = in[i] + 2 * o.padding[i] - kernel[i];
            out[i] = room < 0 ? 0 : room / o.stride[i] + 1;
        }
    }
    Index group_channels() const { return channels / options.groups; }
    Index group_filters() const { return filters / options.groups; }
    Index taps() const { return group_channels() * kernel[0] * kernel[1] * kernel[2]; }
    Index places() const { return out[0] * out[1] * out[2]; }
    Index volume() const { return in[0] * in[1] * in[2]; }
    static cuda::Convolution on_device(const Conv3d& o) {
        cuda::Convolution c;
        std::copy(o.stride.begin(), o.stride.end(), c.stride), std::copy(o.padding.begin(), o.padding.end(), c.padding);
        c.groups = o.groups;
        return c;
    }

    /// Calls f(tap row, place, input offset) row by row for one group of one clip; the offset is -1 in the padding.
    template <class F>
    void each(F&& f) const {
        Index row = 0;
        for (Index c = 0; c < group_channels(); ++c)
            for (Index i = 0; i < kernel[0]; ++i)
                for (Index j = 0; j < kernel[1]; ++j)
                    for (Index k = 0; k < kernel[2]; ++k, ++row) walk(row, c, i, j, k, f);
    }

    /// Calls f(offset of the input line, its shift, its step) for every line of places in order; the offset is -1 in the
    /// padding.
    template <class F>
    void each_line(F&& f) const {
        for (Index row = 0; row < taps(); ++row) {
            const Index k = row % kernel[2], j = row / kernel[2] % kernel[1], i = row / kernel[2] / kernel[1] % kernel[0];
            const Index c = row / kernel[2] / kernel[1] / kernel[0];
            for (Index t = 0; t < out[0]; ++t)
                for (Index y = 0; y < out[1]; ++y) {
                    const Index a = t * options.stride[0] - options.padding[0] + i, b = y * options.stride[1] - options.padding[1] + j;
                    const bool outside = a < 0 || a >= in[0] || b < 0 || b >= in[1];
                    f(outside ? Index{-1} : ((c * in[0] + a) * in[1] + b) * in[2], options.padding[2] - k, options.stride[2]);
                }
        }
    }

private:
    template <class F>
    void walk(Index row, Index c, Index i, Index j, Index k, F&& f) const {
        const auto& [st, sh, sw] = options.stride;
        const auto& [pt, ph, pw] = options.padding;
        Index place = 0;
        for (Index t = 0; t < out[0]; ++t)
            for (Index y = 0; y < out[1]; ++y) {
                const Index a = t * st - pt + i, b = y * sh - ph + j;
                const bool outside = a < 0 || a >= in[0] || b < 0 || b >= in[1];
                const Index line = ((c * in[0] + a) * in[1] + b) * in[2];
                for (Index x = 0; x < out[2]; ++x, ++place) {
                    const Index d = x * sw - pw + k;
                    f(row, place, outside || d < 0 || d >= in[2] ? Index{-1} : line + d);
                }
            }
    }
};

/// One line of places, `step` apart, of an input line that starts `shift` before it; zeros outside.
template <class T>
void unfold_line(const T* in, Index size, Index shift, Index step, T* out, Index places) {
    if (step != 1) {
        for (Index i = 0; i < places; ++i) {
            const Index at = i * step - shift;
            out[i] = at < 0 || at >= size ? T(0) : in[at];
        }
        return;
    }
    const Index first = std::clamp<Index>(shift, 0, places), last = std::clamp<Index>(size + shift, first, places);
    std::fill(out, out + first, T(0));
    if (first < last) std::copy(in + (first - shift), in + (last - shift), out + first);
    std::fill(out + last, out + places, T(0));
}
template <class T>
void unfold(const Window& w, const T* x, T* col) {
    w.each_line([&](Index at, Index shift, Index step) {
        const Index places = w.out[2];
        if (at < 0) std::fill(col, col + places, T(0));
        else unfold_line(x + at, w.in[2], shift, step, col, places);
        col += places;
    });
}
template <class T>
void fold(const Window& w, const T* col, T* x) {
    const Index P = w.places();
    w.each([&](Index row, Index place, Index at) {
        if (at >= 0) x[at] += col[row * P + place];
    });
}

}  // namespace detail

namespace ops {

/// dy into the shape of x.
struct Conv3dGradInputOp {
    static constexpr std::string_view name = "conv3d_grad_input";
    Conv3d options;
    Shape x;

    Result shape(const Shape&, const Shape&) const { return {.y = x}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> w, View<T> dx) const {
        const svad::detail::Window at(options, x, w.shape);
        const Index K = at.taps(), P = at.places(), O = at.group_filters(), G = options.groups;
        std::fill(dx.data, dx.data + dx.numel(), T(0));
        parallel_for(at.batch * G, 1, [&](Index first, Index last) {
            std::vector<T> col(static_cast<std::size_t>(K * P));
            for (Index i = first; i < last; ++i) {
                svad::cpu::gemm<T>(svad::cpu::Trans::yes, svad::cpu::Trans::no, K, P, O, T(1), w.data + i % G * O * K, K,
                                   dy.data + i * O * P, P, T(0), col.data(), P);
                svad::detail::fold(at, col.data(), dx.data + i * at.group_channels() * at.volume());
            }
        });
    }
    void cuda(Ref dy, Ref w, Ref dx, Stream s) const { svad::cuda::conv3d_grad_input(dy, w, dx, svad::detail::Window::on_device(options), s); }
    static auto samples() { return std::vector<Sample<Conv3dGradInputOp>>{{{{}, {1, 2, 2, 3, 3}}, {{1, 2, 1, 2, 2}, {2, 2, 2, 2, 2}}}}; }
};

/// dy and x into the shape of w; clips are added in a fixed number of partial sums.
struct Conv3dGradWeightOp {
    static constexpr std::string_view name = "conv3d_grad_weight";
    Conv3d options;
    Shape w;

    Result shape(const Shape&, const Shape&) const { return {.y = w}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> x, View<T> dw) const {
        const svad::detail::Window at(options, x.shape, w);
        const Index K = at.taps(), P = at.places(), O = at.group_filters(), G = options.groups, size = w.numel();
        const Index chunks = std::min<Index>(at.batch, 8), step = chunks == 0 ? 1 : (at.batch + chunks - 1) / chunks;
        std::vector<T> partial(static_cast<std::size_t>(chunks * size), T(0));
        parallel_for(chunks * G, 1, [&](Index first, Index last) {
            std::vector<T> col(static_cast<std::size_t>(K * P));
            for (Index t = first; t < last; ++t) {
                const Index chunk = t / G, g = t % G;
                for (Index b = chunk * step; b < std::min(at.batch, (chunk + 1) * step); ++b) {
                    svad::detail::unfold(at, x.data + (b * G + g) * at.group_channels() * at.volume(), col.data());
                    svad::cpu::gemm<T>(svad::cpu::Trans::no, svad::cpu::Trans::yes, O, K, P, T(1), dy.data + (b * G + g) * O * P, P,
                                       col.data(), P, T(1), partial.data() + chunk * size + g * O * K, K);
                }
            }
        });
        std::fill(dw.data, dw.data + size, T(0));
        for (Index c = 0; c < chunks; ++c)
            for (Index i = 0; i < size; ++i) dw[i] += partial[static_cast<std::size_t>(c * size + i)];
    }
    void cuda(Ref dy, Ref x, Ref dw, Stream s) const { svad::cuda::conv3d_grad_weight(dy, x, dw, svad::detail::Window::on_device(options), s); }
    static auto samples() { return std::vector<Sample<Conv3dGradWeightOp>>{{{{}, {2, 2, 2, 2, 2}}, {{1, 2, 1, 2, 2}, {1, 2, 2, 3, 3}}}}; }
};

/// y[b, o, p] = sum over channels and taps of w[o, c, tap] x[b, c, p stride - padding + tap].
struct Conv3dOp {
    static constexpr std::string_view name = "conv3d";
    Conv3d options = {};

    Result shape(const Shape& x, const Shape& w) const {
        require(x.rank() == 5 && w.rank() == 5, name, "x must be [B, C, T, H, W] and w [O, C / groups, kt, kh, kw]");
        require(options.groups >= 1 && x[1] % options.groups == 0 && w[0] % options.groups == 0 && w[1] * options.groups == x[1], name,
                "channels and filters must split into the groups");
        for (std::size_t i = 0; i < 3; ++i) require(options.stride[i] >= 1 && options.padding[i] >= 0, name, "strides must be positive");
        const svad::detail::Window at(options, x, w);
        return {.y = {x[0], w[0], at.out[0], at.out[1], at.out[2]}};
    }
    template <Real T>
    void cpu(View<const T> x, View<const T> w, View<T> y) const {
        const svad::detail::Window at(options, x.shape, w.shape);
        const Index K = at.taps(), P = at.places(), O = at.group_filters(), G = options.groups;
        parallel_for(at.batch * G, 1, [&](Index first, Index last) {
            std::vector<T> col(static_cast<std::size_t>(K * P));
            for (Index i = first; i < last; ++i) {
                svad::detail::unfold(at, x.data + i * at.group_channels() * at.volume(), col.data());
                svad::cpu::gemm<T>(svad::cpu::Trans::no, svad::cpu::Trans::no, O, P, K, T(1), w.data + i % G * O * K, K, col.data(), P,
                                   T(0), y.data + i * O * P, P);
            }
        });
    }
    void cuda(Ref x, Ref w, Ref y, Stream s) const { svad::cuda::conv3d(x, w, y, svad::detail::Window::on_device(options), s); }
    // dx: the taps' weights spread dy back; dw: dy against the unfolded input.
    Grads grad(const Var& dy, Dropped, const Var& x, const Var& w) const {
        return {x.wants_grad() ? svad::apply(Conv3dGradInputOp{options, x.shape()}, dy, w) : Var(),
                w.wants_grad() ? svad::apply(Conv3dGradWeightOp{options, w.shape()}, dy, x) : Var()};
    }
    static auto samples() {
        const auto with = [](std::array<Index, 3> stride, std::array<Index, 3> padding, Index groups) {
            return Conv3dOp{{stride, padding, groups}};
        };
        return std::vector<Sample<Conv3dOp>>{{{}, {{2, 3, 2, 4, 3}, {4, 3, 1, 2, 2}}},
                                             {with({2, 3, 2}, {1, 0, 1}, 1), {{2, 2, 4, 7, 5}, {3, 2, 3, 3, 2}}},
                                             {with({1, 1, 1}, {1, 1, 1}, 4), {{1, 4, 2, 3, 3}, {4, 1, 3, 3, 3}}},
                                             {{}, {{0, 2, 2, 2, 2}, {1, 2, 1, 1, 1}}}, {{}, {{1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}}}};
    }
};

}  // namespace ops

/// x [B, C, T, H, W] with w [O, C / groups, kt, kh, kw] and b [O] or empty -> [B, O, t, h, w].
[[nodiscard]] inline Var conv3d(const Var& x, const Var& w, const Var& b = Var(), const Conv3d& options = {}) {
    const Var y = apply(ops::Conv3dOp{options}, x, w);
    return b ? y + b.reshape({b.numel(), 1, 1, 1}) : y;
}

/// x [B, C, H, W] with w [O, C, kh, kw] and b [O] or empty -> [B, O, h, w].
[[nodiscard]] inline Var conv2d(const Var& x, const Var& w, const Var& b = Var(), std::array<Index, 2> stride = {1, 1},
                                std::array<Index, 2> padding = {0, 0}) {
    const auto [B, C, H, W] = x.sizes<4>("B C H W");
    const auto [O, I, kh, kw] = w.sizes<4>("O C kh kw");
    const Var y = conv3d(x.reshape({B, C, 1, H, W}), w.reshape({O, I, 1, kh, kw}), b,
                         {.stride = {1, stride[0], stride[1]}, .padding = {0, padding[0], padding[1]}});
    return y.reshape({B, O, y.size(3), y.size(4)});
}

}  // namespace svad
