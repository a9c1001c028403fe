// SPDX-License-Identifier: Apache-2.0
#include "svad/text/clip_clean.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

using namespace svad;
using text::clip_clean;

TEST_CASE("clip_clean: one blank between words, none at the ends, lower case") {
    CHECK(clip_clean("  A\tMan \n rides ") == "a man rides");
    CHECK(clip_clean("ΟΔΟΣ ΣΑΣ İ") == "οδος σας i\u0307");
    CHECK(clip_clean("").empty());
}

TEST_CASE("clip_clean: quotes are straight, ligatures and wide characters plain, controls gone") {
    CHECK(clip_clean("“It’s” ﬁne, Ｆｕｌｌ　ｶﾞ") == "\"it's\" fine, full ガ");
    CHECK(clip_clean(std::string("a\0b\x1b[31mc\x1b[0m\uFEFF", 16)) == "abc");
    CHECK(clip_clean("e\u0301") == "\u00E9");
}

TEST_CASE("clip_clean: entities are replaced, also twice over; behind a '<' only those that HTML itself would read") {
    CHECK(clip_clean("&amp;lt;b&gt; caf&eacute; P&EACUTE;REZ &#x2019;") == "<b> café pérez '");
    CHECK(clip_clean("<i>&EACUTE;") == "<i>&eacute;");
}

TEST_CASE("clip_clean: misread text is repaired") {
    CHECK(clip_clean("cafÃ© â€œnoâ€\u009D") == "café \"no\"");
}

TEST_CASE("clip_clean: what is clean stays, whatever bytes come in") {
    Random random{5};
    for (int round = 0; round < 300; ++round) {
        std::string bytes;
        for (Index n = random.below(40); n > 0; --n) bytes += static_cast<char>(random.below(256));
        const std::string once = clip_clean(bytes);
        CHECK(text::find_invalid_utf8(once) == std::string::npos);
    }
    CHECK(clip_clean("a man rides a horse") == "a man rides a horse");
}
