// SPDX-License-Identifier: Apache-2.0
// report.html: one self-contained page with what a run learned: scores beside their controls, accuracy by kind of
// detail, training curves as SVG, and film strips with reference, generated description and filled blank.
// A function from a struct to text; no script, no outside resource.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace tool {

struct ScoreRow {
    std::string name;
    std::vector<double> values;
};

struct Curve {
    std::string name;
    std::vector<std::pair<double, double>> points;          // (step, value)
};

struct Strip {
    std::string id, reference, generated, blank, answer, filled;
    std::vector<std::string> pictures;                      // PNG bytes as base64
    std::vector<std::pair<std::string, bool>> details;      // what the description should say, and whether it does
};

struct Report {
    std::string title, summary, detail_note;
    std::vector<std::string> score_columns, detail_columns;
    std::vector<ScoreRow> scores, details;
    std::vector<Curve> curves;
    std::vector<Strip> strips;
};

inline std::string html_escaped(const std::string& text) {
    std::string out;
    for (char c : text) {
        if (c == '&') out += "&amp;";
        else if (c == '<') out += "&lt;";
        else if (c == '>') out += "&gt;";
        else if (c == '"') out += "&quot;";
        else out += c;
    }
    return out;
}

inline std::string number(double value, int digits = 3) {
    if (!std::isfinite(value)) return "–";
    char text[48];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

inline std::string table(const std::vector<std::string>& columns, const std::vector<ScoreRow>& rows, int digits) {
    std::string out = "<table><tr><th></th>";
    for (const auto& c : columns) out += "<th>" + html_escaped(c) + "</th>";
    out += "</tr>";
    for (const auto& row : rows) {
        out += "<tr><td>" + html_escaped(row.name) + "</td>";
        for (double v : row.values) out += "<td class=n>" + number(v, digits) + "</td>";
        out += "</tr>";
    }
    return out + "</table>";
}

/// One line per curve in a common frame; the vertical axis starts at zero.
inline std::string plot(const std::vector<Curve>& curves) {
    constexpr double width = 760, height = 260, left = 48, bottom = 28, top = 10;
    constexpr const char* colors[] = {"#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2"};
    double last = 1, high = 1e-9;
    for (const auto& c : curves)
        for (const auto& [x, y] : c.points) last = std::max(last, x), high = std::max(high, y);
    const auto px = [&](double x) { return left + x / last * (width - left - 10); };
    const auto py = [&](double y) { return height - bottom - y / high * (height - bottom - top); };
    std::string out = "<svg viewBox='0 0 760 260' role=img aria-label='training curves'>";
    for (int i = 0; i <= 4; ++i) {
        const double y = high * i / 4;
        out += "<line class=g x1='" + number(left, 0) + "' x2='750' y1='" + number(py(y), 1) + "' y2='" + number(py(y), 1) +
               "'/><text x='42' y='" + number(py(y) + 4, 1) + "' text-anchor=end>" + number(y, 2) + "</text>";
    }
    for (int i = 0; i <= 4; ++i)
        out += "<text x='" + number(px(last * i / 4), 1) + "' y='252' text-anchor=" + (i == 4 ? "end" : "middle") + ">" + number(last * i / 4, 0) + "</text>";
    for (std::size_t k = 0; k < curves.size(); ++k) {
        std::string points;
        for (const auto& [x, y] : curves[k].points) points += number(px(x), 1) + "," + number(py(y), 1) + " ";
        out += "<polyline fill=none stroke='" + std::string(colors[k % 6]) + "' stroke-width=1.6 points='" + points + "'/>";
        out += "<text x='" + number(740, 0) + "' y='" + number(22 + 16 * static_cast<double>(k), 0) + "' text-anchor=end style='fill:" +
               colors[k % 6] + "'>" + html_escaped(curves[k].name) + "</text>";
    }
    return out + "</svg>";
}

inline std::string strip_html(const Strip& s) {
    std::string out = "<article><h3>" + html_escaped(s.id) + "</h3><div class=film>";
    for (const auto& p : s.pictures) out += "<img alt='' src='data:image/png;base64," + p + "'>";
    out += "</div><p><b>generated</b> " + html_escaped(s.generated) + "</p><p class=r><b>reference</b> " +
           html_escaped(s.reference) + "</p>";
    if (!s.blank.empty())
        out += "<p class=r><b>blank</b> " + html_escaped(s.blank) + " &rarr; <b class=" + (s.filled == s.answer ? "ok" : "no") + ">" +
               html_escaped(s.filled) + "</b> (" + html_escaped(s.answer) + ")</p>";
    if (!s.details.empty()) {
        out += "<p class=d>";
        for (const auto& [name, right] : s.details)
            out += "<span class=" + std::string(right ? "ok" : "no") + ">" + html_escaped(name) + "</span> ";
        out += "</p>";
    }
    return out + "</article>";
}

/// The whole page.
[[nodiscard]] inline std::string html(const Report& report) {
    std::string out =
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        "<title>" + html_escaped(report.title) + "</title><style>"
        "body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2rem auto;padding:0 1rem;color:#1f2937}"
        "h1{font-size:1.6rem}h2{margin-top:2.2rem;border-bottom:1px solid #e5e7eb}h3{margin:.2rem 0;font-size:.9rem;color:#6b7280}"
        "table{border-collapse:collapse;margin:.6rem 0}th,td{padding:.25rem .8rem;border-bottom:1px solid #e5e7eb;text-align:left}"
        "th{font-weight:600;color:#6b7280}.n{text-align:right;font-variant-numeric:tabular-nums}"
        "article{margin:1.2rem 0;padding:.8rem 1rem;border:1px solid #e5e7eb;border-radius:8px}"
        ".film{display:flex;gap:3px;background:#111;padding:6px;border-radius:4px;overflow-x:auto}"
        ".film img{flex:1 1 0;min-width:80px;aspect-ratio:1}p{margin:.35rem 0}.r{color:#6b7280}"
        ".ok{color:#047857}.no{color:#b91c1c}.d span{border:1px solid;border-radius:4px;padding:0 .35rem;font-size:.8rem}"
        "svg{width:100%;max-width:760px}svg text{font-size:11px;fill:#6b7280}.g{stroke:#e5e7eb}</style>";
    out += "<h1>" + html_escaped(report.title) + "</h1><p>" + html_escaped(report.summary) + "</p>";
    out += "<h2>Scores of held-out clips</h2>" + table(report.score_columns, report.scores, 3);
    out += "<h2>Accuracy by kind of detail</h2>" + table(report.detail_columns, report.details, 2);
    if (!report.detail_note.empty()) out += "<p class=r>" + html_escaped(report.detail_note) + "</p>";
    if (!report.curves.empty()) out += "<h2>Training</h2>" + plot(report.curves);
    out += "<h2>Clips</h2>";
    for (const auto& s : report.strips) out += strip_html(s);
    return out + "</html>\n";
}

/// Base64 with padding (RFC 4648).
[[nodiscard]] inline std::string base64(std::string_view bytes) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        unsigned word = 0;
        for (std::size_t k = 0; k < 3; ++k)
            word = word << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (std::size_t k = 0; k < 4; ++k) out += i + k <= bytes.size() ? digits[word >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

}  // namespace tool
