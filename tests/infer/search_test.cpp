// SPDX-License-Identifier: Apache-2.0
#include "svad/infer/search.hpp"

#include <doctest/doctest.h>

#include <functional>

using namespace svad;
using namespace svad::infer;

namespace {

/// Runs a beam search over a table of log-probabilities p(next | last word); words 0..V-1, start is word 0.
BeamSearch over(const std::vector<std::vector<double>>& table, const SearchOptions& o) {
    BeamSearch search(o);
    while (!search.finished()) {
        std::vector<std::vector<float>> rows;
        for (const auto& r : search.running()) {
            std::vector<float> row;
            for (double p : table[static_cast<std::size_t>(r.ids.empty() ? 0 : r.ids.back())]) row.push_back(static_cast<float>(std::log(p)));
            rows.push_back(row);
        }
        search.advance(rows);
    }
    return search;
}

}  // namespace

TEST_CASE("best: the first of equals") {
    const std::vector<float> scores{1, 3, 3, 2};
    CHECK(best(scores) == 1);
}

TEST_CASE("process_scores: a repeated word is made less likely whatever its sign, once") {
    std::vector<float> scores{2, -2, 1};
    const std::vector<Id> seen{0, 1, 0, 0};
    process_scores(scores, seen, 0, {.repetition_penalty = 2});
    CHECK(scores == std::vector<float>{1, -4, 1});
}

TEST_CASE("process_scores: no stop word before min_new, no word of the padded table") {
    std::vector<float> scores{1, 2, 3, 4};
    process_scores(scores, {}, 1, {.min_new = 2, .stop = {2}, .vocabulary = 3});
    CHECK(best(scores) == 1);
    std::vector<float> later{1, 2, 3, 4};
    process_scores(later, {}, 2, {.min_new = 2, .stop = {2}, .vocabulary = 3});
    CHECK(best(later) == 2);
}

TEST_CASE("sample: frequencies follow softmax(scores / temperature)") {
    const std::vector<float> scores{0, 1, 2};
    const SearchOptions o{.sample = true, .temperature = 0.5};
    int count[3] = {};
    Random random(5);
    const int n = 20000;
    for (int i = 0; i < n; ++i) ++count[sample(scores, o, random.uniform())];
    const double z = 1 + std::exp(2.0) + std::exp(4.0);
    // Binomial deviation is at most 0.0036; four of them.
    CHECK(count[2] / static_cast<double>(n) == doctest::Approx(std::exp(4.0) / z).epsilon(0.015));
    CHECK(std::abs(count[0] / static_cast<double>(n) - 1 / z) < 0.015);
}

TEST_CASE("sample: top_k and top_p leave the unlikely words out") {
    const std::vector<float> scores{0, 5, 4, 1};
    for (double u : {0.0, 0.3, 0.6, 0.999999}) {
        CHECK(sample(scores, {.sample = true, .top_k = 1}, u) == 1);
        const Id two = sample(scores, {.sample = true, .top_k = 2}, u);
        CHECK((two == 1 || two == 2));
        CHECK(sample(scores, {.sample = true, .top_p = 0.5}, u) == 1);
        CHECK(sample(scores, {.sample = true, .temperature = 0}, u) == 1);
    }
    CHECK(sample(scores, {.sample = true}, 0.999999) == 0);
}

TEST_CASE("beam search: finds the sentence that greedy search misses") {
    // Greedy takes 1 (0.5) and is left with 0.4 for the stop word 3; 2 (0.4) is followed by 3 with 0.95.
    const std::vector<std::vector<double>> table{{0.05, 0.5, 0.4, 0.05}, {0.3, 0.2, 0.1, 0.4}, {0.02, 0.02, 0.01, 0.95}, {0.25, 0.25, 0.25, 0.25}};
    const auto one = over(table, {.max_new = 4, .stop = {3}, .beams = 1});
    const auto two = over(table, {.max_new = 4, .stop = {3}, .beams = 2});
    CHECK(one.done()[0].ids[0] == 1);
    CHECK(two.done()[0].ids == std::vector<Id>{2, 3});
    CHECK(two.done()[0].score == doctest::Approx(std::log(0.4 * 0.95) / 2).epsilon(1e-6));
    CHECK(two.done().size() == 2);
}

TEST_CASE("beam search: with as many beams as sentences it finds the best of all") {
    const std::vector<std::vector<double>> table{{0.1, 0.6, 0.3}, {0.5, 0.2, 0.3}, {0.3, 0.3, 0.4}};
    const auto search = over(table, {.max_new = 3, .stop = {}, .beams = 27, .length_penalty = 1});
    double best_sum = -1e9;
    for (std::size_t a = 0; a < 3; ++a)
        for (std::size_t b = 0; b < 3; ++b)
            for (std::size_t c = 0; c < 3; ++c) best_sum = std::max(best_sum, std::log(table[0][a] * table[a][b] * table[b][c]));
    CHECK(search.done()[0].score == doctest::Approx(best_sum / 3).epsilon(1e-6));
    CHECK(search.done().size() == 27);
}

TEST_CASE("beam search: every finished sentence has at most max_new words and ends at its stop word") {
    const std::vector<std::vector<double>> table{{0.2, 0.5, 0.3}, {0.5, 0.2, 0.3}, {0.3, 0.3, 0.4}};
    for (const EarlyStopping early : {EarlyStopping::no, EarlyStopping::yes, EarlyStopping::never}) {
        const auto search = over(table, {.max_new = 5, .stop = {2}, .beams = 3, .early_stopping = early});
        REQUIRE(search.done().size() == 3);
        for (const Hypothesis& h : search.done()) {
            CHECK(h.ids.size() <= 5);
            CHECK(std::count(h.ids.begin(), h.ids.end() - 1, 2) == 0);
            CHECK((h.ids.back() == 2 || h.ids.size() == 5));
        }
        CHECK(std::is_sorted(search.done().begin(), search.done().end(), [](const auto& a, const auto& b) { return a.score > b.score; }));
    }
    CHECK_THROWS_AS(BeamSearch({.beams = 0}), UsageError);
}
