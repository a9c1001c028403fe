// SPDX-License-Identifier: Apache-2.0
// The checker: what compute-sanitizer and a profiler say about a kernel, without a GPU. Kernels are compiled with g++'s
// -fsanitize=thread, whose hooks before every memory access end here instead of in libtsan. CUDA's rules decide:
// two accesses of a byte, one a write, race unless a block barrier lies between them, or both threads are of one warp
// and a __syncwarp lies between, or both are atomic; blocks of one launch are never ordered; a shuffle orders nothing.
// Also: reads of bytes that nobody wrote, accesses outside an allocation or of host memory, misalignment; and counts of
// 32-byte sectors and shared-memory wavefronts per warp instruction, beside the least that the same bytes need.
#pragma once

#include "executor/engine.hpp"

#include <map>
#include <string>
#include <vector>

namespace svad::executor {

/// What the warps of one kernel did to memory, summed over its launches.
struct Counters {
    std::int64_t requests = 0, sectors = 0, ideal_sectors = 0, distinct_sectors = 0;      // global memory
    std::int64_t shared_requests = 0, wavefronts = 0, ideal_wavefronts = 0;

    /// 32-byte sectors against the least that the bytes of each request need: 1 is coalesced.
    double sector_ratio() const { return ratio(sectors, ideal_sectors); }
    /// Passes over the 32 banks against the least: 1 has no bank conflict.
    double wavefront_ratio() const { return ratio(wavefronts, ideal_wavefronts); }
    /// Sectors moved against sectors touched: 1 reads and writes everything once.
    double reuse() const { return ratio(sectors, distinct_sectors); }

private:
    static double ratio(std::int64_t a, std::int64_t b) { return b ? static_cast<double>(a) / static_cast<double>(b) : 1; }
};

class Checker : public Observer {
public:
    /// Distinct faults since the last clear(): one a kind and source line, with kernel, block and threads.
    virtual const std::vector<std::string>& complaints() const = 0;
    virtual void clear() = 0;
    /// Counting costs time: it is on only where a test asks.
    virtual void count(bool on) = 0;
    /// By kernel, since count(true).
    virtual const std::map<std::string, Counters>& counters() const = 0;

    /// The checker of this program, or null where kernels are compiled without it.
    static Checker* get() { return dynamic_cast<Checker*>(observer); }
};

}  // namespace svad::executor
