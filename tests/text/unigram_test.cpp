// SPDX-License-Identifier: Apache-2.0
#include "svad/text/unigram.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace svad::text;

namespace {

std::vector<std::int32_t> ids(const Unigram& model, const std::string& text) {
    std::vector<std::int32_t> out;
    std::size_t last = 0;
    model.encode(text, [&](std::int32_t id, std::size_t begin, std::size_t end) {
        CHECK(begin == last);
        last = end;
        out.push_back(id);
    });
    CHECK(last == text.size());
    return out;
}

const std::vector<UnigramPiece> pieces{{"<unk>", 0}, {"a", -1}, {"b", -1}, {"ab", -2}, {"abb", -2.5}};

}  // namespace

TEST_CASE("Unigram: the highest sum wins, a tie stays with the longer piece that was there first") {
    const Unigram model(pieces, {.unk_id = 0});
    CHECK(ids(model, "abb") == std::vector<std::int32_t>{4});
    CHECK(ids(model, "ab") == std::vector<std::int32_t>{3});
    CHECK(ids(model, "").empty());
}

TEST_CASE("Unigram: unknown characters are joined, kept apart, or an error, as told") {
    CHECK(ids(Unigram(pieces, {.unk_id = 0}), "a??b") == std::vector<std::int32_t>{1, 0, 2});
    CHECK(ids(Unigram(pieces, {.unk_id = 0, .fuse_unk = false}), "a??b") == std::vector<std::int32_t>{1, 0, 0, 2});
    CHECK_THROWS_AS(Unigram(pieces).encode("?", [](auto, auto, auto) {}), svad::UsageError);
    CHECK_THROWS_AS(Unigram(pieces, {.unk_id = 9}), svad::io::FormatError);
}
