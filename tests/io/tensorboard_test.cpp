// SPDX-License-Identifier: Apache-2.0
// Event files of io/tensorboard.hpp, decoded again record by record.
#include "svad/io/tensorboard.hpp"

#include "temp_dir.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

using namespace svad;

namespace {

template <class T>
T fixed(std::string_view bytes, std::size_t at) {
    T value;
    REQUIRE(at + sizeof(T) <= bytes.size());
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    return value;
}

/// Undoes the mask as the format's documentation states it, not as the writer computes it.
std::uint32_t unmasked(std::uint32_t masked) {
    const std::uint32_t rotated = masked - 0xa282ead8u;
    return (rotated >> 17) | (rotated << 15);
}

std::vector<std::string> records(std::string_view file) {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < file.size();) {
        const auto length = static_cast<std::size_t>(fixed<std::uint64_t>(file, at));
        CHECK(unmasked(fixed<std::uint32_t>(file, at + 8)) == io::crc32c(file.substr(at, 8)));
        REQUIRE(at + 16 + length <= file.size());
        out.emplace_back(file.substr(at + 12, length));
        CHECK(unmasked(fixed<std::uint32_t>(file, at + 12 + length)) == io::crc32c(out.back()));
        at += 16 + length;
    }
    return out;
}

}  // namespace

TEST_CASE("crc32c: the check values of RFC 3720 and the polynomial's catalogue") {
    CHECK(io::crc32c("123456789") == 0xe3069283u);
    CHECK(io::crc32c(std::string(32, '\0')) == 0x8a9136aau);
    CHECK(io::crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
    CHECK(io::crc32c("") == 0u);
}

TEST_CASE("tensorboard: the file starts with its version and holds each scalar with step and time") {
    const TempDir dir;
    io::TensorBoard board{dir / "runs/a"};
    const std::vector<io::Scalar> two{{"train/loss", 1.5}, {"rate", -2.0}};
    board.scalars(300, two, 1000.25);
    const std::vector<std::string> all = records(io::read_file(board.path()));   // before the writer closes
    REQUIRE(all.size() == 2);
    CHECK(board.path().find("/events.out.tfevents.") != std::string::npos);

    CHECK(all[0].find("\x1a\x0d"
                      "brain.Event:2") != std::string::npos);   // field 3, 13 bytes
    const std::string_view event = all[1];
    CHECK(event[0] == '\x09');   // field 1, 64 bits
    CHECK(fixed<double>(event, 1) == 1000.25);
    CHECK(event.substr(9, 3) == "\x10\xac\x02");   // field 2, varint 300
    std::string expected =
        std::string{"\x0a\x11\x0a\x0a"} + "train/loss" + "\x15" + std::string("\0\0\xc0\x3f", 4);
    expected += std::string{"\x0a\x0b\x0a\x04"} + "rate" + "\x15" + std::string("\0\0\0\xc0", 4);
    CHECK(event.substr(12) == "\x2a" + std::string(1, static_cast<char>(expected.size())) + expected);
}

TEST_CASE("tensorboard: events are appended, negative steps keep ten bytes, two runs get two files") {
    const TempDir dir;
    io::TensorBoard board{dir.path}, other{dir.path};
    for (int step = -1; step < 5; ++step) board.scalar("x", step, step);
    CHECK(records(io::read_file(board.path())).size() == 7);
    CHECK(board.path() != other.path());
}
