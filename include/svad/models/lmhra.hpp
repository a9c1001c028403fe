// SPDX-License-Identifier: Apache-2.0
// Local relation aggregation (UniFormerV2, arXiv 2211.09552, section 3.2): patch tokens of neighbouring frames mix
// through a bottleneck, x += up(depthwise over time(down(batch_norm(x)))), before a block's self attention and,
// doubled, before its MLP. `up` starts at zero, so a block starts as the image model it came from.
#pragma once

#include "svad/nn/layers.hpp"

namespace svad {

/// How frame tokens [B * T, 1 + rows * columns, D] are laid out.
struct Grid {
    Index frames = 1;
    Index rows = 0, columns = 0;
    Index patches() const { return rows * columns; }
};

/// Frame tokens [B * T, 1 + N, D] without their class tokens, as clips [B, T, h, w, D].
[[nodiscard]] inline Var clip_of_patches(const Var& tokens, const Grid& grid) {
    const auto [BT, M, D] = tokens.sizes<3>("B*T 1+N D");
    if (M != 1 + grid.patches() || BT % grid.frames != 0)
        fail<ShapeError>("clip_of_patches: ", tokens, " is not [B * ", grid.frames, ", 1 + ", grid.rows, " * ", grid.columns, ", D]");
    return tokens.slice(1, 1, end).reshape({BT / grid.frames, grid.frames, grid.rows, grid.columns, D});
}

/// The inverse: class tokens taken from `tokens`, patches from the clip [B, T, h, w, D].
[[nodiscard]] inline Var with_patches(const Var& tokens, const Var& clip) {
    const Index BT = tokens.size(0), N = tokens.size(1) - 1, D = tokens.size(2);
    return concat(1, {tokens.slice(1, 0, 1), clip.reshape({BT, N, D})});
}

/// Adds what neighbouring frames say to the patch tokens; class tokens pass.
struct Lmhra {
    BatchNorm norm;
    Conv3dLayer down, mix, up;

    Lmhra(Index width, double reduction) : Lmhra(width, static_cast<Index>(static_cast<double>(width) / reduction), 0) {}

    Var operator()(const Var& tokens, const Grid& grid) const {                 // [B * T, 1 + N, D]
        const Var clip = clip_of_patches(tokens, grid).permute({0, 4, 1, 2, 3});            // [B, D, T, h, w]
        const Var y = clip + up(mix(down(norm(clip))));
        return with_patches(tokens, y.permute({0, 2, 3, 4, 1}));
    }

    void visit(auto&& f) { f("norm", norm); f("down", down); f("mix", mix); f("up", up); }

private:
    Lmhra(Index width, Index inner, int)
        : norm(width), down({inner, width, 1, 1, 1}, {}), mix({inner, 1, 3, 1, 1}, {.padding = {1, 0, 0}, .groups = inner}),
          up({width, inner, 1, 1, 1}, {}, Init::zeros()) {}
};

}  // namespace svad
