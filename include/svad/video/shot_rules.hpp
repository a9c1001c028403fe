// SPDX-License-Identifier: Apache-2.0
// From a figure a frame to cuts: how a shot's least length is kept, and a threshold relative to the neighbours.
//
// Promise: the decisions of PySceneDetect 0.7.2 for lengths in frames, one frame at a time, with a memory that
// does not grow with the video. A cut is the index of the first frame of the new shot, and may be told some
// frames after it. As there, what is still being merged when the video ends is not told.
#pragma once

#include "svad/core/error.hpp"
#include "svad/core/shape.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

namespace svad::video {

/// What becomes of cuts that would leave a shot shorter than the least length.
enum class ShortShots {
    merge,      ///< a run of close cuts becomes one, at its last frame; starts with the first cut that is kept
    suppress,   ///< cuts that come too early are ignored
};

/// Takes for each frame whether its figure is above the threshold and gives the cuts that keep the least length.
class LeastLength {
public:
    /// A `frames` of 0 or less lets every cut pass.
    explicit LeastLength(Index frames, ShortShots mode = ShortShots::merge) : frames_{frames}, mode_{mode} {}

    /// The cut that the next frame decides, if any.
    std::optional<Index> next(bool above) {
        const Index now = at_++;
        if (frames_ <= 0) return above ? std::optional{now} : std::nullopt;
        const bool long_enough = now - last_ >= frames_;
        if (mode_ == ShortShots::suppress) {
            if (!above || !long_enough) return std::nullopt;
            last_ = now;
            return now;
        }
        if (above) last_ = now;
        if (merging_) {
            if (above || !long_enough || last_ - merge_start_ < frames_) return std::nullopt;
            merging_ = false;
            return last_;
        }
        if (!above) return std::nullopt;
        if (long_enough) {
            may_merge_ = true;
            return now;
        }
        if (may_merge_) {
            merging_ = true;
            merge_start_ = now;
        }
        return std::nullopt;
    }

private:
    Index frames_;
    ShortShots mode_;
    Index at_ = 0, last_ = 0, merge_start_ = 0;   // last_: the newest frame above the threshold, first the start
    bool may_merge_ = false, merging_ = false;
};

/// When a frame stands out from those around it.
struct AdaptiveOptions {
    double ratio = 3;           ///< times the mean of the neighbours' figures
    double least_value = 15;    ///< and at least this much by itself
    Index window = 2;           ///< neighbours on each side
    Index least_length = 15;    ///< frames of a shot
};

/// Takes a figure a frame; judges the frame `window` before the newest.
class AdaptiveRule {
public:
    explicit AdaptiveRule(const AdaptiveOptions& options = {}) : options_{options} {
        if (options.window < 1 || options.window > 1000)
            fail<UsageError>("shots: the window should be 1 to 1000 frames; got ", options.window);
    }

    /// The cut that the next frame's figure decides, if any.
    std::optional<Index> next(double value) {
        const Index span = 2 * options_.window + 1;
        if (static_cast<Index>(values_.size()) == span) values_.erase(values_.begin());
        values_.push_back(value);
        const Index judged = at_++ - options_.window;
        if (static_cast<Index>(values_.size()) < span) return std::nullopt;
        double around = 0;
        for (Index i = 0; i < span; ++i)
            if (i != options_.window) around += values_[static_cast<std::size_t>(i)];
        const double center = values_[static_cast<std::size_t>(options_.window)];
        ratio_ = ratio_to(center, around / static_cast<double>(2 * options_.window));
        const bool stands_out = *ratio_ >= options_.ratio && center >= options_.least_value;
        if (!stands_out || judged - last_ < options_.least_length) return std::nullopt;
        last_ = judged;
        return judged;
    }

    /// The ratio of the frame that the newest figure allowed to judge; nothing for the first ones.
    [[nodiscard]] const std::optional<double>& ratio() const { return ratio_; }

private:
    [[nodiscard]] double ratio_to(double center, double mean) const {
        constexpr double largest = 255, still = 1e-5;
        if (std::abs(mean) >= still) return std::min(center / mean, largest);
        return center >= options_.least_value ? largest : 0;
    }

    AdaptiveOptions options_;
    std::vector<double> values_;   // of the last 2 window + 1 frames
    std::optional<double> ratio_;
    Index at_ = 0, last_ = 0;
};

}  // namespace svad::video
