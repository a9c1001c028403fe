// SPDX-License-Identifier: Apache-2.0
// What an instruction set must bring for matrix products: the tile of C that stays in registers, the packing of operands for
// it, and products of a few rows that read B as it lies. One table a set and kind of operand; gemm_blocks.hpp calls through it.
// A word of packed operand is one step of the sum: a float, or two bf16 neighbours along k.
#pragma once

#include "svad/core/dtype.hpp"

#include <cstdint>
#include <type_traits>

namespace svad::cpu::detail {

/// c [rows, columns] = beta c + alpha a b, summed over `steps` words. Word p of row r of a is a[r * a_row + p * a_step]; those
/// of b lie in whole vectors at b[p * b_step]. c is not read where beta is 0.
template <class Word>
struct Tile {
    Index steps;
    const Word* a;
    Index a_row, a_step;
    const Word* b;
    Index b_step;
    float alpha, beta;
    float* c;
    Index ldc, columns;
};

/// y(r, j) = beta y + alpha * sum over i of x(r, i) w(j, i) for some rows of x and all `n` rows of w, neither of them packed.
template <class Word>
struct Dots {
    Index n, k;
    const Word* x;
    Index ldx;
    const float* w;
    Index ldw;
    float alpha, beta;
    float* y;
    Index y_row, y_column;
};

inline constexpr Index most_tile_rows = 14, few_rows = 8;

template <class Word>
struct Kernels {
    bool exact;                                                 // operands are multiplied as they are; else packing rounds them to bf16
    Index rows, columns;                                        // of the largest tile
    Index lanes;                                                // packed widths are multiples of it
    void (*tile[most_tile_rows + 1])(const Tile<Word>&);        // by rows
    /// Rows that lie along k: word p of row r at to[r * row + p]. Words up to a multiple of 16 may be written, beyond k zeros.
    void (*along)(const float* from, Index stride, Index rows, Index k, Word* to, Index row);
    /// Rows that lie along k, as columns: word p of row r at to[p * width + r]; from `rows` to `width` zeros.
    void (*turned)(const float* from, Index stride, Index rows, Index width, Index k, Word* to);
    /// The same of rows that lie across k: element p of row r is from[p * stride + r].
    void (*across)(const float* from, Index stride, Index rows, Index width, Index k, Word* to);
    void (*dots[5])(const Dots<Word>&);                         // by rows of x, up to 4; x is packed (along) unless exact, w is not
    Index strip[few_rows + 1];                                  // columns that `line` makes at once, by rows
    void (*line[few_rows + 1])(const Tile<Word>&);              // a tile whose b is not packed, of any number of columns up to the strip
};

/// Asks for memory that the next call will read. There may be no next call: the address is only a guess.
[[gnu::always_inline]] inline void prefetch(const float* from, Index ahead) {
    __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(from) + static_cast<std::uintptr_t>(ahead) * sizeof(float)), 0, 2);
}

/// How many words k elements take.
template <class Word>
constexpr Index words(Index k) {
    return std::is_same_v<Word, float> ? k : (k + 1) / 2;
}

}  // namespace svad::cpu::detail
