// SPDX-License-Identifier: Apache-2.0
// What runtime.cu, memory.cu and graph.cu keep for each device, and how a CUDA status becomes an error.
#pragma once

#include "svad/backend/cuda/runtime.hpp"
#include "svad/core/error_types.hpp"

#include <cuda_runtime.h>

#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace svad::cuda {

static_assert(std::is_same<Stream, cudaStream_t>::value, "Stream must be what the toolkit calls cudaStream_t");

/// Throws CudaError "<op>: <what>: <status>" unless the status is success.
void check(cudaError_t status, const char* what);
[[noreturn]] void fail_cuda(const std::string& message);

/// A block of device memory: its class size, who asked, and the graph it belongs to (0: none).
struct Block {
    std::size_t size = 0;
    const char* op = "";
    std::uint64_t graph = 0;
};

/// Free blocks by size.
using FreeBlocks = std::map<std::size_t, std::vector<void*>>;

/// A piece of pinned memory on its way to the device.
struct Slot {
    void* data = nullptr;
    cudaEvent_t done = nullptr;
};

/// The device's copy of a host attribute.
struct Mirror {
    void* data = nullptr;
    std::vector<unsigned char> shadow;
    std::uint64_t used = 0;
};

/// A host attribute that a captured graph reads.
struct GraphInput {
    const void* host = nullptr;
    std::size_t bytes = 0;
    void* data = nullptr;
    std::shared_ptr<const void> owner;
};

struct Context {
    static constexpr std::size_t slot_bytes = std::size_t{4} << 20;
    static constexpr int slots = 4;

    int device = 0;
    cudaStream_t compute = nullptr, copy = nullptr;
    cudaEvent_t ready = nullptr, arrived = nullptr;

    std::recursive_mutex memory_lock;
    std::unordered_map<void*, Block> live;
    std::map<std::uint64_t, FreeBlocks> free_blocks;            // by graph
    std::size_t live_bytes = 0, peak_bytes = 0, cached_bytes = 0, limit = ~std::size_t{0};

    std::mutex transfer_lock;
    std::vector<Slot> ring;
    int next_slot = 0;

    std::map<std::pair<const void*, std::size_t>, Mirror> mirrors;
    std::size_t mirror_bytes = 0;
    std::uint64_t mirror_clock = 0;

    std::uint64_t capturing = 0;                                // the graph being recorded
    std::vector<GraphInput>* inputs = nullptr;                  // its attributes
};

/// The device's context, made at first use; throws CudaError where there is no such device.
Context& context(int device);

/// Blocks that only a graph used become ordinary cached ones.
void forget_graph(Context& c, std::uint64_t graph);

/// The name of the op that this thread runs, or "".
const char* running_op();

}  // namespace svad::cuda
