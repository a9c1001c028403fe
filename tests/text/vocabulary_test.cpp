// SPDX-License-Identifier: Apache-2.0
#include "svad/text/vocabulary.hpp"

#include <doctest/doctest.h>

#include <string>

using svad::text::Vocabulary;

TEST_CASE("Vocabulary: thousands of strings are found again by their ids, and no others") {
    Vocabulary all;
    for (std::int32_t i = 0; i < 5000; ++i) all.add("token" + std::to_string(i * 7), i, "v");
    for (std::int32_t i = 0; i < 5000; ++i) {
        CHECK(all.find("token" + std::to_string(i * 7)) == i);
        CHECK(all.find("token" + std::to_string(i * 7 + 1)) == -1);
        CHECK(all.string(i) == "token" + std::to_string(i * 7));
    }
    CHECK(all.count() == 5000);
    CHECK(Vocabulary{}.find("") == -1);
}

TEST_CASE("Vocabulary: gaps have no string, and a zero byte is a byte") {
    Vocabulary all;
    all.add(std::string("a\0b", 3), 4, "v");
    CHECK(all.size() == 5);
    CHECK(all.count() == 1);
    CHECK_FALSE(all.has(3));
    CHECK(all.has(4));
    CHECK_FALSE(all.has(-1));
    CHECK(all.string(0).empty());
    CHECK(all.find("a") == -1);
    CHECK(all.find(std::string("a\0b", 3)) == 4);
}

TEST_CASE("Vocabulary: a string or an id that is taken is an error; an unfound string has an id only") {
    Vocabulary all;
    all.add("a", 0, "v");
    all.add_unfound("b", 1, "v");
    CHECK(all.find("b") == -1);
    CHECK(all.string(1) == "b");
    CHECK_THROWS_AS(all.add("a", 2, "v"), svad::io::FormatError);
    CHECK_THROWS_AS(all.add("c", 1, "v"), svad::io::FormatError);
}
