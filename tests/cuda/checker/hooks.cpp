// SPDX-License-Identifier: Apache-2.0
// The functions that g++ -fsanitize=thread calls before every memory access, with our meaning. Inline functions of the
// library that were compiled with the flag may replace our own copies at link time, so every hook first looks at a plain
// flag, which is false while anything but kernel code runs.
#include "checker.hpp"

namespace svad::executor {
Observer* install_checker();

namespace {

// Before any memory is allocated on the device: this file is linked because the kernels call its hooks.
[[maybe_unused]] Observer* const installed = install_checker();

// A GPU traps at once, and the processor here may too: nothing after it can be trusted.
[[noreturn]] void misaligned(const void* p, std::size_t bytes, const void* pc) {
    abandon(" at " + line_of(pc) + ": misaligned: an access of " + std::to_string(bytes) + " bytes at an address " +
            std::to_string(reinterpret_cast<std::uintptr_t>(p) % bytes) + " beyond a multiple of them");
}

void hook(const void* p, std::size_t bytes, Access kind, const void* pc, bool must_align) {
    if (!in_kernel) return;
    in_kernel = false;
    if (must_align && reinterpret_cast<std::uintptr_t>(p) % bytes) misaligned(p, bytes, pc);
    observer->access(p, bytes, kind, pc);
    in_kernel = true;
}

}  // namespace
}  // namespace svad::executor

using svad::executor::Access;
using svad::executor::hook;
#define SVAD_PC __builtin_return_address(0)
#define SVAD_HOOKS(bytes)                                                                                                \
    void __tsan_read##bytes(const void* p) { hook(p, bytes, Access::read, SVAD_PC, true); }                              \
    void __tsan_write##bytes(const void* p) { hook(p, bytes, Access::write, SVAD_PC, true); }                            \
    void __tsan_unaligned_read##bytes(const void* p) { hook(p, bytes, Access::read, SVAD_PC, false); }                   \
    void __tsan_unaligned_write##bytes(const void* p) { hook(p, bytes, Access::write, SVAD_PC, false); }

// Atomics of host code in kernel files, such as the guard of a static variable: done, and not looked at.
#define SVAD_ATOMICS(bits, T)                                                                                            \
    T __tsan_atomic##bits##_load(const T* p, int) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }                       \
    void __tsan_atomic##bits##_store(T* p, T x, int) { __atomic_store_n(p, x, __ATOMIC_SEQ_CST); }                       \
    T __tsan_atomic##bits##_exchange(T* p, T x, int) { return __atomic_exchange_n(p, x, __ATOMIC_SEQ_CST); }             \
    T __tsan_atomic##bits##_fetch_add(T* p, T x, int) { return __atomic_fetch_add(p, x, __ATOMIC_SEQ_CST); }             \
    T __tsan_atomic##bits##_fetch_sub(T* p, T x, int) { return __atomic_fetch_sub(p, x, __ATOMIC_SEQ_CST); }             \
    T __tsan_atomic##bits##_fetch_and(T* p, T x, int) { return __atomic_fetch_and(p, x, __ATOMIC_SEQ_CST); }             \
    T __tsan_atomic##bits##_fetch_or(T* p, T x, int) { return __atomic_fetch_or(p, x, __ATOMIC_SEQ_CST); }               \
    bool __tsan_atomic##bits##_compare_exchange_strong(T* p, T* c, T x, int, int) {                                      \
        return __atomic_compare_exchange_n(p, c, x, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                          \
    }                                                                                                                    \
    bool __tsan_atomic##bits##_compare_exchange_weak(T* p, T* c, T x, int, int) {                                        \
        return __atomic_compare_exchange_n(p, c, x, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                           \
    }

extern "C" {
SVAD_HOOKS(1)
SVAD_HOOKS(2)
SVAD_HOOKS(4)
SVAD_HOOKS(8)
SVAD_HOOKS(16)
void __tsan_read_range(const void* p, std::size_t bytes) { hook(p, bytes, Access::read, SVAD_PC, false); }
void __tsan_write_range(const void* p, std::size_t bytes) { hook(p, bytes, Access::write, SVAD_PC, false); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void*, void*) {}
void __tsan_vptr_read(void*) {}
void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int) {}
SVAD_ATOMICS(8, std::uint8_t)
SVAD_ATOMICS(16, std::uint16_t)
SVAD_ATOMICS(32, std::uint32_t)
SVAD_ATOMICS(64, std::uint64_t)
}
