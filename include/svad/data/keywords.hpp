// SPDX-License-Identifier: Apache-2.0
// Prompt-guided keyword generation (paper section 4.2): keywords of a description are extracted offline; in training
// one of them is replaced by `__` and the model is asked for it. Here: the extractor interface and the blanking; the
// wording of the prompts is in text/prompts.hpp.
#pragma once

#include "svad/core/random.hpp"
#include "svad/data/manifest.hpp"
#include "svad/text/unicode.hpp"

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace svad::data {

/// Anything that finds the keywords of a description: a tagger, a language model, a word list, the annotation itself.
template <class E>
concept KeywordExtractor = requires(const E& extract, const Record& record, std::string_view description) {
    { extract(record, description) } -> std::convertible_to<std::vector<Keyword>>;
};

namespace detail {

/// Whether words of this script are written without blanks: ideographs and kana.
inline bool is_unspaced(char32_t c) {
    return (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0x20000 && c <= 0x3FFFF);
}

inline bool is_word_char(char32_t c) {
    const text::CharacterClass kind = text::class_of(c);
    return kind == text::CharacterClass::letter || kind == text::CharacterClass::number;
}

inline char32_t char_before(std::string_view text, std::size_t at) {
    std::size_t i = at - 1;
    while (i > 0 && at - i < 4 && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) --i;
    return text::next_code_point(text, i).value;
}

/// Whether a word may end or start between bytes at-1 and at: not inside an English word, anywhere in Chinese.
inline bool is_word_edge(std::string_view text, std::size_t at) {
    if (at == 0 || at >= text.size()) return true;
    const char32_t left = char_before(text, at), right = text::next_code_point(text, at).value;
    return !is_word_char(left) || !is_word_char(right) || is_unspaced(left) || is_unspaced(right);
}

/// Where `word` stands as a whole word in `text`, from `from` on.
inline std::size_t find_word(std::string_view text, std::string_view word, std::size_t from = 0) {
    if (word.empty()) return std::string_view::npos;
    for (std::size_t at = text.find(word, from); at != std::string_view::npos; at = text.find(word, at + 1))
        if (is_word_edge(text, at) && is_word_edge(text, at + word.size())) return at;
    return std::string_view::npos;
}

}  // namespace detail

/// A keyword where it stands: bytes [begin, end) of the description.
struct KeywordSpan {
    Keyword keyword;
    std::size_t begin = 0, end = 0;
    friend bool operator==(const KeywordSpan&, const KeywordSpan&) = default;
};

/// Where each keyword first stands as a whole word; those that do not occur are left out.
[[nodiscard]] inline std::vector<KeywordSpan> locate(std::string_view description, const std::vector<Keyword>& keywords) {
    std::vector<KeywordSpan> out;
    for (const Keyword& k : keywords)
        if (const std::size_t at = detail::find_word(description, k.word); at != std::string_view::npos)
            out.push_back({k, at, at + k.word.size()});
    return out;
}

/// The keywords without their places, each word once.
[[nodiscard]] inline std::vector<Keyword> words_of(const std::vector<KeywordSpan>& spans) {
    std::vector<Keyword> out;
    for (const KeywordSpan& s : spans)
        if (std::find(out.begin(), out.end(), s.keyword) == out.end()) out.push_back(s.keyword);
    return out;
}

/// The annotation's keywords that occur in the description as whole words.
struct AnnotatedKeywords {
    std::vector<Keyword> operator()(const Record& record, std::string_view description) const {
        std::vector<Keyword> found;
        for (const Keyword& k : record.keywords)
            if (detail::find_word(description, k.word) != std::string_view::npos) found.push_back(k);
        return found;
    }
};

/// Every word of a list that occurs in the description: for data without keyword annotation.
struct LexiconKeywords {
    std::vector<Keyword> lexicon;
    std::vector<Keyword> operator()(const Record&, std::string_view description) const {
        std::vector<Keyword> found;
        for (const Keyword& k : lexicon)
            if (detail::find_word(description, k.word) != std::string_view::npos) found.push_back(k);
        return found;
    }
};

/// A description with one keyword blanked, and the keyword.
struct Blank {
    std::string masked;
    Keyword answer;
};

/// Replaces every whole-word occurrence of the keyword by `__`, so that no second mention gives it away; nothing if
/// the keyword does not occur.
[[nodiscard]] inline std::optional<Blank> blank(std::string_view description, const Keyword& keyword) {
    std::string masked;
    std::size_t at = 0;
    for (;;) {
        const std::size_t hit = detail::find_word(description, keyword.word, at);
        if (hit == std::string_view::npos) break;
        masked += description.substr(at, hit - at);
        masked += "__";
        at = hit + keyword.word.size();
    }
    if (at == 0) return std::nullopt;
    masked += description.substr(at);
    return Blank{masked, keyword};
}

/// One random keyword of the description blanked; nothing if the extractor finds none.
template <KeywordExtractor E>
[[nodiscard]] std::optional<Blank> random_blank(const E& extract, const Record& record, std::string_view description,
                                                Random& random) {
    const std::vector<Keyword> keywords = extract(record, description);
    if (keywords.empty()) return std::nullopt;
    return blank(description, random.pick(keywords));
}

}  // namespace svad::data
