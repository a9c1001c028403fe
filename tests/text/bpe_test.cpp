// SPDX-License-Identifier: Apache-2.0
// Learning and applying merges: the reference trainer's small cases, and the heap against the definition.
#include "svad/text/bpe.hpp"

#include "svad/core/random.hpp"
#include "svad/io/file.hpp"
#include "svad/io/json.hpp"
#include "svad/text/unicode.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace svad::text;
namespace io = svad::io;

namespace {

/// Merges of `text`, words separated by blanks, symbols being characters; `tokens` becomes the vocabulary.
std::vector<IdPair> learn(const std::string& text, std::vector<std::string>& tokens, const BpeOptions& options) {
    std::map<std::u32string, std::int64_t> counted;
    std::set<char32_t> alphabet;
    std::u32string word;
    for (const char32_t c : decode_utf8(text + " ")) {
        if (c != ' ') {
            word += c;
            alphabet.insert(c);
        } else if (!word.empty()) {
            ++counted[std::exchange(word, {})];
        }
    }
    std::map<char32_t, std::int32_t> id;
    for (const char32_t c : alphabet) {
        id[c] = static_cast<std::int32_t>(tokens.size());
        append_utf8(tokens.emplace_back(), c);
    }
    std::vector<CountedWord> words;
    for (const auto& [letters, count] : counted) {
        words.push_back({{}, count});
        for (const char32_t c : letters) words.back().ids.push_back(id[c]);
    }
    return learn_merges(std::move(words), tokens, options);
}

/// What the definition says, without a heap.
void merge_slowly(std::vector<std::int32_t>& ids, const MergeTable& table) {
    for (;;) {
        std::size_t best = ids.size();
        for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
            const auto found = table.find({ids[i], ids[i + 1]});
            if (found == table.end()) continue;
            if (best == ids.size() || found->second.rank < table.at({ids[best], ids[best + 1]}).rank) best = i;
        }
        if (best == ids.size()) return;
        ids[best] = table.at({ids[best], ids[best + 1]}).id;
        ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
}

}  // namespace

TEST_CASE("learn_merges: the most frequent pair first, the smaller ids on a tie") {
    std::vector<std::string> tokens;
    const auto merges = learn("hug hug hug pug pun bun hugs hugs", tokens, {.vocabulary = 60});
    const std::vector<std::string> made(tokens.begin() + 7, tokens.end());
    CHECK(made == std::vector<std::string>{"ug", "hug", "un", "hugs", "bun", "pug", "pun"});
    CHECK(merges.size() == 7);
}

TEST_CASE("learn_merges: stops at the vocabulary, at min_frequency, and makes no forbidden string") {
    std::vector<std::string> tokens;
    CHECK(learn("abab abab abab", tokens, {.vocabulary = 3}).size() == 1);
    tokens.clear();
    CHECK(learn("ab cd", tokens, {.vocabulary = 60, .min_frequency = 2}).empty());
    tokens.clear();
    CHECK(learn("abc abc", tokens, {.vocabulary = 60, .never = {"abc"}}).size() == 1);
    tokens.clear();
    CHECK(learn("", tokens, {}).empty());
}

TEST_CASE("apply_merges: the heap gives what the definition gives, for random tables") {
    svad::Random random{9};
    for (int round = 0; round < 200; ++round) {
        MergeTable table;
        for (std::int32_t rank = 0; rank < 12; ++rank) {
            const auto highest = 4 + rank;
            const IdPair pair{static_cast<std::int32_t>(random.below(highest)), static_cast<std::int32_t>(random.below(highest))};
            table.try_emplace(pair, Merge{rank, 4 + rank});
        }
        std::vector<std::int32_t> ids(static_cast<std::size_t>(random.below(40)));
        for (auto& id : ids) id = static_cast<std::int32_t>(random.below(4));
        auto slow = ids;
        apply_merges(ids, table);
        merge_slowly(slow, table);
        CHECK(ids == slow);
    }
}

TEST_CASE("learn_merges: equals Hugging Face's BpeTrainer on its small cases") {
    const char* variable = std::getenv("SVAD_SHARED");
#ifdef SVAD_SHARED
    const std::string root = variable ? variable : SVAD_SHARED;
#else
    const std::string root = variable ? variable : "../shared";
#endif
    const std::string path = root + "/goldens/text/tokenizers/bpe_training/bpe_training.json.gz";
    if (!io::exists(path)) {
        MESSAGE("skipped: no shared goldens");
        return;
    }
    std::string file;
    std::FILE* pipe = ::popen(("gzip -dc '" + path + "'").c_str(), "r");
    char buffer[65536];
    for (std::size_t n = 0; pipe && (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) file.append(buffer, n);
    if (pipe) ::pclose(pipe);
    int compared = 0;
    for (const io::Json& one : io::parse_json(file, "cases")) {
        if (!one["name"].get<std::string>().starts_with("tiny_")) continue;
        CAPTURE(one["name"].get<std::string>());
        std::vector<std::string> tokens;
        const auto merges = learn(one["corpus"][0].get<std::string>(), tokens,
                                  {one["trainer"]["vocab_size"].get<svad::Index>(), one["trainer"]["min_frequency"].get<std::int64_t>()});
        CHECK(tokens == one["vocab"].get<std::vector<std::string>>());
        io::Json got = io::Json::array();
        for (const IdPair pair : merges)
            got.push_back({tokens[static_cast<std::size_t>(pair.left)], tokens[static_cast<std::size_t>(pair.right)]});
        CHECK(got == one["merges"]);
        ++compared;
    }
    CHECK(compared == 18);
}
