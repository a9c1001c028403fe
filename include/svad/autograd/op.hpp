// SPDX-License-Identifier: Apache-2.0
// The op contract. An op is one struct that says its shape, its CPU kernel, its gradient and its samples; `apply`
// runs it and, if an input wants a gradient, records it on the tape. `Dropped` in grad's parameters means "I do not
// need this": the signature is the memory plan. `erase` is the compile-time firewall: with SVAD_PRECOMPILED the ops
// of namespace svad::ops are instantiated once, in svad::compiled.
// Rejected: a registry by name (errors at run time, linkers drop unreferenced objects).
#pragma once

#include "svad/autograd/modes.hpp"
#include "svad/autograd/run_on_device.hpp"
#include "svad/autograd/var.hpp"
#include "svad/core/parallel.hpp"
#include "svad/core/profile.hpp"

#include <memory>
#include <tuple>
#include <utility>
#include <vector>

namespace svad {

/// One case that exercises an op: input shapes and the range of their random values.
template <class Op>
struct Sample {
    Op op;
    std::vector<Shape> inputs;
    double lo = -1, hi = 1;
};

/// An op behind a virtual interface: what the tape stores.
struct AnyOp {
    virtual ~AnyOp() = default;
    virtual std::string_view name() const = 0;
    virtual Var run(std::span<const Var> inputs, std::vector<Var>& saved) const = 0;
    virtual bool differentiable() const = 0;
    virtual bool keeps_result() const = 0;
    /// Whether the tape keeps all inputs and makes the result again for those whose gradient reads it.
    virtual bool cheap() const { return false; }
    virtual bool keeps_input(std::size_t i) const = 0;
    virtual Grads grad(const Var& dy, const Var& y, std::span<const Var> saved, std::span<const Var> inputs) const = 0;
};

using OpPtr = std::unique_ptr<const AnyOp>;

namespace detail {

/// A step of the tape, or (op == nullptr) a leaf. Its gradient gathers here until backward() passes.
struct Node {
    std::uint64_t order = 0;                    // consumers have higher numbers than what they consume
    OpPtr op;
    std::vector<Var> inputs, saved;
    Var result, grad, again;                    // again: the result made anew for the consumers' gradients
    std::string name;
    bool freed = false;
};

inline std::uint64_t next_order() {
    thread_local std::uint64_t n = 0;
    return ++n;
}

}  // namespace detail

/// A struct that fulfils the op contract: `name`, `shape(...)`, and `cpu<T>(...)` or `view(x)`; tests want `samples()`.
template <class Op>
concept Operation = requires {
    { Op::name } -> std::convertible_to<std::string_view>;
    &Op::shape;
};

namespace detail {

template <Operation Op>
class Erased final : public AnyOp {
    static constexpr std::size_t n = Arity<Op>::inputs;

public:
    explicit Erased(const Op& op) : op_(op) {}

    std::string_view name() const override { return Op::name; }
    bool differentiable() const override { return HasGrad<Op>; }

    Var run(std::span<const Var> inputs, std::vector<Var>& saved) const override {
        if constexpr (ViewOp<Op>) return op_.view(inputs[0]);
        else {
            if (!inputs.empty() && inputs[0].device().kind == Device::Kind::cuda) {
                const Result result = shapes(inputs);
                return run_on_device(op_, result, inputs, saved);
            }
            const Result result = shapes(inputs);
            const DType dtype = inputs.empty() ? DType::f32 : inputs[0].dtype();
            for (const Var& x : inputs)
                if (x.dtype() != dtype)
                    fail<DTypeError>(Op::name, ": ", inputs[0], " and ", x, " differ in dtype; cast one of them");
            const Var y = Var::uninitialized(result.y, dtype);
            for (const Shape& s : result.saved) saved.push_back(Var::uninitialized(s, dtype));
            std::vector<Var> packed(inputs.begin(), inputs.end());
            if constexpr (!Strided<Op>)
                for (Var& x : packed) x = x.contiguous_().detach();
            if (!CpuCache::imagining()) dispatch(dtype, Op::name, [&](auto t) { call<decltype(t)>(packed, y, saved); });
            return y;
        }
    }

    bool cheap() const override { return CheapOp<Op>; }
    bool keeps_result() const override {
        if constexpr (HasGrad<Op> && !Variadic<Op>) return kept<1>();
        else return false;
    }
    bool keeps_input(std::size_t i) const override {
        if constexpr (HasGrad<Op> && !Variadic<Op>) {
            return [&]<std::size_t... k>(std::index_sequence<k...>) {
                return ((k == i && kept<args() - n + k>()) || ...);
            }(std::make_index_sequence<n>{});
        } else return false;
    }

    Grads grad(const Var& dy, const Var& y, std::span<const Var> saved, std::span<const Var> inputs) const override {
        if constexpr (!HasGrad<Op>) fail<UsageError>(Op::name, ": has no gradient");
        else if constexpr (Variadic<Op>) {
            std::vector<Shape> shapes;
            for (const Var& x : inputs) shapes.push_back(x.shape());
            return op_.grad(dy, std::span<const Shape>(shapes));
        } else {
            return [&]<std::size_t... k>(std::index_sequence<k...>) {
                return op_.grad(dy, argument<k + 1>(y, saved, inputs)...);
            }(std::make_index_sequence<args() - 1>{});
        }
    }

private:
    static constexpr std::size_t args() {
        if constexpr (HasGrad<Op>) return std::tuple_size_v<typename Signature<decltype(&Op::grad)>::Args>;
        else return 0;
    }
    template <std::size_t k>
    static constexpr bool kept() {
        return std::same_as<std::tuple_element_t<k, typename Signature<decltype(&Op::grad)>::Args>, Var>;
    }
    // grad's parameters are (dy, y, saved..., inputs...); Dropped ones get shape and wish only.
    template <std::size_t k>
    static auto argument(const Var& y, std::span<const Var> saved, std::span<const Var> inputs) {
        const Var& v = k == 1 ? y : k < args() - n ? saved[k - 2] : inputs[k - (args() - n)];
        if constexpr (kept<k>()) return v;
        else return Dropped{v.shape(), v.wants_grad()};
    }

    Result shapes(std::span<const Var> inputs) const {
        if constexpr (Variadic<Op>) {
            std::vector<Shape> s;
            for (const Var& x : inputs) s.push_back(x.shape());
            return op_.shape(std::span<const Shape>(s));
        } else {
            return [&]<std::size_t... i>(std::index_sequence<i...>) {
                return op_.shape(inputs[i].shape()...);
            }(std::make_index_sequence<n>{});
        }
    }

    template <class T>
    void call(std::span<const Var> inputs, const Var& y, std::span<const Var> saved) const {
        if constexpr (Variadic<Op>) {
            std::vector<View<const T>> views;
            for (const Var& x : inputs) views.push_back(x.view<const T>());
            op_.template cpu<T>(std::span<const View<const T>>(views), y.view<T>());
        } else if constexpr (HasGrad<Op>) {
            constexpr std::size_t extras = args() - 2 - n;
            [&]<std::size_t... i, std::size_t... s>(std::index_sequence<i...>, std::index_sequence<s...>) {
                op_.template cpu<T>(inputs[i].view<const T>()..., y.view<T>(), saved[s].template view<T>()...);
            }(std::make_index_sequence<n>{}, std::make_index_sequence<extras>{});
        } else {
            [&]<std::size_t... i>(std::index_sequence<i...>) {
                op_.template cpu<T>(inputs[i].view<const T>()..., y.view<T>());
            }(std::make_index_sequence<n>{});
        }
    }

    Op op_;
};

}  // namespace detail

namespace ops {
/// Found by argument-dependent lookup for structs of this namespace only: they are the ones that svad ships.
template <class Op>
std::true_type shipped(const Op&);
}  // namespace ops

namespace detail {

template <class Op>
concept Shipped = requires(const Op& op) { shipped(op); };

template <class Op>
OpPtr erase_shipped(const Op& op);

#if !SVAD_PRECOMPILED || defined(SVAD_PRECOMPILED_SOURCE)
template <class Op>
OpPtr erase_shipped(const Op& op) {
    return OpPtr(new Erased<Op>(op));
}
#endif

/// A value as the tape keeps it: without its bytes if the op that made it can cheaply do so again.
inline Var as_kept(const Var& x) {
    return x.node() && x.node()->op && x.node()->op->cheap() ? x.without_data() : x;
}

/// Runs the op, and records it if the tape is on and an input wants a gradient.
inline Var record(OpPtr op, std::span<const Var> inputs) {
    bool wanted = false;
    for (const Var& x : inputs) {
        if (!x) fail<UsageError>(op->name(), ": an input has no value");
        if (x.device() != inputs[0].device())
            fail<DeviceError>(op->name(), ": ", inputs[0].device(), " and ", x.device(), " inputs; move one of them");
        wanted = wanted || x.wants_grad();
    }
    std::vector<Var> saved;
    Var y;
    try {
        const Span span(op->name(), {}, [&] { return shapes_of(inputs); });
        y = op->run(inputs, saved);
    } catch (const ShapeError& e) {
        std::string given;
        for (const Var& x : inputs) given += (given.empty() ? "; got " : ", ") + join(x);
        throw ShapeError(e.what() + given);
    } catch (const CudaError& e) {
        std::string given;
        for (const Var& x : inputs) given += (given.empty() ? "; got " : ", ") + join(x);
        throw CudaError(e.what() + given);
    }
    if (!wanted || !tape_enabled() || !op->differentiable()) return y;

    auto node = std::make_shared<Node>();
    node->order = next_order();
    node->saved = std::move(saved);
    for (std::size_t i = 0; i < inputs.size(); ++i)
        node->inputs.push_back(op->cheap() || op->keeps_input(i) ? as_kept(inputs[i]) : inputs[i].without_data());
    node->result = op->keeps_result() ? y : y.without_data();
    node->op = std::move(op);
    y.attach(std::move(node));
    return y;
}

}  // namespace detail

/// The op behind the virtual interface; for ops of svad::ops this is where the precompiled library takes over.
template <Operation Op>
OpPtr erase(const Op& op) {
    if constexpr (detail::Shipped<Op>) return detail::erase_shipped(op);
    else return OpPtr(new detail::Erased<Op>(op));
}

/// Runs `op` on the inputs and records it on the tape if one of them wants a gradient.
template <Operation Op, class... In>
    requires(std::convertible_to<const In&, const Var&> && ...)
Var apply(const Op& op, const In&... inputs) {
    const Var list[] = {inputs...};
    return detail::record(erase(op), list);
}
/// The same for inputs in a list (a name of its own: `apply` on a span would meet std::apply by lookup).
template <Operation Op>
Var apply_all(const Op& op, std::span<const Var> inputs) {
    return detail::record(erase(op), inputs);
}

/// Throws ShapeError "`who`: `what`" unless the condition holds; `record` appends what was given.
inline void require(bool holds, std::string_view who, std::string_view what) {
    if (!holds) fail<ShapeError>(who, ": ", what);
}

inline Var Var::leaf(std::string name) const {
    Var v = detach();
    v.node_ = std::make_shared<detail::Node>();
    v.node_->order = 0;
    v.node_->name = std::move(name);
    return v;
}
inline Var Var::grad() const { return node_ ? node_->grad : Var(); }
inline void Var::clear_grad() const {
    if (node_) node_->grad = Var();
}
inline std::string Var::name() const { return node_ ? node_->name : std::string(); }

template <Element T>
Tensor<T> Var::to() const {
    const Var packed = detach().to(Device::cpu()).contiguous_();
    if (is_blocked(dtype_)) {
        Tensor<float> values = Tensor<float>::uninitialized(shape_);
        const auto* const from = reinterpret_cast<const std::uint8_t*>(packed.storage_.data());
        parallel_for(numel() / 256 + 1, 64, [&](Index first, Index last) {
            const Index begin = std::min(first * 256, numel()), stop = std::min(last * 256, numel());
            blocks::decode(dtype_, from, begin, stop - begin, values.data() + begin);
        });
        if constexpr (std::same_as<T, float>) return values;
        else return values.template to<T>();
    }
    return dispatch_storage(dtype_, [&](auto t) {
        using From = decltype(t);
        const Tensor<From> tensor = packed.as<From>();
        if constexpr (std::same_as<From, T>) return tensor.clone();
        else return tensor.template to<T>();
    });
}
#if SVAD_PRECOMPILED
extern template Tensor<float> Var::to<float>() const;
extern template Tensor<double> Var::to<double>() const;
extern template Tensor<bf16> Var::to<bf16>() const;
extern template Tensor<f16> Var::to<f16>() const;
#endif
inline double Var::item() const {
    if (numel() != 1) fail<ShapeError>("item: a value with one element is needed; got ", *this);
    if (detail::CpuCache::imagining()) return 0;
    return to<double>()[0];
}

}  // namespace svad
