// SPDX-License-Identifier: Apache-2.0
// Weights in blocks (q8_0, q4_0, q4_1, q4_k, q6_k, the bytes of core/blocks.hpp) without a copy in f32.
// dequantize, blocked_rows: a thread an element; the 16 to 256 threads of a block read its bytes through the caches.
// blocked_product, up to 8 rows of x: a warp for each output column, four a block; the lanes take neighbouring elements of
// the row of w, unpack them once and multiply all rows of x, then the warp adds in a fixed order. Traffic: w once, x from the
// caches; bound by memory where w does not fit them. More rows: w is unpacked, 64 MiB at a time, and goes to gemm().
// Rejected so far: eight-bit activations and dp4a (other numbers than the CPU's), whole blocks a lane (lines shared by lanes).
#include "common.cuh"

#include "svad/backend/cuda/ops.hpp"

namespace svad::cuda {

namespace {

constexpr int threads = 256, columns_a_block = 4, few_rows = 8;

template <DType type>
struct Block;
template <>
struct Block<DType::q8_0> { static constexpr int elements = 32, bytes = 34; };
template <>
struct Block<DType::q4_0> { static constexpr int elements = 32, bytes = 18; };
template <>
struct Block<DType::q4_1> { static constexpr int elements = 32, bytes = 20; };
template <>
struct Block<DType::q4_k> { static constexpr int elements = 256, bytes = 144; };
template <>
struct Block<DType::q6_k> { static constexpr int elements = 256, bytes = 210; };

__device__ inline float half_at(const std::uint8_t* p) {
    return to_float(f16{static_cast<std::uint16_t>(p[0] | static_cast<unsigned>(p[1]) << 8)});
}
/// Nibble i of 16 bytes: the low halves, then the high ones.
__device__ inline float nibble(const std::uint8_t* q, int i) { return static_cast<float>(i < 16 ? q[i] & 15 : q[i - 16] >> 4); }

/// Element i of a block.
template <DType type>
__device__ float element(const std::uint8_t* block, int i) {
    if constexpr (type == DType::q8_0) {
        return static_cast<float>(static_cast<std::int8_t>(block[2 + i])) * half_at(block);
    } else if constexpr (type == DType::q4_0) {
        return (nibble(block + 2, i) - 8.0F) * half_at(block);
    } else if constexpr (type == DType::q4_1) {
        return nibble(block + 4, i) * half_at(block) + half_at(block + 2);
    } else if constexpr (type == DType::q4_k) {
        const std::uint8_t* const s = block + 4;                                // 8 scales and 8 minima of 6 bits
        const int j = i / 32;
        const int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | ((s[j - 4] >> 6) << 4);
        const int least = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) | ((s[j] >> 6) << 4);
        const int q = block[16 + j / 2 * 32 + i % 32] >> (j % 2 * 4) & 15;
        return static_cast<float>(q) * (half_at(block) * static_cast<float>(scale)) - half_at(block + 2) * static_cast<float>(least);
    } else {
        const int part = i / 128, quarter = i / 32 % 4, at = i % 32;            // two halves of four times 32 elements
        const int low = block[part * 64 + quarter % 2 * 32 + at] >> (quarter / 2 * 4) & 15, high = block[128 + part * 32 + at] >> (quarter * 2) & 3;
        const auto scale = static_cast<std::int8_t>(block[192 + part * 8 + quarter * 2 + at / 16]);
        return static_cast<float>((low | high << 4) - 32) * (half_at(block + 208) * static_cast<float>(scale));
    }
}

template <DType type>
__device__ float value_at(const std::uint8_t* blocks, std::int64_t i) {
    return element<type>(blocks + i / Block<type>::elements * Block<type>::bytes, static_cast<int>(i % Block<type>::elements));
}

template <DType type, class T>
__global__ void __launch_bounds__(threads) unpack_values(const std::uint8_t* blocks, T* y, std::int64_t n) {
    const std::int64_t i = thread_of_grid();
    if (i < n) store(y + i, value_at<type>(blocks, i));
}

template <DType type, class T>
__global__ void __launch_bounds__(threads) unpack_rows(const std::uint8_t* table, const std::int32_t* ids, T* y, std::int64_t width, std::int64_t n) {
    const std::int64_t i = thread_of_grid();
    if (i < n) store(y + i, value_at<type>(table, ids[i / width] * width + i % width));
}

template <DType type, class T>
__global__ void __launch_bounds__(warp_size * columns_a_block) few_rows_product(const T* x, const std::uint8_t* w, T* y, int rows, std::int64_t n,
                                                                                std::int64_t k) {
    const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * columns_a_block + threadIdx.y;
    if (column >= n) return;                                                    // whole warps leave together
    float sums[few_rows] = {};
    for (std::int64_t i = threadIdx.x; i < k; i += warp_size) {
        const float weight = value_at<type>(w, column * k + i);
#pragma unroll
        for (int r = 0; r < few_rows; ++r)
            if (r < rows) sums[r] += load(x + r * k + i) * weight;
    }
#pragma unroll
    for (int r = 0; r < few_rows; ++r) {
        if (r >= rows) break;
        const float sum = warp_sum(sums[r]);
        if (threadIdx.x == 0) store(y + r * n + column, sum);
    }
}

/// Calls f with the type as a static value.
template <class F>
void by_blocks(const char* op, DType type, F&& f) {
    switch (type) {
        case DType::q8_0: return f(std::integral_constant<DType, DType::q8_0>{});
        case DType::q4_0: return f(std::integral_constant<DType, DType::q4_0>{});
        case DType::q4_1: return f(std::integral_constant<DType, DType::q4_1>{});
        case DType::q4_k: return f(std::integral_constant<DType, DType::q4_k>{});
        case DType::q6_k: return f(std::integral_constant<DType, DType::q6_k>{});
        default: throw DTypeError(std::string(op) + ": no CUDA kernel for weights of this type; they must be q8_0, q4_0, q4_1, q4_k or q6_k");
    }
}

}  // namespace

void dequantize(const void* from, svad::DType type, Ref y, Stream stream) {
    by_blocks("dequantize", type, [&](auto b) {
        by_dtype("dequantize", y.dtype, [&](auto t) {
            using T = decltype(t);
            launch(unpack_values<decltype(b)::value, T>, dim3(blocks(y.numel(), threads)), dim3(threads), 0, stream,
                   static_cast<const std::uint8_t*>(from), y.as<T>(), y.numel());
        });
    });
    check_launch("dequantize");
}

void blocked_rows(const void* table, svad::DType type, Ref ids, Ref y, Stream stream) {
    by_blocks("blocked_rows", type, [&](auto b) {
        by_dtype("blocked_rows", y.dtype, [&](auto t) {
            using T = decltype(t);
            launch(unpack_rows<decltype(b)::value, T>, dim3(blocks(y.numel(), threads)), dim3(threads), 0, stream,
                   static_cast<const std::uint8_t*>(table), ids.as<std::int32_t>(), y.as<T>(), y.last(), y.numel());
        });
    });
    check_launch("blocked_rows");
}

void blocked_product(Ref x, const void* w, svad::DType type, Ref y, Stream stream) {
    const std::int64_t rows = x.size(0), k = x.size(1), n = y.size(1);
    by_blocks("blocked_product", type, [&](auto b) {
        using Packed = Block<decltype(b)::value>;
        by_dtype("blocked_product", x.dtype, [&](auto t) {
            using T = decltype(t);
            const auto* const bytes = static_cast<const std::uint8_t*>(w);
            if (rows <= few_rows) {
                launch(few_rows_product<decltype(b)::value, T>, dim3(rows > 0 ? blocks(n, columns_a_block) : 0), dim3(warp_size, columns_a_block), 0,
                       stream, x.as<T>(), bytes, y.as<T>(), rows, n, k);
                return;
            }
            constexpr std::int64_t room = std::int64_t{64} << 20;
            const std::int64_t fit = room / (k * static_cast<std::int64_t>(sizeof(T))), chunk = fit < 1 ? 1 : fit < n ? fit : n;
            const Workspace unpacked("blocked_product", static_cast<std::size_t>(chunk * k) * sizeof(T), stream);
            for (std::int64_t first = 0; first < n; first += chunk) {
                const std::int64_t some = n - first < chunk ? n - first : chunk;
                launch(unpack_values<decltype(b)::value, T>, dim3(blocks(some * k, threads)), dim3(threads), 0, stream,
                       bytes + first * k / Packed::elements * Packed::bytes, unpacked.as<T>(), some * k);
                Gemm product;
                product.m = rows, product.n = some, product.k = k, product.flip_b = true;
                product.lda = product.ldb = k, product.ldc = n;
                Ref part = y, weights = y;
                part.data = y.as<T>() + first, weights.data = unpacked.as<T>();
                gemm(product, x, weights, part, {}, stream);
            }
        });
    });
    check_launch("blocked_product");
}

}  // namespace svad::cuda
