// SPDX-License-Identifier: Apache-2.0
// The files between the stages: what is written comes back, and what does not add up is an error with its line.
#include "svad/data/clips.hpp"

#include "../io/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::data;

TEST_CASE("clips: videos and clips come back as they were written") {
    const TempDir dir;
    const VideoShots video{"a/b.mp4", "../x/a/b.mp4", "a", 50, 64, 48, 2.0, 25.0, "cut", {0x0123456789abcdefu, ~0ull}, {{0, 24, 0, 1}, {25, 49, 1, 2}}};
    io::write_json_lines(dir / "shots.jsonl", {to_json(video), to_json(video)});
    const std::vector<VideoShots> back = read_video_shots(dir / "shots.jsonl");
    REQUIRE(back.size() == 2);
    CHECK(io::dump(to_json(back[1])) == io::dump(to_json(video)));
    CHECK(back[0].fingerprint == video.fingerprint);
    const ClipRow clip{clip_id(video.id, 1), video.video, 1, 2, "a", "test"};
    CHECK(clip.id == "a/b.mp4#001");
    CHECK(video_of(clip.id) == video.id);
    io::write_json_lines(dir / "clips.jsonl", {to_json(clip)});
    CHECK(io::dump(to_json(read_clip_rows(dir / "clips.jsonl").at(0))) == io::dump(to_json(clip)));
    CHECK(cut_video(video).clips.size() == 2);
}

TEST_CASE("clips: a line that does not add up is an error with file and line") {
    const TempDir dir;
    const std::string good = R"({"id": "v#000", "video": "v.mp4", "start": 0, "end": 1})";
    for (const char* bad : {R"({"id": "v#001", "video": "v.mp4", "start": 2, "end": 1})", R"({"id": "v#001", "video": "v.mp4", "start": -1, "end": 1})",
                            R"({"id": 7, "video": "v.mp4", "start": 0, "end": 1})", R"([1])", R"({"id": "v)"}) {
        io::write_atomic(dir / "clips.jsonl", good + "\n\n" + bad + "\n");
        CHECK_THROWS_WITH_AS((void)read_clip_rows(dir / "clips.jsonl"), doctest::Contains("clips.jsonl:3"), io::FormatError);
    }
    io::write_atomic(dir / "shots.jsonl", R"({"id": "v", "video": "v", "frames": 1, "seconds": 1, "fingerprint": ["xyz"], "shots": []})");
    CHECK_THROWS_WITH_AS((void)read_video_shots(dir / "shots.jsonl"), doctest::Contains("16 hexadecimal digits"), io::FormatError);
}
