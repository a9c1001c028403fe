// SPDX-License-Identifier: Apache-2.0
#include "svad/data/annotations.hpp"

#include "io/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::data;

namespace {

/// The rows of `content` as "video|seconds|caption|tokens|tags|category|split".
std::vector<std::string> rows_of(const TempDir& dir, std::string_view content, AnnotationFile* file = nullptr) {
    io::write_atomic(dir / "set", content);
    std::vector<std::string> rows;
    const AnnotationFile read = read_annotations(dir / "set", [&](const AnnotationRow& r) {
        rows.push_back(join(r.video, "|", r.seconds, "|", r.caption, "|", r.tokens.value_or("-"), "|", r.tags.value_or("-")) +
                       join("|", r.category, "|", r.split));
    });
    if (file) *file = read;
    return rows;
}

}  // namespace

TEST_CASE("annotations: a table's columns may come in any order, and what is not there is not known") {
    const TempDir dir;
    CHECK(rows_of(dir, "caption\tvideo\na dog\tv1\n") == std::vector<std::string>{"v1|nan|a dog|-|-||"});
    CHECK(rows_of(dir, "split\tvideo\tseconds\tcaption\ttokens\ttags\tcategory\r\ntest\tv1\t2.5\tab\ta b\tn v\tfood\r\n") ==
          std::vector<std::string>{"v1|2.5|ab|a b|n v|food|test"});
}

TEST_CASE("annotations: lines of a table that make no sense are left out, each with its number and reason") {
    const TempDir dir;
    AnnotationFile file;
    const auto rows = rows_of(dir, "video\tseconds\tcaption\tnotes\n"
                                   "v1\t3\tgood\t\n"
                                   "v2\t-3\tnegative\t\nv3\tnan\tnot a number\t\nv4\t1e999\ttoo large\t\nv5\t3s\tunit\t\n"
                                   "v6\t3\tmissing cell\n"
                                   "v7\t3\tbad \xFF byte\t\n"
                                   "\t3\tno video\t\n"
                                   "\n"
                                   "v8\t\tno seconds\t\n", &file);
    CHECK(rows == std::vector<std::string>{"v1|3|good|-|-||", "v8|nan|no seconds|-|-||"});
    CHECK(file.rows == 2);
    CHECK(file.left_out == 7);
    REQUIRE(file.problems.size() == 7);
    CHECK(file.problems[0] == (dir / "set") + ":3: seconds must be a positive number; got '-3'");
    CHECK(file.problems[4].find(":7: the line has 3 cells; the header has 4") != std::string::npos);
    CHECK(file.problems[5].find("utf-8") != std::string::npos);
    CHECK(file.ignored == std::vector<std::string>{"notes"});
}

TEST_CASE("annotations: tags that are not one a token leave the line out") {
    const TempDir dir;
    AnnotationFile file;
    CHECK(rows_of(dir, "video\tcaption\ttokens\ttags\nv\tab\ta b\tn\nv\tab\ta b\tn v\n", &file).size() == 1);
    CHECK(file.problems.at(0).find("got 1 for 2") != std::string::npos);
}

TEST_CASE("annotations: a manifest gives a row for every description, with its seconds, category, split and words") {
    const TempDir dir;
    AnnotationFile file;
    const auto rows = rows_of(dir, R"({"video": "/a.mp4", "descriptions": ["x y", "z"], "seconds": 4, "tokens": ["x y", "z"], "tags": ["n v", "n"]}
{"video": "/b.mp4", "description": "w", "duration": 1.5, "category": "food", "split": "train"}
{"video": "/c.mp4", "description": "w", "seconds": 0}
{"video": "/d.mp4", "description": "w", "seconds": "4"}
{"video": "/e.mp4", "descriptions": ["x", "y"], "tokens": ["x"]}
{"video": "/f.mp4", "descriptions": ["x", "y"], "tokens": ["x", "y"], "tags": ["n", "n n"]}
)", &file);
    CHECK(rows == std::vector<std::string>{"/a.mp4|4|x y|x y|n v||", "/a.mp4|4|z|z|n||", "/b.mp4|1.5|w|-|-|food|train"});
    CHECK(file.left_out == 4);
    CHECK(file.problems.at(0).find("seconds must be positive") != std::string::npos);
}

TEST_CASE("annotations: files that are no annotated set are one-line errors that name the file") {
    const TempDir dir;
    for (const std::string_view content : {"", "\n\n", "a\tb\nc\td\n", "video\tvideo\tcaption\n", "video\tcaption\n", "plain text\n",
                                           "[1, 2]\n", "{\"video\": 1}\n"}) {
        CAPTURE(content);
        CHECK_THROWS_WITH_AS(rows_of(dir, content), doctest::Contains((dir / "set").c_str()), io::FormatError);
    }
    CHECK_THROWS_AS((void)read_annotations(dir / "none", [](const AnnotationRow&) {}), io::FileError);
}

TEST_CASE("annotations: a long line and thousands of bad ones cost what they are long") {
    const TempDir dir;
    std::string table = "video\tcaption\nv\t" + std::string(3'000'000, 'x') + "\nv\t" + std::string(std::size_t{17} << 20, 'y') + "\n";
    for (int i = 0; i < 5000; ++i) table += "bad\n";
    AnnotationFile file;
    CHECK(rows_of(dir, table, &file).size() == 1);
    CHECK(file.left_out == 5001);
    CHECK(file.problems.size() == 20);
}
