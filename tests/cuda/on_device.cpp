// SPDX-License-Identifier: Apache-2.0
// Kernel cases on a GPU: each launcher runs twice, and must give the same bits. Without a device nothing runs, and says so.
#define DOCTEST_CONFIG_IMPLEMENT
#include "schedules.hpp"

#include <doctest/doctest.h>

#include <cstdio>

namespace svad::test {

int schedule_count() { return 2; }
Schedule::Schedule(int number) : number_(number) {}
Schedule::~Schedule() = default;
std::string Schedule::name() const { return number_ == 0 ? "first run" : "second run"; }
void poison(void* p, std::size_t bytes) { cudaMemset(p, 0xff, bytes); }
std::vector<std::string> take_complaints() {
    const cudaError_t status = cudaGetLastError();
    if (status == cudaSuccess) return {};
    return {cudaGetErrorString(status)};
}
void count_traffic(bool) {}
std::vector<std::string> over_budget(const std::string&) { return {}; }

}  // namespace svad::test

int main(int argc, char** argv) {
    int count = 0;
    constexpr int skipped = 77;                                // as ctest is told
    if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
        std::puts("no CUDA device: no kernel was run on a GPU");
        return skipped;
    }
    return doctest::Context(argc, argv).run();
}
