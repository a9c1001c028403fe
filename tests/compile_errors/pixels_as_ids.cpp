// SPDX-License-Identifier: Apache-2.0
// Pixels are not token ids.
// expect: Tensor<unsigned char>|Tensor<std::uint8_t>
#include "svad/core/tensor.hpp"

#include <cstdint>

void speak(const svad::Tensor<std::int32_t>& ids);
void wrong(const svad::Tensor<std::uint8_t>& pixels) { speak(pixels); }
