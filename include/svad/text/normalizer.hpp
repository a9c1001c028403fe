// SPDX-License-Identifier: Apache-2.0
// What happens to a text before it is cut: Unicode normalization, case, accents, replacements.
//
// Promise: text and byte ranges of the normalizers of Hugging Face's tokenizers, by the tables of utf8proc; linear time.
// A list of steps, each a value; the empty list leaves the text alone at no cost.
// Rejected: normalizing with a library call and guessing the ranges afterwards (they are ambiguous).
#pragma once

#include "svad/text/aligned.hpp"
#include "svad/text/bert_tables.hpp"
#include "svad/text/precompiled.hpp"
#include "svad/text/unicode.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace svad::text {

/// Unicode normalization forms.
enum class UnicodeForm { nfc, nfd, nfkc, nfkd };

namespace normalize {

struct Unicode { UnicodeForm form; };
struct Lowercase {};
struct StripAccents {};                                 ///< drops marks (M*)
struct Strip { bool left = true, right = true; };       ///< white space at the ends
struct Prepend { std::string text; };                   ///< in front of text that is not empty
struct Replace { std::string text, by; };               ///< every occurrence
struct ReplaceRuns { char32_t of = 0; std::size_t least = 1; std::string by; };   ///< runs of `of` (0: white space)
struct Nmt {};                                          ///< drops controls, makes odd blanks plain
struct Bert { bool clean = true, chinese = true, strip_accents = true, lowercase = true; };

}  // namespace normalize

/// One step.
using NormalizerStep = std::variant<normalize::Unicode, normalize::Lowercase, normalize::StripAccents, normalize::Strip,
                                    normalize::Prepend, normalize::Replace, normalize::ReplaceRuns, normalize::Nmt, normalize::Bert,
                                    normalize::Precompiled>;

namespace detail {

/// Calls f(character, its range) for the characters of `text`.
template <class F>
void each_character(const AlignedText& text, F f) {
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint c = next_code_point(text.text(), at);
        f(c.value, text.span(at));
        at += c.length;
    }
}

/// Characters whose decomposition is younger (Unicode 12.1 to 15) than the tables of the reference, which leaves them.
inline bool newer_than_reference(char32_t c) {
    return c == 0x32FF || c == 0xAB69 || (c >= 0xA7F2 && c <= 0xA7F4) || (c >= 0x10780 && c <= 0x107BF) || c == 0x11938 ||
           (c >= 0x1E030 && c <= 0x1E06D) || (c >= 0x1FBF0 && c <= 0x1FBF9) || c == 0x1F16C;
}

inline bool all_below(std::string_view text, unsigned char limit) {
    for (const char c : text)
        if (static_cast<unsigned char>(c) >= limit) return false;
    return true;
}

/// A character of the result. `change` is what the reference keeps of its origin: 1 for one that was put in, 0 for one
/// that stands for one of the source, -n for one that stands for n + 1.
struct ChangedCharacter {
    char32_t value;
    int combining, change;
};

/// Composes neighbours in place (Unicode 3.11).
inline void compose_all(std::vector<ChangedCharacter>& all) {
    std::size_t out = 0, starter = SIZE_MAX;
    int last = -1;   // combining class before the current one since the starter; -1: none between
    for (std::size_t i = 0; i < all.size(); ++i) {
        const ChangedCharacter c = all[i];
        const bool near = starter != SIZE_MAX && (last < c.combining || last == -1);
        if (near && c.value >= 0x300) {
            if (const char32_t both = compose(all[starter].value, c.value)) {
                all[starter].value = both;
                all[starter].change += c.change - 1;
                continue;
            }
        }
        if (c.combining == 0) {
            starter = out;
            last = -1;
        } else {
            last = c.combining;
        }
        all[out++] = c;
    }
    all.resize(out);
}

/// Puts marks in canonical order.
inline void order_marks(std::vector<ChangedCharacter>& all) {
    for (std::size_t i = 0; i < all.size();) {
        std::size_t end = i;
        while (end < all.size() && all[end].combining != 0) ++end;
        std::stable_sort(all.begin() + static_cast<std::ptrdiff_t>(i), all.begin() + static_cast<std::ptrdiff_t>(end),
                         [](const auto& a, const auto& b) { return a.combining < b.combining; });
        i = end + 1;
    }
}

inline AlignedText unicode_form(const AlignedText& text, UnicodeForm form) {
    const bool compatible = form == UnicodeForm::nfkc || form == UnicodeForm::nfkd;
    std::vector<ChangedCharacter> all;
    std::vector<Span> sources;
    all.reserve(text.size());
    std::u32string parts;
    each_character(text, [&](char32_t c, Span from) {
        sources.push_back(from);
        parts.clear();
        if (newer_than_reference(c)) parts.push_back(c);
        else append_decomposed(parts, c, compatible);
        for (std::size_t i = 0; i < parts.size(); ++i) all.push_back({parts[i], combining_class(parts[i]), i > 0});
    });
    order_marks(all);
    if (form == UnicodeForm::nfc || form == UnicodeForm::nfkc) compose_all(all);
    AlignedText out(text.tracked());
    out.reserve(text.size());
    std::size_t next = 0;   // the source that comes next: ranges go by place, also where marks changed places
    for (const ChangedCharacter& c : all) {
        const std::size_t from = c.change > 0 ? std::max<std::size_t>(next, 1) - 1 : next;
        out.append(c.value, sources[std::min(from, sources.size() - 1)]);
        if (c.change <= 0) next += static_cast<std::size_t>(1 - c.change);
    }
    return out;
}

inline AlignedText lower_cased(const AlignedText& text) {
    AlignedText out(text.tracked());
    out.reserve(text.size());
    each_character(text, [&](char32_t c, Span from) {
        out.append(c == 0x130 ? U'i' : to_lower(c), from);
        if (c == 0x130) out.append(char32_t{0x307}, from);   // the one letter whose lower case is two
    });
    return out;
}

/// The characters for which keep(c) holds, as map(c).
template <class Keep, class Map>
AlignedText filtered(const AlignedText& text, Keep keep, Map map) {
    AlignedText out(text.tracked());
    out.reserve(text.size());
    each_character(text, [&](char32_t c, Span from) {
        if (keep(c)) out.append(map(c), from);
    });
    return out;
}

inline bool is_chinese(char32_t c) {   // BERT's ranges, its gap between 2B81F and 2B920 included
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
           (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

inline AlignedText bert_cleaned(const AlignedText& text) {
    return filtered(
        text,
        [](char32_t c) { return !is_bert_control(c); },
        [](char32_t c) { return is_space(c) ? U' ' : c; });
}

inline AlignedText spaced_chinese(const AlignedText& text) {
    AlignedText out(text.tracked());
    each_character(text, [&](char32_t c, Span from) {
        const bool apart = is_chinese(c);
        if (apart) out.append(U' ', from);
        out.append(c, from);
        if (apart) out.append(U' ', from);
    });
    return out;
}

inline AlignedText without_accents(const AlignedText& text) {
    return filtered(text, [](char32_t c) { return !is_bert_mark(c); }, [](char32_t c) { return c; });
}

inline AlignedText replaced(const AlignedText& text, const normalize::Replace& r) {
    AlignedText out(text.tracked());
    std::size_t start = 0;
    for (;;) {
        const std::size_t at = r.text.empty() ? std::string::npos : text.text().find(r.text, start);
        if (at == std::string::npos) break;
        out.append(text, start, at);
        start = at + r.text.size();
        out.append(r.by, text.span(start - 1));
    }
    out.append(text, start, text.size());
    return out;
}

inline AlignedText replaced_runs(const AlignedText& text, const normalize::ReplaceRuns& r) {
    AlignedText out(text.tracked());
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at, count = 0, last = at, length = 0;
        while (end < text.size()) {
            const CodePoint c = next_code_point(text.text(), end);
            length = c.length;
            if (r.of == 0 ? !is_space(c.value) : c.value != r.of) break;
            last = end;
            end += c.length;
            ++count;
        }
        if (count >= std::max<std::size_t>(1, r.least)) {
            out.append(r.by, text.span(last));
        } else {
            if (end == at) end += length;
            out.append(text, at, end);
        }
        at = end;
    }
    return out;
}

inline AlignedText stripped(const AlignedText& text, const normalize::Strip& s) {
    std::size_t begin = 0, end = 0;
    bool seen = false;
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint c = next_code_point(text.text(), at);
        if (!is_space(c.value)) {
            if (!seen) begin = at;
            seen = true;
            end = at + c.length;
        }
        at += c.length;
    }
    if (!seen) begin = end = 0;
    if (!s.left) begin = 0;
    if (!s.right) end = text.size();
    AlignedText out(text.tracked());
    if (begin < end) out.append(text, begin, end);
    return out;
}

inline AlignedText nmt_cleaned(const AlignedText& text) {
    return filtered(
        text,
        [](char32_t c) {
            return !((c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F);
        },
        [](char32_t c) {
            const bool blank = c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                               c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
            return blank ? U' ' : c;
        });
}

inline AlignedText apply(const AlignedText& text, const normalize::Unicode& step) {
    const bool stays = all_below(text.text(), 0x80) ||
                       (step.form == UnicodeForm::nfc && all_below(text.text(), 0xCC));   // CC 80 is U+0300
    return stays ? text : unicode_form(text, step.form);
}
inline AlignedText apply(const AlignedText& text, const normalize::Lowercase&) { return lower_cased(text); }
inline AlignedText apply(const AlignedText& text, const normalize::StripAccents&) {
    const auto mark = [](char32_t c) { return category_of(c) >= Category::mn && category_of(c) <= Category::me && !is_in(bert_young_marks, c); };
    return filtered(text, [&](char32_t c) { return !mark(c); }, [](char32_t c) { return c; });
}
inline AlignedText apply(const AlignedText& text, const normalize::Strip& step) { return stripped(text, step); }
inline AlignedText apply(const AlignedText& text, const normalize::Replace& step) { return replaced(text, step); }
inline AlignedText apply(const AlignedText& text, const normalize::ReplaceRuns& step) { return replaced_runs(text, step); }
inline AlignedText apply(const AlignedText& text, const normalize::Nmt&) { return nmt_cleaned(text); }
inline AlignedText apply(const AlignedText& text, const normalize::Prepend& step) {
    AlignedText out(text.tracked());
    if (text.empty()) return out;
    out.append(step.text, text.span(0));
    out.append(text, 0, text.size());
    return out;
}
inline AlignedText apply(const AlignedText& text, const normalize::Bert& step) {
    AlignedText out = step.clean ? bert_cleaned(text) : text;
    if (!all_below(out.text(), 0x80)) {
        if (step.chinese) out = spaced_chinese(out);
        if (step.strip_accents) out = without_accents(unicode_form(out, UnicodeForm::nfd));
    }
    return step.lowercase ? lower_cased(out) : out;
}

}  // namespace detail

/// `text` after all steps.
[[nodiscard]] inline AlignedText normalized(AlignedText text, const std::vector<NormalizerStep>& steps) {
    for (const NormalizerStep& step : steps)
        text = std::visit([&](const auto& one) { return detail::apply(text, one); }, step);
    return text;
}

}  // namespace svad::text
