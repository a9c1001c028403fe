// SPDX-License-Identifier: Apache-2.0
// The words of a description with their places and tags: English by the Penn Treebank's rules, Chinese by the segmenter.
// Promise: every word is bytes of the description as they stand there; a token that the rules changed beyond recognition
// has no place and is left out.
#pragma once

#include "word_source.hpp"

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

/// The folder of the taggers that come with svad, or `asked`. Throws UsageError if there is none.
[[nodiscard]] std::string taggers_folder(const std::string& asked);

/// en.tagger, zh.tagger and zh.segmenter of a folder as functions; each file is read when its function is first called.
[[nodiscard]] Models load_models(const std::string& folder);

/// Words with their places and tags by the models of a folder.
class Tagging {
public:
    /// An empty folder is the one that comes with svad. Throws UsageError if there is none.
    explicit Tagging(const std::string& folder) : models_(load_models(taggers_folder(folder))) {}

    [[nodiscard]] std::vector<svad::text::TaggedWord> operator()(std::string_view text, bool chinese);

private:
    Models models_;
};

}  // namespace tool
