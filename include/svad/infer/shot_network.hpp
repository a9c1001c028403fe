// SPDX-License-Identifier: Apache-2.0
// TransNet V2 over a whole video: a value that takes its small frames one by one and gives two probabilities a frame.
//
// Promise: the published inference: windows of 100 frames, 50 apart, the middle 50 of each count; the first frame is
// repeated 25 times before the video, the last one behind it. One window is in memory, whatever the length;
// a frame's figures come at most 75 frames after it, or with finish().
#pragma once

#include "svad/io/pytorch.hpp"
#include "svad/models/names.hpp"
#include "svad/models/transnet_v2.hpp"
#include "svad/video/shots.hpp"

#include <cmath>
#include <string>
#include <vector>

namespace svad::infer {

/// A frame's probabilities: that it is the one of a transition, and that it is in one.
struct ShotEvidence {
    float single = 0, many = 0;
};

/// The published weights: TransNetV2 from a .pth or .safetensors file. Throws FileError or FormatError.
[[nodiscard]] inline TransNetV2 load_transnet(const std::string& path) {
    TransNetV2 model;
    const bool pytorch = path.ends_with(".pth") || path.ends_with(".pt");
    load(model, pytorch ? io::open_pytorch(path) : io::open_weights(path), names::transnet_v2());
    return model;
}

/// Takes the frames of one video in order. The model must outlive it.
class ShotNetwork {
public:
    explicit ShotNetwork(const TransNetV2& model)
        : model_{model}, window_{Shape{1, length, model.config.height, model.config.width, 3}} {}

    /// Takes the next frame [height, width, 3] (RGB); gives the figures of the frames that it completes, in order.
    std::vector<ShotEvidence> next(const Tensor<std::uint8_t>& frame) {
        const Shape want{model_.config.height, model_.config.width, 3};
        if (frame.shape() != want) fail<ShapeError>("shots: the network's frames should be ", want, "; got ", frame.shape());
        if (frames_ == 0)
            for (Index i = 0; i < margin; ++i) (void)append(frame);
        ++frames_;
        last_ = frame.clone();
        return append(frame);
    }

    /// Ends the video: the figures of all frames that are still to come.
    std::vector<ShotEvidence> finish() {
        std::vector<ShotEvidence> rest;
        const Index missing = frames_ - told_;
        while (static_cast<Index>(rest.size()) < missing) {
            const std::vector<ShotEvidence> more = append(last_);
            rest.insert(rest.end(), more.begin(), more.end());
        }
        rest.resize(static_cast<std::size_t>(missing));
        return rest;
    }

private:
    static constexpr Index length = 100, margin = 25, step = length - 2 * margin;

    std::vector<ShotEvidence> append(const Tensor<std::uint8_t>& frame) {
        const Index size = frame.numel();
        std::copy(frame.begin(), frame.end(), window_.data() + filled_ * size);
        if (++filled_ < length) return {};
        const NoGrad off;
        const TransNetLogits logits = model_(window_);
        const Tensor<float> single = logits.single.to<float>(), many = logits.many.to<float>();
        const auto probability = [](float x) { return 1.0f / (1.0f + std::exp(-x)); };
        std::vector<ShotEvidence> out;
        for (Index i = margin; i < margin + step; ++i) out.push_back({probability(single[i]), probability(many[i])});
        std::copy(window_.data() + step * size, window_.data() + length * size, window_.data());
        filled_ = length - step;
        told_ += step;
        return out;
    }

    const TransNetV2& model_;
    Tensor<std::uint8_t> window_, last_;
    Index filled_ = 0, frames_ = 0, told_ = 0;
};

/// The figures of all frames [T, height, width, 3] of a video.
[[nodiscard]] inline std::vector<ShotEvidence> shot_evidence(const TransNetV2& model, const Tensor<std::uint8_t>& frames) {
    ShotNetwork network{model};
    std::vector<ShotEvidence> all;
    const auto keep = [&](const std::vector<ShotEvidence>& more) { all.insert(all.end(), more.begin(), more.end()); };
    for (Index t = 0; t < frames.size(0); ++t) keep(network.next(frames.slice(t)));
    keep(network.finish());
    return all;
}

/// The published rule: a shot ends with the first frame above the threshold and the next starts behind the last such
/// frame; frames within a transition belong to the shot before only where it begins.
[[nodiscard]] inline std::vector<video::Shot> shots_of(const std::vector<ShotEvidence>& evidence, float threshold = 0.5f) {
    std::vector<video::Shot> shots;
    const auto frames = static_cast<Index>(evidence.size());
    Index start = 0;
    bool before = false;
    for (Index i = 0; i < frames; ++i) {
        const bool above = evidence[static_cast<std::size_t>(i)].single > threshold;
        if (before && !above) start = i;
        if (!before && above && i != 0) shots.push_back({start, i + 1});
        before = above;
    }
    if (!before && frames > 0) shots.push_back({start, frames});
    if (shots.empty() && frames > 0) shots.push_back({0, frames});
    return shots;
}

}  // namespace svad::infer
