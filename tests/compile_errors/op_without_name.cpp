// SPDX-License-Identifier: Apache-2.0
// An op has a name for errors and profiles.
// expect: Operation
#include "svad/autograd/op.hpp"

struct Twice {
    static svad::Result shape(const svad::Shape& x) { return {.y = x}; }
};
svad::Var wrong(const svad::Var& x) { return svad::apply(Twice{}, x); }
