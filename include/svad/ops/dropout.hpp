// SPDX-License-Identifier: Apache-2.0
// Dropout. The mask is a function of (seed, step, site, element) by Philox, so it is never stored: the gradient draws
// it again, recomputation repeats it, and neither threads nor a resumed run change it.
#pragma once

#include "svad/autograd/op.hpp"
#include "svad/backend/cpu/loops.hpp"
#include "svad/core/random.hpp"

namespace svad {

namespace ops {

/// x / (1 - p) where the element's random number is at least p, else 0. Linear: its gradient is itself.
struct DropoutOp {
    static constexpr std::string_view name = "dropout";
    double p = 0.5;
    std::uint64_t seed = 0, stream = 0;

    Result shape(const Shape& x) const { return {.y = x}; }

    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        constexpr Index block = 64;                         // elements of 16 counters; element i is word i / 16 % 4
        const T scale = static_cast<T>(1 / (1 - p));
        const auto limit = static_cast<std::uint32_t>(p * 0x1p32);
        const Index n = x.numel();
        parallel_for((n + block - 1) / block, cpu::tile / block / 4, [&](Index first, Index last) {
            for (Index b = first; b < last; ++b) {
                std::uint32_t words[4][block / 4];
                for (Index j = 0; j < block / 4; ++j) {
                    const auto w = philox(seed, stream, static_cast<std::uint64_t>(b * (block / 4) + j));
                    words[0][j] = w[0], words[1][j] = w[1], words[2][j] = w[2], words[3][j] = w[3];
                }
                const std::uint32_t* word = &words[0][0];
                const Index from = b * block, count = std::min(block, n - from);
                for (Index i = 0; i < count; ++i) y[from + i] = word[i] >= limit ? x[from + i] * scale : T(0);
            }
        });
    }

    Grads grad(const Var& dy, Dropped, Dropped) const { return {apply(*this, dy)}; }
    static auto samples() {
        return std::vector<Sample<DropoutOp>>{{{0.3, 1, 2}, {{5, 7}}}, {{0.5, 1, 3}, {{0}}}, {{0.1}, {{1}}}, {{0}, {{2, 3}}}, {{0.3}, {{40003}}}};
    }
};

}  // namespace ops

/// While Training is on: each element becomes 0 with probability p, else grows by 1 / (1 - p). Otherwise x itself.
[[nodiscard]] inline Var dropout(const Var& x, double p) {
    if (!(p >= 0 && p < 1)) fail<UsageError>("dropout: the probability must be in [0, 1); got ", p);
    if (!training_enabled() || p == 0) return x;
    detail::Modes& m = detail::modes();
    const std::uint64_t stream = stable_hash("dropout") + (m.step << 24) + m.site++;
    return apply(ops::DropoutOp{p, m.seed, stream}, x);
}

}  // namespace svad
