// SPDX-License-Identifier: Apache-2.0
#include "svad/text/added_tokens.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace svad::text;

namespace {

/// The parts of `text` as "text|<7>|text".
std::string parts(const AddedTokens& tokens, std::string_view text, Specials specials = Specials::as_tokens) {
    std::string out;
    tokens.split(text, specials, [&](TextPart part) {
        if (!out.empty()) out += '|';
        const std::string inside{text.substr(part.begin, part.end - part.begin)};
        out += part.id < 0 ? inside : std::to_string(part.id) + "[" + inside + "]";
    });
    return out;
}

}  // namespace

TEST_CASE("added tokens: leftmost first, then longest; what is between is text") {
    const AddedTokens tokens({{.text = "<a>", .id = 1}, {.text = "<a><b>", .id = 2}, {.text = "a>", .id = 3}});
    CHECK(parts(tokens, "x<a>y") == "x|1[<a>]|y");
    CHECK(parts(tokens, "<a><b><a>") == "2[<a><b>]|1[<a>]");
    CHECK(parts(tokens, "a>") == "3[a>]");
    CHECK(parts(tokens, "").empty());
    CHECK(parts(AddedTokens{}, "<a>") == "<a>");
}

TEST_CASE("added tokens: special ones are text unless asked for, others are always found") {
    const AddedTokens tokens({{.text = "<s>", .id = 1}, {.text = "word", .id = 2, .special = false}});
    CHECK(parts(tokens, "<s>word", Specials::as_text) == "<s>|2[word]");
    CHECK(parts(tokens, "<s>word") == "1[<s>]|2[word]");
}

TEST_CASE("added tokens: lstrip and rstrip take white space, single_word wants none of letters beside it") {
    const AddedTokens tokens({{.text = "<l>", .id = 1, .lstrip = true}, {.text = "<r>", .id = 2, .rstrip = true},
                              {.text = "ab", .id = 3, .special = false, .single_word = true}});
    CHECK(parts(tokens, "x \u3000<l> y") == "x|1[ \u3000<l>]| y");
    CHECK(parts(tokens, "x <r> \ny") == "x |2[<r> \n]|y");
    CHECK(parts(tokens, "ab abc éab -ab-") == "3[ab]| abc éab -|3[ab]|-");
}
