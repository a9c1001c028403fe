// SPDX-License-Identifier: Apache-2.0
// Prompt-guided keyword generation (paper section 4.2): keywords of a description are extracted offline; in training
// one of them is replaced by `__` and the model is asked for it. Here: the extractor interface and the blanking; the
// wording of the prompts is in text/chat.hpp.
#pragma once

#include "svad/core/random.hpp"
#include "svad/data/manifest.hpp"

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

inline bool is_word_char(char c) {
    const auto u = static_cast<unsigned char>(c);
    return u >= 0x80 || (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z');
}

/// Where `word` stands as a whole word in `text`, from `from` on.
inline std::size_t find_word(std::string_view text, std::string_view word, std::size_t from = 0) {
    if (word.empty()) return std::string_view::npos;
    for (std::size_t at = text.find(word, from); at != std::string_view::npos; at = text.find(word, at + 1)) {
        const bool left = at == 0 || !is_word_char(text[at - 1]);
        const std::size_t stop = at + word.size();
        if (left && (stop == text.size() || !is_word_char(text[stop]))) return at;
    }
    return std::string_view::npos;
}

}  // namespace detail

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
