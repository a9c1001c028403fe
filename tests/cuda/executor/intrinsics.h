// SPDX-License-Identifier: Apache-2.0
// Device functions of the stand-in toolkit: arithmetic as plain C++ (approximate instructions are exact here, so a
// comparison with a GPU is one of tolerance), barriers and warp operations through the executor, integer atomics.
#pragma once

#include "device_types.h"
#include "engine.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>

// ---- arithmetic ------------------------------------------------------------------------------------------------------

inline float rsqrtf(float x) { return 1.0F / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __sinf(float x) { return std::sin(x); }
inline float __cosf(float x) { return std::cos(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float x) { return 1.0F / x; }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1.0F) : 0.0F; }
inline int __float2int_rn(float x) { return static_cast<int>(std::nearbyint(x)); }
inline int __float2int_rz(float x) { return static_cast<int>(x); }
inline int __float2int_rd(float x) { return static_cast<int>(std::floor(x)); }
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline void sincospif(float x, float* s, float* c) { *s = std::sin(x * 3.14159265358979F), *c = std::cos(x * 3.14159265358979F); }

template <class To, class From>
inline To svad_bits(From x) {
    static_assert(sizeof(To) == sizeof(From));
    To y;
    __builtin_memcpy(&y, &x, sizeof y);
    return y;
}
inline unsigned __float_as_uint(float x) { return svad_bits<unsigned>(x); }
inline int __float_as_int(float x) { return svad_bits<int>(x); }
inline float __uint_as_float(unsigned x) { return svad_bits<float>(x); }
inline float __int_as_float(int x) { return svad_bits<float>(x); }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>((std::uint64_t(a) * b) >> 32); }
inline unsigned __brev(unsigned x) {
    unsigned y = 0;
    for (int i = 0; i < 32; ++i) y |= ((x >> i) & 1U) << (31 - i);
    return y;
}
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
    const std::uint64_t both = x | (std::uint64_t(y) << 32);
    unsigned result = 0;
    for (int i = 0; i < 4; ++i) {
        const unsigned choice = (selector >> (4 * i)) & 15U;
        auto byte = static_cast<unsigned>((both >> (8 * (choice & 7U))) & 255U);
        if (choice & 8U) byte = byte & 128U ? 255U : 0U;
        result |= byte << (8 * i);
    }
    return result;
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
    return static_cast<unsigned>((((std::uint64_t(high) << 32) | low) >> (shift & 31U)) & 0xffffffffU);
}
/// c + the dot product of four signed bytes.
inline int __dp4a(int a, int b, int c) {
    for (int i = 0; i < 4; ++i)
        c += static_cast<std::int8_t>(static_cast<unsigned>(a) >> (8 * i)) * static_cast<std::int8_t>(static_cast<unsigned>(b) >> (8 * i));
    return c;
}

inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
inline long min(long a, long b) { return a < b ? a : b; }
inline long max(long a, long b) { return a > b ? a : b; }
inline float min(float a, float b) { return std::fmin(a, b); }
inline float max(float a, float b) { return std::fmax(a, b); }

// ---- memory hints: the access without the hint -----------------------------------------------------------------------

template <class T>
inline T __ldg(const T* p) { return *p; }
template <class T>
inline T __ldcs(const T* p) { return *p; }
template <class T>
inline T __ldcg(const T* p) { return *p; }
template <class T>
inline void __stcs(T* p, T x) { *p = x; }
template <class T>
inline void __stcg(T* p, T x) { *p = x; }

[[noreturn]] inline void __trap(svad::executor::Where where = {}) { svad::executor::fault("__trap", where); }

// ---- barriers and warps ----------------------------------------------------------------------------------------------

inline void __syncthreads(svad::executor::Where where = {}) { svad::executor::barrier(svad::executor::Vote::none, 0, where); }
inline int __syncthreads_or(int p, svad::executor::Where where = {}) {
    return svad::executor::barrier(svad::executor::Vote::any, p, where);
}
inline int __syncthreads_and(int p, svad::executor::Where where = {}) {
    return svad::executor::barrier(svad::executor::Vote::all, p, where);
}
inline int __syncthreads_count(int p, svad::executor::Where where = {}) {
    return svad::executor::barrier(svad::executor::Vote::count, p, where);
}
inline void __syncwarp(unsigned mask = 0xffffffffU, svad::executor::Where where = {}) {
    svad::executor::collective("__syncwarp", mask, nullptr, nullptr, where);
}

namespace svad::executor {

template <class T>
struct Shuffle {
    T in, out;
    int source;
    Where where;
};

/// Every lane gets the value of the lane that it names.
template <class T>
T shuffle(const char* name, unsigned mask, T value, int source, Where where) {
    Shuffle<T> mine{value, value, source, where};
    collective(name, mask, &mine, [](void* const* operands, unsigned lanes) {
        for (int lane = 0; lane < 32; ++lane) {
            if (!(lanes >> lane & 1U)) continue;
            auto* to = static_cast<Shuffle<T>*>(operands[lane]);
            if (!(lanes >> to->source & 1U))
                fault("lane " + std::to_string(lane) + " shuffles from lane " + std::to_string(to->source) + ", outside the mask", to->where);
            to->out = static_cast<Shuffle<T>*>(operands[to->source])->in;
        }
    }, where);
    return mine.out;
}

struct Ballot {
    bool in;
    unsigned out;
};
inline unsigned ballot(const char* name, unsigned mask, bool predicate, Where where) {
    Ballot mine{predicate, 0};
    collective(name, mask, &mine, [](void* const* operands, unsigned lanes) {
        unsigned votes = 0;
        for (int lane = 0; lane < 32; ++lane)
            if (lanes >> lane & 1U) votes |= static_cast<unsigned>(static_cast<Ballot*>(operands[lane])->in) << lane;
        for (int lane = 0; lane < 32; ++lane)
            if (lanes >> lane & 1U) static_cast<Ballot*>(operands[lane])->out = votes;
    }, where);
    return mine.out;
}

}  // namespace svad::executor

template <class T>
inline T __shfl_sync(unsigned mask, T x, int source, int width = 32, svad::executor::Where where = {}) {
    const int lane = svad::executor::current.lane();
    return svad::executor::shuffle("__shfl_sync", mask, x, (lane & -width) | (source & (width - 1)), where);
}
template <class T>
inline T __shfl_xor_sync(unsigned mask, T x, int lanes, int width = 32, svad::executor::Where where = {}) {
    const int lane = svad::executor::current.lane(), source = lane ^ lanes;
    return svad::executor::shuffle("__shfl_xor_sync", mask, x, source < (lane & -width) + width ? source : lane, where);
}
template <class T>
inline T __shfl_down_sync(unsigned mask, T x, unsigned step, int width = 32, svad::executor::Where where = {}) {
    const int lane = svad::executor::current.lane(), source = lane + static_cast<int>(step);
    return svad::executor::shuffle("__shfl_down_sync", mask, x, source < (lane & -width) + width ? source : lane, where);
}
template <class T>
inline T __shfl_up_sync(unsigned mask, T x, unsigned step, int width = 32, svad::executor::Where where = {}) {
    const int lane = svad::executor::current.lane(), source = lane - static_cast<int>(step);
    return svad::executor::shuffle("__shfl_up_sync", mask, x, source >= (lane & -width) ? source : lane, where);
}
inline unsigned __ballot_sync(unsigned mask, int p, svad::executor::Where where = {}) {
    return svad::executor::ballot("__ballot_sync", mask, p != 0, where);
}
inline int __any_sync(unsigned mask, int p, svad::executor::Where where = {}) {
    return svad::executor::ballot("__any_sync", mask, p != 0, where) != 0;
}
inline int __all_sync(unsigned mask, int p, svad::executor::Where where = {}) {
    return svad::executor::ballot("__all_sync", mask, p != 0, where) == mask;
}

// ---- integer atomics -------------------------------------------------------------------------------------------------

// Each is compiled once, without instrumentation, in atomics.cpp: to the checker it is one atomic access.
#define SVAD_ATOMIC(T)                                                                                                 \
    T atomicAdd(T* p, T x);                                                                                            \
    T atomicMax(T* p, T x);                                                                                            \
    T atomicMin(T* p, T x);                                                                                            \
    T atomicAnd(T* p, T x);                                                                                            \
    T atomicOr(T* p, T x);                                                                                             \
    T atomicXor(T* p, T x);                                                                                            \
    T atomicExch(T* p, T x);                                                                                           \
    T atomicCAS(T* p, T expected, T x);
SVAD_ATOMIC(int)
SVAD_ATOMIC(unsigned)
SVAD_ATOMIC(unsigned long long)
#undef SVAD_ATOMIC
