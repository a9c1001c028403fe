// SPDX-License-Identifier: Apache-2.0
// Strings to numbers by common prefixes: a double-array trie (Aoe 1989) over bytes, one array access a byte.
//
// Promise: building is deterministic and bounded by the bytes of the keys; a walk never leaves the array. Equal keys keep
// the first value. Source: J. Aoe, "An efficient digital search algorithm by using a double-array structure", 1989.
// Rejected: a hash map from node and byte (a hash a step); a table of 256 children a node (memory).
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

/// A fixed set of byte strings, each with a number >= 0.
class ByteTrie {
public:
    ByteTrie() : cells_(257) {}

    /// Keys and values; empty keys are left out.
    explicit ByteTrie(std::vector<std::pair<std::string_view, std::int32_t>> keys) : ByteTrie() {
        std::stable_sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        cells_[0].parent = 0;
        std::vector<Range> queue{{0, 0, keys.size(), 0}};
        for (std::size_t at = 0; at < queue.size(); ++at) place(keys, queue, queue[at]);
    }

    /// The root, where a walk starts.
    static constexpr std::int32_t root = 0;

    /// The node below `node` along `byte`, or -1.
    [[nodiscard]] std::int32_t child(std::int32_t node, unsigned char byte) const {
        const std::int32_t to = cells_[static_cast<std::size_t>(node)].base + byte;
        return cells_[static_cast<std::size_t>(to)].parent == node && to != root ? to : -1;
    }

    /// The number of the key that ends in `node`, or -1.
    [[nodiscard]] std::int32_t value(std::int32_t node) const { return cells_[static_cast<std::size_t>(node)].value; }

    /// The number of `key`, or -1.
    [[nodiscard]] std::int32_t find(std::string_view key) const {
        std::int32_t node = root;
        for (const char c : key)
            if ((node = child(node, static_cast<unsigned char>(c))) < 0) return -1;
        return value(node);
    }

    /// Length of the longest key that `text` starts with, or 0.
    [[nodiscard]] std::size_t longest_prefix(std::string_view text) const {
        std::size_t best = 0;
        std::int32_t node = root;
        for (std::size_t i = 0; i < text.size(); ++i) {
            if ((node = child(node, static_cast<unsigned char>(text[i]))) < 0) break;
            if (value(node) >= 0) best = i + 1;
        }
        return best;
    }

private:
    struct Cell {
        std::int32_t base = 0, parent = -1, value = -1;
    };
    struct Range {
        std::int32_t node;
        std::size_t begin, end, depth;
    };
    using Keys = std::vector<std::pair<std::string_view, std::int32_t>>;

    std::vector<Cell> cells_;
    std::size_t first_ = 1;   // where the search for free cells starts

    bool fits(std::size_t base, const std::vector<unsigned char>& labels) {
        if (base + 256 >= cells_.size()) cells_.resize(base + 512);
        return std::all_of(labels.begin(), labels.end(), [&](unsigned char c) { return cells_[base + c].parent < 0 && base + c != 0; });
    }

    /// The lowest base found within a bounded number of tries at which all labels are free.
    std::size_t free_base(const std::vector<unsigned char>& labels) {
        std::size_t cell = std::max<std::size_t>(first_, labels.front() + 1u), tried = 0, taken = 0;
        const std::size_t start = cell;
        for (;; ++cell) {
            if (cell < cells_.size() && cells_[cell].parent >= 0) {
                ++taken;
                continue;
            }
            if (fits(cell - labels.front(), labels)) break;
            if (++tried >= 256) cell = cells_.size();   // give up on the gaps
        }
        if (taken * 20 >= (cell - start + 1) * 19) first_ = std::max(first_, cell);
        return cell - labels.front();
    }

    void place(const Keys& keys, std::vector<Range>& queue, Range range) {
        std::size_t i = range.begin;
        for (; i < range.end && keys[i].first.size() == range.depth; ++i) {
            std::int32_t& value = cells_[static_cast<std::size_t>(range.node)].value;
            if (range.depth > 0 && value < 0) value = keys[i].second;
        }
        const auto label = [&](std::size_t k) { return static_cast<unsigned char>(keys[k].first[range.depth]); };
        std::vector<unsigned char> labels;
        for (std::size_t k = i; k < range.end; ++k)
            if (labels.empty() || labels.back() != label(k)) labels.push_back(label(k));
        if (labels.empty()) return;
        const std::size_t base = free_base(labels);
        cells_[static_cast<std::size_t>(range.node)].base = static_cast<std::int32_t>(base);
        while (i < range.end) {
            std::size_t end = i;
            while (end < range.end && label(end) == label(i)) ++end;
            const std::size_t to = base + label(i);
            cells_[to].parent = range.node;
            queue.push_back({static_cast<std::int32_t>(to), i, end, range.depth + 1});
            i = end;
        }
    }
};

}  // namespace svad::text
