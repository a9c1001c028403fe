// SPDX-License-Identifier: Apache-2.0
#include "../../examples/svad/tagging.hpp"

#include <doctest/doctest.h>

using namespace tool;

namespace {

std::vector<std::string_view> placed(std::string_view text) {
    return places(text, svad::text::ptb_tokenize(text, {.lower_case = false}));
}

}  // namespace

TEST_CASE("places: tokens are bytes of the text in order, also quotes and brackets that the treebank renames") {
    using Words = std::vector<std::string_view>;
    CHECK(placed("Two women can't sit.") == Words{"Two", "women", "ca", "n't", "sit", "."});
    CHECK(placed("a \"red\" jar (left)") == Words{"a", "\"", "red", "\"", "jar", "(", "left", ")"});
    CHECK(placed("the jar, the jar") == Words{"the", "jar", ",", "the", "jar"});
    CHECK(placed("").empty());
}

TEST_CASE("places: what was changed beyond recognition has no place, and the words behind it keep theirs") {
    const std::string text = "one two";
    const auto got = places(text, {"one", "gone", "two"});
    CHECK(got[1].empty());
    CHECK(got[2].data() == text.data() + 4);
    CHECK(places(std::string(1000, ' ') + "far", {"far"})[0].empty());   // a like token far behind is another word
}

TEST_CASE("places: any bytes give views into the text that do not overlap") {
    for (const std::string text : {"\xff\xfe a \xc3", "caf\xc3\xa9 \xe2\x80\x9cx\xe2\x80\x9d \xf0\x9f\x98\x80 end", "-LRB- `` '' \" (", "\0a\0"}) {
        const char* end = text.data();
        for (const std::string_view word : placed(text)) {
            if (word.empty()) continue;
            CHECK(word.data() >= end);
            end = word.data() + word.size();
            CHECK(end <= text.data() + text.size());
        }
    }
}
