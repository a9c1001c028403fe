// SPDX-License-Identifier: Apache-2.0
// What a model wants around the tokens of a text or of a pair of texts: [CLS] a [SEP] b [SEP], <s> a, ...
//
// Promise: ids and type ids of the post-processors of Hugging Face's tokenizers. All of them are templates here: a list
// of special ids and of the places of the two texts; and an option that takes blanks out of byte ranges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace svad::text {

/// A place of a template: the first text, the second, or an id.
struct TemplateItem {
    enum class What : std::uint8_t { first, second, token } what = What::first;
    std::int32_t id = 0;   ///< of a token
    std::int32_t type = 0;
};

struct PostProcessor {
    std::vector<TemplateItem> single{{}};                                               ///< for one text
    std::vector<TemplateItem> pair{{}, {TemplateItem::What::second, 0, 1}};             ///< for two
    bool trim_offsets = false;       ///< ranges leave out the blanks that tokens of byte-level BPE begin and end with
    bool keeps_prefix = false;       ///< ... but the first blank of the first token, which was put in

    /// How many ids the template adds.
    [[nodiscard]] std::size_t added(bool two) const {
        std::size_t n = 0;
        for (const TemplateItem& item : two ? pair : single) n += item.what == TemplateItem::What::token;
        return n;
    }
};

}  // namespace svad::text
