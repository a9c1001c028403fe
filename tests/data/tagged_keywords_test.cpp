// SPDX-License-Identifier: Apache-2.0
#include "svad/data/tagged_keywords.hpp"

#include "svad/data/llm_keywords.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::data;
using text::TaggedWord;
using text::Upos;

namespace {

/// Tagged words laid out in `text` one after the other.
std::vector<TaggedWord> place(std::string_view text, std::initializer_list<std::pair<std::string_view, Upos>> words) {
    std::vector<TaggedWord> out;
    std::size_t at = 0;
    for (const auto& w : words) {
        at = text.find(w.first, at);
        REQUIRE(at != std::string_view::npos);
        out.push_back({at, at + w.first.size(), w.second});
        at += w.first.size();
    }
    return out;
}

std::string listed(const std::vector<KeywordSpan>& spans) {
    std::string out;
    for (const KeywordSpan& s : spans) out += s.keyword.word + "/" + s.keyword.kind + " ";
    return out;
}

}  // namespace

TEST_CASE("tagged keywords: kinds, ranks and places in English; light verbs and repeats are left out") {
    const std::string text = "Two women are holding a Red jar; the tall jar has a label on the left.";
    const auto found = keywords_of(text, place(text, {{"Two", Upos::num}, {"women", Upos::noun}, {"are", Upos::aux},
                                                       {"holding", Upos::verb}, {"a", Upos::det}, {"Red", Upos::adj},
                                                       {"jar", Upos::noun}, {"tall", Upos::adj}, {"jar", Upos::noun},
                                                       {"has", Upos::verb}, {"label", Upos::noun}, {"left", Upos::noun}}));
    CHECK(listed(found) == "Two/count Red/colour left/side women/object jar/object label/object holding/action tall/attribute ");
    for (const KeywordSpan& s : found) CHECK(text.substr(s.begin, s.end - s.begin) == s.keyword.word);
}

TEST_CASE("tagged keywords: Chinese") {
    const std::string text = "左侧的女人拿着三瓶红色果汁，画面是白色";
    const auto found = keywords_of(text, place(text, {{"左侧", Upos::noun}, {"的", Upos::part}, {"女人", Upos::noun},
                                                       {"拿着", Upos::verb}, {"三", Upos::num}, {"红色", Upos::noun},
                                                       {"果汁", Upos::noun}, {"画面", Upos::noun}, {"是", Upos::verb},
                                                       {"白色", Upos::noun}}));
    CHECK(listed(found) == "三/count 红色/colour 白色/colour 左侧/side 女人/object 果汁/object 拿着/action ");
    CHECK(keywords_of(text, place(text, {{"左侧", Upos::noun}, {"三", Upos::num}}), 1).size() == 1);
    const std::string measured = "一个女人拿着一把伞";   // measure words are no objects
    CHECK(listed(keywords_of(measured, place(measured, {{"个", Upos::noun}, {"女人", Upos::noun}, {"把", Upos::noun}, {"伞", Upos::noun}}))) ==
          "女人/object 伞/object ");
    CHECK_THROWS_AS((void)keywords_of("ab", std::vector<TaggedWord>{{1, 3, Upos::noun}}), UsageError);
}

TEST_CASE("blank: Chinese words need no blanks around them, and punctuation ends a word") {
    const auto gap = blank("她拿着红色果汁，红色很亮。", {"红色", "colour"});
    REQUIRE(gap);
    CHECK(gap->masked == "她拿着__果汁，__很亮。");
    CHECK(blank("一瓶cola，很甜", {"cola", "object"})->masked == "一瓶__，很甜");
    CHECK_FALSE(blank("naïveté", {"na", "object"}));
    CHECK(locate("红果汁", {{"果汁", "object"}, {"茶", "object"}}) == std::vector<KeywordSpan>{{{"果汁", "object"}, 3, 9}});
}

TEST_CASE("keywords of a model: strict reading") {
    CHECK(parse_keywords("[{\"word\": \"jar\", \"kind\": \"object\"}]")->size() == 1);
    CHECK(parse_keywords("Sure:\n```json\n[]\n```")->empty());
    for (const char* said : {"", "jar", "[\"jar\"]", "[{\"word\": \"jar\"}]", "[{\"word\": 1, \"kind\": \"object\"}]",
                             "[{\"word\": \"jar\", \"kind\": \"mood\"}]", "[] and []", "[{\"word\": \"\", \"kind\": \"object\"}]",
                             "[{\"word\": \"jar\", \"kind\": \"object\", \"x\": 1}]", "[{\"word\": \"jar\", \"kind\": \"object\"}"})
        CHECK_MESSAGE(!parse_keywords(said), said);
}

TEST_CASE("keywords of a model: bounded retries; what does not stand in the text is dropped and counted") {
    int asked = 0;
    text::LanguageModel model = [&](const text::Request& r) {
        ++asked;
        if (r.user == "mute") return text::Reply{"?", 0, 0};
        if (r.attempt == 0) return text::Reply{"I think", 0, 0};
        return text::Reply{R"([{"word":"果汁","kind":"object"},{"word":"猫","kind":"object"},{"word":"果汁","kind":"object"}])", 0, 0};
    };
    const LlmKeywords<text::LanguageModel> extract{model, {}};
    static_assert(KeywordExtractor<LlmKeywords<text::LanguageModel>>);
    CHECK(extract({}, "一瓶果汁") == std::vector<Keyword>{{"果汁", "object"}});
    CHECK(extract.counts.kept == 1);
    CHECK(extract.counts.dropped == 1);
    CHECK(asked == 2);
    CHECK(extract.spans("mute").empty());
    CHECK(asked == 5);
    CHECK(extract.counts.failed == 1);
    CHECK(extract.counts.unread == 4);
}
