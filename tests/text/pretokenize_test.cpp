// SPDX-License-Identifier: Apache-2.0
// The GPT-2 split: pieces by hand, and laws for any bytes.
#include "svad/text/pretokenize.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using svad::text::split_gpt2;
using Pieces = std::vector<std::string_view>;

TEST_CASE("split_gpt2: words take one blank along, contractions and digits come apart") {
    CHECK(split_gpt2("Hello world, it's 2024!") == Pieces{"Hello", " world", ",", " it", "'s", " 2024", "!"});
    CHECK(split_gpt2("we'll DON'T") == Pieces{"we", "'ll", " DON", "'", "T"});
    CHECK(split_gpt2("") == Pieces{});
}

TEST_CASE("split_gpt2: of a run of white space the last goes with what follows, if it is a blank") {
    CHECK(split_gpt2("a   b") == Pieces{"a", "  ", " b"});
    CHECK(split_gpt2("a \n\tb") == Pieces{"a", " \n", "\t", "b"});
    CHECK(split_gpt2("a  ") == Pieces{"a", "  "});
    CHECK(split_gpt2("\n") == Pieces{"\n"});
}

TEST_CASE("split_gpt2: single digits cut the text first") {
    CHECK(split_gpt2("in 2024", {.single_digits = true}) == Pieces{"in", " ", "2", "0", "2", "4"});
}

TEST_CASE("split_gpt2: the pieces of any bytes are not empty and concatenate to them") {
    svad::Random random{5};
    const std::string_view alphabet = "a1 '\n\t.\xe4\xb8\xad\xff\xc2\xa0s";
    for (int round = 0; round < 500; ++round) {
        std::string text;
        for (svad::Index n = random.below(30); n > 0; --n) text += random.pick(alphabet);
        for (const bool digits : {false, true}) {
            std::string together;
            for (const std::string_view piece : split_gpt2(text, {.single_digits = digits})) {
                CHECK_FALSE(piece.empty());
                together += piece;
            }
            CHECK(together == text);
        }
    }
}
