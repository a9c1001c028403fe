// SPDX-License-Identifier: Apache-2.0
// Texts with times as subtitles: SubRip (.srt) and WebVTT (.vtt).
//
// Promise: cues are in order and never overlap, last a millisecond at least, and hold two lines of 42 columns at most (wide
// characters, such as Chinese, take two); a longer text becomes several cues, which share its time by their length. Lines
// break at spaces and between wide characters, never inside what a reader takes for one character. A text cannot end its
// cue or become markup, whatever it holds. Formats: W3C WebVTT; SubRip as players read it, which has no escapes.
// Rejected: one cue a text (a sentence of 40 words covers the picture).
#pragma once

#include "svad/core/error.hpp"
#include "svad/text/unicode.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::infer {

/// A text that belongs to a stretch of a video, in seconds from its first frame.
struct TimedText {
    double start = 0, end = 0;
    std::string text;
};

namespace detail {

/// A time in whole milliseconds, 0 for one before the start. Throws UsageError for what is no time of a video.
inline std::int64_t milliseconds(double seconds) {
    constexpr double longest = 1e9;   // 31 years
    if (!std::isfinite(seconds) || seconds > longest)
        fail<UsageError>("subtitles: a time should be at most ", longest, " seconds; got ", seconds);
    return std::llround(std::max(0.0, seconds) * 1000);
}

inline std::string clock(std::int64_t ms, char point) {
    char text[48];
    std::snprintf(text, sizeof text, "%02lld:%02d:%02d%c%03d", static_cast<long long>(ms / 3'600'000),
                  static_cast<int>(ms / 60'000 % 60), static_cast<int>(ms / 1000 % 60), point, static_cast<int>(ms % 1000));
    return text;
}

/// What is not torn by a line break, the columns it takes, and whether a space goes before it on the same line.
struct Atom {
    std::string text;
    std::size_t columns = 0;
    bool spaced = false;
};

/// A line of a cue.
struct Line {
    std::string text;
    std::size_t columns = 0;
};

/// Punctuation that does not begin a line: ASCII's, and closing marks of wide scripts.
inline bool clings(char32_t c) {
    const text::Category category = text::category_of(c);
    return category == text::Category::pe || category == text::Category::pf || category == text::Category::po;
}

/// Columns of one character as a reader sees it: those of its widest code point.
inline std::size_t columns_of(std::string_view cluster) {
    std::size_t widest = 0;
    for (std::size_t at = 0; at < cluster.size();) {
        const text::CodePoint c = text::next_code_point(cluster, at);
        widest = std::max(widest, text::columns(c.value));
        at += c.length;
    }
    return widest;
}

/// Cuts valid UTF-8 into atoms of at most `limit` columns (a character is never cut).
inline std::vector<Atom> atoms_of(std::string_view line, std::size_t limit) {
    std::vector<Atom> atoms;
    bool spaced = false, after_wide = false;
    for (std::size_t at = 0; at < line.size();) {
        const std::size_t end = text::grapheme_end(line, at);
        const std::string_view cluster = line.substr(at, end - at);
        const char32_t first = text::next_code_point(line, at).value;
        at = end;
        if (text::is_space(first) || text::category_of(first) == text::Category::cc) {
            spaced = !atoms.empty();
            continue;
        }
        const std::size_t columns = columns_of(cluster);
        const bool wide = columns > 1, fits = !atoms.empty() && atoms.back().columns + columns <= limit;
        const bool joins = fits && !spaced && ((!wide && !after_wide) || clings(first));
        if (joins) {
            atoms.back().text += cluster;
            atoms.back().columns += columns;
        } else {
            atoms.push_back({std::string(cluster), columns, spaced});
        }
        spaced = false;
        after_wide = wide;
    }
    return atoms;
}

/// Atoms in lines of at most `limit` columns, each filled as far as it goes; a wider atom has its own line.
inline std::vector<Line> filled(const std::vector<Atom>& atoms, std::size_t limit) {
    std::vector<Line> lines;
    for (const Atom& a : atoms) {
        const std::size_t gap = a.spaced ? 1 : 0;
        if (lines.empty() || lines.back().columns + gap + a.columns > limit) {
            lines.push_back({a.text, a.columns});
            continue;
        }
        lines.back().text += (a.spaced ? " " : "") + a.text;
        lines.back().columns += gap + a.columns;
    }
    return lines;
}

inline constexpr std::size_t line_columns = 42, cue_lines = 2;

/// `text` in the fewest lines that hold it, about equally long.
inline std::vector<Line> broken(std::string_view text) {
    const std::vector<Atom> atoms = atoms_of(text::replace_invalid_utf8(text), line_columns);
    std::vector<Line> best = filled(atoms, line_columns);
    for (std::size_t limit = line_columns - 1; limit > 0; --limit) {
        std::vector<Line> narrower = filled(atoms, limit);
        if (narrower.size() > best.size()) break;
        best = std::move(narrower);
    }
    return best;
}

struct Cue {
    std::int64_t start = 0, end = 0;   // milliseconds
    std::vector<std::string> lines;
};

/// The cues of one text, from `start` to `end` milliseconds.
inline void add_cues(std::vector<Cue>& cues, const std::string& text, std::int64_t start, std::int64_t end) {
    const std::vector<Line> lines = broken(text);
    std::size_t whole = 0, before = 0;
    for (const Line& line : lines) whole += line.columns;
    const auto time = [&](std::size_t columns) {
        const double part = static_cast<double>(columns) / static_cast<double>(std::max<std::size_t>(whole, 1));
        return start + static_cast<std::int64_t>(std::llround(part * static_cast<double>(end - start)));
    };
    for (std::size_t at = 0; at < lines.size(); at += cue_lines) {
        Cue cue{time(before), 0, {}};
        for (std::size_t i = at; i < std::min(lines.size(), at + cue_lines); ++i) {
            cue.lines.push_back(lines[i].text);
            before += lines[i].columns;
        }
        cue.end = time(before);
        if (!cues.empty()) cue.start = std::max(cue.start, cues.back().end);
        cue.end = std::max(cue.end, cue.start + 1);
        cues.push_back(std::move(cue));
    }
}

inline std::vector<Cue> cues_of(std::vector<TimedText> texts) {
    std::stable_sort(texts.begin(), texts.end(), [](const TimedText& a, const TimedText& b) { return a.start < b.start; });
    std::vector<Cue> cues;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const std::int64_t start = milliseconds(texts[i].start);
        std::int64_t end = milliseconds(texts[i].end);
        if (i + 1 < texts.size()) end = std::min(end, milliseconds(texts[i + 1].start));
        add_cues(cues, texts[i].text, start, std::max(start, end));
    }
    return cues;
}

inline std::string escaped_vtt(std::string_view line) {
    std::string out;
    for (const char c : line) {
        if (c == '&') out += "&amp;";
        else if (c == '<') out += "&lt;";
        else if (c == '>') out += "&gt;";
        else out += c;
    }
    return out;
}

/// SubRip has no escapes: an unseen character (U+2060) parts what a player would take for a tag or an arrow.
inline std::string escaped_srt(std::string_view line) {
    constexpr std::string_view joiner = "\xE2\x81\xA0";
    std::string out;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '>' && i > 0 && line[i - 1] == '-') out += joiner;
        out += line[i];
        if (line[i] == '<' || line[i] == '{') out += joiner;
    }
    return out;
}

}  // namespace detail

/// "00:01:02.345"; `point` goes before the milliseconds.
[[nodiscard]] inline std::string clock_time(double seconds, char point = '.') {
    return detail::clock(detail::milliseconds(seconds), point);
}

/// The texts as a SubRip file. Empty texts make no cue; one that lasts into the next ends where that begins.
[[nodiscard]] inline std::string srt(const std::vector<TimedText>& texts) {
    std::string out;
    std::size_t number = 0;
    for (const detail::Cue& cue : detail::cues_of(texts)) {
        out += join(++number, "\n", detail::clock(cue.start, ','), " --> ", detail::clock(cue.end, ','), "\n");
        for (const std::string& line : cue.lines) out += detail::escaped_srt(line) + "\n";
        out += "\n";
    }
    return out;
}

/// The texts as a WebVTT file; otherwise as srt().
[[nodiscard]] inline std::string web_vtt(const std::vector<TimedText>& texts) {
    std::string out = "WEBVTT\n";
    for (const detail::Cue& cue : detail::cues_of(texts)) {
        out += join("\n", detail::clock(cue.start, '.'), " --> ", detail::clock(cue.end, '.'), "\n");
        for (const std::string& line : cue.lines) out += detail::escaped_vtt(line) + "\n";
    }
    return out;
}

}  // namespace svad::infer
