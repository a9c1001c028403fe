// SPDX-License-Identifier: Apache-2.0
// What a file says of itself, the length of its last frame, and refusing what is too large or takes too long.
#include "svad/video/probe.hpp"
#include "svad/video/reader.hpp"
#include "svad/video/writer.hpp"

#include "../io/temp_dir.hpp"

#include <doctest/doctest.h>

#if SVAD_FFMPEG

using namespace svad;
using namespace svad::video;

namespace {

std::string write_flat(const std::string& path, Index frames) {
    VideoWriter writer{path, {.width = 64, .height = 48, .fps = 10}};
    Tensor<std::uint8_t> image({48, 64, 3});
    for (Index t = 0; t < frames; ++t) {
        image(5, 5, 0) = static_cast<std::uint8_t>(t);
        writer.write(image);
    }
    writer.finish();
    return path;
}

/// The file with the 32-bit number `skip` bytes behind the first `name` replaced.
std::string patched(std::string bytes, const std::string& name, std::size_t skip, std::uint32_t value) {
    const std::size_t at = bytes.find(name);
    REQUIRE(at != std::string::npos);
    for (std::size_t i = 0; i < 4; ++i) bytes[at + skip + i] = static_cast<char>(value >> (24 - 8 * i));
    return bytes;
}

double seconds_of(const auto& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

TEST_CASE("probe: a file's claims are those it was written with") {
    const TempDir dir;
    const Info info = probe(write_flat(dir / "a.mp4", 12));
    CHECK(info.width == 64);
    CHECK(info.height == 48);
    CHECK(info.quarter_turns == 0);
    CHECK(info.pixel_aspect == 1);
    CHECK(info.rate == doctest::Approx(10));
    CHECK(info.frames == 12);
    CHECK(info.seconds == doctest::Approx(1.2));
    CHECK(info.codec == "h264");
    CHECK(info.pixel_format == "yuv420p");
    CHECK_THROWS_AS((void)probe(dir / "missing.mp4"), DecodeError);
}

TEST_CASE("the last frame lasts as long as the sample table says") {
    const TempDir dir;
    // stts: version and flags, one entry {12, 1024}; as two entries it would be longer, so all samples change together.
    const std::string bytes = io::read_file(write_flat(dir / "a.mp4", 12));
    const std::size_t at = bytes.find("stts");
    REQUIRE(at != std::string::npos);
    REQUIRE(bytes.substr(at + 4, 12) == std::string("\0\0\0\0\0\0\0\1\0\0\0\x0c", 12));
    const video::detail::ByteSource source{dir / "a.mp4", 10};
    CHECK(video::detail::last_sample_duration(source, 1) == 1024);
    CHECK_FALSE(video::detail::last_sample_duration(source, 7).has_value());
    io::write_atomic(dir / "b.mp4", patched(bytes, "stts", 8, 0xffffffffu));   // entries beyond the box
    CHECK_FALSE(video::detail::last_sample_duration(video::detail::ByteSource{dir / "b.mp4", 10}, 1).has_value());
    io::write_atomic(dir / "c.mp4", patched(bytes, "minf", std::string::npos - 3, 0x7fffffffu));   // a box larger than its parent
    CHECK_FALSE(video::detail::last_sample_duration(video::detail::ByteSource{dir / "c.mp4", 10}, 1).has_value());
}

TEST_CASE("a file that claims billions of samples or huge pictures is refused at once") {
    const TempDir dir;
    const std::string bytes = io::read_file(write_flat(dir / "a.mp4", 12));
    // stsz: version and flags, sample size (0: a table), sample count. With a size the count needs no table.
    std::string many = patched(bytes, "stsz", 8, 1);
    many = patched(many, "stsz", 12, 2'000'000'000);
    many = patched(many, "stts", 12, 2'000'000'000);
    io::write_atomic(dir / "many.mp4", many);
    double took = seconds_of([&] { CHECK_THROWS_AS((void)read(dir / "many.mp4"), DecodeError); });
    CHECK(took < 5);
    many = patched(patched(many, "stsz", 12, 9'000'000), "stts", 12, 9'000'000);   // small enough for libav's own limit
    io::write_atomic(dir / "many.mp4", many);
    took = seconds_of([&] { CHECK_THROWS_AS((void)read(dir / "many.mp4"), DecodeError); });
    CHECK(took < 5);
    CHECK_THROWS_AS((void)read(dir / "a.mp4", Uniform{1}, {.max_pixels = 64 * 47}), DecodeError);
}

TEST_CASE("a file that takes too long is an error that names the limit") {
    const TempDir dir;
    const std::string path = write_flat(dir / "a.mp4", 12);
    CHECK_THROWS_WITH_AS((void)read(path, Uniform{1}, {.max_seconds = 0}), doctest::Contains("raise max_seconds"), DecodeError);
}

TEST_CASE("a Matroska or AVI file shorter than its header promises is known as cut") {
    const TempDir dir;
    const auto promised = [&](const std::string& bytes) {
        io::write_atomic(dir / "x", bytes);
        return video::detail::promised_size(video::detail::ByteSource{dir / "x", 10});
    };
    const std::string head = std::string("\x1A\x45\xDF\xA3\x82", 5) + "ab", tail(100, 'x');
    CHECK(promised(head + std::string("\x18\x53\x80\x67\x40\x64", 6) + tail) == 113);
    CHECK(promised(head + std::string("\x18\x53\x80\x67\x01\x00\x00\x00\x00\x00\x03\xe8", 12) + tail) == 1019);
    CHECK(promised(head + std::string("\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff", 12) + tail) == 0);   // unknown
    CHECK(promised(std::string("RIFF\x10\x27\0\0AVI ", 12) + tail) == 10008);
    CHECK(promised(head) == 0);
    CHECK(promised(tail) == 0);
}

#endif
