// SPDX-License-Identifier: Apache-2.0
#include "svad/text/bpe_model.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace svad::text;

namespace {

BpeModel model(BpeRules rules, const std::vector<std::string>& more = {}) {
    std::vector<std::string> tokens{"?", "a", "b", "c", "ab", "bc", "abc"};
    tokens.insert(tokens.end(), more.begin(), more.end());
    Vocabulary words;
    for (std::size_t i = 0; i < tokens.size(); ++i) words.add(tokens[i], static_cast<std::int32_t>(i), "v");
    PairTable merges;
    merges.add({2, 3}, {0, 5});   // b c before a b
    merges.add({1, 2}, {1, 4});
    return {std::move(words), std::move(merges), rules};
}

std::vector<std::pair<int, unsigned>> tokens(const BpeModel& m, std::string_view piece) {
    std::vector<PieceToken> out;
    m.encode(piece, out);
    std::vector<std::pair<int, unsigned>> plain;
    for (const PieceToken& t : out) plain.emplace_back(t.id, t.length);
    return plain;
}
using Tokens = std::vector<std::pair<int, unsigned>>;

}  // namespace

TEST_CASE("BpeModel: the merge of the lowest rank goes first, wherever it is") {
    CHECK(tokens(model({}), "abc") == Tokens{{1, 1}, {5, 2}});
    CHECK(tokens(model({}), "abab") == Tokens{{4, 2}, {4, 2}});
    CHECK(tokens(model({}), "").empty());
}

TEST_CASE("BpeModel: a piece that is a token needs no merges if the file says so") {
    BpeRules rules;
    rules.ignore_merges = true;
    CHECK(tokens(model(rules), "abc") == Tokens{{6, 3}});
    CHECK(tokens(model(rules), "abca") == Tokens{{1, 1}, {5, 2}, {1, 1}});
}

TEST_CASE("BpeModel: unknown characters are dropped, unknown, fused or spelt by bytes") {
    BpeRules rules;
    rules.unk = 0;
    CHECK(tokens(model(rules), "aéé") == Tokens{{1, 1}, {0, 2}, {0, 2}});
    rules.fuse_unk = true;
    CHECK(tokens(model(rules), "aééb") == Tokens{{1, 1}, {0, 4}, {2, 1}});
    rules.byte_fallback = true;
    CHECK(tokens(model(rules, {"<0xC3>", "<0xA9>"}), "aé") == Tokens{{1, 1}, {7, 1}, {8, 1}});
    CHECK(tokens(model(rules, {"<0xC3>"}), "aé") == Tokens{{1, 1}, {0, 2}});
}

TEST_CASE("BpeModel: a second call, and a call to another model, do not see what was kept for the first") {
    BpeRules rules;
    rules.ignore_merges = true;
    const BpeModel first = model({}), second = model(rules);
    for (int i = 0; i < 3; ++i) {
        CHECK(tokens(first, "abc").size() == 2);
        CHECK(tokens(second, "abc").size() == 1);
    }
}
