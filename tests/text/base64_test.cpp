// SPDX-License-Identifier: Apache-2.0
#include "svad/text/base64.hpp"

#include <doctest/doctest.h>

using svad::text::from_base64;

TEST_CASE("from_base64: the vectors of RFC 4648") {
    std::string out;
    for (const auto& [coded, plain] : {std::pair{"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYg==", "foob"}, {"+/+/", "\xFB\xFF\xBF"}}) {
        CHECK(from_base64(coded, out));
        CHECK(out == plain);
    }
}

TEST_CASE("from_base64: text of another form is refused") {
    std::string out;
    for (const char* bad : {"", "Zg", "Zg=", "Z===", "====", "Zm 9v", "Zm9v\n", "Zg==Zg==", "-_-_"}) CHECK_FALSE(from_base64(bad, out));
}
