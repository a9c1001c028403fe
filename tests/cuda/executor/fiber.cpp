// SPDX-License-Identifier: Apache-2.0
#include "fiber.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

extern "C" void svad_fiber_switch(void** save, void* load);

#if defined(__x86_64__)
asm(R"(
.text
.p2align 4
.globl svad_fiber_switch
.type svad_fiber_switch, @function
svad_fiber_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size svad_fiber_switch, .-svad_fiber_switch
)");
constexpr int frame_words = 7, return_word = 6, top_gap = 56;     // at a function's entry the stack is 8 off 16
#elif defined(__aarch64__)
asm(R"(
.text
.p2align 4
.globl svad_fiber_switch
.type svad_fiber_switch, %function
svad_fiber_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
.size svad_fiber_switch, .-svad_fiber_switch
)");
constexpr int frame_words = 20, return_word = 11, top_gap = 64;
#else
#error "the executor's context switch is written for x86-64 and AArch64"
#endif

namespace svad::executor {

namespace {
Fiber* running = nullptr;     // the fiber that is being switched to: a new one learns here who it is
Fiber* left = nullptr;        // the one that was left for it
}  // namespace

void fiber_entered(Fiber* self) {
#if defined(__SANITIZE_ADDRESS__)
    const void* bottom = nullptr;
    std::size_t size = 0;
    __sanitizer_finish_switch_fiber(self->fake_stack_, &bottom, &size);
    if (left && !left->stack_) left->home_ = bottom, left->home_bytes_ = size;
#else
    static_cast<void>(self);
#endif
}

void Fiber::enter() {
    fiber_entered(running);
    running->main_();
    std::abort();
}

Fiber::Fiber(std::size_t number, void (*main)()) : colour_(number % 32 * 128), main_(main) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* memory = mmap(nullptr, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    mprotect(memory, page, PROT_NONE);
    stack_ = static_cast<unsigned char*>(memory) + page;
    reset();
}

Fiber::~Fiber() {
    if (!stack_) return;
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    munmap(stack_ - page, bytes + page);
}

void Fiber::reset() {
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(stack_, bytes);          // the frames that are forgotten leave their guards behind
#endif
    auto* top = reinterpret_cast<std::uintptr_t*>(stack_ + bytes - colour_ - top_gap);
    *top = 0;                                     // the return address of enter(): unwinding ends here
    std::uintptr_t* frame = top - frame_words;
    for (std::uintptr_t* word = frame; word < top; ++word) *word = 0;
    frame[return_word] = reinterpret_cast<std::uintptr_t>(&Fiber::enter);
    pointer_ = frame;
    fake_stack_ = nullptr;
}

void Fiber::switch_to(Fiber& other) {
    running = &other;
    left = this;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&fake_stack_, other.stack_ ? other.stack_ : other.home_, other.stack_ ? bytes : other.home_bytes_);
#endif
    svad_fiber_switch(&pointer_, other.pointer_);
    fiber_entered(this);
}

}  // namespace svad::executor
