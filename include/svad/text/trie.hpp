// SPDX-License-Identifier: Apache-2.0
// A trie over bytes: all entries that a text begins with, in one walk.
//
// Promise: each_prefix() takes a step a byte and stops where no entry goes on. A node's children lie together, found by
// a table of 256 at the root and by binary search below, so a vocabulary of 100,000 entries takes a few megabytes.
// Rejected: a node of 256 pointers (2 kB each); a map a node (an allocation and a cache line a child).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

class Trie {
public:
    /// Enters `text`, not empty, with `value` >= 0; of equal texts the last one counts.
    void add(std::string_view text, std::int32_t value) {
        entries_.emplace_back(text, value);
        built_ = false;
    }

    /// Calls f(length, value) for every entry that `text` begins with, the shortest first. build() comes before.
    template <class F>
    void each_prefix(std::string_view text, F f) const {
        if (text.empty() || nodes_.empty()) return;
        std::int32_t node = root_[static_cast<unsigned char>(text[0])];
        for (std::size_t depth = 1; node >= 0; ++depth) {
            const Node& here = nodes_[static_cast<std::size_t>(node)];
            if (here.value >= 0) f(depth, here.value);
            if (depth == text.size()) return;
            node = child(here, static_cast<unsigned char>(text[depth]));
        }
    }

    /// Length and value of the longest entry that `text` begins with; {0, -1} if there is none.
    [[nodiscard]] std::pair<std::size_t, std::int32_t> longest(std::string_view text) const {
        std::pair<std::size_t, std::int32_t> found{0, -1};
        each_prefix(text, [&](std::size_t length, std::int32_t value) { found = {length, value}; });
        return found;
    }

    [[nodiscard]] bool empty() const { return entries_.empty(); }

    /// Lays out the nodes. To be called once after the last add().
    void build() {
        if (std::exchange(built_, true)) return;
        std::stable_sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        nodes_.clear();
        root_.fill(-1);
        // Breadth first, so that the children of a node lie in a row.
        struct Work {
            std::size_t begin, end, depth;
            std::int32_t node;
        };
        std::vector<Work> work;
        lay_out(0, entries_.size(), 0, [&](unsigned char byte, std::size_t begin, std::size_t end) {
            root_[byte] = static_cast<std::int32_t>(nodes_.size());
            work.push_back({begin, end, 1, root_[byte]});
            nodes_.push_back({byte, 0, -1, 0});
        });
        for (std::size_t w = 0; w < work.size(); ++w) {
            Work now = work[w];
            while (now.begin < now.end && entries_[now.begin].first.size() == now.depth)
                nodes_[static_cast<std::size_t>(now.node)].value = entries_[now.begin++].second;
            nodes_[static_cast<std::size_t>(now.node)].children = static_cast<std::int32_t>(nodes_.size());
            lay_out(now.begin, now.end, now.depth, [&](unsigned char byte, std::size_t begin, std::size_t end) {
                ++nodes_[static_cast<std::size_t>(now.node)].count;
                work.push_back({begin, end, now.depth + 1, static_cast<std::int32_t>(nodes_.size())});
                nodes_.push_back({byte, 0, -1, 0});
            });
        }
    }

private:
    struct Node {
        unsigned char byte = 0;
        std::uint16_t count = 0;   // of children
        std::int32_t value = -1;
        std::int32_t children = 0;
    };

    /// Calls f(byte, begin, end) for the groups of entries [begin, end) that agree in the byte at `depth`.
    template <class F>
    void lay_out(std::size_t begin, std::size_t end, std::size_t depth, F f) const {
        for (std::size_t i = begin; i < end;) {
            const char byte = entries_[i].first[depth];
            std::size_t stop = i;
            while (stop < end && entries_[stop].first[depth] == byte) ++stop;
            f(static_cast<unsigned char>(byte), i, stop);
            i = stop;
        }
    }

    [[nodiscard]] std::int32_t child(const Node& node, unsigned char byte) const {
        const auto first = nodes_.begin() + node.children, last = first + node.count;
        const auto found = std::lower_bound(first, last, byte, [](const Node& n, unsigned char b) { return n.byte < b; });
        return found != last && found->byte == byte ? static_cast<std::int32_t>(found - nodes_.begin()) : -1;
    }

    std::vector<std::pair<std::string, std::int32_t>> entries_;
    std::vector<Node> nodes_;
    std::array<std::int32_t, 256> root_{};
    bool built_ = false;
};

}  // namespace svad::text
