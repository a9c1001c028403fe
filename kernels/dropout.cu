// SPDX-License-Identifier: Apache-2.0
// Dropout with the CPU's bits: the mask is a function of (seed, stream, element) by Philox 4x32-10, and so its own gradient.
// x, y contiguous, f32 or bf16; y may be x. A block of 128 elements draws from 32 counters: lane l of a warp makes the
// four words of counter l, which belong to elements l, 32 + l, 64 + l, 96 + l; ballots turn them into 128 bits that all
// lanes have, so that each can move 16 bytes of neighbours (f32: one such block a warp, bf16: two).
// Traffic: 1 read + 1 write. Bound by memory in f32; in bf16 the 20 rounds of multiplications an element come near it.
#include "common.cuh"

#include "svad/backend/cuda/ops.hpp"

namespace svad::cuda {

namespace {

constexpr int threads = 256;
constexpr int philox_block = 128;                // elements that draw from 32 counters

struct Words {
    std::uint32_t at[4];
};
struct Philox {
    std::uint64_t seed, stream;

    /// As svad::philox (core/random.hpp).
    __device__ Words operator()(std::uint64_t index) const {
        std::uint32_t c0 = static_cast<std::uint32_t>(index), c1 = static_cast<std::uint32_t>(index >> 32);
        std::uint32_t c2 = static_cast<std::uint32_t>(stream), c3 = static_cast<std::uint32_t>(stream >> 32);
        std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
#pragma unroll
        for (int round = 0; round < 10; ++round) {
            const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * c0, p1 = std::uint64_t{0xCD9E8D57U} * c2;
            c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
            c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
            c1 = static_cast<std::uint32_t>(p1);
            c3 = static_cast<std::uint32_t>(p0);
            k0 += 0x9E3779B9U;
            k1 += 0xBB67AE85U;
        }
        return {{c0, c1, c2, c3}};
    }
};

/// A warp takes 32 packs: N / 4 blocks of 128 elements.
template <class T, int N>
__global__ void __launch_bounds__(threads) dropout_packs(const T* x, T* y, std::int64_t n, Philox random, std::uint32_t limit, float scale) {
    constexpr int each = warp_size * N / philox_block;
    const std::int64_t warp = thread_of_grid() / warp_size;
    const int lane = lane_of_warp(), of_block = lane * N / philox_block, bit = lane * N % philox_block;
    std::uint32_t kept = 0;                                              // bits of the 32 elements in which this pack lies
#pragma unroll
    for (int b = 0; b < each; ++b) {
        const Words words = random(static_cast<std::uint64_t>(warp * each + b) * 32 + static_cast<std::uint64_t>(lane));
#pragma unroll
        for (int k = 0; k < 4; ++k) {
            const unsigned bits = __ballot_sync(all_lanes, words.at[k] >= limit);
            if (b == of_block && k == bit / 32) kept = bits;
        }
    }
    kept >>= bit % 32;
    const std::int64_t first = (warp * warp_size + lane) * N;
    if (first + N <= n) {
        const pack<T, N> in = load_pack<N>(x + first);
        pack<T, N> out;
#pragma unroll
        for (int j = 0; j < N; ++j) out.set(j, kept >> j & 1U ? in[j] * scale : 0.0F);
        store_pack(y + first, out);
    } else {
        for (int j = 0; first + j < n; ++j) store(y + first + j, kept >> j & 1U ? load(x + first + j) * scale : 0.0F);
    }
}

/// For arrays that are not aligned: a warp takes one block of 128 elements, four times 32 neighbours.
template <class T>
__global__ void __launch_bounds__(threads) dropout_elements(const T* x, T* y, std::int64_t n, Philox random, std::uint32_t limit, float scale) {
    const std::int64_t warp = thread_of_grid() / warp_size;
    const int lane = lane_of_warp();
    const Words words = random(static_cast<std::uint64_t>(warp) * 32 + static_cast<std::uint64_t>(lane));
#pragma unroll
    for (int k = 0; k < 4; ++k) {
        const std::int64_t i = warp * philox_block + 32 * k + lane;
        if (i < n) store(y + i, words.at[k] >= limit ? load(x + i) * scale : 0.0F);
    }
}

}  // namespace

/// y = word >= floor(p 2^32) ? x / (1 - p) : 0. Element i draws from block i / 128: word k = (i % 128) / 32 of
/// philox(seed, stream, 32 (i / 128) + i % 32), exactly as ops::DropoutOp.
void dropout(Ref x, Ref y, double p, std::uint64_t seed, std::uint64_t stream_number, Stream stream) {
    const std::int64_t n = y.numel();
    const auto limit = static_cast<std::uint32_t>(p * 4294967296.0);
    const auto scale = static_cast<float>(1 / (1 - p));
    by_dtype("dropout", y.dtype, [&](auto t) {
        using T = decltype(t);
        constexpr int N = full_pack<T>;
        const bool packs = fits_packs(x.as<T>(), 0) && fits_packs(y.as<T>(), 0);
        const std::int64_t a_block = threads * std::int64_t(packs ? N : philox_block / warp_size);
        launch(packs ? dropout_packs<T, N> : dropout_elements<T>, blocks(n, a_block), dim3(threads), 0, stream, x.as<T>(), y.as<T>(), n,
               Philox{seed, stream_number}, limit, scale);
    });
    check_launch("dropout");
}

}  // namespace svad::cuda
