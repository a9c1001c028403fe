// SPDX-License-Identifier: Apache-2.0
// Tensor<T>: typed n-dimensional data, row-major and contiguous. Copies share memory; clone() copies it.
// No gradients and no mathematics live here: frames are Tensor<uint8_t>, ids Tensor<int32_t>, scores Tensor<float>,
// and passing one for another does not compile. Learned values are Var (autograd/var.hpp).
#pragma once

#include "svad/core/shape.hpp"
#include "svad/core/storage.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace svad {

template <Element T>
class Tensor {
public:
    using value_type = T;

    /// No sizes, no elements.
    Tensor() : shape_{0} {}
    /// Zero-filled.
    explicit Tensor(const Shape& shape) : Tensor(shape, Storage(static_cast<std::size_t>(shape.numel()) * sizeof(T))) {
        if (numel() > 0) std::memset(static_cast<void*>(data()), 0, static_cast<std::size_t>(numel()) * sizeof(T));
    }
    /// Takes the values in row-major order; their number must be the shape's.
    Tensor(const Shape& shape, const std::vector<T>& values)
        : Tensor(shape, Storage(static_cast<std::size_t>(shape.numel()) * sizeof(T))) {
        if (static_cast<Index>(values.size()) != numel())
            fail<ShapeError>("tensor: ", values.size(), " values do not fill ", shape);
        std::copy(values.begin(), values.end(), begin());
    }
    /// Shares `storage` from byte `offset` on.
    Tensor(const Shape& shape, Storage storage, std::size_t offset = 0)
        : shape_(shape), storage_(std::move(storage)), offset_(offset) {}

    /// One dimension.
    static Tensor of(std::initializer_list<T> values) {
        return Tensor({static_cast<Index>(values.size())}, std::vector<T>(values));
    }
    static Tensor of(const std::vector<T>& values) { return Tensor({static_cast<Index>(values.size())}, values); }
    /// Memory that the caller fills: contents are undefined.
    static Tensor uninitialized(const Shape& shape) {
        return Tensor(shape, Storage(static_cast<std::size_t>(shape.numel()) * sizeof(T)));
    }

    const Shape& shape() const { return shape_; }
    int rank() const { return shape_.rank(); }
    Index size(int i) const { return shape_[i]; }
    Index numel() const { return shape_.numel(); }
    bool empty() const { return numel() == 0; }

    T* data() const { return reinterpret_cast<T*>(storage_.data() + offset_); }
    std::span<T> span() const { return storage_ ? std::span<T>(data(), static_cast<std::size_t>(numel())) : std::span<T>(); }
    T* begin() const { return storage_ ? data() : nullptr; }
    T* end() const { return storage_ ? data() + numel() : nullptr; }
    const Storage& storage() const { return storage_; }
    std::size_t offset() const { return offset_; }

    T& operator[](Index i) const { return data()[i]; }
    template <class... I>
        requires(sizeof...(I) >= 2)
    T& operator()(I... i) const {
        const Index at[] = {static_cast<Index>(i)...};
        Index offset = 0;
        for (int k = 0; k < static_cast<int>(sizeof...(I)); ++k) offset = offset * shape_[k] + at[k];
        return data()[offset];
    }

    /// Same elements under another shape with as many of them.
    Tensor reshape(const Shape& shape) const {
        if (shape.numel() != numel()) fail<ShapeError>("tensor: ", shape_, " cannot be reshaped to ", shape);
        return Tensor(shape, storage_, offset_);
    }
    /// Sub-tensor i of the first axis; shares memory.
    Tensor slice(Index i) const {
        if (rank() == 0 || i < 0 || i >= size(0)) fail<ShapeError>("tensor: no slice ", i, " in ", shape_);
        const Shape inner = shape_.without(0);
        return Tensor(inner, storage_, offset_ + static_cast<std::size_t>(i * inner.numel()) * sizeof(T));
    }
    Tensor clone() const {
        Tensor copy = uninitialized(shape_);
        std::copy(begin(), end(), copy.begin());
        return copy;
    }
    void fill(T value) const { std::fill(begin(), end(), value); }

    /// Every element converted with static_cast.
    template <Element U>
    Tensor<U> to() const {
        Tensor<U> out = Tensor<U>::uninitialized(shape_);
        for (Index i = 0; i < numel(); ++i) {
            if constexpr (std::same_as<T, bf16> || std::same_as<T, f16>) out[i] = static_cast<U>(static_cast<float>((*this)[i]));
            else if constexpr (std::same_as<U, bf16> || std::same_as<U, f16>) out[i] = U(static_cast<float>((*this)[i]));
            else out[i] = static_cast<U>((*this)[i]);
        }
        return out;
    }

private:
    Shape shape_;
    Storage storage_;
    std::size_t offset_ = 0;
};

}  // namespace svad
