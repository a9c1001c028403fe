// SPDX-License-Identifier: Apache-2.0
// Keywords by a language model, as the paper extracts them (section 4.2): the model answers a JSON list, strictly read.
//
// Promise: a keyword that does not stand in the description as a whole word is dropped and counted, never repaired; an
// answer that cannot be read is asked again a bounded number of times and then counted as a failure. With a
// text::CachedModel a run that was stopped goes on where it stopped.
// Rejected: asking the model for positions: models cannot count bytes; the place is looked up here.
#pragma once

#include "svad/data/keywords.hpp"
#include "svad/data/tagged_keywords.hpp"
#include "svad/text/json_answer.hpp"
#include "svad/text/language_model.hpp"

namespace svad::data {

/// What the model is told. Change the text and the version with it.
struct KeywordPrompt {
    std::string version = "svad-keywords-1";
    std::string system = "You pick keywords out of the description of a video. Copy each word or short phrase exactly as it is "
                         "written, in the language of the description. Kinds: count, colour, side, object, action, attribute. "
                         "Reply with one JSON list and nothing else: [{\"word\": \"...\", \"kind\": \"...\"}].";
};

struct LlmKeywordOptions {
    std::string model;
    int attempts = 3;
    std::size_t limit = 32;      ///< keywords of a description
};

/// What became of the answers.
struct KeywordCounts {
    std::int64_t kept = 0, dropped = 0;   ///< keywords that stand in the description, and that do not
    std::int64_t unread = 0;              ///< answers that were no list of {word, kind}
    std::int64_t failed = 0;              ///< descriptions left without an answer
};

/// The keywords in an answer, or nothing if it is not one list of objects with exactly a word and a known kind.
[[nodiscard]] inline std::optional<std::vector<Keyword>> parse_keywords(std::string_view answer) {
    const std::optional<io::Json> list = text::only_value(answer, '[');
    if (!list || list->size() > 256) return std::nullopt;
    std::vector<Keyword> out;
    for (const io::Json& k : *list) {
        if (!k.is_object() || k.size() != 2 || !k.contains("word") || !k.contains("kind")) return std::nullopt;
        if (!k["word"].is_string() || !k["kind"].is_string()) return std::nullopt;
        out.push_back({k["word"].get<std::string>(), k["kind"].get<std::string>()});
        if (out.back().word.empty() || !detail::is_one_of(out.back().kind, keyword_kinds)) return std::nullopt;
    }
    return out;
}

/// A KeywordExtractor by a model (callable as text::LanguageModel). Counts as it goes; for one thread.
template <class Model>
struct LlmKeywords {
    Model& model;
    LlmKeywordOptions options;
    KeywordPrompt prompt{};
    mutable KeywordCounts counts{};   ///< of all descriptions so far

    [[nodiscard]] std::vector<KeywordSpan> spans(std::string_view description) const {
        text::Request r{prompt.version, options.model, prompt.system, std::string{description}, 0, 1024, 0};
        for (; r.attempt < options.attempts; ++r.attempt) {
            try {
                if (const auto said = parse_keywords(model(r).text)) return keep(description, *said);
            } catch (const text::ModelError&) {
                break;
            }
            ++counts.unread;
        }
        ++counts.failed;
        return {};
    }
    std::vector<Keyword> operator()(const Record&, std::string_view description) const { return words_of(spans(description)); }

private:
    std::vector<KeywordSpan> keep(std::string_view description, const std::vector<Keyword>& said) const {
        std::vector<KeywordSpan> found = locate(description, said);
        counts.dropped += static_cast<std::int64_t>(said.size() - found.size());
        std::set<std::size_t> begins;   // a keyword said twice is kept once
        std::erase_if(found, [&](const KeywordSpan& s) { return !begins.insert(s.begin).second; });
        if (found.size() > options.limit) found.resize(options.limit);
        counts.kept += static_cast<std::int64_t>(found.size());
        return found;
    }
};

}  // namespace svad::data
