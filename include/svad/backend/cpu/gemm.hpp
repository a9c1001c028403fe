// SPDX-License-Identifier: Apache-2.0
// C = alpha op(A) op(B) + beta C for row-major f32 and f64, and an epilogue on every finished block while it is in cache.
// f32 runs on our own kernels (gemm_blocks.hpp) where the processor has AVX2 or better; f64, other processors and the tests'
// reference on Eigen's product, over tiles that the pool hands out. The only file that includes Eigen.
// Sizes of blocks depend on the shape alone, so results do not depend on the number of threads.
// Operands::bf16 rounds both operands to bf16 and accumulates in f32: what vdpbf16ps hardware computes.
#pragma once

#include "svad/backend/cpu/gemm_avx2.hpp"
#include "svad/backend/cpu/gemm_bf16.hpp"
#include "svad/backend/cpu/gemm_blocks.hpp"
#include "svad/backend/cpu/tile.hpp"
#include "svad/core/parallel.hpp"

#ifndef EIGEN_DONT_PARALLELIZE
#define EIGEN_DONT_PARALLELIZE              // the pool decides who computes what
#endif
#if defined(__GNUC__) && !defined(__clang__)       // gcc 12 warns of its own AVX-512 header wherever Eigen is inlined
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <Eigen/Core>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include <vector>

namespace svad::cpu {

enum class Operands : bool { exact, bf16 };

/// A borrowed epilogue f(first row, rows, first column, columns), or none. One type, so that a product is compiled once and
/// not for every epilogue.
class Finish {
public:
    Finish() = default;
    template <std::invocable<Index, Index, Index, Index> F>
    Finish(const F& f) : of_(&f), call_([](const void* of, Index i, Index rows, Index j, Index columns) {
                             (*static_cast<const F*>(of))(i, rows, j, columns);
                         }) {}

    void operator()(Index i, Index rows, Index j, Index columns) const {
        if (call_) call_(of_, i, rows, j, columns);
    }

private:
    const void* of_ = nullptr;
    void (*call_)(const void*, Index, Index, Index, Index) = nullptr;
};

namespace detail {

/// c [m, n] += alpha op(a) op(b) in this thread. Eigen's blocked product is called below its expressions: the same
/// code, at a tenth of the compile time. Its C is column-major, so it is given the transposed product.
template <class T, int a_order, int b_order>
void blocked_product(Index m, Index n, Index k, T alpha, const T* a, Index lda, const T* b, Index ldb, T* c, Index ldc) {
    using namespace Eigen::internal;
    gemm_blocking_space<Eigen::ColMajor, T, T, Eigen::Dynamic, Eigen::Dynamic, Eigen::Dynamic, 1, false> blocking(n, m, k, 1, true);
    general_matrix_matrix_product<Eigen::Index, T, b_order, false, T, a_order, false, Eigen::ColMajor, 1>::run(
        n, m, k, b, ldb, a, lda, c, 1, ldc, alpha, blocking, nullptr);
}

template <class T>
T dot(const T* x, const T* y, Index n) {
    constexpr Index lanes = Lanes<T>::n;
    typename Lanes<T>::Vector sums[4] = {};
    Index i = 0;
    for (; i + 4 * lanes <= n; i += 4 * lanes)
        for (Index v = 0; v < 4; ++v) sums[v] += Lanes<T>::load(x + i + v * lanes) * Lanes<T>::load(y + i + v * lanes);
    const typename Lanes<T>::Vector all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    T sum = 0;
    for (Index v = 0; v < lanes; ++v) sum += all[v];
    for (; i < n; ++i) sum += x[i] * y[i];
    return sum;
}

/// y [n] += alpha x [k] op(b): a decoding step, where packing b would cost more than the product.
template <class T>
void row_product(Trans tb, Index n, Index k, T alpha, const T* x, const T* b, Index ldb, T* y) {
    if (tb == Trans::yes) {
        for (Index j = 0; j < n; ++j) y[j] += alpha * dot(x, b + j * ldb, k);
        return;
    }
    Index i = 0;
    for (; i + 4 <= k; i += 4) {                                    // y is read and written once for four rows of b
        const T* row = b + i * ldb;
        const T f0 = alpha * x[i], f1 = alpha * x[i + 1], f2 = alpha * x[i + 2], f3 = alpha * x[i + 3];
        for (Index j = 0; j < n; ++j) y[j] += f0 * row[j] + f1 * row[j + ldb] + (f2 * row[j + 2 * ldb] + f3 * row[j + 3 * ldb]);
    }
    for (; i < k; ++i)
        for (Index j = 0; j < n; ++j) y[j] += alpha * x[i] * b[i * ldb + j];
}

template <class T>
std::vector<T> gathered(const T* x, Index n, Index step) {
    std::vector<T> out(static_cast<std::size_t>(n));
    for (Index i = 0; i < n; ++i) out[static_cast<std::size_t>(i)] = x[i * step];
    return out;
}

/// One tile in this thread: c [m, n] = alpha op(a) op(b) + beta c.
template <class T>
void gemm_tile(Trans ta, Trans tb, Index m, Index n, Index k, T alpha, const T* a, Index lda, const T* b, Index ldb,
               T beta, T* c, Index ldc) {
    if (beta != T(1))
        for (Index i = 0; i < m; ++i)
            for (Index j = 0; j < n; ++j) c[i * ldc + j] = beta == T(0) ? T(0) : beta * c[i * ldc + j];
    if (k == 0) return;
    if (m == 1) {
        row_product(tb, n, k, alpha, ta == Trans::no ? a : gathered(a, k, lda).data(), b, ldb, c);
    } else if (n == 1) {                                            // a column is the row of the transposed product
        const std::vector<T> x = gathered(b, k, tb == Trans::no ? ldb : 1);
        std::vector<T> y = gathered(c, m, ldc);
        row_product(ta == Trans::no ? Trans::yes : Trans::no, m, k, alpha, x.data(), a, lda, y.data());
        for (Index i = 0; i < m; ++i) c[i * ldc] = y[static_cast<std::size_t>(i)];
    } else {
        constexpr int column = Eigen::ColMajor, row = Eigen::RowMajor;
        const auto run = ta == Trans::no ? (tb == Trans::no ? &blocked_product<T, column, column> : &blocked_product<T, column, row>)
                                         : (tb == Trans::no ? &blocked_product<T, row, column> : &blocked_product<T, row, row>);
        run(m, n, k, alpha, a, lda, b, ldb, c, ldc);
    }
}

/// A copy of rows x columns rounded to bf16.
inline std::vector<float> rounded(const float* x, Index rows, Index columns, Index stride) {
    std::vector<float> out(static_cast<std::size_t>(rows * columns));
    parallel_for(rows, std::max<Index>(1, 16384 / std::max<Index>(1, columns)), [&](Index first, Index last) {
        for (Index r = first; r < last; ++r)
            for (Index i = 0; i < columns; ++i)
                out[static_cast<std::size_t>(r * columns + i)] = static_cast<float>(bf16(x[r * stride + i]));
    });
    return out;
}

/// The product by the tables of this processor. Few rows, and few columns that lie along k, are not packed.
template <class Word>
void kernel_product(const Kernels<Word>& kernels, Trans ta, Trans tb, Index m, Index n, Index k, float alpha, const float* a, Index lda, const float* b,
                    Index ldb, float beta, float* c, Index ldc, Finish finish) {
    const bool a_along = ta == Trans::no || (m == 1 && lda == 1), b_along = tb == Trans::yes || (n == 1 && ldb == 1);
    if (a_along && b_along && (m <= 2 * few_rows || n <= 4)) {
        if (m <= 2 * few_rows && n > 4)
            return dots_product(kernels, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, Index{1}, [&](Index j, Index columns) { finish(Index{0}, m, j, columns); });
        return dots_product(kernels, n, m, k, alpha, b, ldb, a, lda, beta, c, Index{1}, ldc, [&](Index i, Index rows) { finish(i, rows, Index{0}, n); });
    }
    if constexpr (std::same_as<Word, float>)
        if (m <= few_rows && tb == Trans::no)
            return lines_product(kernels, m, n, k, alpha, {a, lda, ta}, b, ldb, beta, c, ldc, [&](Index j, Index columns) { finish(Index{0}, m, j, columns); });
    const auto pack = [&](Index column, Index columns, Index at, Index depth, Word* to, Index panel) {
        const Index wide = kernels.columns;
        if (tb == Trans::no) return across(kernels, b + at * ldb + column, ldb, columns, wide, wide, depth, to, panel);
        for (Index j = 0; j < columns; j += wide, to += panel) kernels.turned(b + (column + j) * ldb + at, ldb, std::min(wide, columns - j), wide, depth, to);
    };
    if (split_pays(m, n, k)) split_product(kernels, m, n, k, alpha, {a, lda, ta}, {b, ldb, tb == Trans::no ? Trans::yes : Trans::no}, pack, beta, c, ldc, finish);
    else tiled_product(kernels, m, n, k, alpha, {a, lda, ta}, pack, beta, c, ldc, finish);
}

/// Eigen's product on tiles.
template <class T>
void portable_product(Trans ta, Trans tb, Index m, Index n, Index k, T alpha, const T* a, Index lda, const T* b, Index ldb, T beta, T* c, Index ldc, Finish finish) {
    // Many rows: strips of whole rows. Few rows (a decoding step): strips of columns.
    const Index rows = m <= 64 ? m : m <= 512 ? 32 : 128, columns = m <= 64 ? std::max<Index>(64, 65536 / std::max<Index>(1, k)) : n;
    const Index down = (m + rows - 1) / rows, across = (n + columns - 1) / columns;
    const bool small = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) < 40000;
    parallel_for(down * across, small ? down * across : 1, [&](Index first, Index last) {
        for (Index t = first; t < last; ++t) {
            const Index r = t / across * rows, q = t % across * columns, h = std::min(rows, m - r), w = std::min(columns, n - q);
            gemm_tile(ta, tb, h, w, k, alpha, ta == Trans::no ? a + r * lda : a + r, lda, tb == Trans::no ? b + q : b + q * ldb, ldb, beta,
                      c + r * ldc + q, ldc);
            finish(r, h, q, w);
        }
    });
}

}  // namespace detail

/// The product; `finish(first_row, rows, first_column, columns)` is called on each finished block, in its thread, and
/// multiplies nothing itself.
template <class T>
void gemm(Trans ta, Trans tb, Index m, Index n, Index k, T alpha, const T* a, Index lda, const T* b, Index ldb, T beta,
          T* c, Index ldc, Operands operands = Operands::exact, Finish finish = {}) {
    if (m <= 0 || n <= 0) return;
    if constexpr (std::same_as<T, float>) {
        const Isa set = k > 0 ? isa() : Isa::portable;
        const bool round = operands == Operands::bf16;
#if SVAD_X86
        const auto by = [&](const auto& kernels) { detail::kernel_product(kernels, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, finish); };
        if (round && set == Isa::avx512_bf16) return by(detail::kernels_bf16());
        if (set >= Isa::avx512) return round ? by(detail::kernels_avx512<true>()) : by(detail::kernels_avx512<false>());
        if (set == Isa::avx2) return round ? by(detail::kernels_avx2<true>()) : by(detail::kernels_avx2<false>());
#endif
        if (round && k > 0) {
            const std::vector<float> x = detail::rounded(a, ta == Trans::no ? m : k, ta == Trans::no ? k : m, lda);
            const std::vector<float> y = detail::rounded(b, tb == Trans::no ? k : n, tb == Trans::no ? n : k, ldb);
            return detail::portable_product(ta, tb, m, n, k, alpha, x.data(), ta == Trans::no ? k : m, y.data(), tb == Trans::no ? n : k, beta, c, ldc, finish);
        }
    }
    detail::portable_product(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, finish);
}

#if SVAD_PRECOMPILED            // compiled once, in svad::compiled (see ops.hpp)
extern template void gemm(Trans, Trans, Index, Index, Index, float, const float*, Index, const float*, Index, float, float*, Index, Operands, Finish);
extern template void gemm(Trans, Trans, Index, Index, Index, double, const double*, Index, const double*, Index, double, double*, Index, Operands, Finish);
#endif

}  // namespace svad::cpu
