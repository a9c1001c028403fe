// SPDX-License-Identifier: Apache-2.0
// How often and in which manner a KernelCase runs its launcher: what differs between the executor (schedules.cpp) and a
// GPU (on_device.cpp).
#pragma once

#ifdef SVAD_ON_DEVICE
#include <cuda_runtime_api.h>
#else
#include "executor/host_api.h"
#endif

#include <string>
#include <vector>

namespace svad::test {

int schedule_count();

/// Schedule `number` for the length of a scope.
class Schedule {
public:
    explicit Schedule(int number);
    ~Schedule();
    Schedule(const Schedule&) = delete;
    Schedule& operator=(const Schedule&) = delete;
    /// "descending, copies early"
    std::string name() const;

private:
    int number_;
};

/// NaN in device memory that then counts as never written.
void poison(void* p, std::size_t bytes);
/// What the checker has found since the last call.
std::vector<std::string> take_complaints();
void count_traffic(bool on);
/// Kernels whose traffic since count_traffic(true) exceeds their line in budgets.txt, or has none.
std::vector<std::string> over_budget(const std::string& name);

}  // namespace svad::test
