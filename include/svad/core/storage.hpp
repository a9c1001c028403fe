// SPDX-License-Identifier: Apache-2.0
// Storage: reference-counted, 64-byte aligned bytes on one device, recycled through size-class free lists so that a
// steady training step asks the system for no memory. Rejected: a plain aligned new per tensor (page faults of fresh
// pages cost more than the kernels that fill them).
#pragma once

#include "svad/core/config.hpp"
#include "svad/core/error.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace svad {

#if SVAD_CUDA
namespace cuda {                                        // backend/cuda/runtime.hpp
int devices();
void* allocate(std::size_t bytes, int device);
void release(void* block, int device) noexcept;
}  // namespace cuda
#endif

/// Where a value lives.
struct Device {
    enum class Kind : std::uint8_t { cpu, cuda } kind = Kind::cpu;
    int index = 0;
    static constexpr Device cpu() { return {}; }
    static constexpr Device cuda(int i = 0) { return {Kind::cuda, i}; }
    /// The fastest device of this build and machine.
    static Device best() {
#if SVAD_CUDA
        if (svad::cuda::devices() > 0) return {Kind::cuda, 0};
#endif
        return cpu();
    }
    friend bool operator==(const Device&, const Device&) = default;
};

inline void print(std::string& out, const Device& d) {
    out += d.kind == Device::Kind::cpu ? "cpu" : "cuda:" + std::to_string(d.index);
}

namespace detail {

/// Free lists of CPU blocks; four size classes per power of two, so at most a quarter of a block is unused.
class CpuCache {
public:
    static CpuCache& instance() {
        static CpuCache* cache = new CpuCache;      // never destroyed: blocks may outlive static destructors
        return *cache;
    }

    static std::size_t class_size(std::size_t bytes) {
        const std::size_t n = bytes < 256 ? 256 : bytes;
        const std::size_t step = std::bit_floor(n) / 4;
        return (n + step - 1) / step * step;
    }

    void* take(std::size_t size) {
        if (!sanitized) {
            const std::lock_guard lock(mutex_);
            auto& list = lists_[slot(size)];
            if (!list.empty()) {
                void* block = list.back();
                list.pop_back();
                cached_ -= size;
                return block;
            }
        }
        return ::operator new(size, std::align_val_t{64});
    }

    void give(void* block, std::size_t size) noexcept {
        if (!sanitized) {
            const std::lock_guard lock(mutex_);
            if (cached_ + size <= limit) {
                try {
                    lists_[slot(size)].push_back(block);
                    cached_ += size;
                    return;
                } catch (...) {}                    // no memory for the list: free the block instead
            }
        }
        ::operator delete(block, std::align_val_t{64});
    }

    /// Returns every unused block to the system.
    void trim() {
        const std::lock_guard lock(mutex_);
        for (auto& list : lists_) {
            for (void* block : list) ::operator delete(block, std::align_val_t{64});
            list.clear();
        }
        cached_ = 0;
    }

private:
    static constexpr std::size_t limit = std::size_t{4} << 30;
    static std::size_t slot(std::size_t size) {
        const auto power = static_cast<std::size_t>(std::bit_width(size) - 1);
        return power * 4 + (size - (std::size_t{1} << power)) / (std::size_t{1} << (power - 2));
    }
    std::mutex mutex_;
    std::array<std::vector<void*>, 64 * 4> lists_;
    std::size_t cached_ = 0;
};

}  // namespace detail

/// Bytes on one device, shared by copies. Contents start undefined.
class Storage {
public:
    Storage() = default;

    /// At least one byte, 64-byte aligned; throws UsageError when the system has no such amount.
    explicit Storage(std::size_t bytes, Device device = Device::cpu()) : bytes_(bytes), device_(device) {
        if (device.kind != Device::Kind::cpu) {
            take_from_device();
            return;
        }
        if (bytes > (std::size_t{1} << 46)) fail<UsageError>("storage: ", bytes, " bytes are more than any machine has");
        const std::size_t size = detail::CpuCache::class_size(bytes);
        void* block = nullptr;
        try {
            block = detail::CpuCache::instance().take(size);
        } catch (const std::bad_alloc&) {
            fail<UsageError>("storage: out of memory asking for ", bytes, " bytes");
        }
        data_ = std::shared_ptr<std::byte>(static_cast<std::byte*>(block), [size](std::byte* p) {
            detail::CpuCache::instance().give(p, size);
        });
    }

    /// Bytes owned by somebody else (a mapped file): `owner` is kept alive.
    Storage(std::shared_ptr<std::byte> owner, std::size_t bytes) : data_(std::move(owner)), bytes_(bytes) {}

    std::byte* data() const { return data_.get(); }
    std::size_t bytes() const { return bytes_; }
    Device device() const { return device_; }
    /// What keeps the bytes alive.
    std::shared_ptr<const void> owner() const { return data_; }
    /// True if no other handle shares these bytes.
    bool unique() const { return data_.use_count() == 1; }
    explicit operator bool() const { return data_ != nullptr; }

private:
    void take_from_device() {
#if SVAD_CUDA
        const int index = device_.index;
        data_ = std::shared_ptr<std::byte>(static_cast<std::byte*>(svad::cuda::allocate(bytes_, index)),
                                           [index](std::byte* p) { svad::cuda::release(p, index); });
#else
        fail<DeviceError>("storage: this build has no CUDA; use Device::cpu()");
#endif
    }

    std::shared_ptr<std::byte> data_;
    std::size_t bytes_ = 0;
    Device device_;
};

/// Gives all recycled, unused memory back to the system.
inline void trim_memory() { detail::CpuCache::instance().trim(); }

}  // namespace svad
