// SPDX-License-Identifier: Apache-2.0
// Integer atomics: plain read, change, write, since a thread is never interrupted inside one.
#include "cuda_runtime.h"

namespace {

template <class T, class F>
T change(T* p, const void* pc, F to) {
    if (reinterpret_cast<std::uintptr_t>(p) % sizeof(T)) svad::executor::fault("a misaligned atomic, " + svad::executor::line_of(pc));
    svad::executor::in_kernel = false;
    svad::executor::report(p, sizeof(T), svad::executor::Access::atomic, pc);
    const T before = *p;
    *p = to(before);
    svad::executor::in_kernel = true;
    return before;
}

}  // namespace

#define SVAD_ATOMIC(T)                                                                                                      \
    T atomicAdd(T* p, T x) { return change(p, __builtin_return_address(0), [=](T y) { return static_cast<T>(y + x); }); }    \
    T atomicMax(T* p, T x) { return change(p, __builtin_return_address(0), [=](T y) { return y > x ? y : x; }); }            \
    T atomicMin(T* p, T x) { return change(p, __builtin_return_address(0), [=](T y) { return y < x ? y : x; }); }            \
    T atomicAnd(T* p, T x) { return change(p, __builtin_return_address(0), [=](T y) { return y & x; }); }                    \
    T atomicOr(T* p, T x) { return change(p, __builtin_return_address(0), [=](T y) { return y | x; }); }                     \
    T atomicXor(T* p, T x) { return change(p, __builtin_return_address(0), [=](T y) { return y ^ x; }); }                    \
    T atomicExch(T* p, T x) { return change(p, __builtin_return_address(0), [=](T) { return x; }); }                         \
    T atomicCAS(T* p, T expected, T x) {                                                                                    \
        return change(p, __builtin_return_address(0), [=](T y) { return y == expected ? x : y; });                          \
    }
SVAD_ATOMIC(int)
SVAD_ATOMIC(unsigned)
SVAD_ATOMIC(unsigned long long)
