// SPDX-License-Identifier: Apache-2.0
#include "svad/infer/subtitles.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace svad;
using infer::TimedText;

namespace {

/// The lines of the cues of a WebVTT file, cue by cue; the first line of each is its time.
std::vector<std::vector<std::string>> cues_of(const std::string& vtt) {
    std::vector<std::vector<std::string>> cues;
    bool gap = false;
    for (std::size_t at = 0; at < vtt.size();) {
        const std::size_t end = vtt.find('\n', at);
        const std::string line = vtt.substr(at, end - at);
        at = end + 1;
        if (line.empty()) gap = true;
        else if (gap) cues.push_back({line}), gap = false;
        else if (!cues.empty()) cues.back().push_back(line);
    }
    return cues;
}

std::size_t columns(const std::string& line) {
    std::size_t sum = 0;
    for (std::size_t at = 0; at < line.size();) {
        const text::CodePoint c = text::next_code_point(line, at);
        sum += text::columns(c.value);
        at += c.length;
    }
    return sum;
}

std::string without_gaps(const std::string& text) {
    std::string out;
    for (const char c : text)
        if (c != ' ' && c != '\n') out += c;
    return out;
}

}  // namespace

TEST_CASE("subtitles: SubRip and WebVTT of two short texts, byte for byte") {
    const std::vector<TimedText> texts = {{1.2, 4, "A red jar turns."}, {3661.0005, 3662, "A cup & a hand."}};
    CHECK(infer::srt(texts) == "1\n00:00:01,200 --> 00:00:04,000\nA red jar turns.\n\n"
                               "2\n01:01:01,001 --> 01:01:02,000\nA cup & a hand.\n\n");
    CHECK(infer::web_vtt(texts) == "WEBVTT\n\n00:00:01.200 --> 00:00:04.000\nA red jar turns.\n\n"
                                   "01:01:01.001 --> 01:01:02.000\nA cup &amp; a hand.\n");
}

TEST_CASE("subtitles: no text, no cue") {
    CHECK(infer::srt({}).empty());
    CHECK(infer::web_vtt({}) == "WEBVTT\n");
    CHECK(infer::web_vtt({{0, 1, ""}, {1, 2, " \t\n"}}) == "WEBVTT\n");
}

TEST_CASE("subtitles: a long text becomes cues of two lines that share its time; two lines are about equally long") {
    std::string text;
    for (int i = 0; i < 40; ++i) text += (i == 0 ? "word" : " word") + std::to_string(i);
    const auto cues = cues_of(infer::web_vtt({{10, 20, text}}));
    REQUIRE(cues.size() == 4);
    CHECK(cues.front()[0].starts_with("00:00:10.000 --> "));
    CHECK(cues.back()[0].ends_with(" --> 00:00:20.000"));
    std::string all;
    std::size_t longest = 0;
    for (std::size_t i = 0; i < cues.size(); ++i) {
        REQUIRE(cues[i].size() <= 3);
        if (i > 0) CHECK(cues[i][0].substr(0, 12) == cues[i - 1][0].substr(17));
        for (std::size_t k = 1; k < cues[i].size(); ++k) {
            all += cues[i][k];
            longest = std::max(longest, columns(cues[i][k]));
        }
    }
    CHECK(longest <= 42);
    CHECK(without_gaps(all) == without_gaps(text));
    const auto two = cues_of(infer::web_vtt({{0, 1, "a red jar turns slowly and a woman takes a cup"}}));
    CHECK(two == std::vector<std::vector<std::string>>{{"00:00:00.000 --> 00:00:01.000", "a red jar turns slowly", "and a woman takes a cup"}});
}

TEST_CASE("subtitles: texts whose times touch, overlap or are empty give cues that do not") {
    const std::vector<TimedText> texts = {{5, 9, "third"}, {0, 3, "first"}, {2.5, 5.0004, "second"}, {5, 5, "fourth"}, {-1, 0, "before"}};
    const auto cues = cues_of(infer::web_vtt(texts));
    REQUIRE(cues.size() == 5);
    CHECK(cues[0][1] == "before");
    for (std::size_t i = 0; i < cues.size(); ++i) {
        CHECK(cues[i][0].substr(0, 12) < cues[i][0].substr(17));
        if (i > 0) CHECK(cues[i - 1][0].substr(17) <= cues[i][0].substr(0, 12));
    }
}

TEST_CASE("subtitles: wide letters count twice, break anywhere but before their full stop") {
    std::string text;
    for (int i = 0; i < 21; ++i) text += "红";
    text += "。";
    const auto cues = cues_of(infer::web_vtt({{0, 1, text}}));
    REQUIRE(cues.size() == 1);
    REQUIRE(cues[0].size() == 3);
    CHECK(columns(cues[0][1]) <= 42);
    CHECK(cues[0][1] + cues[0][2] == text);
    CHECK_FALSE(cues[0][2].starts_with("。"));
}

TEST_CASE("subtitles: a word that is longer than a line is cut between what readers take for characters") {
    std::string text;
    for (int i = 0; i < 50; ++i) text += "e\xCC\x81";   // e with a combining acute accent
    const auto cues = cues_of(infer::web_vtt({{0, 1, text}}));
    REQUIRE(cues.size() == 1);
    REQUIRE(cues[0].size() == 3);
    for (const std::string& line : {cues[0][1], cues[0][2]}) {
        CHECK(line.starts_with("e"));
        CHECK(line.ends_with("\xCC\x81"));
        CHECK(columns(line) <= 42);
    }
    CHECK(cues[0][1] + cues[0][2] == text);
}

TEST_CASE("subtitles: text cannot end its cue, start another or become markup") {
    const std::string hostile = "one\n\n2\n00:00:01.000 --> 00:00:02.000\r\n<b>two</b> {\\an8} \xFF\x01 &lt;";
    const std::string vtt = infer::web_vtt({{0, 1, hostile}}), srt = infer::srt({{0, 1, hostile}});
    CHECK(cues_of(vtt).size() == 1);
    CHECK(text::find_invalid_utf8(vtt) == std::string::npos);
    CHECK(vtt.find('<') == std::string::npos);
    CHECK(vtt.find("&amp;lt;") != std::string::npos);
    CHECK(vtt.find("-->", 30) == std::string::npos);   // behind the cue's own
    CHECK(srt.find("-->", 30) == std::string::npos);
    CHECK(srt.find("<b>") == std::string::npos);
    CHECK(srt.find("{\\") == std::string::npos);
    CHECK(srt.find('\r') == std::string::npos);
    CHECK(srt.find("\n\n") == srt.size() - 2);
}

TEST_CASE("subtitles: a time that is none is refused, a long one has as many hours as it needs") {
    CHECK_THROWS_AS((void)infer::srt({{0, std::numeric_limits<double>::infinity(), "a"}}), UsageError);
    CHECK_THROWS_AS((void)infer::srt({{std::numeric_limits<double>::quiet_NaN(), 1, "a"}}), UsageError);
    CHECK_THROWS_AS((void)infer::clock_time(1e300), UsageError);
    CHECK(infer::clock_time(-3) == "00:00:00.000");
    CHECK(infer::clock_time(59.9996) == "00:01:00.000");
    CHECK(infer::clock_time(360000.25, ',') == "100:00:00,250");
}
