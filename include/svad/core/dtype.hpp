// SPDX-License-Identifier: Apache-2.0
// Element types: what a file or a device may hold, and the two storage-only floats bf16 and f16.
// Rounding to bf16/f16 is to nearest even; overflow becomes infinity; NaN stays NaN. f32 and f64 are the types that
// the CPU computes in; `dispatch` crosses from the run-time tag to the static type once per op call. The blocked types
// of GGUF files (q8_0 ... q6_k) hold groups of elements: weights are used as they are in the file (core/blocks.hpp).
#pragma once

#include "svad/core/dtype_enum.hpp"
#include "svad/core/error.hpp"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace svad {

using Index = std::int64_t;

/// The upper half of a float: 8 bits of exponent, 7 of fraction.
struct bf16 {
    std::uint16_t bits = 0;
    bf16() = default;
    explicit bf16(float x) {
        const auto u = std::bit_cast<std::uint32_t>(x);
        if (x != x) bits = static_cast<std::uint16_t>((u >> 16) | 0x40u);
        else bits = static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
    }
    operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
};

/// IEEE half precision: 5 bits of exponent, 10 of fraction, subnormals kept.
struct f16 {
    std::uint16_t bits = 0;
    f16() = default;
    explicit f16(float x) {
        const auto u = std::bit_cast<std::uint32_t>(x);
        const std::uint32_t sign = (u >> 16) & 0x8000u, mag = u & 0x7fffffffu;
        std::uint32_t half;
        if (mag > 0x7f800000u) half = 0x7e00u | ((mag >> 13) & 0x3ffu);
        else if (mag >= 0x477ff000u) half = 0x7c00u;
        else if (mag >= 0x38800000u) half = (mag - 0x38000000u + 0xfffu + ((mag >> 13) & 1u)) >> 13;
        else half = static_cast<std::uint32_t>(std::nearbyint(std::bit_cast<float>(mag) * 16777216.0f));
        bits = static_cast<std::uint16_t>(sign | half);
    }
    operator float() const {
        const std::uint32_t sign = (bits & 0x8000u) << 16, exponent = (bits >> 10) & 31u, fraction = bits & 0x3ffu;
        if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
        if (exponent == 0) {
            const float x = static_cast<float>(fraction) / 16777216.0f;
            return sign ? -x : x;
        }
        return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (fraction << 13));
    }
};

/// The types that mathematics on the CPU is compiled for.
template <class T>
concept Real = std::same_as<std::remove_const_t<T>, float> || std::same_as<std::remove_const_t<T>, double>;

/// Everything a Tensor may hold.
template <class T>
concept Element = std::is_arithmetic_v<T> || std::same_as<T, bf16> || std::same_as<T, f16>;

template <Element T>
inline constexpr DType dtype_of = [] {
    if constexpr (std::same_as<T, float>) return DType::f32;
    else if constexpr (std::same_as<T, double>) return DType::f64;
    else if constexpr (std::same_as<T, bf16>) return DType::bf16;
    else if constexpr (std::same_as<T, f16>) return DType::f16;
    else if constexpr (std::same_as<T, bool>) return DType::boolean;
    else if constexpr (std::is_signed_v<T>)
        return sizeof(T) == 1 ? DType::i8 : sizeof(T) == 2 ? DType::i16 : sizeof(T) == 4 ? DType::i32 : DType::i64;
    else return sizeof(T) == 1 ? DType::u8 : sizeof(T) == 2 ? DType::u16 : sizeof(T) == 4 ? DType::u32 : DType::u64;
}();

/// True for types whose elements come in blocks and have no address of their own.
[[nodiscard]] constexpr bool is_blocked(DType t) { return t >= DType::q8_0; }

[[nodiscard]] constexpr std::string_view name_of(DType t) {
    constexpr std::string_view names[] = {"f32", "f64", "bf16", "f16", "i8",  "i16",  "i32",  "i64",  "u8",
                                          "u16", "u32", "u64",  "bool", "q8_0", "q4_0", "q4_1", "q4_k", "q6_k"};
    return names[static_cast<std::size_t>(t)];
}

inline void print(std::string& out, DType t) { out += name_of(t); }

/// Bytes of one element; a DTypeError for blocked types, whose sizes bytes_of() knows.
[[nodiscard]] constexpr std::size_t size_of(DType t) {
    switch (t) {
        case DType::q8_0: case DType::q4_0: case DType::q4_1: case DType::q4_k: case DType::q6_k:
            fail<DTypeError>("a value in ", t, " cannot be read element by element; cast it to f32");
        case DType::f64: case DType::i64: case DType::u64: return 8;
        case DType::f32: case DType::i32: case DType::u32: return 4;
        case DType::bf16: case DType::f16: case DType::i16: case DType::u16: return 2;
        default: return 1;
    }
}

/// Calls f with a value of the static type behind f32 or f64; any other dtype is a DTypeError naming `who`.
template <class F>
decltype(auto) dispatch(DType t, std::string_view who, F&& f) {
    if (t == DType::f32) return f(float{});
    if (t == DType::f64) return f(double{});
    fail<DTypeError>(who, ": no CPU kernel for ", t, "; cast to f32");
}

/// Calls f with a value of the static type behind any dtype: for storage, copies and casts.
template <class F>
decltype(auto) dispatch_storage(DType t, F&& f) {
    switch (t) {
        case DType::f32: return f(float{});
        case DType::f64: return f(double{});
        case DType::bf16: return f(bf16{});
        case DType::f16: return f(f16{});
        case DType::i8: return f(std::int8_t{});
        case DType::i16: return f(std::int16_t{});
        case DType::i32: return f(std::int32_t{});
        case DType::i64: return f(std::int64_t{});
        case DType::u8: return f(std::uint8_t{});
        case DType::u16: return f(std::uint16_t{});
        case DType::u32: return f(std::uint32_t{});
        case DType::u64: return f(std::uint64_t{});
        case DType::boolean: return f(bool{});
        default: fail<DTypeError>("a value in ", t, " cannot be read element by element; cast it to f32");
    }
}

}  // namespace svad
