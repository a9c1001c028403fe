// SPDX-License-Identifier: Apache-2.0
// Qwen2-VL (Wang et al., arXiv 2409.12191): pictures of any size and clips as tubes of two frames; rotary places of rows
// and columns in the tower, of time, rows and columns in the decoder.
#pragma once

#include "svad/models/decoder.hpp"
#include "svad/models/placeholders.hpp"
#include "svad/models/vit.hpp"

#include <array>
#include <numeric>

namespace svad {

struct Qwen2VisionConfig {
    Index width = 1280, depth = 32, heads = 16, hidden = 5120;
    Index channels = 3, patch = 14, frames = 2;     ///< of one tube
    Index merge = 2;                                ///< merge x merge tubes become one visual word
    Index out = 3584;
    Activation activation = Activation::quick_gelu;
};

/// How many tubes a picture or clip has in time, rows and columns.
using Thw = std::array<Index, 3>;

struct Qwen2Vision {
    Qwen2VisionConfig config;
    Parameter patch;                                // [width, 3, frames, patch, patch]; its input comes cut into tubes
    std::vector<VitBlock> blocks;
    LayerNorm norm;
    Linear merge1, merge2;

    explicit Qwen2Vision(const Qwen2VisionConfig& c)
        : config(c), patch(Shape{c.width, c.channels, c.frames, c.patch, c.patch}, Init::normal(0.02)),
          blocks(static_cast<std::size_t>(c.depth), VitBlock({.width = c.width, .depth = c.depth, .heads = c.heads, .hidden = c.hidden,
                                                              .activation = c.activation})),
          norm(c.width, 1e-6), merge1(c.width * c.merge * c.merge, c.width * c.merge * c.merge), merge2(c.width * c.merge * c.merge, c.out) {
        name_parameters(*this);
    }

    /// Tubes [sum of t h w, 3 * frames * patch^2] of pictures whose sizes are `grids`, in the order time, row and column
    /// of the merged cell, row and column in it: to visual words [sum / merge^2, out].
    Var operator()(const Var& tubes, const std::vector<Thw>& grids, std::vector<Var>* layers = nullptr) const {
        const auto [n, width] = tubes.sizes<2>("tubes values");
        Index sum = 0;
        for (const Thw& g : grids) {
            if (g[0] < 1 || g[1] < 1 || g[2] < 1 || g[1] % config.merge != 0 || g[2] % config.merge != 0)
                fail<ShapeError>("qwen2-vl: a grid of ", g[0], " x ", g[1], " x ", g[2], " is not made of cells of ", config.merge, " x ", config.merge);
            sum += g[0] * g[1] * g[2];
        }
        if (sum != n) fail<ShapeError>("qwen2-vl: ", n, " tubes, but the grids hold ", sum);
        const Var embedded = linear(tubes, patch.var().reshape({config.width, width}));
        std::vector<std::vector<Var>> states(static_cast<std::size_t>(config.depth) + 1);
        std::vector<Var> done;
        Index at = 0;
        for (const Thw& g : grids) {                                            // a frame sees itself only
            const Index rows = g[1] * g[2];
            Var x = embedded.slice(0, at, at + g[0] * rows).reshape({g[0], rows, config.width});
            const RopeTable table = turns(g[1], g[2]);
            Tensor<std::int32_t> places({1, rows});
            std::iota(places.begin(), places.end(), 0);
            const AttentionContext context{.rotation = &table, .positions = places};
            states[0].push_back(x.reshape({g[0] * rows, config.width}));
            for (std::size_t i = 0; i < blocks.size(); ++i) {
                const VitBlock& b = blocks[i];
                x = x + b.attn(b.norm1(x), context);
                x = x + b.mlp(b.norm2(x));
                states[i + 1].push_back(x.reshape({g[0] * rows, config.width}));
            }
            done.push_back(states.back().back());
            at += g[0] * rows;
        }
        if (layers)
            for (const auto& parts : states) layers->push_back(parts.size() == 1 ? parts[0] : concat(0, parts));
        const Index cell = config.merge * config.merge;
        const Var merged = norm(done.size() == 1 ? done[0] : concat(0, done)).reshape({n / cell, cell * config.width});
        return merge2(merge1(merged, Activation::gelu));
    }

    void visit(auto&& f) {
        f("patch", patch);
        f("blocks", blocks);
        f("norm", norm);
        f("merge1", merge1);
        f("merge2", merge2);
    }

private:
    // Half of a head's pairs turn by the row, half by the column.
    RopeTable turns(Index rows, Index columns) const {
        const Index pairs = config.width / config.heads / 2, m = config.merge;
        const std::vector<double> frequencies = rope_frequencies(pairs, {});
        RopeTable table{Tensor<float>({rows * columns, pairs}), Tensor<float>({rows * columns, pairs})};
        Index r = 0;
        for (Index y = 0; y < rows; y += m)
            for (Index x = 0; x < columns; x += m)
                for (Index inner = 0; inner < m * m; ++inner, ++r)
                    for (Index i = 0; i < pairs; ++i) {
                        const Index place = i < pairs / 2 ? y + inner / m : x + inner % m;
                        const double angle = static_cast<double>(place) * frequencies[static_cast<std::size_t>(i % (pairs / 2))];
                        table.cos(r, i) = static_cast<float>(std::cos(angle));
                        table.sin(r, i) = static_cast<float>(std::sin(angle));
                    }
        return table;
    }
};

struct Qwen2VlConfig {
    Qwen2VisionConfig vision;
    DecoderConfig decoder;
    std::int32_t image_id = 151655, video_id = 151656;                          ///< the placeholders
};

struct Qwen2Vl {
    Qwen2VlConfig config;
    Qwen2Vision vision;
    Decoder decoder;

    explicit Qwen2Vl(const Qwen2VlConfig& c) : config(c), vision(c.vision), decoder(c.decoder) { name_parameters(*this); }

    /// What the decoder reads: ids [B, L] with their placeholders filled; either kind of features may be empty.
    Var vectors(const Tensor<std::int32_t>& ids, const Var& pictures, const Var& clips) const {
        return fill_placeholders(fill_placeholders(decoder.embed(ids), ids, config.image_id, pictures), ids, config.video_id, clips);
    }

    /// Time, row and column of every token [3, B, L]: words count on; a picture's cells start where the words stopped, and
    /// the next word stands behind the largest of their rows and columns, as transformers 5 has it (before, a clip of more
    /// frames than rows and columns moved it on by its frames). Padding gets `padded`.
    Tensor<std::int32_t> places(const Tensor<std::int32_t>& ids, const KeyMask& keep, const std::vector<Thw>& pictures,
                                const std::vector<Thw>& clips, std::int32_t padded = 0) const {
        const Index B = ids.size(0), L = ids.size(1);
        Tensor<std::int32_t> out({3, B, L});
        std::fill(out.begin(), out.end(), padded);
        std::size_t picture = 0, clip = 0;
        for (Index b = 0; b < B; ++b) {
            Index next = 0;
            for (Index i = 0; i < L;) {
                if (keep.rank() == 2 && !keep(b, i)) { ++i; continue; }
                const bool is_picture = ids(b, i) == config.image_id, is_clip = ids(b, i) == config.video_id;
                if (!is_picture && !is_clip) {
                    for (Index axis = 0; axis < 3; ++axis) out[(axis * B + b) * L + i] = static_cast<std::int32_t>(next);
                    ++i, ++next;
                    continue;
                }
                std::size_t& used = is_picture ? picture : clip;
                const std::vector<Thw>& grids = is_picture ? pictures : clips;
                if (used >= grids.size()) fail<ShapeError>("qwen2-vl: row ", b, " shows more ", is_picture ? "pictures" : "clips", " than the ", grids.size(), " given");
                const Thw g = grids[used++];
                const Index rows = g[1] / config.vision.merge, columns = g[2] / config.vision.merge, cells = g[0] * rows * columns;
                if (i + cells > L) fail<ShapeError>("qwen2-vl: row ", b, " ends within the ", cells, " placeholders of a picture");
                for (Index c = 0; c < cells; ++c) {
                    const std::array<Index, 3> at{c / (rows * columns), c / columns % rows, c % columns};
                    for (Index axis = 0; axis < 3; ++axis) out[(axis * B + b) * L + i + c] = static_cast<std::int32_t>(next + at[static_cast<std::size_t>(axis)]);
                }
                i += cells;
                next += std::max(rows, columns);
            }
        }
        return out;
    }

    void visit(auto&& f) { f("vision", vision); f("decoder", decoder); }
};

}  // namespace svad
