// SPDX-License-Identifier: Apache-2.0
// From a video file to the encoder's input: T uniformly sampled frames squeezed to S x S, and a batch of such clips as
// normalised floats. The demo's models use this; importers of published models have their own preprocessing
// (video/transform.hpp).
#pragma once

#include "svad/video/reader.hpp"
#include "svad/video/transform.hpp"

namespace svad::video {

/// T frames of a file (or of the part that options.range names), uniformly sampled and squeezed to S x S (antialiased
/// bilinear): [T, S, S, 3].
[[nodiscard]] inline Tensor<std::uint8_t> sampled_frames(const std::string& path, Index frames, Index size, const ReadOptions& options = {}) {
    Tensor<std::uint8_t> out = Tensor<std::uint8_t>::uninitialized({frames, size, size, 3});
    std::optional<detail::Resizer> resizer;
    visit_frames(path, Uniform{.frames = frames}, [&](const ClipInfo&, Index t, const Tensor<std::uint8_t>& image) {
        if (!resizer || !(resizer->image() == image.shape())) resizer.emplace(image.shape(), size, size, Filter::bilinear, Arithmetic::pillow);
        (*resizer)(image.data(), out.data() + t * size * size * 3);
    }, options);
    return out;
}

/// Clips [T, S, S, 3] of bytes as one batch [B, T, 3, S, S], each value (x / 255 - 0.5) / 0.25.
[[nodiscard]] inline Tensor<float> normalized(const std::vector<Tensor<std::uint8_t>>& clips) {
    if (clips.empty()) fail<UsageError>("normalized: no clip was given");
    const Index T = clips[0].size(0), H = clips[0].size(1), W = clips[0].size(2);
    Tensor<float> out = Tensor<float>::uninitialized({static_cast<Index>(clips.size()), T, 3, H, W});
    for (std::size_t b = 0; b < clips.size(); ++b) {
        if (clips[b].shape() != clips[0].shape())
            fail<ShapeError>("normalized: clips ", clips[0].shape(), " and ", clips[b].shape(), " differ");
        for (Index t = 0; t < T; ++t) {
            const std::uint8_t* in = clips[b].data() + t * H * W * 3;
            float* to = out.data() + (static_cast<Index>(b) * T + t) * 3 * H * W;
            for (Index c = 0; c < 3; ++c)
                for (Index i = 0; i < H * W; ++i)
                    to[c * H * W + i] = (static_cast<float>(in[i * 3 + c]) * (1.0f / 255.0f) - 0.5f) * 4.0f;
        }
    }
    return out;
}

}  // namespace svad::video
