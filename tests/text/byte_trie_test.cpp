// SPDX-License-Identifier: Apache-2.0
#include "svad/core/random.hpp"
#include "svad/text/byte_trie.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

using svad::text::ByteTrie;

TEST_CASE("ByteTrie: finds what a map finds, for random keys of any bytes") {
    svad::Random random{3};
    std::map<std::string, std::int32_t> map;
    for (int i = 0; i < 3000; ++i) {
        std::string key(1 + static_cast<std::size_t>(random.below(5)), 'a');
        for (char& c : key) c = static_cast<char>(random.below(i % 2 ? 256 : 4));
        map.emplace(key, i);
    }
    const ByteTrie trie({map.begin(), map.end()});
    for (const auto& entry : map) {
        CHECK(trie.find(entry.first) == entry.second);
        CHECK(trie.longest_prefix(entry.first) == entry.first.size());
        const std::string longer = entry.first + '\x07';
        CHECK(trie.find(longer) == (map.count(longer) ? map.at(longer) : -1));
    }
    CHECK(trie.find("") == -1);
    CHECK(ByteTrie().longest_prefix("abc") == 0);
}
