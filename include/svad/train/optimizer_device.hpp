// SPDX-License-Identifier: Apache-2.0
// The optimizer's arithmetic on a CUDA device: AdamW and the gradients' norm over all parameters in a few launches. The
// norm, the factor of clipping and the step's numbers stay in device memory until somebody asks for them.
#pragma once

#include "svad/nn/module.hpp"

#include <vector>

namespace svad::detail {

#if SVAD_CUDA

/// Contiguous gradients of one device as Refs; `kept` holds copies of those that were strided.
struct DeviceGradients {
    std::vector<Var> kept;
    std::vector<Ref> refs;
    int device = 0;

    void add(const Var& gradient) {
        kept.push_back(gradient.contiguous_().detach());
        device = gradient.device().index;
        refs.push_back(cuda::ref(kept.back()));
    }
    bool empty() const { return refs.empty(); }

    /// Sum of all squares, f32 [1] on the device.
    Var squares() const {
        const Var y = Var::uninitialized({1}, DType::f32, Device::cuda(device));
        cuda::use(device);
        cuda::sum_of_squares(refs.data(), static_cast<int>(refs.size()), cuda::ref(y), cuda::compute_stream(device));
        return y;
    }
};

/// The factor that brings a gradient of this sum of squares to max_norm, f32 [1] on the device.
inline Var clip_factor(const Var& squares, double max_norm) {
    const Var y = Var::uninitialized({1}, DType::f32, squares.device());
    cuda::clip_scale(cuda::ref(squares), static_cast<float>(max_norm), cuda::ref(y), cuda::compute_stream(squares.device().index));
    return y;
}

#endif

/// True if the value is on a CUDA device.
inline bool on_device(const Var& v) { return v.device().kind == Device::Kind::cuda; }

}  // namespace svad::detail
