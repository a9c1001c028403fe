// SPDX-License-Identifier: Apache-2.0
// The normalizer "Precompiled" of tokenizer.json: sentencepiece's table of replacements as Hugging Face applies it.
//
// Promise: text and byte ranges of tokenizers, whose rule differs from sentencepiece's: a grapheme cluster of less than
// 6 bytes is looked up as a whole, and the shortest rule it starts with replaces all of it; else every character is
// looked up by itself. Rejected: sentencepiece's longest match, which gives other ids for such files.
#pragma once

#include "svad/text/aligned.hpp"
#include "svad/text/charsmap.hpp"
#include "svad/text/unicode.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace svad::text {

namespace normalize {

struct Precompiled { std::shared_ptr<const Charsmap> rules; };

}  // namespace normalize

namespace detail {

/// Collects characters of the result, each with how many of the source it stands for less one, as the reference counts:
/// of a longer replacement the last characters count as put in, of a shorter one the last takes what is left over.
class PrecompiledRun {
public:
    explicit PrecompiledRun(const Charsmap& rules) : rules_(rules) {}

    void cluster(std::string_view text) {
        if (text.size() < 6 && replaced(text)) return;
        for (std::size_t at = 0; at < text.size();) {
            const CodePoint c = next_code_point(text, at);
            if (!c.valid || !replaced(text.substr(at, c.length))) made_.push_back({c.value, 0});
            at += c.length;
        }
    }

    [[nodiscard]] AlignedText aligned(const AlignedText& text) const {
        std::vector<Span> sources;
        for (std::size_t at = 0; at < text.size(); at += next_code_point(text.text(), at).length) sources.push_back(text.span(at));
        AlignedText out(text.tracked());
        out.reserve(text.size());
        std::size_t next = 0;
        for (const Made& one : made_) {
            const std::size_t from = one.change > 0 ? std::max<std::size_t>(next, 1) - 1 : next;
            out.append(one.value, sources[std::min(from, sources.size() - 1)]);
            if (one.change <= 0) next += static_cast<std::size_t>(1 - one.change);
        }
        return out;
    }

private:
    struct Made {
        char32_t value = 0;
        std::ptrdiff_t change = 0;   // 1: put in; -n: stands for n + 1 of the source
    };

    static std::ptrdiff_t count(std::string_view text) {
        std::ptrdiff_t n = 0;
        for (std::size_t at = 0; at < text.size(); at += next_code_point(text, at).length) ++n;
        return n;
    }

    bool replaced(std::string_view part) {
        const Charsmap::Match match = rules_.shortest(part);
        if (match.length == 0) return false;
        std::ptrdiff_t more = count(match.result) - count(part);
        for (std::size_t at = 0; at < match.result.size();) {
            const CodePoint c = next_code_point(match.result, at);
            made_.push_back({c.value, 0});
            at += c.length;
        }
        for (std::size_t i = made_.size(); more > 0; --more) made_[--i].change = 1;
        if (more < 0 && !made_.empty()) made_.back().change += more;
        return true;
    }

    const Charsmap& rules_;
    std::vector<Made> made_;
};

inline AlignedText apply(const AlignedText& text, const normalize::Precompiled& step) {
    if (!step.rules || step.rules->empty() || text.empty()) return text;
    PrecompiledRun run(*step.rules);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = grapheme_end(text.text(), at);
        run.cluster(std::string_view{text.text()}.substr(at, end - at));
        at = end;
    }
    return run.aligned(text);
}

}  // namespace detail

}  // namespace svad::text
