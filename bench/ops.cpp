// SPDX-License-Identifier: Apache-2.0
// How near to the machine's limit is every op of a training step? A roofline: each op forward and backward with the sizes
// of the demo's step (16 clips of 8 frames of 64 x 64, patches of 8), the limit of arithmetic (f32 multiply-adds out of
// registers) and of memory (a + b of three arrays of 64 MiB) measured in the same run, and what the op reaches of the nearer
// one. Bytes are what must move once: operands read, results written. The median of the rounds counts.
// usage: ops [ROUNDS] [--bf16] [--json]
#include <svad/svad.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>

namespace {

using namespace svad;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

Var random_values(const Shape& shape, std::uint64_t seed) {
    Tensor<float> t(shape);
    Random random(seed, 3);
    for (float& x : t.span()) x = static_cast<float>(random.uniform(-1, 1));
    return t;
}

struct Work {
    double flops = 0, bytes = 0;
};

/// One op: the function, its inputs, and what forward and backward must do.
struct Case {
    std::string name;
    std::function<Var(const std::vector<Var>&)> f;
    std::vector<Var> inputs;
    Work forward, backward;
    std::vector<double> seconds[2] = {};

    void run() {
        std::vector<Var> leaves;
        for (const Var& x : inputs) leaves.push_back(x.leaf());
        const double start = now();
        const Var y = f(leaves);
        const double middle = now();
        seconds[0].push_back(middle - start);
        if (backward.bytes == 0) return;
        const Var dy = Var::full(y.shape(), 0.5, y.dtype());
        const double again = now();
        svad::backward(y, dy);
        seconds[1].push_back(now() - again);
    }
};

double median(std::vector<double> v) {
    std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
    return v[v.size() / 2];
}

double megabytes(std::initializer_list<Shape> values) {
    double n = 0;
    for (const Shape& s : values) n += 4.0 * static_cast<double>(s.numel());
    return n;
}

/// f32 operations a second on all threads, from registers.
double arithmetic_limit() {
    using Lane = cpu::Lanes<float>;
    constexpr Index steps = 400000, sums = 12;
    std::vector<float> sink(static_cast<std::size_t>(threads()));
    const double start = now();
    parallel_for(threads(), 1, [&](Index first, Index last) {
        for (Index t = first; t < last; ++t) {
            Lane::Vector acc[sums] = {}, x = Lane::Vector{} + 0.5f + static_cast<float>(t);
            for (Index s = 0; s < sums; ++s) acc[s] += static_cast<float>(s);      // equal sums would be made one
            for (Index i = 0; i < steps; ++i)
#pragma GCC unroll 12
                for (Index s = 0; s < sums; ++s) acc[s] = acc[s] * x + x;
            for (const Lane::Vector& a : acc) sink[static_cast<std::size_t>(t)] += a[0];
        }
    });
    return 2.0 * steps * sums * static_cast<double>(Lane::n) * threads() / (now() - start);
}

/// Bytes a second of a + b.
double memory_limit() {
    static const Var a = random_values({1 << 24}, 1), b = random_values({1 << 24}, 2);
    const double start = now();
    const Var y = a + b;
    return 3 * 64.0 * 1048576 / (now() - start);
}

Case attention_case(const char* name, const Shape& q, const Shape& k, Index heads, bool causal) {
    const double products = 2.0 * static_cast<double>(q.numel()) * static_cast<double>(k[1]) * (causal ? 0.5 : 1);
    return {name, [=](const std::vector<Var>& x) { return attention_tokens(x[0], x[1], x[2], heads, heads, {.causal = causal}); },
            {random_values(q, 1), random_values(k, 2), random_values(k, 3)},
            {2 * products, megabytes({q, k, k, q})}, {5 * products, megabytes({q, k, k, q, q, q, k, k})}};
}

std::vector<Case> attention_cases() {
    return {attention_case("attention of frames", {128, 65, 128}, {128, 65, 128}, 4, false),
            attention_case("attention of words", {16, 80, 192}, {16, 80, 192}, 6, true),
            attention_case("16 queries, 521 keys", {16, 16, 128}, {16, 521, 128}, 4, false),
            attention_case("1 query, 520 keys", {16, 1, 128}, {16, 520, 128}, 4, false),
            attention_case("2048 tokens", {1, 2048, 128}, {1, 2048, 128}, 4, false)};
}

std::vector<Case> row_cases() {
    const Shape x{128, 65, 128}, wide{128, 65, 512}, words{16, 80, 192}, d{128}, e{192};
    const Index V = 1024, N = 1024;
    Tensor<std::int32_t> labels({N});
    for (Index i = 0; i < N; ++i) labels[i] = static_cast<std::int32_t>(i * 37 % V);
    const double head = 2.0 * static_cast<double>(N * V * 192);
    std::vector<Case> all;
    all.push_back({"layer_norm", [](const std::vector<Var>& v) { return layer_norm(v[0], v[1], v[2]); },
                   {random_values(x, 1), random_values(d, 2), random_values(d, 3)}, {0, megabytes({x, x})}, {0, megabytes({x, x, x})}});
    all.push_back({"rms_norm", [](const std::vector<Var>& v) { return rms_norm(v[0], v[1]); },
                   {random_values(words, 1), random_values(e, 2)}, {0, megabytes({words, words})}, {0, megabytes({words, words, words})}});
    all.push_back({"gelu", [](const std::vector<Var>& v) { return gelu(v[0]); }, {random_values(wide, 1)},
                   {0, megabytes({wide, wide})}, {0, megabytes({wide, wide, wide})}});
    all.push_back({"swiglu", [](const std::vector<Var>& v) { return swiglu_joined(v[0]); }, {random_values({16, 80, 1024}, 1)},
                   {0, megabytes({{16, 80, 1536}})}, {0, megabytes({{16, 80, 2560}})}});
    all.push_back({"add", [](const std::vector<Var>& v) { return v[0] + v[1]; }, {random_values(x, 1), random_values(x, 2)},
                   {0, megabytes({x, x, x})}, {}});
    all.push_back({"depthwise 3x3x3", [](const std::vector<Var>& v) { return depthwise_clips(v[0], v[1], v[2], {8, 8, 8}, true); },
                   {random_values(x, 1), random_values({128, 1, 3, 3, 3}, 2), random_values(d, 3)},
                   {54.0 * static_cast<double>(x.numel()), megabytes({x, x})}, {108.0 * static_cast<double>(x.numel()), megabytes({x, x, x})}});
    all.push_back({"loss over words", [labels](const std::vector<Var>& v) { return linear_cross_entropy(v[0], v[1], labels); },
                   {random_values({N, 192}, 1), random_values({V, 192}, 2)}, {head, megabytes({{N, 192}, {V, 192}})},
                   {3 * head, megabytes({{N, 192}, {V, 192}, {N, 192}, {V, 192}})}});
    all.push_back({"rope", [](const std::vector<Var>& v) { return rope_heads(v[0], 12, position_ids(80), rope_table(32, 80)); },
                   {random_values({16, 80, 576}, 1)}, {0, megabytes({{16, 80, 1152}})}, {0, megabytes({{16, 80, 1152}})}});
    all.push_back({"sum over rows", [](const std::vector<Var>& v) { return sum_to(v[0], {512}); }, {random_values({8320, 512}, 1)},
                   {0, megabytes({wide})}, {}});
    return all;
}

}  // namespace

int main(int argc, char** argv) {
    int rounds = 9;
    bool bf16 = false, json = false;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--bf16") == 0) bf16 = true;
        else if (std::strcmp(argv[i], "--json") == 0) json = true;
        else rounds = std::max(1, std::atoi(argv[i]));
    }
    const Autocast products(bf16 ? DType::bf16 : DType::f32);
    std::vector<Case> cases = attention_cases();
    for (Case& c : row_cases()) cases.push_back(std::move(c));
    std::vector<double> arithmetic, memory;
    for (int r = 0; r < rounds; ++r) {
        arithmetic.push_back(arithmetic_limit()), memory.push_back(memory_limit());
        for (Case& c : cases) c.run();
    }
    const double flops = median(arithmetic), bytes = median(memory);
    if (!json) std::printf("limits: %.0f GFLOP/s in f32, %.1f GB/s, %d threads\n%-24s %-8s %9s %9s %8s %7s\n", flops / 1e9, bytes / 1e9, threads(),
                           "op", "way", "ms", "GFLOP/s", "GB/s", "share");
    for (const Case& c : cases)
        for (int way = 0; way < 2; ++way) {
            if (c.seconds[way].empty()) continue;
            const Work& w = way == 0 ? c.forward : c.backward;
            const double t = median(c.seconds[way]), share = std::max(w.flops / flops, w.bytes / bytes) / t;
            const char* const format = json ? "{\"op\": \"%s\", \"way\": \"%s\", \"ms\": %.3f, \"gflops\": %.1f, \"gbytes\": %.2f, \"share\": %.3f}\n"
                                            : "%-24s %-8s %9.3f %9.1f %8.2f %7.2f\n";
            std::printf(format, c.name.c_str(), way == 0 ? "forward" : "backward", 1e3 * t, w.flops / t / 1e9, w.bytes / t / 1e9, share);
        }
}
