// SPDX-License-Identifier: Apache-2.0
// Storage: reference-counted, 64-byte aligned bytes on one device, recycled (core/cache.hpp) so that a steady training step
// asks the system for no memory; and Imagine, under which values are counted and have no bytes.
#pragma once

#include "svad/core/cache.hpp"
#include "svad/core/config.hpp"
#include "svad/core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

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
        const std::size_t size = detail::CpuCache::block_size(bytes);
        try {
            take_from(detail::CpuCache::instance(), size);
        } catch (const std::bad_alloc&) {
            fail<UsageError>("storage: out of memory asking for ", bytes, " bytes");
        }
    }

    /// Storage that is counted and has no memory (see Imagine).
    static Storage imagined(std::size_t bytes) {
        Storage s;
        s.bytes_ = bytes;
        s.take_from(detail::CpuCache::imagined(), detail::CpuCache::block_size(bytes));
        return s;
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
    void take_from(detail::CpuCache& cache, std::size_t size) {
        void* const block = cache.take(size);
        data_ = std::shared_ptr<std::byte>(static_cast<std::byte*>(block), [size, &cache](std::byte* p) { cache.give(p, size); });
    }
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
/// Bytes of CPU values alive now, as allocated.
[[nodiscard]] inline std::size_t memory_in_use() { return detail::CpuCache::instance().counts().used; }

/// While it lives, Vars that this thread makes have a shape and no memory, ops compute nothing, and what they would take is
/// counted: a step of training is planned by running it so. Tensors are real. A Var's value may not be read but by item().
class [[nodiscard]] Imagine {
public:
    Imagine() : before_(std::exchange(detail::CpuCache::imagining(), true)) {}
    ~Imagine() { detail::CpuCache::imagining() = before_; }
    Imagine(const Imagine&) = delete;
    Imagine& operator=(const Imagine&) = delete;

private:
    bool before_;
};

}  // namespace svad
