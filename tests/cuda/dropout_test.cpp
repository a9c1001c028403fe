// SPDX-License-Identifier: Apache-2.0
// Dropout on the device draws exactly the CPU's bits, at every length, alignment and dtype.
#include "kernel_case.hpp"
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"
#include "svad/core/random.hpp"

#include <doctest/doctest.h>

namespace svad::test {
namespace {

constexpr std::uint64_t seed = 0x123456789abcdefULL, stream = 0xfedcba987654321ULL;

Values dropped(const Values& x, double p) {
    Values y;
    const auto limit = static_cast<std::uint32_t>(p * 0x1p32);
    for (std::size_t i = 0; i < x.size(); ++i) {
        const std::uint32_t word = philox(seed, stream, 32 * (i / 128) + i % 32)[i % 128 / 32];
        y.push_back(word >= limit ? x[i] * static_cast<double>(static_cast<float>(1 / (1 - p))) : 0.0);
    }
    return y;
}

}  // namespace

TEST_CASE("cuda dropout: the CPU's bits, ragged, not aligned, in place, empty") {
    for (const DType dtype : {DType::f32, DType::bf16})
        for (const double p : {0.0, 0.3})
            for (const std::int64_t n : {0, 1, 127, 128, 2049, 5000}) {
                KernelCase k("dropout " + text_of(dtype) + " " + std::to_string(n) + " " + std::to_string(p));
                const Ref x = k.input(dtype, {n + 1}, 1, 2), y = k.output(dtype, {n}), z = k.inout(dtype, {n}, 1, 2), w = k.output(dtype, {n});
                Ref odd = KernelCase::shifted(x, 1), even = x;
                odd.sizes[0] = even.sizes[0] = n;
                k.run([&] {
                    cuda::dropout(even, y, p, seed, stream, k.stream());
                    cuda::dropout(odd, w, p, seed, stream, k.stream());
                    cuda::dropout(z, z, p, seed, stream, k.stream());
                });
                const Values in = k.values(x);
                k.expect(y, dropped({in.begin(), in.end() - 1}, p));
                k.expect(w, dropped({in.begin() + 1, in.end()}, p));
                k.expect(z, dropped(k.values(z), p));
            }
}

TEST_CASE("cuda dropout: traffic within budget") {
    KernelCase k("dropout bf16 8192");
    const Ref x = k.input(DType::bf16, {8192}), y = k.output(DType::bf16, {8192});
    k.run_within_budget([&] { cuda::dropout(x, y, 0.1, seed, stream, k.stream()); });
}

}  // namespace svad::test
