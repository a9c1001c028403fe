// SPDX-License-Identifier: Apache-2.0
// The tree of errors alone and in C++17: what core/error.hpp shares with the sources that nvcc compiles.
#pragma once

#include <stdexcept>

namespace svad {

/// The root of everything svad throws.
struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct ShapeError : Error { using Error::Error; };
struct DTypeError : Error { using Error::Error; };
struct DeviceError : Error { using Error::Error; };
/// The call itself makes no sense: wrong option, unfilled parameter, backward without a graph.
struct UsageError : Error { using Error::Error; };
/// The CUDA runtime or cuBLASLt refused; the message names the op, its shapes and the status.
struct CudaError : Error { using Error::Error; };

}  // namespace svad
