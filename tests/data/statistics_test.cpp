// SPDX-License-Identifier: Apache-2.0
#include "svad/data/statistics.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::data;

namespace {

using Words = std::vector<std::string_view>;

Annotation timed(std::string_view video, double seconds, const Words& words) {
    Annotation a;
    a.video = video, a.seconds = seconds, a.words = words;
    return a;
}

}  // namespace

TEST_CASE("histogram: mean, population deviation and range of 1 1 4") {
    Histogram h;
    for (const std::uint64_t v : {1u, 4u, 1u}) h.add(v);
    CHECK(h.total() == 3);
    CHECK(h.mean() == doctest::Approx(2));
    CHECK(h.deviation() == doctest::Approx(std::sqrt(2.0)));
    CHECK(h.min() == 1);
    CHECK(h.max() == 4);
    CHECK(std::isnan(Histogram{}.mean()));
}

TEST_CASE("statistics: words per second is the mean of ratios, not the ratio of sums") {
    StatisticsPass pass;
    pass.add(timed("a", 1, Words{"one", "two"}));
    pass.add(timed("b", 10, Words{"three"}));
    const Statistics s = pass.finish();
    CHECK(s.words_per_second == doctest::Approx((2 / 1.0 + 1 / 10.0) / 2));
    CHECK(s.words_per_second_of_sums == doctest::Approx(3 / 11.0));
    CHECK(s.mean_video_seconds == doctest::Approx(5.5));
}

TEST_CASE("statistics: an annotation without seconds counts everywhere but in time") {
    StatisticsPass pass;
    pass.add(timed("a", 2, Words{"one", "two"}));
    pass.add(timed("b", std::nan(""), Words{"one", "two", "three", "four"}));
    pass.add(timed("a", 3, Words{}));
    const Statistics s = pass.finish();
    CHECK(s.annotations == 3);
    CHECK(s.videos == 2);
    CHECK(s.lengths.mean() == doctest::Approx(2));
    CHECK(s.timed_annotations == 2);
    CHECK(s.timed_videos == 1);
    CHECK(s.conflicting_seconds == 1);
    CHECK(s.words_per_second == doctest::Approx(0.5));
    CHECK(s.video_seconds == doctest::Approx(2));
}

TEST_CASE("statistics: seconds that are not positive, and tags that are not one a word, are errors that name the video") {
    StatisticsPass pass;
    CHECK_THROWS_WITH_AS(pass.add(timed("clip7", -1, Words{})), doctest::Contains("clip7"), UsageError);
    CHECK_THROWS_AS(pass.add(timed("a", 0, Words{})), UsageError);
    CHECK_THROWS_AS(pass.add(timed("a", INFINITY, Words{})), UsageError);
    const Words words{"a", "b"}, tags{"DET"};
    Annotation a = timed("clip8", 1, words);
    a.tags = tags;
    CHECK_THROWS_WITH_AS(pass.add(a), doctest::Contains("2 words and 1 tags"), UsageError);
    CHECK(pass.finish().annotations == 0);
}

TEST_CASE("statistics: the curve holds the types so far at k / 20 of the annotations, and ends at all types") {
    StatisticsPass pass({.curve_points = 2});
    for (const Words& words : {Words{"a", "b"}, Words{"a", "b"}, Words{"a", "c", "d"}, Words{"d"}, Words{"e"}})
        pass.add(timed("v", 1, words));
    const Statistics s = pass.finish();
    REQUIRE(s.curve.size() == 2);
    CHECK(s.curve[0].annotations == 2);                        // floor(5 / 2)
    CHECK(s.curve[0].types == std::array<std::uint64_t, 4>{2, 1, 0, 0});
    CHECK(s.curve[1].annotations == 5);
    CHECK(s.curve[1].types == std::array<std::uint64_t, 4>{5, 3, 1, 0});
    CHECK(s.unique_ngrams(1) == doctest::Approx(1.0));
}

TEST_CASE("statistics: percentages are of all tagged words, unique words of a group are counted within an annotation") {
    StatisticsPass pass({.groups = {{"verb", {"VERB", "AUX"}}, {"noun", {"NOUN"}}}});
    const Words words{"can", "dogs", "bark", "can", "dogs"}, tags{"AUX", "NOUN", "VERB", "NOUN", "NOUN"};
    Annotation a;
    a.video = "v", a.words = words, a.tags = tags;
    pass.add(a);
    pass.add(a);
    a.tags = {};                                               // not tagged: no part of either
    pass.add(a);
    const Statistics s = pass.finish();
    CHECK(s.tagged_annotations == 2);
    CHECK(s.tagged_words == 10);
    REQUIRE(s.tags.size() == 3);
    CHECK(s.tags[0].tag == "NOUN");
    CHECK(s.percent(s.tags[0].words) == doctest::Approx(60));
    CHECK(s.groups[0].words == 4);
    CHECK(s.groups[0].unique.counts == std::map<std::uint64_t, std::uint64_t>{{2, 2}});   // can, bark
    CHECK(s.groups[1].unique.counts == std::map<std::uint64_t, std::uint64_t>{{2, 2}});   // dogs, can
}

TEST_CASE("statistics: categories and splits count videos once, and their seconds once") {
    StatisticsPass pass;
    const Words words{"x", "y"};
    for (const char* category : {"toys", "food", "food"}) {
        Annotation a = timed("v1", 4, words);
        a.category = category, a.split = "train";
        pass.add(a);
    }
    Annotation test = timed("v2", 6, words);
    test.split = "test";
    pass.add(test);
    const Statistics s = pass.finish();
    REQUIRE(s.categories.size() == 2);
    CHECK(s.categories[0].name == "food");
    CHECK(s.categories[0].annotations == 2);
    CHECK(s.categories[0].videos == 1);
    CHECK(s.categories[0].seconds == doctest::Approx(4));
    REQUIRE(s.splits.size() == 2);
    CHECK(s.splits[0].name == "train");
    CHECK(s.splits[0].seconds == doctest::Approx(4));
    CHECK(s.splits[0].words == 6);
    CHECK(s.splits[1].videos == 1);
}

TEST_CASE("statistics: an empty set has no annotations, no curve and no means") {
    const Statistics s = StatisticsPass().finish();
    CHECK(s.annotations == 0);
    CHECK(s.curve.empty());
    CHECK(std::isnan(s.words_per_second));
    CHECK(std::isnan(s.mean_video_seconds));
}
