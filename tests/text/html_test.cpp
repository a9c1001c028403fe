// SPDX-License-Identifier: Apache-2.0
#include "svad/text/html.hpp"

#include <doctest/doctest.h>

using svad::text::unescape_html;

TEST_CASE("unescape_html: names, numbers, missing semicolons and what is no reference") {
    CHECK(unescape_html("a &lt;b&gt; &amp;amp; &eacute;&ltx &notit; &notin;") == "a <b> &amp; \xC3\xA9<x \xC2\xACit; \xE2\x88\x89");
    CHECK(unescape_html("&#65;&#x42&#128;&#0;&#1;&#xD800;&#99999999999;") == "AB\xE2\x82\xAC\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    CHECK(unescape_html("& && &; &# &#x; &qzq; &") == "& && &; &# &#x; &qzq; &");
}
