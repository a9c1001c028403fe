// SPDX-License-Identifier: Apache-2.0
// Where shots change, by several witnesses: colour change that stands out from its neighbours, TransNet V2, and frames
// of one flat colour, which belong to fades.
//
// The rules, in order:
//   1. A frame whose change stands out is a cut if the network is surer than not of the frame or of the one before it,
//      and neither is flat. (The change alone takes fire for cuts, the network alone misses short shots.)
//   2. Frames where the network finds a transition likely, with the flat frames between them, are one gradual
//      transition, if it is sure of one of them and expects the changing frame among them at even odds or better.
//      A cut accounts for the frames beside it.
//   3. A transition's boundary is where the network expects its one frame: the mean of the places, by probability.
// Rejected: voting of finished cut lists (a fade is found by each detector at another frame, or twice).
#pragma once

#include "svad/infer/shot_network.hpp"
#include "svad/video/frame_delta.hpp"
#include "svad/video/shot_rules.hpp"
#include "svad/video/transform.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

namespace svad::infer {

/// What the witnesses say of a frame.
struct FrameEvidence {
    float single = 0, many = 0;   ///< of the network
    bool stands_out = false;      ///< its change of colour from the frame before
    bool flat = false;            ///< it is of one colour
};

/// How much evidence is enough.
struct ShotDetectorOptions {
    float sure = 0.5f, likely = 0.3f;   ///< probabilities of the network
    Index beside = 2;                   ///< frames on each side of a cut that it accounts for
    double flat = 4;                    ///< standard deviation of the values of a frame of one colour
    double ratio = 3, least_value = 15; ///< of change, as for the adaptive detector
};

/// A change of shots: `frame` is the first of the new shot; first .. last - 1 are mixed (none for a cut).
struct Boundary {
    Index frame = 0, first = 0, last = 0;
    [[nodiscard]] bool gradual() const { return last > first; }
    friend bool operator==(const Boundary&, const Boundary&) = default;
};

namespace detail {

/// Boundaries of one video from the evidence of its frames.
class BoundaryFinder {
public:
    BoundaryFinder(const std::vector<FrameEvidence>& frames, const ShotDetectorOptions& options)
        : frames_{frames}, options_{options}, explained_(frames.size(), false) {}

    std::vector<Boundary> find() {
        const auto n = static_cast<Index>(frames_.size());
        for (Index t = 1; t < n; ++t)
            if (is_cut(t)) add_cut(t);
        for (Index t = 0; t < n;) t = likely(t) ? transition(t) : t + 1;
        std::sort(found_.begin(), found_.end(), [](const Boundary& a, const Boundary& b) { return a.frame < b.frame; });
        return std::move(found_);
    }

private:
    [[nodiscard]] const FrameEvidence& at(Index t) const { return frames_[static_cast<std::size_t>(t)]; }
    [[nodiscard]] float belief(Index t) const { return std::max(at(t).single, at(t).many); }
    [[nodiscard]] bool likely(Index t) const { return !explained_[static_cast<std::size_t>(t)] && belief(t) >= options_.likely; }

    [[nodiscard]] bool is_cut(Index t) const {
        return at(t).stands_out && !at(t).flat && !at(t - 1).flat && std::max(belief(t - 1), belief(t)) > options_.sure;
    }
    void add_cut(Index t) {
        const Index last = std::min(t + options_.beside, static_cast<Index>(frames_.size()));
        for (Index i = std::max<Index>(0, t - options_.beside); i < last; ++i) explained_[static_cast<std::size_t>(i)] = true;
        found_.push_back({t, t, t});
    }

    /// Judges the likely frames from `first` on, also across flat ones; gives the frame behind them.
    Index transition(Index first) {
        const auto n = static_cast<Index>(frames_.size());
        Index end = first, next = first;
        for (; next < n && !explained_[static_cast<std::size_t>(next)] && (likely(next) || at(next).flat); ++next)
            if (likely(next)) end = next + 1;
        float surest = 0;
        double expected = 0, place = 0;
        for (Index t = first; t < end; ++t) {
            surest = std::max(surest, belief(t));
            expected += static_cast<double>(at(t).single);
            place += static_cast<double>(at(t).single) * static_cast<double>(t);
        }
        constexpr double even_odds = 0.5;
        if (surest <= options_.sure || expected < even_odds) return end;
        // The network marks the last frame of the old shot.
        const Index frame = std::min(n - 1, static_cast<Index>(std::lround(place / expected)) + 1);
        if (frame > 0) found_.push_back({frame, first, end});
        return end;
    }

    const std::vector<FrameEvidence>& frames_;
    ShotDetectorOptions options_;
    std::vector<bool> explained_;   // by a cut
    std::vector<Boundary> found_;
};

/// True if the brightest channel of a frame hardly varies.
inline bool is_flat(const Tensor<std::uint8_t>& frame, double deviation) {
    double sum = 0, squares = 0;
    const Index pixels = frame.numel() / 3;
    for (Index i = 0; i < pixels; ++i) {
        const double v = std::max({frame[3 * i], frame[3 * i + 1], frame[3 * i + 2]});
        sum += v, squares += v * v;
    }
    const double mean = sum / static_cast<double>(pixels);
    return squares / static_cast<double>(pixels) - mean * mean <= deviation * deviation;
}

}  // namespace detail

/// The boundaries of a video, in order.
[[nodiscard]] inline std::vector<Boundary> find_boundaries(const std::vector<FrameEvidence>& frames,
                                                           const ShotDetectorOptions& options = {}) {
    return detail::BoundaryFinder{frames, options}.find();
}

/// Takes the frames of one video in order. Keeps a window of small frames and 12 bytes a frame; the model must outlive it.
class ShotDetector {
public:
    explicit ShotDetector(const TransNetV2& model, const ShotDetectorOptions& options = {})
        : config_{model.config}, options_{options}, network_{model},
          rule_{{.ratio = options.ratio, .least_value = options.least_value, .least_length = 1}} {}

    /// Takes the next frame [H, W, 3] (RGB).
    void next(const Tensor<std::uint8_t>& frame) {
        const std::optional<video::FrameDelta> delta = difference_.next(frame);
        const Tensor<std::uint8_t> small = video::resize(frame, config_.height, config_.width, video::Filter::bicubic);
        evidence_.push_back({.flat = detail::is_flat(small, options_.flat)});
        if (const auto cut = rule_.next(delta ? video::content_value(*delta) : 0))
            evidence_[static_cast<std::size_t>(*cut)].stands_out = true;
        take(network_.next(small));
    }

    /// Ends the video: all its boundaries, in order.
    [[nodiscard]] std::vector<Boundary> finish() {
        take(network_.finish());
        return find_boundaries(evidence_, options_);
    }

    /// What is known of the frames so far; the network's part is up to 75 frames behind until the end.
    [[nodiscard]] const std::vector<FrameEvidence>& evidence() const { return evidence_; }

private:
    void take(const std::vector<ShotEvidence>& more) {
        for (const ShotEvidence& e : more) {
            evidence_[told_].single = e.single;
            evidence_[told_++].many = e.many;
        }
    }

    TransNetConfig config_;
    ShotDetectorOptions options_;
    ShotNetwork network_;
    video::FrameDifference difference_;
    video::AdaptiveRule rule_;
    std::vector<FrameEvidence> evidence_;
    std::size_t told_ = 0;
};

/// The shots between boundaries of a video of `frames` frames.
[[nodiscard]] inline std::vector<video::Shot> shots_between(const std::vector<Boundary>& boundaries, Index frames) {
    std::vector<Index> cuts;
    for (const Boundary& b : boundaries) cuts.push_back(b.frame);
    return video::shots_between(cuts, frames);
}

}  // namespace svad::infer
