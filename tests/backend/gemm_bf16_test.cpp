// SPDX-License-Identifier: Apache-2.0
// Products with operands in bf16: whatever way they are computed, they are the sums of the rounded operands' products.
#include "svad/backend/cpu/blocked.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <vector>

using namespace svad;
using cpu::Operands;
using cpu::Trans;

namespace {

std::vector<float> noise(Index n, std::uint64_t seed) {
    std::vector<float> x;
    Random random(seed, 2);
    for (Index i = 0; i < n; ++i) x.push_back(static_cast<float>(random.uniform(-1, 1)));
    return x;
}

double rounded(float x) { return static_cast<double>(static_cast<float>(bf16(x))); }

struct Sizes {
    Index m, n, k;
};

template <class F>
void on_every_isa(F f) {
    const cpu::Isa before = cpu::isa();
    for (const cpu::Isa set : {cpu::Isa::portable, cpu::Isa::avx2, cpu::Isa::avx512, cpu::Isa::avx512_bf16})
        if (set <= cpu::largest_isa()) {
            CAPTURE(static_cast<int>(set));
            cpu::use_isa(set);
            f();
        }
    cpu::use_isa(before);
}

constexpr Sizes all_sizes[] = {{1, 1, 1}, {12, 32, 64}, {13, 33, 65}, {5, 70, 1025}, {37, 45, 77}, {1601, 31, 3}, {25, 300, 513}};

}  // namespace

TEST_CASE("gemm in bf16: every transposition, size and edge gives alpha a b + beta c of the rounded operands") {
    on_every_isa([] {
    for (const auto [m, n, k] : all_sizes)
        for (const Trans ta : {Trans::no, Trans::yes})
            for (const Trans tb : {Trans::no, Trans::yes})
                for (const float beta : {0.0f, 2.0f}) {
                    const std::vector<float> a = noise(m * k, 1), b = noise(n * k, 2), before = noise(m * n, 3);
                    std::vector<float> c = before;
                    if (beta == 0) std::fill(c.begin(), c.end(), std::nanf(""));            // must not be read
                    const Index lda = ta == Trans::no ? k : m, ldb = tb == Trans::no ? n : k;
                    cpu::gemm<float>(ta, tb, m, n, k, 0.5f, a.data(), lda, b.data(), ldb, beta, c.data(), n, Operands::bf16);
                    double worst = 0;
                    for (Index i = 0; i < m; ++i)
                        for (Index j = 0; j < n; j += n > 40 ? 7 : 1) {
                            double sum = 0;
                            for (Index p = 0; p < k; ++p)
                                sum += rounded(a[static_cast<std::size_t>(ta == Trans::no ? i * lda + p : p * lda + i)]) *
                                       rounded(b[static_cast<std::size_t>(tb == Trans::no ? p * ldb + j : j * ldb + p)]);
                            const auto at = static_cast<std::size_t>(i * n + j);
                            const double want = 0.5 * sum + static_cast<double>(beta) * static_cast<double>(beta == 0 ? 0.0f : before[at]);
                            worst = std::max(worst, std::abs(static_cast<double>(c[at]) - want));
                        }
                    CHECK(worst < 2e-5);
                }
    });
}

TEST_CASE("gemm in bf16: operands are rounded as bf16 rounds, ties, infinities and NaN included") {
    std::vector<float> x = noise(40, 5);
    for (const std::uint32_t bits : {0x3f808000u, 0x3f818000u, 0x3f808001u, 0x3f807fffu, 0x7f7fffffu, 0x7f800000u, 0xff800000u, 0x7fc00001u, 0x7f800001u,
                                     0xffffffffu, 0x80000000u})
        x.push_back(std::bit_cast<float>(bits));
    const Index n = static_cast<Index>(x.size());
    on_every_isa([&] {
        for (const Index m : {1, 6, 30})                            // a row by dots and by lines, and tiles
            for (const bool left : {false, true}) {
                const std::vector<float> ones(static_cast<std::size_t>(m), 1.0f);
                std::vector<float> c(static_cast<std::size_t>(m * n));
                if (left) cpu::gemm<float>(Trans::no, Trans::no, n, m, 1, 1.0f, x.data(), 1, ones.data(), m, 0.0f, c.data(), m, Operands::bf16);
                else cpu::gemm<float>(Trans::no, Trans::no, m, n, 1, 1.0f, ones.data(), 1, x.data(), n, 0.0f, c.data(), n, Operands::bf16);
                for (Index i = 0; i < m; ++i)
                    for (Index j = 0; j < n; ++j) {
                        const float got = c[static_cast<std::size_t>(left ? j * m + i : i * n + j)], want = static_cast<float>(bf16(x[static_cast<std::size_t>(j)]));
                        CHECK((got == want || (got != got && want != want)));
                    }
            }
    });
}

TEST_CASE("products with packed weights in bf16: those of the unpacked weights, to bf16") {
    on_every_isa([] {
    const Index m = 20, n = 40, k = 1024;
    const std::vector<float> x = noise(m * k, 4);
    for (const DType type : {DType::q8_0, DType::q4_1}) {
        Random random(1, 1);
        std::vector<std::uint8_t> w(bytes_of(type, n * k));
        for (auto& byte : w) byte = static_cast<std::uint8_t>(random.below(256));
        const f16 scale(0.01f);
        for (std::size_t block = 0; block < w.size(); block += block_of(type).bytes) {
            std::memcpy(w.data() + block, &scale.bits, 2);
            if (type == DType::q4_1) std::memcpy(w.data() + block + 2, &scale.bits, 2);
        }
        std::vector<float> exact(static_cast<std::size_t>(m * n)), fast = exact;
        cpu::blocked_product(type, m, n, k, x.data(), w.data(), exact.data());
        cpu::blocked_product(type, m, n, k, x.data(), w.data(), fast.data(), Operands::bf16);
        double size = 0, off = 0;
        for (std::size_t i = 0; i < exact.size(); ++i) size += std::pow(exact[i], 2), off += std::pow(exact[i] - fast[i], 2);
        CHECK(std::sqrt(off / size) < 5e-3);
        CHECK(off > 0);                                             // it is the other mode
    }
    });
}

TEST_CASE("products with weights stored in bf16: few rows and many give the sums of the weights' values") {
    on_every_isa([] {
        for (const Index m : {1, 2, 3, 4, 5, 7, 8, 9, 20})
            for (const Index n : {1, 3, 4, 41, 150})
                for (const Index k : {32, 96, 1024}) {
                    const std::vector<float> x = noise(m * k, 6), w = noise(n * k, 7);
                    std::vector<bf16> stored;
                    for (const float v : w) stored.emplace_back(v);
                    std::vector<float> y(static_cast<std::size_t>(m * n), std::nanf(""));
                    cpu::blocked_product(DType::bf16, m, n, k, x.data(), reinterpret_cast<const std::uint8_t*>(stored.data()), y.data());
                    double worst = 0;
                    for (Index i = 0; i < m; ++i)
                        for (Index j = 0; j < n; ++j) {
                            double sum = 0;
                            for (Index p = 0; p < k; ++p)
                                sum += static_cast<double>(x[static_cast<std::size_t>(i * k + p)]) * rounded(w[static_cast<std::size_t>(j * k + p)]);
                            worst = std::max(worst, std::abs(sum - static_cast<double>(y[static_cast<std::size_t>(i * n + j)])));
                        }
                    CHECK(worst < 5e-5);
                }
    });
}
