// SPDX-License-Identifier: Apache-2.0
// The loops that kernels are made of: maps over elements and broadcast operands, loops over rows, and reductions with
// many independent accumulators (without -ffast-math a plain sum is one chain of dependent additions).
// Promise: results do not depend on the number of threads. Work is split by output, at multiples of the vector width,
// and partial sums have a fixed number and order.
#pragma once

#include "svad/backend/cpu/vectors.hpp"
#include "svad/core/parallel.hpp"
#include "svad/core/view.hpp"

#include <array>
#include <limits>
#include <span>
#include <vector>

namespace svad {

namespace detail {

/// A walk over a contiguous result with n operands: axes that can be merged are merged, the last is the inner loop.
template <std::size_t n>
struct Walk {
    Shape outer;                                        // without the inner axis
    Index inner = 1;
    std::array<Strides, n> steps{};
    std::array<Index, n> inner_step{};
};

template <std::size_t n>
Walk<n> plan_walk(const Shape& y, const std::array<Shape, n>& shapes, const std::array<Strides, n>& strides) {
    Walk<n> walk;
    for (int axis = 0; axis < y.rank(); ++axis) {
        if (y[axis] == 1) continue;
        std::array<Index, n> step{};
        for (std::size_t k = 0; k < n; ++k) {
            const int own = axis - y.rank() + shapes[k].rank();
            step[k] = own < 0 || shapes[k][own] == 1 ? 0 : strides[k][static_cast<std::size_t>(own)];
        }
        const auto last = static_cast<std::size_t>(walk.outer.rank()) - 1;
        bool merges = walk.outer.rank() > 0;
        for (std::size_t k = 0; k < n && merges; ++k) merges = walk.steps[k][last] == step[k] * y[axis];
        if (merges) walk.outer = walk.outer.with(-1, walk.outer.back() * y[axis]);
        else walk.outer.push_back(y[axis]);
        const auto at = static_cast<std::size_t>(walk.outer.rank()) - 1;
        for (std::size_t k = 0; k < n; ++k) walk.steps[k][at] = step[k];
    }
    if (walk.outer.rank() == 0) return walk;
    walk.inner = walk.outer.back();
    walk.outer = walk.outer.without_last();
    for (std::size_t k = 0; k < n; ++k) walk.inner_step[k] = walk.steps[k][static_cast<std::size_t>(walk.outer.rank())];
    return walk;
}

// One inner loop; the steps that occur in practice are constants of their own, so that they vectorise.
template <class T, class F, class A, class B>
void inner_loop(Index n, T* y, const F& f, const std::array<Index, 2>& step, const A* a, const B* b) {
    if (step[0] == 1 && step[1] == 1)
        for (Index i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
    else if (step[0] == 1 && step[1] == 0)
        for (Index i = 0, one = 0; i < n; ++i) y[i] = f(a[i], b[one]);
    else if (step[0] == 0 && step[1] == 1)
        for (Index i = 0, one = 0; i < n; ++i) y[i] = f(a[one], b[i]);
    else
        for (Index i = 0; i < n; ++i) y[i] = f(a[i * step[0]], b[i * step[1]]);
}
template <class T, class F, class A, class B, class C>
void inner_loop(Index n, T* y, const F& f, const std::array<Index, 3>& step, const A* a, const B* b, const C* c) {
    if (step[0] == 1 && step[1] == 1 && step[2] == 1)
        for (Index i = 0; i < n; ++i) y[i] = f(a[i], b[i], c[i]);
    else
        for (Index i = 0; i < n; ++i) y[i] = f(a[i * step[0]], b[i * step[1]], c[i * step[2]]);
}

}  // namespace detail

namespace cpu {

/// Elements of one tile: enough to outweigh waking a thread; a multiple of every vector width.
inline constexpr Index tile = 16384;

/// Rows of one tile when a row has `width` elements, each as expensive as `cost` additions.
[[nodiscard]] inline Index row_grain(Index width, Index cost = 1) {
    return std::max<Index>(1, tile / std::max<Index>(1, width * cost));
}

/// Calls f(row) for every row in [0, rows), in parallel.
template <class F>
void for_rows(Index rows, Index width, const F& f, Index cost = 1) {
    parallel_for(rows, row_grain(width, cost), [&](Index first, Index last) {
        for (Index r = first; r < last; ++r) f(r);
    });
}

/// y[i] = f(x[i]...) for i in [0, n), in parallel; y may be one of the x.
template <class T, class F, class... X>
void map(Index n, T* y, const F& f, const X*... x) {
    parallel_for(n, tile, [&](Index first, Index last) {
        for (Index i = first; i < last; ++i) y[i] = f(x[i]...);
    });
}

/// y = f(x...) with the x, of any strides, broadcast to the contiguous y; in parallel.
template <class T, class F, class... X>
void broadcast_map(View<T> y, const F& f, View<const X>... x) {
    constexpr std::size_t n = sizeof...(X);
    if (y.numel() == 0) return;
    const std::array<Shape, n> shapes{x.shape...};
    const std::array<Strides, n> strides{x.strides...};
    const svad::detail::Walk<n> walk = svad::detail::plan_walk<n>(y.shape, shapes, strides);
    const auto run = [&](Index count, T* to, const std::array<Index, n>& offset) {
        [&]<std::size_t... k>(std::index_sequence<k...>) {
            svad::detail::inner_loop(count, to, f, walk.inner_step, (x.data + offset[k])...);
        }(std::make_index_sequence<n>{});
    };
    if (walk.outer.rank() == 0) {
        parallel_for(walk.inner, tile, [&](Index first, Index last) {
            std::array<Index, n> offset{};
            for (std::size_t k = 0; k < n; ++k) offset[k] = first * walk.inner_step[k];
            run(last - first, y.data + first, offset);
        });
        return;
    }
    parallel_for(walk.outer.numel(), row_grain(walk.inner), [&](Index first, Index last) {
        for (Index r = first; r < last; ++r) {
            std::array<Index, n> offset{};
            Index rest = r;
            for (int i = walk.outer.rank() - 1; i >= 0; --i) {
                const Index at = rest % walk.outer[i];
                rest /= walk.outer[i];
                for (std::size_t k = 0; k < n; ++k) offset[k] += at * walk.steps[k][static_cast<std::size_t>(i)];
            }
            run(walk.inner, y.data + r * walk.inner, offset);
        }
    });
}

/// combine over term(i), i in [0, n), from `init` (which must change nothing), with 32 accumulators; in this thread.
template <class T, class Term, class Combine>
[[nodiscard]] T reduce(Index n, T init, const Term& term, const Combine& combine) {
    constexpr Index lanes = 32;
    T total = init;
    Index i = 0;
    if (n >= lanes) {
        T acc[lanes];
        for (Index l = 0; l < lanes; ++l) acc[l] = init;
        for (; i + lanes <= n; i += lanes)
            for (Index l = 0; l < lanes; ++l) acc[l] = combine(acc[l], term(i + l));
        for (Index half = lanes / 2; half > 0; half /= 2)
            for (Index l = 0; l < half; ++l) acc[l] = combine(acc[l], acc[l + half]);
        total = acc[0];
    }
    for (; i < n; ++i) total = combine(total, term(i));
    return total;
}

/// Sum of term(i) for i in [0, n).
template <class T, class Term>
[[nodiscard]] T sum_of(Index n, const Term& term) {
    return reduce(n, T(0), term, [](T a, T b) { return a + b; });
}
template <class T>
[[nodiscard]] T sum(const T* x, Index n) {
    return vector_sum<T>(n, [x](Index i, auto k) { return k.get(x + i); });
}
template <class T>
[[nodiscard]] T dot(const T* a, const T* b, Index n) {
    return vector_sum<T>(n, [a, b](Index i, auto k) { return k.get(a + i) * k.get(b + i); });
}
/// The largest element; minus infinity if there is none; NaN is passed over.
template <class T>
[[nodiscard]] T largest(const T* x, Index n) {
    constexpr Index lanes = Lanes<T>::n;
    constexpr T none = -std::numeric_limits<T>::infinity();
    const auto larger = [](auto top, auto v) { return v > top ? v : top; };
    typename Lanes<T>::Vector a = typename Lanes<T>::Vector{} + none, b = a;
    Index i = 0;
    for (; i + 2 * lanes <= n; i += 2 * lanes) a = larger(a, Lanes<T>::load(x + i)), b = larger(b, Lanes<T>::load(x + i + lanes));
    for (; i + lanes <= n; i += lanes) a = larger(a, Lanes<T>::load(x + i));
    T top = svad::cpu::detail::fold<T>(larger(a, b), larger);
    for (; i < n; ++i) top = larger(top, x[i]);
    return top;
}

/// The sum of n elements in parallel: blocks of 4096 in T, blocks among each other in double.
template <class T>
[[nodiscard]] double total(const T* x, Index n) {
    constexpr Index block = 4096;
    const Index blocks = (n + block - 1) / block;
    std::vector<double> partial(static_cast<std::size_t>(blocks));
    parallel_for(blocks, tile / block, [&](Index first, Index last) {
        for (Index b = first; b < last; ++b)
            partial[static_cast<std::size_t>(b)] = static_cast<double>(sum(x + b * block, std::min(block, n - b * block)));
    });
    double all = 0;
    for (double p : partial) all += p;
    return all;
}

/// y[j] = sum over rows of x[row, j], for x [rows, width]: gradients of biases. At most 16 partial sums, fixed order.
template <class T>
void sum_rows(const T* x, T* y, Index rows, Index width) {
    std::fill(y, y + width, T(0));
    if (rows == 0 || width == 0) return;
    const Index chunks = std::min<Index>(rows, 16), size = (rows + chunks - 1) / chunks;
    std::vector<T> partial(static_cast<std::size_t>(chunks * width), T(0));
    parallel_for(chunks, row_grain(size * width), [&](Index first, Index last) {
        for (Index c = first; c < last; ++c) {
            T* to = partial.data() + c * width;
            const Index last = std::min(rows, (c + 1) * size);
            Index r = c * size;
            for (; r + 8 <= last; r += 8) {                     // `to` is read and written once for eight rows
                const T *p = x + r * width, *q = p + 4 * width;
                for (Index j = 0; j < width; ++j)
                    to[j] += ((p[j] + p[j + width]) + (p[j + 2 * width] + p[j + 3 * width])) +
                             ((q[j] + q[j + width]) + (q[j + 2 * width] + q[j + 3 * width]));
            }
            for (; r < last; ++r)
                for (Index j = 0; j < width; ++j) to[j] += x[r * width + j];
        }
    });
    for (Index c = 0; c < chunks; ++c)
        for (Index j = 0; j < width; ++j) y[j] += partial[static_cast<std::size_t>(c * width + j)];
}

/// One axis of a sum: its size, and whether the result still has it.
struct SumAxis {
    Index size;
    bool kept;
};

/// y = contiguous x summed over the axes that are not kept; y holds the kept ones in order.
template <class T>
void sum_axes(const T* x, T* y, std::span<const SumAxis> all) {
    std::vector<SumAxis> axes;                                  // neighbours of one kind are one axis
    for (const SumAxis& a : all) {
        if (a.size == 1) continue;
        if (!axes.empty() && axes.back().kept == a.kept) axes.back().size *= a.size;
        else axes.push_back(a);
    }
    if (axes.empty()) axes.push_back({1, true});
    const SumAxis first = axes.front(), last = axes.back();
    const std::span<const SumAxis> inner = std::span(axes).subspan(1), outer = std::span(axes).first(axes.size() - 1);
    if (axes.size() == 1) {
        if (first.kept) std::copy(x, x + first.size, y);
        else *y = static_cast<T>(total(x, first.size));
    } else if (!last.kept) {
        Index rows = 1;
        for (const SumAxis& a : outer) rows *= a.size;
        std::vector<T> partial(axes.size() == 2 ? 0 : static_cast<std::size_t>(rows));
        T* to = axes.size() == 2 ? y : partial.data();
        for_rows(rows, last.size, [&](Index r) { to[r] = sum(x + r * last.size, last.size); });
        if (axes.size() > 2) sum_axes(to, y, outer);
    } else if (!first.kept) {
        Index width = 1;
        for (const SumAxis& a : inner) width *= a.size;
        std::vector<T> partial(axes.size() == 2 ? 0 : static_cast<std::size_t>(width));
        T* to = axes.size() == 2 ? y : partial.data();
        sum_rows(x, to, first.size, width);
        if (axes.size() > 2) sum_axes<T>(to, y, inner);
    } else {
        Index width = 1, kept = 1;
        for (const SumAxis& a : inner) width *= a.size, kept *= a.kept ? a.size : 1;
        for_rows(first.size, width, [&](Index r) {
            const T* from = x + r * width;
            T* to = y + r * kept;
            if (axes.size() > 3) return sum_axes<T>(from, to, inner);
            std::fill(to, to + kept, T(0));
            for (Index i = 0; i < axes[1].size; ++i)
                for (Index j = 0; j < kept; ++j) to[j] += from[i * kept + j];
        });
    }
}

}  // namespace cpu

}  // namespace svad
