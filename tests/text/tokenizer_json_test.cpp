// SPDX-License-Identifier: Apache-2.0
// What a tokenizer.json says beside its model: lengths, templates, fallbacks; and what it may not say.
#include "svad/text/tokenizer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace svad::text;
using svad::io::FormatError;

namespace {

using Ids = std::vector<std::int32_t>;

/// A tokenizer of the words a to e (3 to 7) with more fields.
Tokenizer words(const std::string& more) {
    return Tokenizer::parse(R"({"model": {"type": "WordPiece", "unk_token": "?", "vocab": {"?": 0, "[": 1, "]": 2, "a": 3, "b": 4, "c": 5, "d": 6, "e": 7}},
        "pre_tokenizer": {"type": "Whitespace"}, )" + more + "}", "t");
}

const std::string frame = R"("post_processor": {"type": "BertProcessing", "cls": ["[", 1], "sep": ["]", 2]}, )";
constexpr EncodeOptions with_lengths{.lengths = true};

std::string truncation(const std::string& rest) { return "\"truncation\": {\"max_length\": 5" + rest + "}"; }

}  // namespace

TEST_CASE("tokenizer.json: text is cut at the side that the file names, special tokens stay") {
    CHECK(words(frame + truncation("")).encode_with("a b c d e", with_lengths).ids == Ids{1, 3, 4, 5, 2});
    const Encoding left = words(frame + truncation(R"(, "direction": "Left", "stride": 2)")).encode_with("a b c d e", with_lengths);
    CHECK(left.ids == Ids{1, 5, 6, 7, 2});
    CHECK(left.offsets[1] == Span{4, 5});
}

TEST_CASE("tokenizer.json: of two texts the longer is cut, or the one that the file names") {
    CHECK(words(truncation("")).encode_pair("a b c d", "e e", with_lengths).ids == Ids{3, 4, 5, 7, 7});
    CHECK(words(truncation(R"(, "strategy": "OnlySecond")")).encode_pair("a b c d", "e e", with_lengths).ids == Ids{3, 4, 5, 6, 7});
    const Tokenizer first = words(truncation(R"(, "strategy": "OnlyFirst", "direction": "Left")"));
    CHECK(first.encode_pair("a b c d", "e e", with_lengths).ids == Ids{4, 5, 6, 7, 7});
    CHECK_THROWS_AS((void)first.encode_pair("a", "b b b b b", with_lengths), svad::UsageError);
}

TEST_CASE("tokenizer.json: ids are filled up at the side that the file names, to a multiple") {
    const std::string pad = R"("padding": {"strategy": {"Fixed": 3}, "pad_to_multiple_of": 2, "pad_id": 0, "pad_type_id": 9, "direction": )";
    const Encoding left = words(pad + "\"Left\"}").encode_with("a", with_lengths);
    CHECK(left.ids == Ids{0, 0, 0, 3});
    CHECK(left.mask == Ids{0, 0, 0, 1});
    CHECK(left.type_ids == Ids{9, 9, 9, 0});
    CHECK(left.offsets[3] == Span{0, 1});
    CHECK(words(pad + "\"Right\"}").encode_with("a b c d e", with_lengths).ids == Ids{3, 4, 5, 6, 7});
}

TEST_CASE("tokenizer.json: two texts get the template of pairs and its types") {
    const Encoding pair = words(frame + "\"version\": \"1.0\"").encode_pair("a", "b");
    CHECK(pair.ids == Ids{1, 3, 2, 4, 2});
    CHECK(pair.type_ids == Ids{0, 0, 0, 1, 1});
    CHECK(pair.offsets[0] == Span{});
}

TEST_CASE("tokenizer.json: lengths of an unknown kind are errors that name the field") {
    CHECK_THROWS_WITH_AS((void)words(truncation(R"(, "direction": "Up")")), doctest::Contains("direction"), FormatError);
    CHECK_THROWS_WITH_AS((void)words(truncation(R"(, "strategy": "Both")")), doctest::Contains("strategy"), FormatError);
    CHECK_THROWS_WITH_AS((void)words(truncation(R"(, "stride": 5)")), doctest::Contains("stride"), FormatError);
    CHECK_THROWS_WITH_AS((void)words(R"("padding": {"strategy": "Most"})"), doctest::Contains("strategy"), FormatError);
    CHECK_THROWS_WITH_AS((void)words(R"("normalizer": {"type": "Precompiled", "precompiled_charsmap": "###"})"), doctest::Contains("base64"), FormatError);
}

TEST_CASE("tokenizer.json: Unigram spells an unknown piece by its bytes if it has all of them") {
    const Tokenizer tokenizer = Tokenizer::parse(R"({"model": {"type": "Unigram", "unk_id": 0, "byte_fallback": true,
        "vocab": [["?", 0], ["a", -1], ["<0xC3>", -9], ["<0xA9>", -9]]}})", "t");
    const Encoding spelt = tokenizer.encode_with("aéa");
    CHECK(spelt.ids == Ids{1, 2, 3, 1});
    CHECK(spelt.offsets == std::vector<Span>{{0, 1}, {1, 3}, {1, 3}, {3, 4}});
    CHECK(tokenizer.encode("aü") == Ids{1, 0});
    CHECK(tokenizer.encode("éü") == Ids{0});
}
