// SPDX-License-Identifier: Apache-2.0
// Numbers for words and for n-grams of them, for corpora of millions: flat tables without an allocation an entry.
//
// Promise: equal words have equal numbers, counted from 0 in order of appearance; an n-gram is the number of its first
// n - 1 words' n-gram with one more word, so a table of pairs holds all orders. Memory grows with what is distinct.
// Rejected: std::unordered_map<std::string, ...> (an allocation a word), arrays of four numbers as keys (twice the memory).
#pragma once

#include "svad/core/error.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::metrics {

/// Words by number.
class WordTable {
public:
    /// The number of `word`; a new word gets the next one.
    std::uint32_t add(std::string_view word) {
        if (2 * (size() + 1) > slots_.size()) grow();
        const std::size_t hash = std::hash<std::string_view>{}(word);
        for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
            Slot& slot = slots_[at];
            if (slot.number == none) {
                if (size() >= none) fail<UsageError>("scores: more than ", none, " different words");
                slot = {static_cast<std::uint32_t>(size()), static_cast<std::uint32_t>(hash >> 32)};
                letters_ += word;
                ends_.push_back(letters_.size());
                hashes_.push_back(hash);
                return slot.number;
            }
            if (slot.tag == static_cast<std::uint32_t>(hash >> 32) && (*this)[slot.number] == word) return slot.number;
        }
    }

    /// Number of different words.
    [[nodiscard]] std::size_t size() const { return hashes_.size(); }

    [[nodiscard]] std::string_view operator[](std::uint32_t number) const {
        const std::size_t begin = number == 0 ? 0 : ends_[number - 1];
        return std::string_view{letters_}.substr(begin, ends_[number] - begin);
    }

private:
    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

    struct Slot {
        std::uint32_t number = none, tag = 0;
    };

    void grow() {
        slots_.assign(std::max<std::size_t>(1024, slots_.size() * 2), {});
        for (std::size_t i = 0; i < hashes_.size(); ++i) {
            std::size_t at = hashes_[i] & (slots_.size() - 1);
            while (slots_[at].number != none) at = (at + 1) & (slots_.size() - 1);
            slots_[at] = {static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(hashes_[i] >> 32)};
        }
    }

    std::vector<Slot> slots_;
    std::string letters_;
    std::vector<std::size_t> ends_, hashes_;
};

/// Number of an n-gram, of which the two lowest bits are its order less one, and how often a sentence has it.
struct GramCount {
    std::uint32_t gram = 0, count = 0;

    [[nodiscard]] std::size_t order() const { return gram & 3; }
    [[nodiscard]] std::size_t index() const { return gram >> 2; }
};

/// N-grams of 1 to 4 words by number, counted a sentence at a time.
class GramTable {
public:
    /// Appends the n-grams of `words` with their counts to `out`, each once. One order after the other, so that all
    /// slots of an order are asked for before the first is needed: most of the time is waiting for memory.
    void count(std::span<const std::uint32_t> words, std::vector<GramCount>& out) {
        ++sentence_;
        const std::size_t first = out.size();
        prefixes_.assign(words.size(), 0);
        for (std::size_t n = 0; n < 4 && n < words.size(); ++n) {
            const std::size_t grams = words.size() - n;
            if (2 * (size_ + grams) > slots_.size()) grow(grams);
            for (std::size_t i = 0; i < grams; ++i) {
                prefixes_[i] = prefixes_[i] << 32 | words[i + n];
                __builtin_prefetch(&slots_[hash(prefixes_[i]) & (slots_.size() - 1)], 1);
            }
            for (std::size_t i = 0; i < grams; ++i) {
                Slot& slot = find(prefixes_[i]);
                if (slot.sentence == sentence_) {
                    ++out[first + slot.place].count;
                } else {
                    slot.sentence = sentence_;
                    slot.place = static_cast<std::uint32_t>(out.size() - first);
                    out.push_back({slot.number << 2 | static_cast<std::uint32_t>(n), 1});
                }
                prefixes_[i] = slot.number + std::uint64_t{1};
            }
        }
    }

    /// Number of different n-grams.
    [[nodiscard]] std::size_t size() const { return size_; }

private:
    struct Slot {
        std::uint64_t key = none;                          // number of the prefix + 1 (0: none), word
        std::uint32_t number = 0, sentence = 0, place = 0;   // place in the list of the last sentence that has it
    };

    static constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();

    static std::size_t hash(std::uint64_t key) {
        key *= 0x9E3779B97F4A7C15u;
        return static_cast<std::size_t>((key ^ (key >> 29)) * 0xBF58476D1CE4E5B9u >> 20);
    }

    /// The slot of `key`, made where it is new; there is room.
    Slot& find(std::uint64_t key) {
        std::size_t at = hash(key) & (slots_.size() - 1);
        while (slots_[at].key != key && slots_[at].key != none) at = (at + 1) & (slots_.size() - 1);
        if (slots_[at].key == none) {
            if (size_ >= (std::size_t{1} << 30) - 1) fail<UsageError>("scores: more than 2^30 different n-grams");
            slots_[at].key = key;
            slots_[at].number = static_cast<std::uint32_t>(size_++);
        }
        return slots_[at];
    }

    /// Makes room for `more` n-grams.
    void grow(std::size_t more) {
        std::vector<Slot> old = std::move(slots_);
        std::size_t size = std::max<std::size_t>(4096, old.size() * 2);
        while (size < 2 * (size_ + more)) size *= 2;
        slots_.assign(size, {});
        for (const Slot& slot : old) {
            if (slot.key == none) continue;
            std::size_t at = hash(slot.key) & (slots_.size() - 1);
            while (slots_[at].key != none) at = (at + 1) & (slots_.size() - 1);
            slots_[at] = slot;
        }
    }

    std::vector<Slot> slots_;
    std::vector<std::uint64_t> prefixes_;
    std::size_t size_ = 0;
    std::uint32_t sentence_ = 0;
};

}  // namespace svad::metrics
