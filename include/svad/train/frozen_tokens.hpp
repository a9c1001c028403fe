// SPDX-License-Identifier: Apache-2.0
// Frame tokens of a frozen ViT, made once a clip: a training step then begins at GMHRA. They are kept as f16 and rounded to
// it even where there is no room to keep them, so that neither the room nor a resume changes a bit. A picture, or a
// clip whose frames are all the same, is kept as one frame.
#pragma once

#include "svad/autograd/modes.hpp"
#include "svad/data/loader.hpp"
#include "svad/models/video_encoder.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

namespace svad::train {

/// True if nothing of the ViT, nor of what is added to its frames, is trained.
[[nodiscard]] inline bool frozen(const VideoEncoder& encoder) {
    return parameter_count(encoder.vit, Count::trainable) == 0 && (!encoder.temporal || !encoder.temporal->trainable());
}

class FrozenTokens {
public:
    /// Remembers up to `bytes` of the tokens of `encoder`, which must stay where it is and frozen.
    FrozenTokens(const VideoEncoder& encoder, std::uint64_t bytes) : encoder_(encoder), room_(bytes) {
        if (!frozen(encoder)) fail<UsageError>("frozen_tokens: the vit is trained; freeze(model, \"encoder.vit.*\") first");
        if (encoder.config.vit.dropout > 0) fail<UsageError>("frozen_tokens: a vit with dropout gives other tokens every time");
    }

    /// The tokens of every clip of the batch, as encoder.frame_tokens(batch.frames) gives them, rounded to f16.
    VideoEncoder::FrameTokens of(const data::Batch& batch) {
        const Index B = batch.frames.size(0);
        const Grid grid = encoder_.vit.grid(batch.frames);
        VideoEncoder::FrameTokens out{std::vector<Var>(encoder_.gmhra.size()), {}, grid};
        std::vector<Tensor<float>> all;
        for (Index b = 0; b < B; ++b) {
            const Kept kept = tokens(batch, b);
            for (std::size_t i = 0; i < kept.size(); ++i) {
                const Index frames = kept[i].size(0), one = kept[i].numel() / frames;
                if (b == 0) all.push_back(Tensor<float>::uninitialized({B * grid.frames, kept[i].size(1), kept[i].size(2)}));
                float* const to = all[i].data() + b * grid.frames * one;
                for (Index t = 0; t < grid.frames; ++t) {
                    const f16* const from = kept[i].data() + (frames == 1 ? 0 : t) * one;
                    std::transform(from, from + one, to + t * one, [](f16 x) { return static_cast<float>(x); });
                }
            }
        }
        Var like;                                   // where the encoder computes
        for_each_parameter(encoder_, [&](const std::string&, Parameter& p) { if (!like && p.filled()) like = p.var().detach(); });
        for (std::size_t i = 0; i < out.read.size(); ++i) out.read[i] = Var(all[i]).like(like);
        out.last = Var(all.back()).like(like);
        return out;
    }

    std::uint64_t bytes() const { return bytes_; }
    Index clips() const { return static_cast<Index>(kept_.size()); }

private:
    using Kept = std::vector<Tensor<f16>>;          // [frames, 1 + N, D] behind each block that is read, the last block at the end

    Kept tokens(const data::Batch& batch, Index row) {
        const std::string& key = batch.clips.at(static_cast<std::size_t>(row));
        if (const auto hit = kept_.find(key); hit != kept_.end()) return hit->second;
        Kept made = make(batch.frames, row);
        std::uint64_t size = 0;
        for (const auto& t : made) size += static_cast<std::uint64_t>(t.numel()) * sizeof(f16);
        if (bytes_ + size <= room_) kept_.emplace(key, made), bytes_ += size;
        return made;
    }

    Kept make(const Tensor<float>& clips, Index row) const {
        const NoGrad off;
        const Index T = clips.size(1), C = clips.size(2), H = clips.size(3), W = clips.size(4), one = C * H * W;
        const float* const clip = clips.data() + row * T * one;
        bool same = apart();
        for (Index t = 1; t < T && same; ++t) same = std::memcmp(clip, clip + t * one, static_cast<std::size_t>(one) * sizeof(float)) == 0;
        const Index frames = same ? 1 : T;
        const Tensor<float> input({1, frames, C, H, W}, std::vector<float>(clip, clip + frames * one));
        const auto tokens = encoder_.frame_tokens(Var(input));
        Kept made;
        for (const Var& read : tokens.read) made.push_back(read.to<f16>());
        if (encoder_.config.gmhra_after.empty() || encoder_.config.gmhra_after.back() + 1 != encoder_.config.vit.depth)
            made.push_back(tokens.last.to<f16>());
        return made;
    }

    /// True if the ViT looks at every frame by itself and in the same way.
    bool apart() const {
        const VitConfig& c = encoder_.config.vit;
        return !encoder_.temporal && c.time_places == 0 && c.local_mixing == 0 && !c.tubes;
    }

    const VideoEncoder& encoder_;
    std::uint64_t room_, bytes_ = 0;
    std::unordered_map<std::string, Kept> kept_;
};

}  // namespace svad::train
