// SPDX-License-Identifier: Apache-2.0
// A function is not an op: it has no gradient to record.
// expect: Operation
#include "svad/autograd/op.hpp"

svad::Var wrong(const svad::Var& x) { return svad::apply([](float v) { return 2 * v; }, x); }
