// SPDX-License-Identifier: Apache-2.0
// Fibers: stacks that a program switches between by itself, sixteen instructions a switch (ucontext: twenty times that,
// a system call each for the signal mask). Stacks have a guard page and begin at different cache sets, since blocks of
// hundreds of fibers that touch a few lines each would otherwise fight for the same ones.
#pragma once

#include <cstddef>
#include <memory>

namespace svad::executor {

/// One stack and where its execution stopped. `main` begins at the first switch to it and must never return.
class Fiber {
public:
    /// The fiber of the calling thread's own stack.
    Fiber() = default;
    Fiber(std::size_t number, void (*main)());
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// Makes the fiber start anew; what was on its stack is forgotten, without destructors.
    void reset();
    /// Stops here, goes on there; returns when somebody switches back.
    void switch_to(Fiber& other);

    const unsigned char* stack() const { return stack_; }
    const unsigned char* stack_end() const { return stack_ + bytes; }

    static constexpr std::size_t bytes = 64 * 1024;

private:
    friend void fiber_entered(Fiber* self);
    static void enter();

    void* pointer_ = nullptr;
    unsigned char* stack_ = nullptr;
    std::size_t colour_ = 0;
    void (*main_)() = nullptr;
    void* fake_stack_ = nullptr;          // AddressSanitizer's
    const void* home_ = nullptr;          // bounds of a thread's own stack, learnt when it is first left
    std::size_t home_bytes_ = 0;
};

}  // namespace svad::executor
