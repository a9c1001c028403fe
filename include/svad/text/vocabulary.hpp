// SPDX-License-Identifier: Apache-2.0
// Strings and ids in both directions, as one block of bytes and a flat hash table.
//
// Promise: find() costs one or two cache lines and no allocation; ids may leave gaps; a string or an id given twice is
// an error that names it. Rejected: std::unordered_map<std::string, ...> (a third of the time of encoding).
#pragma once

#include "svad/core/error.hpp"
#include "svad/core/shape.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace svad::text {

/// Hash of bytes: eight at a time, multiplied and folded.
[[nodiscard]] inline std::uint64_t hash_bytes(std::string_view bytes) {
    std::uint64_t h = 0x9E3779B97F4A7C15u ^ (bytes.size() * 0xC2B2AE3D27D4EB4Fu);
    const auto mix = [&](std::uint64_t word) {
        h = (h ^ word) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
    };
    std::uint64_t word = 0;
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
        std::memcpy(&word, bytes.data() + at, 8);
        mix(word);
    }
    if (at < bytes.size()) {
        word = 0;
        std::memcpy(&word, bytes.data() + at, bytes.size() - at);
        mix(word);
    }
    return h;
}

class Vocabulary {
public:
    /// Makes `text` the string of `id` >= 0. Throws FormatError (starting with `where`) if either is taken.
    void add(std::string_view text, std::int32_t id, std::string_view where) {
        if (find(text) >= 0) fail<io::FormatError>(where, ": token '", text, "' has two ids; got ", id, " again");
        if (2 * (count_ + 1) > slots_.size()) grow();
        add_unfound(text, id, where);
        insert(hash_bytes(text), id);
        ++count_;
    }

    /// As add(), but find() does not know it.
    void add_unfound(std::string_view text, std::int32_t id, std::string_view where) {
        const auto i = static_cast<std::size_t>(id);
        if (i >= entries_.size()) entries_.resize(i + 1);
        if (entries_[i].taken) fail<io::FormatError>(where, ": two tokens have one id; got ", id, " again for '", text, "'");
        entries_[i] = {bytes_.size(), static_cast<std::uint32_t>(text.size()), true};
        bytes_ += text;
    }

    /// The id of `text`, or -1.
    [[nodiscard]] std::int32_t find(std::string_view text) const {
        if (slots_.empty()) return -1;
        const std::uint64_t hash = hash_bytes(text);
        for (std::size_t s = hash & (slots_.size() - 1);; s = (s + 1) & (slots_.size() - 1)) {
            const Slot& slot = slots_[s];
            if (slot.id < 0) return -1;
            if (slot.tag == static_cast<std::uint32_t>(hash >> 32) && string(slot.id) == text) return slot.id;
        }
    }

    /// The string of `id`; empty for a gap. `id` must be below size().
    [[nodiscard]] std::string_view string(std::int32_t id) const {
        const Entry& e = entries_[static_cast<std::size_t>(id)];
        return std::string_view{bytes_}.substr(e.begin, e.length);
    }

    /// Whether `id` has a string.
    [[nodiscard]] bool has(std::int32_t id) const { return id >= 0 && static_cast<std::size_t>(id) < entries_.size() && entries_[static_cast<std::size_t>(id)].taken; }

    /// One more than the highest id.
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    /// How many strings there are.
    [[nodiscard]] std::size_t count() const { return count_; }

private:
    struct Entry {
        std::size_t begin = 0;
        std::uint32_t length = 0;
        bool taken = false;
    };
    struct Slot {
        std::uint32_t tag = 0;
        std::int32_t id = -1;
    };

    void insert(std::uint64_t hash, std::int32_t id) {
        std::size_t s = hash & (slots_.size() - 1);
        while (slots_[s].id >= 0) s = (s + 1) & (slots_.size() - 1);
        slots_[s] = {static_cast<std::uint32_t>(hash >> 32), id};
    }

    void grow() {
        std::vector<Slot> old(std::max<std::size_t>(64, slots_.size() * 2));
        old.swap(slots_);
        for (const Slot& slot : old)
            if (slot.id >= 0) insert(hash_bytes(string(slot.id)), slot.id);
    }

    std::string bytes_;
    std::vector<Entry> entries_;
    std::vector<Slot> slots_;
    std::size_t count_ = 0;
};

}  // namespace svad::text
