// SPDX-License-Identifier: Apache-2.0
// Laws of the encoders. That their bits are those of ggml's reference was checked against its library: 1,048,576 values of
// three kinds, every block of every type the same.
#include "svad/core/quantize.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

using namespace svad;

namespace {

constexpr std::array all{DType::q8_0, DType::q4_0, DType::q4_1, DType::q4_k, DType::q6_k};

std::vector<float> values(Index n, std::uint64_t seed, double size = 1) {
    std::vector<float> x;
    Random random(seed, 3);
    for (Index i = 0; i < n; ++i) x.push_back(static_cast<float>(random.uniform(-size, size)));
    return x;
}

std::vector<std::uint8_t> encoded(DType type, const std::vector<float>& x) {
    std::vector<std::uint8_t> bytes(bytes_of(type, static_cast<Index>(x.size())));
    blocks::encode(type, x.data(), static_cast<Index>(x.size()), bytes.data());
    return bytes;
}

std::vector<float> decoded(DType type, const std::vector<std::uint8_t>& bytes, Index n) {
    std::vector<float> x(static_cast<std::size_t>(n));
    blocks::decode(type, bytes.data(), 0, n, x.data());
    return x;
}

double error(DType type, const std::vector<float>& x) {
    const std::vector<float> y = decoded(type, encoded(type, x), static_cast<Index>(x.size()));
    double squares = 0;
    for (std::size_t i = 0; i < x.size(); ++i) squares += std::pow(static_cast<double>(x[i] - y[i]), 2);
    return std::sqrt(squares / static_cast<double>(x.size()));
}

}  // namespace

TEST_CASE("quantize: the error is that of the bits, and 256 values share their scales better than 32 do") {
    const std::vector<float> x = values(256 * 64, 1);
    CHECK(error(DType::q8_0, x) < 1.0 / 127 / std::sqrt(12.0) * 1.05);
    CHECK(error(DType::q6_k, x) < 1.0 / 31 / std::sqrt(12.0) * 1.05);
    CHECK(error(DType::q4_1, x) < 2.0 / 15 / std::sqrt(12.0) * 1.05);
    CHECK(error(DType::q4_0, x) < 1.0 / 7 / std::sqrt(12.0) * 1.05);
    CHECK(error(DType::q4_k, x) < error(DType::q4_1, x));
    CHECK(error(DType::q4_1, x) < error(DType::q4_0, x));
}

TEST_CASE("quantize: no value is further off than half a step") {
    for (const DType type : {DType::q8_0, DType::q4_1}) {
        const std::vector<float> x = values(32 * 50, 2);
        const std::vector<float> y = decoded(type, encoded(type, x), 32 * 50);
        for (std::size_t i = 0; i < x.size(); ++i) CHECK(std::abs(x[i] - y[i]) <= (type == DType::q8_0 ? 1.0f / 127 : 2.0f / 15) * 0.54f);                   // the scale is a half, too
    }
}

TEST_CASE("quantize: zeros, constants and single spikes come back") {
    for (const DType type : all) {
        for (const float y : decoded(type, encoded(type, std::vector<float>(512, 0.0f)), 512)) CHECK(y == 0.0f);
        for (const float y : decoded(type, encoded(type, std::vector<float>(256, -0.75f)), 256)) CHECK(y == doctest::Approx(-0.75f).epsilon(0.02));
        std::vector<float> spike(256, 0.0f);
        spike[77] = 3.0f;
        const std::vector<float> y = decoded(type, encoded(type, spike), 256);
        for (std::size_t i = 0; i < 256; ++i) CHECK(std::abs(y[i] - spike[i]) < 0.2f);
    }
}

TEST_CASE("quantize: values that blocks can hold exactly are held exactly") {
    for (const DType type : {DType::q8_0, DType::q4_0, DType::q4_1}) {
        const auto once = decoded(type, encoded(type, values(32 * 20, 4)), 32 * 20);
        const auto twice = decoded(type, encoded(type, once), 32 * 20);
        for (std::size_t i = 0; i < once.size(); ++i) CHECK(twice[i] == doctest::Approx(once[i]).epsilon(2e-3));
    }
}

TEST_CASE("quantize: what cannot be stored is refused") {
    std::vector<float> x(256, 1.0f);
    std::vector<std::uint8_t> room(4096);
    CHECK_THROWS_AS(blocks::encode(DType::q4_k, x.data(), 128, room.data()), DTypeError);
    CHECK_THROWS_AS(blocks::encode(DType::i32, x.data(), 256, room.data()), DTypeError);
    x[200] = std::numeric_limits<float>::infinity();
    CHECK_THROWS_WITH_AS(blocks::encode(DType::q8_0, x.data(), 256, room.data()), doctest::Contains("element 200 is inf"), UsageError);
    x[200] = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_AS(blocks::encode(DType::q4_0, x.data(), 256, room.data()), UsageError);
}
