// SPDX-License-Identifier: Apache-2.0
// The names of the element types, alone and in C++17: what core/dtype.hpp shares with the sources that nvcc compiles.
#pragma once

#include <cstdint>

namespace svad {

/// What an element is; the last five come in blocks (core/blocks.hpp).
enum class DType : std::uint8_t { f32, f64, bf16, f16, i8, i16, i32, i64, u8, u16, u32, u64, boolean, q8_0, q4_0, q4_1, q4_k, q6_k };

}  // namespace svad
