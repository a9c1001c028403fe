// SPDX-License-Identifier: Apache-2.0
// batch_norm with given statistics, and the gradients of its weight and bias; that of x is batch_norm without its shifts.
// x, y, dy [B, C, inner] contiguous, w, b [C], f32 or bf16; mean, var [C] f32.
// Forward: a thread for each 16 bytes of a row of `inner`, 256 a block (an element where it does not fit); 1 read + 1 write.
// Gradient: a block of 512 a channel, whose threads add the same elements in the same order everywhere; 2 reads. Bound by
// memory, the gradient only where there are channels enough for the processors (64 and more in published models).
#include "strided.cuh"

#include "svad/backend/cuda/ops.hpp"

namespace svad::cuda {

namespace {

constexpr int grad_threads = 512;

template <class T, int N>
__global__ void __launch_bounds__(map_threads) batch_norm_forward(Walk<2> walk, const T* x, const T* w, const T* b, const float* mean,
                                                                  const float* var, T* y, float eps) {
    const std::int64_t i = thread_of_grid();
    if (i >= walk.count) return;
    const Place<2> place = walk(static_cast<std::uint32_t>(i), N);               // of x, and of the channel
    const std::int64_t c = place.at[1];
    const float shift = load(b + c), centre = mean[c], scale = load(w + c) * rsqrtf(var[c] + eps);
    const pack<T, N> in = load_pack<N>(x + place.at[0]);
    pack<T, N> out;
#pragma unroll
    for (int j = 0; j < N; ++j) out.set(j, (in[j] - centre) * scale + shift);
    store_pack(y + place.at[0], out);
}

struct BatchNormStorage {
    WarpValues values;
};
template <class T, int N>
__global__ void __launch_bounds__(grad_threads) batch_norm_backward(Walk<1> channel, const T* dy, const T* x, const float* mean, const float* var,
                                                                    T* out, int channels, std::int64_t inner, float eps) {
    WarpValues& values = dynamic_shared<BatchNormStorage>().values;
    const std::int64_t c = blockIdx.x;
    const float centre = mean[c];
    float dw = 0, db = 0;
    for (std::uint32_t i = threadIdx.x; i < channel.count; i += blockDim.x) {
        const std::int64_t at = c * inner + channel(i, N).at[0];
        const pack<T, N> g = load_pack<N>(dy + at), in = load_pack<N>(x + at);
#pragma unroll
        for (int j = 0; j < N; ++j) {
            dw += g[j] * (in[j] - centre);
            db += g[j];
        }
    }
    dw = block_sum(dw, values);
    db = block_sum(db, values);
    if (threadIdx.x != 0) return;
    store(out + c, dw * rsqrtf(var[c] + eps));
    store(out + channels + c, db);
}

}  // namespace

/// x [B, C, inner], w and b [C], mean and var (f32) [C]: y = (x - mean) / sqrt(var + eps) w + b.
void batch_norm(Ref x, Ref w, Ref b, Ref mean, Ref var, Ref y, double eps, Stream stream) {
    Axes<2> all;                                                                 // not joined: the channel is one of them
    all.rank = 3;
    const std::int64_t inner = x.sizes[2], steps[3][2] = {{1, 0}, {inner, 1}, {inner * x.sizes[1], 0}};
    for (int i = 0; i < 3; ++i) {
        all.sizes[i] = x.sizes[2 - i];
        for (int k = 0; k < 2; ++k) all.steps[k][i] = steps[i][k];
    }
    by_dtype("batch_norm", x.dtype, [&](auto t) {
        using T = decltype(t);
        constexpr int N = full_pack<T>;
        const bool packs = fits_packs(x.as<T>(), inner) && fits_packs(y.as<T>(), inner);
        in_parts(all, most_elements, [&](const Axes<2>& axes) {
            const Walk<2> walk(axes, packs ? N : 1);
            launch(packs ? batch_norm_forward<T, N> : batch_norm_forward<T, 1>, blocks(walk.count, map_threads), dim3(map_threads), 0, stream,
                   walk, x.as<T>() + axes.start[0], w.as<T>() + axes.start[1], b.as<T>() + axes.start[1], mean.as<float>() + axes.start[1],
                   var.as<float>() + axes.start[1], y.as<T>() + axes.start[0], static_cast<float>(eps));
        });
    });
    check_launch("batch_norm");
}

/// out [2, C]: sums over B and inner of dy (x - mean) / sqrt(var + eps), and of dy; dy, x [B, C, inner].
void batch_norm_grad(Ref dy, Ref x, Ref mean, Ref var, Ref out, double eps, Stream stream) {
    const std::int64_t channels = x.sizes[1], inner = x.sizes[2];
    if (x.numel() == 0) return fill(out, 0, stream);
    Axes<1> channel;                                                             // the elements of one channel
    channel.add(inner, {1});
    channel.add(x.sizes[0], {channels * inner});
    channel.close();
    by_dtype("batch_norm_grad", x.dtype, [&](auto t) {
        using T = decltype(t);
        constexpr int N = full_pack<T>;
        const bool packs = fits_packs(x.as<T>(), inner) && fits_packs(dy.as<T>(), inner);
        launch(packs ? batch_norm_backward<T, N> : batch_norm_backward<T, 1>, static_cast<unsigned>(channels), dim3(grad_threads),
               sizeof(BatchNormStorage), stream, Walk<1>(channel, packs ? N : 1), dy.as<T>(), x.as<T>(), mean.as<float>(), var.as<float>(),
               out.as<T>(), static_cast<int>(channels), inner, static_cast<float>(eps));
    });
    check_launch("batch_norm_grad");
}

}  // namespace svad::cuda
