// SPDX-License-Identifier: Apache-2.0
// CIDEr by laws; its values are checked against the reference program in report_test.cpp.
#include "svad/metrics/cider.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using svad::metrics::Cider;

TEST_CASE("cider: a perfect caption has 10, an unrelated one 0, and one item alone 0") {
    const std::vector<std::vector<std::string>> references{{"a red car stops here"}, {"the dog runs over grass"}};
    const Cider cider{references};
    CHECK(cider.score(0, "a red car stops here").cider_d == doctest::Approx(10).epsilon(1e-14));
    CHECK(cider.score(1, "a red car stops here").cider == 0);
    CHECK(Cider{std::vector<std::vector<std::string>>{references[0]}}.score(0, "a red car stops here").cider_d == 0);
}

TEST_CASE("cider: repeating a rare word raises plain CIDEr's dot product but not CIDEr-D's") {
    const std::vector<std::vector<std::string>> references{{"a zebra walks"}, {"a dog walks"}, {"a man sits"}};
    const Cider cider{references};
    const auto once = cider.score(0, "a zebra walks"), often = cider.score(0, "zebra zebra zebra zebra zebra zebra");
    CHECK(often.cider_d < once.cider_d / 4);
    CHECK(often.cider_d < often.cider);
}

TEST_CASE("cider: words in every item count nothing") {
    const std::vector<std::vector<std::string>> references{{"a b"}, {"a c"}};
    CHECK(Cider{references}.score(0, "a").cider_d == 0);
    CHECK(Cider{references}.score(0, "b").cider_d > 0);
}

TEST_CASE("cider: a corpus of nothing scores nothing") {
    CHECK(Cider{{}}.score_constants(std::vector<std::string>{"a"}) == std::vector<double>{0.0});
    CHECK(Cider{std::vector<std::vector<std::string>>{{}, {""}}}.score(0, "a").cider_d == 0);
}
