// SPDX-License-Identifier: Apache-2.0
#include "checker.hpp"

#include "requests.hpp"
#include "shadow.hpp"

#include <array>
#include <set>

extern "C" {
extern const unsigned char __executable_start[];
extern const unsigned char _end[];
}

namespace svad::executor {

namespace {

class TheChecker final : public Checker {
public:
    const std::vector<std::string>& complaints() const override { return complaints_; }
    void clear() override { complaints_.clear(), known_.clear(); }
    void count(bool on) override {
        counting_ = on;
        if (on) counters_.clear();
    }
    const std::map<std::string, Counters>& counters() const override { return counters_; }

    void launch_begins(const Launch& launch) override {
        launch_first_ = ++interval_;
        if (!counting_) return;
        requests_.counters = &counters_[name_of(launch.kernel)];
        for (auto& [p, region] : regions_.all()) region.sectors.assign(region.sectors.size(), false);
    }
    void launch_ends() override {
        if (!counting_) return;
        for (const auto& [p, region] : regions_.all())
            for (const bool touched : region.sectors) requests_.counters->distinct_sectors += touched;
    }
    void block_begins() override {
        block_first_ = ++interval_;
        warp_epochs_.fill(0);
        if (shared_.begin != current.shared || shared_.bytes < current.shared_bytes) shared_ = Region(current.shared, current.shared_bytes);
        std::fill(shared_.states.begin(), shared_.states.end(), State::never_written);
    }
    void block_ends() override {
        if (counting_) requests_.block_ends();
    }
    void barrier_passed() override { ++interval_; }
    void warp_synced(int warp, unsigned mask) override {
        if (mask == 0xffffffffU) ++warp_epochs_[static_cast<std::size_t>(warp)];
    }

    void allocated(const void* p, std::size_t bytes) override { regions_.add(p, bytes); }
    void freed(const void* p) override { regions_.remove(p); }
    void host_wrote(const void* p, std::size_t bytes) override {
        const auto* at = static_cast<const unsigned char*>(p);
        Region* region = regions_.below(at);
        if (!region || !region->holds(at)) return;                       // a copy to the host
        const auto first = static_cast<std::size_t>(at - region->begin);
        for (std::size_t i = first; i < first + bytes && i < region->bytes; ++i) region->states[i] = State::written;
    }

    void access(const void* p, std::size_t bytes, Access kind, const void* pc) override {
        const auto* at = static_cast<const unsigned char*>(p);
        if (at >= current.stack && at < current.stack_end) return;
        if (Region* region = region_of(at, bytes, kind, pc)) {
            touch(*region, static_cast<std::size_t>(at - region->begin), bytes, kind, pc);
            if (counting_) requests_.add(current.thread, offset(pc), region == &shared_ ? nullptr : region,
                                         reinterpret_cast<std::uintptr_t>(p) - (region == &shared_ ? reinterpret_cast<std::uintptr_t>(shared_.begin) : 0), bytes);
        }
    }
    // Until its wait a copy is in flight: it may overwrite at once, and must not be read yet.
    void copy_issued(const void* p, std::size_t bytes, const void* pc) override { copy(p, bytes, pc, State::copy_under_way); }
    void copy_landed(const void* p, std::size_t bytes, const void* pc) override { copy(p, bytes, pc, State::written); }

private:
    static std::uint32_t offset(const void* pc) {
        return static_cast<std::uint32_t>(static_cast<const unsigned char*>(pc) - __executable_start);
    }

    Region* region_of(const unsigned char* at, std::size_t bytes, Access kind, const void* pc) {
        if (at >= current.shared && at < current.shared + 256 * 1024) {
            if (at + bytes <= current.shared + current.shared_bytes) return &shared_;
            complain("out of bounds", describe(kind, bytes) + " at byte " + std::to_string(at - current.shared) + " of " +
                     std::to_string(current.shared_bytes) + " of shared memory", pc);
            return nullptr;
        }
        Region* region = regions_.below(at);
        if (region && at + bytes <= region->begin + region->bytes) return region;
        if (at >= __executable_start && at < _end && kind == Access::read) return nullptr;        // constants, threadIdx
        const auto* launch = reinterpret_cast<const unsigned char*>(current.launch);
        const auto* arguments = static_cast<const unsigned char*>(current.launch->arguments);
        if ((at >= launch && at < launch + sizeof(Launch)) || (at >= arguments && at < arguments + current.launch->argument_bytes)) return nullptr;
        if (region && at < region->begin + region->bytes + 256)
            complain("out of bounds", describe(kind, bytes) + " at byte " + std::to_string(at - region->begin) + " of an allocation of " +
                     std::to_string(region->bytes), pc);
        else complain("not device memory", describe(kind, bytes) + " of an address that is in no allocation", pc);
        return nullptr;
    }

    static std::string describe(Access kind, std::size_t bytes) {
        return std::string(kind == Access::read ? "a read" : kind == Access::write ? "a write" : "an atomic") + " of " + std::to_string(bytes) + " bytes";
    }

    Stamp now(const void* pc, Access kind) const {
        Stamp s;
        s.interval = interval_;
        s.pc = offset(pc);
        s.thread = static_cast<std::uint16_t>(current.thread);
        s.warp_epoch = warp_epochs_[static_cast<std::size_t>(current.warp())] & 0x7fffU;
        s.atomic = kind == Access::atomic;
        return s;
    }

    /// True if the earlier access is not ordered before this one.
    bool unordered(const Stamp& before, const Stamp& after, const Region& region) const {
        if (before.interval < launch_first_) return false;
        if (before.atomic && after.atomic) return false;
        if (before.interval < block_first_) return &region != &shared_;       // every block has shared memory of its own
        if (before.interval < interval_ || before.thread == after.thread) return false;
        return before.thread / 32 != after.thread / 32 || before.warp_epoch == after.warp_epoch;
    }

    void touch(Region& region, std::size_t first, std::size_t bytes, Access kind, const void* pc) {
        const Stamp stamp = now(pc, kind);
        for (std::size_t i = first; i < first + bytes; ++i) {
            Cell& cell = region.cells[i];
            State& state = region.states[i];
            if (unordered(cell.write, stamp, region)) race(cell.write, "write", kind, pc);
            if (kind != Access::write && state == State::never_written)
                complain("uninitialised", describe(kind, bytes) + " that nobody wrote" + (&region == &shared_ ? " in shared memory" : ""), pc);
            if (state == State::copy_under_way)
                complain("race", describe(kind, bytes) + " where an asynchronous copy is still under way", pc);
            if (kind == Access::read) {
                if (cell.first_read.interval < block_first_ ? cell.first_read.interval < launch_first_ : cell.first_read.interval < interval_)
                    cell.first_read = stamp;
                cell.last_read = stamp;
                continue;
            }
            if (unordered(cell.first_read, stamp, region)) race(cell.first_read, "read", kind, pc);
            if (unordered(cell.last_read, stamp, region)) race(cell.last_read, "read", kind, pc);
            cell.write = stamp;
            if (state != State::copy_under_way) state = State::written;
        }
    }

    void copy(const void* p, std::size_t bytes, const void* pc, State state) {
        const auto first = static_cast<std::size_t>(static_cast<const unsigned char*>(p) - shared_.begin);
        const Stamp stamp = now(pc, Access::write);
        for (std::size_t i = first; i < first + bytes; ++i) {
            Cell& cell = shared_.cells[i];
            for (const Stamp* before : {&cell.write, &cell.first_read, &cell.last_read})
                if (unordered(*before, stamp, shared_)) race(*before, before == &cell.write ? "write" : "read", Access::write, pc);
            cell.write = stamp;
            shared_.states[i] = state;
        }
        if (state == State::copy_under_way && counting_)
            requests_.add(current.thread, offset(pc), nullptr, first, bytes);
    }

    void race(const Stamp& before, const char* what, Access kind, const void* pc) {
        const bool other_block = before.interval < block_first_;
        complain("race", describe(kind, 1).substr(0, describe(kind, 1).find(" of")) + " unordered with the " + what + " of " +
                 (other_block ? "another block's thread " : "thread ") + std::to_string(before.thread) + " at " +
                 line_of(__executable_start + before.pc), pc);
    }

    void complain(const std::string& kind, const std::string& what, const void* pc) {
        if (!known_.emplace(kind, pc).second || complaints_.size() >= 50) return;
        complaints_.push_back(kind + ": " + describe_current() + " at " + line_of(pc) + ": " + what);
    }

    std::uint32_t interval_ = 1, launch_first_ = 1, block_first_ = 1;
    std::array<std::uint32_t, 32> warp_epochs_{};
    Regions regions_;
    Region shared_;
    std::vector<std::string> complaints_;
    std::set<std::pair<std::string, const void*>> known_;
    bool counting_ = false;
    Requests requests_;
    std::map<std::string, Counters> counters_;
};

TheChecker the_checker;
}  // namespace

Observer* install_checker() { return observer = &the_checker; }

}  // namespace svad::executor
