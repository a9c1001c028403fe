// SPDX-License-Identifier: Apache-2.0
// The fast scorer against the plain ones, on random corpora with odd blanks, repeated words and empty captions.
#include "svad/metrics/corpus_scorer.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace svad;
using namespace svad::metrics;

namespace {

std::string random_caption(Random& random, Index longest) {
    std::string text;
    for (Index k = random.below(longest + 1); k > 0; --k) {
        text += join("w", random.below(random.below(12) + 1));
        if (k > 1 || random.below(20) == 0) text += random.below(30) == 0 ? "  " : " ";
        if (random.below(40) == 0) text += "\xc2\xa0";   // white space for BLEU and CIDEr, part of a word for ROUGE-L
    }
    return text;
}

}  // namespace

TEST_CASE("corpus_scorer: the values of bleu_counts, Cider and rouge_l") {
    Random random{5};
    for (const Index longest : {3, 12, 70, 200}) {
        std::vector<std::vector<std::string>> references(40);
        CorpusScorer fast;
        for (auto& item : references) {
            for (Index r = random.below(4); r >= 0; --r) item.push_back(random_caption(random, longest));
            for (const std::string& one : item) fast.add_reference(one);
            fast.next_item();
        }
        const Cider plain{references};
        for (std::size_t i = 0; i < references.size(); ++i) {
            const std::string candidate = random_caption(random, longest);
            CAPTURE(candidate);
            const RawScores got = fast.score(i, candidate);
            const BleuCounts counts = bleu_counts(candidate, references[i]);
            CHECK(got.counts.correct == counts.correct);
            CHECK(got.counts.guess == counts.guess);
            CHECK(got.counts.tested == counts.tested);
            CHECK(got.counts.reference == counts.reference);
            CHECK(got.rouge_l == doctest::Approx(rouge_l(candidate, references[i])).epsilon(1e-14));
            // Sums of some hundred products in another order.
            CHECK(got.cider.cider_d == doctest::Approx(plain.score(i, candidate).cider_d).epsilon(1e-12));
            CHECK(got.cider.cider == doctest::Approx(plain.score(i, candidate).cider).epsilon(1e-12));
        }
    }
}

TEST_CASE("corpus_scorer: the order in which items are scored does not matter") {
    CorpusScorer scorer;
    for (const char* text : {"a b c d", "a x c y"}) {
        scorer.add_reference(text);
        scorer.next_item();
    }
    const double before = scorer.score(0, "a b new words here").cider.cider_d;
    (void)scorer.score(1, "other new words here");
    CHECK(scorer.score(0, "a b new words here").cider.cider_d == before);
}

TEST_CASE("corpus_scorer: captions of 100,000 words take seconds, not hours") {
    std::string text;
    for (int i = 0; i < 100000; ++i) text += join("w", i % 977, " ");
    CorpusScorer scorer;
    scorer.add_reference(text);
    scorer.next_item();
    const auto start = std::chrono::steady_clock::now();
    CHECK(scorer.score(0, text).rouge_l > 0.999);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}
