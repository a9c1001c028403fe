// SPDX-License-Identifier: Apache-2.0
// Rows, the last axis, each reduced by a warp or by a block: what norms, softmax, l2_normalize and losses are made of.
// A warp takes a row of up to four packs of 16 bytes a lane (1024 elements of bf16, 512 of f32), four rows a block; wider
// rows take a block each, of up to 512 threads. A thread keeps its part of the row in registers, so memory is read once;
// rows of more than 512 threads times four packs (16384 of bf16) are read again instead, mostly from L2.
#pragma once

#include "common.cuh"

namespace svad::cuda {

constexpr int packs_a_thread = 4;
constexpr int narrow_rows = 4;       // rows, that is warps, of a block of narrow rows
constexpr int wide_threads = 512;    // at most, for one wide row: leaves 128 registers to each
template <bool Wide>
constexpr int row_block_limit = Wide ? wide_threads : warp_size * narrow_rows;

struct RowStorage {
    WarpValues values;
};

/// The row of this warp or block in a launch of by_row_form.
__device__ inline std::int64_t row_of_thread() { return static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y; }

/// One row as one thread sees it: packs number t, t + threads, ... Kept: in registers; else read again at each use.
template <class T, int N, bool Kept>
struct RowPart {
    const T* row;
    int width;
    pack<T, N> kept[Kept ? packs_a_thread : 1];

    __device__ RowPart(const T* from, int columns) : row(from), width(columns) {
        if constexpr (Kept) {
#pragma unroll
            for (int k = 0; k < packs_a_thread; ++k)
                if (first(k) < width) kept[k] = load_pack<N>(row + first(k));
        }
    }
    __device__ static int first(int k) { return (static_cast<int>(threadIdx.x) + k * static_cast<int>(blockDim.x)) * N; }
    /// f(k, index of its first element, pack) for every pack.
    template <class F>
    __device__ void each(F f) const {
        if constexpr (Kept) {
#pragma unroll
            for (int k = 0; k < packs_a_thread; ++k)
                if (first(k) < width) f(k, first(k), kept[k]);
        } else {
            for (int k = 0; first(k) < width; ++k) f(k, first(k), load_pack<N>(row + first(k)));
        }
    }
    /// The sum of f(value) over this thread's elements.
    template <class F>
    __device__ float sum(F f) const {
        float total = 0;
        each([&](int, int, const pack<T, N>& x) {
#pragma unroll
            for (int j = 0; j < N; ++j) total += f(x[j]);
        });
        return total;
    }
};

/// Calls f(k, index of its first element, pack of a, pack of b) for every pack of two rows of the same width.
template <class T, int N, bool Kept, class F>
__device__ void each_of_both(const RowPart<T, N, Kept>& a, const RowPart<T, N, Kept>& b, F f) {
    a.each([&](int k, int i, const pack<T, N>& x) {
        if constexpr (Kept) f(k, i, x, b.kept[k]);
        else f(k, i, x, load_pack<N>(b.row + i));
    });
}

/// The sum over the threads of a row: of a warp, or of the block where it has the row for itself.
template <bool Wide>
__device__ float row_sum(float x) {
    if constexpr (Wide) return block_sum(x, dynamic_shared<RowStorage>().values);
    else return warp_sum(x);
}
template <bool Wide>
__device__ float row_max(float x) {
    if constexpr (Wide) return block_max(x, dynamic_shared<RowStorage>().values);
    else return warp_max(x);
}

/// e^(x - shift), as exact as results of type T can show: for bf16 the hardware's 2^x, without which a pass that only
/// reads scores of bf16 would be bound by arithmetic.
template <class T>
__device__ float exp_of(float x, float shift) {
    if constexpr (std::is_same_v<T, float>) return expf(x - shift);
    else return ptx::exp2_fast((x - shift) * 1.44269504F);
}

/// The maximum of a row and the sum of exp(x - shift), where shift is the maximum, or 0 if that is minus infinity.
struct Exponentials {
    float top, shift, sum;
};
template <bool Wide, class T, int N, bool Kept>
__device__ Exponentials row_exponentials(const RowPart<T, N, Kept>& part) {
    const auto shift_of = [](float top) { return top == -INFINITY ? 0.0F : top; };
    float top = -INFINITY, sum = 0;
    part.each([&](int, int, const pack<T, N>& x) {               // one pass: the sum so far is rescaled to the new maximum
        float high = top;
#pragma unroll
        for (int j = 0; j < N; ++j) high = fmaxf(high, x[j]);
        const float shift = shift_of(high);
        sum *= exp_of<T>(top, shift);
#pragma unroll
        for (int j = 0; j < N; ++j) sum += exp_of<T>(x[j], shift);
        top = high;
    });
    const float all = row_max<Wide>(top), shift = shift_of(all);
    return {all, shift, row_sum<Wide>(sum * exp_of<T>(top, shift))};
}

// ---- the host's side -------------------------------------------------------------------------------------------------

/// Calls f(N, Wide, Kept, block) with the form that fits the width; the first three are compile-time constants.
template <class T, class F>
void by_row_form(bool packs, int width, F&& f) {
    const auto with = [&](auto n) {
        constexpr int N = decltype(n)::value;
        constexpr int narrow = warp_size * packs_a_thread * N, most = wide_threads * packs_a_thread * N;
        const unsigned threads = blocks(blocks(width, packs_a_thread * N), warp_size) * warp_size;
        if (width <= narrow) f(n, std::false_type{}, std::true_type{}, dim3(warp_size, narrow_rows));
        else if (width <= most) f(n, std::true_type{}, std::true_type{}, dim3(threads));
        else f(n, std::true_type{}, std::false_type{}, dim3(wide_threads));
    };
    if (packs) with(std::integral_constant<int, full_pack<T>>{});
    else with(std::integral_constant<int, 1>{});
}

}  // namespace svad::cuda
