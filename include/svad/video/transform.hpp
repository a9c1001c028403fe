// SPDX-License-Identifier: Apache-2.0
// From frames [T, H, W, 3] of bytes to a model's input [T, 3, S, S] of floats: resize, crop, normalise.
// Promise: the values of transformers' and torchvision's preprocessing of the same picture, bit for bit where they go by bytes.
#pragma once

#include "svad/core/error.hpp"
#include "svad/core/parallel.hpp"
#include "svad/core/tensor.hpp"
#include "svad/video/resize.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace svad::video {

/// Sizes {h, w} with the shorter edge `size` and the aspect kept: the longer is floor(size * long / short).
[[nodiscard]] inline std::pair<Index, Index> shortest_edge(Index h, Index w, Index size) {
    detail::check_sizes(h, w, size, size);
    return h <= w ? std::pair{size, size * w / h} : std::pair{size * h / w, size};
}

/// Where a center crop begins when the margin is odd: (H - S) / 2 rounded down (transformers) or half to even
/// (torchvision, open_clip).
enum class CropRounding { down, half_even };

namespace detail {

/// Where the crop begins when `margin` pixels are left over.
inline Index crop_begin(Index margin, CropRounding rounding) {
    return rounding == CropRounding::down ? margin / 2 : static_cast<Index>(std::nearbyint(static_cast<double>(margin) / 2));
}

}  // namespace detail

/// The middle [size, size, C] of image [H, W, C]; the image must be at least that large.
[[nodiscard]] inline Tensor<std::uint8_t> center_crop(const Tensor<std::uint8_t>& image, Index size,
                                                      CropRounding rounding = CropRounding::down) {
    if (image.rank() != 3 || size < 1 || image.size(0) < size || image.size(1) < size)
        fail<ShapeError>("center_crop: cannot cut ", size, "x", size, " from ", image.shape(),
                         "; resize first");
    const Index W = image.size(1), C = image.size(2);
    const Index top = detail::crop_begin(image.size(0) - size, rounding), left = detail::crop_begin(W - size, rounding);
    const auto out = Tensor<std::uint8_t>::uninitialized({size, size, C});
    for (Index y = 0; y < size; ++y)
        std::copy_n(image.data() + ((top + y) * W + left) * C, size * C, out.data() + y * size * C);
    return out;
}

/// Mean and standard deviation of a training set, per channel, of values in [0, 1].
struct Normalization {
    std::array<float, 3> mean{0.48145466f, 0.4578275f, 0.40821073f};   ///< CLIP's, also EVA's and BLIP's
    std::array<float, 3> deviation{0.26862954f, 0.26130258f, 0.27577711f};
};
inline constexpr Normalization clip_normalization{};
inline constexpr Normalization imagenet_normalization{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
inline constexpr Normalization half_normalization{{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}};

namespace detail {

/// Values of the 256 levels of each channel: (x / 255 - mean) / deviation.
using Levels = std::array<std::array<float, 256>, 3>;
inline Levels levels_of(const Normalization& n) {
    Levels levels;
    for (std::size_t c = 0; c < 3; ++c)
        for (std::size_t v = 0; v < 256; ++v) levels[c][v] = (static_cast<float>(v) / 255.0f - n.mean[c]) / n.deviation[c];
    return levels;
}

/// `pixels` RGB pixels -> three planes at `out`.
inline void normalize_into(const std::uint8_t* in, Index pixels, const Levels& levels, float* out) {
    float *const red = out, *const green = out + pixels, *const blue = green + pixels;
    for (Index i = 0; i < pixels; ++i, in += 3) {
        red[i] = levels[0][in[0]];
        green[i] = levels[1][in[1]];
        blue[i] = levels[2][in[2]];
    }
}

}  // namespace detail

/// frames [T, H, W, 3] of bytes -> [T, 3, H, W] of (x / 255 - mean) / deviation.
[[nodiscard]] inline Tensor<float> normalize(const Tensor<std::uint8_t>& frames,
                                             const Normalization& n = {}) {
    if (frames.rank() != 4 || frames.size(3) != 3)
        fail<ShapeError>("normalize: frames should be [T, H, W, 3]; got ", frames.shape());
    const Index T = frames.size(0), H = frames.size(1), W = frames.size(2);
    const auto out = Tensor<float>::uninitialized({T, 3, H, W});
    const detail::Levels levels = detail::levels_of(n);
    for (Index t = 0; t < T; ++t) detail::normalize_into(frames.data() + t * 3 * H * W, H * W, levels, out.data() + t * 3 * H * W);
    return out;
}

/// How a frame of any size becomes a square: cut the middle after the shorter edge fits, or squash both
/// edges.
enum class Fit { crop, squash };

/// A model's preprocessing; the defaults are CLIP's.
struct InputOptions {
    Index size = 224;
    Fit fit = Fit::crop;
    Filter filter = Filter::bicubic;
    Arithmetic arithmetic = Arithmetic::pillow;
    CropRounding rounding = CropRounding::down;
    Normalization normalization{};
};

namespace detail {

/// Frames [H, W, 3] of one size and more to a model's input: keeps its tables between frames.
class InputMaker {
public:
    explicit InputMaker(const InputOptions& options) : options_{options}, levels_{levels_of(options.normalization)} {}

    /// frame [H, W, 3] -> out [3, S, S].
    void operator()(const Tensor<std::uint8_t>& frame, float* out) {
        const Index S = options_.size;
        if (!resizer_ || !(resizer_->image() == frame.shape())) {
            const auto [h, w] = options_.fit == Fit::squash ? std::pair{S, S} : shortest_edge(frame.size(0), frame.size(1), S);
            resizer_.emplace(frame.shape(), h, w, options_.filter, options_.arithmetic,
                             Window{crop_begin(h - S, options_.rounding), crop_begin(w - S, options_.rounding), S, S});
            small_.resize(static_cast<std::size_t>(S * S * 3));
        }
        (*resizer_)(frame.data(), small_.data());
        normalize_into(small_.data(), S * S, levels_, out);
    }

private:
    InputOptions options_;
    Levels levels_;
    std::optional<Resizer> resizer_;
    std::vector<std::uint8_t> small_;
};

}  // namespace detail

/// frames [T, H, W, 3] of bytes -> a model's input [T, 3, S, S].
[[nodiscard]] inline Tensor<float> to_input(const Tensor<std::uint8_t>& frames, const InputOptions& o = {}) {
    if (frames.rank() != 4 || frames.size(3) != 3)
        fail<ShapeError>("to_input: frames should be [T, H, W, 3]; got ", frames.shape());
    const auto out = Tensor<float>::uninitialized({frames.size(0), 3, o.size, o.size});
    parallel_for(frames.size(0), 1, [&](Index begin, Index end) {
        detail::InputMaker make{o};
        for (Index t = begin; t < end; ++t) make(frames.slice(t), out.data() + t * 3 * o.size * o.size);
    });
    return out;
}

}  // namespace svad::video
