// SPDX-License-Identifier: Apache-2.0
// Decoding only what is needed gives what decoding everything gives, and is given up where it would not.
#include "svad/video/reader.hpp"
#include "svad/video/writer.hpp"

#include "../io/temp_dir.hpp"

#include <doctest/doctest.h>

#if SVAD_FFMPEG

using namespace svad;
using namespace svad::video;

namespace {

/// A moving pattern, so that a frame predicted from the wrong ones is a wrong frame.
std::string write_moving(const std::string& path, Index frames) {
    VideoWriter writer{path, {.width = 96, .height = 64, .fps = 25, .crf = 20, .preset = "medium"}};   // medium has B frames
    Tensor<std::uint8_t> image({64, 96, 3});
    for (Index t = 0; t < frames; ++t) {
        const Index scene = t / 90;   // x264 begins a group at a cut
        for (Index y = 0; y < 64; ++y)
            for (Index x = 0; x < 96; ++x)
                for (Index c = 0; c < 3; ++c)
                    image(y, x, c) = static_cast<std::uint8_t>((x + 3 * t + 40 * scene) * (scene + c + 1) / 2 + y * (3 - c) + ((x * 7 + y * 13 + t) % 11));
        writer.write(image);
    }
    writer.finish();
    return path;
}

bool equal(const Clip& a, const Clip& b) {
    return a.indices == b.indices && a.times == b.times && a.total_frames == b.total_frames && a.duration == b.duration &&
           a.frames.shape() == b.frames.shape() && std::equal(a.frames.begin(), a.frames.end(), b.frames.begin());
}

}  // namespace

TEST_CASE("packet plan: every choice gives the bits of a full decode") {
    const TempDir dir;
    const std::string path = write_moving(dir / "a.mp4", 300);
    const ReadOptions all{.decode_all = true};
    {
        video::detail::Input input{path, {}};
        REQUIRE(video::detail::PacketPlan::of(input, {}).has_value());
    }
    for (const Index n : {1, 2, 3, 8, 64, 300}) CHECK(equal(read(path, Uniform{n}), read(path, Uniform{n}, all)));
    CHECK(equal(read(path, UniformTime{8}), read(path, UniformTime{8}, all)));
    CHECK(equal(read(path, Fps{3}), read(path, Fps{3}, all)));
    for (const Range range : {Range{0, 0.3}, Range{3.5, 3.7}, Range{3.59, 8}, Range{11.9, 99}}) {
        ReadOptions part{.range = range}, whole{.decode_all = true, .range = range};
        CHECK(equal(read(path, Uniform{4}, part), read(path, Uniform{4}, whole)));
    }
    for (Index first = 0; first < 300; first += 23) {   // every single frame by itself
        const double at = static_cast<double>(first) / 25;
        CHECK(equal(read(path, Uniform{1}, {.range = {at, at + 0.04}}), read(path, Uniform{1}, {.decode_all = true, .range = {at, at + 0.04}})));
    }
}

TEST_CASE("packet plan: frames far into a file are reached without decoding what lies before") {
    const TempDir dir;
    const std::string path = write_moving(dir / "a.mp4", 300);
    video::detail::Input input{path, {}};
    const auto plan = video::detail::PacketPlan::of(input, {});
    REQUIRE(plan.has_value());
    CHECK(plan->line().size() == 300);
    CHECK(plan->line().end == doctest::Approx(12.0));
    const std::vector<Index> wanted{290};
    std::vector<Index> visited;
    CHECK(plan->decode(path, input, {}, wanted, [&](Index number, const AVFrame&) { visited.push_back(number); }));
    CHECK(visited == wanted);
    CHECK(input.codec().frame_number < 150);   // the last groups, without the frames that nothing is predicted from
}

TEST_CASE("packet plan: a file whose packets break off is read the slow way, and says so") {
    const TempDir dir;
    const std::string bytes = io::read_file(write_moving(dir / "a.mp4", 60));
    io::write_atomic(dir / "cut.mp4", std::string_view{bytes}.substr(0, bytes.size() * 3 / 4));
    video::detail::Input input{dir / "cut.mp4", {}};
    CHECK_FALSE(video::detail::PacketPlan::of(input, {}).has_value());
    const Clip clip = read(dir / "cut.mp4", Uniform{4});
    CHECK(clip.truncated);
    CHECK(clip.total_frames < 60);
}

TEST_CASE("read_input equals to_input of the frames read") {
    const TempDir dir;
    const std::string path = write_moving(dir / "a.mp4", 40);
    const Clip clip = read(path, Uniform{5});
    const Tensor<float> want = to_input(clip, 48);
    const ClipInput got = read_input(path, Uniform{5}, {.size = 48});
    CHECK(got.indices == clip.indices);
    REQUIRE(got.input.shape() == want.shape());
    CHECK(std::equal(want.begin(), want.end(), got.input.begin()));
}

#endif
