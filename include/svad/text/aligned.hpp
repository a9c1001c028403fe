// SPDX-License-Identifier: Apache-2.0
// Text on its way through a tokenizer: what it was rewritten to, and where each byte came from.
//
// Promise: for text() byte i, span(i) is the range of bytes of the original that it stands for: that of a whole
// character, so that offsets never cut one. A character that was put in has the range of its neighbour, as in the
// tokenizers library. Without tracking no ranges are kept and nothing is paid for them.
#pragma once

#include "svad/text/unicode.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

/// Bytes [begin, end) of the original text.
struct Span {
    std::uint32_t begin = 0, end = 0;
    friend bool operator==(const Span&, const Span&) = default;
};

class AlignedText {
public:
    explicit AlignedText(bool tracked = false) : tracked_(tracked) {}

    /// `text` as it is; it starts at byte `offset` of the original. Every byte has the range of its character.
    AlignedText(std::string_view text, std::size_t offset, bool tracked) : tracked_(tracked), text_(text) {
        if (!tracked) return;
        spans_.reserve(text.size());
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t n = next_code_point(text, at).length;
            spans_.insert(spans_.end(), n, Span{static_cast<std::uint32_t>(offset + at), static_cast<std::uint32_t>(offset + at + n)});
            at += n;
        }
    }

    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] std::size_t size() const { return text_.size(); }
    [[nodiscard]] bool empty() const { return text_.empty(); }
    [[nodiscard]] bool tracked() const { return tracked_; }
    [[nodiscard]] Span span(std::size_t at) const { return tracked_ && at < spans_.size() ? spans_[at] : Span{}; }

    /// The range that bytes [begin, end) came from.
    [[nodiscard]] Span span(std::size_t begin, std::size_t end) const {
        if (!tracked_ || spans_.empty() || begin >= spans_.size()) return {};
        if (end <= begin) return {spans_[begin].begin, spans_[begin].begin};
        return {spans_[begin].begin, spans_[std::min(end, spans_.size()) - 1].end};
    }

    void append(std::string_view bytes, Span from) {
        text_ += bytes;
        if (tracked_) spans_.insert(spans_.end(), bytes.size(), from);
    }
    void append(char32_t c, Span from) {
        const std::size_t before = text_.size();
        append_utf8(text_, c);
        if (tracked_) spans_.insert(spans_.end(), text_.size() - before, from);
    }
    /// Bytes [begin, end) of `other` with their ranges.
    void append(const AlignedText& other, std::size_t begin, std::size_t end) {
        text_.append(other.text_, begin, end - begin);
        if (tracked_)
            spans_.insert(spans_.end(), other.spans_.begin() + static_cast<std::ptrdiff_t>(begin),
                          other.spans_.begin() + static_cast<std::ptrdiff_t>(end));
    }
    void reserve(std::size_t n) {
        text_.reserve(n);
        if (tracked_) spans_.reserve(n);
    }

private:
    bool tracked_;
    std::string text_;
    std::vector<Span> spans_;
};

}  // namespace svad::text
