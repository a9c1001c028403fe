// SPDX-License-Identifier: Apache-2.0
#include "svad/text/normalizer.hpp"

#include <doctest/doctest.h>

using namespace svad::text;

namespace {

AlignedText after(std::string_view text, std::vector<NormalizerStep> steps) { return normalized(AlignedText{text, 0, true}, steps); }

}  // namespace

TEST_CASE("normalizer: NFC composes and the character has the range of its first part, marks keep the ranges of their places") {
    const AlignedText composed = after("e\u0301x", {normalize::Unicode{UnicodeForm::nfc}});
    CHECK(composed.text() == "\u00E9x");
    CHECK(composed.span(0, 2) == Span{0, 1});
    CHECK(composed.span(2, 3) == Span{3, 4});
    const AlignedText ordered = after("q\u0307\u0323", {normalize::Unicode{UnicodeForm::nfc}});
    CHECK(ordered.text() == "q\u0323\u0307");
    CHECK(ordered.span(1, 3) == Span{1, 3});
}

TEST_CASE("normalizer: compatibility forms, lower case with the dotted I, accents") {
    CHECK(after("ﬁ①", {normalize::Unicode{UnicodeForm::nfkc}}).text() == "fi1");
    CHECK(after("ÀİB", {normalize::Lowercase{}}).text() == "ài\u0307b");
    CHECK(after("e\u0301a", {normalize::StripAccents{}}).text() == "ea");
}

TEST_CASE("normalizer: what is put in has the range of its neighbour") {
    const AlignedText text = after("a b", {normalize::Prepend{"▁"}, normalize::Replace{" ", "▁"}});
    CHECK(text.text() == "▁a▁b");
    CHECK(text.span(0, 3) == Span{0, 1});
    CHECK(text.span(4, 7) == Span{1, 2});
    CHECK(after("", {normalize::Prepend{"▁"}}).empty());
}

TEST_CASE("normalizer: runs, ends and controls") {
    CHECK(after("a  b \t c", {normalize::ReplaceRuns{0, 1, " "}}).text() == "a b c");
    CHECK(after("a  b c", {normalize::ReplaceRuns{U' ', 2, "_"}}).text() == "a_b c");
    CHECK(after(" a b\n", {normalize::Strip{}}).text() == "a b");
    CHECK(after(" a ", {normalize::Strip{true, false}}).text() == "a ");
    CHECK(after("a\u0001\u200Bb", {normalize::Nmt{}}).text() == "a b");
}

TEST_CASE("normalizer: BERT's spaces Chinese, drops controls and accents, lowers") {
    CHECK(after("Ab\u0007 你好é", {normalize::Bert{}}).text() == "ab  你  好 e");
    CHECK(after("é", {normalize::Bert{true, true, false, false}}).text() == "é");
}
