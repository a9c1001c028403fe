// SPDX-License-Identifier: Apache-2.0
// The words of a description with their places and tags: English by the Penn Treebank's rules, Chinese by the segmenter.
// Promise: every word is bytes of the description as they stand there; a token that the rules changed beyond recognition
// has no place and is left out.
#pragma once

#include "word_source.hpp"

#include "svad/text/segmenter.hpp"
#include "svad/text/tagger.hpp"

#include <optional>

namespace tool {

/// Where each token stands in `text`, in order: views into it, empty for a token that is not found near by.
[[nodiscard]] inline std::vector<std::string_view> places(std::string_view text, const std::vector<std::string>& tokens) {
    constexpr std::size_t near_by = 64;
    std::vector<std::string_view> out;
    std::size_t at = 0;
    for (const std::string& token : tokens) {
        std::size_t best = std::string_view::npos, size = 0;
        for (const std::string_view form : {std::string_view(token), as_written(token)}) {
            const std::size_t hit = text.substr(at, near_by + form.size()).find(form);
            if (hit < best) best = hit, size = form.size();
        }
        if (best == std::string_view::npos) {
            out.emplace_back();
            continue;
        }
        out.push_back(text.substr(at + best, size));
        at += best + size;
    }
    return out;
}

/// Taggers of a folder, each loaded when it is first needed.
class Tagging {
public:
    /// An empty folder is the one that comes with svad. Throws UsageError if there is none.
    explicit Tagging(const std::string& folder);

    [[nodiscard]] std::vector<svad::text::TaggedWord> operator()(std::string_view text, bool chinese);

private:
    std::string folder_;
    std::optional<svad::text::Tagger> english_, chinese_;
    std::optional<svad::text::Segmenter> segmenter_;
};

}  // namespace tool
