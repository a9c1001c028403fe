// SPDX-License-Identifier: Apache-2.0
// The backend's tests on a GPU; without one they say so and are skipped (exit status 77).
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "svad/backend/cuda/runtime.hpp"

#include <cstdio>

int main(int argc, char** argv) {
    if (svad::cuda::devices() == 0) {
        std::puts("skipped: there is no CUDA device");
        return 77;
    }
    std::printf("on %s\n", svad::cuda::describe(0).c_str());
    return doctest::Context(argc, argv).run();
}
