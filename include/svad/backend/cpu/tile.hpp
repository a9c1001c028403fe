// SPDX-License-Identifier: Apache-2.0
// Products and transpositions of blocks that fit the first-level cache: what attention is made of. A tile of C stays
// in registers while the sum runs; A is read element by element (either stride), B and C in whole vectors.
// Rejected: Eigen's product (packs both operands first, which costs as much as the product at widths of 8 to 128) and
// plain loops over arrays (compilers keep the tile in memory). Vectors are those of GCC and clang, any instruction set.
#pragma once

#include "svad/core/storage.hpp"
#include "svad/core/view.hpp"

#include <array>
#include <cstdint>
#include <utility>

namespace svad::cpu {

/// The widest vector of T that the target has.
template <class T>
struct Lanes {
    static constexpr Index n = __BIGGEST_ALIGNMENT__ / sizeof(T);
    typedef T Vector __attribute__((vector_size(__BIGGEST_ALIGNMENT__), aligned(alignof(T)), may_alias));

    static constexpr Index round_up(Index i) { return (i + n - 1) / n * n; }
    static Vector load(const T* p) { return *reinterpret_cast<const Vector*>(p); }
    static void store(T* p, Vector v) { *reinterpret_cast<Vector*>(p) = v; }
};

/// Memory for one thread's blocks, recycled when it goes; each piece starts on a cache line of its own.
template <class T>
class Scratch {
public:
    explicit Scratch(Index elements, Index pieces)
        : storage_(static_cast<std::size_t>(elements) * sizeof(T) + static_cast<std::size_t>(pieces) * 64) {}
    T* take(Index elements) {
        T* piece = reinterpret_cast<T*>(storage_.data() + used_);
        used_ += (static_cast<std::size_t>(elements) * sizeof(T) + 63) / 64 * 64;
        return piece;
    }

private:
    Storage storage_;
    std::size_t used_ = 0;
};

namespace detail {

// Rows of C in registers: 2 vectors wide, half of the 32 (AVX-512) or 16 registers.
inline constexpr int tile_rows = __BIGGEST_ALIGNMENT__ >= 64 ? 8 : 4;

template <class T>
struct Product {
    Index k;
    const T* a;
    Index a_row, a_step;
    const T* b;
    Index ldb;
    T* c;
    Index ldc;
    bool add;
};

template <int rows, int vectors, class T>
void product_tile(const Product<T>& p) {
    using V = typename Lanes<T>::Vector;
    constexpr Index n = Lanes<T>::n;
    V acc[rows][vectors];
    for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vectors; ++v) acc[r][v] = p.add ? Lanes<T>::load(p.c + r * p.ldc + v * n) : V{};
    const T *a = p.a, *b = p.b;
    const Index a_row = p.a_row, a_step = p.a_step, ldb = p.ldb;
    for (Index i = 0; i < p.k; ++i, a += a_step, b += ldb) {
        V line[vectors];
        for (int v = 0; v < vectors; ++v) line[v] = Lanes<T>::load(b + v * n);
        for (int r = 0; r < rows; ++r)
            for (int v = 0; v < vectors; ++v) acc[r][v] += a[r * a_row] * line[v];
    }
    for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vectors; ++v) Lanes<T>::store(p.c + r * p.ldc + v * n, acc[r][v]);
}

template <class T>
using TileFunction = void (*)(const Product<T>&);

// [vectors - 1][rows - 1]
template <class T, int... r>
constexpr std::array<std::array<TileFunction<T>, sizeof...(r)>, 2> tile_table(std::integer_sequence<int, r...>) {
    return {{{&product_tile<r + 1, 1, T>...}, {&product_tile<r + 1, 2, T>...}}};
}

// The even (odd: upper half) interleaving of two vectors.
template <class T, int... i>
typename Lanes<T>::Vector interleave(typename Lanes<T>::Vector a, typename Lanes<T>::Vector b, bool upper,
                                     std::integer_sequence<int, i...>) {
    constexpr int n = static_cast<int>(sizeof...(i));
    return upper ? __builtin_shufflevector(a, b, (i % 2 * n + n / 2 + i / 2)...)
                 : __builtin_shufflevector(a, b, (i % 2 * n + i / 2)...);
}

// A square of lanes x lanes in registers: log2(lanes) rounds, each of which rotates the bits of the index by one.
template <class T>
void transpose_square(typename Lanes<T>::Vector* x) {
    constexpr int n = static_cast<int>(Lanes<T>::n);
    constexpr auto lanes = std::make_integer_sequence<int, n>{};
    for (int round = 1; round < n; round *= 2) {
        typename Lanes<T>::Vector y[n];
        for (int i = 0; i < n / 2; ++i) {
            y[2 * i] = interleave<T>(x[i], x[i + n / 2], false, lanes);
            y[2 * i + 1] = interleave<T>(x[i], x[i + n / 2], true, lanes);
        }
        for (int i = 0; i < n; ++i) x[i] = y[i];
    }
}

}  // namespace detail

/// C [m, n] = A [m, k] B [k, n], or += with `add`. n must be a multiple of the vector width; A's element (i, j) lies at
/// a[i * a_row + j * a_step], so that A may be read transposed.
template <class T>
void product(Index m, Index n, Index k, const T* a, Index a_row, Index a_step, const T* b, Index ldb, T* c, Index ldc,
             bool add) {
    constexpr Index rows = detail::tile_rows, lanes = Lanes<T>::n;
    static constexpr auto table = detail::tile_table<T>(std::make_integer_sequence<int, detail::tile_rows>{});
    for (Index j = 0; j < n;) {
        const Index vectors = n - j >= 2 * lanes ? 2 : 1;
        for (Index i = 0; i < m; i += rows) {
            const auto at = static_cast<std::size_t>(std::min(rows, m - i) - 1);
            table[static_cast<std::size_t>(vectors - 1)][at](
                {k, a + i * a_row, a_row, a_step, b + j, ldb, c + i * ldc + j, ldc, add});
        }
        j += vectors * lanes;
    }
}

/// to [rows, ld] = scale * from [rows, width], the rest of each row (up to the vector width) zero.
template <class T>
void pack_rows(const T* from, Index row, Index step, Index rows, Index width, T scale, T* to, Index ld) {
    for (Index i = 0; i < rows; ++i, from += row, to += ld) {
        if (step == 1)
            for (Index j = 0; j < width; ++j) to[j] = scale * from[j];
        else
            for (Index j = 0; j < width; ++j) to[j] = scale * from[j * step];
        for (Index j = width; j < ld; ++j) to[j] = T(0);
    }
}

/// to [width, ld] = from [rows, width] transposed; columns from `rows` up to the vector width are zero.
template <class T>
void pack_transposed(const T* from, Index row, Index step, Index rows, Index width, T* to, Index ld) {
    constexpr Index n = Lanes<T>::n;
    const Index squares = step == 1 ? width / n * n : 0, padded = Lanes<T>::round_up(rows);
    for (Index i = 0; i < padded; i += n) {
        const Index filled = std::min(n, rows - i);
        for (Index j = 0; j < squares; j += n) {
            typename Lanes<T>::Vector x[n];
            for (Index r = 0; r < n; ++r)
                x[r] = r < filled ? Lanes<T>::load(from + (i + r) * row + j) : typename Lanes<T>::Vector{};
            detail::transpose_square<T>(x);
            for (Index r = 0; r < n; ++r) Lanes<T>::store(to + (j + r) * ld + i, x[r]);
        }
        for (Index j = squares; j < width; ++j)
            for (Index r = 0; r < n; ++r) to[j * ld + i + r] = r < filled ? from[(i + r) * row + j * step] : T(0);
    }
}

}  // namespace svad::cpu
