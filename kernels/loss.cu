// SPDX-License-Identifier: Apache-2.0
// Cross entropy of scores [n, V] (f32 or bf16) against labels [n] i32, with ignored labels and smoothing, and binary cross
// entropy; losses and sums in f32, in fixed order. Per row, with label t and smoothing s:
//     loss = lse(x) - (1 - s) x_t - s mean(x),   dx = (softmax(x) - (1 - s) onehot(t) - s / V) * dy * share.
// Threads: a warp or a block a row (rows.cuh); totals by one block of 1024.
// Traffic: loss 1 read of the scores, maximum and sum in one pass; gradient 2 reads + 1 write, in place if dx is x, 1 read
// where a row fits into registers (16384 of bf16); ignored rows are not read. Bound by memory.
// linear_cross_entropy is these two on chunks of scores that gemm() makes: the scores never exist whole.
#include "rows.cuh"
#include "strided.cuh"

#include "svad/backend/cuda/ops.hpp"

namespace svad::cuda {

namespace {

constexpr int total_threads = 1024;
constexpr int part_threads = 256, most_parts = 264;

template <class T, int N, bool Wide, bool Kept>
__global__ void __launch_bounds__(row_block_limit<Wide>) cross_entropy_forward(const T* x, const std::int32_t* labels, float* losses,
                                                                               std::int64_t rows, int width, CrossEntropy options) {
    const std::int64_t row = row_of_thread();
    if (row >= rows) return;                                              // whole warps, or the block, leave together
    const std::int32_t label = labels[row];
    if (label == options.ignore) {
        if (threadIdx.x == 0) losses[row] = 0;
        return;
    }
    const RowPart<T, N, Kept> part(x + row * width, width);
    const Exponentials all = row_exponentials<Wide>(part);
    float spread = 0;                                                     // top - mean(x)
    if (options.smoothing > 0) spread = row_sum<Wide>(part.sum([=](float v) { return all.top - v; })) / static_cast<float>(width);
    if (threadIdx.x == 0)
        losses[row] = logf(all.sum) + (1.0F - options.smoothing) * (all.top - load(x + row * width + label)) + options.smoothing * spread;
}

template <class T, int N, bool Wide, bool Kept>
__global__ void __launch_bounds__(row_block_limit<Wide>) cross_entropy_backward(const float* dy, int dy_step, const float* share, const T* x,
                                                                                const std::int32_t* labels, T* dx, std::int64_t rows, int width,
                                                                                CrossEntropy options) {
    const std::int64_t row = row_of_thread();
    if (row >= rows) return;
    const std::int32_t label = labels[row];
    dx += row * width;
    if (label == options.ignore) {
        pack<T, N> zeros;
#pragma unroll
        for (int j = 0; j < N; ++j) zeros.set(j, 0.0F);
        for (int i = static_cast<int>(threadIdx.x) * N; i < width; i += static_cast<int>(blockDim.x) * N) store_pack(dx + i, zeros);
        return;
    }
    const RowPart<T, N, Kept> part(x + row * width, width);
    const Exponentials all = row_exponentials<Wide>(part);                // ends with a barrier: dx may overwrite x
    const float scale = dy[row * dy_step] * (share ? *share : 1.0F), factor = scale / all.sum;
    const float less = scale * options.smoothing / static_cast<float>(width), hit = scale * (1.0F - options.smoothing);
    part.each([&](int, int i, const pack<T, N>& in) {
        pack<T, N> out;
#pragma unroll
        for (int j = 0; j < N; ++j) out.set(j, exp_of<T>(in[j], all.shift) * factor - less - (i + j == label ? hit : 0.0F));
        store_pack(dx + i, out);
    });
}

struct TotalStorage {
    WarpValues values;
};

/// y = f(0) + ... + f(n - 1), times `scale` and times *share if there is one, by one block.
template <class F>
__global__ void __launch_bounds__(total_threads) total_of(F f, std::int64_t n, const float* share, float scale, float* y) {
    float sum = 0;
    for (std::int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += f(i);
    sum = block_sum(sum, dynamic_shared<TotalStorage>().values);
    if (threadIdx.x == 0) *y = sum * scale * (share ? *share : 1.0F);
}
struct Element {
    const float* x;
    __device__ float operator()(std::int64_t i) const { return x[i]; }
};

__global__ void __launch_bounds__(total_threads) share_of_labels(const std::int32_t* labels, std::int64_t n, std::int32_t ignore, float* share) {
    int count = 0;
    for (std::int64_t base = 0; base < n; base += blockDim.x)
        count += __syncthreads_count(base + threadIdx.x < n && labels[base + threadIdx.x] != ignore);
    if (threadIdx.x == 0) *share = 1.0F / static_cast<float>(count > 1 ? count : 1);
}

/// A line of partial sums: block b adds elements of its own, the same in every run.
template <class T>
__global__ void __launch_bounds__(part_threads) binary_parts(const T* x, const float* targets, const float* weights, std::int64_t n, float* parts) {
    float sum = 0;
    for (std::int64_t i = thread_of_grid(); i < n; i += threads_of_grid()) {
        const float v = load(x + i);
        sum += (weights ? weights[i] : 1.0F) * ((v < 0.0F ? 0.0F : v) - v * targets[i] + log1pf(expf(-fabsf(v))));
    }
    sum = block_sum(sum, dynamic_shared<TotalStorage>().values);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

struct BinarySlope {
    const float* dy;
    float share;                                                          // 1 / n
    __device__ float operator()(float x, float target) const { return *dy * share * (1.0F / (1.0F + expf(-x)) - target); }
    __device__ float operator()(float x, float target, float weight) const { return (*this)(x, target) * weight; }
};

void total(std::int64_t n, const float* x, const float* share, float scale, float* y, Stream stream) {
    launch(total_of<Element>, 1U, dim3(total_threads), sizeof(TotalStorage), stream, Element{x}, n, share, scale, y);
}

}  // namespace

/// share (f32) [1] = 1 / max(1, labels that count).
void label_share(Ref labels, Ref share, const CrossEntropy& options, Stream stream) {
    launch(share_of_labels, 1U, dim3(total_threads), 0, stream, labels.as<std::int32_t>(), labels.numel(), options.ignore, share.as<float>());
    check_launch("label_share");
}

/// losses (f32) [n] of the rows of x [n, V]; 0 for ignored rows.
void cross_entropy(Ref x, Ref labels, Ref losses, const CrossEntropy& options, Stream stream) {
    const std::int64_t rows = x.numel() == 0 ? 0 : x.rows();
    const int width = static_cast<int>(x.last());
    by_dtype("cross_entropy", x.dtype, [&](auto t) {
        using T = decltype(t);
        by_row_form<T>(fits_packs(x.as<T>(), width), width, [&](auto n, auto wide, auto kept, dim3 block) {
            launch(cross_entropy_forward<T, n(), wide(), kept()>, blocks(rows, block.y), block, wide() ? sizeof(RowStorage) : 0, stream,
                   x.as<T>(), labels.as<std::int32_t>(), losses.as<float>(), rows, width, options);
        });
    });
    check_launch("cross_entropy");
}

/// dx = (softmax(x) - (1 - s) onehot - s / V) * dy * share, 0 in ignored rows. dy (f32): [n], or one element for all rows;
/// share (f32) [1] or absent (1). dx may be x.
void cross_entropy_grad(Ref dy, Ref share, Ref x, Ref labels, Ref dx, const CrossEntropy& options, Stream stream) {
    const std::int64_t rows = x.numel() == 0 ? 0 : x.rows();
    const int width = static_cast<int>(x.last());
    by_dtype("cross_entropy_grad", x.dtype, [&](auto t) {
        using T = decltype(t);
        const bool packs = fits_packs(x.as<T>(), width) && fits_packs(dx.as<T>(), width);
        by_row_form<T>(packs, width, [&](auto n, auto wide, auto kept, dim3 block) {
            launch(cross_entropy_backward<T, n(), wide(), kept()>, blocks(rows, block.y), block, wide() ? sizeof(RowStorage) : 0, stream,
                   dy.as<float>(), dy.numel() == 1 ? 0 : 1, share.as<float>(), x.as<T>(), labels.as<std::int32_t>(), dx.as<T>(), rows, width,
                   options);
        });
    });
    check_launch("cross_entropy_grad");
}

/// y (f32) [1] = sum of losses (f32) [n] times share (f32) [1], or 1 if absent.
void total_loss(Ref losses, Ref share, Ref y, Stream stream) {
    total(losses.numel(), losses.as<float>(), share.as<float>(), 1, y.as<float>(), stream);
    check_launch("total_loss");
}

/// y (f32) [1] = mean of weight (max(x, 0) - x t + log(1 + exp(-|x|))); targets, weights (f32) of x's size, weights may be absent.
void binary_cross_entropy(Ref x, Ref targets, Ref weights, Ref y, Stream stream) {
    const std::int64_t n = x.numel();
    const unsigned grid = static_cast<unsigned>(std::min<std::int64_t>(most_parts, blocks(n, part_threads)));
    const Workspace parts("binary_cross_entropy", grid * sizeof(float), stream);
    by_dtype("binary_cross_entropy", x.dtype, [&](auto t) {
        using T = decltype(t);
        launch(binary_parts<T>, grid, dim3(part_threads), sizeof(TotalStorage), stream, x.as<T>(), targets.as<float>(), weights.as<float>(), n,
               parts.as<float>());
    });
    total(grid, parts.as<float>(), nullptr, 1.0F / static_cast<float>(std::max<std::int64_t>(1, n)), y.as<float>(), stream);
    check_launch("binary_cross_entropy");
}

/// dx = dy (f32) [1] / n * weight * (sigmoid(x) - t).
void binary_cross_entropy_grad(Ref dy, Ref x, Ref targets, Ref weights, Ref dx, Stream stream) {
    const float share = 1.0F / static_cast<float>(std::max<std::int64_t>(1, x.numel()));
    by_dtype("binary_cross_entropy_grad", x.dtype, [&](auto t) {
        using T = decltype(t);
        const BinarySlope slope{dy.as<float>(), share};
        if (weights)
            launch_flat_map(x.numel(), stream, slope, dx.as<T>(), x.as<const T>(), targets.as<const float>(), weights.as<const float>());
        else launch_flat_map(x.numel(), stream, slope, dx.as<T>(), x.as<const T>(), targets.as<const float>());
    });
    check_launch("binary_cross_entropy_grad");
}

}  // namespace svad::cuda
