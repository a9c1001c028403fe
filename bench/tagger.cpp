// SPDX-License-Identifier: Apache-2.0
// tagger MODEL TREEBANK [ROUNDS]: words a second of a tagger on one thread, over gold words; the median of the rounds.
#include "svad/text/tagger.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>

int main(int count, char** arguments) {
    using namespace svad::text;
    if (count < 3) {
        std::fprintf(stderr, "usage: tagger MODEL TREEBANK [ROUNDS]\n");
        return 2;
    }
    const Tagger tagger = Tagger::load(arguments[1]);
    const auto sentences = read_treebank(arguments[2]);
    const int rounds = count > 3 ? std::max(1, std::atoi(arguments[3])) : 9;
    std::vector<double> speeds;
    for (int r = 0; r < rounds; ++r) {
        std::size_t words = 0;
        const auto start = std::chrono::steady_clock::now();
        for (const auto& s : sentences) words += tagger(std::vector<std::string_view>(s.words.begin(), s.words.end())).size();
        speeds.push_back(static_cast<double>(words) / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    std::sort(speeds.begin(), speeds.end());
    std::printf("%.0f words/s (slowest %.0f, fastest %.0f)\n", speeds[speeds.size() / 2], speeds.front(), speeds.back());
    return 0;
}
