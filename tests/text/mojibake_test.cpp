// SPDX-License-Identifier: Apache-2.0
#include "svad/text/mojibake.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

/// `text` decoded with a code page as if it were not UTF-8.
std::string misread(std::string_view text, std::size_t page) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const std::u16string_view high = text::code_pages[page].high;
        text::append_utf8(out, byte < 0x80 || high.empty() ? byte : high[byte - 0x80u]);
    }
    return out;
}

}  // namespace

TEST_CASE("fix_encoding: what was misread once, twice or three times in any code page comes back") {
    for (std::size_t page = 0; page < text::code_pages.size(); ++page) {
        std::string text = "“naïve” – Привет";
        for (int times = 0; times < 3; ++times) {
            text = misread(text, page);
            INFO("page " << page << ", " << times + 1 << " times");
            CHECK(text::fix_encoding(text) == "“naïve” – Привет");
        }
    }
}

TEST_CASE("fix_encoding: text that was read as it should be stays") {
    for (const char* text : {"", "plain", "café", "naïve — “quote”…", "Größe", "Привет, мир", "你好，世界", "Å i åa ä e ö",
                             "£5 ±2", "¡Hola!", "(ಠ_ಠ)", "ÖÄÜ", "45°C"})
        CHECK(text::fix_encoding(text) == text);
}

TEST_CASE("fix_encoding: a no-break space that became a blank is put back, and a French à keeps its blank") {
    CHECK(text::fix_encoding("voil\u00C3  le travail") == "voil\u00E0 le travail");
    CHECK(text::fix_encoding("\u00C3 la carte, \u00C3 tag\u00C3\u00A8re") == "\u00E0 la carte, \u00E0 tag\u00E8re");
}

TEST_CASE("fix_encoding: a lost byte makes its character U+FFFD and spares the others") {
    CHECK(text::fix_encoding("â€œ like this â€\uFFFD") == "“ like this \uFFFD");
}

TEST_CASE("fix_encoding: a misread part inside other text is repaired alone") {
    CHECK(text::fix_encoding("你好 Ã©tÃ©") == "你好 été");
}

TEST_CASE("fix_encoding: bytes that are no UTF-8 do no harm") {
    for (int first = 0; first < 256; ++first)
        for (int second = 0x70; second < 0x100; second += 7) {
            const std::string bytes{static_cast<char>(first), static_cast<char>(second), '\xC3'};
            CHECK(text::find_invalid_utf8(text::fix_encoding(bytes)) == std::string::npos);
        }
}

TEST_CASE("fix_encoding: a text misread sixteen times over neither hangs nor overflows the stack") {
    std::string text = "é";
    for (int times = 0; times < 16; ++times) text = misread(text, 1);
    CHECK(text::fix_encoding("你" + text).size() < text.size());
}
