// SPDX-License-Identifier: Apache-2.0
// The segmenter: what it must learn, and that its words cover any bytes.
#include "svad/text/segmenter.hpp"

#include "svad/text/tagger.hpp"

#include <doctest/doctest.h>

using namespace svad;
using text::Segmenter;
using Words = std::vector<std::string_view>;

namespace {

Segmenter small_segmenter() {
    const auto sentences = text::parse_treebank("我们\tPRON\n喜欢\tVERB\n狗\tNOUN\n\n我们\tPRON\n看\tVERB\n狗\tNOUN\n\n他\tPRON\n喜欢\tVERB\n我们\tPRON\n", "t");
    text::TaggerOptions options;
    options.epochs = 20, options.learners = 1, options.slots = 20'000;
    return Segmenter::train(sentences, options);
}

}  // namespace

TEST_CASE("Segmenter: known words come apart, white space ends a word and is dropped") {
    const Segmenter cut = small_segmenter();
    CHECK(cut("我们喜欢狗") == Words{"我们", "喜欢", "狗"});
    CHECK(cut(" 我们\n看　狗 ") == Words{"我们", "看", "狗"});
    CHECK(cut("").empty());
    CHECK(cut(" \t\n").empty());
}

TEST_CASE("Segmenter: the words are all of the text but white space, for any bytes") {
    const Segmenter cut = small_segmenter();
    std::uint64_t state = 1;
    for (int round = 0; round < 300; ++round) {
        std::string bytes, kept, joined;
        for (int i = 0; i < 60; ++i) bytes += static_cast<char>((state = text::detail::mix(state, 9)) >> 40);
        for (std::size_t at = 0; at < bytes.size();) {
            const auto c = text::next_code_point(bytes, at);
            if (text::class_of(c.value) != text::CharacterClass::space) kept += bytes.substr(at, c.length);
            at += c.length;
        }
        for (const auto word : cut(bytes)) {
            CHECK(!word.empty());
            joined += word;
        }
        CHECK(joined == kept);
    }
}

TEST_CASE("Segmenter: files round trip, and a tagger's file or a damaged one is refused") {
    const std::string bytes = small_segmenter().bytes();
    CHECK(Segmenter::parse(bytes, "t").bytes() == bytes);
    CHECK_THROWS_AS((void)text::Tagger::parse(bytes, "t"), io::FormatError);
    CHECK_THROWS_AS((void)Segmenter::parse(bytes.substr(0, bytes.size() - 1), "t"), io::FormatError);
    CHECK_THROWS_AS((void)Segmenter::parse("", "t"), io::FormatError);
}
