// SPDX-License-Identifier: Apache-2.0
#include "../../examples/svad/word_source.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace tool;

namespace {

/// Tags long words as nouns, short ones as determiners and marks as punctuation; cuts Chinese in pairs of characters.
Models fakes() {
    Models m;
    m.english = m.chinese = [](std::span<const std::string_view> words) {
        std::vector<text::Upos> tags;
        for (const auto w : words) tags.push_back(w == "," || w == "\"" ? text::Upos::punct : w.size() > 2 ? text::Upos::noun : text::Upos::det);
        return tags;
    };
    m.segment = [](std::string_view text) {
        std::vector<std::string_view> words;
        for (std::size_t i = 0; i < text.size(); i += 6) words.push_back(text.substr(i, 6));
        return words;
    };
    return m;
}

data::AnnotationRow row_of(std::string_view caption) {
    data::AnnotationRow row;
    row.caption = caption;
    return row;
}

/// "word/tag word/tag" of a row, cut as its own first annotation asks.
std::string shown(const data::AnnotationRow& row, const std::string& words, const Models& models) {
    const WordSource source(words, mostly_han(row.caption), row, models);
    Words out;
    source(row, out);
    std::string text;
    for (std::size_t i = 0; i < out.words.size(); ++i)
        text += join(i ? " " : "", out.words[i], out.tags.empty() ? "" : "/", out.tags.empty() ? "" : out.tags[i]);
    return text;
}

}  // namespace

TEST_CASE("words: English is tagged as written and counted in lower case without punctuation") {
    CHECK(shown(row_of("A dog, \"Rex\"."), "auto", fakes()) == "a/DET dog/NOUN rex/NOUN");
    CHECK(shown(row_of("A dog, \"Rex\"."), "auto", Models{}) == "a dog rex");
    CHECK(shown(row_of("A dog, \"Rex\"."), "blanks", Models{}) == "A dog, \"Rex\".");
    CHECK(shown(row_of("A dog, \"Rex\"."), "plain", fakes()) == "a/DET dog/NOUN rex/NOUN");
}

TEST_CASE("words: Chinese is cut by the segmenter where there is one, else into characters without tags") {
    const auto row = row_of("一对夫妻");
    CHECK(shown(row, "auto", fakes()) == "一对/NOUN 夫妻/NOUN");
    CHECK(shown(row, "auto", Models{}) == "一 对 夫 妻");
    CHECK(shown(row, "characters", fakes()) == "一 对 夫 妻");
    CHECK_THROWS_AS(shown(row, "segments", Models{}), UsageError);
}

TEST_CASE("words: given words and tags come before all models, and their tag set is told by the first annotation") {
    auto row = row_of("一对夫妻");
    row.tokens = "一 对 夫妻", row.tags = "m q n";
    CHECK(shown(row, "auto", fakes()) == "一/m 对/q 夫妻/n");
    const WordSource source("auto", true, row, fakes());
    CHECK(source.groups()[1].tags == std::vector<std::string>{"v"});
    row.tags = "NUM NUM NOUN";
    CHECK(WordSource("auto", true, row, fakes()).groups()[1].tags == std::vector<std::string>{"VERB"});
    row.tags = {};
    CHECK(shown(row, "auto", fakes()) == "一/NOUN 对/NOUN 夫妻/NOUN");
}

TEST_CASE("words: an annotation without the tokens that the first one has is an error of its line") {
    auto first = row_of("x");
    first.tokens = "x";
    const WordSource source("auto", false, first, {});
    Words out;
    CHECK_THROWS_AS(source(row_of("y"), out), io::FormatError);
}

TEST_CASE("words: a caption is Chinese if more than half of its characters are") {
    CHECK(mostly_han("一个男人在吹长笛 DJ"));
    CHECK_FALSE(mostly_han("the word 一"));
    CHECK_FALSE(mostly_han(""));
}
