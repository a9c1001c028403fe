// SPDX-License-Identifier: Apache-2.0
// The seventeen universal parts of speech (Universal Dependencies 2, "UPOS"), what a tagger gives each word.
// Rejected: the Penn tag set (45 tags, English only): statistics and keywords are the same for every language here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace svad::text {

/// A universal part of speech, in alphabetical order of its name.
enum class Upos : std::uint8_t {
    adj, adp, adv, aux, cconj, det, intj, noun, num, part, pron, propn, punct, sconj, sym, verb, x
};

/// The tags as treebanks write them, in the order of Upos.
inline constexpr std::array<std::string_view, 17> upos_names{"ADJ",  "ADP",   "ADV",   "AUX",   "CCONJ", "DET",
                                                             "INTJ", "NOUN",  "NUM",   "PART",  "PRON",  "PROPN",
                                                             "PUNCT", "SCONJ", "SYM",  "VERB",  "X"};

/// The tag as treebanks write it: "NOUN".
[[nodiscard]] constexpr std::string_view name_of(Upos tag) { return upos_names[static_cast<std::size_t>(tag)]; }

/// The tag called `name`, or nothing.
[[nodiscard]] constexpr std::optional<Upos> parse_upos(std::string_view name) {
    for (std::size_t i = 0; i < upos_names.size(); ++i)
        if (upos_names[i] == name) return static_cast<Upos>(i);
    return std::nullopt;
}

/// A word of a text with its tag: bytes [begin, end).
struct TaggedWord {
    std::size_t begin = 0, end = 0;
    Upos tag = Upos::x;
};

}  // namespace svad::text
