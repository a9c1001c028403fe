// SPDX-License-Identifier: Apache-2.0
// Resizing of images, bit for bit as Pillow and torch do it.
//
// Resizing is separable: across first, rounded to bytes, then down; models were trained on exactly those bytes (checked value
// by value against Pillow, torchvision and torch). A Resizer keeps its tables for the next frame of the same size and makes
// only the window that is asked for. Floats are resized in double precision.
#pragma once

#include "svad/video/resize_bytes.hpp"
#include "svad/video/taps.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace svad::video {

enum class Antialias { no, yes };

namespace detail {

/// Part of an image, in pixels.
struct Window {
    Index top = 0, left = 0, height = 0, width = 0;
};

/// Resizes images [H, W, C] to h x w and gives the window of the result.
class Resizer {
public:
    Resizer(const Shape& image, Index h, Index w, Filter filter, Arithmetic arithmetic, Window window)
        : image_{image}, window_{window} {
        if (image.rank() != 3) fail<ShapeError>("resize: image should be [H, W, C]; got ", image);
        check_sizes(image[0], image[1], h, w);
        if (image[2] != 1 && image[2] != 3 && image[2] != 4) fail<ShapeError>("resize: image should have 1, 3 or 4 channels; got ", image);
        // An axis that keeps its size is left alone, as in Pillow.
        if (w != image[1]) across_.emplace(fixed_taps(antialiased_taps(image[1], w, filter), arithmetic), window.left, window.width);
        if (h != image[0]) down_.emplace(fixed_taps(antialiased_taps(image[0], h, filter), arithmetic), window.top, window.height);
    }
    Resizer(const Shape& image, Index h, Index w, Filter filter, Arithmetic arithmetic)
        : Resizer{image, h, w, filter, arithmetic, Window{0, 0, h, w}} {}

    [[nodiscard]] const Shape& image() const { return image_; }

    /// Writes the window [height, width, C] to `out`.
    void operator()(const std::uint8_t* in, std::uint8_t* out) {
        const Index C = image_[2], from_stride = image_[1] * C, stride = window_.width * C;
        const Index first = down_ ? down_->first() : window_.top, rows = down_ ? down_->last() - first : window_.height;
        if (down_ && static_cast<Index>(narrow_.size()) < rows * stride) narrow_.resize(static_cast<std::size_t>(rows * stride));
        std::uint8_t* const narrow = down_ ? narrow_.data() : out;
        for (Index y = 0; y < rows; ++y) {
            const std::uint8_t* const row = in + (first + y) * from_stride;
            if (across_) across_->across(row, image_[1], C, narrow + y * stride, row_);
            else std::memcpy(narrow + y * stride, row + window_.left * C, static_cast<std::size_t>(stride));
        }
        if (down_) down_->down(narrow, stride, out);
    }

private:
    Shape image_;
    Window window_;
    std::optional<ByteTaps> across_, down_;
    std::vector<std::uint8_t> narrow_, row_;
};

}  // namespace detail

/// image [H, W, C] (C 1, 3 or 4) -> [h, w, C], antialiased, bit for bit what Pillow's (or torch's) resize gives.
[[nodiscard]] inline Tensor<std::uint8_t> resize(const Tensor<std::uint8_t>& image, Index h, Index w, Filter filter = Filter::bicubic,
                                                 Arithmetic arithmetic = Arithmetic::pillow) {
    detail::Resizer resizer{image.shape(), h, w, filter, arithmetic};
    if (h == image.size(0) && w == image.size(1)) return image;
    const auto out = Tensor<std::uint8_t>::uninitialized({h, w, image.size(2)});
    resizer(image.data(), out.data());
    return out;
}

/// image [C, H, W] of floats -> [C, h, w]; what torch's interpolate(align_corners=False) gives.
[[nodiscard]] inline Tensor<float> resize(const Tensor<float>& image, Index h, Index w, Filter filter,
                                          Antialias antialias) {
    if (image.rank() != 3) fail<ShapeError>("resize: image should be [C, H, W]; got ", image.shape());
    const Index C = image.size(0), H = image.size(1), W = image.size(2);
    detail::check_sizes(H, W, h, w);
    const auto taps = antialias == Antialias::yes ? detail::antialiased_taps : detail::plain_taps;
    const detail::Taps across = taps(W, w, filter), down = taps(H, h, filter);
    std::vector<double> narrow(static_cast<std::size_t>(H * w));
    const auto out = Tensor<float>::uninitialized({C, h, w});
    for (Index c = 0; c < C; ++c) {
        const float* const in = image.data() + c * H * W;
        for (Index y = 0; y < H; ++y)
            for (Index x = 0; x < w; ++x) {
                double sum = 0;
                const Index first = across.first[static_cast<std::size_t>(x)];
                for (Index k = 0; k < across.count[static_cast<std::size_t>(x)]; ++k)
                    sum +=
                        across.weight[static_cast<std::size_t>(x * across.width + k)] * in[y * W + first + k];
                narrow[static_cast<std::size_t>(y * w + x)] = sum;
            }
        for (Index y = 0; y < h; ++y)
            for (Index x = 0; x < w; ++x) {
                double sum = 0;
                const Index first = down.first[static_cast<std::size_t>(y)];
                for (Index k = 0; k < down.count[static_cast<std::size_t>(y)]; ++k)
                    sum += down.weight[static_cast<std::size_t>(y * down.width + k)] *
                           narrow[static_cast<std::size_t>((first + k) * w + x)];
                out[(c * h + y) * w + x] = static_cast<float>(sum);
            }
    }
    return out;
}

}  // namespace svad::video
