// SPDX-License-Identifier: Apache-2.0
// To which length a tokenizer.json wants ids cut and filled up.
//
// Promise: the lengths, sides and errors of Hugging Face's tokenizers. Its `stride` says how much the pieces that were
// cut off share with their neighbours; they are not kept here, so it changes no id. Rejected: cutting token by token
// from the longer text, which gives other lengths where both are cut by an odd number.
#pragma once

#include "svad/core/error.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace svad::text {

/// Which of two texts is cut.
enum class CutStrategy : std::uint8_t { longest_first, only_first, only_second };

/// To cut encodings.
struct Truncation {
    std::size_t length = 0;   ///< of all ids, special tokens included
    CutStrategy strategy = CutStrategy::longest_first;
    bool left = false;        ///< the ids at the start go
};

/// To fill up encodings: to a fixed length, or to the longest of a batch.
struct Padding {
    std::optional<std::size_t> length = {};
    std::size_t multiple_of = 0;   ///< the length is rounded up to a multiple of this; 0: not
    std::int32_t id = 0, type = 0;
    bool left = false;

    /// Length of an encoding of `n` ids when it is filled up on its own.
    [[nodiscard]] std::size_t filled(std::size_t n) const {
        std::size_t to = length.value_or(n);
        if (multiple_of > 0) to = (to + multiple_of - 1) / multiple_of * multiple_of;
        return std::max(to, n);
    }
};

/// How many of `first` and `second` ids stay (`two`: there is a second text) when `added` special ones come to them.
/// Throws UsageError where the text that may be cut is missing or not long enough.
[[nodiscard]] inline std::pair<std::size_t, std::size_t> kept_lengths(const Truncation& rule, std::size_t first, std::size_t second,
                                                                     bool two, std::size_t added) {
    const std::size_t room = rule.length > added ? rule.length - added : 0;
    if (room == 0) return {0, 0};
    if (first + second <= room) return {first, second};
    const std::size_t over = first + second - room;
    if (rule.strategy != CutStrategy::longest_first) {
        const bool is_first = rule.strategy == CutStrategy::only_first;
        if (!is_first && !two) fail<UsageError>("tokenizer: only the second text may be cut, and there is none");
        std::size_t& cut = is_first ? first : second;
        if (cut <= over)
            fail<UsageError>("tokenizer: the ", is_first ? "first" : "second", " text may be cut and has ", cut, " ids; ", over, " are too many");
        cut -= over;
        return {first, second};
    }
    if (!two) return {room, 0};
    std::size_t shorter = std::min(first, second), longer = shorter > room ? shorter : std::max(shorter, room - shorter);
    if (shorter + longer > room) {
        shorter = room / 2;
        longer = room - shorter;
    }
    return first > second ? std::pair{longer, shorter} : std::pair{shorter, longer};
}

}  // namespace svad::text
