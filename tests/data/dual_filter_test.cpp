// SPDX-License-Identifier: Apache-2.0
// Videos whose shares of brief clips are computed by hand.
#include "svad/data/dual_filter.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace svad;
using namespace svad::data;

namespace {

/// Clips of these lengths, one after another.
CutVideo cut(const std::vector<double>& lengths) {
    CutVideo video{"v", {}};
    double at = 0;
    for (const double length : lengths) video.clips.push_back({at, at + length}), at += length;
    return video;
}

std::vector<std::string> verdicts(const VideoDecision& video) {
    std::vector<std::string> out;
    for (const ClipDecision& clip : video.clips) out.emplace_back(name_of(clip.verdict));
    return out;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("dual_filter: exactly 30 % in brief clips is kept, a little more is fragmented") {
    const VideoDecision kept = dual_filter(cut({1.5, 7, 1.5}));
    CHECK(kept.verdict == VideoVerdict::kept);
    CHECK(kept.seconds == 10);
    CHECK(kept.brief_seconds == 3);
    CHECK(kept.brief_share == 0.3);
    CHECK(kept.kept_clips == 1);
    CHECK(verdicts(kept) == Words{"too_short", "kept", "too_short"});

    const VideoDecision dropped = dual_filter(cut({1.5, 7, 1.75}));   // 3.25 of 10.25 = 0.317
    CHECK(dropped.verdict == VideoVerdict::fragmented);
    CHECK(dropped.brief_share == doctest::Approx(3.25 / 10.25));
    CHECK(dropped.kept_clips == 0);
    CHECK(verdicts(dropped) == Words{"in_dropped_video", "in_dropped_video", "in_dropped_video"});
}

TEST_CASE("dual_filter: a clip of exactly the limit is not brief, whatever its times round to") {
    CutVideo video{"v", {{0.1, 2.1}, {2.1, 4.1}}};   // 4.1 - 2.1 is 1.9999999999999996
    const VideoDecision got = dual_filter(video);
    CHECK(got.brief_seconds == 0);
    CHECK(verdicts(got) == Words{"kept", "kept"});
    video.clips[1].end = 4.099;
    CHECK(verdicts(dual_filter(video, {.most_brief_share = 1})) == Words{"kept", "too_short"});
}

TEST_CASE("dual_filter: all three limits are options of their own") {
    const CutVideo video = cut({0.5, 1.5, 3, 5});
    CHECK(dual_filter(video).verdict == VideoVerdict::kept);   // 2 of 10
    CHECK(dual_filter(video, {.most_brief_share = 0.19}).verdict == VideoVerdict::fragmented);
    CHECK(dual_filter(video, {.brief_seconds = 4}).brief_share == 0.5);
    CHECK(dual_filter(video, {.brief_seconds = 1}).brief_share == 0.05);
    CHECK(verdicts(dual_filter(video, {.least_seconds = 4})) == Words{"too_short", "too_short", "too_short", "kept"});
    CHECK(verdicts(dual_filter(video, {.least_seconds = 0})) == Words{"kept", "kept", "kept", "kept"});
}

TEST_CASE("dual_filter: a video of one brief clip is fragmented, one without clips is empty") {
    CHECK(dual_filter(cut({1.9})).brief_share == 1);
    CHECK(dual_filter(cut({1.9})).verdict == VideoVerdict::fragmented);
    CHECK(dual_filter(cut({1.9}), {.most_brief_share = 1}).verdict == VideoVerdict::kept);
    CHECK(dual_filter(cut({})).verdict == VideoVerdict::empty);
}

TEST_CASE("dual_filter: clips that overlap, run backwards or are no numbers are refused, and so are such limits") {
    const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
    for (const auto& clips : std::vector<std::vector<ClipSpan>>{
             {{0, 2}, {1, 3}}, {{2, 1}}, {{1, 1}}, {{-1, 1}}, {{0, nan}}, {{nan, 1}}, {{0, inf}}, {{3, 4}, {1, 2}}})
        CHECK_THROWS_AS((void)dual_filter({"v", clips}), UsageError);
    CHECK_THROWS_AS((void)dual_filter({}, {.brief_seconds = -1}), UsageError);
    CHECK_THROWS_AS((void)dual_filter({}, {.most_brief_share = 1.5}), UsageError);
    CHECK_THROWS_AS((void)dual_filter({}, {.least_seconds = nan}), UsageError);
}

TEST_CASE("clip_spans: shots become seconds from the first frame, the last one ends with the video") {
    const video::Timeline line{{1.0, 1.5, 2.0, 4.0}, 4.5};
    const auto spans = clip_spans({{0, 2}, {2, 4}}, line);
    REQUIRE(spans.size() == 2);
    CHECK(spans[0].start == 0);
    CHECK(spans[0].end == 1);
    CHECK(spans[1].end == 3.5);
    CHECK(clip_spans({{0, 1}, {1, 2}}, {{1.0, 1.0}, 2.0}).size() == 1);   // two frames at the same time
    CHECK_THROWS_AS((void)clip_spans({{0, 5}}, line), UsageError);
}

TEST_CASE("to_json: a report tells limits, counts and every decision") {
    const DualFilterOptions options;
    const std::vector<VideoDecision> videos{dual_filter(cut({1, 9}), options), dual_filter(cut({1, 1}), options),
                                            dual_filter(cut({}), options)};
    const io::Json report = to_json(videos, options);
    CHECK(report["limits"]["most_brief_share"] == 0.3);
    CHECK(report["videos"].dump() == R"({"empty":1,"fragmented":1,"kept":1})");
    CHECK(report["clips"].dump() == R"({"in_dropped_video":2,"kept":1,"too_short":1})");
    CHECK(report["seconds"] == 12.0);
    CHECK(report["kept_seconds"] == 9.0);
    CHECK(report["decisions"][0]["brief_share"] == 0.1);
    CHECK(report["decisions"][0]["clips"][0]["verdict"] == "too_short");
    CHECK(report["decisions"][1]["verdict"] == "fragmented");
}
