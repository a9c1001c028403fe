// SPDX-License-Identifier: Apache-2.0
#include "svad/text/split_patterns.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace svad;
using namespace svad::text;

namespace {

/// The matches of `pattern` in `text`; characters between them are left out.
std::vector<std::string> matches(SplitPattern pattern, const std::string& text) {
    std::vector<std::string> all;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = match_end(pattern, text, at);
        if (end > at) all.push_back(text.substr(at, end - at));
        at = end > at ? end : at + next_code_point(text, at).length;
    }
    return all;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("split_patterns: contractions, numbers and white space of the cl100k family") {
    CHECK(matches(SplitPattern::digits_1, "It'S 123  ok") == Strings{"It", "'S", " ", "1", "2", "3", " ", " ok"});
    CHECK(matches(SplitPattern::digits_3, "12345") == Strings{"123", "45"});
    CHECK(matches(SplitPattern::digits_1, "a \n\n b!\n?") == Strings{"a", " \n\n", " b", "!\n", "?"});
    CHECK(matches(SplitPattern::digits_3, "a  \n ") == Strings{"a", "  \n", " "});
    CHECK(matches(SplitPattern::cl100k_end, "a  \n ") == Strings{"a", "  \n "});
    CHECK(matches(SplitPattern::digits_1, "(abc)\tde") == Strings{"(abc", ")", "\tde"});
}

TEST_CASE("split_patterns: o200k ends words where capitals follow small letters") {
    CHECK(matches(SplitPattern::o200k, "fooBar HTTPServer it's") == Strings{"foo", "Bar", " HTTPServer", " it's"});
    CHECK(matches(SplitPattern::o200k, "日本A") == Strings{"日本", "A"});
}

TEST_CASE("split_patterns: CLIP's words leave blanks out, \\w takes marks and underscores") {
    CHECK(matches(SplitPattern::clip, "a man's 12 (x)") == Strings{"a", "man", "'s", "1", "2", "(", "x", ")"});
    CHECK(matches(SplitPattern::words, "a_b e\u0301 --x") == Strings{"a_b", "e\u0301", "--", "x"});
}

TEST_CASE("split_patterns: patterns that leave nothing out give back any bytes") {
    Random random{2};
    for (int round = 0; round < 300; ++round) {
        std::string bytes;
        for (Index n = random.below(30); n > 0; --n) bytes += random.below(3) ? " \n'aA1.\xC3\xA9"[random.below(9)] : static_cast<char>(random.below(256));
        for (const SplitPattern pattern : {SplitPattern::gpt2, SplitPattern::digits_1, SplitPattern::digits_3, SplitPattern::cl100k_end, SplitPattern::o200k}) {
            std::string together;
            for (const std::string& piece : matches(pattern, bytes)) together += piece;
            CHECK(together == bytes);
        }
    }
}

TEST_CASE("split_patterns: a pattern is known by its text or not at all") {
    CHECK(find_split_pattern(R"(\w+|[^\w\s]+)") == SplitPattern::words);
    CHECK_FALSE(find_split_pattern(R"(\w+)").has_value());
}
