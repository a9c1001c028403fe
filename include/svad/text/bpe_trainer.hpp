// SPDX-License-Identifier: Apache-2.0
// Learning the merges of byte pair encoding (Sennrich et al. 2016) from counted words.
//
// Promise: what is learnt is a function of the multiset of words. train_bpe() gives the tokens and merges of Hugging
// Face's BpeTrainer: the most frequent pair wins, a tie goes to the smaller pair of ids, overlapping pairs merge from
// the left, ids go to special tokens, then the alphabet by code point, then merges. train_subword_nmt() gives those of
// subword-nmt's learn_bpe, where a tie goes to the larger pair of strings.
// Rejected: recounting after each merge (quadratic); here a merge touches only the words that hold its pair.
#pragma once

#include "svad/core/error.hpp"
#include "svad/core/shape.hpp"
#include "svad/text/bpe.hpp"
#include "svad/text/unicode.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace svad::text {

/// A word of the training text as ids of symbols, and how often it occurs.
struct CountedWord {
    std::vector<std::int32_t> ids;
    std::int64_t count = 0;
};

/// Which of two equally frequent pairs is merged first.
enum class BpeTies { smaller_ids, larger_strings };

/// When to stop learning merges, and which are not made.
struct BpeOptions {
    Index vocabulary = 1024;             ///< stop when there are so many tokens
    std::int64_t min_frequency = 1;      ///< stop when the best pair is rarer; below 1 counts as 1
    std::vector<std::string> never{};    ///< strings that no merge may make: the spelling of special tokens
    Index max_token_length = 0;          ///< symbols that a merge of merges may not reach; 0: no limit
    std::optional<Index> max_merges{};   ///< stop after so many merges
    BpeTies ties = BpeTies::smaller_ids;
};

namespace detail {

struct PairChange {
    IdPair pair;
    std::int64_t by;
};

/// Replaces `pair` by `id` in `ids` from the left and tells how the counts of the neighbouring pairs change.
inline void merge_word(std::vector<std::int32_t>& ids, IdPair pair, std::int32_t id, std::vector<PairChange>& changes) {
    changes.clear();
    std::size_t out = 0;
    for (std::size_t i = 0; i < ids.size(); ++out) {
        if (i + 1 >= ids.size() || ids[i] != pair.left || ids[i + 1] != pair.right) {
            ids[out] = ids[i++];
            continue;
        }
        if (out > 0) {
            changes.push_back({{ids[out - 1], pair.left}, -1});
            changes.push_back({{ids[out - 1], id}, +1});
        }
        i += 2;
        if (i < ids.size()) {
            changes.push_back({{pair.right, ids[i]}, -1});
            changes.push_back({{id, ids[i]}, +1});
        }
        ids[out] = id;
    }
    ids.resize(out);
}

/// A pair in the trainer's queue with the words that held it when it was put there.
struct QueuedPair {
    std::int64_t count;
    IdPair pair;
    std::vector<std::int32_t> words;
};

/// Whether `a` comes after `b`: rarer, or equally frequent and behind by the rule for ties.
struct LaterPair {
    const std::vector<std::string>* tokens;
    BpeTies ties;

    bool operator()(const QueuedPair& a, const QueuedPair& b) const {
        if (a.count != b.count) return a.count < b.count;
        if (ties == BpeTies::smaller_ids) return a.pair > b.pair;
        const auto strings = [&](IdPair p) {
            return std::pair<std::string_view, std::string_view>{(*tokens)[static_cast<std::size_t>(p.left)],
                                                                 (*tokens)[static_cast<std::size_t>(p.right)]};
        };
        return strings(a.pair) < strings(b.pair);
    }
};

/// Counts of pairs, the words that hold them, and the queue of the best.
class BpeLearner {
public:
    BpeLearner(std::vector<CountedWord> words, std::vector<std::string>& tokens, const BpeOptions& options)
        : words_(std::move(words)), tokens_(tokens), options_(options), queue_(LaterPair{&tokens, options.ties}),
          lengths_(tokens.size(), 1) {
        for (std::size_t i = 0; i < tokens.size(); ++i) id_of_.emplace(tokens[i], static_cast<std::int32_t>(i));
        for (std::size_t w = 0; w < words_.size(); ++w) {
            const std::vector<std::int32_t>& ids = words_[w].ids;
            for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
                counts_[{ids[i], ids[i + 1]}] += words_[w].count;
                where_[{ids[i], ids[i + 1]}].push_back(static_cast<std::int32_t>(w));
            }
        }
        enqueue();
    }

    /// The pairs in the order learnt.
    std::vector<IdPair> learn() {
        std::vector<IdPair> merges;
        while (static_cast<Index>(tokens_.size()) < options_.vocabulary && !queue_.empty() &&
               (!options_.max_merges || static_cast<Index>(merges.size()) < *options_.max_merges)) {
            QueuedPair top = queue_.top();
            queue_.pop();
            if (const std::int64_t now = counts_[top.pair]; now != top.count) {   // out of date: back with today's count
                top.count = now;
                queue_.push(std::move(top));
                continue;
            }
            if (top.count < std::max<std::int64_t>(1, options_.min_frequency)) break;
            if (const std::optional<std::int32_t> id = token_of(top.pair)) {
                merges.push_back(top.pair);
                merge(top, *id);
            }
        }
        return merges;
    }

private:
    /// The token that the pair makes, a new one if need be; nothing if it is forbidden.
    std::optional<std::int32_t> token_of(IdPair pair) {
        const auto left = static_cast<std::size_t>(pair.left), right = static_cast<std::size_t>(pair.right);
        std::string made = tokens_[left] + tokens_[right];
        if (std::find(options_.never.begin(), options_.never.end(), made) != options_.never.end()) return std::nullopt;
        const auto [found, fresh] = id_of_.emplace(made, static_cast<std::int32_t>(tokens_.size()));
        const std::int32_t length = lengths_[left] + lengths_[right];
        if (fresh) {
            tokens_.push_back(std::move(made));
            lengths_.push_back(length);
        }
        lengths_[static_cast<std::size_t>(found->second)] = length;
        return found->second;
    }

    bool too_long(IdPair pair) const {
        const Index length = lengths_[static_cast<std::size_t>(pair.left)] + lengths_[static_cast<std::size_t>(pair.right)];
        return options_.max_token_length > 0 && length >= options_.max_token_length;
    }

    void merge(const QueuedPair& top, std::int32_t id) {
        for (const std::int32_t w : top.words) {
            CountedWord& word = words_[static_cast<std::size_t>(w)];
            merge_word(word.ids, top.pair, id, changes_);
            for (const PairChange& change : changes_) {
                if (change.by > 0 && too_long(change.pair)) continue;   // never counted, so never merged
                counts_[change.pair] += change.by * word.count;
                if (change.by > 0) where_[change.pair].push_back(w);
            }
        }
        enqueue();
    }

    void enqueue() {
        for (auto& [pair, words] : where_) {
            std::sort(words.begin(), words.end());
            words.erase(std::unique(words.begin(), words.end()), words.end());
            if (const std::int64_t count = counts_.at(pair); count > 0) queue_.push({count, pair, std::move(words)});
        }
        where_.clear();
    }

    std::vector<CountedWord> words_;
    std::vector<std::string>& tokens_;
    const BpeOptions& options_;
    std::priority_queue<QueuedPair, std::vector<QueuedPair>, LaterPair> queue_;
    std::vector<std::int32_t> lengths_;   // of every token, in symbols
    std::unordered_map<std::string, std::int32_t> id_of_;
    std::unordered_map<IdPair, std::int64_t, IdPairHash> counts_;
    std::unordered_map<IdPair, std::vector<std::int32_t>, IdPairHash> where_;
    std::vector<PairChange> changes_;
};

}  // namespace detail

/// Learns merges from `words`, appending a token to `tokens` (token strings in id order) for each merge that makes a
/// new string. Returns the pairs in the order learnt. Deterministic.
inline std::vector<IdPair> learn_merges(std::vector<CountedWord> words, std::vector<std::string>& tokens,
                                        const BpeOptions& options) {
    return detail::BpeLearner{std::move(words), tokens, options}.learn();
}

/// Words of a training text and how often each occurs.
using WordCounts = std::map<std::string, std::int64_t, std::less<>>;

/// What train_bpe() learns besides when to stop.
struct BpeTrainerOptions {
    Index vocabulary = 30000;                     ///< tokens at most, special tokens and alphabet included
    std::int64_t min_frequency = 0;               ///< of a pair
    std::vector<std::string> special_tokens{};    ///< get the first ids
    std::u32string alphabet{};                    ///< characters that are tokens even if no word holds them
    std::optional<std::size_t> limit_alphabet{};  ///< keep the most frequent characters; the others vanish from the words
    Index max_token_length = 0;                   ///< characters that a merge of merges may not reach; 0: no limit
};

/// Tokens in id order and the merges as pairs of ids, in the order learnt.
struct TrainedBpe {
    std::vector<std::string> tokens;
    std::vector<IdPair> merges;
};

namespace detail {

/// The characters that become tokens, by code point. `counts`: how often each occurs.
inline std::vector<char32_t> bpe_alphabet(const std::map<char32_t, std::int64_t>& counts, const BpeTrainerOptions& options) {
    std::vector<std::pair<std::int64_t, char32_t>> by_count;
    for (const auto& [c, count] : counts) {
        const bool given = options.alphabet.find(c) != std::u32string::npos;
        by_count.emplace_back(given ? INT64_MAX : count, c);
    }
    std::stable_sort(by_count.begin(), by_count.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    if (options.limit_alphabet && by_count.size() > *options.limit_alphabet) by_count.resize(*options.limit_alphabet);
    std::vector<char32_t> kept;
    for (const auto& [count, c] : by_count) kept.push_back(c);
    std::sort(kept.begin(), kept.end());
    return kept;
}

}  // namespace detail

/// Learns a vocabulary from `words` (valid UTF-8; ill-formed parts count as U+FFFD) as Hugging Face's BpeTrainer does.
/// Throws UsageError if a special token is named twice.
[[nodiscard]] inline TrainedBpe train_bpe(const WordCounts& words, const BpeTrainerOptions& options) {
    TrainedBpe made;
    std::unordered_map<std::string, std::int32_t> id_of;
    for (const std::string& name : options.special_tokens) {
        if (!id_of.emplace(name, static_cast<std::int32_t>(made.tokens.size())).second)
            fail<UsageError>("train_bpe: special token '", name, "' is named twice");
        made.tokens.push_back(name);
    }
    std::map<char32_t, std::int64_t> counts;
    for (const char32_t c : options.alphabet) counts[c] = 0;
    std::vector<std::pair<std::u32string, std::int64_t>> decoded;
    for (const auto& [word, count] : words) {
        decoded.emplace_back(decode_utf8(replace_invalid_utf8(word)), count);
        for (const char32_t c : decoded.back().first) counts[c] += count;
    }
    std::unordered_map<char32_t, std::int32_t> id_of_character;
    for (const char32_t c : detail::bpe_alphabet(counts, options)) {
        std::string token;
        append_utf8(token, c);
        const auto [found, fresh] = id_of.emplace(token, static_cast<std::int32_t>(made.tokens.size()));
        if (fresh) made.tokens.push_back(std::move(token));
        id_of_character.emplace(c, found->second);
    }
    std::vector<CountedWord> counted;
    for (const auto& [word, count] : decoded) {
        counted.push_back({{}, count});
        for (const char32_t c : word)
            if (const auto found = id_of_character.find(c); found != id_of_character.end()) counted.back().ids.push_back(found->second);
    }
    const BpeOptions when{.vocabulary = options.vocabulary, .min_frequency = options.min_frequency,
                          .max_token_length = options.max_token_length};
    made.merges = learn_merges(std::move(counted), made.tokens, when);
    return made;
}

/// Learns `merges` merges at most as subword-nmt's learn_bpe does: the last character of a word carries "</w>".
[[nodiscard]] inline TrainedBpe train_subword_nmt(const WordCounts& words, Index merges, std::int64_t min_frequency = 2) {
    TrainedBpe made;
    std::unordered_map<std::string, std::int32_t> id_of;
    std::vector<CountedWord> counted;
    for (const auto& [word, count] : words) {
        counted.push_back({{}, count});
        for (std::size_t at = 0; at < word.size();) {
            const std::size_t length = next_code_point(word, at).length;
            std::string symbol = word.substr(at, length);
            at += length;
            if (at == word.size()) symbol += "</w>";
            const auto [found, fresh] = id_of.emplace(symbol, static_cast<std::int32_t>(made.tokens.size()));
            if (fresh) made.tokens.push_back(std::move(symbol));
            counted.back().ids.push_back(found->second);
        }
    }
    const BpeOptions when{.vocabulary = INT32_MAX, .min_frequency = min_frequency, .max_merges = merges,
                          .ties = BpeTies::larger_strings};
    made.merges = learn_merges(std::move(counted), made.tokens, when);
    return made;
}

}  // namespace svad::text
