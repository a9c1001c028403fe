// SPDX-License-Identifier: Apache-2.0
// What is wrong with an annotation, as far as a program can tell: nothing there, too short, written twice, in another language,
// and the two rules of the paper's section 3.1: a description names its subject with visual details, and tells movements in order.
//
// The rules are heuristics over tagged words and meant for a person to look at: a subject is a noun, a detail an adjective or a
// number within two words before it (in Chinese also behind a 的), an order two verbs or a word of sequence. Each finding says
// what it was made from.
#pragma once

#include "svad/data/manifest.hpp"
#include "svad/text/unicode.hpp"
#include "svad/text/upos.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace svad::data {

enum class Fault { missing, empty, too_short, duplicate, wrong_language, no_subject, no_detail, no_order };

[[nodiscard]] constexpr std::string_view name_of(Fault fault) {
    constexpr std::array<std::string_view, 8> names{"missing",        "empty",      "too_short", "duplicate",
                                                    "wrong_language", "no_subject", "no_detail", "no_order"};
    return names[static_cast<std::size_t>(fault)];
}

/// A clip's annotation as the checks see it.
struct CheckedText {
    std::string id, text;
    bool annotated = true;                    ///< false: the clip has no annotation at all
    std::vector<text::TaggedWord> words;      ///< of `text`; punctuation may be among them
};

struct CheckOptions {
    Index least_words = 5;       ///< words, without punctuation; Chinese ones as the segmenter cuts them
    std::string language{};      ///< "en" or "zh": what descriptions should be in; empty: not checked
};

/// One thing to look at.
struct Finding {
    std::string id;
    Fault fault = Fault::missing;
    std::string why;
};

/// Share of the letters of `text` that are Han characters; 0 without letters.
[[nodiscard]] inline double han_share(std::string_view text) {
    double letters = 0, han = 0;
    for (std::size_t at = 0; at < text.size();) {
        const text::CodePoint c = text::next_code_point(text, at);
        at += c.length;
        if (!c.valid || text::class_of(c.value) != text::CharacterClass::letter) continue;
        ++letters;
        han += c.value >= 0x3400 && c.value <= 0x9FFF;
    }
    return letters > 0 ? han / letters : 0;
}

namespace detail {

/// Lower case, words joined by single blanks: equal for texts that differ in case and spacing only.
inline std::string plain_text(std::string_view text) {
    std::string out;
    for (const char c : text::to_lower(text)) {
        const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (!blank) out += c;
        else if (!out.empty() && out.back() != ' ') out += ' ';
    }
    while (!out.empty() && (out.back() == ' ' || out.back() == '.')) out.pop_back();
    return out;
}

inline constexpr auto order_words = std::to_array<std::string_view>(
    {"then", "after", "afterwards", "before", "next", "finally", "first", "later", "while", "until", "begins", "starts", "stops",
     "once", "again", "然后", "接着", "随后", "最后", "之后", "开始", "先", "再", "同时", "后来", "接下来", "首先"});

inline bool is_noun(text::Upos tag) { return tag == text::Upos::noun || tag == text::Upos::propn; }

/// True if a noun has an adjective or a number within two words before it.
inline bool has_detail(const CheckedText& item) {
    constexpr std::size_t reach = 2;
    const auto says_how = [&](std::size_t i) {
        const text::TaggedWord& w = item.words[i];
        return w.tag == text::Upos::adj || w.tag == text::Upos::num || item.text.substr(w.begin, w.end - w.begin) == "的";
    };
    for (std::size_t i = 0; i < item.words.size(); ++i) {
        if (!is_noun(item.words[i].tag)) continue;
        for (std::size_t k = 1; k <= std::min(reach, i); ++k)
            if (says_how(i - k)) return true;
    }
    return false;
}

inline bool tells_order(const CheckedText& item) {
    Index verbs = 0;
    for (const text::TaggedWord& w : item.words) {
        verbs += w.tag == text::Upos::verb;
        const std::string word = text::to_lower(std::string_view(item.text).substr(w.begin, w.end - w.begin));
        if (std::find(order_words.begin(), order_words.end(), word) != order_words.end()) return true;
    }
    return verbs >= 2;
}

/// Faults of one text by itself.
inline void check_text(const CheckedText& item, const CheckOptions& options, std::vector<Finding>& out) {
    const auto add = [&](Fault fault, std::string why) { out.push_back({item.id, fault, std::move(why)}); };
    if (!item.annotated) return add(Fault::missing, "the clip has no annotation");
    if (plain_text(item.text).empty()) return add(Fault::empty, "the description is empty");
    const auto words = std::count_if(item.words.begin(), item.words.end(), [](const text::TaggedWord& w) { return w.tag != text::Upos::punct; });
    if (words < options.least_words) add(Fault::too_short, join(words, " words; at least ", options.least_words, " are wanted"));
    const double han = han_share(item.text);
    if (!options.language.empty() && (han > 0.5) != (options.language == "zh"))
        add(Fault::wrong_language, join(static_cast<int>(100 * han + 0.5), " % of the letters are Han; the language should be ", options.language));
    if (std::none_of(item.words.begin(), item.words.end(), [](const text::TaggedWord& w) { return is_noun(w.tag); }))
        add(Fault::no_subject, "no noun names what is seen");
    else if (!has_detail(item)) add(Fault::no_detail, "no adjective or number says how a thing looks");
    if (!tells_order(item)) add(Fault::no_order, "fewer than two verbs, and no word such as then or after");
}

}  // namespace detail

/// All findings, in the order of the items; of equal descriptions every one after the first is a duplicate.
[[nodiscard]] inline std::vector<Finding> check_annotations(std::span<const CheckedText> items, const CheckOptions& options = {}) {
    std::vector<Finding> out;
    std::map<std::string, std::string> seen;   // text -> id of the first
    for (const CheckedText& item : items) {
        detail::check_text(item, options, out);
        const std::string plain = detail::plain_text(item.text);
        if (plain.empty()) continue;
        const auto [first, fresh] = seen.try_emplace(plain, item.id);
        if (!fresh) out.push_back({item.id, Fault::duplicate, "the same words as " + first->second});
    }
    return out;
}

}  // namespace svad::data
