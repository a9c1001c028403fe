// SPDX-License-Identifier: Apache-2.0
// Learning merges: the rules of the reference trainers on words small enough to count by hand.
#include "svad/text/bpe_trainer.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::text;

namespace {

/// Words of `text`, separated by blanks.
WordCounts words_of(const std::string& text) {
    WordCounts words;
    std::string word;
    for (const char c : text + " ") {
        if (c != ' ') word += c;
        else if (!word.empty()) ++words[std::exchange(word, {})];
    }
    return words;
}

/// The strings that merges made, in the order learnt.
std::vector<std::string> made_by(const TrainedBpe& bpe) {
    std::vector<std::string> made;
    for (const IdPair p : bpe.merges)
        made.push_back(bpe.tokens[static_cast<std::size_t>(p.left)] + bpe.tokens[static_cast<std::size_t>(p.right)]);
    return made;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("train_bpe: the most frequent pair first, the smaller ids on a tie") {
    const TrainedBpe bpe = train_bpe(words_of("hug hug hug pug pun bun hugs hugs"), {.vocabulary = 60});
    CHECK(made_by(bpe) == Strings{"ug", "hug", "un", "hugs", "bun", "pug", "pun"});
    CHECK(bpe.tokens.size() == 14);
    CHECK(Strings(bpe.tokens.begin(), bpe.tokens.begin() + 7) == Strings{"b", "g", "h", "n", "p", "s", "u"});
}

TEST_CASE("train_bpe: overlapping pairs merge from the left") {
    CHECK(made_by(train_bpe(words_of("aaaa aaaaa aa a aaaaaaa"), {.vocabulary = 60})) == Strings{"aa", "aaaa", "aaa", "aaaaa", "aaaaaaa"});
}

TEST_CASE("train_bpe: stops at the vocabulary and at min_frequency") {
    CHECK(made_by(train_bpe(words_of("abab abab abab"), {.vocabulary = 3})) == Strings{"ab"});
    CHECK(train_bpe(words_of("ab cd"), {.min_frequency = 2}).merges.empty());
    CHECK(train_bpe({}, {}).tokens.empty());
}

TEST_CASE("train_bpe: special tokens come first, and a merge that spells one gives its id") {
    const TrainedBpe bpe = train_bpe(words_of("the the the"), {.vocabulary = 60, .special_tokens = {"<pad>", "the"}});
    CHECK(bpe.tokens == Strings{"<pad>", "the", "e", "h", "t", "he"});
    CHECK(made_by(bpe) == Strings{"he", "the"});
    CHECK_THROWS_AS((void)train_bpe({}, {.special_tokens = {"<a>", "<a>"}}), UsageError);
}

TEST_CASE("train_bpe: characters beyond limit_alphabet vanish and their neighbours meet") {
    const TrainedBpe bpe = train_bpe(words_of("axb axb ab"), {.vocabulary = 60, .limit_alphabet = 2});
    CHECK(bpe.tokens == Strings{"a", "b", "ab"});
    CHECK(train_bpe(words_of("ab"), {.alphabet = U"z"}).tokens == Strings{"a", "b", "z", "ab"});
}

TEST_CASE("train_bpe: merges of merges stay below max_token_length, pairs of characters are always made") {
    for (const Index limit : {1, 2, 3, 4, 5}) {
        for (const std::string& one : made_by(train_bpe(words_of("lowest lowest newest"), {.max_token_length = limit})))
            CHECK(static_cast<Index>(one.size()) < std::max<Index>(3, limit));
    }
}

TEST_CASE("train_subword_nmt: the word's last character carries its end, ties go to the larger strings") {
    CHECK(made_by(train_subword_nmt(words_of("hug hug hug pug pun bun hugs hugs"), 40)) ==
          Strings{"hu", "hug</w>", "un</w>", "hug", "hugs</w>"});
    CHECK(made_by(train_subword_nmt(words_of("abab ababab ba baba abba"), 40)) == Strings{"ab", "ba</w>", "aba", "abab</w>"});
    CHECK(train_subword_nmt(words_of("hug hug hug"), 1).merges.size() == 1);
}

TEST_CASE("learn_merges: makes no forbidden string") {
    Strings tokens{"a", "b", "c"};
    const std::vector<IdPair> merges = learn_merges({{{0, 1, 2}, 2}}, tokens, {.vocabulary = 60, .never = {"abc"}});
    CHECK(merges.size() == 1);
    CHECK(tokens == Strings{"a", "b", "c", "ab"});
}

TEST_CASE("learn_merges: merging what was learnt in any word gives the trainer's own words' tokens") {
    Random random{4};
    WordCounts words;
    for (int w = 0; w < 60; ++w) {
        std::string word;
        for (Index n = 1 + random.below(9); n > 0; --n) word += static_cast<char>('a' + random.below(4));
        words[word] += 1 + random.below(5);
    }
    const TrainedBpe bpe = train_bpe(words, {.vocabulary = 1000});
    MergeTable table;
    for (std::size_t rank = 0; rank < bpe.merges.size(); ++rank) {
        const std::string made = made_by(bpe)[rank];
        const auto id = std::find(bpe.tokens.begin(), bpe.tokens.end(), made) - bpe.tokens.begin();
        table.emplace(bpe.merges[rank], Merge{static_cast<std::int32_t>(rank), static_cast<std::int32_t>(id)});
    }
    for (const auto& [word, count] : words) {   // with no limit, every word of the training text ends as one token
        std::vector<std::int32_t> ids;
        for (const char c : word) ids.push_back(c - 'a');
        apply_merges(ids, table);
        CHECK(ids.size() == 1);
        CHECK(bpe.tokens[static_cast<std::size_t>(ids[0])] == word);
    }
}
