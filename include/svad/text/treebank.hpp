// SPDX-License-Identifier: Apache-2.0
// Treebanks: sentences of words with universal parts of speech, from "form TAB tag" lines or from CoNLL-U.
//
// Promise: the kind of a file is decided by its first line with a tab (2 or 10 fields) and every line must be of that
// kind; a line that is not is an error with its number. Multi-word ranges (1-2) and empty nodes (1.1) are passed over,
// so the words are the syntactic words that the tags belong to. Linear in the bytes.
// Rejected: guessing line by line, since "#" is a word in one format and a comment in the other.
#pragma once

#include "svad/core/error.hpp"
#include "svad/io/file.hpp"
#include "svad/text/upos.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

/// The words of a sentence and a tag for each.
struct TaggedSentence {
    std::vector<std::string> words;
    std::vector<Upos> tags;
};

namespace detail {

inline std::vector<std::string_view> tab_fields(std::string_view line) {
    std::vector<std::string_view> fields;
    for (std::size_t start = 0;;) {
        const std::size_t tab = line.find('\t', start);
        fields.push_back(line.substr(start, tab == std::string_view::npos ? tab : tab - start));
        if (tab == std::string_view::npos) return fields;
        start = tab + 1;
    }
}

inline void add_treebank_word(TaggedSentence& sentence, std::string_view form, std::string_view tag, std::string_view where,
                              std::size_t line) {
    const auto upos = parse_upos(tag);
    if (form.empty()) fail<io::FormatError>(where, ": line ", line, ": the word is empty");
    if (!upos) fail<io::FormatError>(where, ": line ", line, ": the tag is not a universal part of speech; got ", tag.substr(0, 40));
    sentence.words.emplace_back(form);
    sentence.tags.push_back(*upos);
}

}  // namespace detail

/// The sentences in `bytes`; `where` names them in errors. Throws io::FormatError.
[[nodiscard]] inline std::vector<TaggedSentence> parse_treebank(std::string_view bytes, std::string_view where) {
    std::vector<TaggedSentence> sentences;
    TaggedSentence sentence;
    const auto finish = [&] {
        if (!sentence.words.empty()) sentences.push_back(std::exchange(sentence, {}));
    };
    std::size_t width = 0, number = 0;
    for (std::size_t start = 0; start < bytes.size();) {
        const std::size_t end = std::min(bytes.find('\n', start), bytes.size());
        std::string_view line = bytes.substr(start, end - start);
        start = end + 1;
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty()) {
            finish();
            continue;
        }
        if (width != 2 && line.front() == '#' && (width == 10 || line.find('\t') == std::string_view::npos)) continue;
        const auto fields = detail::tab_fields(line);
        if (width == 0) width = fields.size();
        if (fields.size() != width || (width != 2 && width != 10))
            fail<io::FormatError>(where, ": line ", number, ": not of 2 fields (word, tag) or 10 (CoNLL-U) as the first; got ",
                                  fields.size());
        if (width == 2) detail::add_treebank_word(sentence, fields[0], fields[1], where, number);
        else if (fields[0].find_first_of("-.") == std::string_view::npos)
            detail::add_treebank_word(sentence, fields[1], fields[3], where, number);
    }
    finish();
    return sentences;
}

/// The sentences of the file at `path`. Throws io::FileError, io::FormatError.
[[nodiscard]] inline std::vector<TaggedSentence> read_treebank(const std::string& path) {
    return parse_treebank(io::read_file(path), path);
}

}  // namespace svad::text
