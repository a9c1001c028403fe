// SPDX-License-Identifier: Apache-2.0
// Words of a text without blanks (Chinese): each character is labelled begin, middle, end or a word of its own.
//
// Promise: for any bytes the words, in order, are all of the text but its white space; invalid UTF-8 stays in them as it
// is. White space always ends a word. Time is linear in the text; a segmenter is immutable. A lexicon adds two points.
// Rejected: longest match in a dictionary, five points worse since every second name is missing from it.
#pragma once

#include "svad/text/sequence_file.hpp"
#include "svad/text/treebank.hpp"
#include "svad/text/unicode.hpp"

#include <map>
#include <span>

namespace svad::text {

namespace detail {

/// A run of characters without white space.
struct CharacterRun {
    std::vector<std::size_t> ends{0};   // in the text; ends[0] is the start of the run
    std::vector<std::uint64_t> values, kinds;

    void add(CodePoint c) {
        if (values.empty()) values.assign(2, 1), kinds.assign(2, 1);
        ends.push_back(ends.back() + c.length);
        values.push_back(c.value + 8);
        kinds.push_back(kind_of(c.value));
    }
    [[nodiscard]] std::size_t size() const { return ends.size() - 1; }

private:
    static std::uint64_t kind_of(char32_t c) {
        if (c >= U'0' && c <= U'9') return 2;
        if ((c | 32) >= U'a' && (c | 32) <= U'z') return 3;
        if (std::u32string_view{U"〇零一二三四五六七八九十百千万亿两"}.find(c) != std::u32string_view::npos) return 4;
        if (c == U'年' || c == U'月' || c == U'日') return 5;
        if (c >= 0x4E00 && c < 0xA000) return 6;
        switch (class_of(c)) {
            case CharacterClass::letter: return 7;
            case CharacterClass::number: return 8;
            case CharacterClass::space:
            case CharacterClass::other: break;
        }
        return 9;
    }
};

inline constexpr std::size_t longest_entry = 6;

/// For each character the longest word of a list that starts, goes on or stops there, in characters.
struct WordMatches {
    std::vector<std::uint64_t> starts, inside, stops;

    template <class Holds>
    void find(std::string_view text, const CharacterRun& run, Holds holds) {
        const std::size_t n = run.size();
        starts.assign(n, 0), inside.assign(n, 0), stops.assign(n, 0);
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t k = 2; k <= std::min(longest_entry, n - i); ++k) {
                if (!holds(text.substr(run.ends[i], run.ends[i + k] - run.ends[i]))) continue;
                starts[i] = std::max<std::uint64_t>(starts[i], k), stops[i + k - 1] = std::max<std::uint64_t>(stops[i + k - 1], k);
                for (std::size_t j = i + 1; j + 1 < i + k; ++j) inside[j] = std::max<std::uint64_t>(inside[j], k);
            }
    }
    /// Features of character i and its neighbours, of kinds from `kind`.
    void features(std::uint64_t kind, std::size_t i, const std::uint64_t* c, SequenceInput& in) const {
        const std::size_t n = starts.size();
        const std::uint64_t b = starts[i], m = inside[i], e = stops[i], next = i + 1 < n ? starts[i + 1] : 0, last = i > 0 ? stops[i - 1] : 0;
        in.add(kind, b), in.add(kind + 1, m), in.add(kind + 2, e), in.add(kind + 3, mix(b, e)), in.add(kind + 4, mix(mix(b, m), e));
        in.add(kind + 5, mix(b, c[0])), in.add(kind + 6, mix(e, c[0])), in.add(kind + 7, mix(next, e)), in.add(kind + 8, mix(last, b));
        in.add(kind + 20, mix(mix(b, e), c[0])), in.add(kind + 21, mix(b, mix(c[0], c[1]))), in.add(kind + 22, mix(e, mix(c[-1], c[0])));
        in.add(kind + 23, mix(mix(b, e), mix(c[-1], c[1]))), in.add(kind + 24, mix(mix(e, m), next)), in.add(kind + 25, mix(mix(b, m), last));
        in.add(kind + 26, mix(mix(b, e), i + 1 < n ? mix(next, stops[i + 1]) : 0));
        in.add(kind + 27, mix(mix(b, e), i > 0 ? mix(starts[i - 1], last) : 0));
    }
};

class SegmenterFeatures {
public:
    explicit SegmenterFeatures(const SequenceModel& model) : model_(model) {}

    void operator()(std::string_view text, CharacterRun& run, SequenceInput& in) {
        in.clear();
        const std::size_t n = run.size();
        run.values.insert(run.values.end(), 2, 1), run.kinds.insert(run.kinds.end(), 2, 1);
        const bool listed = !model_.lexicon.empty();
        known_.find(text, run, [&](std::string_view w) { return model_.value_of(hash_bytes(w)) != 0; });
        if (listed) listed_.find(text, run, [&](std::string_view w) { return model_.lexicon.find(w) != 0; });
        for (std::size_t i = 0; i < n; ++i) {
            const std::uint64_t* c = &run.values[i + 2];
            features(c, &run.kinds[i + 2], in);
            known_.features(20, i, c, in);
            if (listed) {
                listed_.features(60, i, c, in);
                in.add(90, mix(mix(listed_.starts[i], listed_.stops[i]), mix(known_.starts[i], known_.stops[i])));
            }
            in.finish_position(run.values[i + 2]);
        }
    }

private:
    static void features(const std::uint64_t* c, const std::uint64_t* kind, SequenceInput& in) {
        in.add(0, 0), in.add(1, c[-2]), in.add(2, c[-1]), in.add(3, c[0]), in.add(4, c[1]), in.add(5, c[2]);
        in.add(6, mix(c[-2], c[-1])), in.add(7, mix(c[-1], c[0])), in.add(8, mix(c[0], c[1])), in.add(9, mix(c[1], c[2]));
        in.add(10, mix(c[-1], c[1])), in.add(11, mix(mix(c[-2], c[-1]), c[0])), in.add(12, mix(mix(c[-1], c[0]), c[1]));
        in.add(13, mix(mix(c[0], c[1]), c[2])), in.add(14, mix(mix(kind[-1], kind[0]), kind[1]));
        in.add(15, mix(mix(mix(kind[-2], kind[-1]), mix(kind[0], 1)), mix(kind[1], kind[2])));
        in.add(16, (c[0] == c[-1] ? 1u : 0u) + (c[0] == c[1] ? 2u : 0u) + (c[0] == c[2] ? 4u : 0u) + (c[0] == c[-2] ? 8u : 0u));
        in.add(17, mix(kind[-1], c[0])), in.add(18, mix(c[0], kind[1]));
    }

    const SequenceModel& model_;
    WordMatches known_, listed_;   // words of the training text, words of the lexicon
};

/// The words of at least two characters but for those seen only in part `without`.
[[nodiscard]] inline WordValues word_dictionary(std::span<const TaggedSentence> sentences, std::size_t without) {
    std::map<std::uint64_t, unsigned> counts;
    for (std::size_t n = 0; n < sentences.size(); ++n)
        for (std::size_t i = 0; n % dictionary_parts != without && i < sentences[n].words.size(); ++i) {
            const std::string& w = sentences[n].words[i];
            if (!w.empty() && next_code_point(w, 0).length < w.size()) ++counts[hash_bytes(w)];
        }
    WordValues out;
    for (const auto& [hash, n] : counts) out.emplace_back(hash, std::uint16_t{1});
    return out;
}

}  // namespace detail

/// Cuts a text into words.
class Segmenter {
public:
    /// Learns from the words of sentences. Throws UsageError if there is none.
    [[nodiscard]] static Segmenter train(std::span<const TaggedSentence> sentences, const TaggerOptions& options = {}) {
        if (sentences.empty()) fail<UsageError>("Segmenter::train: no sentence; give at least one");
        Segmenter segmenter;
        segmenter.model_.lexicon = options.lexicon;
        detail::SegmenterFeatures features(segmenter.model_);
        std::vector<detail::SequenceExample> examples(sentences.size());
        for (std::size_t part = 0; part < detail::dictionary_parts; ++part) {
            segmenter.model_.set_words(detail::word_dictionary(sentences, part));
            for (std::size_t i = part; i < sentences.size(); i += detail::dictionary_parts) add_example(features, sentences[i], examples[i]);
        }
        segmenter.model_.set_words(detail::word_dictionary(sentences, detail::dictionary_parts));
        detail::learn_weights(segmenter.model_, examples, labels, options);
        return segmenter;
    }
    /// The segmenter in `bytes`; `where` names them in errors. Throws io::FormatError.
    [[nodiscard]] static Segmenter parse(std::string_view bytes, std::string_view where) {
        Segmenter segmenter;
        segmenter.model_ = detail::parse_sequence_model(bytes, where, kind, labels);
        return segmenter;
    }
    /// The segmenter in the file at `path`. Throws io::FileError, io::FormatError.
    [[nodiscard]] static Segmenter load(const std::string& path) { return parse(io::read_file(path), path); }
    [[nodiscard]] std::string bytes() const { return detail::write_sequence_model(model_, kind); }
    /// Writes the file at `path` in one step. Throws io::FileError.
    void save(const std::string& path) const { io::write_atomic(path, bytes()); }

    /// The words of `text`: views into it.
    [[nodiscard]] std::vector<std::string_view> operator()(std::string_view text) const {
        std::vector<std::string_view> words;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t start = at;
            detail::CharacterRun run;
            CodePoint c;
            while (at < text.size() && class_of((c = next_code_point(text, at)).value) != CharacterClass::space)
                run.add(c), at += c.length;
            if (run.size() > 0) cut(text.substr(start, at - start), run, words);
            if (at < text.size()) at += c.length;
        }
        return words;
    }

private:
    enum Label : std::uint8_t { begin, middle, end, single };
    static constexpr std::uint32_t kind = 2;
    static constexpr int labels = 4;
    Segmenter() = default;

    static void add_example(detail::SegmenterFeatures& features, const TaggedSentence& sentence, detail::SequenceExample& example) {
        std::string text;
        detail::CharacterRun run;
        for (const auto& word : sentence.words) {
            if (word.empty()) continue;
            const std::size_t first = example.labels.size();
            for (std::size_t at = 0; at < word.size(); at += next_code_point(word, at).length) {
                run.add(next_code_point(word, at));
                example.labels.push_back(middle);
            }
            text += word;
            example.labels.back() = end, example.labels[first] = begin;
            if (example.labels.size() == first + 1) example.labels[first] = single;
        }
        if (run.size() > 0) features(text, run, example.input);
    }

    void cut(std::string_view text, detail::CharacterRun& run, std::vector<std::string_view>& words) const {
        detail::SequenceInput input;
        detail::SegmenterFeatures{model_}(text, run, input);
        const auto marks = detail::decode(model_.weights, input);
        for (std::size_t i = 0, first = 0; i < marks.size(); ++i) {
            const bool last = i + 1 == marks.size() || marks[i] == end || marks[i] == single || marks[i + 1] == begin || marks[i + 1] == single;
            if (!last) continue;
            words.push_back(text.substr(run.ends[first], run.ends[i + 1] - run.ends[first]));
            first = i + 1;
        }
    }

    detail::SequenceModel model_;
};

}  // namespace svad::text
