// SPDX-License-Identifier: Apache-2.0
// Parameter: a learned value that is declared first (shape and init rule, no memory) and filled later, by
// init(module, seed), by load(module, file) or by set(). It converts to the Var that ops take: a leaf that wants a
// gradient while trainable. Copying is deep: the copy has its own memory and its own gradient.
// Random values are a function of (seed, path, index), so inserting a layer changes the values of no other layer.
// Rejected: filling in the constructor (a 7B model could not be built to print its summary, and a loaded model would
// pay for random numbers first).
#pragma once

#include "svad/autograd/op.hpp"
#include "svad/ops/cast.hpp"
#include "svad/core/parallel.hpp"
#include "svad/core/random.hpp"

#include <atomic>
#include <cmath>
#include <string>
#include <utility>

namespace svad {

/// How a parameter is filled by init().
struct Init {
    enum class Rule : std::uint8_t { constant, normal, xavier_uniform } rule = Rule::constant;
    double value = 0;               ///< the constant, or the standard deviation

    static constexpr Init zeros() { return {Rule::constant, 0}; }
    static constexpr Init ones() { return {Rule::constant, 1}; }
    static constexpr Init constant(double c) { return {Rule::constant, c}; }
    static constexpr Init normal(double deviation = 0.02) { return {Rule::normal, deviation}; }
    /// Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010); sizes beyond the second count in both fans.
    static constexpr Init xavier_uniform() { return {Rule::xavier_uniform, 0}; }
};

class Parameter {
public:
    /// A buffer is part of the checkpoint but is never trained (running statistics).
    enum class Kind : std::uint8_t { weight, buffer };

    explicit Parameter(const Shape& shape, Init init = Init::zeros(), Kind kind = Kind::weight)
        : shape_(shape), init_(init), kind_(kind), trainable_(kind == Kind::weight) { ++live_; }

    Parameter(const Parameter& other)
        : shape_(other.shape_), init_(other.init_), kind_(other.kind_), trainable_(other.trainable_), path_(other.path_) {
        ++live_;
        if (other.filled()) set(is_blocked(other.value_.dtype()) ? other.value_ : other.value_.detach().contiguous_copy());
    }
    Parameter(Parameter&& other) noexcept
        : shape_(other.shape_), init_(other.init_), kind_(other.kind_), trainable_(other.trainable_),
          path_(std::move(other.path_)), value_(std::move(other.value_)) { ++live_; }
    Parameter& operator=(Parameter other) noexcept {
        std::swap(shape_, other.shape_), std::swap(init_, other.init_), std::swap(kind_, other.kind_);
        std::swap(trainable_, other.trainable_), std::swap(path_, other.path_), std::swap(value_, other.value_);
        return *this;
    }
    ~Parameter() { --live_; }

    const Shape& shape() const { return shape_; }
    Index numel() const { return shape_.numel(); }
    Init init() const { return init_; }
    bool filled() const { return static_cast<bool>(value_); }
    bool trainable() const { return trainable_ && !(value_ && is_blocked(value_.dtype())); }
    bool is_buffer() const { return kind_ == Kind::buffer; }
    /// Where it is in the model that last listed it, e.g. "vit.blocks.3.attn.q.weight".
    const std::string& path() const { return path_; }

    /// The value as ops take it. Throws UsageError while there is none.
    const Var& var() const {
        if (!value_) fail<UsageError>("parameter ", path_.empty() ? std::string("(not listed)") : path_, " ", shape_,
                                      " has no value yet; call init(model, seed) or load(model, file)");
        return value_;
    }
    operator const Var&() const { return var(); }       // NOLINT: implicit by design
    /// d loss / d this after backward(); empty if none arrived.
    Var grad() const { return value_ ? value_.grad() : Var(); }
    void clear_grad() const { value_.clear_grad(); }

    /// Gives it this value, shared and not copied; the shape must be the declared one. Blocked values are never trained.
    void set(const Var& value) {
        if (value.shape() != shape_)
            fail<ShapeError>("parameter ", path_, ": declared as ", shape_, "; got ", value.dtype(), value.shape());
        value_ = value.contiguous_().detach();
        attach();
    }
    /// Fills it by its rule; the stream of random numbers is the path's. The values are made on the CPU, in f32 unless f64 is
    /// asked for: they are the same on every device.
    void fill(std::uint64_t seed, DType dtype = DType::f32, Device device = Device::cpu());
    /// Buffers stay untrained.
    void set_trainable(bool on) {
        trainable_ = on && kind_ == Kind::weight;
        if (value_) attach();
    }
    void set_path(std::string path) {
        if (path == path_) return;
        path_ = std::move(path);
        if (value_ && value_.node()) value_.node()->name = path_;
    }

    /// Parameters alive in this process: a module that lists fewer than it made has forgotten one.
    static Index live() { return live_.load(); }

private:
    void attach() {
        if (trainable()) value_ = value_.leaf(path_);
        else value_ = value_.detach();
    }

    inline static std::atomic<Index> live_{0};
    Shape shape_;
    Init init_;
    Kind kind_;
    bool trainable_;
    std::string path_;
    Var value_;
};

inline void Parameter::fill(std::uint64_t seed, DType wanted, Device device) {
    const DType dtype = wanted == DType::f64 ? wanted : DType::f32;
    const Var value = Var::full(shape_, init_.rule == Init::Rule::constant ? init_.value : 0.0, dtype);
    if (init_.rule != Init::Rule::constant) {
        Index receptive = 1;
        for (int i = 2; i < shape_.rank(); ++i) receptive *= shape_[i];
        const Index out = shape_.rank() > 0 ? shape_[0] : 1, in = shape_.rank() > 1 ? shape_[1] : 1;
        const double bound = std::sqrt(6.0 / static_cast<double>((in + out) * receptive));
        const std::uint64_t stream = stable_hash(path_);
        const bool normal = init_.rule == Init::Rule::normal;
        dispatch(dtype, "init", [&](auto t) {
            using T = decltype(t);
            T* out_values = value.data<T>();
            parallel_for(numel(), 4096, [&](Index first, Index last) {
                for (Index i = first; i < last; ++i) {
                    const auto words = philox(seed, stream, static_cast<std::uint64_t>(i));
                    const auto unit = [&](std::size_t k) {
                        const std::uint64_t bits = (std::uint64_t{words[k]} << 32) | words[k + 1];
                        return static_cast<double>(bits >> 11) * 0x1p-53;
                    };
                    const double x = normal ? init_.value * std::sqrt(-2.0 * std::log(1.0 - unit(0))) *
                                                  std::cos(6.283185307179586 * unit(2))
                                            : bound * (2.0 * unit(0) - 1.0);
                    out_values[i] = static_cast<T>(x);
                }
            });
        });
    }
    set(cast(value, wanted).to(device));
}

}  // namespace svad
