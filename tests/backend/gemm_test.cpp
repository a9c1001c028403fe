// SPDX-License-Identifier: Apache-2.0
// Matrix products on every instruction set of this machine. Operands are small whole numbers, so that a product has one right
// answer in every order of summation and tests compare bits.
#include "svad/backend/cpu/gemm.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

using namespace svad;
using cpu::Isa;
using cpu::Trans;

namespace {

std::vector<Isa> sets() {
    std::vector<Isa> all;
    for (const Isa set : {Isa::portable, Isa::avx2, Isa::avx512, Isa::avx512_bf16})
        if (set <= cpu::largest_isa()) all.push_back(set);
    return all;
}

struct UseIsa {
    Isa before = cpu::isa();
    explicit UseIsa(Isa set) { cpu::use_isa(set); }
    ~UseIsa() { cpu::use_isa(before); }
};

/// rows x columns whole numbers in [-4, 4], in rows of `stride`; NaN between them.
template <class T>
std::vector<T> matrix(Index rows, Index columns, Index stride, std::uint64_t seed) {
    std::vector<T> x(static_cast<std::size_t>(rows * stride), std::numeric_limits<T>::quiet_NaN());
    Random random(seed, 2);
    for (Index r = 0; r < rows; ++r)
        for (Index i = 0; i < columns; ++i) x[static_cast<std::size_t>(r * stride + i)] = static_cast<T>(static_cast<int>(random.below(9)) - 4);
    return x;
}

struct Problem {
    Index m, n, k;
    Trans ta = Trans::no, tb = Trans::no;
    float alpha = 1, beta = 0;
    Index gap = 0;                                  // between rows
};

template <class T>
struct Operands {
    Index lda, ldb, ldc;
    std::vector<T> a, b, c;
    explicit Operands(const Problem& p)
        : lda((p.ta == Trans::no ? p.k : p.m) + p.gap), ldb((p.tb == Trans::no ? p.n : p.k) + p.gap), ldc(p.n + p.gap),
          a(p.ta == Trans::no ? matrix<T>(p.m, p.k, lda, 1) : matrix<T>(p.k, p.m, lda, 1)),
          b(p.tb == Trans::no ? matrix<T>(p.k, p.n, ldb, 2) : matrix<T>(p.n, p.k, ldb, 2)), c(matrix<T>(p.m, p.n, ldc, 3)) {
        if (p.beta == 0) std::fill(c.begin(), c.end(), std::numeric_limits<T>::quiet_NaN());     // must not be read
    }
};

template <class T>
std::vector<T> multiplied(const Problem& p, const Operands<T>& o, cpu::Operands mode = cpu::Operands::exact) {
    std::vector<T> c = o.c;
    cpu::gemm<T>(p.ta, p.tb, p.m, p.n, p.k, static_cast<T>(p.alpha), o.a.data(), o.lda, o.b.data(), o.ldb, static_cast<T>(p.beta), c.data(), o.ldc, mode);
    return c;
}

template <class T>
std::vector<T> plain(const Problem& p, const Operands<T>& o) {
    std::vector<T> c = o.c;
    for (Index i = 0; i < p.m; ++i)
        for (Index j = 0; j < p.n; ++j) {
            T sum = 0;
            for (Index q = 0; q < p.k; ++q)
                sum += o.a[static_cast<std::size_t>(p.ta == Trans::no ? i * o.lda + q : q * o.lda + i)] *
                       o.b[static_cast<std::size_t>(p.tb == Trans::no ? q * o.ldb + j : j * o.ldb + q)];
            T& to = c[static_cast<std::size_t>(i * o.ldc + j)];
            to = static_cast<T>(p.alpha) * sum + (p.beta == 0 ? T(0) : static_cast<T>(p.beta) * to);
        }
    return c;
}

/// The same numbers, and NaN in the same places.
template <class T>
bool same(const std::vector<T>& x, const std::vector<T>& y) {
    for (std::size_t i = 0; i < x.size(); ++i)
        if (x[i] != y[i] && !(x[i] != x[i] && y[i] != y[i])) return false;
    return x.size() == y.size();
}

template <class T>
bool right(const Problem& p) {
    const Operands<T> o(p);
    const std::vector<T> want = plain(p, o);
    if constexpr (std::is_same_v<T, float>)
        if (!same(multiplied(p, o, cpu::Operands::bf16), want)) return false;        // whole numbers this small are bf16
    return same(multiplied(p, o), want);
}

// One of every kind of path: tiles, few rows, few columns, sums in parts, panels in more than one chunk, aliased rows.
const Problem paths[] = {{300, 200, 600, Trans::no, Trans::yes}, {75, 333, 1100, Trans::yes, Trans::no}, {3, 700, 300, Trans::no, Trans::yes},
                         {13, 100, 257, Trans::no, Trans::yes}, {5, 900, 120, Trans::no, Trans::no},     {500, 2, 300, Trans::no, Trans::yes},
                         {96, 70, 3000, Trans::yes, Trans::no},  {33, 290, 9000, Trans::no, Trans::yes}, {40, 64, 1024, Trans::no, Trans::no},
                         {200, 130, 70, Trans::yes, Trans::yes}};

}  // namespace

TEST_CASE("gemm: every size from 1 to 67, transposition, alpha and beta gives the plain sums, with gaps between rows left alone") {
    for (const Isa set : sets()) {
        const UseIsa used(set);
        int wrong = 0;
        for (Index m = 1; m <= 67; ++m)
            for (Index step = 0; step < 6; ++step) {
                const Index n = (m * 29 + step * 11) % 67 + 1, k = (m * 17 + step * 23) % 67 + 1, which = m + step;
                const Problem p{m, n, k, which & 1 ? Trans::yes : Trans::no, which & 2 ? Trans::yes : Trans::no, which & 4 ? 1.0f : 0.5f,
                                which % 3 == 0 ? 0.0f : which % 3 == 1 ? 1.0f : -2.0f, which % 5};
                wrong += !right<float>(p);
                if (step == 0) wrong += !right<double>(p);
            }
        CHECK(wrong == 0);
    }
}

TEST_CASE("gemm: rows, columns and single numbers, in every transposition") {
    for (const Isa set : sets()) {
        const UseIsa used(set);
        int wrong = 0;
        for (const Trans ta : {Trans::no, Trans::yes})
            for (const Trans tb : {Trans::no, Trans::yes})
                for (const Index gap : {0, 3})
                    for (const Index few : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17})
                        for (const Index k : {1, 31, 100})
                            wrong += !right<float>({few, 271, k, ta, tb, 2, 0, gap}) + !right<float>({140, few, k, ta, tb, 1, 1, gap}) +
                                     !right<float>({few, 1, k, ta, tb, 1, 0.5f, gap}) + !right<float>({1, few, k, ta, tb, 1, 0, gap});
        CHECK(wrong == 0);
    }
}

TEST_CASE("gemm: every way through the blocks gives the plain sums") {
    for (const Isa set : sets()) {
        const UseIsa used(set);
        for (const Problem& p : paths) {
            CAPTURE(static_cast<int>(set));
            CAPTURE(p.m);
            CHECK(right<float>(p));
            Problem added = p;
            added.beta = 3, added.alpha = 0.25f, added.gap = 5;
            CHECK(right<float>(added));
        }
    }
}

TEST_CASE("gemm: no terms leave beta c, and no outputs nothing") {
    for (const Isa set : sets())
        for (const cpu::Operands mode : {cpu::Operands::exact, cpu::Operands::bf16}) {
            const UseIsa used(set);
            for (const float beta : {0.0f, 2.0f}) {
                const Problem p{5, 7, 0, Trans::no, Trans::no, 1, beta};
                const Operands<float> o(p);
                CHECK(same(multiplied(p, o, mode), plain(p, o)));
            }
            float untouched = 7;
            cpu::gemm<float>(Trans::no, Trans::no, 0, 1, 3, 1.0f, nullptr, 3, nullptr, 1, 0.0f, &untouched, 1, mode);
            cpu::gemm<float>(Trans::no, Trans::no, 1, 0, 3, 1.0f, nullptr, 3, nullptr, 1, 0.0f, &untouched, 1, mode);
            CHECK(untouched == 7);
        }
}

TEST_CASE("gemm: the bits do not depend on the number of threads, and the epilogue sees every output once") {
    const int before = threads();
    for (const Isa set : sets())
        for (const cpu::Operands mode : {cpu::Operands::exact, cpu::Operands::bf16}) {
            const UseIsa used(set);
            for (const Problem& p : paths) {
                Operands<float> o(p);
                Random random(9, 9);
                for (float& x : o.a) x *= static_cast<float>(random.uniform(0.5, 1));           // now the order of sums shows
                for (float& x : o.b) x *= static_cast<float>(random.uniform(0.5, 1));
                std::vector<std::vector<float>> results;
                std::vector<int> seen(static_cast<std::size_t>(p.m * p.n));
                for (const int count : {1, 2, 3}) {
                    set_threads(count);
                    std::vector<float> c = o.c;
                    cpu::gemm<float>(p.ta, p.tb, p.m, p.n, p.k, 1.0f, o.a.data(), o.lda, o.b.data(), o.ldb, 0.0f, c.data(), o.ldc, mode,
                                     [&](Index row, Index rows, Index column, Index columns) {
                                         for (Index i = row; i < row + rows; ++i)
                                             for (Index j = column; j < column + columns; ++j) {
                                                 ++seen[static_cast<std::size_t>(i * p.n + j)];
                                                 c[static_cast<std::size_t>(i * o.ldc + j)] *= 3;  // shows where it came too early
                                             }
                                     });
                    results.push_back(std::move(c));
                }
                CAPTURE(static_cast<int>(set));
                CAPTURE(p.m);
                CHECK(results[0] == results[1]);
                CHECK(results[0] == results[2]);
                CHECK(std::count(seen.begin(), seen.end(), 3) == p.m * p.n);
                std::vector<float> c = multiplied(p, o, mode);
                for (float& x : c) x *= 3;
                CHECK(c == results[0]);
            }
        }
    set_threads(before);
}
