// SPDX-License-Identifier: Apache-2.0
// A Var is read back as numbers.
// expect: Element|constraints not satisfied for class template 'Tensor'
#include "svad/autograd/var.hpp"

auto wrong(const svad::Var& x) { return x.to<std::string>(); }
