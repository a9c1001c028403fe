// SPDX-License-Identifier: Apache-2.0
// softmax, log_softmax, l2_normalize over the last axis and their gradients, f32 and bf16, all sums in f32.
// x, y, dy, dx [R, D] contiguous; norm of l2_normalize [R], f32 whatever x is. Threads: a warp or a block a row (rows.cuh).
// Traffic: forward 1 read + 1 write, gradients 2 reads + 1 write; rows wider than registers (16384 elements of bf16) are
// read twice. Bound by memory.
#include "rows.cuh"

#include "svad/backend/cuda/ops.hpp"

namespace svad::cuda {

namespace {

template <class T, int N, bool Wide, bool Kept, bool Log>
__global__ void __launch_bounds__(row_block_limit<Wide>) softmax_forward(const T* x, T* y, std::int64_t rows, int width) {
    const std::int64_t row = row_of_thread();
    if (row >= rows) return;                                              // whole warps, or the block, leave together
    const RowPart<T, N, Kept> part(x + row * width, width);
    const Exponentials all = row_exponentials<Wide>(part);
    const float scale = 1.0F / all.sum, log_sum = logf(all.sum);
    part.each([&](int, int i, const pack<T, N>& in) {
        pack<T, N> out;
#pragma unroll
        for (int j = 0; j < N; ++j) {
            if constexpr (Log) out.set(j, (in[j] - all.top) - log_sum);
            else if (all.top == -INFINITY) out.set(j, in[j] == all.top ? 0.0F : in[j]);      // masked, or NaN
            else out.set(j, exp_of<T>(in[j], all.shift) * scale);
        }
        store_pack(y + row * width + i, out);
    });
}

/// softmax: (dy - sum(dy y)) y; log_softmax: dy - exp(y) sum(dy).
template <class T, int N, bool Wide, bool Kept, bool Log>
__global__ void __launch_bounds__(row_block_limit<Wide>) softmax_backward(const T* dy, const T* y, T* dx, std::int64_t rows, int width) {
    const std::int64_t row = row_of_thread();
    if (row >= rows) return;
    const RowPart<T, N, Kept> grad(dy + row * width, width), result(y + row * width, width);
    float sum = 0;
    if constexpr (Log) sum = grad.sum([](float g) { return g; });
    else each_of_both(grad, result, [&](int, int, const pack<T, N>& g, const pack<T, N>& p) {
#pragma unroll
        for (int j = 0; j < N; ++j) sum += g[j] * p[j];
    });
    sum = row_sum<Wide>(sum);
    each_of_both(grad, result, [&](int, int i, const pack<T, N>& g, const pack<T, N>& p) {
        pack<T, N> out;
#pragma unroll
        for (int j = 0; j < N; ++j) out.set(j, Log ? g[j] - exp_of<T>(p[j], 0.0F) * sum : (g[j] - sum) * p[j]);
        store_pack(dx + row * width + i, out);
    });
}

template <class T, int N, bool Wide, bool Kept>
__global__ void __launch_bounds__(row_block_limit<Wide>) l2_forward(const T* x, T* y, float* norm, std::int64_t rows, int width, float eps) {
    const std::int64_t row = row_of_thread();
    if (row >= rows) return;
    const RowPart<T, N, Kept> part(x + row * width, width);
    const float length = sqrtf(row_sum<Wide>(part.sum([](float v) { return v * v; })));
    const float divisor = length < eps ? eps : length, scale = 1.0F / divisor;               // NaN stays
    part.each([&](int, int i, const pack<T, N>& in) {
        pack<T, N> out;
#pragma unroll
        for (int j = 0; j < N; ++j) out.set(j, in[j] * scale);
        store_pack(y + row * width + i, out);
    });
    if (threadIdx.x == 0) norm[row] = divisor;
}

template <class T, int N, bool Wide, bool Kept>
__global__ void __launch_bounds__(row_block_limit<Wide>) l2_backward(const T* dy, const T* y, const float* norm, T* dx, std::int64_t rows,
                                                                     int width, float eps) {
    const std::int64_t row = row_of_thread();
    if (row >= rows) return;
    const RowPart<T, N, Kept> grad(dy + row * width, width), result(y + row * width, width);
    float along = 0;
    each_of_both(grad, result, [&](int, int, const pack<T, N>& g, const pack<T, N>& u) {
#pragma unroll
        for (int j = 0; j < N; ++j) along += g[j] * u[j];
    });
    along = row_sum<Wide>(along);
    const float divisor = norm[row], scale = 1.0F / divisor;
    if (divisor <= eps) along = 0;
    each_of_both(grad, result, [&](int, int i, const pack<T, N>& g, const pack<T, N>& u) {
        pack<T, N> out;
#pragma unroll
        for (int j = 0; j < N; ++j) out.set(j, (g[j] - u[j] * along) * scale);
        store_pack(dx + row * width + i, out);
    });
}

/// Calls f(T, N, Wide, Kept, width, queue): queue(kernel, arguments...) launches over the rows, every row of x, y, dx alike.
template <class F>
void over_rows(const char* op, Ref x, Ref y, Ref dx, Stream stream, F&& f) {
    const std::int64_t rows = x.numel() == 0 ? 0 : x.rows();
    const int width = static_cast<int>(x.last());
    by_dtype(op, x.dtype, [&](auto t) {
        using T = decltype(t);
        const bool packs = fits_packs(x.as<T>(), width) && fits_packs(y.as<T>(), width) && fits_packs(dx.as<T>(), width);
        by_row_form<T>(packs, width, [&](auto n, auto wide, auto kept, dim3 block) {
            f(t, n, wide, kept, [&](auto kernel, auto... arguments) {
                launch(kernel, blocks(rows, block.y), block, wide() ? sizeof(RowStorage) : 0, stream, arguments...);
            }, rows, width);
        });
    });
    check_launch(op);
}

template <bool Log>
void softmax_to(const char* op, Ref x, Ref y, Stream stream) {
    over_rows(op, x, y, y, stream, [&](auto t, auto n, auto wide, auto kept, auto queue, std::int64_t rows, int width) {
        using T = decltype(t);
        queue(softmax_forward<T, n(), wide(), kept(), Log>, x.as<T>(), y.as<T>(), rows, width);
    });
}
template <bool Log>
void softmax_grad_to(const char* op, Ref dy, Ref y, Ref dx, Stream stream) {
    over_rows(op, dy, y, dx, stream, [&](auto t, auto n, auto wide, auto kept, auto queue, std::int64_t rows, int width) {
        using T = decltype(t);
        queue(softmax_backward<T, n(), wide(), kept(), Log>, dy.as<T>(), y.as<T>(), dx.as<T>(), rows, width);
    });
}

}  // namespace

/// Row-wise over the last axis. A row that is minus infinity throughout gives zeros.
void softmax(Ref x, Ref y, Stream stream) { softmax_to<false>("softmax", x, y, stream); }
/// dx = (dy - sum(dy y)) y.
void softmax_grad(Ref dy, Ref y, Ref dx, Stream stream) { softmax_grad_to<false>("softmax_grad", dy, y, dx, stream); }
void log_softmax(Ref x, Ref y, Stream stream) { softmax_to<true>("log_softmax", x, y, stream); }
/// dx = dy - exp(y) sum(dy).
void log_softmax_grad(Ref dy, Ref y, Ref dx, Stream stream) { softmax_grad_to<true>("log_softmax_grad", dy, y, dx, stream); }

/// norm (f32) [rows] = max(|x|, eps), y = x / norm.
void l2_normalize(Ref x, Ref y, Ref norm, double eps, Stream stream) {
    over_rows("l2_normalize", x, y, y, stream, [&](auto t, auto n, auto wide, auto kept, auto queue, std::int64_t rows, int width) {
        using T = decltype(t);
        queue(l2_forward<T, n(), wide(), kept()>, x.as<T>(), y.as<T>(), norm.as<float>(), rows, width, static_cast<float>(eps));
    });
}

/// dx = (dy - y sum(dy y)) / norm, without the second term where norm <= eps.
void l2_normalize_grad(Ref dy, Ref y, Ref norm, Ref dx, double eps, Stream stream) {
    over_rows("l2_normalize_grad", dy, y, dx, stream, [&](auto t, auto n, auto wide, auto kept, auto queue, std::int64_t rows, int width) {
        using T = decltype(t);
        queue(l2_backward<T, n(), wide(), kept()>, dy.as<T>(), y.as<T>(), norm.as<float>(), dx.as<T>(), rows, width, static_cast<float>(eps));
    });
}

}  // namespace svad::cuda
