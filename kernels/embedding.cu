// SPDX-License-Identifier: Apache-2.0
// Rows of a table by index, and the gradient. table [R, D], y and dy [N, D], f32 or bf16, ids [N] i32, all contiguous.
// Forward: a thread for each 16 bytes of y (an element where D does not fit), 256 a block. Traffic: N rows read, N written.
// Gradient, in the order of the positions without float atomics: the keys (id, position) are sorted, 512 at a time by
// counting the smaller ones, then runs in pairs by binary search in the partner; keys differ from each other, so every way
// to sort them gives the same order. The table is zeroed, and where an id's run of keys begins a block adds its rows of dy
// in order, eight loads ahead, in f32, and rounds once. Traffic: dy read once, the table written once and its used rows
// twice, keys 8 N bytes a sorting pass, log2(N / 512) of them. Bound by memory; a very frequent id by latency.
// Rejected: a block for each row of the table that searches all ids (R N comparisons).
#include "strided.cuh"

#include "svad/backend/cuda/ops.hpp"

namespace svad::cuda {

namespace {

constexpr int threads = 256;

template <class T, int N>
__global__ void __launch_bounds__(threads) embedding_rows(const T* table, const std::int32_t* ids, T* y, std::int64_t packs, Divisor row_packs) {
    const std::int64_t i = thread_of_grid();
    if (i >= packs) return;
    const std::uint32_t row = row_packs(static_cast<std::uint32_t>(i)), column = static_cast<std::uint32_t>(i) - row * row_packs.by;
    const std::int64_t from = static_cast<std::int64_t>(ids[row]) * row_packs.by + column;
    store_pack(y + i * N, load_pack<N>(table + from * N));
}

// ---- sorting -----------------------------------------------------------------------------------------------------------

using Key = unsigned long long;                  // id in the upper half, position in the lower
constexpr int run = 512;

struct SortStorage {
    Key keys[run];
};

/// Runs of 512 keys, sorted.
__global__ void __launch_bounds__(run) sort_runs(const std::int32_t* ids, Key* keys, std::int64_t n) {
    SortStorage& shared = dynamic_shared<SortStorage>();
    const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * run, i = begin + threadIdx.x;
    const int count = static_cast<int>(min(static_cast<long>(run), static_cast<long>(n - begin)));
    Key key = 0;
    if (i < n) key = static_cast<Key>(static_cast<std::uint32_t>(ids[i])) << 32 | static_cast<Key>(i);
    shared.keys[threadIdx.x] = key;
    __syncthreads();
    if (i >= n) return;
    int smaller = 0;
#pragma unroll 8
    for (int j = 0; j < count; ++j) smaller += shared.keys[j] < key;
    keys[begin + smaller] = key;
}

/// Sorted runs of `length` become sorted runs of twice that: each key moves by how many keys of the other run are smaller.
__global__ void __launch_bounds__(threads) merge_runs(const Key* keys, Key* merged, std::int64_t n, std::int64_t length) {
    const std::int64_t i = thread_of_grid();
    if (i >= n) return;
    const Key key = keys[i];
    const std::int64_t begin = i / length * length, pair = begin / (2 * length) * (2 * length);
    const std::int64_t other = begin == pair ? pair + length : pair, end = other + length < n ? other + length : n;
    std::int64_t low = other, high = end > other ? end : other;
    while (low < high) {
        const std::int64_t middle = (low + high) / 2;
        if (keys[middle] < key) low = middle + 1;
        else high = middle;
    }
    merged[pair + (i - begin) + (low - other)] = key;
}

/// A group of columns for each position: where an id begins, the sum of all its rows.
template <class T, int N>
__global__ void __launch_bounds__(threads) add_rows(const T* dy, const Key* keys, T* table, std::int64_t n, std::int64_t width,
                                                    std::int32_t padding) {
    constexpr int ahead = 8;
    const std::int64_t begin = blockIdx.x, column = (static_cast<std::int64_t>(blockIdx.y) * blockDim.x + threadIdx.x) * N;
    const auto id = static_cast<std::int32_t>(keys[begin] >> 32);
    if (id == padding || (begin > 0 && static_cast<std::int32_t>(keys[begin - 1] >> 32) == id) || column >= width) return;
    float sum[N] = {};
    bool more = true;
    for (std::int64_t i = begin; more; i += ahead) {
        pack<T, N> rows[ahead];
        int count = 0;
#pragma unroll
        for (int k = 0; k < ahead; ++k) {
            more = more && i + k < n && static_cast<std::int32_t>(keys[i + k] >> 32) == id;
            if (!more) continue;
            rows[k] = load_pack<N>(dy + static_cast<std::int64_t>(keys[i + k] & 0xffffffffU) * width + column);
            ++count;
        }
#pragma unroll
        for (int k = 0; k < ahead; ++k)
            if (k < count)
                for (int j = 0; j < N; ++j) sum[j] += rows[k][j];
    }
    pack<T, N> out;
#pragma unroll
    for (int j = 0; j < N; ++j) out.set(j, sum[j]);
    store_pack(table + static_cast<std::int64_t>(id) * width + column, out);
}

}  // namespace

/// y [N, D] = rows ids (i32) [N] of table [R, D].
void embedding(Ref table, Ref ids, Ref y, Stream stream) {
    const std::int64_t width = y.last();
    by_dtype("embedding", y.dtype, [&](auto t) {
        using T = decltype(t);
        constexpr int N = full_pack<T>;
        const bool packs = fits_packs(table.as<T>(), width) && fits_packs(y.as<T>(), width);
        const std::int64_t row = packs ? width / N : width;
        // Whole rows, so many that a flat number has 31 bits.
        const std::int64_t most = row > 0 ? most_elements / row : 0;
        for (std::int64_t first = 0; first < ids.numel() && row > 0; first += most) {
            const std::int64_t count = std::min(most, ids.numel() - first) * row;
            launch(packs ? embedding_rows<T, N> : embedding_rows<T, 1>, blocks(count, threads), dim3(threads), 0, stream, table.as<T>(),
                   ids.as<std::int32_t>() + first, y.as<T>() + first * width, count, Divisor(row));
        }
    });
    check_launch("embedding");
}

/// table [R, D] = 0, then row ids[i] += dy [N, D] row i, in the order of i; the id `padding` is left out.
void embedding_grad(Ref dy, Ref ids, Ref table, std::int32_t padding, Stream stream) {
    const std::int64_t n = ids.numel(), width = table.last();
    fill(table, 0, stream);
    if (n == 0 || width == 0) return;
    const Workspace workspace("embedding_grad", 2 * static_cast<std::size_t>(n) * sizeof(Key), stream);
    Key *keys = workspace.as<Key>(), *spare = keys + n;
    launch(sort_runs, blocks(n, run), dim3(run), sizeof(SortStorage), stream, ids.as<std::int32_t>(), keys, n);
    for (std::int64_t length = run; length < n; length *= 2) {
        launch(merge_runs, blocks(n, threads), dim3(threads), 0, stream, keys, spare, n, length);
        std::swap(keys, spare);
    }
    by_dtype("embedding_grad", table.dtype, [&](auto t) {
        using T = decltype(t);
        constexpr int N = full_pack<T>;
        const bool packs = fits_packs(dy.as<T>(), width) && fits_packs(table.as<T>(), width);
        const std::int64_t columns = packs ? width / N : width;
        const auto lanes = std::min<unsigned>(threads, blocks(columns, warp_size) * warp_size);
        launch(packs ? add_rows<T, N> : add_rows<T, 1>, dim3(static_cast<unsigned>(n), blocks(columns, lanes)), dim3(lanes), 0, stream,
               dy.as<T>(), keys, table.as<T>(), n, width, padding);
    });
    check_launch("embedding_grad");
}

}  // namespace svad::cuda
