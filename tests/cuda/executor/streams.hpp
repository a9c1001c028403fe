// SPDX-License-Identifier: Apache-2.0
// What the stand-in toolkit knows of streams, events and graphs. Private to the executor.
#pragma once

#include "cuda_runtime.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <vector>

using Work = std::function<void()>;

struct CUstream_st {
    bool non_blocking = false;
    std::deque<Work> work;
    std::int64_t given = 0, done = 0;
    bool capturing = false;
    std::vector<Work> captured;
};
struct CUevent_st {
    CUstream_st* stream = nullptr;
    std::int64_t at = 0;              // how much of the stream's work lay before it
};
struct CUgraph_st {
    std::vector<Work> work;
};
struct CUgraphExec_st {
    std::vector<Work> work;
};

namespace svad::executor {

struct Streams {
    std::recursive_mutex mutex;
    CUstream_st legacy;
    std::vector<std::unique_ptr<CUstream_st>> others;
    cudaError_t last = cudaSuccess;
    bool failing_allocation = false;

    CUstream_st& of(cudaStream_t stream) { return stream ? *stream : legacy; }
    cudaError_t error(cudaError_t e) { return last = e; }
    void drain(CUstream_st& stream, std::int64_t until = std::numeric_limits<std::int64_t>::max());
    void drain_all();
    void drain_blocking();
};
Streams& streams();

}  // namespace svad::executor
