// SPDX-License-Identifier: Apache-2.0
// Ops take values that convert to Var.
// expect: convertible_to
#include "svad/ops/layout.hpp"

struct Twice {
    static constexpr std::string_view name = "twice";
    static svad::Result shape(const svad::Shape& x) { return {.y = x}; }
};
svad::Var wrong(const std::string& x) { return svad::apply(Twice{}, x); }
