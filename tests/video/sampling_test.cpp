// SPDX-License-Identifier: Apache-2.0
// The sampling rules of video/sampling.hpp, against values worked out by hand or by the published code.
#include "svad/video/sampling.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::video;
using Indices = std::vector<Index>;

TEST_CASE("uniform: the centre of each equal segment, repeating when frames are few") {
    CHECK(choose(Uniform{8}, 241) == Indices{15, 45, 75, 105, 135, 165, 195, 225});
    CHECK(choose(Uniform{4}, 4) == Indices{0, 1, 2, 3});
    CHECK(choose(Uniform{4}, 2) == Indices{0, 0, 1, 1});
    CHECK(choose(Uniform{3}, 1) == Indices{0, 0, 0});
}

TEST_CASE("segments: VideoChat's formula with halves rounded to even") {
    // seg = 99 / 8 = 12.375, start 6, offsets round(12.375 i) as numpy rounds
    CHECK(choose(Segments{8}, 100) == Indices{6, 18, 31, 43, 56, 68, 80, 93});
    CHECK(choose(Segments{4}, 11) == Indices{1, 3, 6, 9});   // 2.5 -> 2, 7.5 -> 8
    CHECK(choose(Segments{4}, 1) == Indices{0, 0, 0, 0});
}

TEST_CASE("linspace: both ends included and rounded down; one frame is the first") {
    CHECK(choose(Linspace{8}, 100) == Indices{0, 14, 28, 42, 56, 70, 84, 99});
    CHECK(choose(Linspace{1}, 100) == Indices{0});
    CHECK(choose(Linspace{5}, 2) == Indices{0, 0, 0, 0, 1});
}

TEST_CASE("stride: every n/N-th frame from the first") {
    CHECK(choose(Stride{4}, 10) == Indices{0, 2, 5, 7});
}

TEST_CASE("fps: one frame each 1/rate seconds of the clip, at least one") {
    CHECK(choose(Fps{1}, 75) == Indices{0, 25, 50});
    CHECK(choose(Fps{2}, 26) == Indices{0, 12, 25});
    CHECK(choose(Fps{0.01}, 75) == Indices{0});
    CHECK_THROWS_AS((void)choose(Fps{0}, 75), UsageError);
    CHECK_THROWS_AS((void)choose(Fps{1000, 16}, 75), UsageError);
}

TEST_CASE("uniform_time: follows the clock where frames are not evenly spaced") {
    const Timeline line{{10.0, 10.1, 10.2, 10.3, 12.0, 13.0},
                        14.0};   // segments of 1 s, centres at 10.5, 11.5 ...
    CHECK(choose(UniformTime{4}, line) == Indices{3, 3, 4, 5});
    CHECK(choose(Uniform{4}, line) == Indices{0, 2, 3, 5});
}

TEST_CASE("choose: every rule gives valid frame numbers in order, as many as asked for") {
    const std::vector<Choice> rules{Uniform{7}, UniformTime{7}, Segments{7}, Linspace{7}, Stride{7}};
    for (const Choice& rule : rules)
        for (Index n = 1; n < 60; ++n) {
            const Indices got = choose(rule, n);
            REQUIRE(got.size() == 7);
            CHECK(std::is_sorted(got.begin(), got.end()));
            CHECK(got.front() >= 0);
            CHECK(got.back() < n);
        }
    CHECK(choose(All{}, 3) == Indices{0, 1, 2});
    CHECK_THROWS_AS((void)choose(All{}, 0), UsageError);
    CHECK_THROWS_AS((void)choose(Uniform{0}, 5), UsageError);
}
