// SPDX-License-Identifier: Apache-2.0
// Shape: up to eight sizes kept inline, with strides, broadcasting and printing.
// Sizes are checked when a shape is made (not negative, product within 2^62), so numel() can be trusted afterwards.
#pragma once

#include "svad/core/dtype.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>

namespace svad {

/// The sizes of an n-dimensional array, outermost first. Negative positions count from the end: s[-1] is the last.
class Shape {
public:
    static constexpr int max_rank = 8;

    Shape() = default;
    Shape(std::initializer_list<Index> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
    explicit Shape(std::span<const Index> sizes) {
        if (sizes.size() > max_rank) fail<ShapeError>("shape: at most 8 sizes are possible; got ", sizes.size());
        for (Index n : sizes) push_back(n);
    }

    int rank() const { return rank_; }
    Index operator[](int i) const { return sizes_[static_cast<std::size_t>(at(i))]; }
    Index back() const { return (*this)[-1]; }
    const Index* begin() const { return sizes_.data(); }
    const Index* end() const { return sizes_.data() + rank_; }

    /// Number of elements; 1 for a shape without sizes.
    Index numel() const {
        Index n = 1;
        for (Index s : *this) n *= s;
        return n;
    }
    /// Product of all sizes but the last: how many rows a row-wise op sees.
    Index rows() const { return rank_ == 0 ? 1 : without_last().numel(); }

    Shape with(int i, Index n) const {
        Shape s;
        for (int j = 0; j < rank_; ++j) s.push_back(j == at(i) ? n : (*this)[j]);
        return s;
    }
    Shape without(int i) const {
        Shape s;
        for (int j = 0; j < rank_; ++j)
            if (j != at(i)) s.push_back((*this)[j]);
        return s;
    }
    Shape without_last() const { return without(-1); }

    void push_back(Index n) {
        if (rank_ == max_rank) fail<ShapeError>("shape: at most 8 sizes are possible");
        if (n < 0) fail<ShapeError>("shape: sizes must not be negative; got ", n);
        if (n > 0 && numel() > (Index{1} << 62) / n) fail<ShapeError>("shape: more than 2^62 elements");
        sizes_[static_cast<std::size_t>(rank_++)] = n;
    }

    /// Position i with negative ones counted from the end; throws when there is no such size.
    int at(int i) const {
        const int j = i < 0 ? i + rank_ : i;
        if (j < 0 || j >= rank_) fail<ShapeError>("shape: no axis ", i, " among ", rank_, " sizes");
        return j;
    }

    friend bool operator==(const Shape& a, const Shape& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

private:
    std::array<Index, max_rank> sizes_{};
    int rank_ = 0;
};

inline void print(std::string& out, const Shape& shape) {
    out += '[';
    for (int i = 0; i < shape.rank(); ++i) out += (i ? ", " : "") + std::to_string(shape[i]);
    out += ']';
}

/// Steps between neighbours along each axis, in elements.
using Strides = std::array<Index, Shape::max_rank>;

[[nodiscard]] inline Strides row_major(const Shape& shape) {
    Strides strides{};
    Index step = 1;
    for (int i = shape.rank() - 1; i >= 0; --i) {
        strides[static_cast<std::size_t>(i)] = step;
        step *= shape[i];
    }
    return strides;
}

/// True if a walk in row-major order touches consecutive elements.
[[nodiscard]] inline bool is_contiguous(const Shape& shape, const Strides& strides) {
    Index step = 1;
    for (int i = shape.rank() - 1; i >= 0; --i) {
        if (shape[i] != 1 && strides[static_cast<std::size_t>(i)] != step) return shape.numel() == 0;
        step *= shape[i];
    }
    return true;
}

/// The shape that a and b broadcast to (sizes aligned at the end, 1 stretches), or a ShapeError naming `who`.
[[nodiscard]] inline Shape broadcast(const Shape& a, const Shape& b, std::string_view who) {
    const int rank = std::max(a.rank(), b.rank());
    Shape out;
    for (int i = 0; i < rank; ++i) {
        const Index x = i < rank - a.rank() ? 1 : a[i - rank + a.rank()];
        const Index y = i < rank - b.rank() ? 1 : b[i - rank + b.rank()];
        if (x != y && x != 1 && y != 1) fail<ShapeError>(who, ": ", a, " and ", b, " do not broadcast at axis ", i);
        out.push_back(x == 1 ? y : x);
    }
    return out;
}

}  // namespace svad
