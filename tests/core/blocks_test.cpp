// SPDX-License-Identifier: Apache-2.0
// Blocked weights: each type's values against the layout written out one element at a time.
#include "svad/core/blocks.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace svad;

namespace {

constexpr std::array kinds{DType::q8_0, DType::q4_0, DType::q4_1, DType::q4_k, DType::q6_k};

float scale_at(const std::uint8_t* p) {
    f16 h;
    h.bits = static_cast<std::uint16_t>(p[0] | (p[1] << 8));
    return h;
}

/// Bytes of `blocks` blocks with any content and scales that are small numbers.
std::vector<std::uint8_t> random_blocks(DType type, Index blocks, std::uint64_t seed) {
    const std::size_t size = block_of(type).bytes;
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(blocks) * size);
    Random random(seed, 0);
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random.below(256));
    for (Index i = 0; i < blocks; ++i) {
        std::uint8_t* const block = bytes.data() + static_cast<std::size_t>(i) * size;
        for (std::uint8_t* at : {type == DType::q6_k ? block + 208 : block, type == DType::q6_k ? block + 208 : type == DType::q4_1 || type == DType::q4_k ? block + 2 : block}) {
            const f16 d(static_cast<float>(random.uniform()) * 0.1f - 0.05f);
            at[0] = static_cast<std::uint8_t>(d.bits & 255), at[1] = static_cast<std::uint8_t>(d.bits >> 8);
        }
    }
    return bytes;
}

/// Element k of a block, by the definition.
float element(DType type, const std::uint8_t* b, int k) {
    const auto nibble = [&](const std::uint8_t* q, int i) { return i < 16 ? q[i] & 15 : q[i - 16] >> 4; };
    switch (type) {
        case DType::q8_0: return static_cast<float>(static_cast<std::int8_t>(b[2 + k])) * scale_at(b);
        case DType::q4_0: return static_cast<float>(nibble(b + 2, k) - 8) * scale_at(b);
        case DType::q4_1: return static_cast<float>(nibble(b + 4, k)) * scale_at(b) + scale_at(b + 2);
        case DType::q4_k: {
            const int j = k / 32, i = k % 32, pair = j / 2;
            const std::uint8_t* const s = b + 4;
            const int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | ((s[j - 4] >> 6) << 4);
            const int least = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) | ((s[j] >> 6) << 4);
            const int byte = b[16 + pair * 32 + i], q = j % 2 ? byte >> 4 : byte & 15;
            return scale_at(b) * static_cast<float>(scale) * static_cast<float>(q) - scale_at(b + 2) * static_cast<float>(least);
        }
        default: {
            const int n = k / 128, l = k % 32, quarter = k % 128 / 32;
            const int low = b[n * 64 + quarter % 2 * 32 + l], high = b[128 + n * 32 + l];
            const int q = (quarter < 2 ? low & 15 : low >> 4) | (((high >> (2 * quarter)) & 3) << 4);
            const int scale = static_cast<std::int8_t>(b[192 + n * 8 + quarter * 2 + l / 16]);
            return scale_at(b + 208) * static_cast<float>(scale) * static_cast<float>(q - 32);
        }
    }
}

}  // namespace

TEST_CASE("blocks: every type's elements are those of its definition, bit for bit") {
    for (const DType type : kinds) {
        CAPTURE(name_of(type));
        const BlockSize size = block_of(type);
        const std::vector<std::uint8_t> bytes = random_blocks(type, 7, 11);
        std::vector<float> values(static_cast<std::size_t>(7 * size.elements));
        blocks::decode(type, bytes.data(), 0, 7 * size.elements, values.data());
        Index wrong = 0;
        for (Index i = 0; i < 7 * size.elements; ++i)
            wrong += values[static_cast<std::size_t>(i)] !=
                     element(type, bytes.data() + static_cast<std::size_t>(i / size.elements) * size.bytes, static_cast<int>(i % size.elements));
        CHECK(wrong == 0);
    }
}

TEST_CASE("blocks: a stretch from the middle is the same as that stretch of the whole") {
    for (const DType type : kinds) {
        const std::vector<std::uint8_t> bytes = random_blocks(type, 16, 3);
        std::vector<float> all(512), part(96);
        blocks::decode(type, bytes.data(), 0, 512, all.data());
        blocks::decode(type, bytes.data(), 160, 96, part.data());
        CHECK(std::equal(part.begin(), part.end(), all.begin() + 160));
    }
}

TEST_CASE("blocks: sizes count whole blocks, and a row that is none is an error") {
    CHECK(bytes_of(DType::q4_1, 576) == 360);
    CHECK(bytes_of(DType::q6_k, 512) == 420);
    CHECK(bytes_of(DType::f32, 5) == 20);
    CHECK_THROWS_WITH_AS((void)bytes_of(DType::q4_k, 288), doctest::Contains("no whole blocks of 256 (q4_k)"), DTypeError);
    CHECK_THROWS_WITH_AS((void)size_of(DType::q8_0), doctest::Contains("cast it to f32"), DTypeError);
}
