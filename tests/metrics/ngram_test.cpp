// SPDX-License-Identifier: Apache-2.0
// N-grams, BLEU and ROUGE-L by hand-counted values.
#include "svad/metrics/ngram.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

using namespace svad::metrics;

TEST_CASE("split_words cuts at any white space, split_blanks keeps what is empty") {
    CHECK(split_words(" a\t\tb\xe3\x80\x80" "c\x1c" "d ") == std::vector<std::string_view>{"a", "b", "c", "d"});
    CHECK(split_words("").empty());
    CHECK(split_blanks("") == std::vector<std::string_view>{""});
    CHECK(split_blanks("a  b") == std::vector<std::string_view>{"a", "", "b"});
}

TEST_CASE("bleu_counts: clipped by the reference that has most, closest length, the shorter on a tie") {
    const std::vector<std::string> references{"the cat the mat", "the the"};
    const BleuCounts counts = bleu_counts("the the the", references);
    CHECK(counts.correct[0] == 2);
    CHECK(counts.correct[1] == 1);
    CHECK(counts.guess[0] == 3);
    CHECK(counts.guess[3] == 0);
    CHECK(counts.reference == 2);
    CHECK(bleu(counts)[0] == doctest::Approx(2.0 / 3).epsilon(1e-8));
}

TEST_CASE("bleu: a short candidate pays exp(1 - reference / tested)") {
    const std::vector<std::string> references{"a b c d"};
    CHECK(bleu(bleu_counts("a b", references))[0] == doctest::Approx(std::exp(-1.0)).epsilon(1e-8));
    CHECK(bleu(bleu_counts("", references))[3] == 0);
    CHECK(std::isfinite(bleu(bleu_counts("a", {}))[0]));
}

TEST_CASE("rouge_l: the common subsequence, best precision and best recall, beta 1.2") {
    const std::vector<std::string> references{"a x b y c"};
    const double p = 1.0, r = 0.6;
    CHECK(rouge_l("a b c", references) == doctest::Approx(2.44 * p * r / (r + 1.44 * p)).epsilon(1e-15));
    CHECK(rouge_l("z", references) == 0);
    CHECK(rouge_l("z", {}) == 0);
    CHECK(rouge_l("", std::vector<std::string>{""}) == 1);
}
