// SPDX-License-Identifier: Apache-2.0
// The host twins of kernels/ptx.cuh, included by it: the same functions with the meaning that the PTX manual gives them.
// Products of mma are exact in double and rounded once; a tensor core adds in some order of its own.
#pragma once

#include "cuda_runtime.h"

#include <type_traits>

namespace svad::cuda {

template <class Storage>
Storage& dynamic_shared() {
    static_assert(std::is_trivially_copyable_v<Storage>, "shared memory has no constructors");
    return *static_cast<Storage*>(svad::executor::shared_memory(sizeof(Storage), alignof(Storage)));
}

namespace ptx {

using svad::executor::Where;

inline std::uint16_t float_to_bf16(float x) {
    const std::uint32_t u = __float_as_uint(x);
    if (x != x) return 0x7fff;
    return static_cast<std::uint16_t>((u + 0x7fffU + ((u >> 16) & 1U)) >> 16);
}
inline std::uint32_t floats_to_bf16x2(float low, float high) {
    return float_to_bf16(low) | (static_cast<std::uint32_t>(float_to_bf16(high)) << 16);
}
inline float half_to_float(std::uint16_t bits) {
    const std::uint32_t sign = (bits & 0x8000U) << 16, exponent = (bits >> 10) & 31U, fraction = bits & 0x3ffU;
    if (exponent == 31) return __uint_as_float(sign | 0x7f800000U | (fraction << 13));
    if (exponent == 0) return std::copysign(static_cast<float>(fraction) / 16777216.0F, sign ? -1.0F : 1.0F);
    return __uint_as_float(sign | ((exponent + 112U) << 23) | (fraction << 13));
}
inline std::uint16_t float_to_half(float x) {
    const std::uint32_t u = __float_as_uint(x), sign = (u >> 16) & 0x8000U, size = u & 0x7fffffffU;
    std::uint32_t half = 0;
    if (size > 0x7f800000U) half = 0x7fffU;
    else if (size >= 0x477ff000U) half = 0x7c00U;
    else if (size >= 0x38800000U) half = (size - 0x38000000U + 0xfffU + ((size >> 13) & 1U)) >> 13;
    else half = static_cast<std::uint32_t>(std::nearbyint(__uint_as_float(size) * 16777216.0F));
    return static_cast<std::uint16_t>(sign | half);
}
inline float exp2_fast(float x) {
    const float y = std::exp2(x);
    return y < 1.17549435e-38F ? 0.0F : y;
}

// One word of the compiler's own a pack: the checker sees one access, as the GPU makes.
__extension__ using Word16 = unsigned __int128;
template <int Bytes>
using Word = std::conditional_t<Bytes == 1, std::uint8_t, std::conditional_t<Bytes == 2, std::uint16_t, std::conditional_t<Bytes == 4,
             std::uint32_t, std::conditional_t<Bytes == 8, std::uint64_t, Word16>>>>;

template <int Bytes>
void copy(void* to, const void* from) {
    static_assert(Bytes == 1 || Bytes == 2 || Bytes == 4 || Bytes == 8 || Bytes == 16, "no single access moves that");
    *static_cast<Word<Bytes>*>(to) = *static_cast<const Word<Bytes>*>(from);
}

template <int Bytes>
void copy_async(void* shared, const void* from, bool valid = true, Where where = {}) {
    static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16, "cp.async copies 4, 8 or 16 bytes");
    svad::executor::copy_async(shared, valid ? from : nullptr, Bytes, where);
}
inline void copy_async_commit(Where where = {}) { svad::executor::commit_copies(where); }
template <int Pending>
void copy_async_wait(Where where = {}) { svad::executor::wait_copies(Pending, where); }

/// ldmatrix of Count matrices, in matrices.cpp.
void ldmatrix(std::uint32_t* r, const void* row, int count, bool transposed, Where where);

inline void ldmatrix_x4(std::uint32_t (&r)[4], const void* row, Where where = {}) { ldmatrix(r, row, 4, false, where); }
inline void ldmatrix_x4_trans(std::uint32_t (&r)[4], const void* row, Where where = {}) { ldmatrix(r, row, 4, true, where); }
inline void ldmatrix_x2(std::uint32_t (&r)[2], const void* row, Where where = {}) { ldmatrix(r, row, 2, false, where); }
inline void ldmatrix_x2_trans(std::uint32_t (&r)[2], const void* row, Where where = {}) { ldmatrix(r, row, 2, true, where); }

void mma_bf16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], Where where = {});
void mma_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], Where where = {});

}  // namespace ptx
}  // namespace svad::cuda
