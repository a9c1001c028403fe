// SPDX-License-Identifier: Apache-2.0
// Products with operands in bf16: whatever way they are computed, they are the sums of the rounded operands' products.
// GCC 12 takes the undefined operands of its own intrinsics, in Eigen's transposes, for mistakes.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include "svad/backend/cpu/blocked.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

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

constexpr Sizes all_sizes[] = {{1, 1, 1}, {12, 32, 64}, {13, 33, 65}, {5, 70, 1025}, {37, 45, 77}, {1601, 31, 3}, {25, 300, 513}};

}  // namespace

TEST_CASE("gemm in bf16: every transposition, size and edge gives alpha a b + beta c of the rounded operands") {
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
}

TEST_CASE("gemm in bf16: the bits do not depend on the number of threads, and the epilogue sees every output once") {
    const Index m = 70, n = 200, k = 600;
    const std::vector<float> a = noise(m * k, 1), b = noise(n * k, 2);
    std::vector<std::vector<float>> results;
    for (const int count : {1, 2, 3}) {
        set_threads(count);
        std::vector<float> c(static_cast<std::size_t>(m * n));
        cpu::gemm<float>(Trans::no, Trans::yes, m, n, k, 1.0f, a.data(), k, b.data(), k, 0.0f, c.data(), n, Operands::bf16,
                         [&](Index row, Index rows, Index column, Index columns) {
                             for (Index i = row; i < row + rows; ++i)
                                 for (Index j = column; j < column + columns; ++j) c[static_cast<std::size_t>(i * n + j)] += 100;
                         });
        results.push_back(c);
    }
    set_threads(2);
    CHECK(results[0] == results[1]);
    CHECK(results[0] == results[2]);
    for (const float x : results[0]) CHECK((x > 50 && x < 150));
}

TEST_CASE("products with packed weights in bf16: those of the unpacked weights, to bf16") {
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
}
