// SPDX-License-Identifier: Apache-2.0
// Limits, error texts, checked fields and JSON lines of io/json.hpp.
#include "svad/io/json.hpp"

#include "temp_dir.hpp"

#include <doctest/doctest.h>

using namespace svad;

TEST_CASE("parse_json: an error is one line with the place's name and the byte") {
    CHECK(io::parse_json(R"({"a": [1, 2.5, "x", null, true]})", "t")["a"][1] == 2.5);
    CHECK_THROWS_WITH_AS((void)io::parse_json("[1, 2", "conf.json"), doctest::Contains("conf.json: "),
                         io::FormatError);
    for (const char* bad : {"", "{", "[1,]", "nul", "\"a", "{\"a\" 1}", "[1] 2", "\"\xff\"", "1e999",
                            "\"\\u12\"", "\"a\nb\""}) {
        CAPTURE(bad);
        try {
            (void)io::parse_json(bad, "t");
            FAIL("was accepted");
        } catch (const io::FormatError& error) {
            CHECK(std::string{error.what()}.find('\n') == std::string::npos);
            CHECK(std::string{error.what()}.rfind("t: ", 0) == 0);
        }
    }
    CHECK_THROWS_WITH_AS((void)io::parse_json("[1,]", "t"), doctest::Contains("(at byte 4)"),
                         io::FormatError);
}

TEST_CASE("parse_json: depth and size have limits, brackets in strings do not count") {
    const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    CHECK_THROWS_WITH_AS((void)io::parse_json(deep, "t"),
                         doctest::Contains("deeper than 128 levels (at byte 128)"), io::FormatError);
    CHECK_NOTHROW((void)io::parse_json(std::string(128, '[') + std::string(128, ']'), "t"));
    CHECK_NOTHROW(
        (void)io::parse_json("\"" + std::string(1000, '[') + "\\\"" + std::string(1000, '{') + "\"", "t"));
    CHECK_THROWS_AS((void)io::parse_json("[1, 2, 3]", "t", {.max_bytes = 8}), io::FormatError);
}

TEST_CASE("parse_json: a key given twice keeps its last value, or is refused when asked") {
    const char* twice = R"({"a": 1, "b": {"a": 0}, "a": 2})";
    CHECK(io::parse_json(twice, "t")["a"] == 2);
    CHECK_THROWS_WITH_AS((void)io::parse_json(twice, "t", {.duplicates = io::DuplicateKeys::reject}),
                         doctest::Contains("key 'a' occurs twice"), io::FormatError);
    CHECK_NOTHROW((void)io::parse_json(R"([{"a": 1}, {"a": {"a": 3}}])", "t",
                                       {.duplicates = io::DuplicateKeys::reject}));
}

TEST_CASE("field: types and ranges are checked") {
    const io::Json j =
        io::parse_json(R"({"i": 300, "n": -1, "f": 1.5, "s": "x", "b": true, "z": null, "v": [1, 2]})", "t");
    CHECK(io::field<int>(j, "i", "t") == 300);
    CHECK(io::field<double>(j, "i", "t") == 300.0);
    CHECK(io::field<std::vector<int>>(j, "v", "t") == std::vector<int>{1, 2});
    CHECK(io::field_or<int>(j, "absent", 7, "t") == 7);
    CHECK(io::field_or<std::string>(j, "z", "d", "t") == "d");
    CHECK_THROWS_WITH_AS((void)io::field<std::uint8_t>(j, "i", "t"),
                         doctest::Contains("'i' should be a non-negative integer in range; got 300"),
                         io::FormatError);
    CHECK_THROWS_AS((void)io::field<unsigned>(j, "n", "t"), io::FormatError);
    CHECK_THROWS_AS((void)io::field<int>(j, "f", "t"), io::FormatError);
    CHECK_THROWS_AS((void)io::field<bool>(j, "i", "t"), io::FormatError);
    CHECK_THROWS_AS((void)io::field<std::string>(j, "b", "t"), io::FormatError);
    CHECK_THROWS_AS((void)io::field<std::vector<std::string>>(j, "v", "t"), io::FormatError);
    CHECK_THROWS_WITH_AS((void)io::field<int>(j, "absent", "t"), "t: has no 'absent'", io::FormatError);
    CHECK_THROWS_AS((void)io::field<int>(io::Json::array(), "a", "t"), io::FormatError);
}

TEST_CASE("write_json: read_json gives the value back; invalid utf-8 is replaced, not thrown") {
    const TempDir dir;
    const io::Json value{{"k", {1, 2.25, "é"}}};
    io::write_json(dir / "x.json", value);
    CHECK(io::read_json(dir / "x.json") == value);
    CHECK(io::dump(io::Json("a\xff")) == "\"a\xef\xbf\xbd\"");
}

TEST_CASE("json_lines: one value a line, blank lines skipped, the line of an error named") {
    const TempDir dir;
    const std::string path = dir / "x.jsonl";
    io::write_atomic(path, "{\"a\":1}\r\n\n  \n[2]\n\"" + std::string(200'000, 'x') + "\"\n3");
    io::JsonLines lines{path};
    io::Json value;
    REQUIRE(lines.next(value));
    CHECK(value["a"] == 1);
    REQUIRE(lines.next(value));
    CHECK(lines.line() == 4);
    REQUIRE(lines.next(value));
    CHECK(value.get<std::string>().size() == 200'000);   // longer than a read buffer
    REQUIRE(lines.next(value));
    CHECK(value == 3);
    CHECK_FALSE(lines.next(value));
    CHECK_FALSE(lines.next(value));

    io::write_atomic(path, "1\n{oops\n");
    io::JsonLines bad{path};
    REQUIRE(bad.next(value));
    CHECK_THROWS_WITH_AS(bad.next(value), doctest::Contains("x.jsonl:2: "), io::FormatError);
}

TEST_CASE("json_lines: a torn last line is an error unless it is to be ignored; a whole one counts") {
    const TempDir dir;
    const std::string path = dir / "x.jsonl";
    io::write_atomic(path, "1\n{\"a\": ");
    io::Json value;
    io::JsonLines strict{path}, lenient{path, io::TornTail::ignore};
    REQUIRE(strict.next(value));
    CHECK_THROWS_AS(strict.next(value), io::FormatError);
    REQUIRE(lenient.next(value));
    CHECK_FALSE(lenient.next(value));
    io::write_atomic(path, "1\n2");
    io::JsonLines whole{path, io::TornTail::ignore};
    CHECK(whole.next(value));
    CHECK(whole.next(value));
}

TEST_CASE("parse_json: mutated documents give a value or a FormatError") {
    const std::string good =
        R"({"model": {"layers": [1, 2, {"x": "yé\n"}], "rate": 1e-4}, "names": ["a", "b"]})";
    std::uint32_t state = 1;
    const auto next = [&] { return state = state * 1664525u + 1013904223u; };
    int accepted = 0, refused = 0;
    for (int round = 0; round < 3000; ++round) {
        std::string text = good.substr(0, round % 3 == 0 ? next() % good.size() : good.size());
        for (std::uint32_t flips = 1 + (next() >> 8) % 3; flips > 0 && !text.empty(); --flips)
            text[(next() >> 8) % text.size()] = static_cast<char>(next() >> 16);
        try {
            (void)io::dump(io::parse_json(text, "t", {.duplicates = io::DuplicateKeys::reject}));
            ++accepted;
        } catch (const io::FormatError&) {
            ++refused;
        }
    }
    CHECK(accepted > 0);
    CHECK(refused > 1000);
}
