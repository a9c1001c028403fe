// SPDX-License-Identifier: Apache-2.0
// Every kind of bug is planted once and must be found: by the executor at once, by schedules that differ, or by the checker.
#include "svad/core/config.hpp"

#include "checker/checker.hpp"
#include "executor/host_api.h"
#include "planted/planted.hpp"

#include <doctest/doctest.h>

#include <cstring>

namespace svad::test {
namespace {

using cuda::Planted;
using executor::Checker;
using executor::Landing;
using executor::Order;

/// What became of one kernel with a bug.
struct Outcome {
    std::string fault;                      // thrown by the executor
    bool differs = false;                   // ascending against descending order
    std::string complaints;                 // of the checker
    bool says(const char* text) const { return fault.find(text) != std::string::npos || complaints.find(text) != std::string::npos; }
    bool clean() const { return fault.empty() && !differs && complaints.empty(); }
};

std::vector<float> run_once(Planted bug, Order order, Landing landing, Outcome& outcome, int number) {
    const auto before = executor::settings();
    executor::settings().order = order, executor::settings().landing = landing;
    void *in = nullptr, *out = nullptr, *counter = nullptr;
    std::vector<float> values(1024), result(64);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i + 1);
    cudaMalloc(&in, values.size() * 4), cudaMalloc(&out, bug == Planted::global_beyond ? 40 : 4096), cudaMalloc(&counter, 4);
    cudaMemcpy(in, values.data(), values.size() * 4, cudaMemcpyHostToDevice);
    cudaMemset(counter, 0, 4);
    try {
        cuda::planted(bug, bug == Planted::reads_host ? values.data() : static_cast<float*>(in), static_cast<float*>(out),
                      static_cast<int*>(counter), number, nullptr);
    } catch (const executor::Fault& fault) {
        outcome.fault = fault.what();
    }
    std::memcpy(result.data(), out, bug == Planted::global_beyond ? 40 : result.size() * 4);
    for (void* p : {in, out, counter}) cudaFree(p);
    executor::settings() = before;
    return result;
}

Outcome outcome_of(Planted bug, int number = 0) {
    Outcome outcome;
    if (Checker::get()) Checker::get()->clear();
    const auto up = run_once(bug, Order::ascending, Landing::late, outcome, number);
    for (const Landing landing : {Landing::late, Landing::early}) {
        const auto down = run_once(bug, Order::descending, landing, outcome, number);
        outcome.differs |= std::memcmp(up.data(), down.data(), up.size() * sizeof(float)) != 0;
    }
    if (Checker* checker = Checker::get()) {
        for (const auto& complaint : checker->complaints()) outcome.complaints += complaint + "\n";
        checker->clear();
    }
    return outcome;
}

void check_found(Planted bug, const char* text, bool by_schedule = false, int number = 0) {
    const Outcome outcome = outcome_of(bug, number);
    INFO("wanted: ", text, "; fault: ", outcome.fault, "; complaints: ", outcome.complaints);
    if (Checker::get()) CHECK(outcome.says(text));
    else CHECK(outcome.differs == by_schedule);
}
void check_fault(Planted bug, const char* text) {
    const Outcome outcome = outcome_of(bug);
    INFO("wanted: ", text, "; fault: ", outcome.fault);
    CHECK(outcome.fault.find(text) != std::string::npos);
}

}  // namespace

TEST_CASE("cuda checker: sound kernels are silent under every schedule") {
    for (const Planted sound : {Planted::none, Planted::warp_exchange, Planted::blocks_share_atomically, Planted::pipeline}) {
        const Outcome outcome = outcome_of(sound);
        INFO("number ", static_cast<int>(sound), ": ", outcome.fault, outcome.complaints);
        CHECK(outcome.clean());
    }
}

TEST_CASE("cuda checker: a missing barrier is a race, and the schedules differ") {
    check_found(Planted::no_barrier, "race", true);
    check_found(Planted::no_syncwarp, "race", true);
}

TEST_CASE("cuda checker: an asynchronous copy that nobody waits for, or that overtakes a reader") {
    check_found(Planted::pipeline_no_wait, "race", true);
    check_found(Planted::pipeline_overtaken, "race", true);
}

TEST_CASE("cuda executor: barriers and masks that not all threads agree on are faults with their line") {
    check_fault(Planted::divergent_barrier, "divergent_barrier, block 0 of 1");
    check_fault(Planted::divergent_barrier, "tests/cuda/planted/planted.cu:");
    check_fault(Planted::two_barriers, "a divergent barrier");
    check_fault(Planted::barrier_after_return, "threads wait at the barrier of tests/cuda/planted/planted.cu:");
    check_fault(Planted::full_mask_in_branch, "__shfl_xor_sync");
    check_fault(Planted::shuffle_from_outside, "shuffles from lane 20, outside the mask");
    check_fault(Planted::two_masks, "different masks");
}

TEST_CASE("cuda executor: launches that a GPU refuses are faults") {
    check_fault(Planted::shared_too_small, "its shared struct takes 1024 bytes, the launch gives 1020");
    check_fault(Planted::shared_too_large, "1048576 bytes of shared memory");
    check_fault(Planted::block_not_of_warps, "not a multiple of 32");
}

TEST_CASE("cuda checker: memory that nobody wrote, that is not there, that is not the device's") {
    if (sanitized) return;                                                       // AddressSanitizer ends the program at these
    check_found(Planted::uninitialised_shared, "uninitialised");
    check_found(Planted::shared_beyond, "at byte 1024 of 1024 of shared memory");
    check_found(Planted::global_beyond, "at byte 40 of an allocation of 40", false, 10);
    check_found(Planted::reads_host, "in no allocation");
}

TEST_CASE("cuda checker: a misaligned pack") {
    if (Checker::get()) check_found(Planted::misaligned_pack, "misaligned");     // without the checker the CPU may trap or not
}

TEST_CASE("cuda checker: two blocks that change one word race, unless they do it atomically") {
    check_found(Planted::blocks_share, "another block");
    CHECK(outcome_of(Planted::blocks_share_atomically).clean());
}

TEST_CASE("cuda checker: sectors and bank conflicts are counted") {
    Checker* checker = Checker::get();
    if (!checker) return;                                                        // the counters are the checker's
    const auto counted = [&](Planted kernel, int number) {
        checker->count(true);
        Outcome ignored;
        run_once(kernel, Order::ascending, Landing::late, ignored, number);
        checker->count(false);
        return checker->counters().begin()->second;
    };
    CHECK(counted(Planted::stride, 1).sector_ratio() == doctest::Approx(1));
    CHECK(counted(Planted::stride, 16).sector_ratio() == doctest::Approx((32 + 4) / 8.0));     // a sector a lane read, four written
    CHECK(counted(Planted::bank_conflict, 1).wavefront_ratio() == doctest::Approx(1));
    CHECK(counted(Planted::bank_conflict, 32).wavefront_ratio() == doctest::Approx(32));
    CHECK(counted(Planted::bank_conflict, 2).wavefront_ratio() == doctest::Approx(2));
    checker->clear();
}

}  // namespace svad::test
