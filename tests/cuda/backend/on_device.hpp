// SPDX-License-Identifier: Apache-2.0
// Comparing a CUDA device with the CPU: here the executor plays the device, on a GPU machine the same files run on it.
#pragma once

#include "svad/autograd/gradcheck.hpp"
#include "svad/ops/ops.hpp"

#include <cmath>
#include <cstring>
#include <string>

namespace svad::test {

inline const Device gpu = Device::cuda(0);

/// |a - b| / |b| over all elements, |b| at least that of values of 0.1 (a sum that cancels has no digits to compare);
/// infinite where one is NaN and the other is not.
inline double distance(const Tensor<float>& a, const Tensor<float>& b) {
    if (a.shape() != b.shape()) return HUGE_VAL;
    double difference = 0, size = 0;
    for (Index i = 0; i < a.numel(); ++i) {
        const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
        if (std::isnan(x) || std::isnan(y) || std::isinf(x) || std::isinf(y)) {
            if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0 && !(std::isnan(x) && std::isnan(y))) return HUGE_VAL;
            continue;
        }
        difference += (x - y) * (x - y), size += y * y;
    }
    return std::sqrt(difference) / std::max(std::sqrt(size), 0.1 * std::sqrt(static_cast<double>(std::max<Index>(1, a.numel()))));
}

/// Random values in [lo, hi], rounded to `dtype` and kept in f32.
inline Var random_values(const Shape& shape, double lo, double hi, std::uint64_t seed, DType dtype = DType::f32) {
    return cast(cast(cast(random_f64(shape, lo, hi, seed), DType::f32), dtype), DType::f32);
}

}  // namespace svad::test
