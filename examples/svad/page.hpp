// SPDX-License-Identifier: Apache-2.0
// What the tool's HTML pages share: escaping, numbers, tables, and one style sheet for light and dark screens.
// Promise: text from outside never becomes markup, whatever bytes it holds; a page needs no script and no other file.
#pragma once

#include "svad/text/unicode.hpp"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace tool {

struct ScoreRow {
    std::string name;
    std::vector<double> values;
};

/// `text` as the content of an element or a quoted attribute; invalid UTF-8 and control characters become U+FFFD.
inline std::string html_escaped(std::string_view text) {
    std::string out;
    for (const char c : svad::text::replace_invalid_utf8(text)) {
        if (c == '&') out += "&amp;";
        else if (c == '<') out += "&lt;";
        else if (c == '>') out += "&gt;";
        else if (c == '"') out += "&quot;";
        else if (c == '\'') out += "&#39;";
        else if ((c >= 0 && c < ' ' && c != '\n' && c != '\t') || c == 0x7F) out += "\xEF\xBF\xBD";
        else out += c;
    }
    return out;
}

inline std::string number(double value, int digits = 3) {
    if (!std::isfinite(value)) return "–";
    char text[64];
    std::snprintf(text, sizeof text, std::abs(value) < 1e15 ? "%.*f" : "%.*e", digits, value);
    return text;
}

/// 140200 as "140,200".
inline std::string grouped(std::uint64_t value) {
    std::string digits = std::to_string(value);
    for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
    return digits;
}

/// Columns of text, the first one a heading of its row; `numbers` aligns the others to the right.
struct TextTable {
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows;
    bool numbers = true;
};

inline std::string table(const TextTable& t) {
    std::string out = "<div class=wide><table><thead><tr>";
    const std::string cell = t.numbers ? "<td class=n>" : "<td>", head = t.numbers ? "<th scope=col class=n>" : "<th scope=col>";
    for (std::size_t i = 0; i < t.columns.size(); ++i)
        out += (i == 0 ? "<th scope=col>" : head) + html_escaped(t.columns[i]) + "</th>";
    out += "</tr></thead><tbody>";
    for (const auto& row : t.rows) {
        out += "<tr>";
        for (std::size_t i = 0; i < row.size(); ++i)
            out += i == 0 ? "<th scope=row>" + html_escaped(row[i]) + "</th>" : cell + html_escaped(row[i]) + "</td>";
        out += "</tr>";
    }
    return out + "</tbody></table></div>";
}

inline std::string table(const std::vector<std::string>& columns, const std::vector<ScoreRow>& rows, int digits) {
    TextTable t{{""}, {}};
    t.columns.insert(t.columns.end(), columns.begin(), columns.end());
    for (const ScoreRow& row : rows) {
        t.rows.push_back({row.name});
        for (const double v : row.values) t.rows.back().push_back(number(v, digits));
    }
    return table(t);
}

/// From the doctype to the page's heading; `style` goes behind the common style sheet.
inline std::string page_head(std::string_view title, std::string_view style = "") {
    return "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width,initial-scale=1'>"
           "<title>" + html_escaped(title) + "</title><style>"
           ":root{color-scheme:light dark;--ink:#1f2937;--soft:#5b6472;--line:#e5e7eb;--paper:#fff;--good:#047857;--bad:#b91c1c;"
           "--c0:#2563eb;--c1:#d9480f;--c2:#0f8a5f;--c3:#9333ea;--c4:#b58100;--c5:#0e8aa6;--c6:#c2255c;--c7:#5c6b7a}"
           "@media(prefers-color-scheme:dark){:root{--ink:#e5e7eb;--soft:#9aa4b2;--line:#2f3743;--paper:#12161c;--good:#34d399;"
           "--bad:#f87171;"
           "--c0:#6ea8fe;--c1:#ff9460;--c2:#3ecf9a;--c3:#c792fb;--c4:#e3b341;--c5:#4cc3de;--c6:#f783ac;--c7:#a8b3c1}}"
           "body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2rem auto;padding:0 1rem;"
           "color:var(--ink);background:var(--paper)}"
           "h1{font-size:1.6rem}h2{margin-top:2.2rem;border-bottom:1px solid var(--line)}"
           "h3{margin:.2rem 0;font-size:.9rem;color:var(--soft)}"
           ".wide{overflow-x:auto}table{border-collapse:collapse;margin:.6rem 0}"
           "th,td{padding:.25rem .8rem;border-bottom:1px solid var(--line);text-align:left}"
           "thead th{font-weight:600;color:var(--soft)}tbody th{font-weight:400}"
           ".n{text-align:right;font-variant-numeric:tabular-nums}"
           "p{margin:.35rem 0}.r{color:var(--soft)}.ok{color:var(--good)}.no{color:var(--bad)}"
           "svg{width:100%;max-width:760px;height:auto}svg text{font:12px system-ui,sans-serif;fill:var(--soft)}"
           "svg .t{font-size:14px;font-weight:600;fill:var(--ink)}.g{stroke:var(--line)}.a{stroke:var(--soft)}" +
           std::string(style) + "</style><h1>" + html_escaped(title) + "</h1>";
}

}  // namespace tool
