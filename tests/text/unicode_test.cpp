// SPDX-License-Identifier: Apache-2.0
// UTF-8: what is well formed, where it is not, and character classes.
#include "svad/text/unicode.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace svad::text;

TEST_CASE("unicode: every code point but the surrogates goes to UTF-8 and back") {
    for (char32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 37) {
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        std::string bytes;
        append_utf8(bytes, c);
        const CodePoint back = next_code_point(bytes, 0);
        const bool same = back.valid && back.value == c && back.length == bytes.size();
        if (!same) FAIL("code point " << static_cast<unsigned>(c));
    }
    CHECK(decode_utf8("a\xc3\xa9\xf0\x9f\x98\x80") == U"a\u00e9\U0001F600");
}

TEST_CASE("unicode: ill-formed parts are found where they start and replaced once each") {
    CHECK(find_invalid_utf8("abc") == std::string::npos);
    CHECK(find_invalid_utf8("ab\xff") == 2);
    CHECK(find_invalid_utf8("\xc0\x80") == 0);           // overlong
    CHECK(find_invalid_utf8("a\xed\xa0\x80") == 1);      // a surrogate
    CHECK(find_invalid_utf8("\xf4\x90\x80\x80") == 0);   // beyond U+10FFFF
    CHECK(replace_invalid_utf8("a\xe4\xb8z") == "a\xef\xbf\xbdz");
    CHECK(replace_invalid_utf8("\xf0\x9f\x98") == "\xef\xbf\xbd");
    CHECK(replace_invalid_utf8("\xed\xa0\x80") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    CHECK_THROWS_WITH_AS((void)decode_utf8("ab\xff"), "decode_utf8: text is not valid utf-8 (at byte 2)", svad::io::FormatError);
}

TEST_CASE("unicode: classes are those of regular expressions") {
    CHECK(class_of(U'\u4e2d') == CharacterClass::letter);
    CHECK(class_of(U'\u02b0') == CharacterClass::letter);
    CHECK(class_of(U'\u00bd') == CharacterClass::number);
    CHECK(class_of(U'\u2160') == CharacterClass::number);
    CHECK(class_of(U'\u3000') == CharacterClass::space);
    CHECK(class_of(U'\u0085') == CharacterClass::space);
    CHECK(class_of(U'\u200b') == CharacterClass::other);
    CHECK(class_of(U'\u0301') == CharacterClass::other);
    CHECK(class_of(0x110000) == CharacterClass::other);
}

TEST_CASE("unicode: to_lower changes letters and leaves broken bytes") {
    CHECK(to_lower(std::string_view{"\xc3\x89" "A\xff" "Z"}) == "\xc3\xa9" "a\xff" "z");
}
