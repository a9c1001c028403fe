// SPDX-License-Identifier: Apache-2.0
// How ops reach the kernels of a CUDA device: Vars as Refs, operands broadcast and reshaped, attributes that live on the
// host as device copies, and which values stay f32 beside bf16. An op's `cuda` member is made of these and one launcher.
#pragma once

#include "svad/autograd/var.hpp"
#include "svad/backend/cuda/ops.hpp"
#include "svad/backend/cuda/runtime.hpp"

#include <initializer_list>

namespace svad {

using cuda::Ref;
using cuda::Stream;

/// What an op keeps in f32 on a device whatever the dtype of its other values: inputs (by bit), result, saved extras.
/// Statistics and losses lose too much in bf16. An op says `static constexpr Wide wide{...};`.
struct Wide {
    unsigned inputs = 0;
    bool result = false, saved = false;
};

namespace cuda {

/// The sizes of r as a Shape.
[[nodiscard]] inline Shape shape_of(const Ref& r) { return Shape(std::span(r.sizes, static_cast<std::size_t>(r.rank))); }

/// The value as kernels see it.
[[nodiscard]] inline Ref ref(const Var& v) {
    Ref r;
    r.data = v.storage().data() + v.offset() * size_of(v.dtype());
    r.dtype = v.dtype();
    r.rank = v.rank();
    for (int i = 0; i < v.rank(); ++i) r.sizes[i] = v.size(i), r.strides[i] = v.strides()[static_cast<std::size_t>(i)];
    return r;
}

/// A contiguous Ref under other sizes, or its part that begins `first` elements later.
[[nodiscard]] inline Ref flat(Ref r, std::initializer_list<Index> sizes, Index first = 0) {
    r.data = static_cast<std::byte*>(r.data) + static_cast<std::size_t>(first) * size_of(r.dtype);
    r.rank = static_cast<int>(sizes.size());
    std::copy(sizes.begin(), sizes.end(), r.sizes);
    Index step = 1;
    for (int i = r.rank - 1; i >= 0; --i) r.strides[i] = step, step *= r.sizes[i];
    return r;
}

/// r with axes of size 1 in front, up to `rank`.
[[nodiscard]] inline Ref raised(Ref r, int rank) {
    Ref to = r;
    to.rank = rank;
    for (int i = 0; i < rank; ++i) {
        const int from = i - (rank - r.rank);
        to.sizes[i] = from < 0 ? 1 : r.sizes[from], to.strides[i] = from < 0 ? 0 : r.strides[from];
    }
    return to;
}

/// r repeated to the sizes of y by strides of 0.
[[nodiscard]] inline Ref spread(Ref r, const Ref& y) {
    Ref to = raised(r, y.rank);
    for (int i = 0; i < y.rank; ++i) {
        if (to.sizes[i] != y.sizes[i]) to.strides[i] = 0;
        to.sizes[i] = y.sizes[i];
    }
    return to;
}

/// `count` elements of `axis` from `first` on.
[[nodiscard]] inline Ref part(Ref r, int axis, Index first, Index count) {
    const int i = axis < 0 ? axis + r.rank : axis;
    r.data = static_cast<std::byte*>(r.data) + static_cast<std::size_t>(first * r.strides[i]) * size_of(r.dtype);
    r.sizes[i] = count;
    return r;
}

/// r with the strides of contiguous memory.
[[nodiscard]] inline Ref contiguous(Ref r) {
    Index step = 1;
    for (int i = r.rank - 1; i >= 0; --i) r.strides[i] = step, step *= r.sizes[i];
    return r;
}

/// Sizes before, of and behind an axis.
struct Around {
    Index outer = 1, n = 1, inner = 1;
};
[[nodiscard]] inline Around around(const Ref& r, int axis) {
    Around a;
    const int at = axis < 0 ? axis + r.rank : axis;
    for (int i = 0; i < r.rank; ++i) (i < at ? a.outer : i == at ? a.n : a.inner) *= r.sizes[i];
    return a;
}

/// [B, C, ...] as [B, C, inner].
[[nodiscard]] inline Ref by_channel(const Ref& r) {
    const Around a = around(r, 1);
    return flat(r, {a.outer, a.n, a.inner});
}

/// An attribute of an op on the current device, or an absent Ref for an empty one.
template <Element T>
[[nodiscard]] Ref mirrored(const Tensor<T>& t) {
    Ref r;
    if (t.empty()) return r;
    r.data = const_cast<void*>(mirror(t.data(), static_cast<std::size_t>(t.numel()) * sizeof(T), current(), t.storage().owner()));
    r.dtype = dtype_of<T>;
    r.rank = t.rank();
    const Strides strides = row_major(t.shape());
    for (int i = 0; i < t.rank(); ++i) r.sizes[i] = t.size(i), r.strides[i] = strides[static_cast<std::size_t>(i)];
    return r;
}

/// Device memory for the length of a scope, as a contiguous Ref.
class Temporary {
public:
    Temporary(DType dtype, std::initializer_list<Index> sizes) {
        ref_.dtype = dtype;
        ref_ = flat(ref_, sizes);
        storage_ = Storage(bytes_of(dtype, ref_.numel()), Device::cuda(current()));
        ref_.data = storage_.data();
    }
    operator Ref() const { return ref_; }               // NOLINT: implicit by design

private:
    Ref ref_;
    Storage storage_;
};

}  // namespace cuda

namespace detail {

/// What an op keeps in f32.
template <class Op>
constexpr Wide wide_of() {
    if constexpr (requires { { Op::wide } -> std::convertible_to<Wide>; }) return Op::wide;
    else return {};
}

}  // namespace detail

}  // namespace svad
