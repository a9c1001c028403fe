// SPDX-License-Identifier: Apache-2.0
#include "svad/text/token_decoder.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace svad::text;

namespace {

std::string decoded(const std::vector<std::string>& tokens, const std::vector<DecoderStep>& steps) { return decode_tokens(tokens, steps); }

}  // namespace

TEST_CASE("decoders: without one, tokens are joined by blanks; bytes follow each other") {
    CHECK(decoded({"a", "b"}, {}) == "a b");
    CHECK(decoded({"a", " b"}, {join_tokens::Bytes{}}) == "a b");
    CHECK(decoded({}, {}).empty());
}

TEST_CASE("decoders: WordPiece glues continuations and tidies punctuation only if told") {
    CHECK(decoded({"play", "##ing", "."}, {join_tokens::WordPiece{}}) == "playing.");
    CHECK(decoded({"play", "##ing", "."}, {join_tokens::WordPiece{"##", false}}) == "playing .");
    CHECK(decoded({"##a"}, {join_tokens::WordPiece{}}) == "##a");
}

TEST_CASE("decoders: Metaspace drops the first blank, a suffix ends words but the last") {
    CHECK(decoded({"▁a", "b▁c"}, {join_tokens::Metaspace{}}) == "ab c");
    CHECK(decoded({"▁a"}, {join_tokens::Metaspace{"▁", false}}) == " a");
    CHECK(decoded({"a</w>", "b", "c</w>"}, {join_tokens::Suffix{}}) == "a bc");
}

TEST_CASE("decoders: runs of byte tokens are characters, or one sign of doubt a byte") {
    CHECK(decoded({"x", "<0xC3>", "<0xA9>", "y"}, {join_tokens::ByteFallback{}}) == "xéy");
    CHECK(decoded({"<0xC3>", "y", "<0xa9>"}, {join_tokens::ByteFallback{}}) == "\uFFFDy\uFFFD");
    CHECK(decoded({"<0xG0>"}, {join_tokens::ByteFallback{}}) == "<0xG0>");
}

TEST_CASE("decoders: the steps of LLaMA in order give text without its first blank") {
    CHECK(decoded({"▁Hi", "▁", "<0x0A>"}, {join_tokens::Replace{"▁", " "}, join_tokens::ByteFallback{}, join_tokens::Fuse{}, join_tokens::Strip{" ", 1, 0}}) ==
          "Hi \n");
}

TEST_CASE("decoders: CTC takes repeats as one, keeps repeats that a pad parts, and leaves pads out") {
    CHECK(decoded({"<pad>", "h", "h", "e", "l", "l", "<pad>", "l", "o", "|", "|", "y"}, {join_tokens::Ctc{}}) == "hello y");
    CHECK(decoded({"a", "|", "b"}, {join_tokens::Ctc{"<pad>", "|", false}}) == "a|b");
}
