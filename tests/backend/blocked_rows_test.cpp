// SPDX-License-Identifier: Apache-2.0
// Products of a few rows with packed weights: against sums in double over the decoded weights, and bit by bit whatever the
// tile, the thread, the companions of a row.
#include "svad/backend/cpu/blocked_rows.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace svad;

namespace {

constexpr std::array kinds{DType::q8_0, DType::q4_0, DType::q4_1, DType::q4_k, DType::q6_k, DType::bf16, DType::f16};

std::vector<float> noise(Index n, std::uint64_t seed) {
    Random random(seed, 0);
    std::vector<float> x(static_cast<std::size_t>(n));
    for (float& v : x) v = static_cast<float>(random.uniform() * 2 - 1);
    return x;
}

/// Weights [n, k] of any bytes, with scales that are small numbers of either sign.
std::vector<std::uint8_t> weights(DType type, Index n, Index k, std::uint64_t seed) {
    Random random(seed, 1);
    std::vector<std::uint8_t> bytes(bytes_of(type, n * k));
    const auto put = [&](std::size_t at) {
        const auto value = static_cast<float>(random.uniform()) * 0.1f - 0.05f;
        const std::uint16_t bits = type == DType::bf16 ? static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16) : f16(value).bits;
        std::memcpy(bytes.data() + at, &bits, 2);
    };
    if (!is_blocked(type)) {
        for (std::size_t i = 0; i < bytes.size(); i += 2) put(i);
        return bytes;
    }
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random.below(256));
    for (std::size_t block = 0; block < bytes.size(); block += block_of(type).bytes) {
        if (type == DType::q6_k) put(block + 208);
        else put(block);
        if (type == DType::q4_1 || type == DType::q4_k) put(block + 2);
    }
    return bytes;
}

std::vector<float> product(DType type, Index m, Index n, Index k, const std::vector<float>& x, const std::vector<std::uint8_t>& w) {
    std::vector<float> y(static_cast<std::size_t>(m * n), NAN);
    const cpu::PackedRows all{type, n, w.data(), y.data()};
    cpu::packed_products(m, k, x.data(), {&all, 1});
    return y;
}

}  // namespace

TEST_CASE("products of a few rows with packed weights: sums over the weights that decode() gives") {
    for (const DType type : kinds)
        for (const Index k : {Index{256}, Index{768}, Index{1280}})
            for (const Index n : {Index{1}, Index{5}, Index{131}}) {
                const std::vector<std::uint8_t> w = weights(type, n, k, 3);
                std::vector<float> values(static_cast<std::size_t>(n * k));
                for (Index j = 0; j < n; ++j) blocks::decode(type, w.data() + static_cast<std::size_t>(j) * bytes_of(type, k), 0, k, values.data() + j * k);
                const Index m = 3;
                const std::vector<float> x = noise(m * k, 5), y = product(type, m, n, k, x, w);
                double worst = 0;
                for (Index r = 0; r < m; ++r)
                    for (Index j = 0; j < n; ++j) {
                        double sum = 0, size = 0;
                        for (Index i = 0; i < k; ++i) {
                            const double p = static_cast<double>(x[static_cast<std::size_t>(r * k + i)]) * values[static_cast<std::size_t>(j * k + i)];
                            sum += p, size += std::abs(p);
                        }
                        worst = std::max(worst, std::abs(sum - y[static_cast<std::size_t>(r * n + j)]) / size);
                    }
                CAPTURE(name_of(type)); CAPTURE(k); CAPTURE(n);
                CHECK(worst < 1e-6);
            }
}

TEST_CASE("products of a few rows with packed weights: an output's bits are its own") {
    const Index m = cpu::few_rows, n = 203, k = 512;
    const int before = threads();
    for (const DType type : kinds) {
        CAPTURE(name_of(type));
        const std::vector<std::uint8_t> w = weights(type, n, k, 7);
        const std::vector<float> x = noise(m * k, 9);
        set_threads(1);
        const std::vector<float> all = product(type, m, n, k, x, w);
        for (const int count : {2, 3}) {
            set_threads(count);
            CHECK(product(type, m, n, k, x, w) == all);
        }
        for (Index r = 0; r < m; ++r) {                             // rows alone, not four at a time
            const std::vector<float> row(x.begin() + r * k, x.begin() + (r + 1) * k);
            const std::vector<float> alone = product(type, 1, n, k, row, w);
            CHECK(std::equal(alone.begin(), alone.end(), all.begin() + r * n));
        }
        const std::size_t skip = 3 * bytes_of(type, k);             // the weights from another row on, in other tiles
        const std::vector<float> rest = product(type, 1, n - 3, k, x, {w.begin() + static_cast<std::ptrdiff_t>(skip), w.end()});
        CHECK(std::equal(rest.begin(), rest.end(), all.begin() + 3));
    }
    set_threads(before);
}

TEST_CASE("products of a few rows with several packed weights in one pass: those of each alone") {
    const Index m = 2, k = 512;
    const std::vector<float> x = noise(m * k, 1);
    std::vector<cpu::PackedRows> parts;
    std::vector<std::vector<std::uint8_t>> bytes;
    std::vector<std::vector<float>> results;
    for (const DType type : kinds) {
        const Index n = 100 + 50 * static_cast<Index>(bytes.size());
        bytes.push_back(weights(type, n, k, bytes.size()));
        results.emplace_back(static_cast<std::size_t>(m * n), NAN);
    }
    for (std::size_t i = 0; i < kinds.size(); ++i)
        parts.push_back({kinds[i], static_cast<Index>(results[i].size()) / m, bytes[i].data(), results[i].data()});
    cpu::packed_products(m, k, x.data(), parts);
    for (std::size_t i = 0; i < kinds.size(); ++i)
        CHECK(results[i] == product(kinds[i], m, parts[i].rows, k, x, bytes[i]));
}
