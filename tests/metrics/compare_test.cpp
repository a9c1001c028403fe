// SPDX-License-Identifier: Apache-2.0
// Paired tests by laws: a system against itself, against a worse one, seeds, and items that do not fit.
#include "svad/metrics/compare.hpp"
#include "svad/metrics/signature.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace svad;
using namespace svad::metrics;

namespace {

/// Captions of `n` items; the first `wrong` of them are about something else.
std::vector<CaptionItem> items(int n, int wrong) {
    std::vector<CaptionItem> all;
    for (int i = 0; i < n; ++i) {
        const std::string what = join("a thing number ", i, " stands at place ", i * 7);
        all.push_back({join("i", i), i < wrong ? "a dog runs over there now" : what, {what, "a thing is there"}});
    }
    return all;
}

}  // namespace

TEST_CASE("paired_test: a system is not better than itself") {
    const CaptionScores scores = score_captions(items(30, 10));
    for (const PairedScore& one : paired_test(scores, scores, {.rounds = 50})) {
        CHECK(one.difference == 0);
        CHECK(one.p_bootstrap == 1);
        CHECK(one.p_randomization == 1);
    }
}

TEST_CASE("paired_test: a system that is wrong more often loses, the same way for the same seed") {
    const CaptionScores good = score_captions(items(60, 5)), bad = score_captions(items(60, 40));
    const auto tests = paired_test(good, bad, {.rounds = 200}), again = paired_test(good, bad, {.rounds = 200});
    const auto turned = paired_test(bad, good, {.rounds = 200});
    for (std::size_t v = 0; v < tests.size(); ++v) {
        CAPTURE(v);
        CHECK(tests[v].difference > 0);
        CHECK(tests[v].interval.low > 0);
        CHECK(tests[v].interval.low <= tests[v].difference);
        CHECK(tests[v].interval.high >= tests[v].difference);
        CHECK(tests[v].p_bootstrap == doctest::Approx(1.0 / 201));
        CHECK(tests[v].p_randomization == doctest::Approx(1.0 / 201));
        CHECK(again[v].interval.low == tests[v].interval.low);
        CHECK(turned[v].difference == -tests[v].difference);
    }
}

TEST_CASE("paired_test: one item that differs among many proves nothing") {
    const auto tests = paired_test(score_captions(items(60, 5)), score_captions(items(60, 6)), {.rounds = 200});
    CHECK(tests[5].p_randomization > 0.3);
    CHECK(tests[5].p_bootstrap > 0.05);
}

TEST_CASE("paired_test: other items, another order and senseless options are refused") {
    const CaptionScores scores = score_captions(items(5, 0));
    CaptionScores turned = scores;
    std::swap(turned.items[0], turned.items[1]);
    CHECK_THROWS_AS((void)paired_test(scores, turned), UsageError);
    CHECK_THROWS_AS((void)paired_test(scores, score_captions(items(4, 0))), UsageError);
    CHECK_THROWS_AS((void)paired_test(scores, scores, {.rounds = 1}), UsageError);
}

TEST_CASE("signature: names variant, tokenizer, references, items and version") {
    const auto all = items(3, 0);
    CHECK(signature(5, all) == "CIDEr-D|n:4|sigma:6|df:corpus|tok:ptb-3.4.1-lower-nopunct|refs:2|items:3|svad:" SVAD_VERSION);
    CHECK(signature(5, all, {.tokenization = Tokenization::characters}).find("|tok:char|") != std::string::npos);
    auto uneven = all;
    uneven[0].references.push_back("one more");
    CHECK(signature(0, uneven).find("|refs:2-3|") != std::string::npos);
    CHECK_THROWS_AS((void)signature(8, all), UsageError);
}
