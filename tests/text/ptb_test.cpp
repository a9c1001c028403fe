// SPDX-License-Identifier: Apache-2.0
// The PTB tokenizer: what captions hold, hostile bytes, and every shared line of the Java program's output.
#include "svad/text/ptb.hpp"

#include "svad/core/random.hpp"
#include "svad/io/file.hpp"
#include "svad/io/json.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using namespace svad::text;
namespace io = svad::io;

namespace {

std::string golden(const std::string& name) {
    const char* variable = std::getenv("SVAD_SHARED");
#ifdef SVAD_SHARED
    const std::string root = variable ? variable : SVAD_SHARED;
#else
    const std::string root = variable ? variable : "../shared";
#endif
    return root + "/goldens/text/metrics/" + name;
}

std::string joined(const std::vector<std::string>& tokens) {
    std::string out;
    for (const std::string& token : tokens) out += (out.empty() ? "" : " ") + token;
    return out;
}

std::string cased(std::string_view text) { return joined(ptb_tokenize(text, {.lower_case = false})); }

std::vector<io::Json> rows(const std::string& name) {
    std::string text;
    if (name.ends_with(".gz")) {
        std::FILE* pipe = ::popen(("gzip -dc '" + golden(name) + "'").c_str(), "r");
        char buffer[65536];
        for (std::size_t n = 0; pipe && (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
        if (pipe) ::pclose(pipe);
    } else {
        text = io::read_file(golden(name));
    }
    std::vector<io::Json> all;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        all.push_back(io::parse_json(std::string_view{text}.substr(start, end - start), name));
        start = end + 1;
    }
    return all;
}

}  // namespace

TEST_CASE("ptb_tokenize: contractions, possessives, quotes, money and abbreviations come apart as in the treebank") {
    CHECK(cased("They can't won't don't; it's the dogs' ball.") == "They ca n't wo n't do n't ; it 's the dogs ' ball .");
    CHECK(cased("\"Hello,\" she said (quietly)...") == "`` Hello , '' she said -LRB- quietly -RRB- ...");
    CHECK(cased("Mr. Smith paid $5.00 at 10:30 in the U.S.") == "Mr. Smith paid $ 5.00 at 10:30 in the U.S.");
    CHECK(cased("a state-of-the-art car - nice -- cannot stop") == "a state-of-the-art car - nice -- can not stop");
}

TEST_CASE("caption_words: lower case, no punctuation, and a lower-cased bracket stays as in the reference program") {
    CHECK(caption_words("A man (tall), running!") == "a man -lrb- tall -rrb- running");
    CHECK(caption_words("... !") == "");
    CHECK(caption_words("a man\nis\r\nrunning\xe2\x80\xa8" "fast") == "a man is running fast");
}

TEST_CASE("ptb_tokenize: any bytes give tokens without blanks, and time grows with length only") {
    svad::Random random{11};
    for (int round = 0; round < 200; ++round) {
        std::string text;
        for (svad::Index n = random.below(80); n > 0; --n) text += static_cast<char>(random.below(256));
        for (const std::string& token : ptb_tokenize(text)) {
            CHECK_FALSE(token.empty());
            CHECK(token.find(' ') == std::string::npos);
            CHECK(svad::text::find_invalid_utf8(token) == std::string::npos);
        }
    }
    CHECK(ptb_tokenize("").empty());
    CHECK(ptb_tokenize(std::string(20000, '(')).size() == 20000);
    CHECK(ptb_tokenize(std::string(20000, 'a')).size() == 1);
}

TEST_CASE("ptb_tokenize: abbreviations in any case keep their full stop, those that are words too only with a capital") {
    CHECK(joined(ptb_tokenize("on morgan rd. near 11th st. of dr. x")) == "on morgan rd. near 11th st. of dr. x");
    CHECK(joined(ptb_tokenize("in Mass. the mass. x")) == "in mass. the mass . x");
    CHECK(joined(ptb_tokenize("at 10 a.m. The end")) == "at 10 a.m. . the end");
    CHECK(joined(ptb_tokenize("x-ray., approx.: y")) == "x-ray. , approx. : y");
}

TEST_CASE("ptb_tokenize: apostrophes inside names stay, those of years and contractions go with their letters") {
    CHECK(joined(ptb_tokenize("Qa'ida and O'Brien, '07 was y'all's")) == "qa'ida and o'brien , '07 was y' all 's");
    CHECK(joined(ptb_tokenize("they'll", {.end_of_input = true})) == "they ` ll");
}

TEST_CASE("ptb_tokenize: text that begins a tag or an address a million times is read in linear time") {
    for (const char* start : {"<!", "a@", "<a ", "http://", "a."}) {
        std::string text;
        while (text.size() < 200000) text += start;
        CHECK(!ptb_tokenize(text).empty());
    }
}

TEST_CASE("ptb_tokenize: every line of the Java program's output is reproduced") {
    if (!io::exists(golden("ptb_tricky.jsonl"))) {
        MESSAGE("skipped: no shared goldens");
        return;
    }
    int lines = 0;
    for (const char* name : {"ptb_tricky.jsonl", "ptb_ewt.jsonl.gz"}) {
        for (const io::Json& row : rows(name)) {
            const auto text = row["text"].get<std::string>();
            CAPTURE(text);
            CHECK(joined(ptb_tokenize(text)) == row["lower"].get<std::string>());
            CHECK(cased(text) == row["cased"].get<std::string>());
            CHECK(caption_words(text) == row["coco"].get<std::string>());
            ++lines;
        }
    }
    CHECK(lines == 2500);
    for (const io::Json& row : rows("ptb_neighbours.jsonl")) {
        const auto text = row["text"].get<std::string>();
        CAPTURE(text);
        const std::string got = joined(ptb_tokenize(text));
        CAPTURE(got);
        int matches = 0;
        for (const io::Json& variant : row["lower_variants"]) matches += got == variant.get<std::string>();
        CHECK(matches == 1);
    }
}
