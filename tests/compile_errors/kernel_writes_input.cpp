// SPDX-License-Identifier: Apache-2.0
// A kernel does not write to its inputs.
// expect: read-only
#include "svad/core/view.hpp"

void wrong(svad::View<const float> x) { x.data[0] = 1; }
