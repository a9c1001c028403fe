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
    static constexpr Index block = 128;                     ///< elements that draw from 32 counters
    double p = 0.5;
    std::uint64_t seed = 0, stream = 0;

    Result shape(const Shape& x) const { return {.y = x}; }

    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        const T scale = static_cast<T>(1 / (1 - p));
        const auto limit = static_cast<std::uint32_t>(p * 0x1p32);
        const Index n = x.numel();
        parallel_for((n + block - 1) / block, cpu::tile / block / 4, [&](Index first, Index last) {
            for (Index b = first; b < last; ++b) {
                alignas(64) std::uint32_t word[block];
                words(static_cast<std::uint64_t>(b * (block / 4)), word);
                const Index from = b * block, count = std::min(block, n - from);
                for (Index i = 0; i < count; ++i) {
                    const T kept = x[from + i] * scale;         // read in any case, or the loop does not vectorise
                    y[from + i] = word[i] >= limit ? kept : T(0);
                }
            }
        });
    }
    void cuda(Ref x, Ref y, Stream s) const { svad::cuda::dropout(x, y, p, seed, stream, s); }

    /// out[32 k + j] = word k of philox(seed, stream, first + j), 32 counters side by side.
    void words(std::uint64_t first, std::uint32_t* out) const {
        constexpr int lanes = block / 4;
        std::uint32_t c[4][lanes];
        for (int j = 0; j < lanes; ++j) {
            const std::uint64_t index = first + static_cast<std::uint64_t>(j);
            c[0][j] = static_cast<std::uint32_t>(index), c[1][j] = static_cast<std::uint32_t>(index >> 32);
            c[2][j] = static_cast<std::uint32_t>(stream), c[3][j] = static_cast<std::uint32_t>(stream >> 32);
        }
        std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
        for (int round = 0; round < 10; ++round) {
            for (int j = 0; j < lanes; ++j) {
                const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0][j], p1 = std::uint64_t{0xCD9E8D57u} * c[2][j];
                c[0][j] = static_cast<std::uint32_t>(p1 >> 32) ^ c[1][j] ^ k0;
                c[2][j] = static_cast<std::uint32_t>(p0 >> 32) ^ c[3][j] ^ k1;
                c[1][j] = static_cast<std::uint32_t>(p1);
                c[3][j] = static_cast<std::uint32_t>(p0);
            }
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        std::copy(&c[0][0], &c[0][0] + block, out);
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
