// SPDX-License-Identifier: Apache-2.0
#include "svad/data/ngram_types.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

using namespace svad;
using namespace svad::data;

TEST_CASE("word ids: numbers in order of appearance, and back; the empty word and zero bytes are words too") {
    WordIds ids;
    const std::string_view zero("a\0b", 3);
    CHECK(ids("dog") == 0);
    CHECK(ids("") == 1);
    CHECK(ids(zero) == 2);
    CHECK(ids("a") == 3);
    CHECK(ids("dog") == 0);
    CHECK(ids[2] == zero);
    CHECK(ids[1].empty());
    CHECK(ids.size() == 4);
}

TEST_CASE("word ids: a hundred thousand words keep their numbers while the table grows") {
    WordIds ids;
    for (std::uint32_t i = 0; i < 100'000; ++i) REQUIRE(ids("word" + std::to_string(i)) == i);
    for (std::uint32_t i = 0; i < 100'000; i += 997) CHECK(ids("word" + std::to_string(i)) == i);
    CHECK(ids[99'999] == "word99999");
}

TEST_CASE("pair ids: the order of a pair matters, marks stay while the table grows") {
    PairIds ids;
    ids(1, 2).mark = 7;
    CHECK(ids(2, 1).id == 1);
    for (std::uint32_t i = 0; i < 10'000; ++i) (void)ids(i, 5);
    CHECK(ids(1, 2).id == 0);
    CHECK(ids(1, 2).mark == 7);
    CHECK(ids(0, 0xFFFFFFFF).mark == 0);
}

TEST_CASE("n-gram types: counts by hand for 'a a a' and 'a a'") {
    NgramTypes types;
    types.add(std::vector<std::uint32_t>{0, 0, 0});
    CHECK(types.counts()[0] == NgramCounts{3, 1, 0, 1, 1});
    CHECK(types.counts()[2] == NgramCounts{1, 1, 1, 1, 1});
    types.add(std::vector<std::uint32_t>{0, 0});
    CHECK(types.counts()[0] == NgramCounts{5, 1, 0, 0, 2});
    CHECK(types.counts()[1] == NgramCounts{3, 1, 0, 0, 2});
    CHECK(types.counts()[3] == NgramCounts{});
}

TEST_CASE("n-gram types: random corpora count as sets and maps of words do") {
    Random random(5, 0);
    NgramTypes types;
    std::array<std::map<std::vector<std::uint32_t>, std::pair<std::uint64_t, std::set<int>>>, 4> plain;   // count, where
    for (int annotation = 0; annotation < 300; ++annotation) {
        std::vector<std::uint32_t> words;
        for (Index n = random.below(12); n > 0; --n) words.push_back(static_cast<std::uint32_t>(random.below(6)));
        types.add(words);
        for (std::size_t n = 1; n <= 4; ++n)
            for (std::size_t i = 0; i + n <= words.size(); ++i) {
                auto& [count, where] = plain[n - 1][{words.begin() + static_cast<long>(i), words.begin() + static_cast<long>(i + n)}];
                ++count;
                where.insert(annotation);
            }
    }
    for (std::size_t n = 0; n < 4; ++n) {
        NgramCounts want;
        want.types = plain[n].size();
        for (const auto& [gram, seen] : plain[n]) {
            want.tokens += seen.first;
            want.once += seen.first == 1;
            want.in_one_annotation += seen.second.size() == 1;
            want.distinct_within += seen.second.size();
        }
        CHECK(types.counts()[n] == want);
    }
}
