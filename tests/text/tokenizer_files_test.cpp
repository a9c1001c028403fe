// SPDX-License-Identifier: Apache-2.0
#include "svad/text/tokenizer_files.hpp"

#include "svad/text/tokenizer.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::text;

namespace {

using Ids = std::vector<std::int32_t>;

const std::string_view gpt2_pattern = split_patterns[0].text;

/// Ranks of a (0), b (1), c (2), ab (3), abc (4).
const std::string ranks = "YQ== 0\nYg== 1\nYw== 2\nYWI= 3\nYWJj 4\n";

const std::string bert_words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nhorse\n##s\nrid\n##es\na\n";

}  // namespace

TEST_CASE("read_tiktoken: neighbours whose bytes are a token merge at its rank, special tokens only when asked for") {
    const Tokenizer t{read_tiktoken(ranks, gpt2_pattern, {{"<end>", 5}}, "x.tiktoken")};
    CHECK(t.encode("abcab") == Ids{4, 3});
    CHECK(t.encode("cabc<end>", Specials::as_tokens) == Ids{2, 4, 5});
    CHECK(t.decode(Ids{4, 3}) == "abcab");
}

TEST_CASE("read_tiktoken: a bad line is named by file and number, an unknown pattern is shown") {
    CHECK_THROWS_WITH_AS((void)read_tiktoken("YQ== 0\n?? 1\n", gpt2_pattern, {}, "x"), "x: line 2 is not base64 and a rank", io::FormatError);
    CHECK_THROWS_WITH_AS((void)read_tiktoken("YQ== 99999\n", gpt2_pattern, {}, "x"), doctest::Contains("beyond the number of tokens (line 1)"), io::FormatError);
    CHECK_THROWS_WITH_AS((void)read_tiktoken("YQ== 0\nYQ== 1\n", gpt2_pattern, {}, "x"), doctest::Contains("has two ids"), io::FormatError);
    CHECK_THROWS_WITH_AS((void)read_tiktoken(ranks, "a+?b", {}, "x"), doctest::Contains("a+?b"), io::FormatError);
}

TEST_CASE("read_wordpiece_vocab: longest pieces, unknown words as a whole, pairs with their types") {
    const Tokenizer t{read_wordpiece_vocab(bert_words, true, "vocab.txt")};
    CHECK(t.encode("A horse rides") == Ids{8, 4, 6, 7});
    CHECK(t.encode("horsex") == Ids{1});
    const Encoding pair = t.encode_pair("a", "Horses");
    CHECK(pair.ids == Ids{2, 8, 3, 4, 5, 3});
    CHECK(pair.type_ids == Ids{0, 0, 0, 1, 1, 1});
    CHECK(pair.offsets[4] == Span{5, 6});
    CHECK_THROWS_WITH_AS((void)read_wordpiece_vocab("a\nb\n", true, "v"), doctest::Contains("[UNK]"), io::FormatError);
}

TEST_CASE("read_vocab_and_merges: ranks are the order of the lines") {
    io::Json vocab = io::Json::object();
    std::int32_t next = 0;
    for (int b = 0; b < 256; ++b) vocab[to_byte_characters(std::string(1, static_cast<char>(b)))] = next++;
    for (const char* token : {"ab", "bb"}) vocab[token] = next++;
    const Tokenizer t{read_vocab_and_merges(vocab.dump(), "#version: 0.2\nb b\na b\n", {cut::ByteLevel{}}, "x")};
    CHECK(t.encode("abb") == Ids{97, 257});
    CHECK(t.encode("ab") == Ids{256});
    CHECK(t.decode(t.encode("any \xFF bytes")) == "any \xFF bytes");
    CHECK_THROWS_WITH_AS((void)read_vocab_and_merges(vocab.dump(), "a nothing\n", {cut::ByteLevel{}}, "x"), doctest::Contains("merge 0 names a token"), io::FormatError);
}

TEST_CASE("tokenizer: a word of a million equal letters is encoded in linear time") {
    const std::string word(1000000, 'a');
    CHECK(Tokenizer{read_tiktoken(ranks, gpt2_pattern, {}, "x")}.encode(word).size() == 1000000);
    CHECK(Tokenizer{read_wordpiece_vocab(bert_words, true, "v")}.encode(word) == Ids{1});
    std::vector<std::string> texts{std::string(4096, 'a')};
    CHECK(Tokenizer::train(texts, {.vocabulary = 270}).encode(word).size() <= 1000000 / 256);
}

TEST_CASE("pre_tokenize: marking the blanks of many pieces without any is linear in the text") {
    const std::string digits(4000000, '1');
    std::size_t pieces = 0;
    pre_tokenize(AlignedText{digits, 0, false}, {cut::Digits{true}, cut::Metaspace{}}, [&](const AlignedText&, const auto& made) { pieces = made.size(); });
    CHECK(pieces == digits.size());
}

TEST_CASE("AddedTokens: a blank that takes the blanks to its left is looked for in linear time") {
    const AddedTokens blank{{{.text = " ", .id = 7, .lstrip = true}, {.text = "x", .id = 8, .lstrip = true}}};
    std::size_t found = 0;
    blank.split(std::string(1000000, ' ') + "a   x", Specials::as_tokens, [&](TextPart part) { found += part.id == 7; });
    CHECK(found == 1000003);
}
