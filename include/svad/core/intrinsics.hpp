// SPDX-License-Identifier: Apache-2.0
// The vector instructions of x86 as functions, on compilers that let a function ask for more than the build does
// (SVAD_X86). gcc 12 warns of the undefined operands of its own intrinsics, wherever they are inlined; not here.
#pragma once

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define SVAD_X86 1
#if !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#else
#define SVAD_X86 0
#endif
