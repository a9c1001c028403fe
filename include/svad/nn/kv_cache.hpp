// SPDX-License-Identifier: Apache-2.0
// KvCache: the keys and values that a decoder has already computed, preallocated for all steps, so that a new word
// costs one position and no copy. Layout per layer [rows, capacity, width]. Generation only: nothing here is on the
// tape. Beam search copies rows by reorder().
#pragma once

#include "svad/autograd/var.hpp"
#include "svad/autograd/device.hpp"
#include "svad/core/error.hpp"

#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace svad {

class KvCache {
public:
    /// Room for `capacity` positions of `rows` sequences in `layers` layers; `width` is key-value heads x head size.
    KvCache(Index layers, Index rows, Index capacity, Index width, DType dtype = DType::f32, Device device = Device::cpu())
        : rows_(rows), capacity_(capacity), width_(width), dtype_(dtype) {
        for (Index i = 0; i < 2 * layers; ++i) store_.push_back(Var::uninitialized({rows, capacity, width}, dtype, device));
    }

    Index rows() const { return rows_; }
    Index capacity() const { return capacity_; }
    /// Positions that every layer holds.
    Index length() const { return length_; }

    /// Writes the new keys and values [rows, n, width] of a layer behind the old ones and returns all of them,
    /// [rows, length + n, width], as views. The length grows by advance(), once per step.
    std::pair<Var, Var> append(Index layer, const Var& keys, const Var& values) {
        return {put(2 * layer, keys), put(2 * layer + 1, values)};
    }
    void advance(Index n) { length_ += n; }

    /// Row i becomes what row rows[i] was; there may be more rows than before.
    void reorder(std::span<const Index> rows) {
        const std::size_t size = static_cast<std::size_t>(width_) * size_of(dtype_);
        for (Var& v : store_) {
            const Var next = Var::uninitialized({static_cast<Index>(rows.size()), capacity_, width_}, dtype_, v.device());
            for (std::size_t i = 0; i < rows.size(); ++i) {
                if (rows[i] < 0 || rows[i] >= rows_) fail<UsageError>("kv_cache: no row ", rows[i], " among ", rows_);
                copy(v.device(), bytes(next, static_cast<Index>(i), 0), bytes(v, rows[i], 0), static_cast<std::size_t>(length_) * size);
            }
            v = next;
        }
        rows_ = static_cast<Index>(rows.size());
    }

private:
    static void copy(Device device, std::byte* to, const std::byte* from, std::size_t n) {
#if SVAD_CUDA
        if (device.kind == Device::Kind::cuda) return cuda::copy_bytes(to, from, n, device.index);
#endif
        if (device.kind == Device::Kind::cpu) std::memcpy(to, from, n);
    }

    std::byte* bytes(const Var& v, Index row, Index position) const {
        return v.storage().data() + static_cast<std::size_t>((row * capacity_ + position) * width_) * size_of(dtype_);
    }

    Var put(Index slot, const Var& x) {
        const auto [B, n, W] = x.sizes<3>("rows n width");
        const Var& v = store_.at(static_cast<std::size_t>(slot));
        if (B != rows_ || W != width_ || x.dtype() != dtype_ || x.device() != v.device())
            fail<ShapeError>("kv_cache: made for ", rows_, " rows of width ", width_, " in ", dtype_, " on ", v.device(), "; got ", x, " on ", x.device());
        if (length_ + n > capacity_) fail<UsageError>("kv_cache: ", length_, " + ", n, " positions do not fit ", capacity_);
        const Var packed = x.contiguous_().detach();
        const std::size_t size = static_cast<std::size_t>(n * W) * size_of(dtype_);
        for (Index b = 0; b < B; ++b)
            copy(v.device(), bytes(v, b, length_), packed.storage().data() + packed.offset() * size_of(dtype_) + static_cast<std::size_t>(b) * size, size);
        Strides strides{};
        strides[0] = capacity_ * width_, strides[1] = width_, strides[2] = 1;
        return v.with_layout({rows_, length_ + n, width_}, strides, 0);
    }

    std::vector<Var> store_;                        // keys of layer 0, values of layer 0, keys of layer 1, ...
    Index rows_, capacity_, width_;
    DType dtype_;
    Index length_ = 0;
};

}  // namespace svad
