// SPDX-License-Identifier: Apache-2.0
#include "svad/text/aligned.hpp"

#include <doctest/doctest.h>

using svad::text::AlignedText;
using svad::text::Span;

TEST_CASE("AlignedText: every byte has the range of its character, counted from the offset") {
    const AlignedText text("aé", 10, true);
    CHECK(text.span(0) == Span{10, 11});
    CHECK(text.span(1) == Span{11, 13});
    CHECK(text.span(2) == Span{11, 13});
    CHECK(text.span(0, 3) == Span{10, 13});
    CHECK(text.span(1, 1) == Span{11, 11});
    CHECK(text.span(3) == Span{});
}

TEST_CASE("AlignedText: bytes that are no UTF-8 are ranges of their own") {
    const AlignedText text("\xFF\xC3", 0, true);
    CHECK(text.span(0) == Span{0, 1});
    CHECK(text.span(1) == Span{1, 2});
}

TEST_CASE("AlignedText: what is appended keeps where it came from; without tracking nothing is kept") {
    const AlignedText text("aéb", 0, true);
    AlignedText out(true), plain;
    for (AlignedText* one : {&out, &plain}) {
        one->append(text, 1, 4);
        one->append(char32_t{0x4E2D}, Span{7, 9});
        one->append("xy", Span{3, 4});
        CHECK(one->text() == "éb中xy");
    }
    CHECK(out.span(0, 3) == Span{1, 4});
    CHECK(out.span(5) == Span{7, 9});
    CHECK(out.span(7) == Span{3, 4});
    CHECK(plain.span(0) == Span{});
}
