// SPDX-License-Identifier: Apache-2.0
// The lexer behind the PTB tokenizer: longest match, precedence, contexts, repetition, refusals.
#include "svad/text/pattern.hpp"

#include <doctest/doctest.h>

using svad::text::PatternLexer;
using svad::text::PatternMatch;

namespace {

PatternMatch match(std::u32string_view pattern, std::u32string_view text, std::u32string_view context = {}) {
    return PatternLexer{{{pattern, context, 1}}, {{U"D", U"[0-9]"}}}.longest(text, 0);
}

}  // namespace

TEST_CASE("pattern: the longest match wins, and of equals the first rule") {
    PatternLexer lexer{{{U"[a-z]+", {}, 1}, {U"cat", {}, 2}, {U"cat s", {}, 3}, {U"\\d+", {}, 4}}, {}};
    CHECK(lexer.longest(U"cat", 0).action == 1);
    CHECK(lexer.longest(U"cat sits", 0).action == 3);
    CHECK(lexer.longest(U"a 12b", 2).action == 4);
    CHECK(lexer.longest(U"a 12b", 2).length == 2);
    CHECK(lexer.longest(U"!", 0).length == 0);
}

TEST_CASE("pattern: repetition takes as often as it says") {
    CHECK(match(U"ab?c", U"ac").length == 2);
    CHECK(match(U"ab?c", U"abbc").length == 0);
    CHECK(match(U"(ab)*c", U"ababc").length == 5);
    CHECK(match(U"(ab)*c", U"c").length == 1);
    CHECK(match(U"(ab)+c", U"c").length == 0);
    CHECK(match(U"(ab)+c", U"ababab").length == 0);
    CHECK(match(U"{D}{2,4}", U"12345").length == 4);
    CHECK(match(U"{D}{2,4}", U"1").length == 0);
    CHECK(match(U"({D}{1,2}x){2}", U"1x23x").length == 5);
    CHECK(match(U"(a|bc)+(d|e)?", U"abcbcad").length == 7);
    CHECK(match(U"(a+)+b", std::u32string(5000, U'a')).length == 0);   // no backtracking
}

TEST_CASE("pattern: classes hold ranges, negations, letters and escapes") {
    CHECK(match(U"[^a-c]+", U"xyzb").length == 3);
    CHECK(match(U"[\\d\\-x]+", U"1-x2y").length == 4);
    CHECK(match(U"\\l+", U"caf\u00e9\u4e2d1").length == 5);
    CHECK(match(U"a.b", U"a.b").length == 3);
    CHECK(match(U"a.b", U"axb").length == 0);
}

TEST_CASE("pattern: a context must follow, counts for the length and is not part of the token") {
    CHECK(match(U"[a-z]+", U"don't", U"n't").length == 5);
    CHECK(match(U"[a-z]+", U"don't", U"n't").token == 2);
    CHECK(match(U"[a-z]+", U"done", U"n't").length == 0);
}

TEST_CASE("pattern: a table that is not well formed is refused") {
    for (const char32_t* bad : {U"(a", U"a)", U"[a", U"a{2", U"{NOTHING}", U"a\\"}) CHECK_THROWS_AS((void)match(bad, U"a"), svad::UsageError);
}
