// SPDX-License-Identifier: Apache-2.0
// Treebanks: both formats, and lines that are neither.
#include "svad/text/treebank.hpp"

#include <doctest/doctest.h>

using namespace svad;
using text::parse_treebank;

TEST_CASE("parse_treebank: lines of word and tag, blank lines between sentences, any line end") {
    const auto s = parse_treebank("A\tDET\r\ndog\tNOUN\n\n\n#\tSYM\n", "t");
    REQUIRE(s.size() == 2);
    CHECK(s[0].words == std::vector<std::string>{"A", "dog"});
    CHECK(s[0].tags == std::vector{text::Upos::det, text::Upos::noun});
    CHECK(s[1].words == std::vector<std::string>{"#"});
    CHECK(parse_treebank("", "t").empty());
}

TEST_CASE("parse_treebank: CoNLL-U gives syntactic words, without ranges, empty nodes and comments") {
    const std::string rest = "\t_\t_\t_\t_\t_\t_", text = "# text = don't\n1-2\tdon't\t_\t_" + rest + "\n1\tdo\tdo\tAUX" + rest +
                                                          "\n2\tn't\tnot\tPART" + rest + "\n2.1\tx\tx\tX" + rest + "\n";
    const auto s = parse_treebank(text, "t");
    REQUIRE(s.size() == 1);
    CHECK(s[0].words == std::vector<std::string>{"do", "n't"});
    CHECK(s[0].tags == std::vector{text::Upos::aux, text::Upos::part});
}

TEST_CASE("parse_treebank: a line that is not of the format is an error with its number") {
    CHECK_THROWS_WITH_AS((void)parse_treebank("a\tNOUN\nb\tNN\n", "f"),
                         "f: line 2: the tag is not a universal part of speech; got NN", io::FormatError);
    CHECK_THROWS_AS((void)parse_treebank("a\tNOUN\nb\n", "f"), io::FormatError);
    CHECK_THROWS_AS((void)parse_treebank("a\tb\tc\n", "f"), io::FormatError);
    CHECK_THROWS_AS((void)parse_treebank("\tNOUN\n", "f"), io::FormatError);
}
