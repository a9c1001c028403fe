// SPDX-License-Identifier: Apache-2.0
#include "svad/data/keywords.hpp"

#include "svad/data/caption_set.hpp"
#include "svad/io/file.hpp"

#include "io/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::data;

TEST_CASE("blank: every whole-word occurrence goes, and no part of a longer word") {
    const auto gap = blank("The red jar, a redder jar; red.", {"red", "colour"});
    REQUIRE(gap);
    CHECK(gap->masked == "The __ jar, a redder jar; __.");
    CHECK(gap->answer.word == "red");
    CHECK_FALSE(blank("the redder jar", {"red", "colour"}));
    CHECK_FALSE(blank("the jar", {"", "colour"}));
}

TEST_CASE("keyword kinds: classes are numbers in alphabetical order, unknown ones count nowhere") {
    Record a, b;
    a.keywords = {{"red", "colour"}, {"jar", "object"}};
    b.keywords = {{"blue", "colour"}};
    const KeywordKinds kinds = KeywordKinds::of({a, b});
    CHECK(kinds.names == std::vector<std::string>{"colour", "object"});
    CHECK(kinds.classes(a) == std::vector<std::int32_t>{1, 0});
    CHECK(kinds.classes(b) == std::vector<std::int32_t>{0, ignore});
}

TEST_CASE("manifest: bad lines are left out with file, line and reason; good ones stay") {
    const TempDir dir;
    io::write_atomic(dir / "m.jsonl", R"({"video": "a.mp4", "description": "x"}
no json
{"video": 7, "description": "x"}
{"video": "b.mp4"}

{"video": "/c.mp4", "descriptions": ["x", "y"], "keywords": ["jar", {"word": "red", "kind": "colour"}], "branch": "auxiliary"}
{"video": "d.mp4", "description": "x", "branch": "other"}
)");
    const Manifest m = read_manifest(dir / "m.jsonl");
    REQUIRE(m.records.size() == 2);
    CHECK(m.records[0].video == dir / "a.mp4");
    CHECK(m.records[1].video == "/c.mp4");
    CHECK_FALSE(m.records[1].primary);
    CHECK(m.records[1].keywords == std::vector<Keyword>{{"jar", "keyword"}, {"red", "colour"}});
    REQUIRE(m.problems.size() == 4);
    CHECK(m.problems[0].starts_with((dir / "m.jsonl") + ":2: "));
    CHECK(m.problems[2].find(":4: the clip has no description") != std::string::npos);
}

TEST_CASE("manifest: a file without a clip is an error that names it") {
    const TempDir dir;
    io::write_atomic(dir / "m.jsonl", "nothing\n");
    CHECK_THROWS_WITH_AS((void)read_manifest(dir / "m.jsonl"), doctest::Contains("m.jsonl"), io::FormatError);
    CHECK_THROWS_AS((void)read_manifest(dir / "missing.jsonl"), io::FileError);
}
