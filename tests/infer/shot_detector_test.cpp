// SPDX-License-Identifier: Apache-2.0
// Boundaries from hand-made evidence: cuts, dissolves, fades, flashes, fire.
#include "svad/infer/shot_detector.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::infer;

namespace {

using Frames = std::vector<FrameEvidence>;

std::vector<Index> frames_of(const Frames& evidence) {
    std::vector<Index> out;
    for (const Boundary& b : find_boundaries(evidence)) out.push_back(b.frame);
    return out;
}

using List = std::vector<Index>;

}  // namespace

TEST_CASE("find_boundaries: nothing happens in a video without evidence or without frames") {
    CHECK(find_boundaries({}).empty());
    CHECK(find_boundaries(Frames(30)).empty());
}

TEST_CASE("find_boundaries: a change that stands out is a cut only if the network agrees") {
    Frames video(30);
    video[10].stands_out = video[20].stands_out = true;   // 20: fire
    video[9].single = 0.9f;
    CHECK(find_boundaries(video) == std::vector<Boundary>{{10, 10, 10}});
    video[9].single = 0;
    video[10].many = 0.6f;
    CHECK(frames_of(video) == List{10});
}

TEST_CASE("find_boundaries: the network alone finds the last frame of the old shot") {
    Frames video(30);
    video[14].single = 0.9f;
    CHECK(frames_of(video) == List{15});
    video[14].single = 0.4f;   // likely, but nobody is sure
    CHECK(frames_of(video).empty());
}

TEST_CASE("find_boundaries: a dissolve is one boundary where its single frame is expected") {
    Frames video(40);
    for (std::size_t t = 10; t < 20; ++t) video[t].many = 0.8f;
    CHECK(frames_of(video).empty());   // many frames of a transition, but no place for one
    video[13].single = 0.4f;
    video[15].single = 0.4f;
    const std::vector<Boundary> found = find_boundaries(video);
    REQUIRE(found.size() == 1);
    CHECK(found[0] == Boundary{15, 10, 20});
    CHECK(found[0].gradual());
}

TEST_CASE("find_boundaries: a fade through black is one boundary, and its flat frames make no cuts") {
    Frames video(60);
    for (std::size_t t = 20; t < 40; ++t) {
        if (t >= 27 && t < 33) video[t].flat = true;
        else video[t].many = 0.8f;
    }
    video[23].single = video[36].single = 0.45f;
    video[27].stands_out = video[33].stands_out = true;
    video[26].many = video[33].many = 0.9f;
    CHECK(find_boundaries(video) == std::vector<Boundary>{{31, 20, 40}});   // (23 + 36) / 2 = 29.5, the frame behind
    for (std::size_t t = 27; t < 33; ++t) video[t].flat = false;
    CHECK(frames_of(video).size() > 1);
}

TEST_CASE("find_boundaries: a flash inside a shot is no boundary") {
    Frames video(30);
    video[12].stands_out = video[14].stands_out = true;
    video[12].flat = video[13].flat = true;
    video[11].single = 0.3f;
    CHECK(find_boundaries(video).empty());
}

TEST_CASE("find_boundaries: a cut accounts for what the network says beside it, not for more") {
    Frames video(30);
    video[10].stands_out = true;
    for (const std::size_t t : {8U, 9U, 10U, 11U}) video[t].many = video[t].single = 0.9f;
    CHECK(frames_of(video) == List{10});
    for (const std::size_t t : {4U, 5U, 6U, 7U}) video[t].many = video[t].single = 0.9f;
    CHECK(frames_of(video) == List{7, 10});   // (4 + 5 + 6 + 7) / 4 = 5.5, rounded up, the frame behind
}

TEST_CASE("ShotDetector: takes frames of any size and gives evidence for each") {
    TransNetV2 model({.height = 8, .width = 8, .filters = 1, .stacks = 2, .reach = 2, .features = 2, .hidden = 3});
    init(model, 11);
    ShotDetector detector{model};
    for (Index t = 0; t < 60; ++t) {
        Tensor<std::uint8_t> frame({20, 30, 3});
        for (Index i = 0; i < frame.numel(); ++i) frame[i] = static_cast<std::uint8_t>(t < 40 ? i % 97 : 255 - i % 89);
        detector.next(frame);
    }
    (void)detector.finish();
    REQUIRE(detector.evidence().size() == 60);
    for (std::size_t t = 0; t < 60; ++t) CHECK(detector.evidence()[t].stands_out == (t == 40));
    CHECK_FALSE(detector.evidence()[3].flat);
    CHECK(detector.evidence()[59].single > 0);   // a probability, whatever the weights
}

TEST_CASE("ShotDetector: shots lie between boundaries") {
    CHECK(shots_between(std::vector<Boundary>{{4, 4, 4}, {9, 7, 12}}, 20) == std::vector<video::Shot>{{0, 4}, {4, 9}, {9, 20}});
}
