// SPDX-License-Identifier: Apache-2.0
// Lists of words as hashes: what is in, what is not, and hostile bytes.
#include "svad/text/lexicon.hpp"

#include "svad/text/segmenter.hpp"
#include "svad/text/tagger.hpp"

#include <doctest/doctest.h>

using namespace svad;
using text::Lexicon;

namespace {

const std::string shipped = std::string(SVAD_FIXTURES) + "/../../examples/taggers/";

text::TaggerOptions small(Lexicon lexicon) {
    text::TaggerOptions options;
    options.epochs = 20, options.learners = 1, options.slots = 20'000, options.lexicon = std::move(lexicon);
    return options;
}

}  // namespace

TEST_CASE("Lexicon: classes are numbered as they come, counts are optional, the first line of a word counts") {
    const Lexicon list = Lexicon::parse("跑 120 v\n北京\tns\nB超 3 n\r\n跑 7 n\n\n西 瓜 2 n\n7 3 m\n", "l");
    CHECK(list.size() == 5);
    CHECK(list.find("跑") == 1);
    CHECK(list.find("北京") == 2);
    CHECK(list.find("B超") == 3);
    CHECK(list.find("西 瓜") == 3);
    CHECK(list.find("7") == 4);
    CHECK(list.find("北") == 0);
    CHECK(list.find("") == 0);
    CHECK(Lexicon{}.find("跑") == 0);
}

TEST_CASE("Lexicon: twenty thousand words are all found again, in their bytes too, and no other word is") {
    std::string lines;
    for (int i = 0; i < 20000; ++i) lines += join("word", i, " ", i % 200, "c\n");
    const Lexicon list = Lexicon::from_bytes(Lexicon::parse(lines, "l").bytes(), "b");
    CHECK(list.size() == 20000);
    std::size_t right = 0, strangers = 0;
    for (int i = 0; i < 20000; ++i) {
        right += list.find(join("word", i)) == i % 200 + 1;
        strangers += list.find(join("other", i)) != 0;
    }
    CHECK(right == 20000);
    CHECK(strangers <= 3);   // 20,000 look-ups in 20,000 hashes of 32 bits: 0.1 are expected
}

TEST_CASE("Lexicon: a list that is none is refused with its line, damaged bytes with what does not fit") {
    CHECK_THROWS_WITH_AS((void)Lexicon::parse("a n\nlonely\n", "l"), "l:2: must be \"word [count] class\"; got one field", io::FormatError);
    std::string many;
    for (int i = 0; i < 256; ++i) many += join("w", i, " c", i, "\n");
    CHECK_THROWS_WITH_AS((void)Lexicon::parse(many, "l"), doctest::Contains("l:256: more than 255 classes"), io::FormatError);
    const std::string bytes = Lexicon::parse("a n\nb n\n", "l").bytes();
    CHECK(Lexicon::from_bytes("", "b").empty());
    CHECK_THROWS_AS((void)Lexicon::from_bytes(bytes.substr(1), "b"), io::FormatError);
    std::string wrong = bytes;
    wrong[7] = static_cast<char>(wrong[7] + 1);
    CHECK_THROWS_WITH_AS((void)Lexicon::from_bytes(wrong, "b"), doctest::Contains("must have 2 words; got 3"), io::FormatError);
}

TEST_CASE("Lexicon: a segmenter and a tagger know words that only the list holds") {
    const auto lesson = text::parse_treebank("我\tPRON\n喜欢\tVERB\n北京\tPROPN\n\n他\tPRON\n去\tVERB\n上海\tPROPN\n\n我\tPRON\n看\tVERB\n狗\tNOUN\n\n他\tPRON\n养\tVERB\n牛\tNOUN\n", "t");
    const Lexicon list = Lexicon::parse("我 r\n他 r\n喜欢 v\n去 v\n看 v\n养 v\n北京 ns\n上海 ns\n广州 ns\n狗 n\n牛 n\n羊 n\n", "l");
    const auto cut = text::Segmenter::parse(text::Segmenter::train(lesson, small(list)).bytes(), "s");
    CHECK(cut("他喜欢广州") == std::vector<std::string_view>{"他", "喜欢", "广州"});
    const auto tag = text::Tagger::parse(text::Tagger::train(lesson, small(list)).bytes(), "t");
    using text::Upos;
    CHECK(tag(std::vector<std::string_view>{"我", "看", "广州"})[2] == Upos::propn);
    CHECK(tag(std::vector<std::string_view>{"我", "看", "羊"})[2] == Upos::noun);
}

TEST_CASE("the shipped models read plain sentences") {
    const auto cut = text::Segmenter::load(shipped + "zh.segmenter");
    const auto words = cut("她打开冰箱，拿出一瓶牛奶");
    CHECK(words == std::vector<std::string_view>{"她", "打开", "冰箱", "，", "拿出", "一", "瓶", "牛奶"});
    using text::Upos;
    const auto zh = text::Tagger::load(shipped + "zh.tagger");
    CHECK(zh(words) == std::vector{Upos::pron, Upos::verb, Upos::noun, Upos::punct, Upos::verb, Upos::num, Upos::noun, Upos::noun});
    const auto en = text::Tagger::load(shipped + "en.tagger");
    CHECK(en(std::vector<std::string_view>{"A", "young", "woman", "slowly", "pours", "coffee", "into", "two", "cups", "."}) ==
          std::vector{Upos::det, Upos::adj, Upos::noun, Upos::adv, Upos::verb, Upos::noun, Upos::adp, Upos::num, Upos::noun, Upos::punct});
}
