// SPDX-License-Identifier: Apache-2.0
// report.html: one self-contained page with what a run learned: scores beside their controls, accuracy by kind of
// detail, training curves as SVG, and film strips with reference, generated description and filled blank.
// A function from a struct to text; no script, no outside resource.
#pragma once

#include "chart.hpp"

#include <string>
#include <utility>
#include <vector>

namespace tool {

struct Strip {
    std::string id, reference, generated, blank, answer, filled;
    std::vector<std::string> pictures;                      // PNG bytes as base64
    std::vector<std::pair<std::string, bool>> details;      // what the description should say, and whether it does
};

struct Report {
    std::string title, summary, detail_note, by;
    std::vector<std::string> score_columns, detail_columns;
    std::vector<ScoreRow> scores, details, parts;           // parts: the same scores by source or category, without blanks
    std::vector<Curve> curves;
    std::vector<Strip> strips;
};

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
    std::string out = page_head(report.title,
        "article{margin:1.2rem 0;padding:.8rem 1rem;border:1px solid var(--line);border-radius:8px}"
        ".film{display:flex;gap:3px;background:#111;padding:6px;border-radius:4px;overflow-x:auto}"
        ".film img{flex:1 1 0;min-width:80px;aspect-ratio:1}.d span{border:1px solid;border-radius:4px;padding:0 .35rem;font-size:.8rem}");
    out += "<p>" + html_escaped(report.summary) + "</p>";
    out += "<h2>Scores of held-out clips</h2>" + table(report.score_columns, report.scores, 3);
    if (!report.parts.empty())
        out += "<h2>Scores by " + html_escaped(report.by) + "</h2>" + table({report.score_columns.begin(), report.score_columns.end() - 1}, report.parts, 3);
    if (!report.detail_columns.empty())
        out += "<h2>Accuracy by kind of detail</h2>" + table(report.detail_columns, report.details, 2);
    if (!report.detail_columns.empty() && !report.detail_note.empty()) out += "<p class=r>" + html_escaped(report.detail_note) + "</p>";
    if (!report.curves.empty()) out += "<h2>Training</h2>" + curve_chart({"training", "Training curves", "Loss by step, one curve a task.", "step", "loss"}, report.curves);
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
