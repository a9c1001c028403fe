// SPDX-License-Identifier: Apache-2.0
// Views of device values for the tests of kernels that take (strided) operands, and what such a view sees, on the host.
#pragma once

#include "kernel_case.hpp"

#include <utility>

namespace svad::test {

using Values = std::vector<double>;

inline std::string text_of(DType dtype) { return dtype == DType::f32 ? "f32" : dtype == DType::bf16 ? "bf16" : std::to_string(static_cast<int>(dtype)); }
inline std::string text_of(Sizes sizes) {
    std::string text;
    for (const std::int64_t n : sizes) text += (text.empty() ? "" : "x") + std::to_string(n);
    return text;
}

/// Axes i and j in each other's place.
inline Ref swapped(Ref ref, int i, int j) {
    std::swap(ref.sizes[i], ref.sizes[j]);
    std::swap(ref.strides[i], ref.strides[j]);
    return ref;
}
/// Stretched to `to` by strides of 0, new axes in front.
inline Ref expanded(Ref ref, Sizes to) {
    Ref wide = ref;
    wide.rank = static_cast<int>(to.size());
    const int lead = wide.rank - ref.rank;
    for (int i = 0; i < wide.rank; ++i) {
        wide.sizes[i] = to.begin()[i];
        const bool same = i >= lead && ref.sizes[i - lead] == wide.sizes[i];
        wide.strides[i] = same ? ref.strides[i - lead] : 0;
    }
    return wide;
}
/// Elements first .. last - 1 of an axis; data stays, the view begins `first` steps in.
struct Slice {
    Ref ref;
    std::int64_t offset;                     ///< of the view's first element from the value's
};
inline Slice sliced(Ref ref, int axis, std::int64_t first, std::int64_t last) {
    const std::int64_t offset = first * ref.strides[axis];
    ref.sizes[axis] = last - first;
    return {KernelCase::shifted(ref, offset), offset};
}

/// The view's offset of each of its elements in row-major order.
inline std::vector<std::int64_t> offsets(const Ref& view) {
    std::vector<std::int64_t> result;
    const std::int64_t n = view.numel();
    for (std::int64_t i = 0; i < n; ++i) {
        std::int64_t rest = i, at = 0;
        for (int axis = view.rank - 1; axis >= 0; --axis) at += rest % view.sizes[axis] * view.strides[axis], rest /= view.sizes[axis];
        result.push_back(at);
    }
    return result;
}
/// What the view sees of the values it was made of.
inline Values gather(const Values& values, const Ref& view, std::int64_t offset = 0) {
    Values seen;
    for (const std::int64_t at : offsets(view)) seen.push_back(values.at(static_cast<std::size_t>(offset + at)));
    return seen;
}

}  // namespace svad::test
