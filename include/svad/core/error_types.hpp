// SPDX-License-Identifier: Apache-2.0
// What svad throws, alone and in C++17: core/error.hpp adds the messages, the sources that nvcc compiles need no more.
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
/// The CUDA runtime or cuBLASLt refused; the message names the op, its inputs and the status.
struct CudaError : Error { using Error::Error; };

namespace io {
/// The system refused a file operation (missing, no rights, disk full).
struct FileError : Error { using Error::Error; };
/// The bytes of a file are not what its format demands; the message names file and offset.
struct FormatError : Error { using Error::Error; };
}  // namespace io

namespace video {
/// A video or picture that cannot be decoded; the message names the file and the reason.
struct DecodeError : Error { using Error::Error; };
}  // namespace video

}  // namespace svad
