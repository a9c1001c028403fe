// SPDX-License-Identifier: Apache-2.0
// Convolutions. conv3d: x [B, C, T, H, W] with w [O, C / groups, kt, kh, kw] to y [B, O, t, h, w]; depthwise: 3x3x3 over tokens
// [B, T, H, W, C] with taps [27, C]. f32 and bf16, contiguous, sums in f32.
// conv3d and its gradient for x: a thread for each element of the result, which gathers what it needs, neighbours along W;
// x comes from the caches as often as it has taps. The gradient for w: a block for each element of w, a strided sum over
// batch and places, then a tree: no atomics, the same bits every time. ViT's patches are a product (nn/layers.hpp) and do not
// come here; what comes has small kernels.
// depthwise: a thread for each channel of a place; 27 reads of x that neighbours share, one write; bound by memory.
// Its gradient for the taps: a block of 32 channels by 8 rows of threads for each tap, places dealt to the rows, then the
// eight sums in order.
// Rejected: unfolding into a workspace and a product (27 to 64 times x in memory for kernels that are rarely asked for).
#include "common.cuh"

#include "svad/backend/cuda/ops.hpp"

namespace svad::cuda {

namespace {

constexpr int threads = 256;

/// Sizes and steps of a convolution, in the order T, H, W.
struct Geometry {
    int batches, channels, outputs, groups;
    int in[3], out[3], kernel[3], stride[3], padding[3];

    __host__ __device__ int per_group() const { return channels / groups; }
    __host__ __device__ std::int64_t in_places() const { return static_cast<std::int64_t>(in[0]) * in[1] * in[2]; }
    __host__ __device__ std::int64_t out_places() const { return static_cast<std::int64_t>(out[0]) * out[1] * out[2]; }
    __host__ __device__ int taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

/// The three coordinates of a place in row-major order.
struct Place {
    int at[3];
    __device__ Place(std::int64_t i, const int (&sizes)[3]) {
        at[2] = static_cast<int>(i % sizes[2]);
        at[1] = static_cast<int>(i / sizes[2] % sizes[1]);
        at[0] = static_cast<int>(i / sizes[2] / sizes[1]);
    }
};

/// The place of x that tap k of output place `to` reads, or -1 where it is padding.
__device__ inline std::int64_t source_of(const Geometry& g, const Place& to, const Place& k) {
    std::int64_t index = 0;
    for (int a = 0; a < 3; ++a) {
        const int i = to.at[a] * g.stride[a] - g.padding[a] + k.at[a];
        if (i < 0 || i >= g.in[a]) return -1;
        index = index * g.in[a] + i;
    }
    return index;
}
/// The output place whose tap k reads place `from` of x, or -1 if none does.
__device__ inline std::int64_t reader_of(const Geometry& g, const Place& from, const Place& k) {
    std::int64_t index = 0;
    for (int a = 0; a < 3; ++a) {
        const int i = from.at[a] + g.padding[a] - k.at[a];
        if (i < 0 || i % g.stride[a] != 0 || i / g.stride[a] >= g.out[a]) return -1;
        index = index * g.out[a] + i / g.stride[a];
    }
    return index;
}

template <class T>
__global__ void __launch_bounds__(threads) conv3d_forward(const T* x, const T* w, T* y, Geometry g, std::int64_t n) {
    const std::int64_t i = thread_of_grid();
    if (i >= n) return;
    const std::int64_t places = g.out_places(), row = i / places;
    const int o = static_cast<int>(row % g.outputs), group = o / (g.outputs / g.groups), each = g.per_group(), taps = g.taps();
    const std::int64_t b = row / g.outputs;
    const Place to(i % places, g.out);
    float sum = 0;
    for (int k = 0; k < taps; ++k) {
        const std::int64_t from = source_of(g, to, Place(k, g.kernel));
        if (from < 0) continue;
        const T* in = x + (b * g.channels + group * each) * g.in_places() + from;
        for (int c = 0; c < each; ++c)
            sum += load(in + c * g.in_places()) * load(w + (static_cast<std::int64_t>(o) * each + c) * taps + k);
    }
    store(y + i, sum);
}

template <class T>
__global__ void __launch_bounds__(threads) conv3d_to_input(const T* dy, const T* w, T* dx, Geometry g, std::int64_t n) {
    const std::int64_t i = thread_of_grid();
    if (i >= n) return;
    const std::int64_t places = g.in_places(), row = i / places;
    const int c = static_cast<int>(row % g.channels), each = g.per_group(), group = c / each, outputs = g.outputs / g.groups, taps = g.taps();
    const std::int64_t b = row / g.channels;
    const Place from(i % places, g.in);
    float sum = 0;
    for (int k = 0; k < taps; ++k) {
        const std::int64_t to = reader_of(g, from, Place(k, g.kernel));
        if (to < 0) continue;
        for (int j = 0; j < outputs; ++j) {
            const std::int64_t o = static_cast<std::int64_t>(group) * outputs + j;
            sum += load(dy + (b * g.outputs + o) * g.out_places() + to) * load(w + (o * each + c % each) * taps + k);
        }
    }
    store(dx + i, sum);
}

struct SumStorage {
    WarpValues values;
};

template <class T>
__global__ void __launch_bounds__(threads) conv3d_to_weight(const T* dy, const T* x, T* dw, Geometry g) {
    SumStorage& shared = dynamic_shared<SumStorage>();
    const int taps = g.taps(), each = g.per_group(), k = static_cast<int>(blockIdx.x) % taps;
    const int c = static_cast<int>(blockIdx.x) / taps % each, o = static_cast<int>(blockIdx.x) / taps / each;
    const int channel = o / (g.outputs / g.groups) * each + c;
    const std::int64_t places = g.out_places();
    const Place tap(k, g.kernel);
    float sum = 0;
    for (std::int64_t i = threadIdx.x; i < places * g.batches; i += threads) {
        const std::int64_t b = i / places, from = source_of(g, Place(i % places, g.out), tap);
        if (from < 0) continue;
        sum += load(dy + (b * g.outputs + o) * places + i % places) * load(x + (b * g.channels + channel) * g.in_places() + from);
    }
    sum = block_sum(sum, shared.values);
    if (threadIdx.x == 0) store(dw + blockIdx.x, sum);
}

Geometry geometry_of(const Ref& x, const Ref& w, const Ref& y, const Convolution& options) {
    Geometry g = {};
    g.batches = static_cast<int>(x.size(0)), g.channels = static_cast<int>(x.size(1)), g.outputs = static_cast<int>(w.size(0));
    g.groups = static_cast<int>(options.groups);
    for (int a = 0; a < 3; ++a) {
        g.in[a] = static_cast<int>(x.size(a + 2)), g.out[a] = static_cast<int>(y.size(a + 2)), g.kernel[a] = static_cast<int>(w.size(a + 2));
        g.stride[a] = static_cast<int>(options.stride[a]), g.padding[a] = static_cast<int>(options.padding[a]);
    }
    return g;
}

// ---- depthwise ---------------------------------------------------------------------------------------------------------

template <class T>
__global__ void __launch_bounds__(threads) depthwise_spread(const T* x, const T* taps, T* y, int frames, int height, int width, int channels,
                                                            int sign, std::int64_t n) {
    const std::int64_t i = thread_of_grid();
    if (i >= n) return;
    const std::int64_t place = i / channels, c = i % channels, picture = static_cast<std::int64_t>(height) * width;
    const int column = static_cast<int>(place % width), row = static_cast<int>(place / width % height);
    const int frame = static_cast<int>(place / picture % frames);
    float sum = 0;
    for (int tap = 0; tap < 27; ++tap) {
        const int dt = sign * (tap / 9 - 1), dh = sign * (tap / 3 % 3 - 1), dw = sign * (tap % 3 - 1);
        if (frame + dt < 0 || frame + dt >= frames || row + dh < 0 || row + dh >= height || column + dw < 0 || column + dw >= width) continue;
        sum += load(x + (place + dt * picture + dh * width + dw) * channels + c) * load(taps + static_cast<std::int64_t>(tap) * channels + c);
    }
    store(y + i, sum);
}

constexpr int tap_rows = 8;

struct TapStorage {
    float sums[tap_rows][warp_size];
};

template <class T>
__global__ void __launch_bounds__(threads) depthwise_taps(const T* dy, const T* x, T* dtaps, int frames, int height, int width, int channels,
                                                          std::int64_t places) {
    TapStorage& shared = dynamic_shared<TapStorage>();
    const int tap = static_cast<int>(blockIdx.x), c = static_cast<int>(blockIdx.y * warp_size + threadIdx.x);
    const int dt = tap / 9 - 1, dh = tap / 3 % 3 - 1, dw = tap % 3 - 1;
    const std::int64_t picture = static_cast<std::int64_t>(height) * width;
    float sum = 0;
    for (std::int64_t place = threadIdx.y; c < channels && place < places; place += tap_rows) {
        const int column = static_cast<int>(place % width), row = static_cast<int>(place / width % height);
        const int frame = static_cast<int>(place / picture % frames);
        if (frame + dt < 0 || frame + dt >= frames || row + dh < 0 || row + dh >= height || column + dw < 0 || column + dw >= width) continue;
        sum += load(dy + place * channels + c) * load(x + (place + dt * picture + dh * width + dw) * channels + c);
    }
    shared.sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y != 0 || c >= channels) return;
    for (int r = 1; r < tap_rows; ++r) sum += shared.sums[r][threadIdx.x];
    store(dtaps + static_cast<std::int64_t>(tap) * channels + c, sum);
}

}  // namespace

void conv3d(Ref x, Ref w, Ref y, const Convolution& options, Stream stream) {
    const Geometry g = geometry_of(x, w, y, options);
    by_dtype("conv3d", x.dtype, [&](auto t) {
        using T = decltype(t);
        launch(conv3d_forward<T>, dim3(blocks(y.numel(), threads)), dim3(threads), 0, stream, x.as<T>(), w.as<T>(), y.as<T>(), g, y.numel());
    });
    check_launch("conv3d");
}

void conv3d_grad_input(Ref dy, Ref w, Ref dx, const Convolution& options, Stream stream) {
    const Geometry g = geometry_of(dx, w, dy, options);
    by_dtype("conv3d_grad_input", dy.dtype, [&](auto t) {
        using T = decltype(t);
        launch(conv3d_to_input<T>, dim3(blocks(dx.numel(), threads)), dim3(threads), 0, stream, dy.as<T>(), w.as<T>(), dx.as<T>(), g, dx.numel());
    });
    check_launch("conv3d_grad_input");
}

void conv3d_grad_weight(Ref dy, Ref x, Ref dw, const Convolution& options, Stream stream) {
    const Geometry g = geometry_of(x, dw, dy, options);
    by_dtype("conv3d_grad_weight", dy.dtype, [&](auto t) {
        using T = decltype(t);
        launch(conv3d_to_weight<T>, dim3(static_cast<unsigned>(dw.numel())), dim3(threads), sizeof(SumStorage), stream, dy.as<T>(), x.as<T>(),
               dw.as<T>(), g);
    });
    check_launch("conv3d_grad_weight");
}

void depthwise(Ref x, Ref taps, Ref y, int sign, Stream stream) {
    by_dtype("depthwise", x.dtype, [&](auto t) {
        using T = decltype(t);
        launch(depthwise_spread<T>, dim3(blocks(y.numel(), threads)), dim3(threads), 0, stream, x.as<T>(), taps.as<T>(), y.as<T>(), x.size(1),
               x.size(2), x.size(3), x.size(4), sign, y.numel());
    });
    check_launch("depthwise");
}

void depthwise_grad_weight(Ref dy, Ref x, Ref dtaps, Stream stream) {
    by_dtype("depthwise_grad_weight", dy.dtype, [&](auto t) {
        using T = decltype(t);
        launch(depthwise_taps<T>, dim3(27, blocks(x.size(4), warp_size)), dim3(warp_size, tap_rows), sizeof(TapStorage), stream, dy.as<T>(), x.as<T>(),
               dtaps.as<T>(), x.size(1), x.size(2), x.size(3), x.size(4), x.rows());
    });
    check_launch("depthwise_grad_weight");
}

}  // namespace svad::cuda
