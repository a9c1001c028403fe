// SPDX-License-Identifier: Apache-2.0
// Gradients: leaves, backward, and checking any function against central differences.
#include <svad/svad.hpp>

#include <cstdio>

int main() {
    using namespace svad;

    // d/dx sum(x^2 + 3x) = 2x + 3.
    const Var x = Var(Tensor<float>::of({1, 2, 3})).leaf("x");
    backward(sum(x * x + x * 3.0));
    for (float g : x.grad().to<float>()) std::printf("%g ", g);
    std::puts("");

    // The tape exists only while a gradient is wanted.
    {
        const NoGrad off;
        std::printf("on the tape under NoGrad: %s\n", (x * 2.0).wants_grad() ? "yes" : "no");
    }

    // A block whose activations are not kept: the same gradients for less memory.
    x.clear_grad();
    backward(sum(recompute([](const Var& v) { return gelu(v * v); }, x)));
    std::printf("recomputed: %g\n", x.grad().to<float>()[0]);

    // Any function of Vars can be checked, in f64.
    const double error = gradient_error(
        [](const std::vector<Var>& in) { return softmax(matmul(in[0], in[1])); },
        {random_f64({3, 4}, -1, 1, 1), random_f64({4, 5}, -1, 1, 2)});
    std::printf("gradient error %.1e\n", error);
    return error < 1e-7 ? 0 : 1;
}
