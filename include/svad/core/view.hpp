// SPDX-License-Identifier: Apache-2.0
// View<T>: pointer, shape and strides; what kernels see. It owns nothing and checks nothing.
#pragma once

#include "svad/core/shape.hpp"

namespace svad {

/// A typed window on memory that somebody else keeps alive.
template <class T>
struct View {
    T* data = nullptr;
    Shape shape;
    Strides strides{};

    View() = default;
    View(T* p, const Shape& s) : data(p), shape(s), strides(row_major(s)) {}
    View(T* p, const Shape& s, const Strides& st) : data(p), shape(s), strides(st) {}

    Index numel() const { return shape.numel(); }
    Index size(int i) const { return shape[i]; }
    Index last() const { return shape.rank() == 0 ? 1 : shape.back(); }
    Index rows() const { return shape.rows(); }
    Index stride(int i) const { return strides[static_cast<std::size_t>(shape.at(i))]; }
    bool contiguous() const { return is_contiguous(shape, strides); }

    /// Flat access; right only for contiguous views.
    T& operator[](Index i) const { return data[i]; }
    /// Row r of a contiguous view.
    T* row(Index r) const { return data + r * last(); }

    template <class... I>
    T& operator()(I... i) const {
        const Index at[] = {static_cast<Index>(i)...};
        Index offset = 0;
        for (std::size_t k = 0; k < sizeof...(i); ++k) offset += at[k] * strides[k];
        return data[offset];
    }
};

}  // namespace svad
