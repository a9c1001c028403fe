// SPDX-License-Identifier: Apache-2.0
#include "../../examples/svad/page.hpp"

#include <doctest/doctest.h>

using namespace tool;

TEST_CASE("page: text from outside never becomes markup, whatever bytes it holds") {
    CHECK(html_escaped("<b> & \"c\" 'd'") == "&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
    CHECK(html_escaped(std::string_view("a\0b\x1B", 4)) == "a\xEF\xBF\xBD" "b\xEF\xBF\xBD");
    CHECK(html_escaped("a\xFF<") == "a\xEF\xBF\xBD&lt;");
    CHECK(html_escaped("\xE4\xB8\x80") == "\xE4\xB8\x80");
    const std::string all = table({{"<x>"}, {{"<y>", "<z>"}}});
    for (const char* raw : {"<x>", "<y>", "<z>"}) CHECK(all.find(raw) == std::string::npos);
    CHECK(page_head("</title><script>").find("<script>") == std::string::npos);
}

TEST_CASE("page: numbers are grouped by thousands, and what is no number is a dash") {
    CHECK(grouped(0) == "0");
    CHECK(grouped(999) == "999");
    CHECK(grouped(140200) == "140,200");
    CHECK(grouped(1234567) == "1,234,567");
    CHECK(number(1.2345, 2) == "1.23");
    CHECK(number(1e300, 1) == "1.0e+300");
    CHECK(number(std::nan(""), 2) == "–");
}
