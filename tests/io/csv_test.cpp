// SPDX-License-Identifier: Apache-2.0
// The corners of RFC 4180, and that hostile text gives rows or an error with its line.
#include "svad/io/csv.hpp"

#include <doctest/doctest.h>

using namespace svad;
using Rows = std::vector<std::vector<std::string>>;

namespace {

Rows rows_of(std::string_view text, char separator = ',') {
    io::CsvReader reader{text, "t.csv", separator};
    Rows rows;
    for (std::vector<std::string> row; reader.next(row);) rows.push_back(row);
    return rows;
}

}  // namespace

TEST_CASE("csv: cells are what stands between the commas, and empty ones count") {
    CHECK(rows_of("a,b,c\n1,,3\n") == Rows{{"a", "b", "c"}, {"1", "", "3"}});
    CHECK(rows_of("a,") == Rows{{"a", ""}});
    CHECK(rows_of(",") == Rows{{"", ""}});
    CHECK(rows_of("a\tb", '\t') == Rows{{"a", "b"}});
}

TEST_CASE("csv: quoted cells may hold commas, line ends and doubled quotes") {
    CHECK(rows_of("\"a,b\",\"say \"\"hi\"\"\"\n\"two\nlines\",x") == Rows{{"a,b", "say \"hi\""}, {"two\nlines", "x"}});
    CHECK(rows_of("\"\",\"\"") == Rows{{"", ""}});
    CHECK(rows_of("5\" pipe,x") == Rows{{"5\" pipe", "x"}});
}

TEST_CASE("csv: a byte order mark, CRLF, blank lines and a missing last line end change nothing") {
    CHECK(rows_of("\xEF\xBB\xBF" "a,b\r\n\r\n1,2\r\n\n3,4") == Rows{{"a", "b"}, {"1", "2"}, {"3", "4"}});
    CHECK(rows_of("").empty());
    CHECK(rows_of("\n\r\n").empty());
    CHECK(rows_of("a\rb") == Rows{{"a\rb"}});
}

TEST_CASE("csv: a quote that is not closed, text behind one and too many cells are errors with their line") {
    CHECK_THROWS_WITH_AS(rows_of("a\n\"b\nc"), "t.csv:2: a quote is not closed", io::FormatError);
    CHECK_THROWS_WITH_AS(rows_of("a\n\n\"b\"c\n"), "t.csv:3: there is text behind a closing quote", io::FormatError);
    CHECK_THROWS_WITH_AS(rows_of(std::string(5000, ',')), doctest::Contains("t.csv:1: the row has more than 4096 cells"), io::FormatError);
}

TEST_CASE("csv: a row knows the line on which it began") {
    io::CsvReader reader{"a\n\"x\ny\"\n\nz", "t"};
    std::vector<std::string> row;
    std::vector<std::size_t> lines;
    while (reader.next(row)) lines.push_back(reader.line());
    CHECK(lines == std::vector<std::size_t>{1, 2, 5});
}
