// SPDX-License-Identifier: Apache-2.0
// C = alpha op(A) op(B) + beta C for row-major f32 and f64: Eigen's product on tiles that the pool hands out, and an
// epilogue on every finished tile while it is in cache. The only file that includes Eigen.
// Tile sizes depend on the shape alone, so results do not depend on the number of threads.
// Operands::bf16 rounds both operands to bf16 and accumulates in f32: what vdpbf16ps hardware computes.
#pragma once

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

enum class Trans : bool { no, yes };
enum class Operands : bool { exact, bf16 };

namespace detail {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using ConstMap = Eigen::Map<const Matrix<T>, 0, Eigen::OuterStride<>>;
template <class T>
using Map = Eigen::Map<Matrix<T>, 0, Eigen::OuterStride<>>;

/// One tile in this thread: c [m, n] = alpha op(a) op(b) + beta c.
template <class T>
void gemm_tile(Trans ta, Trans tb, Index m, Index n, Index k, T alpha, const T* a, Index lda, const T* b, Index ldb,
               T beta, T* c, Index ldc) {
    Map<T> to(c, m, n, Eigen::OuterStride<>(ldc));
    if (beta == T(0)) to.setZero();
    else if (beta != T(1)) to *= beta;
    if (k == 0) return;
    const Eigen::OuterStride<> sa(lda), sb(ldb);
    const ConstMap<T> x(a, ta == Trans::no ? m : k, ta == Trans::no ? k : m, sa);
    const ConstMap<T> y(b, tb == Trans::no ? k : n, tb == Trans::no ? n : k, sb);
    if (ta == Trans::no && tb == Trans::no) to.noalias() += alpha * x * y;
    else if (ta == Trans::no) to.noalias() += alpha * x * y.transpose();
    else if (tb == Trans::no) to.noalias() += alpha * x.transpose() * y;
    else to.noalias() += alpha * x.transpose() * y.transpose();
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

}  // namespace detail

/// The product; `finish(first_row, rows, first_column, columns)` is called on each finished tile, in its thread.
template <class T, class Finish>
void gemm(Trans ta, Trans tb, Index m, Index n, Index k, T alpha, const T* a, Index lda, const T* b, Index ldb, T beta,
          T* c, Index ldc, Operands operands, Finish finish) {
    if (m <= 0 || n <= 0) return;
    if constexpr (std::same_as<T, float>) {
        if (operands == Operands::bf16) {
            const std::vector<float> x = detail::rounded(a, ta == Trans::no ? m : k, ta == Trans::no ? k : m, lda);
            const std::vector<float> y = detail::rounded(b, tb == Trans::no ? k : n, tb == Trans::no ? n : k, ldb);
            gemm(ta, tb, m, n, k, alpha, x.data(), ta == Trans::no ? k : m, y.data(), tb == Trans::no ? n : k, beta, c, ldc,
                 Operands::exact, finish);
            return;
        }
    }
    // Many rows: strips of whole rows. Few rows (a decoding step): strips of columns.
    const Index rows = m <= 64 ? m : m <= 512 ? 32 : 128, columns = m <= 64 ? std::max<Index>(64, 65536 / std::max<Index>(1, k)) : n;
    const Index down = (m + rows - 1) / rows, across = (n + columns - 1) / columns;
    const bool small = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) < 40000;
    parallel_for(down * across, small ? down * across : 1, [&](Index first, Index last) {
        for (Index t = first; t < last; ++t) {
            const Index r = t / across * rows, q = t % across * columns, h = std::min(rows, m - r), w = std::min(columns, n - q);
            detail::gemm_tile(ta, tb, h, w, k, alpha, ta == Trans::no ? a + r * lda : a + r, lda,
                              tb == Trans::no ? b + q : b + q * ldb, ldb, beta, c + r * ldc + q, ldc);
            finish(r, h, q, w);
        }
    });
}

/// The product without an epilogue.
template <class T>
void gemm(Trans ta, Trans tb, Index m, Index n, Index k, T alpha, const T* a, Index lda, const T* b, Index ldb, T beta,
          T* c, Index ldc, Operands operands = Operands::exact) {
    gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, operands, [](Index, Index, Index, Index) {});
}

}  // namespace svad::cpu
