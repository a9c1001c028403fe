// SPDX-License-Identifier: Apache-2.0
// Loops over pixels with the vectors of x86: 32 pixels at a time, chosen at run time.
//
// Promise: SVAD_WIDE(target) marks a function that may use AVX2 and FMA; it is called only where has_wide() is true, so
// a program built for any x86 uses them. Elsewhere SVAD_X86 is 0 and only the plain loops are there. Rejected:
// leaving it to the compiler's flags (programs are built for the oldest CPU) and vectors of the language (no byte shuffles).
#pragma once

#include "svad/core/intrinsics.hpp"

#if SVAD_X86

// Every function of a wide loop needs the target, or the compiler could not inline it.
#define SVAD_WIDE __attribute__((target("avx2,fma"))) inline

namespace svad::video::detail {

/// True if this CPU has what SVAD_WIDE functions need.
inline bool has_wide() {
    static const bool yes = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    return yes;
}

/// Bytes of 32 pixels as 16-bit words: those of the even pixels, then those of the odd ones.
struct WideWords {
    __m256i even, odd;
};
/// Red, green and blue of 32 pixels.
struct WideRgb {
    WideWords r, g, b;
};

SVAD_WIDE WideWords wide_words(__m256i bytes) {
    return {_mm256_and_si256(bytes, _mm256_set1_epi16(255)), _mm256_srli_epi16(bytes, 8)};
}
SVAD_WIDE __m256i wide_load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
/// Sixteen bytes from each.
SVAD_WIDE __m256i wide_halves(const void* low, const void* high) {
    const __m128i first = _mm_loadu_si128(static_cast<const __m128i*>(low)), second = _mm_loadu_si128(static_cast<const __m128i*>(high));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
}
SVAD_WIDE void wide_store(void* p, __m256i x) { _mm256_storeu_si256(static_cast<__m256i*>(p), x); }

}  // namespace svad::video::detail

#endif
