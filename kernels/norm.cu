// SPDX-License-Identifier: Apache-2.0
// layer_norm and rms_norm over the last axis, forward and backward, f32 and bf16; all sums in f32.
// x, y, dy [R, D] contiguous, w and b [D]; stats, f32 whatever x is: [R, 2] mean and 1 / deviation, or [R] 1 / rms.
// Threads: a warp or a block a row (rows.cuh), which is kept in registers, so x is read once even though the variance is
// that of the centred row; rows wider than registers are read again instead.
// Traffic: forward 1 read + 1 write of x; backward 2 reads + 1 write, the weights once a block, and the partial weight
// sums, 264 lines of [2, D] f32 at most. Bound by memory.
// Weight gradients: a fixed set of blocks adds rows in a fixed order to its own line of partial sums, a second kernel
// adds the lines in order. Rejected: float atomics (order differs between runs) and a pass of its own over x and dy.
#include "rows.cuh"

namespace svad::cuda {

namespace {

constexpr int most_lines = 264;      // two blocks for each of the 132 processors of an H100

template <class T, int N, bool Wide, bool Kept, bool Centred>
__global__ void __launch_bounds__(row_block_limit<Wide>) norm_forward(const T* x, const T* w, const T* b, T* y, float* stats,
                                                                   std::int64_t rows, int width, float eps) {
    const std::int64_t row = row_of_thread();
    if (row >= rows) return;                                                  // whole warps, or the block, leave together
    const RowPart<T, N, Kept> part(x + row * width, width);
    const float share = 1.0F / static_cast<float>(width);
    const float mean = Centred ? row_sum<Wide>(part.sum([](float v) { return v; })) * share : 0.0F;
    const float var = row_sum<Wide>(part.sum([=](float v) { return square(v - mean); })) * share;
    const float scale = rsqrtf(var + eps);

    part.each([&](int, int i, const pack<T, N>& in) {
        const pack<T, N> weight = load_pack<N>(w + i);
        pack<T, N> shift, out;
        if constexpr (Centred) shift = load_pack<N>(b + i);
#pragma unroll
        for (int j = 0; j < N; ++j) {
            const float v = (in[j] - mean) * scale * weight[j];
            if constexpr (Centred) out.set(j, v + shift[j]);
            else out.set(j, v);
        }
        store_pack(y + row * width + i, out);
    });
    if (threadIdx.x == 0) {
        if constexpr (Centred) stats[2 * row] = mean, stats[2 * row + 1] = scale;
        else stats[row] = scale;
    }
}

/// N floats by packs; the pointer is aligned to N floats, or to 16 bytes.
template <int N>
__device__ void store_floats(float* to, const float (&values)[N]) {
    constexpr int M = N < 4 ? N : 4;
#pragma unroll
    for (int i = 0; i < N; i += M) {
        pack<float, M> part;
#pragma unroll
        for (int j = 0; j < M; ++j) part.set(j, values[i + j]);
        store_pack(to + i, part);
    }
}

// With h = (x - mean) r and g = dy w: dx = r (g - mean(g) - h mean(g h)), dw = sum of dy h, db = sum of dy;
// rms_norm is the same with mean = 0 and without the term mean(g). Each row of threads adds its weight sums to a line of
// `lines` [2, D] of its own; it visits the same rows, in the same order, wherever it runs.
template <class T, int N, bool Wide, bool Kept, bool Centred>
__global__ void __launch_bounds__(row_block_limit<Wide>) norm_backward(const T* dy, const float* stats, const T* x, const T* w, T* dx, float* lines,
                                                                    std::int64_t rows, int width) {
    const std::int64_t line = row_of_thread();
    const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
    float* dw = lines + line * 2 * width;
    float* db = dw + width;
    float sum_dw[Kept ? packs_a_thread : 1][N] = {}, sum_db[Kept && Centred ? packs_a_thread : 1][N] = {};

    for (std::int64_t row = line; row < rows; row += step) {
        const RowPart<T, N, Kept> in(x + row * width, width), grad(dy + row * width, width);
        const float mean = Centred ? stats[2 * row] : 0.0F, scale = Centred ? stats[2 * row + 1] : stats[row];
        const float share = 1.0F / static_cast<float>(width);
        float sum_g = 0, sum_gh = 0;
        grad.each([&](int k, int i, const pack<T, N>& g) {
            const pack<T, N> weight = load_pack<N>(w + i), value = Kept ? in.kept[Kept ? k : 0] : load_pack<N>(x + row * width + i);
#pragma unroll
            for (int j = 0; j < N; ++j) {
                const float h = (value[j] - mean) * scale;
                sum_g += g[j] * weight[j];
                sum_gh += g[j] * weight[j] * h;
                if constexpr (Kept) {
                    sum_dw[k][j] += g[j] * h;
                    if constexpr (Centred) sum_db[k][j] += g[j];
                } else {                                            // the line itself is the sum: only this thread touches it
                    dw[i + j] = (row == line ? 0.0F : dw[i + j]) + g[j] * h;
                    db[i + j] = Centred ? (row == line ? 0.0F : db[i + j]) + g[j] : 0.0F;
                }
            }
        });
        const float a = Centred ? row_sum<Wide>(sum_g) * share : 0.0F, c = row_sum<Wide>(sum_gh) * share;
        grad.each([&](int k, int i, const pack<T, N>& g) {
            const pack<T, N> weight = load_pack<N>(w + i), value = Kept ? in.kept[Kept ? k : 0] : load_pack<N>(x + row * width + i);
            pack<T, N> out;
#pragma unroll
            for (int j = 0; j < N; ++j) out.set(j, scale * (g[j] * weight[j] - a - (value[j] - mean) * scale * c));
            store_pack(dx + row * width + i, out);
        });
    }
    if constexpr (Kept) {
#pragma unroll
        for (int k = 0; k < packs_a_thread; ++k) {
            const int first = RowPart<T, N, Kept>::first(k);
            if (first >= width) break;
            store_floats<N>(dw + first, sum_dw[k]);
            if constexpr (Centred) store_floats<N>(db + first, sum_db[k]);
            else store_floats<N>(db + first, {});
        }
    }
}

/// out [columns] = the sum over lines [count, columns], in order. A warp adds 32 columns of every eighth line; the block's
/// eight partial sums are added in order.
constexpr int line_groups = 8;
struct LineStorage {
    float sums[line_groups][warp_size];
};
template <class T>
__global__ void norm_add_lines(const float* lines, T* out, int count, int columns) {
    LineStorage& shared = dynamic_shared<LineStorage>();
    const int column = static_cast<int>(blockIdx.x * warp_size + threadIdx.x);
    float sum = 0;
    if (column < columns)
        for (int line = static_cast<int>(threadIdx.y); line < count; line += line_groups)
            sum += lines[static_cast<std::int64_t>(line) * columns + column];
    shared.sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y != 0 || column >= columns) return;
    for (int group = 1; group < line_groups; ++group) sum += shared.sums[group][threadIdx.x];
    store(out + column, sum);
}

// ---- choosing the form -----------------------------------------------------------------------------------------------

template <bool Centred>
void norm(const char* op, Ref x, Ref w, Ref b, Ref y, Ref stats, double eps, Stream stream) {
    const std::int64_t rows = x.numel() == 0 ? 0 : x.rows();
    const int width = static_cast<int>(x.last());
    by_dtype(op, x.dtype, [&](auto t) {
        using T = decltype(t);
        const bool packs = fits_packs(x.as<T>(), width) && fits_packs(w.as<T>(), width) && fits_packs(b.as<T>(), width) &&
                           fits_packs(y.as<T>(), width);
        by_row_form<T>(packs, width, [&](auto n, auto wide, auto kept, dim3 block) {
            launch(norm_forward<T, n(), wide(), kept(), Centred>, blocks(rows, block.y), block, wide() ? sizeof(RowStorage) : 0,
                   stream, x.as<T>(), w.as<T>(), b.as<T>(), y.as<T>(), stats.as<float>(), rows, width, static_cast<float>(eps));
        });
    });
    check_launch(op);
}

template <bool Centred>
void norm_grad(const char* op, Ref dy, Ref stats, Ref x, Ref w, Ref out, Stream stream) {
    const std::int64_t rows = x.numel() == 0 ? 0 : x.rows();
    const int width = static_cast<int>(x.last());
    by_dtype(op, x.dtype, [&](auto t) {
        using T = decltype(t);
        T* dx = out.as<T>();
        const bool packs = fits_packs(x.as<T>(), width) && fits_packs(w.as<T>(), width) && fits_packs(dy.as<T>(), width) &&
                           fits_packs(dx, width);
        by_row_form<T>(packs, width, [&](auto n, auto wide, auto kept, dim3 block) {
            const unsigned grid = rows > most_lines * std::int64_t(block.y) ? most_lines : blocks(rows, block.y);
            // A warp without a row, at the end of the last block, still writes its line: zeros.
            const int lines = static_cast<int>(grid * block.y);
            const Workspace workspace(op, static_cast<std::size_t>(lines) * 2 * static_cast<std::size_t>(width) * sizeof(float), stream);
            launch(norm_backward<T, n(), wide(), kept(), Centred>, grid, block, wide() ? sizeof(RowStorage) : 0, stream,
                   dy.as<T>(), stats.as<float>(), x.as<T>(), w.as<T>(), dx, workspace.as<float>(), rows, width);
            launch(norm_add_lines<T>, blocks(2 * std::int64_t(width), warp_size), dim3(warp_size, line_groups), sizeof(LineStorage),
                   stream, workspace.as<float>(), dx + out.numel() - 2 * width, lines, 2 * width);
        });
    });
    check_launch(op);
}

}  // namespace

/// y = (x - mean) / sqrt(var + eps) w + b for every row; stats [R, 2] f32 = mean, 1 / sqrt(var + eps).
void layer_norm(Ref x, Ref w, Ref b, Ref y, Ref stats, double eps, Stream stream) {
    norm<true>("layer_norm", x, w, b, y, stats, eps, stream);
}

/// out [R + 2, D] = dx, dw, db from dy, the stats of layer_norm, x and w.
void layer_norm_grad(Ref dy, Ref stats, Ref x, Ref w, Ref out, Stream stream) {
    norm_grad<true>("layer_norm_grad", dy, stats, x, w, out, stream);
}

/// y = x / sqrt(mean(x^2) + eps) w for every row; stats [R] f32 = 1 / sqrt(mean(x^2) + eps).
void rms_norm(Ref x, Ref w, Ref y, Ref stats, double eps, Stream stream) {
    norm<false>("rms_norm", x, w, Ref{}, y, stats, eps, stream);
}

/// out [R + 2, D] = dx, dw, zeros from dy, the stats of rms_norm, x and w.
void rms_norm_grad(Ref dy, Ref stats, Ref x, Ref w, Ref out, Stream stream) {
    norm_grad<false>("rms_norm_grad", dy, stats, x, w, out, stream);
}

}  // namespace svad::cuda
