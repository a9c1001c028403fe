// SPDX-License-Identifier: Apache-2.0
// cast: the one op whose result has another dtype than its input, so it is written against AnyOp directly and is not in
// AllOps. Rounding is to nearest even; the gradient is cast back. And the move between devices, written likewise.
#pragma once

#include "svad/autograd/op.hpp"
#include "svad/backend/cpu/loops.hpp"
#include "svad/ops/layout.hpp"

namespace svad {

namespace detail {

/// y = x, whatever x holds.
template <class To>
void convert(const Var& x, const Var& y) {
    dispatch_storage(x.dtype(), [&](auto t) {
        using From = decltype(t);
        const From* in = x.data<From>();
        To* out = y.data<To>();
        constexpr bool via_float = !std::is_arithmetic_v<From> || !std::is_arithmetic_v<To>;
        parallel_for(x.numel(), cpu::tile, [&](Index first, Index last) {
            for (Index i = first; i < last; ++i) {
                if constexpr (via_float) out[i] = static_cast<To>(static_cast<float>(in[i]));
                else out[i] = static_cast<To>(in[i]);
            }
        });
    });
}
#if SVAD_PRECOMPILED
extern template void convert<float>(const Var&, const Var&);
extern template void convert<double>(const Var&, const Var&);
extern template void convert<bf16>(const Var&, const Var&);
extern template void convert<f16>(const Var&, const Var&);
#endif

class CastOp final : public AnyOp {
public:
    CastOp(DType from, DType to) : from_(from), to_(to) {}

    std::string_view name() const override { return "cast"; }
    bool differentiable() const override { return true; }
    bool keeps_result() const override { return false; }
    bool keeps_input(std::size_t) const override { return false; }

    Var run(std::span<const Var> inputs, std::vector<Var>&) const override {
        const Var x = inputs[0].contiguous_().detach(), y = Var::uninitialized(x.shape(), to_, x.device());
        if (is_blocked(from_)) return unpacked(x);
        if (x.device().kind == Device::Kind::cuda) return on_device(x, y);
        switch (to_) {
            case DType::f32: convert<float>(x, y); break;
            case DType::f64: convert<double>(x, y); break;
            case DType::bf16: convert<bf16>(x, y); break;
            case DType::f16: convert<f16>(x, y); break;
            default: fail<DTypeError>("cast: the target must be a floating-point type; got ", to_, "; use to<T>()");
        }
        return y;
    }
    Grads grad(const Var& dy, const Var&, std::span<const Var>, std::span<const Var>) const override {
        std::vector<Var> none;
        return {CastOp(to_, from_).run(std::span(&dy, 1), none)};
    }

private:
    Var unpacked(const Var& x) const {
        if (to_ != DType::f32) fail<DTypeError>("cast: ", from_, " can become f32 only; got ", to_);
        return Var(x.to<float>()).to(x.device());
    }

    Var on_device([[maybe_unused]] const Var& x, const Var& y) const {
#if SVAD_CUDA
        for (const DType t : {from_, to_})
            if (t != DType::f32 && t != DType::bf16 && t != DType::f16) fail<DeviceError>("cast: no CUDA kernel for ", t, "; move to cpu");
        cuda::use(x.device().index);
        const cuda::Naming naming("cast");
        if (x.numel() > 0) cuda::cast(cuda::ref(x), cuda::ref(y), cuda::compute_stream(x.device().index));
        cuda::finish_op(x.device().index);
#endif
        return y;
    }

    DType from_, to_;
};

/// v, contiguous, on any device, gets these values in place.
inline void overwrite(const Var& v, const Tensor<float>& values) {
    if (v.device().kind == Device::Kind::cpu) std::copy(values.begin(), values.end(), v.data<float>());
#if SVAD_CUDA
    else if (values.numel() > 0)
        cuda::upload(cuda::ref(v).data, values.data(), static_cast<std::size_t>(values.numel()) * sizeof(float), v.device().index);
#endif
}

/// The same bytes on another device.
class MoveOp final : public AnyOp {
public:
    MoveOp(Device from, Device to) : from_(from), to_(to) {}

    std::string_view name() const override { return "to"; }
    bool differentiable() const override { return true; }
    bool keeps_result() const override { return false; }
    bool keeps_input(std::size_t) const override { return false; }

    Var run(std::span<const Var> inputs, std::vector<Var>&) const override {
        const Var x = inputs[0].contiguous_().detach();
        const std::size_t bytes = bytes_of(x.dtype(), x.numel());
        const Var y(Storage(bytes, to_), x.shape(), x.dtype());
#if SVAD_CUDA
        const std::byte* from = x.storage().data() + bytes_of(x.dtype(), static_cast<Index>(x.offset()));
        if (bytes == 0) return y;
        if (from_.kind == Device::Kind::cpu) cuda::upload(y.storage().data(), from, bytes, to_.index);
        else if (to_.kind == Device::Kind::cpu) cuda::download(y.storage().data(), from, bytes, from_.index);
        else return MoveOp(Device::cpu(), to_).run_again(MoveOp(from_, Device::cpu()).run_again(x));
#endif
        return y;
    }
    Grads grad(const Var& dy, const Var&, std::span<const Var>, std::span<const Var>) const override {
        return {MoveOp(to_, from_).run_again(dy)};
    }

private:
    Var run_again(const Var& x) const {
        std::vector<Var> none;
        return run(std::span(&x, 1), none);
    }

    Device from_, to_;
};

}  // namespace detail

inline Var Var::to(Device device) const {
    if (!*this || device == this->device()) return *this;
    const Var list[] = {*this};
    return detail::record(OpPtr(new detail::MoveOp(this->device(), device)), list);
}

inline Var Var::full_on_device(const Shape& shape, double value, DType dtype, Device device) {
#if SVAD_CUDA
    const Var v = uninitialized(shape, dtype, device);
    cuda::use(device.index);
    if (v.numel() > 0) cuda::fill(cuda::ref(v), static_cast<float>(value), cuda::compute_stream(device.index));
    return v;
#else
    return full(shape, value, dtype).to(device);
#endif
}

/// x in another floating-point dtype; the gradient comes back in x's.
[[nodiscard]] inline Var cast(const Var& x, DType dtype) {
    if (x && x.dtype() == dtype) return x;
    const Var list[] = {x};
    return detail::record(OpPtr(new detail::CastOp(x.dtype(), dtype)), list);
}

inline Var Var::like(const Var& other) const { return cast(*this, other.dtype()).to(other.device()); }

}  // namespace svad
