// SPDX-License-Identifier: Apache-2.0
// Every PTX instruction that the kernels use, behind a function. Under the test executor (tests/cuda/executor/) the same
// functions are the twins of twins.hpp, which follow the fragment layouts of the PTX manual. Where an architecture lacks
// an instruction: sm_75 copies at once instead of asynchronously and has no bf16 mma; there mma_bf16 traps, and the
// launchers choose by compute_capability().
#pragma once

#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>

#ifdef SVAD_EXECUTOR
#include "twins.hpp"
#else

namespace svad::cuda {

/// The block's dynamic shared memory as one struct: the only way that kernels get shared memory.
template <class Storage>
__device__ Storage& dynamic_shared() {
    static_assert(alignof(Storage) <= 128, "dynamic shared memory is aligned to 128 bytes");
    extern __shared__ __align__(128) unsigned char dynamic_shared_bytes[];
    return *reinterpret_cast<Storage*>(dynamic_shared_bytes);
}

namespace ptx {

__device__ inline std::uint32_t shared_address(const void* p) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(p));
}

// ---- conversions -----------------------------------------------------------------------------------------------------

/// The bits of x rounded to bf16, to nearest even.
__device__ inline std::uint16_t float_to_bf16(float x) {
#if __CUDA_ARCH__ >= 800
    std::uint16_t bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
#else
    const std::uint32_t u = __float_as_uint(x);
    if (x != x) return 0x7fff;
    return static_cast<std::uint16_t>((u + 0x7fffU + ((u >> 16) & 1U)) >> 16);
#endif
}
/// Two floats as bf16 in one register, `low` in the lower half: an element pair of an mma fragment.
__device__ inline std::uint32_t floats_to_bf16x2(float low, float high) {
#if __CUDA_ARCH__ >= 800
    std::uint32_t bits;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
    return bits;
#else
    return float_to_bf16(low) | (static_cast<std::uint32_t>(float_to_bf16(high)) << 16);
#endif
}
__device__ inline float half_to_float(std::uint16_t bits) {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
}
__device__ inline std::uint16_t float_to_half(float x) {
    std::uint16_t bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}

/// 2^x within 2 ulp; results below 2^-126 are zero.
__device__ inline float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// ---- memory ----------------------------------------------------------------------------------------------------------

/// Moves Bytes (1, 2, 4, 8 or 16) that both pointers are aligned to, by one access.
template <int Bytes>
__device__ void copy(void* to, const void* from) {
    static_assert(Bytes == 1 || Bytes == 2 || Bytes == 4 || Bytes == 8 || Bytes == 16, "no single access moves that");
    if constexpr (Bytes == 1) *static_cast<std::uint8_t*>(to) = *static_cast<const std::uint8_t*>(from);
    if constexpr (Bytes == 2) *static_cast<std::uint16_t*>(to) = *static_cast<const std::uint16_t*>(from);
    if constexpr (Bytes == 4) *static_cast<std::uint32_t*>(to) = *static_cast<const std::uint32_t*>(from);
    if constexpr (Bytes == 8) *static_cast<uint2*>(to) = *static_cast<const uint2*>(from);
    if constexpr (Bytes == 16) *static_cast<uint4*>(to) = *static_cast<const uint4*>(from);
}

/// Begins to copy Bytes (4, 8 or 16, aligned) from global to shared memory; where `valid` is false it writes zeros and
/// `from` is not read. Lands at the copy_async_wait that covers its commit, and is seen by others after a barrier.
template <int Bytes>
__device__ void copy_async(void* shared, const void* from, bool valid = true) {
    static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16, "cp.async copies 4, 8 or 16 bytes");
#if __CUDA_ARCH__ >= 800
    const int bytes = valid ? Bytes : 0;
    if constexpr (Bytes == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(from), "r"(bytes) : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(shared)), "l"(from), "n"(Bytes), "r"(bytes)
                     : "memory");
#else
    const std::uint32_t zero[4] = {};
    copy<Bytes>(shared, valid ? from : static_cast<const void*>(zero));
#endif
}
/// Closes a group of this thread's copies.
__device__ inline void copy_async_commit() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
/// Waits until at most `Pending` of this thread's youngest groups are still on their way.
template <int Pending>
__device__ void copy_async_wait() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
#endif
}

// ---- tensor cores ----------------------------------------------------------------------------------------------------

/// Loads four 8x8 matrices of 16-bit elements from shared memory. Lane l passes the address (16-byte aligned) of row l % 8
/// of matrix l / 8; r[m] becomes elements 2 (l % 4), 2 (l % 4) + 1 of row l / 4 of matrix m. All lanes must call.
__device__ inline void ldmatrix_x4(std::uint32_t (&r)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}
/// As ldmatrix_x4, each matrix transposed: r[m] is elements (2 (l % 4), l / 4) and (2 (l % 4) + 1, l / 4).
__device__ inline void ldmatrix_x4_trans(std::uint32_t (&r)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}
/// Two matrices: the addresses of lanes 0..15 count.
__device__ inline void ldmatrix_x2(std::uint32_t (&r)[2], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1]) : "r"(shared_address(row)) : "memory");
}
__device__ inline void ldmatrix_x2_trans(std::uint32_t (&r)[2], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1]) : "r"(shared_address(row)) : "memory");
}

/// d += a b for a [16, 16] and b [16, 8] in bf16, d [16, 8] in f32, spread over the warp. With g = lane / 4, t = lane % 4:
/// a[0..3] = rows g, g + 8, g, g + 8 at columns 2t, 2t, 2t + 8, 2t + 8 (and the next column in the upper half);
/// b[0..1] = rows 2t, 2t + 8 (and the next row) at column g; d[0..3] = (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1).
__device__ inline void mma_bf16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
#if __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

/// d += a b for a [16, 8] and b [8, 8] in tf32 (the upper 19 bits of floats), d [16, 8] in f32. With g = lane / 4,
/// t = lane % 4: a[0..3] = (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4); b[0..1] = (t, g), (t + 4, g); d as in mma_bf16.
__device__ inline void mma_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
#if __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

}  // namespace ptx
}  // namespace svad::cuda

#endif
