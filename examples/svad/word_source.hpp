// SPDX-License-Identifier: Apache-2.0
// svad stats, words: how captions are cut and tagged. Given words and tags come first; without them English is cut by the
// Penn Treebank's rules and Chinese by the segmenter, and both are tagged, as far as models are at hand.
// Promise: a set is cut and tagged in one way from end to end, and describes it (words_are, tags_are).
#pragma once

#include "svad/data/annotations.hpp"
#include "svad/data/statistics.hpp"
#include "svad/text/ptb.hpp"
#include "svad/text/upos.hpp"

#include <algorithm>
#include <functional>
#include <span>

namespace tool {

/// What can tag words and cut Chinese; empty functions where no model is at hand.
struct Models {
    std::function<std::vector<svad::text::Upos>(std::span<const std::string_view>)> english, chinese;
    std::function<std::vector<std::string_view>(std::string_view)> segment;
};

/// The words of an annotation, and views of them and their tags as the pass reads them.
struct Words {
    std::vector<std::string> own;                           // words that are not parts of the caption
    std::vector<std::string_view> words, tags;
};

enum class Cut { given, ptb, blanks, plain, segments, characters };

/// Whether at least half of the characters are Chinese.
inline bool mostly_han(std::string_view text) {
    std::size_t han = 0, all = 0;
    for (const std::string_view character : svad::text::characters(text)) {
        const char32_t c = svad::text::next_code_point(character, 0).value;
        han += (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x3FFFF);
        ++all;
    }
    return 2 * han > all;
}

/// The treebank's names of quotes and brackets as the characters that the tagger knows.
inline std::string_view as_written(std::string_view token) {
    if (token == "``" || token == "''") return "\"";
    if (token == "-LRB-") return "(";
    if (token == "-RRB-") return ")";
    return token;
}

class WordSource {
public:
    WordSource() = default;

    /// The way for a set with this first annotation; `words` is the user's wish, "auto" for none.
    WordSource(const std::string& words, bool chinese, const svad::data::AnnotationRow& first, const Models& models)
        : segment_(models.segment) {
        cut_ = choose(words, chinese, first);
        if (cut_ == Cut::segments && !segment_) svad::fail<svad::UsageError>("stats: there is no segmenter for --words segments");
        given_tags_ = cut_ == Cut::given && first.tags;
        if (given_tags_) {
            const auto tags = svad::text::blank_words(*first.tags);
            universal_ = std::all_of(tags.begin(), tags.end(), [](auto t) { return svad::text::parse_upos(t).has_value(); });
        } else if (cut_ != Cut::characters) {
            tag_ = chinese ? models.chinese : models.english;
        }
    }

    [[nodiscard]] std::string words_are() const {
        switch (cut_) {
            case Cut::given: return "the words given with the set";
            case Cut::ptb: return "Penn Treebank tokens, lower-cased, without punctuation";
            case Cut::blanks: return "what lies between white space, case kept";
            case Cut::plain: return "lower-cased runs of letters, digits, apostrophes and hyphens";
            case Cut::segments: return "those of svad's Chinese segmenter";
            case Cut::characters: return "single characters";
        }
        return "";
    }

    /// Empty if there are no tags.
    [[nodiscard]] std::string tags_are() const {
        if (given_tags_) return universal_ ? "the universal tags given with the set" : "the given tags, read as THULAC's";
        return tag_ ? "universal tags of svad's tagger" : "";
    }

    [[nodiscard]] std::vector<svad::data::TagGroup> groups() const {
        return universal_ ? svad::data::upos_groups() : svad::data::thulac_groups();
    }

    /// Cuts and tags one annotation; the views of `out` are valid while `row` and `out` are.
    void operator()(const svad::data::AnnotationRow& row, Words& out) const {
        using namespace svad;
        out.own.clear(), out.tags.clear();
        switch (cut_) {
            case Cut::given: given(row, out); break;
            case Cut::ptb: return ptb(row.caption, out);
            case Cut::blanks: out.words = text::blank_words(row.caption); break;
            case Cut::segments: out.words = segment_(row.caption); break;
            case Cut::characters: out.words = text::characters(row.caption); break;
            case Cut::plain:
                out.own = {text::plain_words(row.caption)};
                out.words = text::blank_words(out.own[0]);
        }
        if (tag_)
            for (const text::Upos tag : tag_(out.words)) out.tags.push_back(text::name_of(tag));
    }

private:
    Cut choose(const std::string& words, bool chinese, const svad::data::AnnotationRow& first) const {
        if (words == "given" || (words == "auto" && first.tokens)) return Cut::given;
        if (words == "ptb") return Cut::ptb;
        if (words == "blanks") return Cut::blanks;
        if (words == "plain") return Cut::plain;
        if (words == "segments") return Cut::segments;
        if (words == "characters") return Cut::characters;
        return !chinese ? Cut::ptb : segment_ ? Cut::segments : Cut::characters;
    }

    void given(const svad::data::AnnotationRow& row, Words& out) const {
        if (!row.tokens) svad::fail<svad::io::FormatError>("the annotation has no tokens as the first one has; choose --words");
        out.words = svad::text::blank_words(*row.tokens);
        if (given_tags_ && row.tags) out.tags = svad::text::blank_words(*row.tags);
    }

    /// Tags see the sentence as it is written, with case and punctuation; the words are lower-case and without it.
    void ptb(std::string_view caption, Words& out) const {
        using namespace svad;
        const std::vector<std::string> tokens = text::ptb_tokenize(caption, {.lower_case = false});
        std::vector<std::string_view> written;
        for (const std::string& t : tokens) written.push_back(as_written(t));
        const std::vector<text::Upos> tags = tag_ ? tag_(written) : std::vector<text::Upos>{};
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            std::string word = text::to_lower(tokens[i]);
            if (text::is_caption_punctuation(word)) continue;
            out.own.push_back(std::move(word));
            if (tag_) out.tags.push_back(text::name_of(tags[i]));
        }
        out.words.assign(out.own.begin(), out.own.end());
    }

    Cut cut_ = Cut::blanks;
    bool given_tags_ = false, universal_ = true;
    decltype(Models::english) tag_;
    decltype(Models::segment) segment_;
};

}  // namespace tool
