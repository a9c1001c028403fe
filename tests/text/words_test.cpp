// SPDX-License-Identifier: Apache-2.0
#include "svad/text/words.hpp"

#include <doctest/doctest.h>

using namespace svad::text;
using Words = std::vector<std::string_view>;

TEST_CASE("blank words: any Unicode white space separates, case and punctuation stay") {
    CHECK(blank_words("  A dog,\truns.\n") == Words{"A", "dog,", "runs."});
    CHECK(blank_words("a\xC2\xA0" "b\xE3\x80\x80" "c\x1C" "d") == Words{"a", "b", "c", "d"});
    CHECK(blank_words("zero\xE2\x80\x8Bwidth") == Words{"zero\xE2\x80\x8Bwidth"});   // U+200B is no white space
    CHECK(blank_words(" \n ").empty());
    CHECK(blank_words("").empty());
}

TEST_CASE("characters: one a code point, ill-formed parts one each, nothing but white space lost") {
    CHECK(characters("\xE4\xB8\x80 \xE5\xAF\xB9") == Words{"\xE4\xB8\x80", "\xE5\xAF\xB9"});
    CHECK(characters("a\xFF\xE4\xB8z") == Words{"a", "\xFF", "\xE4\xB8", "z"});
    CHECK(characters(std::string_view("\0", 1)).size() == 1);
}

TEST_CASE("plain words: lower-cased runs of letters, digits, apostrophes and hyphens") {
    CHECK(plain_words("The boy's T-shirt, No. 7!") == "the boy's t-shirt no 7");
    CHECK(plain_words("caf\xC3\xA9 au lait") == "caf au lait");
    CHECK(plain_words("\xE2\x84\xAA" "elvin") == "kelvin");            // U+212A lower-cases to k
    CHECK(plain_words("\xC4\xB0stanbul") == "i stanbul");              // U+0130 lower-cases to i and a combining dot
    CHECK(plain_words("?!").empty());
}
