// SPDX-License-Identifier: Apache-2.0
// How a language model is shown pictures: ids of a text hold a placeholder for every visual token, and the vectors at
// these places are replaced by the visual ones, in order of appearance over the batch. All systems of Table 4 but GVT do so.
#pragma once

#include "svad/ops/embedding.hpp"
#include "svad/ops/layout.hpp"

namespace svad {

/// Words [B, L, D] with the vectors where ids [B, L] are `marker` replaced by features [..., D], row after row; features
/// may be empty. Their numbers must agree, or this is a ShapeError.
[[nodiscard]] inline Var fill_placeholders(const Var& words, const Tensor<std::int32_t>& ids, std::int32_t marker, const Var& features) {
    const auto [B, L, D] = words.sizes<3>("B L D");
    if (ids.shape() != Shape{B, L}) fail<ShapeError>("placeholders: ids ", ids.shape(), " beside words ", words.shape());
    if (features && features.size(-1) != D) fail<ShapeError>("placeholders: features ", features.shape(), " for words of width ", D);
    const Index have = features ? features.numel() / D : 0, marked = std::count(ids.begin(), ids.end(), marker);
    if (have != marked)
        fail<ShapeError>("placeholders: the ids hold ", marked, " placeholders (id ", marker, ") for ", have, " visual tokens; there must be one each");
    if (have == 0) return words;
    Tensor<std::int32_t> rows({B, L});              // of the words, followed by the features
    auto next = static_cast<std::int32_t>(B * L);
    for (Index i = 0; i < rows.numel(); ++i) rows[i] = ids[i] == marker ? next++ : static_cast<std::int32_t>(i);
    return embedding(concat(0, {words.reshape({B * L, D}), features.reshape({have, D})}), rows);
}

/// One id for every visual token of a prompt: `marker` repeated `count` times.
[[nodiscard]] inline std::vector<std::int32_t> placeholders(std::int32_t marker, Index count) {
    return std::vector<std::int32_t>(static_cast<std::size_t>(count), marker);
}

}  // namespace svad
