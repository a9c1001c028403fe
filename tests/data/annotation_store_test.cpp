// SPDX-License-Identifier: Apache-2.0
#include "svad/data/annotation_store.hpp"

#include "io/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::data;

namespace {

Revision revision(std::string user, std::string description, std::string status = "written") {
    return {.id = "v1#000", .user = std::move(user), .description = std::move(description), .keywords = {{"jar", "object"}},
            .status = std::move(status), .note = ""};
}

/// The message of the error that `f` throws, or "".
template <class F>
std::string error_of(F f) {
    try {
        f();
    } catch (const io::FormatError& e) {
        return e.what();
    }
    return "";
}

}  // namespace

TEST_CASE("annotation: JSON and back is the same value, fields of others included") {
    const io::Json line = io::parse_json(R"({"id": "a", "description": "一只 jar", "keywords": [{"word": "jar", "kind": "object"}],
        "status": "approved", "author": "x", "reviewer": "y", "note": "n", "score": [1, 2]})", "line");
    const ClipAnnotation a = annotation_from_json(line);
    CHECK(to_json(a) == line);
    CHECK(annotation_from_json(to_json(a)) == a);
    CHECK(annotation_from_json(io::parse_json(R"({"id": "a", "description": "text"})", "line")).status == "written");
    CHECK(annotation_from_json(io::parse_json(R"({"id": "a"})", "line")).status == "draft");
}

TEST_CASE("annotation: the version follows the content, whatever part of it changes") {
    ClipAnnotation a;
    a.id = "a";
    const std::string before = version_of(a);
    CHECK(before.size() == 16);
    CHECK(version_of(ClipAnnotation(a)) == before);
    for (std::string* const part : {&a.description, &a.author, &a.reviewer, &a.note}) {
        *part = "x";
        CHECK(version_of(a) != before);
        part->clear();
    }
    a.rest["extra"] = 1;
    CHECK(version_of(a) != before);
}

TEST_CASE("annotation: hostile fields are refused with their reason") {
    const auto error = [](const char* text) { return error_of([&] { (void)annotation_from_json(io::parse_json(text, "line")); }); };
    CHECK(error("[]") == "the line is no JSON object");
    CHECK(error(R"({"id": ""})") == "id must not be empty");
    CHECK(error(R"({"id": "a", "status": "done"})") == "status must be draft, written, approved or rejected; got 'done'");
    CHECK(error(R"({"id": "a", "keywords": [3]})") == "keywords must be a list of {word, kind}");
    CHECK(error(R"({"id": "a", "keywords": [""]})") == "a keyword must not be empty");
    ClipAnnotation a;
    a.id = "a";
    a.description.assign(AnnotationLimits{}.description + 1, 'x');
    CHECK_THROWS_AS(check_annotation(a), io::FormatError);
    a.description = "\xC3";
    CHECK(error_of([&] { check_annotation(a); }) == "description is not valid utf-8");
}

TEST_CASE("review: whoever changes the words is their author, and a review belongs to the words it saw") {
    const ClipAnnotation first = revised(nullptr, revision("Ann", "  a jar turns \n"));
    CHECK(first.author == "Ann");
    CHECK(first.description == "a jar turns");
    const ClipAnnotation approved = revised(&first, revision("Bob", "a jar turns", "approved"));
    CHECK(approved.author == "Ann");
    CHECK(approved.reviewer == "Bob");
    const ClipAnnotation changed = revised(&approved, revision("Bob", "a red jar turns"));
    CHECK(changed.author == "Bob");
    CHECK(changed.reviewer.empty());
}

TEST_CASE("review: the rules are kept by the value, not by the page") {
    const ClipAnnotation first = revised(nullptr, revision("Ann", "a jar turns"));
    const auto error = [&](const Revision& r) { return error_of([&] { (void)revised(&first, r); }); };
    CHECK(error(revision(" ", "a jar turns")).find("who you are") != std::string::npos);
    CHECK(error(revision(" ann ", "a jar turns", "approved")).find("does not review") != std::string::npos);
    CHECK(error(revision("Bob", "another text", "approved")).find("were changed") != std::string::npos);
    CHECK(error(revision("Bob", "a jar turns", "rejected")).find("needs a note") != std::string::npos);
    CHECK(error(revision("Bob", "  ", "written")).find("empty") != std::string::npos);
    CHECK(error(revision("Bob", "a jar turns", "final")).find("status") != std::string::npos);
    ClipAnnotation seeded = first;
    seeded.author.clear();
    CHECK(revised(&seeded, revision("Bob", "a jar turns", "approved")).author.empty());
}

TEST_CASE("store: a file's lines come out sorted by id, whatever order they came in") {
    const TempDir dir;
    io::write_atomic(dir / "a.jsonl", "{\"id\": \"b\"}\n\n{\"id\": \"a\", \"mark\": 1}\r\n");
    AnnotationStore store(dir / "a.jsonl");
    ClipAnnotation c;
    c.id = "aa";
    store.put(c);
    std::string ids;
    for (const auto& entry : read_annotations_file(dir / "a.jsonl")) ids += entry.first + " ";
    CHECK(ids == "a aa b ");
    CHECK(read_annotations_file(dir / "a.jsonl").at("a").rest.at("mark") == 1);
    CHECK(dir.count() == 1);
}

TEST_CASE("store: a version that is no longer the file's is a conflict, also if another program wrote it") {
    const TempDir dir;
    AnnotationStore store(dir / "a.jsonl");
    CHECK(store.is_current("v1#000", ""));
    const ClipAnnotation first = revised(nullptr, revision("Ann", "a jar turns"));
    store.put(first);
    CHECK(store.is_current("v1#000", version_of(first)));
    CHECK_FALSE(store.is_current("v1#000", ""));
    CHECK(store.refresh().empty());

    ClipAnnotations other = store.all();
    other.at("v1#000").description = "by hand";
    other["v2#000"].id = "v2#000";
    write_annotations_file(dir / "a.jsonl", other);
    CHECK(store.refresh() == std::vector<std::string>{"v1#000", "v2#000"});
    CHECK_FALSE(store.is_current("v1#000", version_of(first)));
    other.erase("v2#000");
    write_annotations_file(dir / "a.jsonl", other);
    CHECK(store.refresh() == std::vector<std::string>{"v2#000"});
}

TEST_CASE("store: a file that cannot be read wholly is an error that names the line, and is left alone") {
    const TempDir dir;
    const std::string path = dir / "a.jsonl";
    for (const char* bad : {"{\"id\": \"a\"}\n{\"id\"", "{\"id\": \"a\"}\n{\"id\": \"a\"}\n", "{\"id\": \"a\"}\nno json\n"}) {
        io::write_atomic(path, bad);
        CHECK(error_of([&] { AnnotationStore store(path); }).find(path + ":2: ") == 0);
        CHECK(io::read_file(path) == bad);
    }
}

TEST_CASE("store: a save that cannot be written leaves memory as it was") {
    const TempDir dir;
    io::make_directories(dir / "in");
    AnnotationStore store(dir / "in/a.jsonl");
    std::filesystem::remove_all(dir / "in");
    CHECK_THROWS_AS(store.put(revised(nullptr, revision("Ann", "a jar turns"))), io::FileError);
    CHECK(store.all().empty());
}
