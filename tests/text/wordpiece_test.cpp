// SPDX-License-Identifier: Apache-2.0
#include "svad/text/wordpiece.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace svad::text;

namespace {

WordPieceModel model(std::size_t longest = 100) {
    Vocabulary words;
    std::int32_t id = 0;
    for (const char* token : {"[UNK]", "un", "una", "##aff", "##able", "##ffable", "é", "##é"}) words.add(token, id++, "v");
    return {std::move(words), 0, "##", longest};
}

std::vector<std::pair<int, unsigned>> tokens(std::string_view word, const WordPieceModel& m = model()) {
    std::vector<PieceToken> out;
    m.encode(word, out);
    std::vector<std::pair<int, unsigned>> plain;
    for (const PieceToken& t : out) plain.emplace_back(t.id, t.length);
    return plain;
}
using Tokens = std::vector<std::pair<int, unsigned>>;

}  // namespace

TEST_CASE("WordPiece: the longest token wins at every place, also where it is the worse choice") {
    CHECK(tokens("unaffable") == Tokens{{2, 3}, {5, 6}});
    CHECK(tokens("unaff") == Tokens{{0, 5}});   // una takes the a that ##aff needs
    CHECK(tokens("éé") == Tokens{{6, 2}, {7, 2}});
}

TEST_CASE("WordPiece: a word with one unknown part, or of too many characters, is unknown as a whole") {
    CHECK(tokens("unx") == Tokens{{0, 3}});
    CHECK(tokens("able") == Tokens{{0, 4}});
    CHECK(tokens("éé", model(2)) == Tokens{{6, 2}, {7, 2}});
    CHECK(tokens("ééé", model(2)) == Tokens{{0, 6}});
    CHECK(tokens("").empty());
}
