// SPDX-License-Identifier: Apache-2.0
// y = x w' for weights in blocks (core/blocks.hpp), in f32: nothing is rounded that the file did not round.
// A few rows of x (decoding): blocked_rows.hpp, which reads the weights once. Many rows (a prompt): w is unpacked straight
// into the panels of the product's kernels or, without those, a part at a time for gemm(). Results do not depend on the
// number of threads: an output is one thread's sum in a fixed order.
#pragma once

#include "svad/backend/cpu/blocked_rows.hpp"
#include "svad/backend/cpu/gemm.hpp"

namespace svad::cpu {

#if SVAD_X86
namespace detail {

/// A few rows with weights stored in bf16, straight from their rows.
inline void stored_product(Index m, Index n, Index k, const float* x, const std::uint8_t* w, float* y) {
    const Storage memory(static_cast<std::size_t>(m * k) * sizeof(float));
    auto* const halves = reinterpret_cast<float*>(memory.data());
    for (Index i = 0; i < m * k; i += 32)
        for (Index p = 0; p < 16; ++p) halves[i + p] = x[i + 2 * p], halves[i + 16 + p] = x[i + 2 * p + 1];
    constexpr decltype(&stored_dots_avx512<1>) dots[] = {nullptr, &stored_dots_avx512<1>, &stored_dots_avx512<2>, &stored_dots_avx512<3>,
                                                        &stored_dots_avx512<4>};
    const auto* const weights = reinterpret_cast<const std::uint16_t*>(w);
    const Index strip = std::clamp<Index>(65536 / k, 4, std::max<Index>(4, n / 16)) / 4 * 4;
    parallel_for(n, strip, [&](Index first, Index last) {
        for (Index j = first; j < last; j += 4)
            for (Index r = 0; r < m; r += 4) dots[std::min<Index>(4, m - r)](std::min<Index>(4, last - j), k, halves + r * k, k, weights + j * k, k, y + r * n + j, n);
    });
}

}  // namespace detail
#endif

/// y [m, n] = x [m, k] w', w [n, k] in blocks, or in bf16 or f16 with k a multiple of 32. `operands` says whether products of
/// more than few_rows rows may round both to bf16.
template <std::same_as<float> T>
void blocked_product(DType type, Index m, Index n, Index k, const T* x, const std::uint8_t* w, T* y, Operands operands = Operands::exact) {
    const std::size_t row = bytes_of(type, k);
#if SVAD_X86
    if (m <= few_rows && k > 0 && type == DType::bf16 && isa() >= Isa::avx512) return detail::stored_product(m, n, k, x, w, y);
#endif
    if (m <= few_rows) {
        const PackedRows all{type, n, w, y};
        packed_products(m, k, x, {&all, 1});
        return;
    }
#if SVAD_X86
    const auto by = [&]<class Word>(const detail::Kernels<Word>& kernels) {
        const auto pack = [&](Index column, Index columns, Index at, Index depth, Word* to, Index panel) {
            const Index wide = kernels.columns;
            const Storage memory(static_cast<std::size_t>(wide * depth) * sizeof(float));
            auto* const values = reinterpret_cast<float*>(memory.data());
            for (Index left = 0; left < columns; left += wide, to += panel) {
                const Index h = std::min(wide, columns - left);
                for (Index j = 0; j < h; ++j) blocks::decode(type, w + static_cast<std::size_t>(column + left + j) * row, at, depth, values + j * depth);
                kernels.turned(values, depth, h, wide, depth, to);
            }
        };
        detail::tiled_product(kernels, m, n, k, 1.0f, {x, k, Trans::no}, pack, 0.0f, y, n, [](Index, Index, Index, Index) {});
    };
    const bool round = operands == Operands::bf16;
    if (round && isa() == Isa::avx512_bf16) return by(detail::kernels_bf16());
    if (isa() >= Isa::avx512) return round ? by(detail::kernels_avx512<true>()) : by(detail::kernels_avx512<false>());
    if (isa() == Isa::avx2) return round ? by(detail::kernels_avx2<true>()) : by(detail::kernels_avx2<false>());
#endif
    const Index panel = std::clamp<Index>((Index{1} << 18) / std::max<Index>(1, k), 16, n);     // 1 MiB of floats
    const Storage memory(static_cast<std::size_t>(panel * k) * sizeof(float));
    auto* const values = reinterpret_cast<float*>(memory.data());
    for (Index first = 0; first < n; first += panel) {
        const Index columns = std::min(panel, n - first);
        parallel_for(columns, std::max<Index>(1, 16384 / std::max<Index>(1, k)), [&](Index from, Index to) {
            for (Index j = from; j < to; ++j) blocks::decode(type, w + static_cast<std::size_t>(first + j) * row, 0, k, values + j * k);
        });
        gemm<float>(Trans::no, Trans::yes, m, columns, k, 1.0f, x, k, values, k, 0.0f, y + first, n, operands);
    }
}

#if SVAD_PRECOMPILED            // compiled once, in svad::compiled (see ops.hpp)
extern template void blocked_product(DType, Index, Index, Index, const float*, const std::uint8_t*, float*, Operands);
#endif

}  // namespace svad::cpu
