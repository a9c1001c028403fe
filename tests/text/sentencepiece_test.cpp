// SPDX-License-Identifier: Apache-2.0
#include "svad/text/sentencepiece.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <string>
#include <vector>

using namespace svad::text;
namespace io = svad::io;

namespace {

std::string varint(std::uint64_t n) {
    std::string out;
    for (; n >= 0x80; n >>= 7) out += static_cast<char>((n & 0x7F) | 0x80);
    return out + static_cast<char>(n);
}

std::string bytes_field(unsigned number, const std::string& bytes) { return varint(number * 8 + 2) + varint(bytes.size()) + bytes; }
std::string number_field(unsigned number, std::uint64_t n) { return varint(number * 8) + varint(n); }

std::string piece(const std::string& text, float score, int type = 1) {
    const auto bits = std::bit_cast<std::uint32_t>(score);
    std::string message = bytes_field(1, text) + '\x15';
    for (int k = 0; k < 4; ++k) message += static_cast<char>(bits >> (8 * k));
    return bytes_field(1, message + number_field(3, static_cast<std::uint64_t>(type)));
}

const std::string blank{blank_sign};

/// A model of the given kind: unknown, control, a user's symbol, an unused piece and some letters.
std::string model(int kind) {
    return piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("<x>", 0, 4) + piece(blank, -4) + piece("a", -3) + piece("b", -3) +
           piece("ab", -2) + piece(blank + "ab", -1.5f) + piece("aba", -0.5f, 5) + bytes_field(2, number_field(3, static_cast<std::uint64_t>(kind)));
}

using Ids = std::vector<std::int32_t>;

}  // namespace

TEST_CASE("SentencePiece: a unigram model takes the most probable pieces and joins unknown ones") {
    const auto sp = SentencePiece::parse(model(1), "m");
    CHECK(sp.encode("ab a").ids == Ids{7, 3, 4});
    const SentencePieces pieces = sp.encode(" ab zz<x>b ");
    CHECK(pieces.ids == Ids{7, 3, 0, 2, 5});
    CHECK(pieces.offsets[2] == std::pair<std::size_t, std::size_t>{4, 6});
    CHECK(pieces.offsets[4] == std::pair<std::size_t, std::size_t>{9, 10});
    CHECK(sp.decode(sp.encode("ab a").ids) == "ab a");
    CHECK(sp.decode(Ids{1, 0}) == " \xE2\x81\x87 ");
}

TEST_CASE("SentencePiece: BPE takes unused pieces apart again; characters and words stand alone") {
    CHECK(SentencePiece::parse(model(2), "m").encode("aba").ids == Ids{3, 6, 4});
    CHECK(SentencePiece::parse(model(2), "m").encode("b<x>aba").ids == Ids{3, 5, 2, 6, 4});
    CHECK(SentencePiece::parse(model(4), "m").encode("ab").ids == Ids{3, 4, 5});
    CHECK(SentencePiece::parse(model(3), "m").encode("ab b").ids == Ids{7, 0});
}

TEST_CASE("SentencePiece: offsets never decrease and lie inside the text, for any bytes") {
    for (int kind = 1; kind <= 4; ++kind) {
        const auto sp = SentencePiece::parse(model(kind), "m");
        std::string text;
        for (int i = 0; i < 3000; ++i) text += "ab <x>\xE2\x96\x81\xFF\xC3"[(i * i + i / 7) % 11];
        std::size_t last = 0;
        for (const auto& bytes : sp.encode(text).offsets) {
            CHECK(bytes.first >= last);
            CHECK(bytes.second >= bytes.first);
            CHECK(bytes.second <= text.size());
            last = bytes.first;
        }
    }
}

TEST_CASE("SentencePiece: a megabyte of one letter takes linear time") {
    for (int kind : {1, 2, 4}) {
        const auto pieces = SentencePiece::parse(model(kind), "m").encode(std::string(1 << 20, 'b'));
        CHECK(pieces.ids.size() == (1 << 20) + 1);
    }
}

TEST_CASE("SentencePiece: every cut of a file and every broken part is an error, never a crash") {
    const std::string whole = model(1);
    for (std::size_t n = 0; n < whole.size(); ++n) {
        try {
            (void)SentencePiece::parse(whole.substr(0, n), "m").encode("ab");
        } catch (const io::FormatError&) {
        }
    }
    CHECK_THROWS_AS((void)SentencePiece::parse("", "m"), io::FormatError);
    CHECK_THROWS_AS((void)SentencePiece::parse(whole + piece("<u>", 0, 2), "m"), io::FormatError);
    CHECK_THROWS_AS((void)SentencePiece::parse(whole + piece("", 0), "m"), io::FormatError);
    CHECK_THROWS_AS((void)SentencePiece::parse(whole + piece("q", 0, 9), "m"), io::FormatError);
    CHECK_THROWS_AS((void)SentencePiece::parse(whole + piece("<0xZZ>", 0, 6), "m"), io::FormatError);
    CHECK_THROWS_AS((void)SentencePiece::parse(whole + bytes_field(2, number_field(35, 1)), "m"), io::FormatError);
    CHECK_THROWS_AS((void)SentencePiece::parse(model(1), "m").decode(Ids{99}), svad::UsageError);
}
