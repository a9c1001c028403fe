// SPDX-License-Identifier: Apache-2.0
#include "svad/text/normalizer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace svad::text;

namespace {

/// The double array of `rules`: a block of 256 places for the children of every state.
std::string blob_of(const std::vector<std::pair<std::string, std::string>>& rules) {
    std::vector<std::uint32_t> units(512);
    units[0] = 256u << 10;
    std::string results;
    for (const auto& [from, to] : rules) {
        std::uint32_t base = 256;
        for (std::size_t i = 0; i < from.size(); ++i) {
            const std::uint32_t byte = static_cast<unsigned char>(from[i]), place = base ^ byte;
            if (units[place] == 0) {
                units[place] = byte | ((place ^ static_cast<std::uint32_t>(units.size())) << 10);
                units.resize(units.size() + 256);
            }
            base = place ^ (units[place] >> 10);
            if (i + 1 == from.size()) units[place] |= 0x100;
        }
        units[base] = static_cast<std::uint32_t>(results.size()) | 0x80000000u;
        results += to + std::string(1, '\0');
    }
    std::string blob;
    const auto put = [&](std::uint32_t n) {
        for (int k = 0; k < 4; ++k) blob += static_cast<char>(n >> (8 * k));
    };
    put(static_cast<std::uint32_t>(4 * units.size()));
    for (const std::uint32_t unit : units) put(unit);
    return blob + results;
}

AlignedText made_of(std::string_view text) {
    static const auto rules = std::make_shared<const Charsmap>(
        blob_of({{"½", "1/2"}, {"ａ", "a"}, {"\u0301", ""}, {"e\u0301", "é"}}), "m");
    return normalized(AlignedText{text, 0, true}, {normalize::Precompiled{rules}});
}

}  // namespace

TEST_CASE("Precompiled: a longer replacement stands for the character it replaces") {
    const AlignedText out = made_of("½x");
    CHECK(out.text() == "1/2x");
    for (std::size_t i = 0; i < 3; ++i) CHECK(out.span(i) == Span{0, 2});
    CHECK(out.span(3) == Span{2, 3});
    CHECK(made_of("ａb").text() == "ab");
}

TEST_CASE("Precompiled: a short cluster is looked up whole, a long one character by character") {
    CHECK(made_of("e\u0301x").text() == "éx");
    CHECK(made_of("e\u0301x").span(2) == Span{3, 4});
    CHECK(made_of("e\u0301\u0301\u0301").text() == "e");
}

TEST_CASE("Precompiled: a rule for the start of a short cluster replaces all of it") {
    CHECK(made_of("½\u0301x").text() == "1/2x");
    CHECK(made_of("½\u0301\u0301x").text() == "1/2x");
}

TEST_CASE("Precompiled: what is removed leaves the ranges of its neighbours") {
    const AlignedText out = made_of("a\u0301b");
    CHECK(out.text() == "ab");
    CHECK(out.span(0) == Span{0, 1});
    CHECK(out.span(1) == Span{3, 4});
    CHECK(made_of("\u0301").text().empty());
    CHECK(made_of("").text().empty());
}

TEST_CASE("Precompiled: any bytes come through") {
    std::string bytes;
    for (int i = 0; i < 2000; ++i) bytes += static_cast<char>((i * i * 31 + i) % 256);
    CHECK_FALSE(made_of(bytes).empty());
}
