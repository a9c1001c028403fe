// SPDX-License-Identifier: Apache-2.0
// How far each frame of a video is from the one before it: mean absolute differences of hue, saturation and value.
//
// Promise: the sums are integers, so the means equal those that PySceneDetect computes from the same pixels, in
// one pass over the new frame and with one frame of memory. Hue is a plain difference, not the way round the
// circle, as there: thresholds in use are tuned to that.
#pragma once

#include "svad/core/tensor.hpp"
#include "svad/video/hsv_delta.hpp"

#include <cmath>
#include <optional>
#include <vector>

namespace svad::video {

/// Mean absolute differences of two frames, a pixel: hue in 0..179, the others in 0..255.
struct FrameDelta {
    double hue = 0, saturation = 0, value = 0;
};

/// How much each part of a FrameDelta counts.
struct DeltaWeights {
    double hue = 1, saturation = 1, value = 1;
};

/// The weighted mean of the parts: the figure called content_val in PySceneDetect's tables.
[[nodiscard]] inline double content_value(const FrameDelta& delta, const DeltaWeights& weights = {}) {
    const double total = std::abs(weights.hue) + std::abs(weights.saturation) + std::abs(weights.value);
    if (!(total > 0)) fail<UsageError>("content_value: all weights are 0");
    return (delta.hue * weights.hue + delta.saturation * weights.saturation + delta.value * weights.value) / total;
}

/// Takes the frames of one video in order.
class FrameDifference {
public:
    /// The distance of `frame` [H, W, 3] (RGB) from the frame before; nothing for the first.
    /// Throws ShapeError if it is not an image or its size is not that of the first.
    std::optional<FrameDelta> next(const Tensor<std::uint8_t>& frame) {
        if (frame.rank() != 3 || frame.size(2) != 3 || frame.empty())
            fail<ShapeError>("shots: a frame should be [H, W, 3]; got ", frame.shape());
        const auto stride = static_cast<std::size_t>(frame.size(1)) * 3;
        return next(frame.size(0), frame.size(1), [&](std::size_t row) { return detail::RgbLine{frame.data() + row * stride}; });
    }

    /// The same for any kind of lines: line(row) gives one of hsv_delta.hpp's, which has `padding` more pixels that never change.
    template <class Line>
    std::optional<FrameDelta> next(Index height, Index width, Line line, std::size_t padding = 0) {
        const Shape shape{height, width, 3};
        const auto rows = static_cast<std::size_t>(height), columns = static_cast<std::size_t>(width);
        const std::size_t bytes = detail::hsv_bytes(columns + padding);
        const bool first = last_.empty();
        if (first) {
            shape_ = shape;
            last_.resize(rows * bytes);
        }
        if (shape != shape_) fail<ShapeError>("shots: frames change from ", shape_, " to ", shape);
        detail::HsvSums sums;
        for (std::size_t row = 0; row < rows; ++row) detail::hsv_replace(line(row), columns + padding, last_.data() + row * bytes, sums);
        if (first) return std::nullopt;
        const auto mean = [&](std::uint64_t sum) { return static_cast<double>(sum) / static_cast<double>(rows * columns); };
        return FrameDelta{mean(sums.hue), mean(sums.saturation), mean(sums.value)};
    }

private:
    Shape shape_;
    std::vector<std::uint8_t> last_;   // colours, line by line in blocks
};

}  // namespace svad::video
