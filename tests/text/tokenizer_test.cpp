// SPDX-License-Identifier: Apache-2.0
// Byte-level BPE from end to end: laws, hostile files, and the ids of the tokenizers library.
#include "svad/text/tokenizer.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using svad::Index;
using svad::text::Specials;
using svad::text::Tokenizer;
namespace io = svad::io;

namespace {

std::vector<std::string> small_corpus() {
    return {"a man is riding a brown horse", "a man walks and a dog runs", "the dog's ball isn't red, it's blue",
            "一个男人在骑马", "3 dogs, 12 cats and 1 < 2 <eos>"};
}

std::string shared_text(const std::string& name) {
    const char* variable = std::getenv("SVAD_SHARED");
#ifdef SVAD_SHARED
    const std::string root = variable ? variable : SVAD_SHARED;
#else
    const std::string root = variable ? variable : "../shared";
#endif
    return root + "/goldens/text/tokenizers/" + name;
}

std::string gunzip(const std::string& path) {
    std::string out;
    std::FILE* pipe = ::popen(("gzip -dc '" + path + "'").c_str(), "r");
    char buffer[65536];
    for (std::size_t n = 0; pipe && (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
    if (pipe) ::pclose(pipe);
    return out;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        lines.push_back(text.substr(start, end - start));
        start = end + 1;
    }
    return lines;
}

std::string from_hex(const std::string& hex) {
    std::string out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return out;
}

/// Compares a tokenizer with the library's rows; returns how many texts were compared.
int compare(const Tokenizer& tokenizer, const std::string& expected) {
    const auto texts = lines_of(io::read_file(shared_text("texts.jsonl")));
    const auto rows = lines_of(gunzip(shared_text(expected)));
    REQUIRE(rows.size() == texts.size());
    int compared = 0;
    for (std::size_t r = 0; r < rows.size(); ++r) {
        const io::Json row = io::parse_json(rows[r], expected), text = io::parse_json(texts[r], "texts");
        REQUIRE(row["i"] == text["i"]);
        const std::string given = text.contains("hex") ? from_hex(text["hex"].get<std::string>()) : text["text"].get<std::string>();
        const std::string shown = text.contains("hex") ? svad::text::replace_invalid_utf8(given) : given;
        const auto ids = tokenizer.encode(shown, Specials::as_tokens);
        CAPTURE(shown);
        CHECK(ids == row["ids"].get<std::vector<std::int32_t>>());
        const std::string decoded = svad::text::replace_invalid_utf8(tokenizer.decode(ids, Specials::as_text));
        CHECK(decoded == (row.contains("dec") ? row["dec"].get<std::string>() : shown));
        if (tokenizer.covers_all_bytes()) CHECK(tokenizer.decode(tokenizer.encode(given)) == given);
        ++compared;
    }
    return compared;
}

}  // namespace

TEST_CASE("tokenizer: decode(encode(s)) is s for random bytes, with and without merges") {
    const auto corpus = small_corpus();
    const Tokenizer tokenizer = Tokenizer::train(corpus, {.vocabulary = 320});
    svad::Random random{7};
    for (int round = 0; round < 300; ++round) {
        std::string bytes;
        for (Index n = random.below(40); n > 0; --n) bytes += static_cast<char>(random.below(256));
        CHECK(tokenizer.decode(tokenizer.encode(bytes)) == bytes);
    }
    for (const std::string& line : corpus) {
        CHECK(tokenizer.decode(tokenizer.encode(line)) == line);
        CHECK(tokenizer.encode(line).size() < line.size());
    }
    CHECK(tokenizer.encode("").empty());
}

TEST_CASE("tokenizer: specials come first, and are tokens only when asked for") {
    const Tokenizer tokenizer = Tokenizer::train(small_corpus(), {.vocabulary = 300});
    CHECK(tokenizer.vocabulary() == 300);
    CHECK(tokenizer.id("<pad>") == 0);
    CHECK(tokenizer.id("<eos>") == 2);
    CHECK_FALSE(tokenizer.has("<image>"));
    CHECK_THROWS_AS((void)tokenizer.id("<image>"), svad::UsageError);
    const auto text = tokenizer.encode("a<eos>b"), tokens = tokenizer.encode("a<eos>b", Specials::as_tokens);
    CHECK(std::count(text.begin(), text.end(), 2) == 0);
    CHECK(std::count(tokens.begin(), tokens.end(), 2) == 1);
    CHECK(tokens.size() == 3);
    CHECK(tokenizer.decode(tokens) == "ab");
    CHECK(tokenizer.decode(tokens, Specials::as_text) == "a<eos>b");
    CHECK_THROWS_AS((void)tokenizer.decode(std::vector<std::int32_t>{300}), svad::UsageError);
}

TEST_CASE("tokenizer: no merge spells a special token, however often the text does") {
    std::string text = "<eos>";
    for (int i = 0; i < 10; ++i) text += text;
    const Tokenizer tokenizer = Tokenizer::train(std::vector<std::string>{text, "eos", "<e"}, {.vocabulary = 400});
    for (const std::int32_t id : tokenizer.encode(text)) CHECK(id >= 4);
    CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
}

TEST_CASE("tokenizer: training twice gives one file, and the file gives the tokenizer back") {
    const auto corpus = small_corpus();
    const Tokenizer tokenizer = Tokenizer::train(corpus, {.vocabulary = 330, .split = {.single_digits = true}});
    const std::string file = tokenizer.to_json();
    CHECK(file == Tokenizer::train(corpus, {.vocabulary = 330, .split = {.single_digits = true}}).to_json());
    const Tokenizer again = Tokenizer::parse(file, "memory");
    CHECK(again.to_json() == file);
    for (const std::string& line : corpus) CHECK(again.encode(line) == tokenizer.encode(line));
    const std::string path = "tokenizer_test.json";
    tokenizer.save(path);
    CHECK(Tokenizer::load(path).to_json() == file);
    std::remove(path.c_str());
}

TEST_CASE("tokenizer: a cut or damaged tokenizer.json is a FormatError, never a crash") {
    const std::string file = Tokenizer::train(small_corpus(), {.vocabulary = 280}).to_json();
    for (std::size_t length = 0; length + 2 < file.size(); length += 211)
        CHECK_THROWS_AS((void)Tokenizer::parse(file.substr(0, length), "cut"), io::FormatError);
    svad::Random random{3};
    for (int round = 0; round < 200; ++round) {
        std::string damaged = file;
        for (int k = 0; k < 3; ++k)
            damaged[static_cast<std::size_t>(random.below(static_cast<Index>(file.size())))] = static_cast<char>(random.below(128));
        try {
            const Tokenizer read = Tokenizer::parse(damaged, "damaged");
            CHECK(read.decode(read.encode("a man")) == "a man");
        } catch (const io::FormatError&) {
        }
    }
    const auto with = [&](const char* change) {
        io::Json json = io::parse_json(file, "file");
        json.merge_patch(io::parse_json(change, "change"));
        return json.dump();
    };
    for (const char* change : {R"({"model":{"vocab":{"huge":2000000000}}})", R"({"model":{"vocab":{"huge":-1}}})",
                               R"({"model":{"vocab":{"!":5}}})", R"({"model":{"vocab":null}})",
                               R"({"model":{"type":"WordPiece"}})", R"({"model":{"merges":[["a","nothing"]]}})",
                               R"({"model":{"merges":[7]}})", R"({"model":{"merges":["ab"]}})", R"({"model":7})",
                               R"({"added_tokens":[{"id":4000000000,"content":"x"}]})", R"({"added_tokens":[3]})",
                               R"({"normalizer":{"type":"Wild"}})",
                               R"({"pre_tokenizer":{"type":"Split","pattern":{"Regex":"a+?b"},"behavior":"Isolated"}})"}) {
        CAPTURE(change);
        CHECK_THROWS_AS((void)Tokenizer::parse(with(change), "changed"), io::FormatError);
    }
}

TEST_CASE("tokenizer: a vocabulary too small for the bytes is refused") {
    CHECK_THROWS_AS((void)Tokenizer::train(small_corpus(), {.vocabulary = 259}), svad::UsageError);
    CHECK_THROWS_AS((void)Tokenizer::train(small_corpus(), {.specials = {"<a>", "<a>"}}), svad::UsageError);
    CHECK(Tokenizer::train({}, {}).vocabulary() == 260);
}

TEST_CASE("tokenizer: ids and text of every reference text equal the tokenizers library's") {
    if (!io::exists(shared_text("texts.jsonl"))) {
        MESSAGE("skipped: no shared goldens");
        return;
    }
    int compared = compare(Tokenizer::load(shared_text("trained/byte_level_bpe.json")), "expected/trained_byte_level_bpe.jsonl.gz");
    compared += compare(Tokenizer::parse(gunzip(shared_text("files/smollm2_tokenizer.json.gz")), "smollm2"),
                        "expected/smollm2_tokenizer_json.jsonl.gz");
    CHECK(compared == 926);
}

TEST_CASE("tokenizer: learns the merges and vocabulary of Hugging Face's BpeTrainer on its byte-level cases") {
    if (!io::exists(shared_text("bpe_training/bpe_training.json.gz"))) {
        MESSAGE("skipped: no shared goldens");
        return;
    }
    int compared = 0;
    for (const io::Json& one : io::parse_json(gunzip(shared_text("bpe_training/bpe_training.json.gz")), "cases")) {
        if (one["pre_tokenizer"] != "ByteLevel") continue;
        const auto texts = lines_of(io::read_file(shared_text("bpe_training/" + one["corpus_file"].get<std::string>())));
        const Tokenizer made = Tokenizer::train(texts, {.vocabulary = one["trainer"]["vocab_size"].get<Index>(), .specials = {}});
        const io::Json file = io::parse_json(made.to_json(), "made");
        CHECK(file["model"]["merges"] == one["merges"]);
        for (std::size_t id = 0; id < one["vocab"].size(); ++id) {
            const auto name = one["vocab"][id].get<std::string>();
            CHECK(file["model"]["vocab"].value(name, -1) == static_cast<int>(id));
        }
        ++compared;
    }
    CHECK(compared == 2);
}
