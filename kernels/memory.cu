// SPDX-License-Identifier: Apache-2.0
// The device memory pool: blocks of size classes (eight per power of two), kept when freed and given out again in stream
// order. While a graph is captured its blocks come from a pool of its own, which nobody else may write to afterwards.
#include "context.cuh"

#include <algorithm>
#include <sstream>

namespace svad::cuda {

namespace {

std::size_t class_size(std::size_t bytes) {
    const std::size_t n = std::max<std::size_t>(bytes, 512);
    std::size_t power = 512;
    while (power * 2 <= n) power *= 2;
    const std::size_t step = std::max<std::size_t>(power / 8, 512);
    return (n + step - 1) / step * step;
}

std::string mib(std::size_t bytes) {
    std::ostringstream out;
    out.precision(1);
    out << std::fixed << static_cast<double>(bytes) / (1 << 20) << " MiB";
    return out.str();
}

/// Frees what is cached outside of graphs; the context must be locked.
void empty_cache(Context& c) {
    check(cudaStreamSynchronize(c.compute), "trim");
    for (auto& [size, list] : c.free_blocks[0])
        for (void* block : list) {
            check(cudaFree(block), "cudaFree");
            c.cached_bytes -= size;
        }
    c.free_blocks[0].clear();
}

[[noreturn]] void out_of_memory(Context& c, std::size_t bytes) {
    std::map<std::string, std::pair<std::size_t, int>> by_op;
    for (const auto& [block, info] : c.live) {
        auto& entry = by_op[info.op[0] ? info.op : "values moved to the device"];
        entry.first += info.size, ++entry.second;
    }
    std::vector<std::pair<std::string, std::pair<std::size_t, int>>> rows(by_op.begin(), by_op.end());
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second.first > b.second.first; });
    std::size_t available = 0, total = 0;
    (void)cudaMemGetInfo(&available, &total);
    std::string text = "out of memory on cuda:" + std::to_string(c.device) + " asking for " + mib(bytes) + "; live are " + mib(c.live_bytes) +
                       " in " + std::to_string(c.live.size()) + " blocks (";
    for (std::size_t i = 0; i < rows.size() && i < 8; ++i)
        text += (i ? ", " : "") + rows[i].first + " " + mib(rows[i].second.first) + " in " + std::to_string(rows[i].second.second);
    if (rows.size() > 8) text += ", ...";
    text += "), the most so far " + mib(c.peak_bytes) + ", " + mib(available) + " of " + mib(total) + " are free";
    fail_cuda(text + (c.limit != ~std::size_t{0} ? ", the limit is " + mib(c.limit) : std::string()));
}

void* fresh(Context& c, std::size_t size) {
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (c.live_bytes + c.cached_bytes + size <= c.limit) {
            void* block = nullptr;
            const cudaError_t status = cudaMalloc(&block, size);
            if (status == cudaSuccess) return block;
            (void)cudaGetLastError();
            if (status != cudaErrorMemoryAllocation) check(status, "cudaMalloc");
        }
        if (attempt == 0 && !c.capturing) empty_cache(c);
    }
    return nullptr;
}

}  // namespace

void* allocate(std::size_t bytes, int device) {
    Context& c = context(device);
    const std::lock_guard<std::recursive_mutex> hold(c.memory_lock);
    const std::size_t size = class_size(bytes);
    FreeBlocks& pool = c.free_blocks[c.capturing];
    void* block = nullptr;
    const auto found = pool.find(size);
    if (found != pool.end() && !found->second.empty()) {
        block = found->second.back();
        found->second.pop_back();
        c.cached_bytes -= size;
    } else {
        use(device);
        block = fresh(c, size);
        if (!block) out_of_memory(c, bytes);
    }
    c.live[block] = {size, running_op(), c.capturing};
    c.live_bytes += size;
    c.peak_bytes = std::max(c.peak_bytes, c.live_bytes);
    return block;
}

void release(void* block, int device) noexcept {
    if (!block) return;
    try {
        Context& c = context(device);
        const std::lock_guard<std::recursive_mutex> hold(c.memory_lock);
        const auto found = c.live.find(block);
        if (found == c.live.end()) return;
        const Block info = found->second;
        c.live.erase(found);
        c.live_bytes -= info.size;
        c.cached_bytes += info.size;
        const bool owned = info.graph != 0 && c.free_blocks.count(info.graph) != 0;
        c.free_blocks[owned ? info.graph : 0][info.size].push_back(block);
    } catch (...) {}                            // no memory for the lists: the block is lost, the process is not
}

void forget_graph(Context& c, std::uint64_t graph) {
    const std::lock_guard<std::recursive_mutex> hold(c.memory_lock);
    const auto found = c.free_blocks.find(graph);
    if (found == c.free_blocks.end()) return;
    for (auto& [size, list] : found->second) {
        auto& to = c.free_blocks[0][size];
        to.insert(to.end(), list.begin(), list.end());
    }
    c.free_blocks.erase(graph);
}

Memory memory(int device) {
    Context& c = context(device);
    const std::lock_guard<std::recursive_mutex> hold(c.memory_lock);
    Memory m;
    m.live = c.live_bytes, m.peak = c.peak_bytes, m.cached = c.cached_bytes;
    use(device);
    check(cudaMemGetInfo(&m.free, &m.total), "cudaMemGetInfo");
    return m;
}

void reset_peak(int device) {
    Context& c = context(device);
    const std::lock_guard<std::recursive_mutex> hold(c.memory_lock);
    c.peak_bytes = c.live_bytes;
}

void limit_memory(std::size_t bytes, int device) {
    Context& c = context(device);
    const std::lock_guard<std::recursive_mutex> hold(c.memory_lock);
    c.limit = bytes;
}

void trim(int device) {
    Context& c = context(device);
    const std::lock_guard<std::recursive_mutex> hold(c.memory_lock);
    use(device);
    empty_cache(c);
}

}  // namespace svad::cuda
