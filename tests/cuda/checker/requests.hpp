// SPDX-License-Identifier: Apache-2.0
// Counting what a warp asks of memory. The lanes of a warp reach an instruction one after another here; the n-th time of
// each lane at one code address is taken for one request of the warp.
#pragma once

#include "checker.hpp"
#include "shadow.hpp"

#include <unordered_map>

namespace svad::executor {

class Requests {
public:
    /// A lane's access; `region` null means shared memory at `offset`, else global memory.
    void add(int thread, std::uint32_t pc, Region* region, std::uint64_t address, std::size_t bytes);
    /// Ends the block: requests that not all lanes took part in are complete now.
    void block_ends();
    /// Where the counts go.
    Counters* counters = nullptr;

private:
    struct Request {
        bool shared = false;
        int lanes = 0;
        std::size_t bytes = 0;
        std::uint64_t at[32] = {};
        std::uint32_t mask = 0;
    };
    void complete(const Request& request);
    void complete_shared(const Request& request);

    std::vector<std::unordered_map<std::uint32_t, std::uint32_t>> times_;       // of each thread at each address
    std::vector<std::unordered_map<std::uint64_t, Request>> open_;              // of each warp
};

}  // namespace svad::executor
