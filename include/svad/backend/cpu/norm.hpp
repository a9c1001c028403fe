// SPDX-License-Identifier: Apache-2.0
// The rows of layer_norm and rms_norm and of their gradients, in whole vectors. The gradient takes four rows at a time, so
// that the sums over rows (for the weight and the bias) are read and written once for four.
// Rejected: one row at a time with running sums in an array (compilers keep the array in memory: 2.5 times slower).
#pragma once

#include "svad/backend/cpu/vectors.hpp"

#include <algorithm>
#include <cmath>

namespace svad::cpu {

/// y = (x - mean) rstd w + b; leaves mean and rstd. Two passes: the variance is that of the centred row.
template <class T>
void layer_norm_row(const T* x, const T* w, const T* b, Index n, T eps, T* y, T& mean, T& rstd) {
    const T share = T(1) / static_cast<T>(std::max<Index>(n, 1));
    const T m = vector_sum<T>(n, [x](Index i, auto k) { return k.get(x + i); }) * share;
    const T var = vector_sum<T>(n, [x, m](Index i, auto k) {
        const auto d = k.get(x + i) - m;
        return d * d;
    }) * share;
    const T r = T(1) / std::sqrt(var + eps);
    each_vector<T>(n, [=](Index i, auto k) {
        k.put(y + i, (k.get(x + i) - m) * r * k.get(w + i) + k.get(b + i));
    });
    mean = m, rstd = r;
}

/// y = x r w with r = 1 / sqrt(mean(x^2) + eps); returns r.
template <class T>
T rms_norm_row(const T* x, const T* w, Index n, T eps, T* y) {
    const T squares = vector_sum<T>(n, [x](Index i, auto k) {
        const auto v = k.get(x + i);
        return v * v;
    });
    const T r = T(1) / std::sqrt(squares / static_cast<T>(std::max<Index>(n, 1)) + eps);
    each_vector<T>(n, [=](Index i, auto k) {
        k.put(y + i, k.get(x + i) * r * k.get(w + i));
    });
    return r;
}

namespace detail {

/// `rows` rows of a norm's gradient: with h = (x - mean) r and g = dy w, dw += dy h, db += dy,
/// dx = r (g - mean(g) - h mean(g h)). An rms norm has neither means nor db.
template <int rows, bool centred, class T>
void norm_back_rows(const T* x, const T* dy, const T* w, const T* mean, const T* r, Index n, T* dx, T* dw, T* db) {
    using Wide = typename Lanes<T>::Vector;
    const T share = T(1) / static_cast<T>(std::max<Index>(n, 1));
    Wide wide_g[rows] = {}, wide_gh[rows] = {};
    T sum_g[rows] = {}, sum_gh[rows] = {};
    each_vector<T>(n, [&](Index i, auto k) {
        using V = typename decltype(k)::V;
        const V scale = k.get(w + i);
        V to_w = k.get(dw + i), to_b{};
        if constexpr (centred) to_b = k.get(db + i);
#pragma GCC unroll 4
        for (int q = 0; q < rows; ++q) {
            const V slope = k.get(dy + q * n + i), g = slope * scale;
            V h = k.get(x + q * n + i);
            if constexpr (centred) h = h - mean[q];
            h = h * r[q];
            to_w += slope * h;
            if constexpr (centred) to_b += slope;
            if constexpr (k.single) sum_g[q] += g, sum_gh[q] += g * h;
            else wide_g[q] += g, wide_gh[q] += g * h;
        }
        k.put(dw + i, to_w);
        if constexpr (centred) k.put(db + i, to_b);
    });
    for (int q = 0; q < rows; ++q) {
        const T a = centred ? (sum_lanes<T>(wide_g[q]) + sum_g[q]) * share : T(0), b = (sum_lanes<T>(wide_gh[q]) + sum_gh[q]) * share;
        const T *in = x + q * n, *slope = dy + q * n;
        T* out = dx + q * n;
        const T m = centred ? mean[q] : T(0), s = r[q];
        each_vector<T>(n, [=](Index i, auto k) {
            k.put(out + i, s * (k.get(slope + i) * k.get(w + i) - a - (k.get(in + i) - m) * s * b));
        });
    }
}

}  // namespace detail

/// The gradient of rows first .. last - 1; `stats(row, mean, r)` tells a row's numbers. Adds to dw and, if centred, to db.
template <bool centred, class T, class Stats>
void norm_back(const T* x, const T* dy, const T* w, Index n, Index first, Index last, const Stats& stats, T* dx, T* dw, T* db) {
    T mean[4] = {}, r[4] = {};
    Index row = first;
    for (; row + 4 <= last; row += 4) {
        for (int q = 0; q < 4; ++q) stats(row + q, mean[q], r[q]);
        detail::norm_back_rows<4, centred>(x + row * n, dy + row * n, w, mean, r, n, dx + row * n, dw, db);
    }
    for (; row < last; ++row) {
        stats(row, mean[0], r[0]);
        detail::norm_back_rows<1, centred>(x + row * n, dy + row * n, w, mean, r, n, dx + row * n, dw, db);
    }
}

}  // namespace svad::cpu
