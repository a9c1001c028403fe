// SPDX-License-Identifier: Apache-2.0
// Which vector instructions the processor has, asked once when the program runs, so that one binary is fast on every x86-64
// machine. Kernels carry their own target (SVAD_AVX2 ...) and are called through tables; code without such a kernel is
// compiled for the target of the build. Rejected: one object file for each instruction set (a header library has none).
#pragma once

#include "svad/core/intrinsics.hpp"

#include <algorithm>
#include <atomic>

#if SVAD_X86
#define SVAD_AVX2 __attribute__((target("avx2,fma")))
#define SVAD_AVX512 __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")))
#define SVAD_AVX512_BF16 __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#endif

namespace svad::cpu {

/// Instruction sets that products have kernels for, each a superset of the one before.
enum class Isa { portable, avx2, avx512, avx512_bf16 };

/// The largest that this processor and its operating system have.
[[nodiscard]] inline Isa largest_isa() {
#if SVAD_X86
    static const Isa largest = [] {
        __builtin_cpu_init();
        if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::portable;
        if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") ||
            !__builtin_cpu_supports("avx512vl"))
            return Isa::avx2;
        return __builtin_cpu_supports("avx512bf16") ? Isa::avx512_bf16 : Isa::avx512;
    }();
    return largest;
#else
    return Isa::portable;
#endif
}

namespace detail {

/// Intel's processors since Sapphire Rapids leave bf16 to AMX: their vdpbf16ps does half the work of two multiply-adds, while
/// AMD's does twice it (bench/README.md).
inline Isa fastest_isa() {
#if SVAD_X86
    __builtin_cpu_init();
    if (__builtin_cpu_is("intel")) return std::min(largest_isa(), Isa::avx512);
#endif
    return largest_isa();
}

inline std::atomic<Isa>& isa_in_use() {
    static std::atomic<Isa> isa{fastest_isa()};
    return isa;
}

}  // namespace detail

/// The one in use: the fastest, or what use_isa chose.
[[nodiscard]] inline Isa isa() { return detail::isa_in_use().load(std::memory_order_relaxed); }

/// Uses `set`, or the largest there is, from now on, for tests and comparisons; not to be called while a product runs.
inline void use_isa(Isa set) { detail::isa_in_use().store(std::min(set, largest_isa()), std::memory_order_relaxed); }

}  // namespace svad::cpu
