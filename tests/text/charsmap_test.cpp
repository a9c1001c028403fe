// SPDX-License-Identifier: Apache-2.0
#include "svad/core/random.hpp"
#include "svad/text/charsmap.hpp"

#include <doctest/doctest.h>

#include <string>

using svad::text::Charsmap;

TEST_CASE("Charsmap: an array shorter than it says, or of odd length, is an error") {
    CHECK(Charsmap("", "m").empty());
    for (const std::string& blob : {std::string("abc"), std::string("\x08\0\0\0abcd", 8), std::string("\x03\0\0\0abc", 7), std::string(4, '\0')})
        CHECK_THROWS_AS(Charsmap(blob, "m"), svad::io::FormatError);
}

TEST_CASE("Charsmap: random arrays are searched without leaving them, and a match lies in the text") {
    svad::Random random{5};
    for (int round = 0; round < 300; ++round) {
        std::string blob("\x00\x04\0\0", 4);
        while (blob.size() < 4 + 1024 + 20) blob += static_cast<char>(random.below(round % 3 ? 256 : 8));
        const Charsmap rules(blob, "m");
        for (int c = 0; c < 256; ++c) {
            const std::string text(40, static_cast<char>(c));
            CHECK(rules.longest(text).length <= text.size());
            CHECK(rules.shortest(text).length <= rules.longest(text).length);
        }
    }
}
