// SPDX-License-Identifier: Apache-2.0
// Loops in whole vectors with a tail of single elements, written once for both: the body gets a kind k, Whole or One, and
// reads and writes by k.get(p) and k.put(p, v). For loops that keep several running sums, which compilers would leave in
// memory; a plain map needs nothing of this.
#pragma once

#include "svad/backend/cpu/tile.hpp"

namespace svad::cpu {

/// The target's widest vector of T at a time.
template <class T>
struct Whole {
    using V = typename Lanes<T>::Vector;
    static constexpr Index n = Lanes<T>::n;
    static constexpr bool single = false;
    [[gnu::always_inline]] static V get(const T* p) { return Lanes<T>::load(p); }
    [[gnu::always_inline]] static void put(T* p, V v) { Lanes<T>::store(p, v); }
};
/// One element at a time.
template <class T>
struct One {
    using V = T;
    static constexpr Index n = 1;
    static constexpr bool single = true;
    [[gnu::always_inline]] static V get(const T* p) { return *p; }
    [[gnu::always_inline]] static void put(T* p, V v) { *p = v; }
};

/// Calls f(i, kind) for [0, n): whole vectors, then elements.
template <class T, class F>
[[gnu::always_inline]] inline void each_vector(Index n, const F& f) {
    Index i = 0;
    for (; i + Lanes<T>::n <= n; i += Lanes<T>::n) f(i, Whole<T>());
    for (; i < n; ++i) f(i, One<T>());
}

namespace detail {

template <int by, class V, int... l>
[[gnu::always_inline]] inline V rotated(V v, std::integer_sequence<int, l...>) {
    return __builtin_shufflevector(v, v, ((l + by) % static_cast<int>(sizeof...(l)))...);
}

/// f over all elements of a vector, halves among each other first.
template <class T, int by = static_cast<int>(Lanes<T>::n / 2), class F>
[[gnu::always_inline]] inline T fold(typename Lanes<T>::Vector v, const F& f) {
    if constexpr (by == 0) return v[0];
    else return fold<T, by / 2>(f(v, rotated<by>(v, std::make_integer_sequence<int, static_cast<int>(Lanes<T>::n)>())), f);
}

}  // namespace detail

/// The sum of all elements of a vector.
template <class T>
[[gnu::always_inline]] inline T sum_lanes(typename Lanes<T>::Vector v) {
    return detail::fold<T>(v, [](auto a, auto b) { return a + b; });
}

/// The sum over [0, n) of what f(i, kind) gives, in four vectors of sums.
template <class T, class F>
[[gnu::always_inline]] inline T vector_sum(Index n, const F& f) {
    constexpr Index lanes = Lanes<T>::n;
    constexpr Whole<T> whole;
    typename Lanes<T>::Vector a{}, b{}, c{}, d{};
    Index i = 0;
    for (; i + 4 * lanes <= n; i += 4 * lanes)
        a += f(i, whole), b += f(i + lanes, whole), c += f(i + 2 * lanes, whole), d += f(i + 3 * lanes, whole);
    for (; i + lanes <= n; i += lanes) a += f(i, whole);
    T sum = sum_lanes<T>((a + b) + (c + d));
    for (; i < n; ++i) sum += f(i, One<T>());
    return sum;
}

}  // namespace svad::cpu
