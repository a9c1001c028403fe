// SPDX-License-Identifier: Apache-2.0
// What is remembered about every byte of device memory: who wrote and read it last, and whether anybody wrote it.
// Time is one counter, the interval: it grows at every launch, block and block barrier. Blocks run one after another, so
// an interval before the current block's first is another block's, one before the launch's first another launch's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace svad::executor {

/// One access: when, by which thread, after how many __syncwarp of its warp, from which code.
struct Stamp {
    std::uint32_t interval = 0;
    std::uint32_t pc = 0;                 // relative to the program's base
    std::uint16_t thread = 0;
    std::uint16_t warp_epoch : 15 = 0;
    std::uint16_t atomic : 1 = 0;
};

struct Cell {
    Stamp write, first_read, last_read;
};

enum class State : std::uint8_t { never_written, written, copy_under_way };

/// The bytes of one allocation, or of the block's shared memory.
struct Region {
    const unsigned char* begin = nullptr;
    std::size_t bytes = 0;
    std::vector<Cell> cells;
    std::vector<State> states;
    std::vector<bool> sectors;            // touched in this launch, while counting

    Region() = default;
    Region(const void* p, std::size_t size) : begin(static_cast<const unsigned char*>(p)), bytes(size), cells(size), states(size) {}
    bool holds(const unsigned char* p) const { return p >= begin && p < begin + bytes; }
};

/// The device's allocations by address.
class Regions {
public:
    void add(const void* p, std::size_t bytes) {
        all_[static_cast<const unsigned char*>(p)] = Region(p, bytes);
        last_ = nullptr;
    }
    void remove(const void* p) {
        all_.erase(static_cast<const unsigned char*>(p));
        last_ = nullptr;
    }
    /// The region that begins at or before p, or null.
    Region* below(const unsigned char* p) {
        if (last_ && last_->holds(p)) return last_;
        auto it = all_.upper_bound(p);
        if (it == all_.begin()) return nullptr;
        return last_ = &(--it)->second;
    }
    std::map<const unsigned char*, Region>& all() { return all_; }

private:
    std::map<const unsigned char*, Region> all_;
    Region* last_ = nullptr;
};

}  // namespace svad::executor
