// SPDX-License-Identifier: Apache-2.0
// Maps of one, two and three values on the device: contiguous with ragged ends, not aligned, broadcast along every axis,
// transposed, empty; casts between all float types; fill; and walks that are cut into parts.
#include "kernel_case.hpp"
#include "strided_refs.hpp"

#include "svad/backend/cuda/ops.hpp"

#include "strided.cuh"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace svad::test {
namespace {

using cuda::Binary;
using cuda::Unary;
constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

double binary_of(Binary kind, double a, double b) {
    switch (kind) {
        case Binary::add: return a + b;
        case Binary::sub: return a - b;
        case Binary::mul: return a * b;
        case Binary::div: return a / b;
        case Binary::minimum: return b < a || std::isnan(b) ? b : a;
        default: return b > a || std::isnan(b) ? b : a;
    }
}

constexpr Binary binaries[] = {Binary::add, Binary::sub, Binary::mul, Binary::div, Binary::minimum, Binary::maximum};

/// One binary op on a and b of any sizes that broadcast to `to`; axes of b named in `turned` are swapped.
void check_binary(Binary kind, DType dtype, Sizes a_sizes, Sizes b_sizes, Sizes to, bool turned = false) {
    const std::string name = "binary " + std::to_string(static_cast<int>(kind)) + " " + text_of(dtype) + " " + text_of(a_sizes) + " " + text_of(b_sizes) +
                             (turned ? " turned" : "");
    CAPTURE(name);
    KernelCase k(name);
    const Ref a = k.input(dtype, a_sizes), b = k.input(dtype, b_sizes, 0.5, 2), y = k.output(dtype, to);
    const Ref left = expanded(a, to), right = expanded(turned ? swapped(b, b.rank - 1, b.rank - 2) : b, to);
    k.run([&] { cuda::binary(kind, left, right, y, k.stream()); });
    const Values p = gather(k.values(a), left), q = gather(k.values(b), right);
    Values expected(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) expected[i] = binary_of(kind, p[i], q[i]);
    k.expect(y, expected);
}

}  // namespace

TEST_CASE("cuda binary: every kind, contiguous with a ragged end") {
    for (const Binary kind : binaries)
        for (const DType dtype : {DType::f32, DType::bf16}) check_binary(kind, dtype, {1027}, {1027}, {1027});
}

TEST_CASE("cuda binary: broadcast along every axis, in packs and not, transposed, one element, none") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        check_binary(Binary::add, dtype, {6, 40}, {40}, {6, 40});
        check_binary(Binary::sub, dtype, {3, 1}, {3, 24}, {3, 24});
        check_binary(Binary::mul, dtype, {2, 1, 3}, {4, 1}, {2, 4, 3});
        check_binary(Binary::div, dtype, {2, 3, 5, 2}, {3, 1, 2}, {2, 3, 5, 2});
        check_binary(Binary::add, dtype, {17, 8}, {8, 17}, {17, 8}, true);
        check_binary(Binary::sub, dtype, {2, 3}, {1}, {2, 3});
        check_binary(Binary::add, dtype, {}, {}, {});
        check_binary(Binary::add, dtype, {0, 3}, {3}, {0, 3});
        check_binary(Binary::mul, dtype, {5, 1, 32}, {1, 7, 32}, {5, 7, 32});
    }
}

TEST_CASE("cuda binary: values that are not aligned to 16 bytes; NaN wins in minimum and maximum") {
    KernelCase k("binary shifted");
    const Ref a = k.input(DType::bf16, {101}), b = k.input(DType::bf16, {101}), y = k.output(DType::bf16, {100});
    Ref left = KernelCase::shifted(a, 1), right = KernelCase::shifted(b, 1);
    left.sizes[0] = right.sizes[0] = 100;
    k.run([&] { cuda::binary(Binary::add, left, right, y, k.stream()); });
    const Values p = k.values(a), q = k.values(b);
    Values expected;
    for (std::size_t i = 1; i < p.size(); ++i) expected.push_back(p[i] + q[i]);
    k.expect(y, expected);

    KernelCase m("maximum of NaN");
    const Ref c = m.input(DType::f32, {4}, Values{nan, 1, -inf, 2}), d = m.input(DType::f32, {4}, Values{1, nan, 3, inf});
    const Ref high = m.output(DType::f32, {4}), low = m.output(DType::f32, {4});
    m.run([&] {
        cuda::binary(Binary::maximum, c, d, high, m.stream());
        cuda::binary(Binary::minimum, c, d, low, m.stream());
    });
    m.expect(high, {nan, nan, 3, inf});
    m.expect(low, {nan, nan, -inf, 2});
}

TEST_CASE("cuda unary: every kind, ragged, in place and empty") {
    struct Kind { Unary kind; float p, q; double (*f)(double); };
    const Kind kinds[] = {{Unary::affine, -1.5F, 0.25F, [](double x) { return -1.5 * x + 0.25; }},
                          {Unary::reciprocal, 2.5F, 0, [](double x) { return 2.5 / x; }},
                          {Unary::pow, 1.5F, 0, [](double x) { return std::pow(x, 1.5); }},
                          {Unary::pow, 2, 0, [](double x) { return x * x; }},
                          {Unary::exp, 0, 0, [](double x) { return std::exp(x); }},
                          {Unary::log, 0, 0, [](double x) { return std::log(x); }},
                          {Unary::sqrt, 0, 0, [](double x) { return std::sqrt(x); }}};
    for (const Kind& of : kinds)
        for (const DType dtype : {DType::f32, DType::bf16})
            for (const std::int64_t n : {0, 1, 259}) {
                KernelCase k("unary " + std::to_string(static_cast<int>(of.kind)) + " " + text_of(dtype) + " " + std::to_string(n) + " " + std::to_string(of.p));
                const Ref x = k.input(dtype, {n}, 0.3, 4), y = k.output(dtype, {n}), z = k.inout(dtype, {n}, 0.3, 4);
                k.run([&] {
                    cuda::unary(of.kind, x, y, of.p, of.q, k.stream());
                    cuda::unary(of.kind, z, z, of.p, of.q, k.stream());
                });
                Values a = k.values(x), b = k.values(z);
                for (double& v : a) v = of.f(v);
                for (double& v : b) v = of.f(v);
                k.expect(y, a);
                k.expect(z, b);
            }
}

TEST_CASE("cuda chosen_grad and where: all operands broadcast") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        for (const bool smaller : {false, true}) {
            KernelCase k(std::string("chosen_grad ") + text_of(dtype) + (smaller ? " smaller" : ""));
            const Ref dy = k.input(dtype, {3, 16}), a = k.input(dtype, {16}, Values{1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8}), y = k.output(dtype, {3, 16});
            const Ref b = k.input(dtype, {3, 1}, Values{2, 4, 5});
            const Sizes to = {3, 16};
            const Ref p = expanded(a, to), q = expanded(b, to);
            k.run([&] { cuda::chosen_grad(dy, p, q, y, smaller, k.stream()); });
            const Values d = k.values(dy), u = gather(k.values(a), p), v = gather(k.values(b), q);
            Values expected(d.size());
            for (std::size_t i = 0; i < d.size(); ++i)
                expected[i] = u[i] == v[i] ? d[i] / 2 : (u[i] > v[i]) != smaller ? d[i] : 0;
            k.expect(y, expected);
        }
        KernelCase k(std::string("where ") + text_of(dtype));
        const Sizes to = {4, 5, 24};
        const Ref mask = k.input(DType::u8, {5, 1}, Values{1, 0, 0, 7, 1}), a = k.input(dtype, {4, 1, 24}), b = k.input(dtype, {1}), y = k.output(dtype, to);
        const Ref row = k.input(DType::u8, {24}, 0, 2.99), z = k.output(dtype, to);
        const Ref m = expanded(mask, to), p = expanded(a, to), q = expanded(b, to), n = expanded(row, to);
        k.run([&] {
            cuda::where(m, p, q, y, k.stream());
            cuda::where(n, p, q, z, k.stream());
        });
        const Values u = gather(k.values(a), p), v = gather(k.values(b), q), w = gather(k.values(mask), m), x = gather(k.values(row), n);
        Values one(u.size()), two(u.size());
        for (std::size_t i = 0; i < u.size(); ++i) one[i] = w[i] != 0 ? u[i] : v[i], two[i] = x[i] != 0 ? u[i] : v[i];
        k.expect(y, one, {0, 0});
        k.expect(z, two, {0, 0});
    }
}

TEST_CASE("cuda cast: all pairs of float types, to nearest even, ragged and not aligned") {
    for (const std::int64_t n : {0, 1, 137}) {
        KernelCase k("cast " + std::to_string(n));
        const Ref x = k.input(DType::f32, {n}, -100, 100), b = k.output(DType::bf16, {n}), back = k.output(DType::f32, {n}), h_back = k.output(DType::f32, {n}),
                  h_b = k.output(DType::bf16, {n}), b_h_b = k.output(DType::bf16, {n}), same = k.output(DType::f32, {n});
        Ref h = k.output(DType::i32, {n + 1}), h2 = k.output(DType::i32, {n + 1});       // bytes enough for f16
        h.dtype = h2.dtype = DType::f16, h.sizes[0] = h2.sizes[0] = n;
        k.run([&] {
            cuda::cast(x, b, k.stream()), cuda::cast(b, back, k.stream()), cuda::cast(x, same, k.stream());
            const Ref to = KernelCase::shifted(h2, 0);
            cuda::cast(x, h, k.stream()), cuda::cast(h, h_back, k.stream()), cuda::cast(h, h_b, k.stream());
            cuda::cast(b, to, k.stream()), cuda::cast(to, b_h_b, k.stream());
        });
        const Values exact = k.values(x), rounded = k.results(b);
        k.expect(same, exact, {0, 0});
        k.expect(b, exact, {0, 0x1p-8});
        k.expect(back, rounded, {0, 0});
        k.expect(h_back, exact, {0, 0x1p-11});
        k.expect(b_h_b, rounded, {0, 0});                                           // 8 bits of 11
        k.expect(h_b, exact, {0, 0x1p-8 + 0x1p-11});
    }
    KernelCase k("cast ties");
    const Ref x = k.input(DType::f32, {4}, Values{1 + 0x1p-8, 1 + 3 * 0x1p-8, -inf, nan}), y = k.output(DType::bf16, {4});
    k.run([&] { cuda::cast(x, y, k.stream()); });
    k.expect(y, {1, 1 + 4 * 0x1p-8, -inf, nan}, {0, 0});
}

TEST_CASE("cuda fill: floats and numbers") {
    KernelCase k("fill");
    const Ref f = k.output(DType::f32, {9}), b = k.output(DType::bf16, {19}), i = k.output(DType::i32, {7}), none = k.output(DType::f32, {0});
    k.run([&] {
        cuda::fill(f, 1.5F, k.stream()), cuda::fill(b, -2, k.stream()), cuda::fill(i, -100, k.stream()), cuda::fill(none, 1, k.stream());
    });
    k.expect(f, Values(9, 1.5), {0, 0});
    k.expect(b, Values(19, -2), {0, 0});
    k.expect(i, Values(7, -100), {0, 0});
}

TEST_CASE("cuda walks: joined axes, and parts of at most so many elements that cover all") {
    using cuda::Axes;
    Axes<2> axes;
    axes.add(6, {1, 1}), axes.add(1, {99, 99}), axes.add(5, {6, 6}), axes.add(4, {30, 0});
    axes.close();
    REQUIRE(axes.rank == 2);
    CHECK(axes.sizes[0] == 30);
    for (const std::int64_t most : {1, 7, 50, 1000}) {
        std::vector<int> met(120);
        cuda::in_parts(axes, most, [&](const Axes<2>& part) {
            CHECK(part.numel() <= most);
            for (std::int64_t j = 0; j < (part.rank > 1 ? part.sizes[1] : 1); ++j)
                for (std::int64_t i = 0; i < part.sizes[0]; ++i) ++met[static_cast<std::size_t>(part.start[0] + i * part.steps[0][0] + j * (part.rank > 1 ? part.steps[0][1] : 0))];
        });
        CHECK(met == std::vector<int>(120, 1));
    }
    for (const std::uint32_t d : {1U, 2U, 3U, 7U, 641U, 65536U, 2147483647U}) {
        const cuda::Divisor by(d);
        for (const std::uint32_t n : {0U, 1U, d - 1, d, d + 1, 1000003U, 2147483646U, 2147483647U})
            if (n < 0x80000000U) CHECK(by(n) == n / d);
    }
}

TEST_CASE("cuda maps: traffic within budget") {
    KernelCase k("binary bf16 64x256 + 256");
    const Sizes to = {64, 256};
    const Ref a = k.input(DType::bf16, to), b = k.input(DType::bf16, {256}), y = k.output(DType::bf16, to), f = k.output(DType::f32, to);
    const Ref row = expanded(b, to);
    k.run_within_budget([&] {
        cuda::binary(Binary::add, a, row, y, k.stream());
        cuda::cast(a, f, k.stream());
    });
}

}  // namespace svad::test
