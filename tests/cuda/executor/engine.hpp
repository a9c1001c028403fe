// SPDX-License-Identifier: Apache-2.0
// The executor: runs a CUDA launch on one CPU thread, every CUDA thread a fiber, and faults at what a GPU would get wrong
// or hang on. Between two synchronisation points a thread runs uninterrupted, the best-ranked runnable thread first; so
// for two conflicting accesses of one interval the ascending and the descending order differ, and a race whose value
// matters shows as a difference of results. It checks our reading of CUDA and PTX, not a GPU: see kernels/README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

namespace svad::executor {

/// Which runnable thread, and which block, goes first.
enum class Order { ascending, descending, shuffled };
/// When an asynchronous copy arrives: at the wait that covers it, at its issue, or either by chance.
enum class Landing { late, early, random };

struct Settings {
    Order order = Order::ascending;
    Landing landing = Landing::late;
    std::uint64_t seed = 1;                        ///< of Order::shuffled and Landing::random
    int capability = 90;                           ///< 10 * major + minor of the device that is played
    std::size_t shared_limit = 99 * 1024;          ///< bytes of shared memory a block may ask for: those of sm_86 and sm_89
    std::size_t memory_limit = std::size_t(1) << 34;   ///< bytes of device memory
    bool lazy_streams = false;                     ///< work waits in its stream until something synchronises with it
};
/// The environment can take one synchronisation away, which is what tests/cuda/mutants.py does:
///   SVAD_SYNC_SKIP=kernels/norm.cu:120   the __syncthreads, __syncwarp, copy_async_commit or copy_async_wait there does nothing
///   SVAD_SYNC_TRACE=file                 every such place that a run reaches is appended to the file, once
/// What the next launches obey.
Settings& settings();

/// What a GPU would get wrong, hang on or trap at. The message names kernel, block, threads and source line.
struct Fault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A line of kernel source.
struct Where {
    const char* file = __builtin_FILE();
    int line = __builtin_LINE();
};
std::string to_string(Where where);

struct Size3 {
    unsigned x = 1, y = 1, z = 1;
    std::size_t volume() const { return std::size_t(x) * y * z; }
};

/// One launch: `call` runs the kernel once for the current thread.
struct Launch {
    const void* kernel;
    Size3 grid, block;
    std::size_t shared;
    std::function<void()> call;
    const void* arguments = nullptr;               ///< where the launch keeps them: kernels read these too
    std::size_t argument_bytes = 0;
};
void run(const Launch& launch);

/// The kernel's name with its template arguments, without namespaces and parameters.
std::string name_of(const void* function);
/// "file:line" of a code address, as far as debug information goes.
std::string line_of(const void* pc);

// ---- the running thread, for the stand-in headers and the checker ----------------------------------------------------

/// True only while kernel code runs: the checker's hooks do nothing else first.
extern bool in_kernel;

struct Current {
    std::int64_t block = 0;
    int thread = 0;
    unsigned char* shared = nullptr;               ///< the block's arena
    std::size_t shared_bytes = 0;
    const unsigned char *stack = nullptr, *stack_end = nullptr;
    const Launch* launch = nullptr;
    int lane() const { return thread % 32; }
    int warp() const { return thread / 32; }
};
extern Current current;

/// Throws a Fault about the current thread.
[[noreturn]] void fault(const std::string& what, Where where);
[[noreturn]] void fault(const std::string& what);
/// The same where no exception may pass: the launch ends, the thread's frames are forgotten.
[[noreturn]] void abandon(const std::string& what);
/// The same with "kernel ..., block ..., thread ..." for a message of any origin.
std::string describe_current();

enum class Vote { none, all, any, count };
/// __syncthreads and its voting forms.
int barrier(Vote vote, int predicate, Where where);

/// What lanes of a warp do together. `combine` sees every lane's operands (null outside the mask).
using Combine = void (*)(void* const* operands, unsigned mask);
void collective(const char* operation, unsigned mask, void* operands, Combine combine, Where where);

/// cp.async of this thread; `from` null writes zeros.
void copy_async(void* shared, const void* from, std::size_t bytes, Where where);
void commit_copies(Where where);
void wait_copies(int pending, Where where);

/// The block's shared memory, checked to hold `bytes` with `alignment`.
void* shared_memory(std::size_t bytes, std::size_t alignment);

// ---- who watches: the checker ----------------------------------------------------------------------------------------

enum class Access { read, write, atomic };

/// Told of everything that orders or touches memory. Without the checker there is none.
struct Observer {
    virtual ~Observer() = default;
    virtual void launch_begins(const Launch&) = 0;
    virtual void launch_ends() = 0;
    virtual void block_begins() = 0;
    virtual void block_ends() = 0;
    virtual void barrier_passed() = 0;
    virtual void warp_synced(int warp, unsigned mask) = 0;
    virtual void access(const void* p, std::size_t bytes, Access kind, const void* pc) = 0;
    /// A copy is on its way to p, or has landed there.
    virtual void copy_issued(const void* p, std::size_t bytes, const void* pc) = 0;
    virtual void copy_landed(const void* p, std::size_t bytes, const void* pc) = 0;
    virtual void allocated(const void* p, std::size_t bytes) = 0;
    virtual void freed(const void* p) = 0;
    virtual void host_wrote(const void* p, std::size_t bytes) = 0;
};
extern Observer* observer;

/// Reports an access that no instrumented instruction makes: an atomic, an ldmatrix row.
inline void report(const void* p, std::size_t bytes, Access kind, const void* pc) {
    if (observer) observer->access(p, bytes, kind, pc);
}

}  // namespace svad::executor
