// SPDX-License-Identifier: Apache-2.0
// What threads of a block do together: barriers, operations of a warp, asynchronous copies, shared memory.
#include "block.hpp"
#include "mutation.hpp"

#include <algorithm>
#include <cstring>

namespace svad::executor {

int barrier(Vote vote, int predicate, Where where) {
    const Outside outside;
    if (vote == Vote::none && skipped(where)) return 0;
    return block.barrier(vote, predicate, where);
}

int BlockRun::barrier(Vote vote, int predicate, Where where) {
    if (finished > 0) fault("a barrier that " + std::to_string(finished) + " threads of the block have missed: they ended", where);
    if (waiting_at_barrier == 0) {
        barrier_where = where;
        barrier_vote = vote;
        votes = 0;
    } else if (barrier_where.line != where.line || barrier_vote != vote) {
        fault("a divergent barrier: other threads wait at " + to_string(barrier_where), where);
    }
    votes += predicate != 0;
    const auto count = static_cast<int>(threads.size());
    if (++waiting_at_barrier < count) {
        wait(where, "the barrier");
    } else {
        waiting_at_barrier = 0;
        vote_result = vote == Vote::any ? votes > 0 : vote == Vote::all ? votes == count : votes;
        for (int t = 0; t < count; ++t)
            if (t != current.thread) set_runnable(t, true);
        if (observer) observer->barrier_passed();
    }
    return vote_result;
}

void collective(const char* operation, unsigned mask, void* operands, Combine combine, Where where) {
    const Outside outside;
    if (!combine && skipped(where)) return;
    block.collective(operation, mask, operands, combine, where);
}

void BlockRun::collective(const char* operation, unsigned mask, void* operands, Combine combine, Where where) {
    const int lane = current.lane(), warp = current.warp();
    if (!(mask >> lane & 1U)) fault(std::string(operation) + ": the lane is not in its own mask", where);
    std::vector<Pending>& all = warps[static_cast<std::size_t>(warp)];
    const auto same = [&](const Pending& p) { return (p.mask & mask) != 0; };
    auto at = std::find_if(all.begin(), all.end(), same);
    if (at == all.end()) {
        for (int l = 0; l < 32; ++l)
            if ((mask >> l & 1U) && threads[static_cast<std::size_t>(warp * 32 + l)].finished)
                fault(std::string(operation) + ": the mask names lane " + std::to_string(l) + ", which has ended", where);
        at = all.insert(all.end(), Pending{mask, 0, operation, where, {}});
    } else if (at->mask != mask) {
        fault(std::string(operation) + ": lanes of one warp name different masks; others wait at " + to_string(at->where), where);
    } else if (std::strcmp(at->operation, operation) != 0) {
        fault(std::string(operation) + ": other lanes of its mask are in " + at->operation + " at " + to_string(at->where), where);
    }
    at->arrived |= 1U << lane;
    at->operands[lane] = operands;
    if (at->arrived != mask) return wait(where, operation);
    const Pending done = *at;
    all.erase(at);
    if (combine) combine(done.operands, mask);
    if (std::strcmp(operation, "__syncwarp") == 0 && observer) observer->warp_synced(warp, mask);
    for (int l = 0; l < 32; ++l)
        if ((mask >> l & 1U) && l != lane) set_runnable(warp * 32 + l, true);
}

// ---- asynchronous copies ---------------------------------------------------------------------------------------------

namespace {
void land(const Copy& copy) {
    if (copy.from) std::memcpy(copy.to, copy.from, copy.bytes);
    else std::memset(copy.to, 0, copy.bytes);
}
}  // namespace

void copy_async(void* shared, const void* from, std::size_t bytes, Where where) {
    const Outside outside;
    const void* pc = __builtin_return_address(0);
    auto* to = static_cast<unsigned char*>(shared);
    if (reinterpret_cast<std::uintptr_t>(shared) % bytes || reinterpret_cast<std::uintptr_t>(from) % bytes)
        fault("cp.async of " + std::to_string(bytes) + " bytes is misaligned", where);
    if (to < current.shared || to + bytes > current.shared + current.shared_bytes)
        fault("cp.async to an address outside the block's shared memory", where);
    if (from) report(from, bytes, Access::read, pc);
    if (observer) observer->copy_issued(shared, bytes, pc);
    const Copy copy{shared, from, bytes, block.committed(), pc};
    const bool early = settings().landing == Landing::early || (settings().landing == Landing::random && (block.copy_random() & 1U));
    if (early) land(copy);
    block.copies().push_back(copy);
    block.copies().back().landed = early;
}

void commit_copies(Where where) {
    const Outside outside;
    if (!skipped(where)) ++block.committed();
}

void wait_copies(int pending, Where where) {
    const Outside outside;
    if (skipped(where)) return;
    std::vector<Copy>& copies = block.copies();
    std::size_t kept = 0;
    for (Copy& copy : copies) {
        if (copy.group >= block.committed() - pending) {
            copies[kept++] = copy;
            continue;
        }
        if (!copy.landed) land(copy);
        if (observer) observer->copy_landed(copy.to, copy.bytes, copy.pc);
    }
    copies.resize(kept);
}

void* shared_memory(std::size_t bytes, std::size_t alignment) {
    if (bytes > current.shared_bytes)
        fault("its shared struct takes " + std::to_string(bytes) + " bytes, the launch gives " + std::to_string(current.shared_bytes));
    if (alignment > 128) fault("shared memory is aligned to 128 bytes");
    return current.shared;
}

std::vector<Copy>& BlockRun::copies() { return threads[static_cast<std::size_t>(current.thread)].copies; }
int& BlockRun::committed() { return threads[static_cast<std::size_t>(current.thread)].committed; }

}  // namespace svad::executor
