// SPDX-License-Identifier: Apache-2.0
// Philox4x32-10 (Salmon et al., SC'11): a number is a function of (seed, stream, index), so dropout masks, data order
// and initial weights repeat on any number of threads and after any resume, with no generator state to save.
#pragma once

#include "svad/core/dtype.hpp"

#include <array>
#include <cmath>
#include <span>
#include <string_view>

namespace svad {

/// Four random words for counter (index, stream) under `seed`.
[[nodiscard]] inline std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
    std::uint32_t c0 = static_cast<std::uint32_t>(index), c1 = static_cast<std::uint32_t>(index >> 32);
    std::uint32_t c2 = static_cast<std::uint32_t>(stream), c3 = static_cast<std::uint32_t>(stream >> 32);
    std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0, p1 = std::uint64_t{0xCD9E8D57u} * c2;
        const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
        const std::uint32_t n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
        c1 = static_cast<std::uint32_t>(p1);
        c3 = static_cast<std::uint32_t>(p0);
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return {c0, c1, c2, c3};
}

/// A word as a number in [0, 1) with 24 bits.
[[nodiscard]] inline float unit_float(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

/// A stable 64-bit hash of a name (FNV-1a): the stream of a parameter is its path.
[[nodiscard]] inline std::uint64_t stable_hash(std::string_view text) {
    std::uint64_t h = 14695981039346656037ull;
    for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return h;
}

/// A sequence of random numbers of one (seed, stream); `index` is the whole state.
class Random {
public:
    explicit Random(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

    std::uint32_t bits() {
        if (index % 4 == 0 || !valid_) {
            words_ = philox(seed_, stream_, index / 4);
            valid_ = true;
        }
        return words_[static_cast<std::size_t>(index++ % 4)];
    }
    /// In [0, 1) with 53 bits.
    double uniform() {
        const std::uint64_t high = bits(), low = bits();
        return static_cast<double>(((high << 32) | low) >> 11) * 0x1p-53;
    }
    double uniform(double lo, double hi) { return lo + (hi - lo) * uniform(); }
    /// In [0, n), n > 0.
    Index below(Index n) {
        if (n <= 0) fail<UsageError>("random: below(n) needs n > 0; got ", n);
        return static_cast<Index>(uniform() * static_cast<double>(n));
    }
    /// Standard normal (Box-Muller).
    double normal() {
        const double u = 1.0 - uniform(), v = uniform();
        return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
    }
    bool chance(double p) { return uniform() < p; }

    /// Fisher-Yates.
    template <class T>
    void shuffle(std::span<T> items) {
        for (std::size_t i = items.size(); i > 1; --i) {
            const auto j = static_cast<std::size_t>(below(static_cast<Index>(i)));
            std::swap(items[i - 1], items[j]);
        }
    }
    template <class Items>
    const auto& pick(const Items& items) {
        return items[static_cast<std::size_t>(below(static_cast<Index>(items.size())))];
    }

    std::uint64_t index = 0;

private:
    std::uint64_t seed_, stream_;
    std::array<std::uint32_t, 4> words_{};
    bool valid_ = false;
};

}  // namespace svad
