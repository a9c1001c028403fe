// SPDX-License-Identifier: Apache-2.0
#include "svad/metrics/judge.hpp"

#include "io/temp_dir.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace svad;
using namespace svad::metrics;

TEST_CASE("score: one object with a score in range, alone, in prose, in a fence or in single quotes") {
    for (const char* said : {"{\"score\": 4}", "Here it is: {\"score\": 4} as asked.", "```json\n{\"score\": 4}\n```",
                             "{'score': 4}", "{''score'': 4}", "{\"score\": \"4\"}", "评分如下：{\"score\": 4}。"})
        CHECK_MESSAGE(parse_score(said) == 4.0, said);
    CHECK(parse_score("{\"score\": 4.8}") == 4.8);
    CHECK(parse_score("{\"score\": 0}") == 0.0);
}

TEST_CASE("score: what cannot be read is no score") {
    for (const char* said : {"", "4", "score: 4", "{\"score\": 6}", "{\"score\": -1}", "{\"score\": NaN}", "{\"score\": \"NaN\"}",
                             "{\"score\": null}", "{\"rating\": 4}", "{\"score\": 4, \"other\": 1}", "{\"score\": 4} or {\"score\": 2}",
                             "{\"score\": 4, \"score\": 2}", "{\"score\": [4]}", "{\"score\": 4", "{\"score\": 1e999}", "{{{{{{",
                             "{\"score\": true}", "{\"评分\": 4}", "{\"score\": \"four\"}"})
        CHECK_MESSAGE(!parse_score(said), said);
    CHECK_FALSE(parse_score(std::string(1 << 20, '{')));
}

TEST_CASE("judge: failures are counted and never enter a mean; the result does not depend on threads") {
    std::vector<JudgeItem> items;
    for (int i = 0; i < 20; ++i) items.push_back({std::to_string(i), "what?", "a jar", std::to_string(i), "", ""});
    const text::LanguageModel model = [](const text::Request& r) {
        if (r.user.find("Answer: 7\n") != std::string::npos) throw text::ModelError("no line");
        if (r.user.find("Answer: 8\n") != std::string::npos) return text::Reply{"no idea", 1, 1};
        return text::Reply{r.version == "svad-judge-1/detail" ? "{\"score\": 2}" : "{\"score\": 4.8}", 10, 2};
    };
    JudgeOptions o;
    const Judgement one = judge(model, items, o);
    o.parallel = 4;
    const Judgement four = judge(model, items, o);
    REQUIRE(one.aspects.size() == 4);
    CHECK(one.aspects[0].scored == 18);
    CHECK(one.aspects[0].failed == 2);
    CHECK(one.aspects[0].mean == doctest::Approx(4.8));
    CHECK(one.aspects[1].mean == doctest::Approx(2));
    CHECK(one.mean == doctest::Approx((3 * 4.8 + 2) / 4));
    CHECK(one.items[8][0].answers.size() == 3);
    CHECK(one.items[7][0].problem == "no line");
    CHECK(four.mean == one.mean);
    o.truncate = true;
    CHECK(judge(model, items, o).aspects[0].mean == doctest::Approx(4));
    CHECK(judge(model, items, o).signature != one.signature);
}

TEST_CASE("judge: without one scored item a mean is no number; consistency needs two answers") {
    const std::vector<JudgeItem> items{{"a", "q", "r", "p", "", ""}};
    const text::LanguageModel mute = [](const text::Request&) { return text::Reply{}; };
    JudgeOptions o;
    CHECK(std::isnan(judge(mute, items, o).mean));
    o.aspects = {Aspect::consistency};
    CHECK_THROWS_AS((void)judge(mute, items, o), UsageError);
}

TEST_CASE("cached model: a killed run resumes, asks nothing twice and drops a torn line") {
    const TempDir dir;
    const std::string path = dir / "cache.jsonl";
    int asked = 0;
    const text::LanguageModel model = [&](const text::Request& r) {
        ++asked;
        return text::Reply{"said " + r.user, 3, 2};
    };
    text::Request a{"v1", "m", "s", "甲", 0, 64, 0}, b = a;
    b.user = "b";
    {
        text::CachedModel cached{model, path};
        CHECK(cached(a).text == "said 甲");
        CHECK(cached(a).text == "said 甲");
        CHECK(cached(b).text == "said b");
        CHECK(asked == 2);
        CHECK(cached.spent().cached == 1);
        CHECK(cached.spent().prompt_tokens == 6);
    }
    const std::string whole = io::read_file(path);
    io::write_atomic(path, whole.substr(0, whole.size() - 5));
    {
        text::CachedModel cached{model, path};
        CHECK(cached(a).text == "said 甲");
        CHECK(asked == 2);
        CHECK(cached(b).text == "said b");
        CHECK(asked == 3);
    }
    CHECK(io::read_file(path) == whole);
    text::Request other = a;
    other.version = "v2";
    text::CachedModel cached{model, path};
    (void)cached(other);
    CHECK(asked == 4);
}

TEST_CASE("cached model: a line whose key is not of its request is refused") {
    const TempDir dir;
    io::write_atomic(dir / "c", "{\"key\": \"00\", \"request\": {}, \"answer\": \"{}\"}\n");
    CHECK_THROWS_AS((text::CachedModel{nullptr, dir / "c"}), io::FormatError);
}

TEST_CASE("rewrite: trimmed text, nothing where the model says nothing") {
    const text::LanguageModel model = [](const text::Request& r) { return text::Reply{r.user == "x" ? " \n" : "\n A jar. \n", 0, 0}; };
    const std::vector<std::string> refs{"x", "jar"};
    const auto out = rewrite(model, refs, JudgeOptions{});
    CHECK_FALSE(out[0]);
    CHECK(out[1] == "A jar.");
}
