// SPDX-License-Identifier: Apache-2.0
// The scheduler of one launch: blocks one after another, the threads of a block as fibers. A fiber runs threads to their
// end; only when a thread has to wait does another fiber go on with the next one, so a kernel without barriers is a loop.
#include "block.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <numeric>

namespace svad::executor {

bool in_kernel = false;
Current current;
Observer* observer = nullptr;

Settings& settings() {
    static Settings instance;
    return instance;
}

std::string to_string(Where where) {
    const std::string file = where.file;
    const std::size_t kernels = file.rfind("kernels/"), tests = file.rfind("tests/");
    const std::size_t from = kernels != std::string::npos ? kernels : tests != std::string::npos ? tests : 0;
    return file.substr(from) + ":" + std::to_string(where.line);
}

std::string describe_current() {
    const Launch& launch = *current.launch;
    return "kernel " + name_of(launch.kernel) + ", block " + std::to_string(current.block) + " of " +
           std::to_string(launch.grid.volume()) + ", thread " + std::to_string(current.thread) + " of " +
           std::to_string(launch.block.volume());
}

void fault(const std::string& what, Where where) {
    throw Fault(describe_current() + " at " + to_string(where) + ": " + what);
}
void fault(const std::string& what) { throw Fault(describe_current() + ": " + what); }

BlockRun block;

namespace {
std::mutex serial;
}

void abandon(const std::string& what) {
    in_kernel = false;
    block.failure = std::make_exception_ptr(Fault(describe_current() + what));
    Fiber* me = block.self;
    me->switch_to(block.home);
    std::abort();
}

void BlockRun::enter_thread(int t) {
    current.thread = t;
    current.stack = self->stack();
    current.stack_end = self->stack_end();
    set_indices(current);
}

int BlockRun::next_runnable() const {
    for (std::size_t w = 0; w < runnable.size(); ++w)
        if (runnable[w]) return thread_at[static_cast<std::size_t>(w * 64) + static_cast<std::size_t>(__builtin_ctzll(runnable[w]))];
    return -1;
}

// What every fiber does: run the best-ranked thread that has not begun; hand over to one that can go on; stop.
void BlockRun::fiber_main() {
    for (;;) {
        const int t = block.failure ? -1 : block.next_runnable();
        Fiber* me = block.self;
        if (t < 0) {
            block.idle.push_back(me);
            block.self = nullptr;
            me->switch_to(block.home);
        } else if (block.threads[static_cast<std::size_t>(t)].fiber) {
            block.idle.push_back(me);
            block.resume(*me, t);
        } else {
            block.begin(t);
        }
    }
}

void BlockRun::begin(int t) {
    set_runnable(t, false);
    enter_thread(t);
    try {
        in_kernel = true;
        current.launch->call();
        in_kernel = false;
        finish(t);
    } catch (...) {
        in_kernel = false;
        if (!failure) failure = std::current_exception();
    }
}

void BlockRun::finish(int t) {
    Thread& thread = threads[static_cast<std::size_t>(t)];
    thread.finished = true;
    thread.copies.clear();
    ++finished;
    if (waiting_at_barrier > 0)
        fault("ends while " + std::to_string(waiting_at_barrier) + " threads wait at the barrier of " + to_string(barrier_where));
    for (const Pending& pending : warps[static_cast<std::size_t>(t / 32)])
        if (pending.mask >> (t % 32) & 1U)
            fault(std::string("ends while its warp waits for it in ") + pending.operation + " at " + to_string(pending.where));
}

void BlockRun::resume(Fiber& from, int t) {
    Thread& thread = threads[static_cast<std::size_t>(t)];
    set_runnable(t, false);
    self = thread.fiber;
    thread.fiber = nullptr;
    from.switch_to(*self);
}

// Stops the current thread until somebody makes it runnable.
void BlockRun::wait(Where where, const char* why) {
    const int t = current.thread;
    Thread& thread = threads[static_cast<std::size_t>(t)];
    Fiber* me = self;
    thread.fiber = me;
    thread.where = where;
    thread.why = why;
    const int next = next_runnable();
    if (next < 0) {
        self = nullptr;
        me->switch_to(home);
    } else if (threads[static_cast<std::size_t>(next)].fiber) {
        resume(*me, next);
    } else {
        self = idle_fiber();
        me->switch_to(*self);
    }
    enter_thread(t);
}

Fiber* BlockRun::idle_fiber() {
    if (idle.empty()) {
        fibers.push_back(std::make_unique<Fiber>(fibers.size(), &BlockRun::fiber_main));
        return fibers.back().get();
    }
    Fiber* fiber = idle.back();
    idle.pop_back();
    return fiber;
}

void BlockRun::prepare(const Launch& launch, std::mt19937_64& random) {
    const auto count = static_cast<int>(launch.block.volume());
    threads.assign(static_cast<std::size_t>(count), Thread{});
    warps.assign(static_cast<std::size_t>((count + 31) / 32), {});
    thread_at.resize(static_cast<std::size_t>(count));
    rank_of.resize(static_cast<std::size_t>(count));
    std::iota(thread_at.begin(), thread_at.end(), 0);
    if (settings().order == Order::descending) std::reverse(thread_at.begin(), thread_at.end());
    if (settings().order == Order::shuffled) std::shuffle(thread_at.begin(), thread_at.end(), random);
    for (int r = 0; r < count; ++r) rank_of[static_cast<std::size_t>(thread_at[static_cast<std::size_t>(r)])] = r;
    runnable.fill(0);
    for (int t = 0; t < count; ++t) set_runnable(t, true);
    finished = waiting_at_barrier = 0;
    failure = nullptr;
    std::memset(arena(), 0xff, launch.shared + guard_bytes);
}

void BlockRun::run_one(const Launch& launch, std::int64_t number, std::mt19937_64& random) {
    current.block = number;
    current.launch = &launch;
    current.shared = arena();
    current.shared_bytes = launch.shared;
    set_block(launch, number);
    prepare(launch, random);
    if (observer) observer->block_begins();
    self = idle_fiber();
    home.switch_to(*self);
    if (failure || finished != static_cast<int>(threads.size())) {
        // Fibers of threads that never ended: start them anew. Kernel code holds nothing that needs a destructor.
        idle.clear();
        for (const auto& fiber : fibers) fiber->reset(), idle.push_back(fiber.get());
        if (failure) std::rethrow_exception(failure);
        throw Fault(deadlock(launch));
    }
    if (observer) observer->block_ends();
}

std::string BlockRun::deadlock(const Launch& launch) const {
    std::string text = "kernel " + name_of(launch.kernel) + ", block " + std::to_string(current.block) +
                       ": deadlock; threads that wait:";
    for (std::size_t first = 0; first < threads.size();) {
        std::size_t last = first;
        const Thread& thread = threads[first];
        while (last < threads.size() && threads[last].finished == thread.finished && threads[last].why == thread.why &&
               threads[last].where.line == thread.where.line)
            ++last;
        if (!thread.finished)
            text += " " + std::to_string(first) + ".." + std::to_string(last - 1) + " in " + thread.why + " at " + to_string(thread.where) + ";";
        first = last;
    }
    return text;
}

namespace {

void check(const Launch& launch) {
    const auto refuse = [&](const std::string& why) { throw Fault("kernel " + name_of(launch.kernel) + ": " + why); };
    const std::size_t threads = launch.block.volume();
    if (threads == 0 || threads > 1024 || launch.block.z > 64) refuse("a block of " + std::to_string(threads) + " threads");
    if (threads % 32) refuse("a block of " + std::to_string(threads) + " threads is not a multiple of 32");
    if (launch.grid.x == 0 || launch.grid.x > 0x7fffffffU || launch.grid.y == 0 || launch.grid.y > 65535 || launch.grid.z == 0 ||
        launch.grid.z > 65535)
        refuse("a grid of " + std::to_string(launch.grid.x) + " x " + std::to_string(launch.grid.y) + " x " + std::to_string(launch.grid.z));
    if (launch.shared > settings().shared_limit)
        refuse(std::to_string(launch.shared) + " bytes of shared memory of " + std::to_string(settings().shared_limit));
}

}  // namespace

void run(const Launch& launch) {
    check(launch);
    const std::lock_guard lock(serial);
    std::mt19937_64 random(settings().seed);
    block.copy_random.seed(settings().seed);
    if (observer) observer->launch_begins(launch);
    const auto count = static_cast<std::int64_t>(launch.grid.volume());
    std::vector<std::int64_t> order;
    if (settings().order == Order::shuffled) {
        order.resize(static_cast<std::size_t>(count));
        std::iota(order.begin(), order.end(), std::int64_t(0));
        std::shuffle(order.begin(), order.end(), random);
    }
    try {
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t number = !order.empty() ? order[static_cast<std::size_t>(i)]
                                        : settings().order == Order::descending ? count - 1 - i : i;
            block.run_one(launch, number, random);
        }
    } catch (...) {
        if (observer) observer->launch_ends();
        throw;
    }
    if (observer) observer->launch_ends();
}

}  // namespace svad::executor
