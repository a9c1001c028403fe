// SPDX-License-Identifier: Apache-2.0
// Files that video/writer.hpp makes: atomic, reproducible, refused where they cannot be.
#include "svad/core/parallel.hpp"
#include "svad/video/reader.hpp"
#include "svad/video/writer.hpp"

#include "../io/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::video;

#if SVAD_FFMPEG

TEST_CASE("video_writer: the file appears at finish and not before; an unfinished one leaves nothing") {
    const TempDir dir;
    Tensor<std::uint8_t> frames({5, 32, 48, 3});
    {
        VideoWriter writer{dir / "a.mp4", {.width = 48, .height = 32}};
        writer.write_all(frames);
        CHECK_FALSE(io::exists(dir / "a.mp4"));
        writer.finish();
        CHECK(writer.frames() == 5);
        CHECK_THROWS_AS(writer.write(frames.slice(0)), UsageError);
        CHECK_THROWS_AS(writer.finish(), UsageError);
    }
    CHECK(read(dir / "a.mp4", All{}).total_frames == 5);
    {
        VideoWriter writer{dir / "b.mp4", {.width = 48, .height = 32}};
        writer.write(frames.slice(0));
        CHECK(dir.count() == 2);
    }
    CHECK(dir.count() == 1);
}

TEST_CASE("video_writer: equal frames give equal files, also from many threads at once") {
    const TempDir dir;
    Tensor<std::uint8_t> frames({12, 64, 64, 3});
    for (Index i = 0; i < frames.numel(); ++i) frames[i] = static_cast<std::uint8_t>((i * i / 97 + i) % 251);
    parallel_for(6, 1, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
            VideoWriter writer{dir / (std::to_string(i) + ".mp4"), {.width = 64, .height = 64, .fps = 12.5}};
            writer.write_all(frames);
            writer.finish();
        }
    });
    const std::string first = io::read_file(dir / "0.mp4");
    for (int i = 1; i < 6; ++i) CHECK(io::read_file(dir / (std::to_string(i) + ".mp4")) == first);
    CHECK(read(dir / "0.mp4").duration == doctest::Approx(12 / 12.5).epsilon(1e-6));
}

TEST_CASE("video_writer: odd sizes, bad rates, wrong frames and impossible paths are errors") {
    const TempDir dir;
    CHECK_THROWS_AS((VideoWriter{dir / "a.mp4", {.width = 31, .height = 32}}), UsageError);
    CHECK_THROWS_AS((VideoWriter{dir / "a.mp4", {}}), UsageError);
    CHECK_THROWS_AS((VideoWriter{dir / "a.mp4", {.width = 32, .height = 32, .fps = 0}}), UsageError);
    CHECK_THROWS_WITH_AS((VideoWriter{dir / "no/a.mp4", {.width = 32, .height = 32}}),
                         doctest::Contains("cannot be written"), io::FileError);
    VideoWriter writer{dir / "a.mp4", {.width = 32, .height = 32}};
    CHECK_THROWS_AS(writer.write(Tensor<std::uint8_t>({32, 30, 3})), ShapeError);
    CHECK_THROWS_AS(writer.finish(), UsageError);   // no frame
}

#endif
