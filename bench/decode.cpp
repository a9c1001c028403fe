// SPDX-License-Identifier: Apache-2.0
// Eight frames of each clip, resized to 224 x 224, on one thread: seconds a pass. bench/decode.py runs it beside its peers.
//   bench_decode [--whole] ROUNDS FILE...      prints a line of seconds for each round, when asked for it by a line of input
#include "svad/video/reader.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

int main(int count, char** arguments) {
    std::vector<std::string> files(arguments + 1, arguments + count);
    svad::video::ReadOptions options;
    if (!files.empty() && files[0] == "--whole") options.decode_all = true, files.erase(files.begin());
    if (files.empty()) return std::fprintf(stderr, "usage: bench_decode [--whole] FILE...\n"), 2;
    for (int c = 0; (c = std::getchar()) != EOF;) {
        if (c != '\n') continue;
        const auto begin = std::chrono::steady_clock::now();
        double sum = 0;
        for (const std::string& file : files) {
            const auto clip = svad::video::read_input(file, svad::video::Uniform{8}, {.size = 224, .fit = svad::video::Fit::squash}, options);
            for (std::int64_t i = 0; i < clip.input.numel(); i += 1009) sum += clip.input[i];
        }
        const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        std::printf("%.4f %.3f\n", took, sum);
        std::fflush(stdout);
    }
    return 0;
}
