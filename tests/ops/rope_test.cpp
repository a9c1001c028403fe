// SPDX-License-Identifier: Apache-2.0
#include "svad/autograd/gradcheck.hpp"
#include "svad/io/safetensors.hpp"
#include "svad/ops/layout.hpp"
#include "svad/ops/rope.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

io::SafeTensors golden(const std::string& op) {
    return io::SafeTensors::open(std::string(SVAD_FIXTURES) + "/ops/" + op + ".safetensors");
}

double difference(const Var& got, const Var& want) {
    REQUIRE(got.shape() == want.shape());
    const Tensor<double> g = got.to<double>(), w = want.to<double>();
    double worst = 0;
    for (Index i = 0; i < w.numel(); ++i) worst = std::max(worst, std::abs(g[i] - w[i]));
    return worst;
}

Var random_f32(const Shape& shape, std::uint64_t seed) { return random_f64(shape, -1, 1, seed).to<float>(); }

}  // namespace

TEST_CASE("rope: equals the reference, forward and backward, both pairings") {
    const auto file = golden("rotary");
    struct Case {
        const char* name;
        double theta;
        bool interleaved;
        double bound;
    };
    // The reference turns by float32 frequencies, whose rounding (6e-8 of the angle) counts at position 32767 only.
    const Case cases[] = {{"half_8", 1e4, false, 2e-6},         {"interleaved_8", 1e4, true, 2e-6},
                          {"half_20", 5e5, false, 2e-6},        {"interleaved_20", 5e5, true, 2e-6},
                          {"half_far", 1e4, false, 5e-3}};
    for (const Case& c : cases) {
        CAPTURE(c.name);
        const std::string n = std::string(c.name) + ".";
        const Var x = Var(file.load<float>(n + "x")).leaf();
        const Var y = rope(x, file.load<std::int32_t>(n + "positions"),
                           {.theta = c.theta, .interleaved = c.interleaved, .heads_first = true});
        backward(y, file.load<float>(n + "dy"));
        CHECK(difference(y, file.load<float>(n + "y")) < c.bound);
        CHECK(difference(x.grad(), file.load<float>(n + "dx")) < c.bound);
    }
}

TEST_CASE("rope_frequencies: equal the reference tables") {
    const auto file = golden("rotary");
    const std::tuple<const char*, Index, double> cases[] = {{"tables.inv_freq_64_10000", 64, 1e4}, {"tables.inv_freq_128_500000", 128, 5e5}};
    for (const auto& [name, width, theta] : cases) {
        const Tensor<float> want = file.load<float>(name);
        const std::vector<double> got = rope_frequencies(width, {.theta = theta});
        REQUIRE(static_cast<Index>(got.size()) == want.numel());
        for (Index i = 0; i < want.numel(); ++i)
            CHECK(got[static_cast<std::size_t>(i)] == doctest::Approx(want[i]).epsilon(5e-7));   // float32 pow
    }
}

TEST_CASE("rope_frequencies: linear scaling divides all, llama3 only the slow ones") {
    const std::vector<double> plain = rope_frequencies(128, {.theta = 5e5});
    const auto scaled = [](RopeScaling::Kind kind) {
        return rope_frequencies(128, {.theta = 5e5, .scaling = {.kind = kind, .factor = 8}});
    };
    const std::vector<double> linear = scaled(RopeScaling::Kind::linear), llama = scaled(RopeScaling::Kind::llama3);
    Index kept = 0, stretched = 0;
    for (std::size_t i = 0; i < plain.size(); ++i) {
        CHECK(linear[i] == doctest::Approx(plain[i] / 8));
        const double wave = 2 * 3.14159265358979323846 / plain[i];
        if (wave < 8192.0 / 4) {
            CHECK(llama[i] == doctest::Approx(plain[i]));
            ++kept;
        } else if (wave > 8192.0) {
            CHECK(llama[i] == doctest::Approx(plain[i] / 8));
            ++stretched;
        } else {
            const double smooth = (8192 / wave - 1) / 3;                    // the formula of Llama 3.1's config
            CHECK(llama[i] == doctest::Approx((1 - smooth) * plain[i] / 8 + smooth * plain[i]));
        }
    }
    CHECK(kept > 20);
    CHECK(stretched > 20);
}

TEST_CASE("rope: gradients agree with differences in f64 over all samples") {
    for (const auto& s : ops::RopeOp::samples())
        CHECK(gradient_error([&](const std::vector<Var>& x) { return apply_all(s.op, x); }, {random_f64(s.inputs[0], -1, 1, 3)}) < 1e-6);
}

TEST_CASE("rope: scores depend on the distance of two positions only") {
    const Var q = random_f32({1, 1, 1, 16}, 1), k = random_f32({1, 1, 1, 16}, 2);
    const auto score = [&](Index i, Index j) {
        const Tensor<double> a = rope(q, position_ids(1, i)).to<double>(), b = rope(k, position_ids(1, j)).to<double>();
        double sum = 0;
        for (Index d = 0; d < 16; ++d) sum += a[d] * b[d];
        return sum;
    };
    CHECK(score(5, 3) == doctest::Approx(score(1005, 1003)).epsilon(1e-5));
    CHECK(std::abs(score(5, 3) - score(5, 4)) > 1e-3);
}

TEST_CASE("rope: position 0 changes nothing, and lengths are kept everywhere") {
    const Var x = random_f32({2, 3, 2, 8}, 4);
    CHECK(difference(rope(x, Tensor<std::int32_t>({1, 3})), x) == 0);
    const Tensor<double> before = x.to<double>(), after = rope(x, Tensor<std::int32_t>({2, 3}, {9, 400, 3, 1, 7, 31000})).to<double>();
    for (Index r = 0; r < before.numel() / 8; ++r) {
        double a = 0, b = 0;
        for (Index d = 0; d < 8; ++d) a += before[8 * r + d] * before[8 * r + d], b += after[8 * r + d] * after[8 * r + d];
        CHECK(a == doctest::Approx(b).epsilon(1e-6));
    }
}

TEST_CASE("rope: the three layouts agree, and strided values are read in place") {
    const Index B = 2, L = 5, H = 3, D = 8;
    const Var x = random_f32({B, L, H * D}, 5);
    const Tensor<std::int32_t> positions = position_ids(L, 3);
    const Var tokens = rope(x, positions, {.head_dim = D});
    const Var apart = x.reshape({B, L, H, D}), swapped = apart.permute({0, 2, 1, 3});
    CHECK(!swapped.contiguous());
    CHECK(difference(rope(apart, positions).reshape({B, L, H * D}), tokens) == 0);
    CHECK(difference(rope(swapped, positions, {.heads_first = true}).permute({0, 2, 1, 3}).reshape({B, L, H * D}), tokens) == 0);
    CHECK(difference(rope(x, positions, rope_table(D, 20)), tokens) == 0);
}

TEST_CASE("rope: positions outside the table, odd widths and shapes that do not fit are refused") {
    const Var x = random_f32({1, 2, 1, 4}, 6);
    CHECK_THROWS_WITH_AS(static_cast<void>(rope(x, Tensor<std::int32_t>::of({0, 8}).reshape({1, 2}), rope_table(4, 8))),
                         "rope: position 8 is outside the table's 0 .. 7; make a longer table; got f32[1, 2, 1, 4]", ShapeError);
    CHECK_THROWS_AS(static_cast<void>(rope(x, Tensor<std::int32_t>({1, 3}))), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(rope(random_f32({1, 2, 1, 5}, 6), position_ids(2))), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(rope(x, position_ids(2), rope_table(6, 8))), ShapeError);
}

TEST_CASE("alibi_slopes: equal the reference for all numbers of heads") {
    const auto file = golden("alibi_slopes");
    for (const Index n : {1, 2, 4, 5, 6, 7, 8, 12, 16, 32, 40}) {
        CAPTURE(n);
        CHECK(difference(alibi_slopes(n), file.load<float>("h" + std::to_string(n) + ".slopes")) < 1e-7);   // one rounding
    }
    CHECK(alibi_slopes(0).empty());
}
