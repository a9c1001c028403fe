// SPDX-License-Identifier: Apache-2.0
// Frames of bytes [N, H, W, 3] to a model's input [N, 3, h, w]: a separable resize whose taps the host made, as on the CPU
// columns first, rounded to bytes, then rows, rounded to bytes, then (value / 255 - mean) / deviation.
// A thread for each value of either pass, 256 a block; the bytes between the passes are a Workspace of N H w 3.
// Traffic: the frame once, that workspace written and read, the result written; taps are shared by a line. Bound by memory.
// Rejected: one pass (every row would resize its columns as often as rows overlap).
#include "common.cuh"

#include "svad/backend/cuda/ops.hpp"

namespace svad::cuda {

namespace {

constexpr int threads = 256, colours = 3;

__device__ inline std::uint8_t byte_of(float x) { return static_cast<std::uint8_t>(fminf(fmaxf(x, 0.0F), 255.0F) + 0.5F); }

/// The sum of taps j of weights[j] times bytes first + j, `step` bytes apart, of a line of `length`.
__device__ inline float tapped(const std::uint8_t* line, int step, int length, int first, const float* weights, int taps) {
    float sum = 0;
    for (int j = 0; j < taps; ++j)
        if (first + j < length) sum += weights[j] * static_cast<float>(line[static_cast<std::int64_t>(first + j) * step]);     // weights behind the edge are 0
    return sum;
}

__global__ void __launch_bounds__(threads) resize_columns(const std::uint8_t* frames, const std::int32_t* first, const float* weights, std::uint8_t* to,
                                                          int width, int columns, int taps, std::int64_t n) {
    const std::int64_t i = thread_of_grid();
    if (i >= n) return;
    const int colour = static_cast<int>(i % colours), x = static_cast<int>(i / colours % columns);
    const std::uint8_t* const line = frames + i / colours / columns * width * colours + colour;
    to[i] = byte_of(tapped(line, colours, width, first[x], weights + static_cast<std::int64_t>(x) * taps, taps));
}

struct Normalization {
    float mean[colours], deviation[colours];
};

template <class T>
__global__ void __launch_bounds__(threads) resize_rows(const std::uint8_t* from, const std::int32_t* first, const float* weights, T* y, int height,
                                                       int columns, int rows, int taps, Normalization normal, std::int64_t n) {
    const std::int64_t i = thread_of_grid();
    if (i >= n) return;
    const int x = static_cast<int>(i % columns), row = static_cast<int>(i / columns % rows);
    const int colour = static_cast<int>(i / columns / rows % colours);
    const std::uint8_t* const line = from + (i / columns / rows / colours * height * columns + x) * colours + colour;
    const std::uint8_t value = byte_of(tapped(line, columns * colours, height, first[row], weights + static_cast<std::int64_t>(row) * taps, taps));
    store(y + i, (static_cast<float>(value) / 255.0F - normal.mean[colour]) / normal.deviation[colour]);
}

}  // namespace

void frames(Ref from, Ref x_first, Ref x_weights, Ref y_first, Ref y_weights, const float (&mean)[3], const float (&deviation)[3], Ref y,
            Stream stream) {
    const std::int64_t height = from.size(1), width = from.size(2), rows = y.size(2), columns = y.size(3), between = from.size(0) * height * columns * colours;
    Normalization normal = {};
    for (int c = 0; c < colours; ++c) normal.mean[c] = mean[c], normal.deviation[c] = deviation[c];
    const Workspace narrow("frames", static_cast<std::size_t>(between), stream);
    launch(resize_columns, dim3(blocks(between, threads)), dim3(threads), 0, stream, from.as<std::uint8_t>(), x_first.as<std::int32_t>(),
           x_weights.as<float>(), narrow.as<std::uint8_t>(), width, columns, x_weights.last(), between);
    by_dtype("frames", y.dtype, [&](auto t) {
        using T = decltype(t);
        launch(resize_rows<T>, dim3(blocks(y.numel(), threads)), dim3(threads), 0, stream, narrow.as<std::uint8_t>(), y_first.as<std::int32_t>(),
               y_weights.as<float>(), y.as<T>(), height, columns, rows, y_weights.last(), normal, y.numel());
    });
    check_launch("frames");
}

}  // namespace svad::cuda
