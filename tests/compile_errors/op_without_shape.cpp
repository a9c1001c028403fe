// SPDX-License-Identifier: Apache-2.0
// An op says its result's shape.
// expect: Operation
#include "svad/autograd/op.hpp"

struct Twice {
    static constexpr std::string_view name = "twice";
};
svad::Var wrong(const svad::Var& x) { return svad::apply(Twice{}, x); }
