// SPDX-License-Identifier: Apache-2.0
// Sizes are whole numbers.
// expect: narrowing|cannot be narrowed
#include "svad/core/shape.hpp"

svad::Shape wrong{2.5, 3.0};
