// SPDX-License-Identifier: Apache-2.0
// Shot detectors of colour change: a fixed threshold (content) and one relative to the neighbours (adaptive).
//
// Promise: per-frame figures and cuts equal PySceneDetect 0.7.2's ContentDetector and AdaptiveDetector on the
// same RGB frames (its optional edge term is left out: its weight is 0 by default). Each is a value that takes
// the frames of one video in order and keeps one frame. What makes shots of cuts is here too.
#pragma once

#include "svad/video/frame_delta.hpp"
#include "svad/video/shot_rules.hpp"

#include <optional>
#include <vector>

namespace svad::video {

/// Frames start .. end - 1 of a video.
struct Shot {
    Index start = 0, end = 0;
    [[nodiscard]] Index frames() const { return end - start; }
    friend bool operator==(const Shot&, const Shot&) = default;
};

/// The shots between `cuts` (ascending, each the first frame of a shot) of a video of `frames` frames.
/// Cuts that leave nothing before or behind them are passed over.
[[nodiscard]] inline std::vector<Shot> shots_between(const std::vector<Index>& cuts, Index frames) {
    std::vector<Shot> shots;
    Index start = 0;
    for (const Index cut : cuts) {
        if (cut <= start || cut >= frames) continue;
        shots.push_back({start, cut});
        start = cut;
    }
    if (frames > start) shots.push_back({start, frames});
    return shots;
}

/// When the colours of a frame differ enough from the frame before.
struct ContentOptions {
    double threshold = 27;                       ///< of the content value
    Index least_length = 15;                     ///< frames of a shot
    ShortShots short_shots = ShortShots::merge;  ///< what becomes of cuts in a shorter one
    DeltaWeights weights{};                      ///< of hue, saturation and value
};

/// Cuts where the content value reaches a threshold.
class ContentDetector {
public:
    explicit ContentDetector(const ContentOptions& options = {})
        : options_{options}, rule_{options.least_length, options.short_shots} {}

    /// Takes the next frame [H, W, 3] (RGB); gives the cut that it decides, if any.
    std::optional<Index> next(const Tensor<std::uint8_t>& frame) { return next(difference_.next(frame)); }
    /// The same if the frame's distance is known (for_each_change): nothing for the first.
    std::optional<Index> next(const std::optional<FrameDelta>& delta) {
        delta_ = delta;
        return rule_.next(value() >= options_.threshold);
    }

    /// The newest frame's distance from the one before; nothing for the first.
    [[nodiscard]] const std::optional<FrameDelta>& delta() const { return delta_; }
    /// The newest frame's content value; 0 for the first.
    [[nodiscard]] double value() const { return delta_ ? content_value(*delta_, options_.weights) : 0; }

private:
    ContentOptions options_;
    FrameDifference difference_;
    LeastLength rule_;
    std::optional<FrameDelta> delta_;
};

/// Cuts where the content value stands out from the neighbours': a fast camera is no cut.
class AdaptiveDetector {
public:
    explicit AdaptiveDetector(const AdaptiveOptions& options = {}, const DeltaWeights& weights = {})
        : weights_{weights}, rule_{options} {}

    /// Takes the next frame [H, W, 3] (RGB); gives the cut that it decides, if any.
    std::optional<Index> next(const Tensor<std::uint8_t>& frame) {
        return next(difference_.next(frame));
    }
    /// The same if the frame's distance is known (for_each_change): nothing for the first.
    std::optional<Index> next(const std::optional<FrameDelta>& delta) {
        return rule_.next(delta ? content_value(*delta, weights_) : 0);
    }

    /// The ratio of the frame `window` before the newest; nothing where there are too few around it.
    [[nodiscard]] const std::optional<double>& ratio() const { return rule_.ratio(); }

private:
    DeltaWeights weights_;
    FrameDifference difference_;
    AdaptiveRule rule_;
};

}  // namespace svad::video
