// SPDX-License-Identifier: Apache-2.0
// Rotary positions. x, y [B, L, H, D] (strided), f32 or bf16; cos, sin [rows, D/2] f32; positions [B or 1, L] i32.
// Threads: one for each 16 bytes of a half head (of a head where pairs are interleaved) and its partner, 256 a block;
// one for each pair where D or the strides do not fit. A thread reads both elements of its pairs before it writes them,
// so y may be x. Traffic: 1 read + 1 write; the tables come from cache, one row for all heads. Bound by memory.
#include "strided.cuh"

#include "svad/backend/cuda/ops.hpp"

namespace svad::cuda {

namespace {

/// What the walk over [B, L, H, pairs] has as operands: y, x, positions.
struct Turn {
    std::int64_t first, pairs;                   ///< position of the tables' first row; D / 2
    std::int64_t y_step, x_step;                 ///< from element to element of a head
    float sign;                                  ///< -1 turns back
};

__device__ inline float2 turned(float a, float b, float c, float s) { return make_float2(a * c - b * s, b * c + a * s); }

/// N neighbours of a table's row, by packs.
template <int N>
struct Line {
    static constexpr int together = N < 4 ? N : 4;
    pack<float, together> packs[N / together];

    __device__ explicit Line(const float* from) {
#pragma unroll
        for (int i = 0; i < N / together; ++i) packs[i] = load_pack<together>(from + i * together);
    }
    __device__ float operator[](int i) const { return packs[i / together][i % together]; }
};

/// Pairs (i, i + D/2), N of them.
template <class T, int N>
__global__ void __launch_bounds__(map_threads) rope_halves(Walk<3> walk, Turn turn, const float* cosines, const float* sines,
                                                           const std::int32_t* positions, T* y, const T* x) {
    const std::int64_t i = thread_of_grid();
    if (i >= walk.count) return;
    const Place<3> place = walk(static_cast<std::uint32_t>(i), N);
    const std::int64_t at = (positions[place.at[2]] - turn.first) * turn.pairs + place.first;
    x += place.at[1], y += place.at[0];
    const pack<T, N> low = load_pack<N>(x), high = load_pack<N>(x + turn.pairs * turn.x_step);
    const Line<N> c(cosines + at), s(sines + at);
    pack<T, N> low_out, high_out;
#pragma unroll
    for (int j = 0; j < N; ++j) {
        const float2 pair = turned(low[j], high[j], c[j], turn.sign * s[j]);
        low_out.set(j, pair.x);
        high_out.set(j, pair.y);
    }
    store_pack(y, low_out);
    store_pack(y + turn.pairs * turn.y_step, high_out);
}

/// Pairs (2i, 2i + 1), N / 2 of them side by side, or one of any step if N is 1.
template <class T, int N>
__global__ void __launch_bounds__(map_threads) rope_interleaved(Walk<3> walk, Turn turn, const float* cosines, const float* sines,
                                                                const std::int32_t* positions, T* y, const T* x) {
    const std::int64_t i = thread_of_grid();
    if (i >= walk.count) return;
    constexpr int together = N == 1 ? 1 : N / 2;
    const Place<3> place = walk(static_cast<std::uint32_t>(i), together);
    const std::int64_t at = (positions[place.at[2]] - turn.first) * turn.pairs + place.first;
    x += place.at[1], y += place.at[0];
    if constexpr (N == 1) {
        const float2 pair = turned(load(x), load(x + turn.x_step), cosines[at], turn.sign * sines[at]);
        store(y, pair.x);
        store(y + turn.y_step, pair.y);
    } else {
        const pack<T, N> in = load_pack<N>(x);
        const Line<together> c(cosines + at), s(sines + at);
        pack<T, N> out;
#pragma unroll
        for (int j = 0; j < together; ++j) {
            const float2 pair = turned(in[2 * j], in[2 * j + 1], c[j], turn.sign * s[j]);
            out.set(2 * j, pair.x);
            out.set(2 * j + 1, pair.y);
        }
        store_pack(y, out);
    }
}

/// [B, L, H, pairs], innermost first, not joined: the kernels need the pair's number.
Axes<3> axes_of_pairs(const Ref& x, const Ref& positions, const Ref& y, std::int64_t pair_step) {
    Axes<3> axes;
    axes.rank = 4;
    for (int i = 0; i < 4; ++i) {
        const int from = 3 - i;
        axes.sizes[i] = i == 0 ? x.sizes[3] / 2 : x.sizes[from];
        axes.steps[0][i] = y.strides[from] * (i == 0 ? pair_step : 1);
        axes.steps[1][i] = x.strides[from] * (i == 0 ? pair_step : 1);
        axes.steps[2][i] = from == 1 ? 1 : from == 0 && positions.sizes[0] > 1 ? positions.sizes[1] : 0;
    }
    return axes;
}

/// Whether rows of `width` elements with these strides can be moved by packs of n.
bool rows_fit(const Ref& x, std::size_t bytes, std::int64_t width, std::int64_t n) {
    bool fit = reinterpret_cast<std::uintptr_t>(x.data) % (bytes * static_cast<std::size_t>(n)) == 0 && width % n == 0 && x.strides[3] == 1;
    for (int i = 0; i < 3; ++i) fit = fit && (x.strides[i] % n == 0 || x.sizes[i] == 1);
    return fit;
}

}  // namespace

/// x, y [B, L, H, D] (strided); cos, sin (f32) [rows, D/2]; positions (i32) [B or 1, L]: row positions[b, l] - first.
/// Pairs (i, i + D/2), or (2i, 2i + 1): (a, b) -> (a c - b s, b c + a s), with -s if `inverse`. y may be x.
void rope(Ref x, Ref cos, Ref sin, Ref positions, Ref y, std::int64_t first, bool interleaved, bool inverse, Stream stream) {
    const Turn turn{first, x.sizes[3] / 2, y.strides[3], x.strides[3], inverse ? -1.0F : 1.0F};
    by_dtype("rope", x.dtype, [&](auto t) {
        using T = decltype(t);
        constexpr int N = full_pack<T>;
        const std::int64_t run = interleaved ? x.sizes[3] : x.sizes[3] / 2;                   // what a pack must divide
        const bool packs = rows_fit(x, sizeof(T), run, N) && rows_fit(y, sizeof(T), run, N) && fits_packs(cos.as<float>(), 0) &&
                           fits_packs(sin.as<float>(), 0);
        in_parts(axes_of_pairs(x, positions, y, interleaved ? 2 : 1), most_elements, [&](const Axes<3>& axes) {
            const Walk<3> walk(axes, !packs ? 1 : interleaved ? N / 2 : N);
            const auto queue = [&](auto kernel) {
                launch(kernel, blocks(walk.count, map_threads), dim3(map_threads), 0, stream, walk, turn, cos.as<float>(), sin.as<float>(),
                       positions.as<std::int32_t>() + axes.start[2], y.as<T>() + axes.start[0], x.as<T>() + axes.start[1]);
            };
            if (interleaved) queue(packs ? rope_interleaved<T, N> : rope_interleaved<T, 1>);
            else queue(packs ? rope_halves<T, N> : rope_halves<T, 1>);
        });
    });
    check_launch("rope");
}

}  // namespace svad::cuda
