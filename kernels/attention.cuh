// SPDX-License-Identifier: Apache-2.0
// What attention.cu and attention_grad.cu share: heads in memory, which key a query sees with which bias, and the scalar
// form, in which a group of lanes holds one row of a head, eight elements a lane, and a warp looks at 32 / G rows at once.
#pragma once

#include "common.cuh"

#include "svad/backend/cuda/ops.hpp"

#include <algorithm>

namespace svad::cuda {

/// Heads [B, H, L, D] in memory.
template <class T>
struct Heads {
    T* data;
    std::int64_t batch, head, row, step;

    explicit Heads(const Ref& x) : data(x.as<T>()), batch(x.strides[0]), head(x.strides[1]), row(x.strides[2]), step(x.strides[3]) {}
    __device__ T* at(int b, int h, int i) const { return data + b * batch + h * head + i * row; }
    /// True if rows are moved by 16-byte packs.
    bool packs(const Ref& x) const {
        const auto fits = [](std::int64_t n, std::int64_t stride) { return n <= 1 || stride % full_pack<T> == 0; };
        return fits_packs(data, x.sizes[3]) && step == 1 && fits(x.sizes[0], batch) && fits(x.sizes[1], head) && fits(x.sizes[2], row);
    }
};

/// Sizes, and what is added to the scores.
struct Scores {
    int batches, heads, kv_heads, group, queries, keys, width;
    float scale;
    bool causal;
    int past;
    const std::uint8_t* keep;
    std::int64_t keep_batch, keep_query, keep_key;
    const float* slopes;

    Scores(const char* op, const Ref& q, const Ref& k, const Attention& o)
        : batches(static_cast<int>(q.sizes[0])), heads(static_cast<int>(q.sizes[1])), kv_heads(static_cast<int>(k.sizes[1])),
          group(kv_heads == 0 ? 1 : heads / kv_heads), queries(static_cast<int>(q.sizes[2])), keys(static_cast<int>(k.sizes[2])),
          width(static_cast<int>(q.sizes[3])), scale(o.scale), causal(o.causal), past(static_cast<int>(o.past)),
          keep(o.keep.as<std::uint8_t>()), keep_batch(o.keep.strides[0]), keep_query(o.keep.strides[2]), keep_key(o.keep.strides[3]),
          slopes(o.slopes.as<float>()) {
        if (width > 256) throw ShapeError(std::string(op) + ": heads are " + std::to_string(width) + " wide; the CUDA kernel takes up to 256");
    }
    /// Keys that query i may see, if `keep` does not hide them.
    __device__ int seen(int i) const { return causal ? ::max(0, ::min(keys, i + past + 1)) : keys; }
    __device__ bool visible(int b, int i, int j) const {
        return j < seen(i) && (keep == nullptr || keep[b * keep_batch + i * keep_query + j * keep_key] != 0);
    }
    __device__ float slope(int h) const { return slopes == nullptr ? 0.0F : slopes[h]; }
    __device__ float distance(int i, int j) const { return static_cast<float>(j - i - past); }
    /// Of query i of head h of batch b among all of them, as lse is laid out.
    __device__ std::int64_t number(int b, int h, int i) const { return (static_cast<std::int64_t>(b) * heads + h) * queries + i; }
};

// ---- the scalar form -------------------------------------------------------------------------------------------------

constexpr int part_size = 8;                         // elements of a row that one lane holds
constexpr int part_warps = 4;                        // of a block
constexpr int part_threads = part_warps * warp_size;

/// How G lanes hold a row of up to 8 G elements: lane l packs number l, l + G, ... of N elements.
template <int N, int G>
struct Lanes {
    static constexpr int packs = part_size / N, teams = part_threads / G;      // teams: groups of lanes in a block
    static constexpr int width = part_size * G;
    __device__ static int lane() { return lane_of_warp() % G; }
    __device__ static int team() { return thread_of_block() / G; }
    __device__ static int first(int pack) { return (pack * G + lane()) * N; }
};

/// This lane's part of a row, zeros beyond the width.
template <int N, int G, class T>
__device__ void load_part(float (&to)[part_size], const T* row, std::int64_t step, int width) {
#pragma unroll
    for (int c = 0; c < part_size / N; ++c) {
        const int first = Lanes<N, G>::first(c);
        pack<T, N> values = {};
        if constexpr (N == 1) {
            if (first < width) values.at[0] = row[first * step];
        } else {
            if (first < width) values = load_pack<N>(row + first);
        }
#pragma unroll
        for (int j = 0; j < N; ++j) to[c * N + j] = values[j];
    }
}

/// The sum over the G lanes of a row of the products of two parts, in all of them.
template <int G>
__device__ float part_dot(const float (&a)[part_size], const float (&b)[part_size]) {
    float sum = 0;
#pragma unroll
    for (int e = 0; e < part_size; ++e) sum += a[e] * b[e];
#pragma unroll
    for (int step = G / 2; step > 0; step /= 2) sum += __shfl_xor_sync(all_lanes, sum, step);
    return sum;
}

/// What every team of a block found for the block's four rows, for the block to add up in order.
constexpr int part_rows = 4;
template <int G>
struct PartStorage {
    static constexpr int teams = part_threads / G;
    float at[part_rows][part_size * part_threads + G];       // [part_size][threads]; the gap keeps rows on different banks
    float top[teams][part_rows], sum[teams][part_rows];
};

/// Leaves this lane's part of row r.
template <int G>
__device__ void leave_part(PartStorage<G>& shared, int r, const float (&part)[part_size]) {
#pragma unroll
    for (int e = 0; e < part_size; ++e) shared.at[r][e * part_threads + thread_of_block()] = part[e];
}

/// Row r of the block, packs dealt to the threads: row(r) gives where to, or nullptr; weight(team, r) what a team's part
/// counts. The block calls it after a barrier.
template <class T, int N, int G, class Row, class Weight>
__device__ void store_parts(const PartStorage<G>& shared, std::int64_t step, int width, Row row, Weight weight) {
    constexpr int packs = part_size / N;
    for (int item = thread_of_block(); item < part_rows * packs * G; item += part_threads) {
        const int r = item / (packs * G), c = item / G % packs, lane = item % G, first = (c * G + lane) * N;
        T* to = row(r);
        if (to == nullptr || first >= width) continue;
        float sum[N] = {};
        for (int team = 0; team < PartStorage<G>::teams; ++team) {
            const float share = weight(team, r);
#pragma unroll
            for (int j = 0; j < N; ++j) sum[j] += share * shared.at[r][(c * N + j) * part_threads + team * G + lane];
        }
        pack<T, N> out;
#pragma unroll
        for (int j = 0; j < N; ++j) out.set(j, sum[j]);
        if constexpr (N == 1) to[first * step] = out.at[0];
        else store_pack(to + first, out);
    }
}

/// Calls f(N, G) with compile-time constants that fit rows of this width.
template <class T, class F>
void by_lanes(bool packs, int width, F&& f) {
    constexpr std::integral_constant<int, full_pack<T>> n{};
    if (!packs) f(std::integral_constant<int, 1>{}, std::integral_constant<int, 32>{});
    else if (width <= 64) f(n, std::integral_constant<int, 8>{});
    else if (width <= 128) f(n, std::integral_constant<int, 16>{});
    else f(n, std::integral_constant<int, 32>{});
}

}  // namespace svad::cuda
