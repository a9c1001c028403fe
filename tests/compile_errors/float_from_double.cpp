// SPDX-License-Identifier: Apache-2.0
// Element types never convert on the way.
// expect: Tensor<double>
#include "svad/core/tensor.hpp"

svad::Tensor<float> wrong(const svad::Tensor<double>& x) { return x; }
