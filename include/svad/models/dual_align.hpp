// SPDX-License-Identifier: Apache-2.0
// Dual visual alignment (paper eq 7 and 11): one shared Q-Former, two affine maps into the space of words, chosen by
// the data set a clip comes from. Clips of the primary set and all inference go through the primary one.
#pragma once

#include "svad/nn/layers.hpp"

namespace svad {

/// Where a clip comes from.
enum class Branch { primary, auxiliary };

struct DualAlign {
    Linear primary;
    std::optional<Linear> auxiliary;                // without it both branches share the primary map

    DualAlign(Index width, Index word_width, bool dual = true, Init rule = Init::normal(0.02))
        : primary(width, word_width, {.weight = rule}) {
        if (dual) auxiliary.emplace(width, word_width, LinearOptions{.weight = rule});
    }

    /// Queries [B, Q, W] to word space [B, Q, D].
    Var operator()(const Var& queries, Branch branch) const {
        return branch == Branch::primary || !auxiliary ? primary(queries) : (*auxiliary)(queries);
    }

    /// A mixed batch: the first `primary_rows` clips are of the primary set, the others auxiliary.
    Var operator()(const Var& queries, Index primary_rows) const {
        const Index B = queries.size(0);
        if (primary_rows >= B || !auxiliary) return primary(queries);
        if (primary_rows <= 0) return (*auxiliary)(queries);
        return concat(0, {primary(queries.slice(0, 0, primary_rows)), (*auxiliary)(queries.slice(0, primary_rows, B))});
    }

    void visit(auto&& f) { f("primary", primary); f("auxiliary", auxiliary); }
};

}  // namespace svad
