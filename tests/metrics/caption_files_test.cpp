// SPDX-License-Identifier: Apache-2.0
// Files of captions: the formats, what is missing, and what is no such file.
#include "svad/metrics/caption_files.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace svad;
using namespace svad::metrics;

namespace {

std::string error_of(const auto& run) {
    try {
        run();
    } catch (const io::FormatError& e) {
        return e.what();
    }
    return "no error";
}

std::string parse_error(const std::string& bytes) {
    return error_of([&] { (void)parse_captions(bytes, "f.json"); });
}

}  // namespace

TEST_CASE("parse_captions: COCO annotations, results, a map and JSONL say the same") {
    const std::vector<std::string> files{
        R"({"images": [{"id": 7}, {"id": "b"}], "annotations": [{"id": 1, "image_id": 7, "caption": "x"}, {"image_id": "b", "caption": "y"},
            {"image_id": "7", "caption": "z"}]})",
        R"([{"image_id": 7, "caption": "x"}, {"image_id": "7", "caption": "z"}, {"image_id": "b", "caption": "y"}])",
        R"({"7": ["x", {"caption": "z"}], "b": "y"})",
        "{\"id\": 7, \"captions\": [\"x\", \"z\"]}\n\n{\"video_id\": \"b\", \"caption\": \"y\"}\n",
        "\n {\"id\": \"7\", \"description\": \"x\", \"descriptions\": [\"x\", \"z\"]}\r\n{\"id\": \"b\", \"refs\": [\"y\"]}"};
    for (const std::string& bytes : files) {
        CAPTURE(bytes);
        const CaptionFile file = parse_captions(bytes, "f");
        REQUIRE(file.entries().size() == 2);
        CHECK(file.entries()[0].id == "7");
        CHECK(file.find("7")->captions == std::vector<std::string>{"x", "z"});
        CHECK(file.find("b")->captions == std::vector<std::string>{"y"});
    }
    CHECK(parse_captions(R"({"id": "only", "caption": "one line"})", "f").find("only") != nullptr);
}

TEST_CASE("parse_captions: what is no caption is named with its place") {
    CHECK(parse_error(R"([{"image_id": 1, "caption": 5}])").find("f.json: record 1") == 0);
    CHECK(parse_error("{\"id\": 1, \"caption\": \"x\"}\n{\"id\": 2}\n").find("f.json:2: has no 'caption'") == 0);
    CHECK(parse_error(R"([{"caption": "x"}])").find("has no 'image_id'") != std::string::npos);
    CHECK(parse_error(R"([{"image_id": 1.5, "caption": "x"}])").find("id should be text or an integer") != std::string::npos);
    CHECK(parse_error("5").find("expected a list or an object") != std::string::npos);
    CHECK(parse_error("").find("f.json") == 0);
    CHECK(parse_error("[{\"image_id\": 1, \"caption\": \"\xff\"}]").find("f.json") == 0);
    CHECK(parse_error(std::string(100000, '[')).find("f.json") == 0);
    CHECK(parse_error(R"({"annotations": 3})").find("should be a list") != std::string::npos);
}

TEST_CASE("pair_captions: an id on one side only is an error, or counted") {
    const CaptionFile refs = parse_captions(R"({"images": [{"id": 1}, {"id": 2}, {"id": 3}],
        "annotations": [{"image_id": 1, "caption": "a"}, {"image_id": 2, "caption": "b"}]})", "refs");
    const CaptionFile hyps = parse_captions(R"([{"image_id": 2, "caption": " "}, {"image_id": 9, "caption": "c"}])", "hyps");
    CHECK(error_of([&] { (void)pair_captions(refs, hyps); }).find("hyps: id '9' has no reference in refs") == 0);
    const PairedCaptions skipped = pair_captions(refs, hyps, Missing::skip);
    CHECK(skipped.items.size() == 1);
    CHECK(skipped.missing == 1);
    CHECK(skipped.extra == 1);
    CHECK(skipped.unreferenced == 1);
    CHECK(skipped.empty == 1);
    const PairedCaptions emptied = pair_captions(refs, hyps, Missing::empty);
    REQUIRE(emptied.items.size() == 2);
    CHECK(emptied.items[0].id == "1");
    CHECK(emptied.items[0].candidate == "");
    const CaptionFile odd = parse_captions(R"([{"image_id": "\u001b[2J\n", "caption": "c"}])", "odd");
    CHECK(error_of([&] { (void)pair_captions(refs, odd); }).find_first_of("\x1b\n") == std::string::npos);
    const CaptionFile only = parse_captions(R"([{"image_id": 2, "caption": "b"}])", "only");
    CHECK(error_of([&] { (void)pair_captions(refs, only); }).find("only: has no caption for id '1'") == 0);
}

TEST_CASE("pair_captions: two captions of one id in a system's file are an error") {
    const CaptionFile refs = parse_captions(R"({"x": ["a"]})", "refs");
    const CaptionFile twice = parse_captions(R"([{"image_id": "x", "caption": "a"}, {"image_id": "x", "caption": "b"}])", "twice");
    CHECK(error_of([&] { (void)pair_captions(refs, twice, Missing::skip); }).find("twice: has 2 captions for id 'x'") == 0);
}
