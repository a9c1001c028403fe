// SPDX-License-Identifier: Apache-2.0
// Numbers of words and n-grams, over several growths of the tables.
#include "svad/metrics/word_table.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace svad::metrics;

TEST_CASE("word table: numbers count from 0, stay, and lead back to the word") {
    WordTable table;
    CHECK(table.add("") == 0);
    for (std::uint32_t i = 0; i < 5000; ++i) CHECK(table.add(svad::join("word", i)) == i + 1);
    CHECK(table.add("word77") == 78);
    CHECK(table[78] == "word77");
    CHECK(table[0] == "");
    CHECK(table.size() == 5001);
}

TEST_CASE("gram table: every n-gram once with its count; equal ones have one number in all sentences") {
    GramTable table;
    std::vector<GramCount> first, second;
    table.count(std::vector<std::uint32_t>{1, 1, 1}, first);
    REQUIRE(first.size() == 3);   // 1, 1 1, 1 1 1
    for (std::size_t n = 0; n < 3; ++n) {
        CHECK(first[n].order() == n);
        CHECK(first[n].count == 3 - n);
    }
    table.count(std::vector<std::uint32_t>{1, 1, 2}, second);
    CHECK(second.size() == 5);    // 1, 2, 1 1, 1 2, 1 1 2
    CHECK(second[0].gram == first[0].gram);
    CHECK(second[0].count == 2);
    CHECK(second[2].gram == first[1].gram);
    CHECK(table.size() == 6);
}

TEST_CASE("gram table: as many n-grams as there are, through growth in the middle of a sentence") {
    GramTable table;
    std::vector<std::uint32_t> words;
    for (std::uint32_t i = 0; i < 20000; ++i) words.push_back(i);
    std::vector<GramCount> once, again;
    table.count(words, once);
    CHECK(once.size() == 4 * 20000 - 6);
    table.count(words, again);
    CHECK(table.size() == once.size());
    CHECK(again.back().gram == once.back().gram);
}
