// SPDX-License-Identifier: Apache-2.0
#include "svad/core/parallel.hpp"
#include "svad/core/random.hpp"
#include "svad/core/tensor.hpp"
#include "svad/core/view.hpp"

#include <doctest/doctest.h>

#include <numeric>

using namespace svad;

TEST_CASE("fail: joins text, numbers and shapes to one line") {
    try {
        fail<ShapeError>("linear: ", Shape{2, 3}, " has ", 2, " sizes, eps ", 0.5);
        CHECK(false);
    } catch (const ShapeError& e) {
        CHECK(std::string(e.what()) == "linear: [2, 3] has 2 sizes, eps 0.5");
    }
}

TEST_CASE("shape: refuses nine sizes, negative sizes and overflowing products") {
    CHECK_THROWS_AS(Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}), ShapeError);
    CHECK_THROWS_AS(Shape({-1}), ShapeError);
    CHECK_THROWS_AS(Shape({Index{1} << 40, Index{1} << 40}), ShapeError);
    CHECK(Shape({0, 5}).numel() == 0);
    CHECK(Shape({4, 5})[-1] == 5);
    CHECK_THROWS_AS(Shape({4})[1], ShapeError);
}

TEST_CASE("broadcast: ones stretch, other sizes must agree") {
    CHECK(broadcast({3, 1}, {4}, "t") == Shape{3, 4});
    CHECK(broadcast({}, {2, 2}, "t") == Shape{2, 2});
    CHECK_THROWS_AS((void)broadcast({3}, {4}, "t"), ShapeError);
}

TEST_CASE("bf16 and f16: every bit pattern survives the way through float") {
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
        bf16 b;
        b.bits = static_cast<std::uint16_t>(bits);
        f16 h;
        h.bits = static_cast<std::uint16_t>(bits);
        const float fb = b, fh = h;
        if (fb == fb && bf16(fb).bits != b.bits) FAIL("bf16 pattern ", bits);
        if (fh == fh && f16(fh).bits != h.bits) FAIL("f16 pattern ", bits);
    }
    CHECK(static_cast<float>(f16(65520.0f)) == std::numeric_limits<float>::infinity());
    CHECK(static_cast<float>(f16(65519.0f)) == 65504.0f);
}

TEST_CASE("tensor: copies share memory and clones do not") {
    Tensor<float> a({2, 2}, {1, 2, 3, 4});
    const Tensor<float> b = a, c = a.clone();
    a(1, 1) = 9;
    CHECK(b(1, 1) == 9);
    CHECK(c(1, 1) == 4);
    CHECK(a.slice(1)[0] == 3);
    CHECK_THROWS_AS(a.reshape({3}), ShapeError);
    CHECK_THROWS_AS(a.slice(2), ShapeError);
    CHECK_THROWS_AS(Tensor<int>({3}, {1, 2}), ShapeError);
}

TEST_CASE("storage: freed memory is handed out again") {
    if (sanitized) return;                                      // recycling is off where it would hide bugs
    void* first = Storage(100000).data();
    CHECK(Storage(100000).data() == first);
    for (std::size_t bytes : {1u, 255u, 256u, 257u, 320u, 321u, 1000u, 4095u, 4096u, 5000u, 123456u})
        CHECK(detail::CpuCache::block_size(bytes) >= bytes);
}

TEST_CASE("philox: matches the published vectors of Random123") {
    const auto zero = philox(0, 0, 0);
    CHECK(zero == std::array<std::uint32_t, 4>{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u});
    const auto ones = philox(~0ull, ~0ull, ~0ull);
    CHECK(ones == std::array<std::uint32_t, 4>{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu});
}

TEST_CASE("random: the state is the index alone") {
    Random a(7, 3), b(7, 3);
    for (int i = 0; i < 5; ++i) (void)a.bits();
    b.index = 5;
    CHECK(a.bits() == b.bits());
    CHECK_THROWS_AS(a.below(0), UsageError);
    double sum = 0, squares = 0;
    for (int i = 0; i < 20000; ++i) {
        const double x = a.normal();
        sum += x, squares += x * x;
    }
    CHECK(std::abs(sum / 20000) < 0.03);                        // 4 standard errors
    CHECK(std::abs(squares / 20000 - 1) < 0.05);
}

TEST_CASE("parallel_for: covers every index once on any number of threads") {
    for (int n : {1, 2, 5}) {
        set_threads(n);
        std::vector<std::atomic<int>> hits(1003);
        parallel_for(1003, 7, [&](Index first, Index last) {
            for (Index i = first; i < last; ++i) ++hits[static_cast<std::size_t>(i)];
        });
        for (auto& h : hits) CHECK(h == 1);
    }
    set_threads(2);
}

TEST_CASE("parallel_for: an exception reaches the caller and the pool goes on working") {
    set_threads(3);
    CHECK_THROWS_AS(parallel_for(100, 1, [](Index i, Index) { if (i == 57) fail<UsageError>("boom"); }), UsageError);
    std::atomic<Index> sum = 0;
    parallel_for(100, 1, [&](Index first, Index last) {
        parallel_for(last - first, 1, [&](Index a, Index b) { sum += b - a; });     // nested: runs inline
    });
    CHECK(sum == 100);
    set_threads(2);
}

TEST_CASE("parallel_for: several callers at once all get their work done") {
    set_threads(2);
    std::atomic<Index> sum = 0;
    std::vector<std::thread> callers;
    for (int c = 0; c < 4; ++c)
        callers.emplace_back([&] {
            for (int k = 0; k < 200; ++k) parallel_for(64, 4, [&](Index a, Index b) { sum += b - a; });
        });
    for (auto& t : callers) t.join();
    CHECK(sum == 4 * 200 * 64);
}
