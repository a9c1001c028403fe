// SPDX-License-Identifier: Apache-2.0
// Character references of HTML 5 back to characters: "&lt;3" is "<3". What Python's html.unescape does, exactly.
//
// Promise: any bytes; linear; names without a semicolon where HTML 5 allows it, the longest name that fits; numbers that
// are no character become U+FFFD or nothing, those of Windows-1252 the character that was meant.
// Rejected: the five references of XML alone (captions from the web hold &nbsp; and &eacute;).
#pragma once

#include "svad/text/html_entities_first.hpp"
#include "svad/text/html_entities_second.hpp"
#include "svad/text/unicode.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>

namespace svad::text {

namespace detail {

struct HtmlEntity {
    std::string_view text;
    bool bare = false;   // read without a semicolon too
};

inline const std::unordered_map<std::string_view, HtmlEntity>& html_entities() {
    static const auto table = [] {
        std::unordered_map<std::string_view, HtmlEntity> out;
        for (std::string_view rest : {html_entities_first, html_entities_second}) {
            while (!rest.empty()) {
                const std::size_t end = rest.find('\1'), equals = rest.find('=');
                const bool bare = rest[equals - 1] == '!';
                out.emplace(rest.substr(0, equals - (bare ? 1 : 0)), HtmlEntity{rest.substr(equals + 1, end - equals - 1), bare});
                rest.remove_prefix(end + 1);
            }
        }
        return out;
    }();
    return table;
}

/// What "&#n;" means.
inline void append_numbered(std::string& out, std::uint32_t n) {
    static constexpr char32_t windows[32] = {0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160, 0x2039, 0x152, 0x8D, 0x17D, 0x8F,
                                             0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x2DC, 0x2122, 0x161, 0x203A, 0x153, 0x9D, 0x17E, 0x178};
    if (n >= 0x80 && n < 0xA0) return append_utf8(out, windows[n - 0x80]);
    if (n == 0 || (n >= 0xD800 && n < 0xE000) || n > 0x10FFFF) return append_utf8(out, 0xFFFD);
    if (n == '\r') return append_utf8(out, n);
    const bool control = (n < 0x20 && n != '\t' && n != '\n' && n != '\f') || n == 0x7F;
    if (control || (n >= 0xFDD0 && n <= 0xFDEF) || (n & 0xFFFE) == 0xFFFE) return;
    append_utf8(out, n);
}

/// Reads "#123;" or "#x1F;" at the front of `rest`; bytes taken, or 0.
inline std::size_t numbered(std::string_view rest, std::string& out) {
    if (rest.size() < 2 || rest[0] != '#') return 0;
    const bool hex = rest[1] == 'x' || rest[1] == 'X';
    const std::size_t start = hex ? 2 : 1;
    std::uint32_t n = 0;
    std::size_t at = start;
    for (; at < rest.size(); ++at) {
        const char c = rest[at];
        const int digit = c >= '0' && c <= '9' ? c - '0' : !hex ? -1 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) break;
        n = std::min<std::uint32_t>(n * (hex ? 16u : 10u) + static_cast<std::uint32_t>(digit), 0x110000);
    }
    if (at == start) return 0;
    append_numbered(out, n);
    return at + (at < rest.size() && rest[at] == ';' ? 1 : 0);
}

/// Reads a name at the front of `rest`; bytes taken, or 0.
inline std::size_t named(std::string_view rest, std::string& out) {
    const std::size_t most = std::min<std::size_t>(std::min(rest.find_first_of(std::string_view{"\t\n\f <&#;"}), rest.size()), 32);
    const auto& table = html_entities();
    if (most < rest.size() && rest[most] == ';')
        if (const auto found = table.find(rest.substr(0, most)); found != table.end()) {
            out += found->second.text;
            return most + 1;
        }
    for (std::size_t n = most; n > 1; --n)
        if (const auto found = table.find(rest.substr(0, n)); found != table.end() && found->second.bare) {
            out += found->second.text;
            return n;
        }
    return 0;
}

}  // namespace detail

/// `text` with the character references of HTML 5 replaced, once.
[[nodiscard]] inline std::string unescape_html(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t amp = std::min(text.find('&', at), text.size());
        out += text.substr(at, amp - at);
        if ((at = amp) == text.size()) break;
        std::size_t n = detail::numbered(text.substr(at + 1), out);
        if (n == 0) n = detail::named(text.substr(at + 1), out);
        if (n == 0) out += '&';
        at += n + 1;
    }
    return out;
}

}  // namespace svad::text
