// SPDX-License-Identifier: Apache-2.0
// A tensor holds numbers.
// expect: Element
#include "svad/core/tensor.hpp"

#include <string>

svad::Tensor<std::string> wrong;
