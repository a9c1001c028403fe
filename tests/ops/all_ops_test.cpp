// SPDX-License-Identifier: Apache-2.0
// What holds for every op, by walking AllOps x samples(): gradients in f64, f32 against f64, strided inputs against
// contiguous ones, one thread against two. An op that is not visited fails the last case.
#include "svad/autograd/gradcheck.hpp"
#include "svad/ops/ops.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <set>

using namespace svad;

namespace {

template <class Op>
concept HasSamples = requires { Op::samples(); };

template <class Op>
std::vector<Var> inputs_of(const Sample<Op>& sample, DType dtype) {
    std::vector<Var> inputs;
    for (std::size_t i = 0; i < sample.inputs.size(); ++i)
        inputs.push_back(cast(random_f64(sample.inputs[i], sample.lo, sample.hi, 100 + i), dtype));
    return inputs;
}

template <class Op>
Var run(const Op& op, const std::vector<Var>& inputs) {
    return apply_all(op, std::span<const Var>(inputs));
}

/// The same values with other elements between them in memory.
Var spread(const Var& x) {
    Strides strides = x.strides();
    for (int i = 0; i < x.rank(); ++i) strides[static_cast<std::size_t>(i)] *= 2;
    const Var room = Var::full({2 * x.numel() + 1}, -77.0, x.dtype());
    const Var y = room.with_layout(x.shape(), strides, 0);
    dispatch(x.dtype(), "spread", [&](auto t) {
        const auto* from = x.data<decltype(t)>();
        auto* to = room.data<decltype(t)>();
        for (Index i = 0; i < x.numel(); ++i) to[2 * i] = from[i];
    });
    return y;
}

bool same_bits(const Var& a, const Var& b) {
    if (!a || !b) return !a && !b;
    const Tensor<float> x = a.to<float>(), y = b.to<float>();
    return x.shape() == y.shape() && std::memcmp(x.data(), y.data(), static_cast<std::size_t>(x.numel()) * 4) == 0;
}

/// The result and, if there are any, the inputs' gradients, in f32.
template <class Op>
std::vector<Var> forward_and_backward(const Sample<Op>& sample) {
    std::vector<Var> leaves;
    for (const Var& x : inputs_of(sample, DType::f32)) leaves.push_back(x.leaf());
    const Var y = run(sample.op, leaves);
    std::vector<Var> all{y.detach()};
    if (!y.wants_grad()) return all;
    backward(y, cast(random_f64(y.shape(), -1, 1, 7), DType::f32));
    for (const Var& x : leaves) all.push_back(x.grad());
    return all;
}

/// Calls f(op's name, index of the sample, sample) for all samples of all ops.
template <class F>
void for_all_samples(const F& f) {
    AllOps::each([&]<class Op>() {
        if constexpr (HasSamples<Op>) {
            int i = 0;
            for (const auto& sample : Op::samples()) {
                INFO(Op::name, ", sample ", i);
                f(sample);
                ++i;
            }
        }
    });
}

struct Threads {
    int before = threads();
    ~Threads() { set_threads(before); }
};

}  // namespace

TEST_CASE("all ops: gradients agree with central differences in f64") {
    for_all_samples([]<class Op>(const Sample<Op>& sample) {
        if constexpr (detail::HasGrad<Op>) {
            const auto f = [&](const std::vector<Var>& at) { return run(sample.op, at); };
            CHECK(gradient_error(f, inputs_of(sample, DType::f64)) < 1e-6);
        }
    });
}

TEST_CASE("all ops: f32 agrees with f64") {
    for_all_samples([](const auto& sample) {
        const Tensor<double> exact = run(sample.op, inputs_of(sample, DType::f64)).template to<double>();
        const Tensor<float> y = run(sample.op, inputs_of(sample, DType::f32)).template to<float>();
        REQUIRE(y.shape() == exact.shape());
        double size = 1, error = 0;
        for (Index i = 0; i < y.numel(); ++i) {
            size = std::max(size, std::abs(exact[i]));
            error = std::max(error, std::abs(static_cast<double>(y[i]) - exact[i]));
        }
        CHECK(error <= 4e-6 * size);
    });
}

// Not to the bit: a loop over strided elements may not be vectorised, and then its products are fused differently.
TEST_CASE("all ops: strided inputs give what contiguous ones give") {
    for_all_samples([](const auto& sample) {
        const std::vector<Var> inputs = inputs_of(sample, DType::f64);
        std::vector<Var> apart;
        for (const Var& x : inputs) apart.push_back(spread(x));
        const Tensor<double> y = run(sample.op, inputs).template to<double>(), z = run(sample.op, apart).template to<double>();
        REQUIRE(y.shape() == z.shape());
        for (Index i = 0; i < y.numel(); ++i)
            if (!(std::abs(y[i] - z[i]) <= 1e-13 * std::max(1.0, std::abs(y[i])))) FAIL_CHECK("element ", i, ": ", y[i], " and ", z[i]);
    });
}

TEST_CASE("all ops: one thread and two give the same bits, forward and backward") {
    const Threads restore;
    for_all_samples([](const auto& sample) {
        set_threads(1);
        const std::vector<Var> one = forward_and_backward(sample);
        set_threads(2);
        const std::vector<Var> two = forward_and_backward(sample);
        REQUIRE(one.size() == two.size());
        for (std::size_t i = 0; i < one.size(); ++i) CHECK(same_bits(one[i], two[i]));
    });
}

TEST_CASE("all ops: every op has samples, or is a fused gradient that the gradient checks run") {
    std::set<std::string_view> names;
    std::size_t visited = 0, sampled = 0;
    AllOps::each([&]<class Op>() {
        INFO(Op::name);
        CHECK(names.insert(Op::name).second);
        ++visited;
        if constexpr (HasSamples<Op>) {
            CHECK(!Op::samples().empty());
            ++sampled;
        } else {
            CHECK(!detail::HasGrad<Op>);
            CHECK(Op::name.ends_with("_grad"));
        }
    });
    CHECK(visited == AllOps::size);
    MESSAGE(sampled, " of ", visited, " ops have samples");
}
