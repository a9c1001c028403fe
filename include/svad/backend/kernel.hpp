// SPDX-License-Identifier: Apache-2.0
// Ref: a value on a CUDA device as kernels see it; Stream: where they run. The one header that the library shares with
// nvcc, so it is C++17 and includes no toolkit. A kernel is reached through a free function of svad::cuda that takes
// Refs, numbers and a Stream, declared in backend/cuda/ops.hpp, defined in kernels/x.cu, and called by the `cuda`
// member of the op it belongs to: the linker is the registry.
#pragma once

#include "svad/core/dtype_enum.hpp"

#include <cstdint>

struct CUstream_st;

namespace svad::cuda {

/// The same type as cudaStream_t.
using Stream = CUstream_st*;

/// A pointer into device memory with element type, sizes and strides (in elements). It owns nothing and checks nothing.
struct Ref {
    static constexpr int max_rank = 8;

    void* data = nullptr;                       ///< of the first element
    svad::DType dtype = svad::DType::f32;
    int rank = 0;
    std::int64_t sizes[max_rank] = {};
    std::int64_t strides[max_rank] = {};

    /// True unless it stands for an argument that is absent.
    explicit operator bool() const { return data != nullptr; }
    std::int64_t numel() const {
        std::int64_t n = 1;
        for (int i = 0; i < rank; ++i) n *= sizes[i];
        return n;
    }
    /// Size and step of axis i; negative axes count from the end.
    std::int64_t size(int i) const { return sizes[i < 0 ? i + rank : i]; }
    std::int64_t stride(int i) const { return strides[i < 0 ? i + rank : i]; }
    std::int64_t last() const { return rank == 0 ? 1 : sizes[rank - 1]; }
    /// Product of all sizes but the last.
    std::int64_t rows() const {
        std::int64_t n = 1;
        for (int i = 0; i + 1 < rank; ++i) n *= sizes[i];
        return n;
    }
    /// True if a walk in row-major order touches consecutive elements.
    bool contiguous() const {
        std::int64_t step = 1;
        for (int i = rank - 1; i >= 0; --i) {
            if (sizes[i] != 1 && strides[i] != step) return numel() == 0;
            step *= sizes[i];
        }
        return true;
    }
    template <class T>
    T* as() const { return static_cast<T*>(data); }
};

}  // namespace svad::cuda
