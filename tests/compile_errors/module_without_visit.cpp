// SPDX-License-Identifier: Apache-2.0
// A module lists its parts in visit.
// expect: Module
#include "svad/nn/module.hpp"

struct Mute {
    int width = 3;
};
void wrong(Mute& m) { svad::for_each_parameter(m, [](auto&&...) {}); }
