// SPDX-License-Identifier: Apache-2.0
// Sums over any axes and maxima along one, their gradient, and argmax; f32 and bf16, sums in f32. x contiguous.
// Neighbouring axes of one kind are joined; what is left is one of two forms:
//   rows: the innermost axis is reduced: a warp an output, or a block of 256 where there is much to add, packs along the axis;
//   columns: it is kept: a thread a pack of columns, up to 32 beside each other and 256 in a block; the partial results
//         of a column are added by a tree in shared memory.
// Few outputs of many elements are cut into chunks, whose results a second launch adds; how many depends on the sizes
// alone, so results repeat to the bit on every device. Rejected: float atomics, and one pass with a flag between blocks.
// Traffic: x once, y once, chunks' results (at most 528 blocks of them) twice. Bound by memory.
#include "strided.cuh"

#include "svad/backend/cuda/ops.hpp"

#include <climits>

namespace svad::cuda {

namespace {

constexpr int threads = 256;
constexpr int most_blocks = 528;                 // four for each of the 132 processors of an H100
constexpr int rows_a_block = threads / warp_size;

struct Sum {
    static constexpr float neutral = 0;
    static __device__ float combine(float a, float b) { return a + b; }
    static __device__ float block(float x, WarpValues& values) { return block_sum(x, values); }
    static __device__ float warp(float x) { return warp_sum(x); }
};
/// NaN wins.
struct Max {
    static constexpr float neutral = -INFINITY;
    static __device__ float combine(float a, float b) { return b > a || b != b ? b : a; }
    static __device__ float warp(float x) {
        for (int step = warp_size / 2; step > 0; step /= 2) x = combine(x, __shfl_xor_sync(all_lanes, x, step));
        return x;
    }
    static __device__ float block(float x, WarpValues& values) {
        return block_reduce(x, values, neutral, [](float y) { return warp(y); });
    }
};

/// What the launch adds: packs of every output in chunks, a chunk for each blockIdx.y.
struct Chunks {
    std::uint32_t packs;                         ///< of an output in one chunk
    std::int64_t outputs;
    float scale;                                 ///< of the result
    std::uint32_t tail;                          ///< elements behind the last whole pack, for rows of one run
};
struct ReduceRowsStorage {
    WarpValues values;
};

template <class Op, class T, class Y, int N, bool Wide>
__global__ void __launch_bounds__(threads) reduce_rows(Walk<1> kept, Walk<1> reduced, Chunks chunks, const T* x, Y* y) {
    const std::int64_t output = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
    if (output >= chunks.outputs) return;                                 // whole warps, or the block, leave together
    x += kept(static_cast<std::uint32_t>(output), 1).at[0];
    const std::uint32_t begin = blockIdx.y * chunks.packs, end = min(begin + chunks.packs, reduced.count);
    float result = Op::neutral;
#pragma unroll 4
    for (std::uint32_t i = begin + threadIdx.x; i < end; i += blockDim.x) {
        const pack<T, N> values = load_pack<N>(x + reduced(i, N).at[0]);
        float part = values[0];
#pragma unroll
        for (int j = 1; j < N; ++j) part = Op::combine(part, values[j]);
        result = Op::combine(result, part);
    }
    if (begin < end && end == reduced.count && threadIdx.x < chunks.tail)
        result = Op::combine(result, load(x + static_cast<std::int64_t>(reduced.count) * N + threadIdx.x));
    if constexpr (Wide) result = Op::block(result, dynamic_shared<ReduceRowsStorage>().values);
    else result = Op::warp(result);
    if (threadIdx.x == 0) store(y + blockIdx.y * chunks.outputs + output, result * chunks.scale);
}

/// By element of a pack, so that threads beside each other use banks beside each other.
template <int N>
struct ReduceColumnsStorage {
    float at[N][threads];
};

template <class Op, class T, class Y, int N>
__global__ void __launch_bounds__(threads) reduce_columns(Walk<1> kept, Walk<1> reduced, Chunks chunks, const T* x, Y* y) {
    auto& shared = dynamic_shared<ReduceColumnsStorage<N>>().at;
    const int self = thread_of_block();
    const std::uint32_t column = blockIdx.x * blockDim.x + threadIdx.x;
    const bool here = column < kept.count;
    float result[N];
#pragma unroll
    for (int j = 0; j < N; ++j) result[j] = Op::neutral;
    if (here) {
        x += kept(column, N).at[0];
        const std::uint32_t begin = blockIdx.y * chunks.packs, end = min(begin + chunks.packs, reduced.count);
#pragma unroll 4
        for (std::uint32_t i = begin + threadIdx.y; i < end; i += blockDim.y) {
            const pack<T, N> values = load_pack<N>(x + reduced(i, 1).at[0]);
#pragma unroll
            for (int j = 0; j < N; ++j) result[j] = Op::combine(result[j], values[j]);
        }
    }
    for (int half = static_cast<int>(blockDim.y) / 2; half > 0; half /= 2) {       // every step has places of its own
        const int y_of = static_cast<int>(threadIdx.y);
        if (y_of >= half && y_of < 2 * half)
            for (int j = 0; j < N; ++j) shared[j][self] = result[j];
        __syncthreads();
        if (y_of < half)
            for (int j = 0; j < N; ++j) result[j] = Op::combine(result[j], shared[j][self + half * static_cast<int>(blockDim.x)]);
    }
    if (!here || threadIdx.y != 0) return;
    constexpr int together = N < full_pack<Y> ? N : full_pack<Y>;
#pragma unroll
    for (int i = 0; i < N; i += together) {
        pack<Y, together> out;
#pragma unroll
        for (int j = 0; j < together; ++j) out.set(j, result[i + j] * chunks.scale);
        store_pack(y + blockIdx.y * chunks.outputs + static_cast<std::int64_t>(column) * N + i, out);
    }
}

/// Into how many chunks to cut `packs` a group of outputs so that there are blocks enough, and each thread has some work.
std::uint32_t chunks_of(std::int64_t groups, std::uint32_t packs, std::int64_t threads_a_group) {
    const std::int64_t wanted = most_blocks / std::max<std::int64_t>(1, groups), possible = packs / (8 * threads_a_group);
    return static_cast<std::uint32_t>(std::max<std::int64_t>(1, std::min(wanted, possible)));
}

template <class Op, class T, class Y>
void reduce(const char* op, const Axes<1>& kept, const Axes<1>& reduced, const T* x, Y* y, float scale, Stream stream);

/// The chunks' results [chunks, outputs] -> y.
template <class Op, class Y>
void reduce_chunks(const char* op, std::uint32_t chunks, std::int64_t outputs, const float* parts, Y* y, float scale, Stream stream) {
    Axes<1> kept, reduced;
    kept.add(outputs, {1});
    reduced.add(chunks, {outputs});
    kept.close(), reduced.close();
    reduce<Op>(op, kept, reduced, parts, y, scale, stream);
}

/// Runs queue(chunks, y, scale) once, or into a workspace and adds what lies there.
template <class Op, class Y, class F>
void in_chunks(const char* op, std::uint32_t chunks, std::int64_t outputs, Y* y, float scale, Stream stream, F&& queue) {
    if (chunks == 1) return queue(y, scale);
    const Workspace parts(op, sizeof(float) * chunks * static_cast<std::size_t>(outputs), stream);
    queue(parts.as<float>(), 1.0F);
    reduce_chunks<Op>(op, chunks, outputs, parts.as<float>(), y, scale, stream);
}

template <class Op, int N, class T, class Y>
void rows(const char* op, const Axes<1>& kept, Axes<1> reduced, const T* x, Y* y, float scale, Stream stream) {
    const auto tail = static_cast<std::uint32_t>(reduced.sizes[0] % N);
    reduced.sizes[0] -= tail;
    const Walk<1> outputs(kept, 1), added(reduced, N);
    const bool wide = added.count > 8 * warp_size;
    const dim3 block = wide ? dim3(threads) : dim3(warp_size, rows_a_block);
    const unsigned groups = blocks(outputs.count, block.y);
    const std::uint32_t chunks = wide ? chunks_of(groups, added.count, threads) : 1;
    in_chunks<Op>(op, chunks, outputs.count, y, scale, stream, [&](auto* to, float factor) {
        using To = std::remove_pointer_t<decltype(to)>;
        const Chunks each{blocks(added.count, chunks), outputs.count, factor, tail};
        const dim3 grid(groups, chunks);
        if (wide) launch(reduce_rows<Op, T, To, N, true>, grid, block, sizeof(ReduceRowsStorage), stream, outputs, added, each, x, to);
        else launch(reduce_rows<Op, T, To, N, false>, grid, block, 0, stream, outputs, added, each, x, to);
    });
}

template <class Op, int N, class T, class Y>
void columns(const char* op, const Axes<1>& kept, const Axes<1>& reduced, const T* x, Y* y, float scale, Stream stream) {
    const Walk<1> outputs(kept, N), added(reduced, 1);
    unsigned wide = 1;
    while (wide < warp_size && wide < outputs.count && wide * N < kept.sizes[0]) wide *= 2;
    const dim3 block(wide, threads / wide);
    const unsigned groups = blocks(outputs.count, wide);
    const std::uint32_t chunks = chunks_of(groups, added.count, block.y);
    in_chunks<Op>(op, chunks, static_cast<std::int64_t>(outputs.count) * N, y, scale, stream, [&](auto* to, float factor) {
        using To = std::remove_pointer_t<decltype(to)>;
        const Chunks each{blocks(added.count, chunks), static_cast<std::int64_t>(outputs.count) * N, factor, 0};
        launch(reduce_columns<Op, T, To, N>, dim3(groups, chunks), block, sizeof(ReduceColumnsStorage<N>), stream, outputs, added, each, x, to);
    });
}

template <class Op, class T, class Y>
void reduce(const char* op, const Axes<1>& kept, const Axes<1>& reduced, const T* x, Y* y, float scale, Stream stream) {
    constexpr int N = full_pack<T>;
    const bool by_rows = reduced.numel() > 1 && reduced.steps[0][0] == 1;
    const Axes<1>&inner = by_rows ? reduced : kept, &outer = by_rows ? kept : reduced;
    const bool one_run = by_rows && reduced.rank == 1 && inner.sizes[0] >= N;              // may have a tail
    bool packs = fits_packs(x, 0) && (one_run || inner.sizes[0] % N == 0) && (by_rows || fits_packs(y, 0));
    for (int i = 0; i < outer.rank; ++i) packs = packs && (outer.steps[0][i] % N == 0 || outer.sizes[i] == 1);
    for (int i = 1; i < inner.rank; ++i) packs = packs && inner.steps[0][i] % N == 0;
    if (by_rows) packs ? rows<Op, N>(op, kept, reduced, x, y, scale, stream) : rows<Op, 1>(op, kept, reduced, x, y, scale, stream);
    else packs ? columns<Op, N>(op, kept, reduced, x, y, scale, stream) : columns<Op, 1>(op, kept, reduced, x, y, scale, stream);
}

// ---- the gradient of max, and argmax -----------------------------------------------------------------------------------

template <class T>
__device__ bool is_top(float x, float top) { return x == top || (x != x && top != top); }

/// A warp a row, 32 elements at a time.
template <class T>
__global__ void __launch_bounds__(threads) max_grad_rows(const T* dy, const T* y, const T* x, T* dx, std::int64_t outer, std::int64_t n) {
    const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
    if (row >= outer) return;
    const float top = load(y + row), grad = load(dy + row);
    bool open = true;
    for (std::int64_t base = 0; base < n; base += warp_size) {
        const std::int64_t i = base + threadIdx.x;
        const unsigned found = __ballot_sync(all_lanes, open && i < n && is_top<T>(load(x + row * n + i), top));
        const int first = __ffs(static_cast<int>(found)) - 1;                                  // -1: none
        if (i < n) store(dx + row * n + i, static_cast<int>(threadIdx.x) == first ? grad : 0.0F);
        open = open && found == 0;
    }
}

/// A thread a column.
template <class T>
__global__ void __launch_bounds__(threads) max_grad_columns(const T* dy, const T* y, const T* x, T* dx, std::int64_t columns, std::int64_t n,
                                                            std::int64_t inner) {
    const std::int64_t column = thread_of_grid();
    if (column >= columns) return;
    const std::int64_t from = (column / inner) * n * inner + column % inner;
    const float top = load(y + column), grad = load(dy + column);
    bool open = true;
    for (std::int64_t i = 0; i < n; ++i) {
        const bool here = open && is_top<T>(load(x + from + i * inner), top);
        store(dx + from + i * inner, here ? grad : 0.0F);
        open = open && !here;
    }
}

struct Best {
    float value = -INFINITY;
    int at = INT_MAX;
    /// The first NaN, else the first of the largest.
    __device__ void meet(float v, int i) {
        const bool old_nan = value != value, new_nan = v != v;
        const bool better = new_nan ? !old_nan || i < at : !old_nan && (v > value || (v == value && i < at));
        if (better) value = v, at = i;
    }
    __device__ void meet_warp() {
        for (int step = warp_size / 2; step > 0; step /= 2) {
            const float v = __shfl_xor_sync(all_lanes, value, step);
            const int i = __shfl_xor_sync(all_lanes, at, step);
            meet(v, i);
        }
    }
};
struct ArgmaxStorage {
    float values[warp_size];
    int at[warp_size];
};
constexpr int argmax_threads = 1024;

/// A block a row.
template <class T, int N>
__global__ void __launch_bounds__(argmax_threads) argmax_rows(const T* x, std::int32_t* at, int n) {
    ArgmaxStorage& shared = dynamic_shared<ArgmaxStorage>();
    x += static_cast<std::int64_t>(blockIdx.x) * n;
    Best best;
#pragma unroll 4
    for (int i = static_cast<int>(threadIdx.x) * N; i < n; i += static_cast<int>(blockDim.x) * N) {
        const pack<T, N> values = load_pack<N>(x + i);
#pragma unroll
        for (int j = 0; j < N; ++j) best.meet(values[j], i + j);
    }
    best.meet_warp();
    if (lane_of_warp() == 0) shared.values[warp_of_block()] = best.value, shared.at[warp_of_block()] = best.at;
    __syncthreads();
    if (warp_of_block() != 0) return;
    best = Best{};
    if (lane_of_warp() < warps_of_block()) best.value = shared.values[lane_of_warp()], best.at = shared.at[lane_of_warp()];
    best.meet_warp();
    if (threadIdx.x == 0) at[blockIdx.x] = best.at;
}

}  // namespace

/// y has x's rank; axes on which y is 1 are summed over, the sum is multiplied by `scale` (0 for a sum of nothing).
void sum(Ref x, Ref y, float scale, Stream stream) {
    if (x.numel() == 0) return fill(y, 0, stream);
    by_dtype("sum", x.dtype, [&](auto t) {
        using T = decltype(t);
        Axes<1> kept, reduced;
        std::int64_t step = 1;
        for (int i = x.rank - 1; i >= 0; --i) {
            (y.sizes[i] == x.sizes[i] ? kept : reduced).add(x.sizes[i], {step});
            step *= x.sizes[i];
        }
        kept.close(), reduced.close();
        reduce<Sum>("sum", kept, reduced, x.as<const T>(), y.as<T>(), scale, stream);
    });
    check_launch("sum");
}

/// x [outer, n, inner], n > 0 -> y [outer, inner], the maximum; NaN wins.
void max(Ref x, Ref y, Stream stream) {
    if (x.numel() == 0) return;
    by_dtype("max", x.dtype, [&](auto t) {
        using T = decltype(t);
        Axes<1> kept, reduced;
        kept.add(x.sizes[2], {1});
        kept.add(x.sizes[0], {x.sizes[1] * x.sizes[2]});
        reduced.add(x.sizes[1], {x.sizes[2]});
        kept.close(), reduced.close();
        reduce<Max>("max", kept, reduced, x.as<const T>(), y.as<T>(), 1, stream);
    });
    check_launch("max");
}

/// dx [outer, n, inner] = dy [outer, inner] at the first place where x equals y (NaN equals NaN), else 0.
void max_grad(Ref dy, Ref y, Ref x, Ref dx, Stream stream) {
    const std::int64_t outer = x.sizes[0], n = x.sizes[1], inner = x.sizes[2];
    by_dtype("max_grad", x.dtype, [&](auto t) {
        using T = decltype(t);
        if (inner == 1)
            launch(max_grad_rows<T>, blocks(outer, rows_a_block), dim3(warp_size, rows_a_block), 0, stream, dy.as<T>(), y.as<T>(), x.as<T>(),
                   dx.as<T>(), outer, n);
        else
            launch(max_grad_columns<T>, blocks(outer * inner, threads), dim3(threads), 0, stream, dy.as<T>(), y.as<T>(), x.as<T>(),
                   dx.as<T>(), outer * inner, n, inner);
    });
    check_launch("max_grad");
}

/// at (i32) [rows] = place of the row's maximum: the first of equals, or the first NaN.
void argmax(Ref x, Ref at, Stream stream) {
    const int n = static_cast<int>(x.last());
    by_dtype("argmax", x.dtype, [&](auto t) {
        using T = decltype(t);
        constexpr int N = full_pack<T>;
        const bool packs = fits_packs(x.as<T>(), n);
        const unsigned lanes = blocks(blocks(n, packs ? N : 1), warp_size) * warp_size;
        launch(packs ? argmax_rows<T, N> : argmax_rows<T, 1>, blocks(at.numel(), 1), std::min<unsigned>(lanes, argmax_threads),
               sizeof(ArgmaxStorage), stream, x.as<T>(), at.as<std::int32_t>(), n);
    });
    check_launch("argmax");
}

}  // namespace svad::cuda
