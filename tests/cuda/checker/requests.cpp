// SPDX-License-Identifier: Apache-2.0
#include "requests.hpp"

#include <algorithm>
#include <array>

namespace svad::executor {

void Requests::add(int thread, std::uint32_t pc, Region* region, std::uint64_t address, std::size_t bytes) {
    const auto t = static_cast<std::size_t>(thread), warp = t / 32, lane = t % 32;
    if (times_.size() <= t) times_.resize(t + 1);
    if (open_.size() <= warp) open_.resize(warp + 1);
    const std::uint64_t key = (std::uint64_t(pc) << 32) | times_[t][pc]++;
    Request& request = open_[warp][key];
    request.shared = region == nullptr;
    request.bytes = bytes;
    request.at[lane] = address;
    request.mask |= 1U << lane;
    if (region) {
        region->sectors.resize(region->bytes / 32 + 2);
        const auto first = address - reinterpret_cast<std::uintptr_t>(region->begin);
        for (std::uint64_t s = first / 32; s <= (first + bytes - 1) / 32; ++s) region->sectors[s] = true;
    }
    if (++request.lanes == 32) {
        complete(request);
        open_[warp].erase(key);
    }
}

void Requests::block_ends() {
    for (auto& warp : open_) {
        for (const auto& [key, request] : warp) complete(request);
        warp.clear();
    }
    for (auto& times : times_) times.clear();
}

// Global memory moves 32-byte sectors; lanes that name the same bytes share them.
void Requests::complete(const Request& request) {
    if (request.shared) return complete_shared(request);
    std::vector<std::uint64_t> sectors, starts;
    for (std::size_t lane = 0; lane < 32; ++lane) {
        if (!(request.mask >> lane & 1U)) continue;
        starts.push_back(request.at[lane]);
        for (std::uint64_t s = request.at[lane] / 32; s <= (request.at[lane] + request.bytes - 1) / 32; ++s) sectors.push_back(s);
    }
    const auto distinct = [](std::vector<std::uint64_t>& v) {
        std::sort(v.begin(), v.end());
        return static_cast<std::int64_t>(std::unique(v.begin(), v.end()) - v.begin());
    };
    ++counters->requests;
    counters->sectors += distinct(sectors);
    counters->ideal_sectors += (distinct(starts) * static_cast<std::int64_t>(request.bytes) + 31) / 32;
}

// Shared memory has 32 banks of 4 bytes. Accesses of 8 bytes go by half warps, of 16 bytes by quarter warps; in each
// pass a bank gives one word to all lanes that want it.
void Requests::complete_shared(const Request& request) {
    ++counters->shared_requests;
    const std::size_t group = request.bytes <= 4 ? 32 : request.bytes == 8 ? 16 : 8;
    for (std::size_t first = 0; first < 32; first += group) {
        std::vector<std::uint64_t> words;
        for (std::size_t lane = first; lane < first + group; ++lane)
            if (request.mask >> lane & 1U)
                for (std::uint64_t w = request.at[lane] / 4; w <= (request.at[lane] + request.bytes - 1) / 4; ++w) words.push_back(w);
        if (words.empty()) continue;
        std::sort(words.begin(), words.end());
        words.erase(std::unique(words.begin(), words.end()), words.end());
        std::array<std::int64_t, 32> banks{};
        for (const std::uint64_t w : words) ++banks[w % 32];
        counters->wavefronts += *std::max_element(banks.begin(), banks.end());
        counters->ideal_wavefronts += (static_cast<std::int64_t>(words.size()) + 31) / 32;
    }
}

}  // namespace svad::executor
