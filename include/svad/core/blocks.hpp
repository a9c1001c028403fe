// SPDX-License-Identifier: Apache-2.0
// The blocked weights of GGUF files: 32 or 256 elements share scales, in the bytes that ggml lays down (q8_0, q4_0, q4_1,
// q4_k, q6_k). A row of a matrix is whole blocks. Unpacking goes by units of 32 elements, two vectors of 16:
//     q8_0: d q     q4_0: d (q - 8)     q4_1: d q + m     q4_k: d s q - e n     q6_k: d s (q - 32)
// Promise: the values are those of ggml's own conversion to f32, bit for bit.
#pragma once

#include "svad/core/dtype.hpp"
#include "svad/core/intrinsics.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace svad {

/// `elements` elements in `bytes` bytes.
struct BlockSize {
    Index elements = 1;
    std::size_t bytes = 1;
};

[[nodiscard]] constexpr BlockSize block_of(DType t) {
    switch (t) {
        case DType::q8_0: return {32, 34};
        case DType::q4_0: return {32, 18};
        case DType::q4_1: return {32, 20};
        case DType::q4_k: return {256, 144};
        case DType::q6_k: return {256, 210};
        default: return {1, size_of(t)};
    }
}

/// Bytes of `numel` elements, a multiple of the block.
[[nodiscard]] constexpr std::size_t bytes_of(DType t, Index numel) {
    const BlockSize b = block_of(t);
    if (numel % b.elements != 0) fail<DTypeError>(numel, " elements are no whole blocks of ", b.elements, " (", t, ")");
    return static_cast<std::size_t>(numel / b.elements) * b.bytes;
}

namespace blocks {

// Vectors wider than the compiled-for registers are returned below; everything is inlined, so no ABI is at stake.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

typedef float Float16 __attribute__((vector_size(64)));
typedef std::uint8_t Byte16 __attribute__((vector_size(16)));
typedef std::int32_t Word16 __attribute__((vector_size(64)));
typedef std::int8_t Signed16 __attribute__((vector_size(16)));

template <class V>
[[gnu::always_inline]] inline V load(const std::uint8_t* p) {
    V v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

[[gnu::always_inline]] inline float half(const std::uint8_t* p) {
    std::uint16_t bits;
    std::memcpy(&bits, p, 2);
#if defined(__F16C__)
    return _cvtsh_ss(bits);
#else
    f16 h;
    h.bits = bits;
    return static_cast<float>(h);
#endif
}

/// Sixteen bytes as floats. GCC 12 converts vectors of bytes one element at a time, hence the intrinsics.
[[gnu::always_inline]] inline Float16 floats(Byte16 v) {
#if defined(__AVX512F__)
    // The masked forms: GCC 12 takes the plain ones' undefined operand for a mistake of ours.
    return __builtin_convertvector(std::bit_cast<Word16>(_mm512_maskz_cvtepu8_epi32(0xFFFF, std::bit_cast<__m128i>(v))), Float16);
#elif defined(__AVX2__)
    const auto low = std::bit_cast<__m128i>(v), high = _mm_srli_si128(low, 8);
    return std::bit_cast<Float16>(std::array{_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(low)), _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(high))});
#else
    return __builtin_convertvector(__builtin_convertvector(v, Word16), Float16);
#endif
}
[[gnu::always_inline]] inline Float16 floats(Signed16 v) { return floats(std::bit_cast<Byte16>(v) ^ 128) - 128.0f; }

/// `elements` of weights that products read as they are stored: blocked types, and bf16 and f16 in runs of 32.
[[nodiscard]] constexpr BlockSize run_of(DType t) { return is_blocked(t) ? block_of(t) : BlockSize{32, 64}; }
[[nodiscard]] constexpr bool is_packed(DType t) { return is_blocked(t) || t == DType::bf16 || t == DType::f16; }

/// How a type's unit of 32 elements is unpacked; `block` points at the block, `unit` counts within it.
template <DType type>
struct Unpack;

template <>
struct Unpack<DType::q8_0> {
    [[gnu::always_inline]] static void unit(const std::uint8_t* block, Index, Float16& a, Float16& b) {
        const float d = half(block);
        a = floats(load<Signed16>(block + 2)) * d;
        b = floats(load<Signed16>(block + 18)) * d;
    }
};

template <>
struct Unpack<DType::q4_0> {
    [[gnu::always_inline]] static void unit(const std::uint8_t* block, Index, Float16& a, Float16& b) {
        const float d = half(block);
        const auto q = load<Byte16>(block + 2);
        a = (floats(q & 15) - 8.0f) * d;
        b = (floats(q >> 4) - 8.0f) * d;
    }
};

template <>
struct Unpack<DType::q4_1> {
    [[gnu::always_inline]] static void unit(const std::uint8_t* block, Index, Float16& a, Float16& b) {
        const float d = half(block), m = half(block + 2);
        const auto q = load<Byte16>(block + 4);
        a = floats(q & 15) * d + m;
        b = floats(q >> 4) * d + m;
    }
};

template <>
struct Unpack<DType::q4_k> {
    [[gnu::always_inline]] static void unit(const std::uint8_t* block, Index unit, Float16& a, Float16& b) {
        const std::uint8_t* const s = block + 4;                                // 8 scales and 8 minima of 6 bits
        const Index j = unit;
        const int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | ((s[j - 4] >> 6) << 4);
        const int least = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) | ((s[j] >> 6) << 4);
        const float d = half(block) * static_cast<float>(scale), m = half(block + 2) * static_cast<float>(least);
        const std::uint8_t* const q = block + 16 + j / 2 * 32;
        const int shift = static_cast<int>(j % 2) * 4;
        a = floats((load<Byte16>(q) >> shift) & 15) * d - m;
        b = floats((load<Byte16>(q + 16) >> shift) & 15) * d - m;
    }
};

template <>
struct Unpack<DType::q6_k> {
    [[gnu::always_inline]] static void unit(const std::uint8_t* block, Index unit, Float16& a, Float16& b) {
        const Index part = unit / 4, quarter = unit % 4;                        // two halves of four times 32 elements
        const std::uint8_t* const low = block + part * 64 + quarter % 2 * 32;
        const std::uint8_t* const high = block + 128 + part * 32;
        const std::uint8_t* const scales = block + 192 + part * 8 + quarter * 2;
        const float d = half(block + 208);
        const int down = static_cast<int>(quarter / 2) * 4, up = static_cast<int>(quarter) * 2;
        const auto value = [&](Index at) {
            const Byte16 q = ((load<Byte16>(low + at) >> down) & 15) | (((load<Byte16>(high + at) >> up) & 3) << 4);
            return floats(q) - 32.0f;
        };
        a = value(0) * (d * static_cast<float>(static_cast<std::int8_t>(scales[0])));
        b = value(16) * (d * static_cast<float>(static_cast<std::int8_t>(scales[1])));
    }
};

template <>
struct Unpack<DType::bf16> {
    [[gnu::always_inline]] static void unit(const std::uint8_t* run, Index, Float16& a, Float16& b) {
        const auto wide = [&](Index at) {
            typedef std::uint16_t Half16 __attribute__((vector_size(32)));
            return std::bit_cast<Float16>(__builtin_convertvector(load<Half16>(run + at), Word16) << 16);
        };
        a = wide(0), b = wide(32);
    }
};

template <>
struct Unpack<DType::f16> {
    [[gnu::always_inline]] static void unit(const std::uint8_t* run, Index, Float16& a, Float16& b) {
#if defined(__AVX512F__)
        a = std::bit_cast<Float16>(_mm512_maskz_cvtph_ps(0xFFFF, load<__m256i>(run)));
        b = std::bit_cast<Float16>(_mm512_maskz_cvtph_ps(0xFFFF, load<__m256i>(run + 32)));
#else
        for (int i = 0; i < 16; ++i) a[i] = half(run + 2 * i), b[i] = half(run + 32 + 2 * i);
#endif
    }
};

/// Calls f with the type as a static value; any other type is a DTypeError that names `who`.
template <class F>
decltype(auto) with_type(DType t, std::string_view who, F&& f) {
    switch (t) {
        case DType::q8_0: return f(std::integral_constant<DType, DType::q8_0>{});
        case DType::q4_0: return f(std::integral_constant<DType, DType::q4_0>{});
        case DType::q4_1: return f(std::integral_constant<DType, DType::q4_1>{});
        case DType::q4_k: return f(std::integral_constant<DType, DType::q4_k>{});
        case DType::q6_k: return f(std::integral_constant<DType, DType::q6_k>{});
        case DType::bf16: return f(std::integral_constant<DType, DType::bf16>{});
        case DType::f16: return f(std::integral_constant<DType, DType::f16>{});
        default: fail<DTypeError>(who, ": ", t, " is not a type of packed weights");
    }
}

/// Elements first .. first + count - 1 of packed values as floats; both are multiples of 32.
inline void decode(DType type, const std::uint8_t* from, Index first, Index count, float* to) {
    with_type(type, "blocks", [&](auto t) {
        constexpr BlockSize size = run_of(t);
        constexpr Index units = size.elements / 32;
        for (Index u = first / 32; u < (first + count) / 32; ++u, to += 32) {
            Float16 a, b;
            Unpack<t>::unit(from + static_cast<std::size_t>(u / units) * size.bytes, u % units, a, b);
            std::memcpy(to, &a, sizeof a), std::memcpy(to + 16, &b, sizeof b);
        }
    });
}

#pragma GCC diagnostic pop

}  // namespace blocks

}  // namespace svad
