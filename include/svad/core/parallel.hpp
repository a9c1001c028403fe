// SPDX-License-Identifier: Apache-2.0
// One thread pool and `parallel_for`, which hands out small tiles dynamically: cores are shared with other programs,
// and a static split waits for the slowest core. Nested calls run inline; the first exception returns to the caller.
// Threads look for the next loop for some microseconds before they sleep: a word of a decoder is hundreds of short loops,
// and waking a thread costs as much as one of them.
#pragma once

#include "svad/core/dtype.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace svad {

namespace detail {

class Pool {
public:
    static Pool& instance() {
        static Pool pool;
        return pool;
    }

    ~Pool() { stop(); }

    int size() const { return wanted_; }

    void resize(int threads) {
        const std::lock_guard entry(entry_);
        stop();
        wanted_ = std::max(1, threads);
    }

    using Call = void (*)(void* body, Index begin, Index end);

    void run(Index n, Index grain, Call call, void* body) {
        std::unique_lock entry(entry_, std::try_to_lock);
        if (!entry || n <= grain || wanted_ == 1) {          // busy with somebody else's loop, or not worth waking
            call(body, 0, n);
            return;
        }
        start();
        {
            const std::lock_guard lock(mutex_);
            n_ = n, grain_ = grain, call_ = call, body_ = body, error_ = nullptr;
            next_.store(0, std::memory_order_relaxed);
            running_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
            epoch_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        inside() = true;
        work();
        inside() = false;
        const auto finished = [&] { return running_.load(std::memory_order_acquire) == 0; };
        if (!spin_until(finished)) {
            std::unique_lock lock(mutex_);
            done_.wait(lock, finished);
        }
        std::unique_lock lock(mutex_);
        if (error_) {
            const std::exception_ptr error = std::exchange(error_, nullptr);
            lock.unlock();
            std::rethrow_exception(error);
        }
    }

    static bool& inside() {
        thread_local bool flag = false;
        return flag;
    }

private:
    Pool() : wanted_(std::max(1, static_cast<int>(std::thread::hardware_concurrency()))) {}

    void start() {
        if (!workers_.empty()) return;
        const std::uint64_t epoch = epoch_.load();
        for (int i = 1; i < wanted_; ++i) workers_.emplace_back([this, epoch] { serve(epoch); });
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            quit_ = true;
        }
        wake_.notify_all();
        for (auto& w : workers_) w.join();
        workers_.clear();
        quit_ = false;
    }

    void serve(std::uint64_t seen) {
        inside() = true;
        const auto called = [&] { return epoch_.load(std::memory_order_acquire) != seen; };
        for (;;) {
            if (!spin_until(called)) {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, [&] { return quit_ || called(); });
                if (quit_) return;
            }
            seen = epoch_.load(std::memory_order_acquire);
            work();
            if (running_.fetch_sub(1, std::memory_order_acq_rel) > 1) continue;
            const std::lock_guard lock(mutex_);
            done_.notify_one();
        }
    }

    /// Waits about 20 microseconds for `ready`; whether it came.
    static bool spin_until(const auto& ready) {
        for (int i = 0; i < 1000; ++i) {
            if (ready()) return true;
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
        return ready();
    }

    void work() {
        for (;;) {
            const Index begin = next_.fetch_add(grain_, std::memory_order_relaxed);
            if (begin >= n_) return;
            try {
                call_(body_, begin, std::min(begin + grain_, n_));
            } catch (...) {
                const std::lock_guard lock(mutex_);
                if (!error_) error_ = std::current_exception();
                next_.store(n_, std::memory_order_relaxed);
            }
        }
    }

    std::mutex entry_, mutex_;
    std::condition_variable wake_, done_;
    std::vector<std::thread> workers_;
    int wanted_;
    bool quit_ = false;
    std::atomic<int> running_{0};
    std::atomic<std::uint64_t> epoch_{0};
    std::atomic<Index> next_{0};
    Index n_ = 0, grain_ = 1;
    Call call_ = nullptr;
    void* body_ = nullptr;
    std::exception_ptr error_;
};

}  // namespace detail

/// Calls f(begin, end) for tiles of at most `grain` that cover [0, n); tiles run concurrently in any order.
template <class F>
void parallel_for(Index n, Index grain, F&& f) {
    if (n <= 0) return;
    grain = std::max<Index>(grain, 1);
    if (n <= grain || detail::Pool::inside()) {
        f(Index{0}, n);
        return;
    }
    auto call = [](void* body, Index begin, Index end) { (*static_cast<std::remove_reference_t<F>*>(body))(begin, end); };
    detail::Pool::instance().run(n, grain, call, const_cast<void*>(static_cast<const void*>(&f)));
}

/// How many threads loops may use, the caller included.
[[nodiscard]] inline int threads() { return detail::Pool::instance().size(); }
/// Sets it; not to be called while a loop runs.
inline void set_threads(int n) { detail::Pool::instance().resize(n); }

}  // namespace svad
