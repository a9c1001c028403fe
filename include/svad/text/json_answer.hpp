// SPDX-License-Identifier: Apache-2.0
// The JSON in a language model's answer: exactly one object, alone or with prose or a code fence around it.
// Two objects are no answer: taking the first would let a model that hedges be read as sure.
// Rejected: repairing what is no JSON, except the Python dictionary in single quotes that judges of 2023 were asked for.
#pragma once

#include "svad/io/json.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace svad::text {

namespace detail {

/// The end of the bracketed value that starts at `begin`, or npos; brackets inside quotes do not count.
inline std::size_t value_end(std::string_view text, std::size_t begin) {
    int depth = 0;
    char quote = 0;
    for (std::size_t i = begin; i < text.size(); ++i) {
        const char c = text[i];
        if (quote != 0) {
            if (c == '\\') ++i;
            else if (c == quote) quote = 0;
        } else if (c == '"' || (c == '\'' && text[begin] == '{')) {
            quote = c;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return i + 1;
        }
    }
    return std::string_view::npos;
}

/// A dictionary of plain keys in single quotes as JSON: 'score': 4 becomes "score": 4.
inline std::string with_double_quotes(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"' || text[i] == '\\') return std::string{text};
        if (text[i] != '\'') { out += text[i]; continue; }
        if (i + 1 < text.size() && text[i + 1] == '\'') ++i;   // quotes doubled by a template
        out += '"';
    }
    return out;
}

}  // namespace detail

/// The only JSON value in `answer` that starts with `open` ('{' or '['), or nothing if there is none, more than one, or
/// it is not valid. Linear in the answer; answers above 64 KiB are nothing.
[[nodiscard]] inline std::optional<io::Json> only_value(std::string_view answer, char open = '{') {
    if (answer.size() > 65536) return std::nullopt;
    const std::size_t begin = answer.find(open);
    if (begin == std::string_view::npos) return std::nullopt;
    const std::size_t end = detail::value_end(answer, begin);
    if (end == std::string_view::npos || answer.find(open, end) != std::string_view::npos) return std::nullopt;
    const std::string_view part = answer.substr(begin, end - begin);
    const io::JsonLimits limits{65536, 16, io::DuplicateKeys::reject};
    try {
        return io::parse_json(part, "answer", limits);
    } catch (const io::FormatError&) {
        if (open != '{') return std::nullopt;
    }
    try {
        return io::parse_json(detail::with_double_quotes(part), "answer", limits);
    } catch (const io::FormatError&) {
        return std::nullopt;
    }
}

}  // namespace svad::text
