// SPDX-License-Identifier: Apache-2.0
// cast: the one op whose result has another dtype than its input, so it is written against AnyOp directly and is not in
// AllOps. Rounding is to nearest even; the gradient is cast back.
#pragma once

#include "svad/autograd/op.hpp"
#include "svad/backend/cpu/loops.hpp"
#include "svad/ops/layout.hpp"

namespace svad {

namespace detail {

class CastOp final : public AnyOp {
public:
    CastOp(DType from, DType to) : from_(from), to_(to) {}

    std::string_view name() const override { return "cast"; }
    bool differentiable() const override { return true; }
    bool keeps_result() const override { return false; }
    bool keeps_input(std::size_t) const override { return false; }

    Var run(std::span<const Var> inputs, std::vector<Var>&) const override {
        const Var x = inputs[0].contiguous_().detach(), y = Var::uninitialized(x.shape(), to_);
        if (is_blocked(from_)) return unpacked(x);
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
        return x.to<float>();
    }

    template <class To>
    static void convert(const Var& x, const Var& y) {
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

    DType from_, to_;
};

}  // namespace detail

/// x in another floating-point dtype; the gradient comes back in x's.
[[nodiscard]] inline Var cast(const Var& x, DType dtype) {
    if (x && x.dtype() == dtype) return x;
    const Var list[] = {x};
    return detail::record(OpPtr(new detail::CastOp(x.dtype(), dtype)), list);
}

}  // namespace svad
