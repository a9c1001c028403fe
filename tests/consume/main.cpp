// SPDX-License-Identifier: Apache-2.0
// A program of somebody who uses svad: it must build in each of the three ways in consume.sh.
#include <svad/svad.hpp>

#include <cstdio>

int main() {
    const svad::Var x = svad::Var(svad::Tensor<float>::of({1, 2, 3})).leaf("x");
    const svad::Var y = x.reshape({3, 1});
    std::printf("svad %s: %d values\n", SVAD_VERSION, static_cast<int>(y.numel()));
    return y.numel() == 3 ? 0 : 1;
}
