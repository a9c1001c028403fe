// SPDX-License-Identifier: Apache-2.0
// Matrix products beside what the machine can do at all: GFLOP/s of the shapes of the models, forward, gradient of the input
// and of the weight, in f32 and with operands in bf16, and of loops of multiply-adds in registers on all threads. A round
// measures everything once, in turns. One line a figure: name, median of the rounds, unit, the best round, and best / best of
// the limit. usage: gemm [--rounds N] [--threads N] [--isa 0..3] [--step] [--eigen] [--tiles] [--json]
#include "svad/backend/cpu/blocked.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace svad;
using cpu::Isa;
using cpu::Trans;

namespace {

/// With one thread its processor time, which other programs disturb less.
double seconds() {
    if (threads() == 1) {
        timespec now{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// ---- the limit ------------------------------------------------------------------------------------------------------

constexpr int chains = 24, turns = 20000;           // 24 sums in flight hide any latency

#if SVAD_X86
SVAD_AVX512 void adds_512() {
    __m512 sums[chains] = {}, x = _mm512_set1_ps(1e-3f);
    for (int i = 0; i < turns; ++i)
#pragma GCC unroll 24
        for (auto& sum : sums) asm volatile("vfmadd231ps %1, %1, %0" : "+v"(sum) : "v"(x));
}
SVAD_AVX512_BF16 void adds_bf16() {
    __m512 sums[chains] = {}, x = _mm512_set1_ps(1e-3f);
    for (int i = 0; i < turns; ++i)
#pragma GCC unroll 24
        for (auto& sum : sums) asm volatile("vdpbf16ps %1, %1, %0" : "+v"(sum) : "v"(x));
}
SVAD_AVX2 void adds_256() {
    __m256 sums[12] = {}, x = _mm256_set1_ps(1e-3f);
    for (int i = 0; i < 2 * turns; ++i)
#pragma GCC unroll 12
        for (auto& sum : sums) asm volatile("vfmadd231ps %1, %1, %0" : "+x"(sum) : "x"(x));
}
#endif

/// GFLOP/s of all threads together.
double limit(void (*loop)(), double flops) {
    const double start = seconds();
    parallel_for(4 * threads(), 1, [&](Index first, Index last) {
        for (Index i = first; i < last; ++i) loop();
    });
    return 4 * threads() * flops / (seconds() - start) * 1e-9;
}

// ---- what is measured -----------------------------------------------------------------------------------------------

struct Case {
    std::string name;
    std::function<double()> run;                    // GFLOP/s of one turn
    std::vector<double> results = {};
    int limit = -1;                                 // which case is its limit
};

struct Shape3 {
    Index m, n, k;
    Trans ta, tb;
    const char* what;
};

// Those of PyTorch's side, as y = x w'.
constexpr Shape3 listed[] = {{2048, 2048, 2048, Trans::no, Trans::yes, ""}, {1040, 1536, 384, Trans::no, Trans::yes, ""},
                             {1040, 384, 1536, Trans::no, Trans::yes, ""},  {256, 576, 576, Trans::no, Trans::yes, ""},
                             {1280, 192, 192, Trans::no, Trans::yes, ""},   {1, 1536, 576, Trans::no, Trans::yes, ""},
                             {1, 49152, 576, Trans::no, Trans::yes, ""}};

struct Layer {
    const char* name;
    Index rows, out, in;
};
constexpr Layer layers[] = {{"demo_vit_qkv", 8320, 384, 128},   {"demo_vit_proj", 8320, 128, 128}, {"demo_vit_fc1", 8320, 512, 128},
                            {"demo_vit_fc2", 8320, 128, 512},   {"demo_dec_qkv", 1280, 576, 192},  {"demo_dec_up", 1280, 512, 192},
                            {"demo_head", 1024, 1024, 192},     {"small_vit_qkv", 4160, 768, 256}, {"small_vit_fc1", 4160, 1024, 256},
                            {"small_vit_fc2", 4160, 256, 1024}, {"small_dec_qkv", 896, 1152, 384}, {"small_dec_up", 896, 1024, 384},
                            {"small_dec_down", 896, 384, 1024}, {"small_head", 640, 4096, 384}};

using Multiply = void (*)(const Shape3& s, const float* a, const float* b, float* c);

template <cpu::Operands mode>
void multiply(const Shape3& s, const float* a, const float* b, float* c) {
    cpu::gemm<float>(s.ta, s.tb, s.m, s.n, s.k, 1.0f, a, s.ta == Trans::no ? s.k : s.m, b, s.tb == Trans::no ? s.n : s.k, 0.0f, c, s.n, mode);
}
void multiply_eigen(const Shape3& s, const float* a, const float* b, float* c) {
    cpu::detail::portable_product<float>(s.ta, s.tb, s.m, s.n, s.k, 1.0f, a, s.ta == Trans::no ? s.k : s.m, b, s.tb == Trans::no ? s.n : s.k, 0.0f, c,
                                         s.n, [](Index, Index, Index, Index) {});
}
/// A frozen weight is multiplied as it is stored: bf16, straight from its rows.
void multiply_stored(const Shape3& s, const float* a, const float* b, float* c) {
    cpu::blocked_product(DType::bf16, s.m, s.n, s.k, a, reinterpret_cast<const std::uint8_t*>(b), c, cpu::Operands::bf16);
}

std::shared_ptr<std::vector<float>> values(Index n) {
    auto x = std::make_shared<std::vector<float>>(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < x->size(); ++i) (*x)[i] = static_cast<float>(i * 2654435761u % 1000) / 500.0f - 1.0f;
    return x;
}

Case product(const std::string& name, const Shape3& s, Multiply with, int bound) {
    const auto a = values(s.m * s.k), b = values(s.n * s.k), c = values(s.m * s.n);
    const double flops = 2.0 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k);
    const int repeats = static_cast<int>(std::clamp(2e8 / flops, 1.0, 50.0));
    return {name, [=] {
                const double start = seconds();
                for (int i = 0; i < repeats; ++i) with(s, a->data(), b->data(), c->data());
                return repeats * flops / (seconds() - start) * 1e-9;
            }, {}, bound};
}

std::string name_of(const char* type, const Shape3& s) {
    return std::string("gemm_") + type + "_" + std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k) + s.what;
}

// ---- tiles alone ----------------------------------------------------------------------------------------------------

#if SVAD_X86
/// The tile that lost: more columns, fewer rows. Everything in the first-level cache.
template <int rows, int vectors>
SVAD_AVX512 void wide_tile(Index steps, const float* a, Index row, const float* b, float* c) {
    __m512 sums[rows][vectors];
#pragma GCC unroll 14
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) sums[r][v] = _mm512_setzero_ps();
    for (Index p = 0; p < steps; ++p, b += 16 * vectors) {
        __m512 line[vectors];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) line[v] = _mm512_loadu_ps(b + 16 * v);
#pragma GCC unroll 14
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) sums[r][v] = _mm512_fmadd_ps(_mm512_set1_ps(a[r * row + p]), line[v], sums[r][v]);
    }
#pragma GCC unroll 14
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) _mm512_storeu_ps(c + (r * vectors + v) * 16, sums[r][v]);
}

template <class F>
Case tile(const std::string& name, double flops, int bound, F f) {
    return {name, [=] {
                const double start = seconds();
                for (int i = 0; i < 200; ++i) f();
                return 200 * flops / (seconds() - start) * 1e-9 * threads();
            }, {}, bound};
}

void add_tiles(std::vector<Case>& cases, int f32, int bf16) {
    constexpr Index steps = 256, row = steps + 16;
    const auto a = values(14 * row), b = values(steps * 64), c = values(14 * 64);
    const auto own = [&](const std::string& name, const auto& kernels, int rows, int bound, double per_word, auto word) {
        using Word = decltype(word);
        const auto* const x = reinterpret_cast<const Word*>(a->data());
        const auto* const y = reinterpret_cast<const Word*>(b->data());
        cases.push_back(tile(name, 2.0 * rows * 32 * steps * per_word, bound, [=, &kernels] {
            kernels.tile[rows]({steps, x, row, 1, y, 32, 1, 0, c->data(), 64, 32});
            return a;
        }));
    };
    for (const int rows : {8, 12, 14}) own("tile_float32_" + std::to_string(rows) + "x32", cpu::detail::kernels_avx512<false>(), rows, f32, 1, 0.0f);
    cases.push_back(tile("tile_float32_8x48", 2.0 * 8 * 48 * steps, f32, [=] { wide_tile<8, 3>(steps, a->data(), row, b->data(), c->data()); }));
    cases.push_back(tile("tile_float32_6x64", 2.0 * 6 * 64 * steps, f32, [=] { wide_tile<6, 4>(steps, a->data(), row, b->data(), c->data()); }));
    if (bf16 < 0) return;
    for (const int rows : {8, 12, 14}) own("tile_bfloat16_" + std::to_string(rows) + "x32", cpu::detail::kernels_bf16(), rows, bf16, 2, std::uint32_t{});
}
#endif

std::vector<Case> cases_of(bool step, bool eigen, bool tiles) {
    std::vector<Case> cases;
    int f32 = -1, bf16 = -1, pairs = -1;
    const auto add_limit = [&](const char* name, void (*loop)(), double flops) {
        cases.push_back({name, [=] { return limit(loop, flops); }});
        return static_cast<int>(cases.size()) - 1;
    };
#if SVAD_X86
    const double flops = 2.0 * 16 * chains * turns;
    if (cpu::isa() >= Isa::avx512) f32 = add_limit("limit_float32", adds_512, flops);
    else if (cpu::isa() == Isa::avx2) f32 = add_limit("limit_float32", adds_256, flops / 2);
    if (cpu::largest_isa() == Isa::avx512_bf16) pairs = add_limit("limit_bfloat16_pairs", adds_bf16, 2 * flops);
    bf16 = cpu::isa() == Isa::avx512_bf16 ? pairs : f32;
    if (tiles && cpu::largest_isa() >= Isa::avx512) add_tiles(cases, f32, pairs);
#endif
    const auto add = [&](const std::string& suffix, const Shape3& s) {
        cases.push_back(product(name_of("float32", s) + suffix, s, multiply<cpu::Operands::exact>, f32));
        if (eigen) cases.push_back(product(name_of("eigen", s) + suffix, s, multiply_eigen, f32));
        cases.push_back(s.m == 1 ? product(name_of("bfloat16", s) + suffix, s, multiply_stored, bf16)
                                 : product(name_of("bfloat16", s) + suffix, s, multiply<cpu::Operands::bf16>, bf16));
    };
    for (const Shape3& s : listed) add("", s);
    if (step)
        for (const Layer& l : layers) {
            add(std::string("_") + l.name + "_forward", {l.rows, l.out, l.in, Trans::no, Trans::yes, ""});
            add(std::string("_") + l.name + "_input", {l.rows, l.in, l.out, Trans::no, Trans::no, ""});
            add(std::string("_") + l.name + "_weight", {l.out, l.in, l.rows, Trans::yes, Trans::no, ""});
        }
    return cases;
}

}  // namespace

int main(int argc, char** argv) {
    int rounds = 15;
    bool step = false, eigen = false, tiles = false, json = false;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const auto number = [&] { return i + 1 < argc ? std::atoi(argv[++i]) : 0; };
        if (word == "--rounds") rounds = std::max(1, number());
        else if (word == "--threads") set_threads(number());
        else if (word == "--isa") cpu::use_isa(static_cast<Isa>(std::clamp(number(), 0, 3)));
        else if (word == "--step") step = true;
        else if (word == "--eigen") eigen = true;
        else if (word == "--tiles") tiles = true;
        else if (word == "--json") json = true;
        else return std::fprintf(stderr, "usage: gemm [--rounds N] [--threads N] [--isa 0..3] [--step] [--eigen] [--tiles] [--json]\n"), 2;
    }
    std::vector<Case> cases = cases_of(step, eigen, tiles);
    for (Case& c : cases) c.run();
    for (int r = 0; r < rounds; ++r)
        for (Case& c : cases) c.results.push_back(c.run());
    for (Case& c : cases) std::sort(c.results.begin(), c.results.end());
    for (const Case& c : cases) {
        const double median = c.results[c.results.size() / 2], best = c.results.back();
        const double part = c.limit < 0 ? 1.0 : best / cases[static_cast<std::size_t>(c.limit)].results.back();
        std::printf(json ? "{\"name\": \"%s\", \"gflops\": %.1f, \"best\": %.1f, \"of_limit\": %.3f}\n" : "%s %.1f GFLOP/s best %.1f of_limit %.3f\n",
                    c.name.c_str(), median, best, part);
    }
}
