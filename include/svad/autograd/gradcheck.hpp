// SPDX-License-Identifier: Apache-2.0
// Central differences in f64 against backward(), for any function of Vars. With f64 and a step of 1e-5 a right
// gradient agrees to about 1e-9 of its size; a wrong sign or factor shows at once.
#pragma once

#include "svad/autograd/backward.hpp"
#include "svad/core/random.hpp"

namespace svad {

struct GradCheck {
    double step = 1e-5;
    Index probes = 24;              ///< elements probed per input, chosen at random; all if the input has fewer
    std::uint64_t seed = 1;
};

/// Random f64 values in [lo, hi) of the given shape.
[[nodiscard]] inline Var random_f64(const Shape& shape, double lo, double hi, std::uint64_t seed) {
    Tensor<double> t(shape);
    Random random(seed, 77);
    for (double& x : t.span()) x = random.uniform(lo, hi);
    return t;
}

/// The largest |analytic - numeric| / max(1, |numeric|) of d sum(f(inputs) * c) / d inputs, c random and fixed.
template <class F>
double gradient_error(F f, const std::vector<Var>& inputs, GradCheck options = {}) {
    std::vector<Var> leaves;
    for (const Var& x : inputs) leaves.push_back(Var(x.to<double>()).leaf());
    const Var y = f(leaves);
    const Var c = random_f64(y.shape(), -1, 1, options.seed + 1000);
    if (y.wants_grad()) backward(y, c);

    const auto value = [&](const std::vector<Var>& at) {
        const NoGrad off;
        const Tensor<double> out = f(at).template to<double>(), w = c.to<double>();
        double sum = 0;
        for (Index i = 0; i < out.numel(); ++i) sum += out[i] * w[i];
        return sum;
    };
    double worst = 0;
    Random random(options.seed, 5);
    for (std::size_t k = 0; k < leaves.size(); ++k) {
        const Var g = leaves[k].grad();
        const Tensor<double> analytic = g ? g.to<double>() : Tensor<double>(leaves[k].shape());
        const Index n = leaves[k].numel(), probes = std::min(n, options.probes);
        for (Index p = 0; p < probes; ++p) {
            const Index i = n <= options.probes ? p : random.below(n);
            std::vector<Var> at;
            for (const Var& x : leaves) at.push_back(x.detach());
            const auto shifted = [&](double by) {
                Tensor<double> t = leaves[k].to<double>();
                t[i] += by;
                at[k] = t;
                return value(at);
            };
            const double numeric = (shifted(options.step) - shifted(-options.step)) / (2 * options.step);
            worst = std::max(worst, std::abs(analytic[i] - numeric) / std::max(1.0, std::abs(numeric)));
        }
    }
    return worst;
}

}  // namespace svad
