// SPDX-License-Identifier: Apache-2.0
// The state of the block that runs: its threads, who waits for whom, the shared memory. Private to the executor.
#pragma once

#include "engine.hpp"
#include "fiber.hpp"

#include <array>
#include <exception>
#include <memory>
#include <random>
#include <vector>

namespace svad::executor {

/// A cp.async on its way.
struct Copy {
    void* to;
    const void* from;
    std::size_t bytes;
    int group;
    const void* pc;
    bool landed = false;
};

struct Thread {
    Fiber* fiber = nullptr;              // where it stopped; null before it began, while it runs, after it ended
    bool finished = false;
    const char* why = "";
    Where where{};
    int committed = 0;
    std::vector<Copy> copies;
};

/// Lanes of a warp on their way into one operation.
struct Pending {
    unsigned mask = 0, arrived = 0;
    const char* operation = "";
    Where where{};
    void* operands[32] = {};
};

struct BlockRun {
    std::vector<Thread> threads;
    std::vector<std::vector<Pending>> warps;
    std::vector<int> thread_at, rank_of;              // the schedule: rank to thread and back
    std::array<std::uint64_t, 16> runnable{};         // by rank
    int finished = 0;
    int waiting_at_barrier = 0, votes = 0, vote_result = 0;
    Where barrier_where{};
    Vote barrier_vote = Vote::none;
    std::exception_ptr failure;
    std::mt19937_64 copy_random;

    Fiber home;                                       // the launching thread's own stack
    Fiber* self = nullptr;                            // the fiber that runs
    std::vector<std::unique_ptr<Fiber>> fibers;
    std::vector<Fiber*> idle;

    static constexpr std::size_t guard_bytes = 256;   // behind the block's shared memory
    static unsigned char* arena() {
        alignas(128) static unsigned char bytes[256 * 1024];
        return bytes;
    }

    void set_runnable(int t, bool on) {
        const auto r = static_cast<std::size_t>(rank_of[static_cast<std::size_t>(t)]);
        const std::uint64_t bit = std::uint64_t(1) << (r % 64);
        on ? runnable[r / 64] |= bit : runnable[r / 64] &= ~bit;
    }
    int next_runnable() const;
    void enter_thread(int t);
    static void fiber_main();
    void begin(int t);
    void finish(int t);
    void resume(Fiber& from, int t);
    void wait(Where where, const char* why);
    Fiber* idle_fiber();
    void prepare(const Launch& launch, std::mt19937_64& random);
    void run_one(const Launch& launch, std::int64_t number, std::mt19937_64& random);
    std::string deadlock(const Launch& launch) const;
    int barrier(Vote vote, int predicate, Where where);
    void collective(const char* operation, unsigned mask, void* operands, Combine combine, Where where);
    std::vector<Copy>& copies();
    int& committed();
};

/// The only one: launches are serial.
extern BlockRun block;

/// Leaves the kernel's code for the executor's; while inside, the checker's hooks are deaf.
struct Outside {
    Outside() { in_kernel = false; }
    ~Outside() { in_kernel = true; }
};

/// Sets threadIdx of the thread, and blockIdx, blockDim, gridDim of a launch, as kernels see them.
void set_indices(const Current& thread);
void set_block(const Launch& launch, std::int64_t number);

}  // namespace svad::executor
