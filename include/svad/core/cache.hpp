// SPDX-License-Identifier: Apache-2.0
// Where the bytes of CPU values come from, recycled so that a steady training step asks the system for nothing. Small blocks
// wait in free lists by size class; large ones are cut from one reserved range of addresses, best fit, and join their free
// neighbours when they are given back: what a step holds is within a hundredth of what its values need. Rejected: free lists
// for all sizes (blocks of a class that is not wanted just now lie idle: 20 % of a step's peak), a plain new per tensor
// (faults of fresh pages cost more than the kernels that fill them).
#pragma once

#include "svad/core/config.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <utility>
#include <vector>

namespace svad::detail {

/// Places in a range of addresses: best fit, the lowest of equals; free neighbours are one. It touches no memory.
class Places {
public:
    /// The offset of `size` free bytes; nothing lies behind top().
    std::size_t take(std::size_t size) {
        const auto fit = by_size_.lower_bound({size, 0});
        std::size_t at = top_;
        if (fit == by_size_.end()) {
            top_ += size;
        } else {
            at = fit->second;
            const std::size_t rest = fit->first - size;
            erase(at, fit->first);
            if (rest > 0) insert(at + size, rest);
        }
        return at;
    }

    void give(std::size_t at, std::size_t size) {
        const auto next = free_.lower_bound(at);
        if (next != free_.end() && next->first == at + size) {
            size += next->second;
            erase(at + size - next->second, next->second);
        }
        if (auto before = free_.lower_bound(at); before != free_.begin() && (--before, before->first + before->second == at)) {
            at = before->first, size += before->second;
            erase(at, before->second);
        }
        if (at + size == top_) top_ = at;
        else insert(at, size);
    }

    std::size_t top() const { return top_; }
    /// Free ranges below top(): offset and size.
    const std::map<std::size_t, std::size_t>& holes() const { return free_; }

private:
    void insert(std::size_t at, std::size_t size) { free_.emplace(at, size), by_size_.emplace(size, at); }
    void erase(std::size_t at, std::size_t size) { free_.erase(at), by_size_.erase({size, at}); }

    std::map<std::size_t, std::size_t> free_;
    std::set<std::pair<std::size_t, std::size_t>> by_size_;
    std::size_t top_ = 0;
};

/// CPU blocks. The imagined cache counts as the real one does and has no memory.
class CpuCache {
public:
    explicit CpuCache(bool imagined) : imagined_(imagined) {
        if (imagined) base_ = reinterpret_cast<std::byte*>(page);       // addresses that nobody reads
        if (imagined || sanitized) return;
        void* const range = ::mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (range == MAP_FAILED) return;                    // a system that wants every address paid for: blocks come from new
        base_ = static_cast<std::byte*>(range);
        (void)::madvise(base_, reserved, MADV_HUGEPAGE);
    }
    static CpuCache& instance() {
        static CpuCache* cache = new CpuCache(false);       // never destroyed: blocks may outlive static destructors
        return *cache;
    }
    static CpuCache& imagined() {
        static CpuCache* cache = new CpuCache(true);
        return *cache;
    }
    /// True while this thread makes imagined values.
    static bool& imagining() {
        thread_local bool flag = false;
        return flag;
    }

    /// What a block for `bytes` takes: a quarter of a power of two more at most, for large ones the rest of a page.
    static std::size_t block_size(std::size_t bytes) {
        const std::size_t n = std::max<std::size_t>(bytes, 256), step = n >= large ? page : std::bit_floor(n) / 4;
        return (n + step - 1) / step * step;
    }

    /// A block of this block_size().
    void* take(std::size_t size) {
        std::unique_lock lock(mutex_);
        void* block = nullptr;
        if (base_ && size >= large && size <= limit && places_.top() + size <= reserved) {
            block = base_ + places_.take(size);
            touched_ = std::max(touched_, places_.top());
        } else if (auto* list = size < large ? &lists_[slot(size)] : nullptr; list && !list->empty()) {
            block = list->back();
            list->pop_back();
            cached_ -= size;
        } else if (imagined_) {
            block = base_ + reserved;
        } else {
            lock.unlock();
            block = ::operator new(size, std::align_val_t{64});
            lock.lock();
        }
        (inside(block) ? placed_ : small_) += size;
        const std::size_t used_now = placed_ + small_;
        used_peak_ = std::max(used_peak_, used_now), held_peak_ = std::max(held_peak_, held());
        return block;
    }

    void give(void* block, std::size_t size) noexcept {
        std::unique_lock lock(mutex_);
        (inside(block) ? placed_ : small_) -= size;
        try {
            if (inside(block)) {
                places_.give(static_cast<std::size_t>(static_cast<std::byte*>(block) - base_), size);
                if (!imagined_ && touched_ - placed_ > limit) (void)::madvise(block, size, MADV_DONTNEED);
                return;
            }
            if (!sanitized && size < large) {
                lists_[slot(size)].push_back(block);
                cached_ += size;
                return;
            }
        } catch (...) {                                     // no memory to remember it
            if (inside(block)) return;
        }
        lock.unlock();
        release(block);
    }

    /// Bytes in blocks that are in use, and in all that the system gave for them; the most of both since restart_peaks().
    struct Counts {
        std::size_t used = 0, held = 0, used_peak = 0, held_peak = 0;
    };
    Counts counts() const {
        const std::lock_guard lock(mutex_);
        return {placed_ + small_, held(), used_peak_, held_peak_};
    }
    void restart_peaks() {
        const std::lock_guard lock(mutex_);
        used_peak_ = placed_ + small_, held_peak_ = held();
    }

    /// Returns all unused memory to the system.
    void trim() {
        const std::lock_guard lock(mutex_);
        for (auto& list : lists_) {
            for (void* block : list) release(block);
            list.clear();
        }
        cached_ = 0;
        if (imagined_ || !base_) return;
        for (const auto& [at, size] : places_.holes()) (void)::madvise(base_ + at, size, MADV_DONTNEED);
        (void)::madvise(base_ + places_.top(), touched_ - places_.top(), MADV_DONTNEED);
        touched_ = places_.top();
    }

private:
    static constexpr std::size_t page = 4096, large = std::size_t{1} << 15, reserved = std::size_t{1} << 40;
    // Larger blocks come from new, which fails where the machine has no such amount; and what lies idle beyond it goes back.
    static constexpr std::size_t limit = std::size_t{4} << 30;

    static std::size_t slot(std::size_t size) {
        const auto power = static_cast<std::size_t>(std::bit_width(size) - 1);
        return power * 4 + (size - (std::size_t{1} << power)) / (std::size_t{1} << (power - 2));
    }
    bool inside(const void* block) const { return base_ && block >= base_ && block < base_ + reserved; }
    std::size_t held() const { return places_.top() + small_ + cached_; }
    void release(void* block) const noexcept {
        if (!imagined_) ::operator delete(block, std::align_val_t{64});
    }

    bool imagined_;
    std::byte* base_ = nullptr;
    mutable std::mutex mutex_;
    Places places_;
    std::array<std::vector<void*>, 64> lists_;
    std::size_t touched_ = 0, placed_ = 0, small_ = 0, cached_ = 0, used_peak_ = 0, held_peak_ = 0;
};

}  // namespace svad::detail
