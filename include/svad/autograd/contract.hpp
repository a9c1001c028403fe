// SPDX-License-Identifier: Apache-2.0
// The parts that the op contract is made of: what an op makes, what its gradient gets, and what can be asked of its struct
// at compile time. The contract itself is in autograd/op.hpp.
#pragma once

#include "svad/autograd/var.hpp"

#include <concepts>
#include <span>
#include <tuple>
#include <vector>

namespace svad {

/// What an op makes: the result's shape and those of extras that only its gradient reads.
struct Result {
    Shape y;
    std::vector<Shape> saved = {};
};

/// In place of `const Var&` in grad's parameters: the value is not kept; its shape is.
struct Dropped {
    Shape shape;
    bool wanted = false;            ///< whether a gradient is wanted for this input
};

/// The inputs' gradients in order; an empty Var where none is wanted.
using Grads = std::vector<Var>;

namespace detail {

template <class F>
struct Signature;
template <class R, class... A>
struct Signature<R (*)(A...)> { using Args = std::tuple<std::remove_cvref_t<A>...>; };
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) const> { using Args = std::tuple<std::remove_cvref_t<A>...>; };

template <class Op>
concept Variadic = requires(const Op& op, std::span<const Shape> s) { { op.shape(s) } -> std::convertible_to<Result>; };
template <class Op>
concept ViewOp = requires(const Op& op, const Var& x) { { op.view(x) } -> std::convertible_to<Var>; };
template <class Op>
concept HasGrad = requires { &Op::grad; };
template <class Op>
concept Strided = requires { requires Op::strided; };
template <class Op>
concept CheapOp = requires { requires Op::cheap; };
template <class Op>
concept HasCuda = requires { &Op::cuda; };

template <class Op>
struct Arity {
    static constexpr std::size_t inputs = [] {
        if constexpr (Variadic<Op>) return std::size_t{0};
        else return std::tuple_size_v<typename Signature<decltype(&Op::shape)>::Args>;
    }();
};

}  // namespace detail

}  // namespace svad
