// SPDX-License-Identifier: Apache-2.0
// An op on a CUDA device: its values in f32 or bf16, those that it calls wide in f32, its `cuda` member on the device's
// stream. An op without that member is an error, never a silent detour over the CPU.
#pragma once

#include "svad/autograd/contract.hpp"
#include "svad/autograd/device.hpp"

namespace svad::detail {

#if SVAD_CUDA

/// The dtype that the inputs share which are not wide.
template <class Op>
DType narrow_dtype(std::span<const Var> inputs) {
    constexpr Wide wide = wide_of<Op>();
    const Var* first = nullptr;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const Var& x = inputs[i];
        const bool is_wide = i < 32 && (wide.inputs >> i & 1u) != 0;
        if (x.dtype() != DType::f32 && (is_wide || x.dtype() != DType::bf16))
            fail<DeviceError>(Op::name, ": no CUDA kernel for ", x.dtype(), "; cast to f32 or move to cpu");
        if (is_wide) continue;
        if (!first) first = &x;
        if (x.dtype() != first->dtype()) fail<DTypeError>(Op::name, ": ", *first, " and ", x, " differ in dtype; cast one of them");
    }
    return first ? first->dtype() : DType::f32;
}

template <class Op>
void call_on_device(const Op& op, std::span<const Var> inputs, const Var& y, std::span<const Var> saved, Stream stream) {
    if constexpr (Variadic<Op>) {
        std::vector<Ref> refs;
        for (const Var& x : inputs) refs.push_back(cuda::ref(x));
        op.cuda(std::span<const Ref>(refs), cuda::ref(y), stream);
    } else {
        constexpr std::size_t extras = [] {
            if constexpr (HasGrad<Op>) return std::tuple_size_v<typename Signature<decltype(&Op::grad)>::Args> - 2 - Arity<Op>::inputs;
            else return std::size_t{0};
        }();
        [&]<std::size_t... i, std::size_t... s>(std::index_sequence<i...>, std::index_sequence<s...>) {
            op.cuda(cuda::ref(inputs[i])..., cuda::ref(y), cuda::ref(saved[s])..., stream);
        }(std::make_index_sequence<Arity<Op>::inputs>{}, std::make_index_sequence<extras>{});
    }
}

#endif

template <class Op>
Var run_on_device([[maybe_unused]] const Op& op, [[maybe_unused]] const Result& result, std::span<const Var> inputs,
                  [[maybe_unused]] std::vector<Var>& saved) {
#if SVAD_CUDA
    if constexpr (HasCuda<Op>) {
        const DType dtype = narrow_dtype<Op>(inputs);
        constexpr Wide wide = wide_of<Op>();
        const Device device = inputs[0].device();
        cuda::use(device.index);
        const cuda::Naming naming(Op::name.data());
        const Var y = Var::uninitialized(result.y, wide.result ? DType::f32 : dtype, device);
        bool anything = y.numel() > 0;
        for (const Shape& s : result.saved) {
            saved.push_back(Var::uninitialized(s, wide.saved ? DType::f32 : dtype, device));
            anything = anything || s.numel() > 0;
        }
        std::vector<Var> packed(inputs.begin(), inputs.end());
        if constexpr (!Strided<Op>)
            for (Var& x : packed) x = x.contiguous_().detach();
        if (anything) call_on_device(op, packed, y, saved, cuda::compute_stream(device.index));
        cuda::finish_op(device.index);
        return y;
    } else
#endif
        fail<DeviceError>(Op::name, ": no CUDA kernel for ", inputs[0].dtype(), "; move its inputs to the cpu");
}

}  // namespace svad::detail
