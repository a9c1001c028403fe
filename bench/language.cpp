// SPDX-License-Identifier: Apache-2.0
// language MODEL.gguf [THREADS] [f32]: tokens a second of reading a prompt of 128 and of writing 128 words; see language.py.
#include "svad/core/parallel.hpp"
#include "svad/infer/generate.hpp"
#include "svad/models/gguf_decoder.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int count, char** arguments) {
    using namespace svad;
    if (count < 2) return std::fprintf(stderr, "usage: language MODEL.gguf [THREADS]\n"), 2;
    if (count > 2) set_threads(std::atoi(arguments[2]));
    const auto seconds = [](auto&& f) {
        const auto start = std::chrono::steady_clock::now();
        f();
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    const auto model = open_gguf(arguments[1]);
    const NoGrad off;
    const Autocast precision(count > 3 && std::strcmp(arguments[3], "f32") == 0 ? DType::f32 : DType::bf16);   // of reading; writing is exact
    Tensor<std::int32_t> prompt({1, 128});
    std::fill(prompt.begin(), prompt.end(), 500);
    double best = 1e9;
    for (int i = 0; i < 4; ++i)
        best = std::min(best, seconds([&] {
            KvCache cache = model->cache(1, 512);
            (void)model->scores((*model)(model->embed(prompt), {.cache = &cache}).slice(1, 127, 128)).to<float>();
        }));
    std::printf("prefill %.1f\n", 128 / best);
    // One word at a time behind five, as the peer does: the prompt is not part of the time.
    KvCache cache = model->cache(1, 512);
    const Tensor<std::int32_t> start({1, 5}, {504, 3575, 282, 4649, 314});
    Var hidden = (*model)(model->embed(start), {.cache = &cache});
    const double taken = seconds([&] {
        for (int i = 0; i < 128; ++i) {
            const Tensor<float> scores = model->scores(hidden.slice(1, hidden.size(1) - 1, hidden.size(1))).to<float>();
            const std::int32_t word = infer::best(scores.span());
            hidden = (*model)(model->embed(Tensor<std::int32_t>({1, 1}, std::vector<std::int32_t>{word})), {.cache = &cache});
        }
    });
    std::printf("decode %.1f\n", 128 / taken);
}
