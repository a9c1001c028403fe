// SPDX-License-Identifier: Apache-2.0
// Parts of speech for the words of a sentence, in any language it was trained on.
//
// Promise: any words, also empty ones and invalid UTF-8, get a tag each, in time linear in their bytes; a tagger is
// immutable and may be used by many threads. Features: the word and two on each side, parts of it from both ends, its
// shape and characters, and which tags the training text gives it and its neighbours.
// Rejected: a neural tagger: a point better, but tens of times slower and larger.
#pragma once

#include "svad/text/sequence_file.hpp"
#include "svad/text/treebank.hpp"
#include "svad/text/unicode.hpp"

#include <map>
#include <span>

namespace svad::text {

namespace detail {

/// What the features of a word and its neighbours are made of.
struct WordTraits {
    std::uint64_t exact = 0, lower = 0, shape = 0, last2 = 0, last3 = 0, tags = 0, listed = 0;   // listed: its class in the lexicon
};

[[nodiscard]] constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

[[nodiscard]] constexpr char shape_of(char32_t c) {
    if (c >= U'a' && c <= U'z') return 'a';
    if (c >= U'A' && c <= U'Z') return 'A';
    if (c >= U'0' && c <= U'9') return '0';
    if (c < 0x80) return static_cast<char>(c);
    return c >= 0x4E00 && c < 0xA000 ? 'h' : 'u';
}

/// Where the characters of `word` begin and the last one ends.
[[nodiscard]] inline std::vector<std::size_t> character_ends(std::string_view word) {
    std::vector<std::size_t> ends{0};
    for (std::size_t at = 0; at < word.size();) ends.push_back(at += next_code_point(word, at).length);
    return ends;
}

class TaggerFeatures {
public:
    explicit TaggerFeatures(const SequenceModel& model) : model_(model) {}

    /// The features of the sentence, in `in`.
    void operator()(std::span<const std::string_view> words, SequenceInput& in) {
        in.clear();
        traits_.assign(words.size() + 4, WordTraits{1, 1, 1, 1, 1, 1, 0});
        bool upper = true;
        for (std::size_t i = 0; i < words.size(); ++i) {
            traits_[i + 2] = traits_of(words[i]);
            for (const char c : words[i]) upper = upper && !(c >= 'a' && c <= 'z');
        }
        for (std::size_t i = 0; i < words.size(); ++i) {
            own_features(words[i], traits_[i + 2], (i == 0 ? 1u : 0u) + (upper ? 2u : 0u), in);
            context_features(&traits_[i + 2], !model_.lexicon.empty(), in);
            in.finish_position(traits_[i + 2].lower);
        }
    }

private:
    [[nodiscard]] WordTraits traits_of(std::string_view word) const {
        WordTraits t;
        t.exact = hash_bytes(word);
        std::uint64_t lower = 0xCBF29CE484222325u, shape = 3;
        for (const char c : word) lower = (lower ^ static_cast<unsigned char>(ascii_lower(c))) * 0x100000001B3u;
        char before = 0;
        for (std::size_t at = 0; at < word.size();) {
            const CodePoint c = next_code_point(word, at);
            const char kind = shape_of(c.value);
            if (kind != before) shape = mix(shape, static_cast<unsigned char>(kind));
            before = kind, at += c.length;
        }
        t.lower = lower, t.shape = shape;
        t.last2 = hash_bytes(word.substr(word.size() - std::min<std::size_t>(word.size(), 2)));
        t.last3 = hash_bytes(word.substr(word.size() - std::min<std::size_t>(word.size(), 3)));
        t.tags = model_.value_of(t.lower);
        t.listed = class_in_lexicon(word);
        if (t.tags == 0) t.tags = t.listed ? mix(t.listed, 9) : mix(t.last2, t.shape);   // a word the dictionary lacks stands for its kind
        return t;
    }

    /// The class of `word`, or that of its longest end that has one, told apart; 0 without.
    [[nodiscard]] std::uint64_t class_in_lexicon(std::string_view word) const {
        if (model_.lexicon.empty()) return 0;
        if (const std::uint8_t kind = model_.lexicon.find(word)) return kind;
        std::size_t tries = 0;
        for (std::size_t at = 0; at < word.size() && tries < longest_end; ++tries) {
            if ((at += next_code_point(word, at).length) >= word.size()) break;
            if (const std::uint8_t kind = model_.lexicon.find(word.substr(at))) return 256u + kind;
        }
        return 0;
    }

    static void own_features(std::string_view word, const WordTraits& t, std::uint64_t place, SequenceInput& in) {
        in.add(0, 0), in.add(1, t.exact), in.add(2, t.lower), in.add(3, mix(t.shape, place)), in.add(4, t.shape);
        const auto ends = character_ends(word);
        const std::size_t n = ends.size() - 1;
        std::string lower(word.substr(0, ends[std::min<std::size_t>(n, 5)]));
        for (char& c : lower) c = ascii_lower(c);
        for (std::size_t k = 1; k <= std::min<std::size_t>(n, 5); ++k) in.add(10 + k, hash_bytes(std::string_view{lower}.substr(0, ends[k])));
        lower = word.substr(ends[n - std::min<std::size_t>(n, 5)]);
        for (char& c : lower) c = ascii_lower(c);
        for (std::size_t k = 1; k <= std::min<std::size_t>(n, 5); ++k)
            in.add(20 + k, hash_bytes(std::string_view{lower}.substr(lower.size() - (word.size() - ends[n - k]))));
        in.add(5, std::min<std::size_t>(n, 8));
        if (word.empty() || static_cast<unsigned char>(word[0]) < 0x80) return;
        for (std::size_t k = 0; k < std::min<std::size_t>(n, 6); ++k) in.add(6, hash_bytes(word.substr(ends[k], ends[k + 1] - ends[k])));
    }

    static void lexicon_features(const WordTraits* t, SequenceInput& in) {
        in.add(70, t->listed), in.add(72, t[1].listed), in.add(73, t[-1].listed), in.add(74, mix(t->listed, t[1].listed));
        in.add(75, mix(t[-1].listed, t->listed)), in.add(76, mix(t->listed, t->tags)), in.add(77, mix(mix(t[-1].listed, t->listed), t[1].listed));
        in.add(78, mix(t->lower, t[1].listed)), in.add(79, mix(t->lower, t[-1].listed));
        in.add(80, mix(t->tags, t[1].listed)), in.add(81, mix(t->tags, t[-1].listed));
    }

    static void context_features(const WordTraits* t, bool lexicon, SequenceInput& in) {
        in.add(30, t[-1].lower), in.add(31, t[1].lower), in.add(32, t[-2].lower), in.add(33, t[2].lower);
        in.add(34, mix(t[-1].lower, t->lower)), in.add(35, mix(t->lower, t[1].lower)), in.add(36, mix(t[-1].lower, t[1].lower));
        in.add(37, t[-1].last3), in.add(38, t[1].last3), in.add(39, t[1].shape), in.add(40, t[-1].shape);
        in.add(41, t->tags), in.add(42, t[1].tags), in.add(43, t[-1].tags), in.add(44, t[2].tags), in.add(55, t[-2].tags);
        in.add(45, mix(t->tags, t[1].tags)), in.add(46, mix(t[-1].tags, t->tags)), in.add(47, mix(t[-1].tags, t[1].tags));
        in.add(48, mix(t[1].tags, t[2].tags)), in.add(49, mix(t[-2].tags, t[-1].tags));
        in.add(50, mix(t->last3, t[1].tags)), in.add(51, mix(t->last3, t[-1].tags)), in.add(52, mix(t->lower, t[1].tags));
        in.add(53, mix(t->lower, t[-1].tags)), in.add(54, mix(mix(t[-1].tags, t->tags), t[1].tags));
        if (lexicon) lexicon_features(t, in);
        in.add(56, mix(t->shape, t[-1].shape)), in.add(57, mix(t->shape, t[1].shape));
        in.add(58, mix(mix(t->tags, t[1].tags), t[2].tags)), in.add(59, mix(mix(t[-2].tags, t[-1].tags), t->tags));
    }

    static constexpr std::size_t longest_end = 8;   // ends that are looked up: time stays linear in the text

    const SequenceModel& model_;
    std::vector<WordTraits> traits_;
};

/// Which sets of tags words have in training but for the sentences of part `without`.
[[nodiscard]] inline WordValues tag_dictionary(std::span<const TaggedSentence> sentences, std::size_t without) {
    std::map<std::uint64_t, std::array<unsigned, 17>> counts;
    for (std::size_t n = 0; n < sentences.size(); ++n)
        for (std::size_t i = 0; n % dictionary_parts != without && i < sentences[n].words.size(); ++i) {
            std::string lower = sentences[n].words[i];
            for (char& c : lower) c = ascii_lower(c);
            ++counts[hash_bytes(lower)][static_cast<std::size_t>(sentences[n].tags[i])];
        }
    WordValues out;
    for (const auto& [hash, by_tag] : counts) {
        const unsigned all = std::accumulate(by_tag.begin(), by_tag.end(), 0u);
        const auto most = static_cast<std::uint64_t>(std::max_element(by_tag.begin(), by_tag.end()) - by_tag.begin());
        std::uint64_t set = most << 20;
        for (std::size_t k = 0; k < 17; ++k)
            if (by_tag[k] * 20 > all) set |= std::uint64_t{1} << k;
        out.emplace_back(hash, static_cast<std::uint16_t>(1 + mix(set, all > 1) % 65535));
    }
    return out;
}

}  // namespace detail

/// Gives each word of a sentence its part of speech.
class Tagger {
public:
    /// Learns from sentences. Throws UsageError if there is none.
    [[nodiscard]] static Tagger train(std::span<const TaggedSentence> sentences, const TaggerOptions& options = {}) {
        if (sentences.empty()) fail<UsageError>("Tagger::train: no sentence; give at least one");
        Tagger tagger;
        tagger.model_.lexicon = options.lexicon;
        detail::TaggerFeatures features(tagger.model_);
        std::vector<detail::SequenceExample> examples(sentences.size());
        for (std::size_t part = 0; part < detail::dictionary_parts; ++part) {
            tagger.model_.set_words(detail::tag_dictionary(sentences, part));
            for (std::size_t i = part; i < sentences.size(); i += detail::dictionary_parts) add_example(features, sentences[i], examples[i]);
        }
        tagger.model_.set_words(detail::tag_dictionary(sentences, detail::dictionary_parts));
        detail::learn_weights(tagger.model_, examples, labels, options);
        return tagger;
    }
    /// The tagger in `bytes`; `where` names them in errors. Throws io::FormatError.
    [[nodiscard]] static Tagger parse(std::string_view bytes, std::string_view where) {
        Tagger tagger;
        tagger.model_ = detail::parse_sequence_model(bytes, where, kind, labels);
        return tagger;
    }
    /// The tagger in the file at `path`. Throws io::FileError, io::FormatError.
    [[nodiscard]] static Tagger load(const std::string& path) { return parse(io::read_file(path), path); }
    [[nodiscard]] std::string bytes() const { return detail::write_sequence_model(model_, kind); }
    /// Writes the file at `path` in one step. Throws io::FileError.
    void save(const std::string& path) const { io::write_atomic(path, bytes()); }

    /// The tags of the words of one sentence.
    [[nodiscard]] std::vector<Upos> operator()(std::span<const std::string_view> words) const {
        detail::SequenceInput input;
        detail::TaggerFeatures{model_}(words, input);
        std::vector<Upos> tags;
        for (const std::uint8_t label : detail::decode(model_.weights, input)) tags.push_back(static_cast<Upos>(label));
        return tags;
    }

private:
    static constexpr std::uint32_t kind = 1;
    static constexpr int labels = 17;
    Tagger() = default;

    static void add_example(detail::TaggerFeatures& features, const TaggedSentence& sentence, detail::SequenceExample& example) {
        features(std::vector<std::string_view>(sentence.words.begin(), sentence.words.end()), example.input);
        for (const Upos tag : sentence.tags) example.labels.push_back(static_cast<std::uint8_t>(tag));
    }

    detail::SequenceModel model_;
};

}  // namespace svad::text
