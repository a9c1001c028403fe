// SPDX-License-Identifier: Apache-2.0
// Distinct words and n-grams of a corpus, counted exactly in one pass: words become numbers, and an n-gram is the pair
// (number of its first n-1 words, number of its last word), which has a number itself.
//
// Promise: no n-gram is taken for another (pairs are compared, not hashes); a table holds 16 bytes a type at a load of
// at most 3/4, so a corpus of w words needs less than 200 w bytes whatever it holds.
// Rejected: a hash map from strings of words to counts (4 times slower, bench/stats.cpp), hashes alone (wrong by
// chance), sorting all n-grams at the end (no curve of how the types grow).
#pragma once

#include "svad/core/error.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace svad::data {

namespace detail {

inline std::uint64_t stirred(std::uint64_t x) {   // the finalizer of MurmurHash3
    x = (x ^ (x >> 33)) * 0xFF51AFD7ED558CCDu;
    x = (x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53u;
    return x ^ (x >> 33);
}

/// An address that differs from run to run where programs are placed at random: texts cannot be written to collide.
inline std::uint64_t hash_seed() {
    static const char place = 0;
    return stirred(reinterpret_cast<std::uintptr_t>(&place));
}

inline std::uint64_t hash_of(std::string_view text, std::uint64_t seed) {
    std::uint64_t h = seed ^ text.size();
    for (std::size_t i = 0; i < text.size(); i += 8) {
        std::uint64_t eight = 0;
        std::memcpy(&eight, text.data() + i, std::min<std::size_t>(8, text.size() - i));
        h = stirred(h ^ eight) + seed;
    }
    return h;
}

}  // namespace detail

/// Strings to numbers 0, 1, 2, ... in order of first appearance, and back.
class WordIds {
public:
    /// The number of `word`, a new one if it was never seen.
    std::uint32_t operator()(std::string_view word) {
        if (4 * (size() + 1) > 3 * slots_.size()) grow();
        const std::uint64_t h = detail::hash_of(word, seed_);
        for (std::size_t at = h & mask();; at = (at + 1) & mask()) {
            Slot& slot = slots_[at];
            if (slot.number == 0) return insert(slot, word, h);
            if (slot.hash == static_cast<std::uint32_t>(h >> 32) && (*this)[slot.number - 1] == word) return slot.number - 1;
        }
    }

    [[nodiscard]] std::size_t size() const { return ends_.size() - 1; }
    /// The word with this number; valid until the next new word.
    [[nodiscard]] std::string_view operator[](std::uint32_t id) const {
        return std::string_view{letters_}.substr(ends_[id], ends_[id + 1] - ends_[id]);
    }

private:
    struct Slot {
        std::uint32_t hash = 0, number = 0;   // number: id + 1; 0 is empty
    };

    std::size_t mask() const { return slots_.size() - 1; }

    std::uint32_t insert(Slot& slot, std::string_view word, std::uint64_t h) {
        if (size() >= 0xFFFFFFF0u) fail<UsageError>("word ids: more than ", size(), " distinct words");
        letters_ += word;
        ends_.push_back(letters_.size());
        slot = {static_cast<std::uint32_t>(h >> 32), static_cast<std::uint32_t>(size())};
        return slot.number - 1;
    }

    void grow() {
        std::vector<Slot> old(std::max<std::size_t>(64, 2 * slots_.size()));
        old.swap(slots_);
        for (const Slot& s : old) {
            if (s.number == 0) continue;
            std::size_t at = detail::hash_of((*this)[s.number - 1], seed_) & mask();
            while (slots_[at].number != 0) at = (at + 1) & mask();
            slots_[at] = s;
        }
    }

    std::vector<Slot> slots_;
    std::vector<std::size_t> ends_{0};
    std::string letters_;
    std::uint64_t seed_ = detail::hash_seed();
};

/// Pairs of numbers to numbers 0, 1, 2, ..., each with a mark for its user, 0 at first.
class PairIds {
public:
    struct Entry {
        std::uint64_t key = 0;   // the pair, plus one; 0 is empty
        std::uint32_t id = 0, mark = 0;
    };

    /// The entry of (first, second); valid until the next call. `first` < 2^32 - 1.
    Entry& operator()(std::uint32_t first, std::uint32_t second) {
        if (4 * (size_ + 1) > 3 * entries_.size()) grow();
        const std::uint64_t key = (static_cast<std::uint64_t>(first) << 32 | second) + 1;
        Entry& entry = entries_[find(key)];
        if (entry.key == 0) {
            if (size_ >= 0xFFFFFFF0u) fail<UsageError>("pair ids: more than ", size_, " distinct pairs");
            entry = {key, static_cast<std::uint32_t>(size_++), 0};
        }
        return entry;
    }

    [[nodiscard]] std::size_t size() const { return size_; }

private:
    std::size_t find(std::uint64_t key) const {
        const std::size_t mask = entries_.size() - 1;
        std::size_t at = detail::stirred(key ^ seed_) & mask;
        while (entries_[at].key != 0 && entries_[at].key != key) at = (at + 1) & mask;
        return at;
    }

    void grow() {
        std::vector<Entry> old(std::max<std::size_t>(64, 2 * entries_.size()));
        old.swap(entries_);
        for (const Entry& e : old)
            if (e.key != 0) entries_[find(e.key)] = e;
    }

    std::vector<Entry> entries_;
    std::size_t size_ = 0;
    std::uint64_t seed_ = detail::hash_seed();
};

/// What is known of the n-grams of one length.
struct NgramCounts {
    std::uint64_t tokens = 0;              ///< n-grams, each occurrence
    std::uint64_t types = 0;               ///< distinct ones
    std::uint64_t once = 0;                ///< types that occur once in all
    std::uint64_t in_one_annotation = 0;   ///< types that occur in one annotation only, however often
    std::uint64_t distinct_within = 0;     ///< sum over annotations of the types in each

    friend bool operator==(const NgramCounts&, const NgramCounts&) = default;
};

/// The n-grams of n = 1..4 of a corpus, annotation by annotation.
class NgramTypes {
public:
    static constexpr std::size_t longest = 4;

    /// Counts one annotation: its words as numbers from WordIds. N-grams do not reach from one to the next.
    void add(std::span<const std::uint32_t> words) {
        if (annotations_ >= most_annotations) fail<UsageError>("n-gram types: more than ", annotations_, " annotations");
        ++annotations_;
        for (std::size_t start = 0; start < words.size(); ++start) {
            std::uint32_t prefix = 0;
            for (std::size_t n = 0; n < longest && start + n < words.size(); ++n)
                prefix = count(counts_[n], tables_[n](prefix, words[start + n]));
        }
    }

    /// The counts of n = 1..4, at [n - 1].
    [[nodiscard]] const std::array<NgramCounts, longest>& counts() const { return counts_; }

private:
    // A mark is the number of the last annotation with this type, from 1, and two flags below it.
    static constexpr std::uint32_t repeated = 1, elsewhere = 2, step = 4, most_annotations = 0xFFFFFFFFu / step;

    std::uint32_t count(NgramCounts& counts, PairIds::Entry& entry) {
        ++counts.tokens;
        const std::uint32_t last = entry.mark / step;
        std::uint32_t flags = entry.mark % step;
        if (last == 0) {
            ++counts.types, ++counts.once, ++counts.in_one_annotation, ++counts.distinct_within;
        } else {
            counts.once -= (flags & repeated) == 0;
            flags |= repeated;
            if (last != annotations_) {
                ++counts.distinct_within;
                counts.in_one_annotation -= (flags & elsewhere) == 0;
                flags |= elsewhere;
            }
        }
        entry.mark = annotations_ * step + flags;
        return entry.id;
    }

    std::array<PairIds, longest> tables_;
    std::array<NgramCounts, longest> counts_{};
    std::uint32_t annotations_ = 0;
};

}  // namespace svad::data
