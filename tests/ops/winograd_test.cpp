// SPDX-License-Identifier: Apache-2.0
// The fast 3 x 3 convolution against its definition, at sizes that leave tiles, vectors and blocks half filled.
#include "svad/backend/cpu/winograd.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <random>
#include <vector>

using namespace svad;

namespace {

std::vector<float> noise(Index size, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::vector<float> x(static_cast<std::size_t>(size));
    for (float& v : x) v = static_cast<float>(random()) / 4294967296.0f - 0.5f;
    return x;
}

struct Sizes {
    Index pictures, channels, filters, height, width;
};

double direct(const Sizes& s, const std::vector<float>& x, const std::vector<float>& k, Index n, Index o, Index y, Index at) {
    double sum = 0;
    for (Index c = 0; c < s.channels; ++c)
        for (Index i = 0; i < 3; ++i)
            for (Index j = 0; j < 3; ++j) {
                const Index row = y + i - 1, column = at + j - 1;
                if (row < 0 || row >= s.height || column < 0 || column >= s.width) continue;
                sum += static_cast<double>(x[static_cast<std::size_t>(((n * s.channels + c) * s.height + row) * s.width + column)]) *
                       static_cast<double>(k[static_cast<std::size_t>((o * s.channels + c) * 9 + i * 3 + j)]);
            }
    return sum;
}

}  // namespace

TEST_CASE("convolve_3x3: every place is the sum of nine products a channel, zeros outside, and nothing else is written") {
    for (const Sizes& s : {Sizes{1, 1, 1, 1, 1}, Sizes{2, 3, 5, 7, 9}, Sizes{1, 2, 33, 2, 2}, Sizes{3, 4, 40, 13, 24}, Sizes{5, 17, 3, 6, 12},
                           Sizes{1, 1, 2, 3, 500}, Sizes{2, 300, 2, 5, 4}, Sizes{0, 2, 2, 4, 4}}) {
        const std::vector<float> x = noise(s.pictures * s.channels * s.height * s.width, 1), k = noise(s.filters * s.channels * 9, 2);
        const Index size = s.pictures * s.filters * s.height * s.width;
        std::vector<float> y(static_cast<std::size_t>(size) + 1, 77);
        cpu::convolve_3x3(s.pictures, s.channels, s.filters, s.height, s.width, x.data(), k.data(), y.data());
        double worst = 0;
        for (Index i = 0; i < size; ++i) {
            const Index at = i % s.width, row = i / s.width % s.height, o = i / (s.width * s.height) % s.filters;
            const Index n = i / (s.width * s.height * s.filters);
            worst = std::max(worst, std::abs(direct(s, x, k, n, o, row, at) - static_cast<double>(y[static_cast<std::size_t>(i)])));
        }
        CAPTURE(s.height);
        CAPTURE(s.width);
        CHECK(worst < 2e-6 * std::sqrt(static_cast<double>(s.channels) * 9));
        CHECK(y.back() == 77);
    }
}
