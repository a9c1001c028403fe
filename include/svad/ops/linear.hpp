// SPDX-License-Identifier: Apache-2.0
// y = act(x w' + b): product, bias and activation in one pass over the result. With an activation the sum before it is
// kept for the gradient. Weights are stored [out, in], as in PyTorch's checkpoints.
#pragma once

#include "svad/backend/cpu/blocked.hpp"
#include "svad/ops/activation.hpp"
#include "svad/ops/elementwise.hpp"
#include "svad/ops/matmul.hpp"

namespace svad {

namespace ops {

namespace linear_detail {

inline Result shape(const Shape& x, const Shape& w, Activation activation) {
    require(w.rank() == 2, "linear", "the weight must be [out, in]");
    require(x.rank() >= 1 && x.back() == w[1], "linear", "x's last size must be the weight's last");
    const Shape y = x.with(-1, w[0]);
    return {.y = y, .saved = {activation == Activation::none ? Shape{0} : y}};
}

template <class T>
void forward(View<const T> x, View<const T> w, const T* bias, View<T> y, View<T> before, Activation activation, cpu::Operands operands) {
    const Index n = w.size(0), k = w.size(1);
    const bool keep = activation != Activation::none;
    T* out = keep ? before.data : y.data;
    const auto finish = [&](Index row, Index rows, Index column, Index columns) {
        for (Index r = row; r < row + rows; ++r) {
            T* line = out + r * n + column;
            if (bias)
                for (Index i = 0; i < columns; ++i) line[i] += bias[column + i];
            if (keep) svad::detail::activate_values(activation, line, y.data + r * n + column, columns);
        }
    };
    cpu::gemm<T>(cpu::Trans::no, cpu::Trans::yes, x.rows(), n, k, T(1), x.data, k, w.data, k, T(0), out, n, operands, finish);
}

inline void forward_on_device(const Ref& x, const Ref& w, const Ref& bias, const Ref& y, const Ref& before, Activation activation,
                              cpu::Operands operands, Stream s) {
    const Ref& sum = activation == Activation::none ? y : before;
    cuda::Gemm g;
    g.m = x.rows(), g.n = w.size(0), g.k = w.size(1);
    g.flip_b = true;
    g.lda = g.k, g.ldb = g.k, g.ldc = g.n;
    g.precision = svad::detail::precision_of(operands);
    cuda::gemm(g, x, w, sum, bias, s);
    if (activation != Activation::none) cuda::activation(svad::detail::curve_of(activation), before, y, s);
}

// With g = dy * act'(before):  dx = g w,  dw = g' x,  db = sum over rows of g.
inline Grads grad(const Var& dy, const Var& before, const Var& x, const Var& w, Activation activation, cpu::Operands operands,
                  const Dropped* bias) {
    const Var g = activation == Activation::none ? dy : svad::apply(ActivationGradOp{activation}, dy, before);
    const Index rows = g.shape().rows();
    const Var flat = g.reshape({rows, g.shape().back()});
    Grads grads(bias ? 3 : 2);
    if (x.wants_grad()) grads[0] = svad::apply(MatmulOp{{}, operands}, flat, w).reshape(x.shape());
    if (w.wants_grad()) grads[1] = svad::apply(MatmulOp{{true, false}, operands}, flat, x.reshape({rows, x.shape().back()}));
    if (bias && bias->wanted) grads[2] = sum_to(flat, bias->shape);
    return grads;
}

}  // namespace linear_detail

struct LinearOp {
    static constexpr std::string_view name = "linear";
    Activation activation = Activation::none;
    cpu::Operands operands = cpu::Operands::exact;

    Result shape(const Shape& x, const Shape& w) const { return linear_detail::shape(x, w, activation); }
    template <Real T>
    void cpu(View<const T> x, View<const T> w, View<T> y, View<T> before) const {
        linear_detail::forward<T>(x, w, nullptr, y, before, activation, operands);
    }
    void cuda(Ref x, Ref w, Ref y, Ref before, Stream s) const {
        linear_detail::forward_on_device(x, w, {}, y, before, activation, operands, s);
    }
    Grads grad(const Var& dy, Dropped, const Var& before, const Var& x, const Var& w) const {
        return linear_detail::grad(dy, before, x, w, activation, operands, nullptr);
    }
    static auto samples() {
        return std::vector<Sample<LinearOp>>{{{}, {{2, 3, 4}, {5, 4}}}, {{Activation::silu}, {{7, 3}, {2, 3}}},
                                             {{Activation::gelu}, {{0, 3}, {2, 3}}}, {{}, {{1}, {1, 1}}}, {{}, {{130, 9}, {70, 9}}}};
    }
};

struct LinearBiasOp {
    static constexpr std::string_view name = "linear_bias";
    Activation activation = Activation::none;
    cpu::Operands operands = cpu::Operands::exact;

    Result shape(const Shape& x, const Shape& w, const Shape& b) const {
        require(w.rank() == 2 && b == Shape{w[0]}, "linear", "the bias must have the weight's first size");
        return linear_detail::shape(x, w, activation);
    }
    template <Real T>
    void cpu(View<const T> x, View<const T> w, View<const T> b, View<T> y, View<T> before) const {
        linear_detail::forward<T>(x, w, b.data, y, before, activation, operands);
    }
    void cuda(Ref x, Ref w, Ref b, Ref y, Ref before, Stream s) const {
        linear_detail::forward_on_device(x, w, b, y, before, activation, operands, s);
    }
    Grads grad(const Var& dy, Dropped, const Var& before, const Var& x, const Var& w, Dropped b) const {
        return linear_detail::grad(dy, before, x, w, activation, operands, &b);
    }
    static auto samples() {
        return std::vector<Sample<LinearBiasOp>>{{{}, {{2, 3, 4}, {5, 4}, {5}}}, {{Activation::gelu}, {{7, 3}, {2, 3}, {2}}},
                                                 {{Activation::tanh}, {{1, 1}, {1, 1}, {1}}}, {{}, {{0, 3}, {2, 3}, {2}}},
                                                 {{Activation::gelu}, {{130, 9}, {70, 9}, {70}}}};
    }
};

}  // namespace ops

namespace detail {

/// Where packed weights begin.
[[nodiscard]] inline const std::uint8_t* packed_bytes(const Var& w) {
    return reinterpret_cast<const std::uint8_t*>(w.storage().data()) + (is_blocked(w.dtype()) ? 0 : 2 * w.offset());
}

/// y = x w' with w as its file stores it, in f32 or, for many rows under Autocast, in bf16. Weights get no gradient; dx = dy w.
class PackedLinearOp final : public AnyOp {
public:
    explicit PackedLinearOp(Var w) : w_(std::move(w)), operands_(matmul_operands()) {}

    std::string_view name() const override { return "linear"; }
    bool differentiable() const override { return true; }
    bool keeps_result() const override { return false; }
    bool keeps_input(std::size_t) const override { return false; }

    Var run(std::span<const Var> inputs, std::vector<Var>&) const override {
        const Var x = inputs[0].contiguous_().detach();
        if (x.device() != w_.device()) fail<DeviceError>("linear: ", x.device(), " input and ", w_.device(), " weight; move one of them");
        require(w_.rank() == 2, "linear", "the weight must be [out, in]");
        require(x.rank() >= 1 && x.shape().back() == w_.size(1), "linear", "x's last size must be the weight's last");
        const Var y = Var::uninitialized(x.shape().with(-1, w_.size(0)), x.dtype(), x.device());
#if SVAD_CUDA
        if (x.device().kind == Device::Kind::cuda) return on_device(x, y);
#endif
        cpu::blocked_product(w_.dtype(), x.shape().rows(), w_.size(0), w_.size(1), x.data<float>(), packed_bytes(w_), y.data<float>(), operands_);
        return y;
    }
    Grads grad(const Var& dy, const Var&, std::span<const Var>, std::span<const Var>) const override {
        const Index rows = dy.shape().rows();
        const Var w = w_.device().kind == Device::Kind::cpu ? Var(w_.to<float>()) : unpacked_on_device(dy.dtype());
        return {svad::apply(ops::MatmulOp{{}, operands_}, dy.reshape({rows, w_.size(0)}), w).reshape(dy.shape().with(-1, w_.size(1)))};
    }

private:
#if SVAD_CUDA
    Var on_device(const Var& x, const Var& y) const {
        const int device = x.device().index;
        cuda::use(device);
        const cuda::Naming naming("linear");
        const Index rows = x.shape().rows();
        if (y.numel() > 0)
            cuda::blocked_product(cuda::flat(cuda::ref(x), {rows, w_.size(1)}), w_.storage().data(), w_.dtype(),
                                  cuda::flat(cuda::ref(y), {rows, w_.size(0)}), cuda::compute_stream(device));
        cuda::finish_op(device);
        return y;
    }
#endif
    Var unpacked_on_device([[maybe_unused]] DType dtype) const {
#if SVAD_CUDA
        const Var w = Var::uninitialized(w_.shape(), dtype, w_.device());
        cuda::use(w.device().index);
        cuda::dequantize(w_.storage().data(), w_.dtype(), cuda::ref(w), cuda::compute_stream(w.device().index));
        return w;
#else
        fail<DeviceError>("linear: this build has no CUDA");
#endif
    }

    Var w_;
    cpu::Operands operands_;
};

/// True for weights that are multiplied as they are stored.
[[nodiscard]] inline bool packed_weight(const Var& x, const Var& w) {
    if (is_blocked(w.dtype())) return true;
    if (w.device().kind != Device::Kind::cpu) return false;
    return blocks::is_packed(w.dtype()) && x.dtype() == DType::f32 && !w.wants_grad() && w.size(-1) % 32 == 0;
}

[[nodiscard]] inline Var packed_linear(const Var& x, const Var& w) {
    const Var list[] = {x};
    return record(OpPtr(new PackedLinearOp(w.detach())), list);
}

/// Whether packed_linears() takes these: packed weights of one width, a few rows of x, and nothing for the tape to keep.
[[nodiscard]] inline bool few_packed(const Var& x, std::span<const Var> weights) {
    if (x.rank() < 1 || x.dtype() != DType::f32 || x.shape().rows() > cpu::few_rows || (x.wants_grad() && tape_enabled())) return false;
    return std::all_of(weights.begin(), weights.end(), [&](const Var& w) { return packed_weight(x, w) && w.rank() == 2 && w.size(1) == x.shape().back(); });
}

/// {x w' ...} in one pass of the threads, off the tape.
[[nodiscard]] inline std::vector<Var> packed_linears(const Var& x, std::span<const Var> weights) {
    const Var rows = x.contiguous_().detach();
    std::vector<Var> results;
    std::vector<cpu::PackedRows> parts;
    for (const Var& w : weights) {
        results.push_back(Var::uninitialized(x.shape().with(-1, w.size(0)), DType::f32));
        parts.push_back({w.dtype(), w.size(0), packed_bytes(w), results.back().data<float>()});
    }
    cpu::packed_products(x.shape().rows(), x.shape().back(), rows.data<float>(), parts);
    return results;
}

}  // namespace detail

/// act(x w' + b) over the last axis: x [..., in], w [out, in], b [out] or empty -> [..., out]. w may be in blocks (q8_0 ...
/// q6_k), or frozen in bf16 or f16: then it is used as it is stored, in f32 arithmetic, and gets no gradient.
[[nodiscard]] inline Var linear(const Var& x, const Var& w, const Var& b = Var(), Activation activation = Activation::none) {
    if (detail::packed_weight(x, w)) {
        const Var y = detail::packed_linear(x, w), sum = b ? y + b : y;
        return activation == Activation::none ? sum : activate(sum, activation);
    }
    const cpu::Operands operands = detail::matmul_operands();
    return b ? apply(ops::LinearBiasOp{activation, operands}, x, w, b) : apply(ops::LinearOp{activation, operands}, x, w);
}

}  // namespace svad
