// SPDX-License-Identifier: Apache-2.0
// Batches made ahead by worker threads and handed out in order through a bounded queue. Batch k is make(k), whatever the
// number of workers.
#pragma once

#include "svad/core/dtype.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace svad::data {

template <class Batch>
class Ahead {
public:
    /// `make` is called from `workers` threads at once; at most `queue` batches are made ahead, from number `first` on.
    Ahead(std::function<Batch(Index)> make, int workers, Index queue, Index first)
        : make_(std::move(make)), queue_(queue), claimed_(first), wanted_(first) {
        for (int i = 0; i < std::max(1, workers); ++i) threads_.emplace_back([this] { work(); });
    }

    ~Ahead() {
        {
            const std::lock_guard lock(mutex_);
            quit_ = true;
        }
        changed_.notify_all();
        for (auto& t : threads_) t.join();
    }
    Ahead(const Ahead&) = delete;
    Ahead& operator=(const Ahead&) = delete;

    /// The next batch; waits for it. What a worker threw is thrown here.
    Batch next() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return error_ || ready_.count(wanted_) > 0; });
        if (error_) std::rethrow_exception(error_);
        Batch batch = std::move(ready_.at(wanted_));
        ready_.erase(wanted_++);
        lock.unlock();
        changed_.notify_all();
        return batch;
    }

private:
    void work() {
        for (;;) {
            Index number = 0;
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, [&] { return quit_ || claimed_ < wanted_ + queue_; });
                if (quit_) return;
                number = claimed_++;
            }
            try {
                Batch batch = make_(number);
                const std::lock_guard lock(mutex_);
                ready_.emplace(number, std::move(batch));
            } catch (...) {
                const std::lock_guard lock(mutex_);
                if (!error_) error_ = std::current_exception();
                quit_ = true;
            }
            changed_.notify_all();
        }
    }

    std::function<Batch(Index)> make_;
    Index queue_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<Index, Batch> ready_;
    Index claimed_, wanted_;
    bool quit_ = false;
    std::exception_ptr error_;
    std::vector<std::thread> threads_;              // last: they use everything above
};

}  // namespace svad::data
