// SPDX-License-Identifier: Apache-2.0
// Every op of AllOps on a CUDA device against the CPU, over all its samples: result and gradients, in f32 and in bf16.
#include "on_device.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace svad;
using namespace svad::test;

namespace {

/// Made for the CPU: on a device feed_forward, depthwise_clips and the joined projections of nn/ are made of other ops.
const std::set<std::string_view> cpu_only{"feed_forward", "feed_forward_grad", "swiglu_joined", "swiglu_joined_grad", "clip_depthwise", "clip_depthwise_grad_input",
                                          "clip_depthwise_grad_weight"};

/// Result and, where there is one, the gradients of all inputs, on the CPU in f32.
struct Outcome {
    std::vector<Tensor<float>> values;
};

template <class Op>
Outcome outcome_of(const Op& op, const std::vector<Var>& inputs, bool with_gradients) {
    std::vector<Var> leaves;
    for (const Var& x : inputs) leaves.push_back(with_gradients ? x.leaf() : x);
    const Var y = apply_all(op, std::span<const Var>(leaves));
    Outcome all;
    all.values.push_back(y.to<float>());
    if (!y.wants_grad()) return all;
    // The seed is in bf16 for both, so that a bf16 result's gradient is the same.
    const Var seed = random_values(y.shape(), -1, 1, 7, DType::bf16);
    backward(y, seed.like(y));
    for (const Var& x : leaves) all.values.push_back(x.grad() ? x.grad().to<float>() : Tensor<float>());
    return all;
}

template <class Op>
void compare(const Sample<Op>& sample, DType dtype, double tolerance) {
    constexpr Wide wide = detail::wide_of<Op>();
    std::vector<Var> here, there;
    for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
        const DType own = i < 32 && (wide.inputs >> i & 1u) != 0 ? DType::f32 : dtype;
        here.push_back(random_values(sample.inputs[i], sample.lo, sample.hi, 100 + i, own));
        there.push_back(cast(here.back(), own).to(gpu));
    }
    const Outcome expected = outcome_of(sample.op, here, detail::HasGrad<Op>);
    Outcome found;
    try {
        found = outcome_of(sample.op, there, detail::HasGrad<Op>);
    } catch (const Error& e) {
        const std::string_view text = e.what();
        const bool heads_of_a_packed_projection = Op::name == "rope" && text.find("heads alone") != text.npos;      // nn/ asks for it on the CPU only
        if (!heads_of_a_packed_projection) FAIL_CHECK(text);
        return;
    }
    REQUIRE(found.values.size() == expected.values.size());
    for (std::size_t i = 0; i < found.values.size(); ++i) {
        INFO("value ", i, " (0 is the result, then the inputs' gradients)");
        CHECK(distance(found.values[i], expected.values[i]) <= tolerance);
    }
}

void compare_all(DType dtype, double tolerance) {
    AllOps::each([&]<class Op>() {
        if (cpu_only.contains(Op::name)) return;
        int i = 0;
        for (const auto& sample : Op::samples()) {
            INFO(Op::name, ", sample ", i++, " in ", name_of(dtype));
            compare(sample, dtype, tolerance);
        }
    });
}

}  // namespace

TEST_CASE("all ops on a device: f32 agrees with the CPU, forward and backward") { compare_all(DType::f32, 1e-5); }

TEST_CASE("all ops on a device: bf16 agrees with the CPU's f32 on the same values, forward and backward") {
    compare_all(DType::bf16, 2e-2);
}

TEST_CASE("all ops on a device: each has a kernel, or is made for the CPU and says so where it is called") {
    AllOps::each([&]<class Op>() {
        INFO(Op::name);
        CHECK((detail::HasCuda<Op> || detail::ViewOp<Op>) != cpu_only.contains(Op::name));
    });
    const Var both = random_values({2, 6}, -1, 1, 1).to(gpu);
    CHECK_THROWS_WITH_AS((void)apply(ops::SwigluJoinedOp{}, both), doctest::Contains("swiglu_joined: no CUDA kernel"), DeviceError);
}

TEST_CASE("argmax and cast on a device agree with the CPU") {
    const Var x = random_values({7, 33}, -4, 4, 1), there = x.to(gpu);
    const Tensor<std::int32_t> a = argmax(x);
    CHECK(std::equal(a.begin(), a.end(), argmax(there).begin()));
    CHECK(distance(cast(there, DType::bf16).to<float>(), cast(x, DType::bf16).to<float>()) == 0);
}
