// SPDX-License-Identifier: Apache-2.0
// Memory of the stand-in toolkit: host memory, filled with NaN at allocation and again when it is freed.
#include "streams.hpp"

#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>

namespace svad::executor {
namespace {

constexpr std::size_t alignment = 256;

struct Memory {
    std::map<const void*, std::size_t> sizes;
    std::size_t used = 0, high = 0;
};
Memory& memory() {
    static Memory instance;
    return instance;
}

cudaError_t allocate(void** p, std::size_t bytes) {
    const std::lock_guard lock(streams().mutex);
    *p = nullptr;
    if (bytes == 0) return cudaSuccess;
    if (std::exchange(streams().failing_allocation, false) || memory().used + bytes > settings().memory_limit)
        return streams().error(cudaErrorMemoryAllocation);
    // A guard of one alignment on either side keeps neighbours apart for the checker.
    auto* base = static_cast<unsigned char*>(std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment + 2 * alignment));
    if (!base) return streams().error(cudaErrorMemoryAllocation);
    *p = base + alignment;
    std::memset(*p, 0xff, bytes);
    memory().sizes[*p] = bytes;
    memory().used += bytes;
    memory().high = std::max(memory().high, memory().used);
    if (observer) observer->allocated(*p, bytes);
    return cudaSuccess;
}

cudaError_t release(void* p) {
    const std::lock_guard lock(streams().mutex);
    if (!p) return cudaSuccess;
    const auto it = memory().sizes.find(p);
    if (it == memory().sizes.end()) return streams().error(cudaErrorInvalidValue);
    if (observer) observer->freed(p);
    std::memset(p, 0xff, it->second);
    memory().used -= it->second;
    memory().sizes.erase(it);
    std::free(static_cast<unsigned char*>(p) - alignment);
    return cudaSuccess;
}

void copy(void* to, const void* from, std::size_t bytes) {
    std::memmove(to, from, bytes);
    if (observer) observer->host_wrote(to, bytes);
}

}  // namespace

std::size_t memory_in_use() { return memory().used; }

}  // namespace svad::executor

using svad::executor::enqueue;
using svad::executor::streams;

cudaError_t cudaMalloc(void** p, std::size_t bytes) { return svad::executor::allocate(p, bytes); }
cudaError_t cudaFree(void* p) { return cudaDeviceSynchronize(), svad::executor::release(p); }
cudaError_t cudaMallocAsync(void** p, std::size_t bytes, cudaStream_t) { return svad::executor::allocate(p, bytes); }
// Memory that a graph under capture allocated keeps its address for every replay, so its release is only noted there.
cudaError_t cudaFreeAsync(void* p, cudaStream_t stream) {
    if (streams().of(stream).capturing) return cudaSuccess;
    return enqueue(stream, [=] { svad::executor::release(p); }), cudaSuccess;
}
cudaError_t cudaMallocHost(void** p, std::size_t bytes) {
    *p = std::malloc(bytes + (bytes == 0));
    return *p ? cudaSuccess : streams().error(cudaErrorMemoryAllocation);
}
cudaError_t cudaHostAlloc(void** p, std::size_t bytes, unsigned) { return cudaMallocHost(p, bytes); }
cudaError_t cudaFreeHost(void* p) { return cudaDeviceSynchronize(), std::free(p), cudaSuccess; }
cudaError_t cudaHostRegister(void*, std::size_t, unsigned) { return cudaSuccess; }
cudaError_t cudaHostUnregister(void*) { return cudaSuccess; }
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
    *total = svad::executor::settings().memory_limit;
    *free = *total - svad::executor::memory().used;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) { return *pool = nullptr, cudaSuccess; }
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr attribute, void*) {
    if (attribute == cudaMemPoolAttrUsedMemHigh) svad::executor::memory().high = svad::executor::memory().used;
    return cudaSuccess;
}
cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t, cudaMemPoolAttr attribute, void* value) {
    const bool high = attribute == cudaMemPoolAttrUsedMemHigh || attribute == cudaMemPoolAttrReservedMemHigh;
    *static_cast<std::uint64_t*>(value) = high ? svad::executor::memory().high : svad::executor::memory().used;
    return cudaSuccess;
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, std::size_t) { return cudaSuccess; }

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
    if (bytes) enqueue(stream, [=] { svad::executor::copy(to, from, bytes); });
    return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    cudaMemcpyAsync(to, from, bytes, kind, nullptr);
    return cudaStreamSynchronize(nullptr);
}
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t width,
                              std::size_t height, cudaMemcpyKind, cudaStream_t stream) {
    enqueue(stream, [=] {
        for (std::size_t i = 0; i < height; ++i)
            svad::executor::copy(static_cast<char*>(to) + i * to_pitch, static_cast<const char*>(from) + i * from_pitch, width);
    });
    return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
    enqueue(stream, [=] {
        std::memset(to, value, bytes);
        if (svad::executor::observer) svad::executor::observer->host_wrote(to, bytes);
    });
    return cudaSuccess;
}
cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
    cudaMemsetAsync(to, value, bytes, nullptr);
    return cudaStreamSynchronize(nullptr);
}
