// SPDX-License-Identifier: Apache-2.0
// A new op: one struct with its shape, its kernel and its gradient; nothing to register.
#include <svad/svad.hpp>

#include <cmath>
#include <cstdio>

namespace {

using namespace svad;

/// y = log(1 + exp(x)), element by element.
struct SoftplusOp {
    static constexpr std::string_view name = "softplus";

    Result shape(const Shape& x) const { return {.y = x}; }

    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        parallel_for(x.numel(), 4096, [&](Index begin, Index stop) {
            for (Index i = begin; i < stop; ++i) y[i] = x[i] > T(20) ? x[i] : std::log1p(std::exp(x[i]));
        });
    }

    // d softplus(x) / dx = sigmoid(x). y is Dropped: the tape keeps x alone.
    Grads grad(const Var& dy, Dropped, const Var& x) const { return {dy * sigmoid(x)}; }

    static auto samples() { return std::vector<Sample<SoftplusOp>>{{{}, {{2, 7}}, -3, 3}, {{}, {{0, 3}}}}; }
};

Var softplus(const Var& x) { return apply(SoftplusOp{}, x); }

}  // namespace

int main() {
    double worst = 0;
    for (const auto& sample : SoftplusOp::samples()) {
        std::vector<Var> inputs;
        for (const Shape& s : sample.inputs) inputs.push_back(random_f64(s, sample.lo, sample.hi, 3));
        worst = std::max(worst, gradient_error([](const std::vector<Var>& in) { return softplus(in[0]); }, inputs));
    }
    std::printf("softplus(0) = %.6f, gradient error %.1e\n", softplus(Var::zeros({1})).item(), worst);
    return worst < 1e-7 ? 0 : 1;
}
