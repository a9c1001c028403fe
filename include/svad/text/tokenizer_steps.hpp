// SPDX-License-Identifier: Apache-2.0
// The steps in a tokenizer.json: normalizer, pre_tokenizer, post_processor and decoder as lists of values.
//
// Promise: a type, a pattern or an option that is not supported is a FormatError that shows it; nothing is skipped and
// nothing is guessed. Layout: the tokenizers library 0.13 and later.
#pragma once

#include "svad/io/json.hpp"
#include "svad/text/base64.hpp"
#include "svad/text/normalizer.hpp"
#include "svad/text/post_processor.hpp"
#include "svad/text/pretokenizer.hpp"
#include "svad/text/token_decoder.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace svad::text::detail {

using io::Json;

/// The value of `key`, or null.
inline const Json& value_of(const Json& object, const char* key) {
    static const Json none;
    if (!object.is_object()) return none;
    const auto found = object.find(key);
    return found == object.end() ? none : *found;
}

inline std::string type_of(const Json& step, std::string_view where) { return io::field<std::string>(step, "type", where); }

/// Calls f(step) for the steps of a Sequence in order, however it is nested, or for the one step; nothing for null.
template <class F>
void each_step(const Json& step, const char* list, std::string_view where, F f) {
    std::vector<const Json*> todo{&step};
    while (!todo.empty()) {
        const Json& one = *todo.back();
        todo.pop_back();
        if (one.is_null()) continue;
        if (type_of(one, where) != "Sequence") {
            f(one);
            continue;
        }
        const Json& inner = value_of(one, list);
        if (!inner.is_array()) fail<io::FormatError>(where, ": a Sequence has no list '", list, "'");
        for (std::size_t i = inner.size(); i-- > 0;) todo.push_back(&inner[i]);
    }
}

/// The literal of a pattern {"String": s}, or the regular expression of {"Regex": s}.
struct PatternText {
    std::string text;
    bool regex = false;
};

inline PatternText pattern_of(const Json& step, std::string_view where) {
    const Json& pattern = value_of(step, "pattern");
    for (const char* kind : {"String", "Regex"})
        if (const Json& text = value_of(pattern, kind); text.is_string()) return {text.get<std::string>(), kind[0] == 'R'};
    fail<io::FormatError>(where, ": 'pattern' should be {\"String\": ...} or {\"Regex\": ...}");
}

/// What a match is replaced by. A long one would let a small file blow up a small text.
inline std::string content_of(const Json& step, std::string_view where) {
    auto content = io::field<std::string>(step, "content", where);
    if (content.size() > 256) fail<io::FormatError>(where, ": 'content' of a replacement has ", content.size(), " bytes; at most 256 are supported");
    return content;
}

inline NormalizerStep replace_step(const Json& step, std::string_view where) {
    const PatternText pattern = pattern_of(step, where);
    const std::string by = content_of(step, where);
    if (!pattern.regex) return normalize::Replace{pattern.text, by};
    if (pattern.text == "\\s+") return normalize::ReplaceRuns{0, 1, by};
    if (pattern.text == " {2,}" || pattern.text == " +") return normalize::ReplaceRuns{U' ', pattern.text == " +" ? 1u : 2u, by};
    fail<io::FormatError>(where, ": a normalizer replaces by a pattern that is not supported: ", pattern.text);
}

inline normalize::Bert bert_step(const Json& step, std::string_view where) {
    normalize::Bert bert;
    bert.clean = io::field_or<bool>(step, "clean_text", true, where);
    bert.chinese = io::field_or<bool>(step, "handle_chinese_chars", true, where);
    bert.lowercase = io::field_or<bool>(step, "lowercase", true, where);
    const Json& strip = value_of(step, "strip_accents");
    bert.strip_accents = strip.is_boolean() ? strip.get<bool>() : bert.lowercase;
    return bert;
}

inline NormalizerStep precompiled_step(const Json& step, std::string_view where) {
    std::string blob;
    const Json& map = value_of(step, "precompiled_charsmap");
    if (!map.is_null() && map != "" && (!map.is_string() || !from_base64(map.get_ref<const std::string&>(), blob)))
        fail<io::FormatError>(where, ": precompiled_charsmap is no base64");
    return normalize::Precompiled{std::make_shared<const Charsmap>(blob, where)};
}

inline std::vector<NormalizerStep> read_normalizer(const Json& whole, std::string_view where) {
    std::vector<NormalizerStep> steps;
    each_step(whole, "normalizers", where, [&](const Json& step) {
        const std::string type = type_of(step, where);
        if (type == "NFC") steps.push_back(normalize::Unicode{UnicodeForm::nfc});
        else if (type == "NFD") steps.push_back(normalize::Unicode{UnicodeForm::nfd});
        else if (type == "NFKC") steps.push_back(normalize::Unicode{UnicodeForm::nfkc});
        else if (type == "NFKD") steps.push_back(normalize::Unicode{UnicodeForm::nfkd});
        else if (type == "Lowercase") steps.push_back(normalize::Lowercase{});
        else if (type == "StripAccents") steps.push_back(normalize::StripAccents{});
        else if (type == "Strip") steps.push_back(normalize::Strip{io::field_or<bool>(step, "strip_left", true, where), io::field_or<bool>(step, "strip_right", true, where)});
        else if (type == "Prepend") steps.push_back(normalize::Prepend{io::field<std::string>(step, "prepend", where)});
        else if (type == "Replace") steps.push_back(replace_step(step, where));
        else if (type == "Nmt") steps.push_back(normalize::Nmt{});
        else if (type == "Precompiled") steps.push_back(precompiled_step(step, where));
        else if (type == "BertNormalizer") steps.push_back(bert_step(step, where));
        else fail<io::FormatError>(where, ": normalizer '", type, "' is not supported");
    });
    return steps;
}

inline SplitBehavior behavior_of(const Json& step, std::string_view where) {
    const auto name = io::field_or<std::string>(step, "behavior", "Isolated", where);
    if (name == "Removed") return SplitBehavior::removed;
    if (name == "Isolated") return SplitBehavior::isolated;
    if (name == "MergedWithPrevious") return SplitBehavior::with_previous;
    if (name == "MergedWithNext") return SplitBehavior::with_next;
    if (name == "Contiguous") return SplitBehavior::contiguous;
    fail<io::FormatError>(where, ": split behavior '", name, "' is not known");
}

inline CutStep split_step(const Json& step, std::string_view where) {
    const PatternText pattern = pattern_of(step, where);
    const SplitBehavior behavior = behavior_of(step, where);
    const bool invert = io::field_or<bool>(step, "invert", false, where);
    if (!pattern.regex) return cut::Literal{pattern.text, behavior, invert};
    const std::optional<SplitPattern> known = find_split_pattern(pattern.text);
    if (!known) fail<io::FormatError>(where, ": the text is to be split by a pattern that is not supported: ", pattern.text);
    return cut::Pattern{*known, behavior, invert};
}

inline cut::Metaspace metaspace_step(const Json& step, std::string_view where) {
    cut::Metaspace made;
    made.mark = io::field_or<std::string>(step, "replacement", "▁", where);
    const bool old = io::field_or<bool>(step, "add_prefix_space", true, where);
    const auto scheme = io::field_or<std::string>(step, "prepend_scheme", old ? "always" : "never", where);
    if (scheme != "always" && scheme != "first" && scheme != "never")
        fail<io::FormatError>(where, ": prepend_scheme should be always, first or never; got '", scheme, "'");
    made.prepend = scheme == "always" ? PrependScheme::always : scheme == "first" ? PrependScheme::first : PrependScheme::never;
    made.split = io::field_or<bool>(step, "split", true, where);
    if (made.mark.empty() || made.mark.size() > 16) fail<io::FormatError>(where, ": Metaspace's replacement should be a character; got '", made.mark, "'");
    return made;
}

inline std::vector<CutStep> read_cuts(const Json& whole, std::string_view where) {
    std::vector<CutStep> steps;
    each_step(whole, "pretokenizers", where, [&](const Json& step) {
        const std::string type = type_of(step, where);
        if (type == "ByteLevel") steps.push_back(cut::ByteLevel{io::field_or<bool>(step, "add_prefix_space", true, where), io::field_or<bool>(step, "use_regex", true, where)});
        else if (type == "Whitespace") steps.push_back(cut::Pattern{SplitPattern::words, SplitBehavior::removed, true});
        else if (type == "WhitespaceSplit") steps.push_back(cut::Whitespace{});
        else if (type == "BertPreTokenizer") steps.push_back(cut::Bert{});
        else if (type == "Metaspace") steps.push_back(metaspace_step(step, where));
        else if (type == "Digits") steps.push_back(cut::Digits{io::field_or<bool>(step, "individual_digits", false, where)});
        else if (type == "Punctuation") steps.push_back(cut::Punctuation{behavior_of(step, where)});
        else if (type == "CharDelimiterSplit") steps.push_back(cut::Literal{io::field<std::string>(step, "delimiter", where), SplitBehavior::removed});
        else if (type == "Split") steps.push_back(split_step(step, where));
        else fail<io::FormatError>(where, ": pre_tokenizer '", type, "' is not supported");
    });
    return steps;
}

inline std::vector<DecoderStep> read_decoder(const Json& whole, std::string_view where) {
    std::vector<DecoderStep> steps;
    each_step(whole, "decoders", where, [&](const Json& step) {
        const std::string type = type_of(step, where);
        if (type == "ByteLevel") steps.push_back(join_tokens::Bytes{});
        else if (type == "WordPiece") steps.push_back(join_tokens::WordPiece{io::field_or<std::string>(step, "prefix", "##", where), io::field_or<bool>(step, "cleanup", true, where)});
        else if (type == "Metaspace") {
            const cut::Metaspace m = metaspace_step(step, where);
            steps.push_back(join_tokens::Metaspace{m.mark, m.prepend != PrependScheme::never});
        } else if (type == "BPEDecoder") steps.push_back(join_tokens::Suffix{io::field_or<std::string>(step, "suffix", "</w>", where)});
        else if (type == "ByteFallback") steps.push_back(join_tokens::ByteFallback{});
        else if (type == "Fuse") steps.push_back(join_tokens::Fuse{});
        else if (type == "Strip") steps.push_back(join_tokens::Strip{io::field<std::string>(step, "content", where), io::field_or<std::size_t>(step, "start", 0, where), io::field_or<std::size_t>(step, "stop", 0, where)});
        else if (type == "Replace") {
            const PatternText pattern = pattern_of(step, where);
            if (pattern.regex) fail<io::FormatError>(where, ": a decoder replaces by a pattern that is not supported: ", pattern.text);
            steps.push_back(join_tokens::Replace{pattern.text, content_of(step, where)});
        } else if (type == "CTC") {
            steps.push_back(join_tokens::Ctc{io::field_or<std::string>(step, "pad_token", "<pad>", where),
                                             io::field_or<std::string>(step, "word_delimiter_token", "|", where),
                                             io::field_or<bool>(step, "cleanup", true, where)});
        } else fail<io::FormatError>(where, ": decoder '", type, "' is not supported");
    });
    return steps;
}

inline TemplateItem token_item(std::int32_t id, std::int32_t type) { return {TemplateItem::What::token, id, type}; }

inline std::int32_t id_in(const Json& value, std::string_view where) {
    if (!value.is_number_integer() || value.get<std::int64_t>() < 0 || value.get<std::int64_t>() > INT32_MAX)
        fail<io::FormatError>(where, ": a post_processor's id is no natural number; got ", value.dump());
    return value.get<std::int32_t>();
}

inline std::vector<TemplateItem> read_template(const Json& list, const Json& specials, std::string_view where) {
    if (!list.is_array()) fail<io::FormatError>(where, ": TemplateProcessing lacks 'single' or 'pair'");
    std::vector<TemplateItem> items;
    for (const Json& one : list) {
        if (const Json& sequence = value_of(one, "Sequence"); sequence.is_object()) {
            const bool second = io::field<std::string>(sequence, "id", where) == "B";
            items.push_back({second ? TemplateItem::What::second : TemplateItem::What::first, 0, id_in(value_of(sequence, "type_id"), where)});
            continue;
        }
        const Json& token = value_of(one, "SpecialToken");
        const auto name = io::field<std::string>(token, "id", where);
        const Json& ids = value_of(value_of(specials, name.c_str()), "ids");
        if (!ids.is_array()) fail<io::FormatError>(where, ": TemplateProcessing names '", name, "' and does not say its ids");
        for (const Json& id : ids) items.push_back(token_item(id_in(id, where), id_in(value_of(token, "type_id"), where)));
    }
    return items;
}

inline std::int32_t pair_id(const Json& step, const char* key, std::string_view where) {
    const Json& pair = value_of(step, key);
    if (!pair.is_array() || pair.size() != 2) fail<io::FormatError>(where, ": post_processor's '", key, "' should be [token, id]");
    return id_in(pair[1], where);
}

inline PostProcessor read_post_processor(const Json& whole, std::string_view where) {
    PostProcessor made;
    each_step(whole, "processors", where, [&](const Json& step) {
        using What = TemplateItem::What;
        const std::string type = type_of(step, where);
        if (type == "TemplateProcessing") {
            made.single = read_template(value_of(step, "single"), value_of(step, "special_tokens"), where);
            made.pair = read_template(value_of(step, "pair"), value_of(step, "special_tokens"), where);
        } else if (type == "BertProcessing" || type == "RobertaProcessing") {
            const std::int32_t cls = pair_id(step, "cls", where), sep = pair_id(step, "sep", where);
            const std::int32_t second = type == "BertProcessing" ? 1 : 0;
            made.single = {token_item(cls, 0), {What::first, 0, 0}, token_item(sep, 0)};
            made.pair = made.single;
            if (second == 0) made.pair.push_back(token_item(sep, 0));
            made.pair.push_back({What::second, 0, second});
            made.pair.push_back(token_item(sep, second));
        } else if (type != "ByteLevel") {
            fail<io::FormatError>(where, ": post_processor '", type, "' is not supported");
        }
        if (type == "ByteLevel" || type == "RobertaProcessing") {
            made.trim_offsets = io::field_or<bool>(step, "trim_offsets", true, where);
            made.keeps_prefix = io::field_or<bool>(step, "add_prefix_space", true, where);
        }
    });
    return made;
}

}  // namespace svad::text::detail
