// SPDX-License-Identifier: Apache-2.0
// What does it cost to count the distinct n-grams of 140,200 captions exactly, and what do plainer ways cost? Each
// variant counts the same made-up captions in turn, several rounds; ratios of medians, and the counts must agree.
#include <svad/core/error.hpp>
#include <svad/core/random.hpp>
#include <svad/data/ngram_types.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <unordered_map>

namespace {

using namespace svad;
using Captions = std::vector<std::vector<std::string>>;
using Types = std::array<std::uint64_t, 4>;

/// Captions of 2 to 17 words whose frequencies fall as one over the rank, as words do.
Captions made_up(std::size_t count) {
    Random random(3, 0);
    Captions captions(count);
    for (auto& words : captions)
        for (Index n = 2 + random.below(16); n > 0; --n)
            words.push_back(join("w", static_cast<int>(std::exp(random.uniform() * std::log(25000.0)))));
    return captions;
}

Types numbered(const Captions& captions) {
    data::WordIds ids;
    data::NgramTypes types;
    std::vector<std::uint32_t> numbers;
    for (const auto& words : captions) {
        numbers.clear();
        for (const auto& w : words) numbers.push_back(ids(w));
        types.add(numbers);
    }
    Types out{};
    for (std::size_t n = 0; n < 4; ++n) out[n] = types.counts()[n].types;
    return out;
}

/// The same counts (occurrences and annotations of each type) with n-grams as strings of words.
template <class Map>
Types joined(const Captions& captions) {
    struct Seen {
        std::uint64_t count = 0, annotations = 0;
        std::size_t last = static_cast<std::size_t>(-1);
    };
    std::array<typename Map::template of<Seen>, 4> maps;
    for (std::size_t a = 0; a < captions.size(); ++a)
        for (std::size_t i = 0; i < captions[a].size(); ++i) {
            std::string gram;
            for (std::size_t n = 0; n < 4 && i + n < captions[a].size(); ++n) {
                gram += captions[a][i + n] + ' ';
                Seen& seen = maps[n][gram];
                ++seen.count;
                seen.annotations += seen.last != a;
                seen.last = a;
            }
        }
    return {maps[0].size(), maps[1].size(), maps[2].size(), maps[3].size()};
}

struct Hashed {
    template <class T> using of = std::unordered_map<std::string, T>;
};
struct Ordered {
    template <class T> using of = std::map<std::string, T>;
};

struct Variant {
    const char* name;
    Types (*count)(const Captions&);
    std::vector<double> seconds = {};
    Types types = {};

    void run(const Captions& captions) {
        const auto start = std::chrono::steady_clock::now();
        types = count(captions);
        seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    double median() {
        std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2), seconds.end());
        return seconds[seconds.size() / 2];
    }
};

}  // namespace

int main() {
    const Captions captions = made_up(140'200);
    Variant variants[] = {{"numbered pairs", numbered}, {"unordered_map of strings", joined<Hashed>}, {"map of strings", joined<Ordered>}};
    for (int round = 0; round < 5; ++round)
        for (Variant& v : variants) v.run(captions);
    const double base = variants[0].median();
    for (Variant& v : variants) {
        std::printf("%-26s %5.1f x  (%.0f ms for %zu captions, %llu 4-gram types)\n", v.name, v.median() / base, 1e3 * v.median(),
                    captions.size(), static_cast<unsigned long long>(v.types[3]));
        if (v.types != variants[0].types) return 1;
    }
}
