// SPDX-License-Identifier: Apache-2.0
// Var: a differentiable value with a run-time dtype. It is a handle (copies share storage) to bytes, a shape with
// strides, and, only while a gradient is wanted, the tape node it came from. All mathematics of svad is on Var.
// Data enters by the implicit constructor from Tensor and leaves by to<T>() and item().
#pragma once

#include "svad/core/blocks.hpp"
#include "svad/core/tensor.hpp"
#include "svad/core/view.hpp"

#include <limits>
#include <memory>
#include <span>
#include <string>

namespace svad {

class Var;
namespace detail {
struct Node;
}

/// For slices: up to the last element of the axis.
inline constexpr Index end = std::numeric_limits<Index>::max();

class Var {
public:
    /// No value; false in a condition.
    Var() = default;

    /// Shares the tensor's memory; no gradient is tracked.
    template <Element T>
    Var(const Tensor<T>& t) : Var(t.storage(), t.shape(), dtype_of<T>, t.offset() / sizeof(T)) {}      // NOLINT: implicit by design

    Var(Storage storage, const Shape& shape, DType dtype, std::size_t offset = 0)
        : storage_(std::move(storage)), offset_(offset), shape_(shape), strides_(row_major(shape)), dtype_(dtype) {}

    /// Fresh memory that the caller fills.
    static Var uninitialized(const Shape& shape, DType dtype, Device device = Device::cpu()) {
        const std::size_t bytes = bytes_of(dtype, shape.numel());
        const bool imagined = device.kind == Device::Kind::cpu && detail::CpuCache::imagining();
        return Var(imagined ? Storage::imagined(bytes) : Storage(bytes, device), shape, dtype);
    }
    static Var full(const Shape& shape, double value, DType dtype = DType::f32, Device device = Device::cpu()) {
        if (device.kind != Device::Kind::cpu) return full_on_device(shape, value, dtype, device);
        Var v = uninitialized(shape, dtype);
        if (detail::CpuCache::imagining()) return v;
        dispatch_storage(dtype, [&](auto t) {
            using T = decltype(t);
            std::fill_n(v.data<T>(), shape.numel(), static_cast<T>(static_cast<float>(value)));
            if constexpr (Real<T>) std::fill_n(v.data<T>(), shape.numel(), static_cast<T>(value));
        });
        return v;
    }
    static Var zeros(const Shape& shape, DType dtype = DType::f32, Device device = Device::cpu()) { return full(shape, 0.0, dtype, device); }

    explicit operator bool() const { return static_cast<bool>(storage_); }
    const Shape& shape() const { return shape_; }
    const Strides& strides() const { return strides_; }
    int rank() const { return shape_.rank(); }
    Index size(int i) const { return shape_[i]; }
    Index numel() const { return shape_.numel(); }
    DType dtype() const { return dtype_; }
    Device device() const { return storage_.device(); }
    const Storage& storage() const { return storage_; }
    std::size_t offset() const { return offset_; }
    bool contiguous() const { return is_contiguous(shape_, strides_); }

    /// The sizes by name, checked: `const auto [B, N, D] = x.sizes<3>("B N D");`
    template <std::size_t rank>
    std::array<Index, rank> sizes(std::string_view names) const {
        if (shape_.rank() != static_cast<int>(rank))
            fail<ShapeError>("sizes: value should be [", names, "] but has ", shape_.rank(), " sizes: ", dtype_, shape_);
        std::array<Index, rank> s{};
        std::copy(shape_.begin(), shape_.end(), s.begin());
        return s;
    }

    /// Pointer to the first element; T must be the dtype, and the value on the CPU.
    template <Element T>
    T* data() const {
        if (device().kind != Device::Kind::cpu) fail<DeviceError>("var: the value is on ", device(), "; move it to the cpu to read it");
        if (dtype_of<T> != dtype_) fail<DTypeError>("var: value is ", dtype_, ", not ", dtype_of<T>, "; cast it");
        return reinterpret_cast<T*>(storage_.data()) + offset_;
    }
    template <class T>
    View<T> view() const { return View<T>(data<std::remove_const_t<T>>(), shape_, strides_); }

    /// The value as Tensor<T>, shared; T must be the dtype and the value contiguous.
    template <Element T>
    Tensor<T> as() const {
        (void)data<T>();
        if (!contiguous()) fail<ShapeError>("as: the value is a strided view of ", shape_, "; call contiguous() first");
        return Tensor<T>(shape_, storage_, offset_ * sizeof(T));
    }
    /// The value converted to T and copied out.
    template <Element T>
    Tensor<T> to() const;
    /// The same value on another device, differentiable; itself if it is there. Blocked values are moved as they are.
    Var to(Device device) const;
    /// This value in the dtype and on the device of `other`: how constants are brought to where a model computes.
    Var like(const Var& other) const;
    /// The only element, as double.
    double item() const;

    // Views over the same storage, differentiable; defined in ops/layout.hpp.
    Var reshape(const Shape& shape) const;                      ///< copies if strided
    Var permute(std::initializer_list<int> order) const;
    Var transpose(int a, int b) const;
    Var slice(int axis, Index index) const;                     ///< drops the axis
    Var slice(int axis, Index first, Index last) const;         ///< [first, last); negative counts from the end
    Var expand(const Shape& shape) const;                       ///< sizes of 1 stretch, new axes go in front
    Var contiguous_copy() const;
    Var contiguous_() const { return contiguous() ? *this : contiguous_copy(); }

    /// The same value outside the tape.
    Var detach() const {
        Var v = *this;
        v.node_ = nullptr;
        return v;
    }
    /// A leaf over the same value whose gradient backward() will fill; `name` appears in errors.
    Var leaf(std::string name = {}) const;
    bool wants_grad() const { return node_ != nullptr; }
    /// d loss / d this leaf after backward(); empty if none arrived.
    Var grad() const;
    void clear_grad() const;
    /// The leaf's name, or nothing.
    std::string name() const;

    const std::shared_ptr<detail::Node>& node() const { return node_; }

    // For the engine: the same bytes seen otherwise, and attaching to the tape.
    Var with_layout(const Shape& shape, const Strides& strides, std::size_t offset) const {
        Var v = detach();
        v.shape_ = shape, v.strides_ = strides, v.offset_ = offset;
        return v;
    }
    Var without_data() const {
        Var v = *this;
        v.storage_ = Storage();
        return v;
    }
    void attach(std::shared_ptr<detail::Node> node) { node_ = std::move(node); }

private:
    static Var full_on_device(const Shape& shape, double value, DType dtype, Device device);

    Storage storage_;
    std::size_t offset_ = 0;                                    // in elements
    Shape shape_{0};
    Strides strides_{};
    DType dtype_ = DType::f32;
    std::shared_ptr<detail::Node> node_;
};

/// dtype, shape and, if it has one, name: how a value appears in errors.
inline void print(std::string& out, const Var& v) {
    const std::string name = v.name();
    if (!name.empty()) out += name + " ";
    print(out, v.dtype());
    print(out, v.shape());
}

namespace detail {

/// The inputs' shapes, for a profile.
inline std::string shapes_of(std::span<const Var> inputs) {
    std::string out;
    for (const Var& x : inputs) out += join(out.empty() ? "" : " ", x.shape());
    return out;
}

}  // namespace detail

}  // namespace svad
