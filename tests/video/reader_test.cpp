// SPDX-License-Identifier: Apache-2.0
// Videos written by video/writer.hpp and read back by video/reader.hpp, and damaged files; tests/goldens has real ones.
#include "svad/video/reader.hpp"
#include "svad/video/writer.hpp"

#include "../io/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::video;

#if SVAD_FFMPEG

namespace {

/// Frame t of a test clip: three flat areas whose colours change with t.
Tensor<std::uint8_t> picture(Index t, Index h, Index w) {
    Tensor<std::uint8_t> frame({h, w, 3});
    for (Index y = 0; y < h; ++y)
        for (Index x = 0; x < w; ++x) {
            std::uint8_t* const p = frame.data() + (y * w + x) * 3;
            p[0] = static_cast<std::uint8_t>(y < h / 2 ? 40 + 3 * t : 200);
            p[1] = static_cast<std::uint8_t>(x < w / 2 ? 60 : 180 - 2 * t);
            p[2] = static_cast<std::uint8_t>(90 + t);
        }
    return frame;
}

std::string write_clip(const std::string& path, Index frames, Index h = 96, Index w = 128, double fps = 25) {
    VideoWriter writer{path, {.width = w, .height = h, .fps = fps, .crf = 12}};
    for (Index t = 0; t < frames; ++t) writer.write(picture(t, h, w));
    writer.finish();
    return path;
}

/// Mean of each channel over an area.
std::array<double, 3> mean(const Tensor<std::uint8_t>& frame, Index y0, Index y1, Index x0, Index x1) {
    std::array<double, 3> sum{};
    for (Index y = y0; y < y1; ++y)
        for (Index x = x0; x < x1; ++x)
            for (Index c = 0; c < 3; ++c) sum[static_cast<std::size_t>(c)] += frame(y, x, c);
    for (double& s : sum) s /= static_cast<double>((y1 - y0) * (x1 - x0));
    return sum;
}

}  // namespace

TEST_CASE("a range takes the frames that appear inside it, whatever is chosen from them") {
    const TempDir folder;
    const std::string path = write_clip(folder / "clip.mp4", 50);   // 2 s
    const Clip whole = read(path, All{});
    const Clip part = read(path, All{}, {.range = {0.4, 0.8}});
    REQUIRE(part.indices == std::vector<Index>{10, 11, 12, 13, 14, 15, 16, 17, 18, 19});
    CHECK(part.total_frames == 10);
    CHECK(part.duration == doctest::Approx(0.4));
    for (Index i = 0; i < 10; ++i)
        CHECK(std::memcmp(part.frames.slice(i).data(), whole.frames.slice(10 + i).data(), 96 * 128 * 3) == 0);
    CHECK(read(path, Uniform{2}, {.range = {0.4, 0.8}}).indices == std::vector<Index>{12, 17});
    CHECK(read(path, Fps{5}, {.range = {1.0, 9.0}}).indices == std::vector<Index>{25, 30, 35, 40, 45});
    std::vector<Index> visited;
    const Timeline line = for_each_frame(path, [&](Index i, double, const auto&) { visited.push_back(i); }, {.range = {1.9, 9.0}});
    CHECK(visited == std::vector<Index>{48, 49});   // 47.5 rounds up to the next frame
    CHECK(line.size() == 2);
    CHECK_THROWS_WITH_AS((void)read(path, All{}, {.range = {5, 6}}), doctest::Contains("no frame from 5 to 6 s"), DecodeError);
    CHECK_THROWS_AS((void)read(path, All{}, {.range = {2, 1}}), UsageError);
}

TEST_CASE("read: a written clip comes back with its frame count, times and colours") {
    const TempDir dir;
    const Clip clip = read(write_clip(dir / "a.mp4", 40), All{});
    REQUIRE(clip.frames.shape() == Shape{40, 96, 128, 3});
    CHECK(clip.total_frames == 40);
    CHECK(clip.duration == doctest::Approx(1.6).epsilon(1e-6));
    CHECK(clip.rate == doctest::Approx(25.0).epsilon(1e-6));
    CHECK_FALSE(clip.truncated);
    CHECK(clip.damaged == 0);
    for (Index t = 0; t < 40; ++t) {
        CHECK(clip.times[static_cast<std::size_t>(t)] ==
              doctest::Approx(static_cast<double>(t) / 25).epsilon(1e-6));
        const auto want = picture(t, 96, 128);
        for (const auto& [y, x] : {std::pair<Index, Index>{10, 10}, {10, 80}, {60, 10}, {60, 80}})
            for (std::size_t c = 0; c < 3;
                 ++c) {   // limited range, 4:2:0 and crf 12 cost up to about 3 levels
                const auto got = mean(clip.frames.slice(t), y, y + 20, x, x + 30);
                CHECK(std::fabs(got[c] - mean(want, y, y + 20, x, x + 30)[c]) < 4);
            }
    }
}

TEST_CASE("read: choosing frames gives the same bytes as reading all and picking") {
    const TempDir dir;
    const std::string path = write_clip(dir / "a.mp4", 33, 64, 64, 30000.0 / 1001);
    const Clip all = read(path, All{}), some = read(path, Uniform{8});
    CHECK(some.indices == choose(Uniform{8}, 33));
    for (std::size_t i = 0; i < 8; ++i) {
        const auto one = some.frames.slice(static_cast<Index>(i)), same = all.frames.slice(some.indices[i]);
        CHECK(std::equal(one.begin(), one.end(), same.begin()));
        CHECK(some.times[i] == all.times[static_cast<std::size_t>(some.indices[i])]);
    }
    const Clip repeated = read(write_clip(dir / "b.mp4", 2, 32, 32), Uniform{4});
    CHECK(repeated.indices == std::vector<Index>{0, 0, 1, 1});
    CHECK(repeated.frames.size(0) == 4);
}

TEST_CASE("read: a clip too long to be held is read by prediction, with the same result") {
    const TempDir dir;   // 340 frames of 512x384 in 4:2:0 are 100 MB, beyond the 64 MB that are held
    const std::string path = write_clip(dir / "long.mp4", 340, 384, 512);
    const Clip clip = read(path, Uniform{4});
    CHECK(clip.total_frames == 340);
    Index checked = 0;
    const Timeline line = for_each_frame(path, [&](Index i, double, const Tensor<std::uint8_t>& frame) {
        const auto at = std::find(clip.indices.begin(), clip.indices.end(), i);
        if (at == clip.indices.end()) return;
        const auto kept = clip.frames.slice(at - clip.indices.begin());
        checked += std::equal(frame.begin(), frame.end(), kept.begin());
    });
    CHECK(checked == 4);
    CHECK(line.size() == 340);
}

TEST_CASE("read: a cut file gives the frames before the cut and says so") {
    const TempDir dir;
    const std::string path = write_clip(dir / "a.mp4", 60, 128, 128);
    const std::string bytes = io::read_file(path);
    Index shorter = 0, refused = 0;
    for (const double part : {0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99}) {
        io::write_atomic(dir / "cut.mp4",
                         bytes.substr(0, static_cast<std::size_t>(part * static_cast<double>(bytes.size()))));
        try {
            const Clip clip = read(dir / "cut.mp4", Uniform{8});
            CHECK(clip.truncated);
            CHECK(clip.total_frames < 60);
            CHECK(clip.frames.size(0) == 8);
            ++shorter;
        } catch (const DecodeError&) {
            ++refused;
        }
    }
    CHECK(shorter >= 2);
    CHECK(refused >= 1);
}

TEST_CASE("read: empty, missing, random and text files are one-line errors that name file and reason") {
    const TempDir dir;
    io::write_atomic(dir / "empty.mp4", "");
    io::write_atomic(dir / "text.mp4", "This is not a video.\n");
    std::string noise(60'000, '\0');
    for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(i * i * 2654435761u >> 13);
    io::write_atomic(dir / "noise.mp4", noise);
    io::write_atomic(dir / "list.m3u8",
                     "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n");
    io::write_atomic(dir / "list.ffconcat",
                     "ffconcat version 1.0\nfile " + write_clip(dir / "ok.mp4", 3) + "\n");
    for (const char* name :
         {"empty.mp4", "text.mp4", "noise.mp4", "missing.mp4", "list.m3u8", "list.ffconcat", "."}) {
        CAPTURE(name);
        try {
            (void)read(dir / name);
            FAIL("was accepted");
        } catch (const DecodeError& error) {
            const std::string text = error.what();
            CHECK(text.rfind(dir / name, 0) == 0);
            CHECK(text.size() > (dir / name).size() + 5);
            CHECK(text.find('\n') == std::string::npos);
        }
    }
    CHECK_THROWS_WITH_AS((void)read(dir / "empty.mp4"), doctest::Contains("is empty"), DecodeError);
}

TEST_CASE("read: mutated videos give a clip or a DecodeError") {
    const TempDir dir;
    const std::string good = io::read_file(write_clip(dir / "a.mp4", 10, 48, 64));
    std::uint32_t state = 3;
    const auto next = [&] { return (state = state * 1664525u + 1013904223u) >> 8; };
    int clips = 0, errors = 0;
    for (int round = 0; round < 150; ++round) {
        std::string bytes = good;
        for (int flips = 0; flips < 1 + round % 20; ++flips)
            bytes[next() % bytes.size()] = static_cast<char>(next());
        io::write_atomic(dir / "x.mp4", bytes);
        try {
            const Clip clip = read(dir / "x.mp4", Uniform{4}, {.max_side = 512, .max_bytes = 1 << 24});
            CHECK(clip.frames.size(0) == 4);
            ++clips;
        } catch (const DecodeError&) {
            ++errors;
        }
    }
    CHECK(clips > 10);
    CHECK(errors > 0);
}

TEST_CASE("read: limits on sides, frames and bytes are errors") {
    const TempDir dir;
    const std::string path = write_clip(dir / "a.mp4", 20, 96, 128);
    CHECK_THROWS_AS((void)read(path, All{}, {.max_side = 64}), DecodeError);
    CHECK_THROWS_WITH_AS((void)read(path, All{}, {.max_frames = 10}),
                         doctest::Contains("more than 10 frames"), DecodeError);
    CHECK_THROWS_WITH_AS((void)read(path, All{}, {.max_bytes = 100'000}), doctest::Contains("bytes"),
                         DecodeError);
    CHECK(read(path, Uniform{2}, {.max_bytes = 100'000}).frames.size(0) == 2);
}

TEST_CASE("read: decoder threads do not change a byte, and readers work side by side") {
    const TempDir dir;
    const std::string path = write_clip(dir / "a.mp4", 30);
    const Clip one = read(path, All{}), many = read(path, All{}, {.threads = 4});
    CHECK(std::equal(one.frames.begin(), one.frames.end(), many.frames.begin()));
    std::atomic<int> same{0};
    parallel_for(8, 1, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
            const Clip clip = read(path, All{});
            same += std::equal(one.frames.begin(), one.frames.end(), clip.frames.begin());
        }
    });
    CHECK(same == 8);
}

#endif
