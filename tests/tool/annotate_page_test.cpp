// SPDX-License-Identifier: Apache-2.0
#include "../../examples/svad/annotate_page.hpp"

#include <doctest/doctest.h>

TEST_CASE("annotation page: JSON in it cannot end its element, and reads as before") {
    const svad::io::Json value = svad::io::object({{"a", "</script><script>alert(1)</script><!-- & 茶"}});
    const std::string text = tool::json_in_markup(svad::io::dump(value));
    CHECK(text.find_first_of("<>&") == std::string::npos);
    CHECK(svad::io::parse_json(text, "page") == value);
}

TEST_CASE("annotation page: a hostile name adds no element, and everything that runs carries the nonce") {
    const auto count = [](const std::string& page, std::string_view what) {
        std::size_t n = 0;
        for (std::size_t at = page.find(what); at != std::string::npos; at = page.find(what, at + 1)) ++n;
        return n;
    };
    const std::string page = tool::annotation_page("0123", "</script><img src=x onerror=alert(1)>", "");
    CHECK(count(page, "<script") == 2);
    CHECK(count(page, "</script>") == 2);
    CHECK(count(page, "onerror=alert") == 1);
    CHECK(page.find("<img src=x") == std::string::npos);
    CHECK(count(page, "nonce=0123") == 3);
    for (const char* outside : {"http://", "https://", "@import", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("})
        CHECK_MESSAGE(page.find(outside) == std::string::npos, outside);
}

TEST_CASE("annotation page: on disk it brings its own policy, which loads nothing from a network") {
    const std::string page = tool::annotation_page("0123", "", "{\"revision\": 0, \"clips\": []}");
    CHECK(page.find("http-equiv=Content-Security-Policy") != std::string::npos);
    CHECK(page.find("connect-src") == std::string::npos);
    CHECK(page.find("default-src 'none'") != std::string::npos);
}
