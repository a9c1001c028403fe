// SPDX-License-Identifier: Apache-2.0
// Walks over operands of the same sizes and different strides, and maps made of them: one thread moves one pack of the
// innermost axis. The host joins axes that are neighbours in every operand, so a contiguous call is a walk of one axis,
// and cuts walks into parts of less than 2^31 elements: a flat index is 32 bits and is divided by multiplication.
#pragma once

#include "common.cuh"

#include <algorithm>

namespace svad::cuda {

/// Quotients of numbers below 2^31 by the same divisor: a multiplication and a shift (Granlund and Montgomery 1994).
struct Divisor {
    std::uint32_t by = 1, magic = 1, shift = 0;

    Divisor() = default;
    explicit Divisor(std::int64_t d) : by(static_cast<std::uint32_t>(d)) {
        while ((std::uint64_t{1} << shift) < by) ++shift;
        magic = static_cast<std::uint32_t>((((std::uint64_t{1} << shift) - by) << 32) / by + 1);
    }
    __device__ std::uint32_t operator()(std::uint32_t n) const { return (__umulhi(n, magic) + n) >> shift; }
};

/// The axes of K operands, innermost first: sizes, each operand's steps in elements, and where it begins.
template <int K>
struct Axes {
    int rank = 0;
    std::int64_t sizes[Ref::max_rank] = {}, steps[K][Ref::max_rank] = {}, start[K] = {};

    std::int64_t numel() const {
        std::int64_t n = 1;
        for (int i = 0; i < rank; ++i) n *= sizes[i];
        return n;
    }
    /// An axis outside the others; it joins the last one where every operand walks over both in equal steps.
    void add(std::int64_t size, const std::int64_t (&step)[K]) {
        bool joins = rank > 0;
        for (int k = 0; k < K && joins; ++k) joins = step[k] == steps[k][rank - 1] * sizes[rank - 1];
        if (size == 1) return;
        if (joins) {
            sizes[rank - 1] *= size;
            return;
        }
        sizes[rank] = size;
        for (int k = 0; k < K; ++k) steps[k][rank] = step[k];
        ++rank;
    }
    void swap(int i, int j) {
        std::swap(sizes[i], sizes[j]);
        for (auto& step : steps) std::swap(step[i], step[j]);
    }
    /// At least one axis, if only of one element.
    void close() {
        if (rank > 0) return;
        rank = 1, sizes[0] = 1;
        for (int k = 0; k < K; ++k) steps[k][0] = 1;
    }
};

/// The joined axes of Refs of equal sizes.
template <int K>
Axes<K> axes_of(const Ref* const (&refs)[K]) {
    Axes<K> axes;
    for (int i = refs[0]->rank - 1; i >= 0; --i) {
        std::int64_t step[K];
        for (int k = 0; k < K; ++k) step[k] = refs[k]->strides[i];
        axes.add(refs[0]->sizes[i], step);
    }
    axes.close();
    return axes;
}

/// Calls f(axes) for parts of at most `most` elements; nothing for none.
template <int K, class F>
void in_parts(const Axes<K>& axes, std::int64_t most, F&& f) {
    const std::int64_t n = axes.numel();
    if (n == 0) return;
    if (n <= most) return f(axes);
    const int outer = axes.rank - 1;
    Axes<K> head = axes, tail = axes;
    std::int64_t half = axes.sizes[outer] / 2;
    if (half > 16) half -= half % 16;                     // packs of the second part stay aligned
    head.sizes[outer] = half;
    tail.sizes[outer] -= half;
    for (int k = 0; k < K; ++k) tail.start[k] += half * axes.steps[k][outer];
    if (head.sizes[outer] == 1 && outer > 0) --head.rank;
    if (tail.sizes[outer] == 1 && outer > 0) --tail.rank;
    in_parts(head, most, f);
    in_parts(tail, most, f);
}
constexpr std::int64_t most_elements = (std::int64_t{1} << 31) - 1;

/// Where pack number i of a walk lies: its first element along the innermost axis, and its offset in each operand.
template <int K>
struct Place {
    std::int64_t first = 0, at[K] = {};
};

/// Axes as the device walks them, `packs` elements of the innermost axis at a time, the last of a row perhaps in part.
template <int K>
struct Walk {
    int rank;
    std::uint32_t count = 1;                    ///< packs
    std::int64_t width;                         ///< elements of the innermost axis
    std::int64_t step[K];                       ///< from element to element of a pack
    Divisor sizes[Ref::max_rank];
    std::int64_t steps[K][Ref::max_rank];

    Walk(const Axes<K>& axes, int packs) : rank(axes.rank), width(axes.sizes[0]) {
        for (int i = 0; i < rank; ++i) {
            const std::int64_t size = i == 0 ? blocks(axes.sizes[0], packs) : axes.sizes[i];
            sizes[i] = Divisor(size);
            count *= static_cast<std::uint32_t>(size);
            for (int k = 0; k < K; ++k) steps[k][i] = axes.steps[k][i] * (i == 0 ? packs : 1);
        }
        for (int k = 0; k < K; ++k) step[k] = axes.steps[k][0];
    }
    __device__ Place<K> operator()(std::uint32_t i, int packs) const {
        Place<K> place;
        for (int axis = 0; axis < rank; ++axis) {
            const std::uint32_t rest = axis + 1 < rank ? sizes[axis](i) : 0, here = i - rest * sizes[axis].by;
            if (axis == 0) place.first = static_cast<std::int64_t>(here) * packs;
#pragma unroll
            for (int k = 0; k < K; ++k) place.at[k] += here * steps[k][axis];
            i = rest;
        }
        return place;
    }
};

/// Whether operand k, with elements of `bytes` from `data` on, can be moved by packs of `bytes` * n: or is one value a row.
template <int K>
bool walks_in_packs(const Axes<K>& axes, int k, const void* data, std::size_t bytes, int n) {
    if (axes.steps[k][0] == 0) return true;
    bool fits = axes.steps[k][0] == 1 && (reinterpret_cast<std::uintptr_t>(data)) % (bytes * static_cast<std::size_t>(n)) == 0 &&
                (axes.rank == 1 || axes.sizes[0] % n == 0);
    for (int i = 1; i < axes.rank; ++i) fits = fits && axes.steps[k][i] % n == 0;
    return fits;
}

/// N elements, `step` apart.
template <int N, class T>
__device__ pack<T, N> load_along(const T* from, std::int64_t step) {
    if constexpr (N == 1) return {{*from}};
    if (step == 1) return load_pack<N>(from);
    pack<T, N> values;
    const T value = *from;                               // one value a row: packs are used for no other step
#pragma unroll
    for (int j = 0; j < N; ++j) values.at[j] = value;
    return values;
}

constexpr int map_threads = 256;

template <class Y, int N, class F, class... X>
__device__ pack<Y, N> map_packs(const F& f, const pack<X, N>&... x) {
    pack<Y, N> y;
#pragma unroll
    for (int j = 0; j < N; ++j) y.set(j, f(x[j]...));
    return y;
}

template <int N, class F, class Y, std::size_t... I, class... X>
__device__ void map_place(const F& f, const Walk<1 + sizeof...(X)>& walk, std::index_sequence<I...>, Y* y, const X*... x) {
    const Place<1 + sizeof...(X)> place = walk(static_cast<std::uint32_t>(thread_of_grid()), N);
    if (place.first + N <= walk.width) {
        store_pack(y + place.at[0], map_packs<Y, N>(f, load_along<N>(x + place.at[1 + I], walk.step[1 + I])...));
        return;
    }
#pragma unroll 1
    for (int j = 0; j < walk.width - place.first; ++j)
        store(y + place.at[0] + j, f(load(x + place.at[1 + I] + j * walk.step[1 + I])...));
}

/// y = f(x...), operand 0 of the walk being y; N > 1 only if every operand walks in packs.
template <int N, class F, class Y, class... X>
__global__ void __launch_bounds__(map_threads) map(F f, Walk<1 + sizeof...(X)> walk, Y* y, const X*... x) {
    if (thread_of_grid() < walk.count) map_place<N>(f, walk, std::index_sequence_for<X...>{}, y, x...);
}

template <class F, std::size_t... I, class Y, class... X>
void launch_map_part(const Axes<1 + sizeof...(X)>& axes, std::index_sequence<I...>, Stream stream, const F& f, Y* y, const X*... x) {
    constexpr int N = static_cast<int>(16 / std::max({sizeof(Y), sizeof(X)...}));
    const bool packs = axes.steps[0][0] == 1 && walks_in_packs(axes, 0, y + axes.start[0], sizeof(Y), N) &&
                       (walks_in_packs(axes, 1 + static_cast<int>(I), x + axes.start[1 + I], sizeof(X), N) && ...);
    const Walk<1 + sizeof...(X)> walk(axes, packs ? N : 1);
    const dim3 grid(blocks(walk.count, map_threads)), block(map_threads);
    if (packs) launch(map<N, F, Y, X...>, grid, block, 0, stream, f, walk, y + axes.start[0], (x + axes.start[1 + I])...);
    else launch(map<1, F, Y, X...>, grid, block, 0, stream, f, walk, y + axes.start[0], (x + axes.start[1 + I])...);
}

/// Queues y = f(x...) over axes of y and every x, in this order; y may be any x of the same layout.
template <class F, class Y, class... X>
void launch_map(const Axes<1 + sizeof...(X)>& all, Stream stream, const F& f, Y* y, const X*... x) {
    in_parts(all, most_elements, [&](const auto& axes) {
        launch_map_part(axes, std::index_sequence_for<X...>{}, stream, f, y, x...);
    });
}

/// The same for contiguous arrays of n elements.
template <class F, class Y, class... X>
void launch_flat_map(std::int64_t n, Stream stream, const F& f, Y* y, const X*... x) {
    constexpr int K = 1 + sizeof...(X);
    Axes<K> axes;
    axes.rank = 1, axes.sizes[0] = n;
    for (int k = 0; k < K; ++k) axes.steps[k][0] = 1;
    launch_map(axes, stream, f, y, x...);
}

}  // namespace svad::cuda
