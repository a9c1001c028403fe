// SPDX-License-Identifier: Apache-2.0
// act(x w1' + b1) w2' + b2 as one op, in chunks of rows: the widest value of a transformer, the activation's, lives for one
// chunk only, in cache, on the way there and on the way back; what stands before it is all that is kept.
// Rejected: two linear() (both wide values kept, four passes over memory more), one chunk (as much memory on the way back).
#pragma once

#include "svad/ops/linear.hpp"

namespace svad {

namespace detail {

/// Rows of a chunk: two megabytes of floats, so that three of them stay in cache, but enough for the products.
inline Index feed_forward_rows(Index rows, Index hidden) {
    return std::min(rows, std::clamp<Index>((Index{1} << 19) / std::max<Index>(1, hidden), 256, 4096));
}

}  // namespace detail

namespace ops {

/// [dx, dw1, dw2, db1, db2] one behind the other in one flat value. With u = x w1' + b1, a = act(u):
/// g = (dy w2) act'(u),  dw2 = dy' a,  dw1 = g' x,  dx = g w1,  db1 and db2 the sums over rows of g and dy.
struct FeedForwardGradOp {
    static constexpr std::string_view name = "feed_forward_grad";
    Activation activation = Activation::gelu;
    cpu::Operands operands = cpu::Operands::exact;
    bool want_x = true, want_w1 = true, want_w2 = true;

    Result shape(const Shape&, const Shape&, const Shape& x, const Shape& w1, const Shape& w2) const {
        return {.y = {x.numel() + w1.numel() + w2.numel() + w1[0] + w2[0]}};
    }
    template <Real T>
    void cpu(View<const T> dy, View<const T> before, View<const T> x, View<const T> w1, View<const T> w2, View<T> flat) const {
        using svad::cpu::Trans;
        const Index rows = x.rows(), in = w1.size(1), F = w1.size(0), out = w2.size(0), most = svad::detail::feed_forward_rows(rows, F);
        T *dx = flat.data, *dw1 = dx + x.numel(), *dw2 = dw1 + F * in, *db1 = dw2 + out * F, *db2 = db1 + F;
        std::fill(dw1, db2 + out, T(0));
        const Storage memory(static_cast<std::size_t>(3 * most * F + std::max(F, out)) * sizeof(T));
        T *slope = reinterpret_cast<T*>(memory.data()), *g = slope + most * F, *a = g + most * F, *sum = a + most * F;
        const auto add_rows = [&](const T* from, Index n, Index width, T* to) {
            svad::cpu::sum_rows(from, sum, n, width);
            for (Index j = 0; j < width; ++j) to[j] += sum[j];
        };
        for (Index at = 0; at < rows; at += most) {
            const Index n = std::min(most, rows - at);
            const auto turn = [&](Index row, Index count, Index column, Index columns) {
                for (Index r = row; r < row + count; ++r)
                    svad::detail::activate_both(activation, slope + r * F + column, before.row(at + r) + column, g + r * F + column,
                                                a + r * F + column, columns);
            };
            svad::cpu::gemm<T>(Trans::no, Trans::no, n, F, out, T(1), dy.row(at), out, w2.data, F, T(0), slope, F, operands, turn);
            if (want_w2) svad::cpu::gemm<T>(Trans::yes, Trans::no, out, F, n, T(1), dy.row(at), out, a, F, T(1), dw2, F, operands);
            if (want_w1) svad::cpu::gemm<T>(Trans::yes, Trans::no, F, in, n, T(1), g, F, x.row(at), in, T(1), dw1, in, operands);
            if (want_x) svad::cpu::gemm<T>(Trans::no, Trans::no, n, in, F, T(1), g, F, w1.data, in, T(0), dx + at * in, in, operands);
            add_rows(g, n, F, db1), add_rows(dy.row(at), n, out, db2);
        }
    }
    static auto samples() {
        return std::vector<Sample<FeedForwardGradOp>>{{{}, {{2, 3, 4}, {6, 5}, {2, 3, 3}, {5, 3}, {4, 5}}}};
    }
};

/// x [..., in], w1 [hidden, in], w2 [out, hidden], b1 [hidden], b2 [out].
struct FeedForwardOp {
    static constexpr std::string_view name = "feed_forward";
    Activation activation = Activation::gelu;
    cpu::Operands operands = cpu::Operands::exact;

    Result shape(const Shape& x, const Shape& w1, const Shape& w2, const Shape& b1, const Shape& b2) const {
        require(w1.rank() == 2 && w2.rank() == 2 && w2[1] == w1[0], name, "the weights must be [hidden, in] and [out, hidden]");
        require(x.rank() >= 1 && x.back() == w1[1], name, "x's last size must be the first weight's last");
        require(b1 == Shape{w1[0]} && b2 == Shape{w2[0]}, name, "the biases must have their weights' first sizes");
        return {.y = x.with(-1, w2[0]), .saved = {{x.rows(), w1[0]}}};
    }
    template <Real T>
    void cpu(View<const T> x, View<const T> w1, View<const T> w2, View<const T> b1, View<const T> b2, View<T> y, View<T> before) const {
        using svad::cpu::Trans;
        const Index rows = x.rows(), in = w1.size(1), F = w1.size(0), out = w2.size(0), most = svad::detail::feed_forward_rows(rows, F);
        const Storage memory(static_cast<std::size_t>(most * F) * sizeof(T));
        T* const a = reinterpret_cast<T*>(memory.data());
        for (Index at = 0; at < rows; at += most) {
            const Index n = std::min(most, rows - at);
            const auto activate = [&](Index row, Index count, Index column, Index columns) {
                for (Index r = row; r < row + count; ++r) {
                    T* const u = before.row(at + r) + column;
                    for (Index j = 0; j < columns; ++j) u[j] += b1[column + j];
                    svad::detail::activate_values(activation, u, a + r * F + column, columns);
                }
            };
            const auto shift = [&](Index row, Index count, Index column, Index columns) {
                for (Index r = row; r < row + count; ++r)
                    for (Index j = column; j < column + columns; ++j) y.row(at + r)[j] += b2[j];
            };
            svad::cpu::gemm<T>(Trans::no, Trans::yes, n, F, in, T(1), x.row(at), in, w1.data, in, T(0), before.row(at), F, operands, activate);
            svad::cpu::gemm<T>(Trans::no, Trans::yes, n, out, F, T(1), a, F, w2.data, F, T(0), y.row(at), out, operands, shift);
        }
    }
    // The weights' gradients get memory of their own, so that dx does not live as long as they.
    Grads grad(const Var& dy, Dropped, const Var& before, const Var& x, const Var& w1, const Var& w2, Dropped b1, Dropped b2) const {
        const FeedForwardGradOp op{activation, operands, x.wants_grad(), w1.wants_grad(), w2.wants_grad()};
        const Var flat = svad::apply(op, dy, before, x, w1, w2);
        Grads grads(5);
        Index at = x.numel();
        const auto next = [&](bool wanted, const Shape& s) {
            const Index first = std::exchange(at, at + s.numel());
            return wanted ? flat.slice(0, first, at).contiguous_copy().reshape(s) : Var();
        };
        if (op.want_x) grads[0] = flat.slice(0, 0, x.numel()).reshape(x.shape());
        grads[1] = next(op.want_w1, w1.shape()), grads[2] = next(op.want_w2, w2.shape());
        grads[3] = next(b1.wanted, b1.shape), grads[4] = next(b2.wanted, b2.shape);
        return grads;
    }
    static auto samples() {
        return std::vector<Sample<FeedForwardOp>>{{{}, {{3, 7, 5}, {9, 5}, {4, 9}, {9}, {4}}}, {{Activation::silu}, {{1, 1}, {1, 1}, {1, 1}, {1}, {1}}},
                                                  {{}, {{0, 3}, {2, 3}, {3, 2}, {2}, {3}}}, {{}, {{300, 3}, {2050, 3}, {2, 2050}, {2050}, {2}}}};
    }
};

}  // namespace ops

/// act(x w1' + b1) w2' + b2: x [..., in], w1 [hidden, in], w2 [out, hidden]; biases may be empty. Equal to two linear().
[[nodiscard]] inline Var feed_forward(const Var& x, const Var& w1, const Var& b1, const Var& w2, const Var& b2, Activation activation) {
    if (detail::packed_weight(x, w1) || detail::packed_weight(x, w2) || x.device() != Device::cpu())
        return linear(linear(x, w1, b1, activation), w2, b2);
    const Var zero1 = b1 ? b1 : Var::zeros({w1.size(0)}, x.dtype()), zero2 = b2 ? b2 : Var::zeros({w2.size(0)}, x.dtype());
    return apply(ops::FeedForwardOp{activation, detail::matmul_operands()}, x, w1, w2, zero1, zero2);
}

}  // namespace svad
