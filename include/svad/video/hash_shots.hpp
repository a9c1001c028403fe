// SPDX-License-Identifier: Apache-2.0
// A shot detector of coarse structure: each frame's perceptual hash (signs of its lowest cosine waves), cut where
// many bits flip.
//
// Promise: distances and cuts as PySceneDetect 0.7.2's HashDetector: gray by 15-bit weights, area means on a square
// of size * lowpass a side in bytes, divided by the largest, cosine transform, a bit is whether a coefficient is
// above their median. Frames of one flat colour have coefficients of 0 here, but rounding noise there, so
// their distances differ. The transform is two small matrix products: 16 a side pay no fast one.
#pragma once

#include "svad/core/tensor.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <vector>

namespace svad::video {

/// When the structure of two frames differs.
struct HashOptions {
    double threshold = 0.35;    ///< part of the bits that differ
    Index size = 8;             ///< the hash has size * size bits
    Index lowpass = 2;          ///< the transform is this many times wider than what is kept of it
    Index least_length = 15;    ///< frames of a shot
};

namespace detail {

/// Brightness of RGB pixels in bytes: integer weights that sum to 2^15.
inline std::vector<std::uint8_t> gray_of(const Tensor<std::uint8_t>& frame) {
    std::vector<std::uint8_t> gray(static_cast<std::size_t>(frame.size(0) * frame.size(1)));
    const std::uint8_t* p = frame.data();
    for (std::uint8_t& g : gray) {
        g = static_cast<std::uint8_t>((p[0] * 9798 + p[1] * 19235 + p[2] * 3735 + (1 << 14)) >> 15);
        p += 3;
    }
    return gray;
}

/// a * b rounded to float, also where the compiler may fuse products into sums: half a level decides about a byte.
inline float rounded_product(float a, float b) {
    const volatile float product = a * b;
    return product;
}

/// Stretch of pixels first, first + 1, ... that one target pixel is the mean of, with each one's weight.
struct AreaWeights {
    Index first = 0;
    std::vector<float> weights;
};

/// `to` equal stretches over `from` pixels, each a weighted mean; slivers under a thousandth are left out.
inline std::vector<AreaWeights> area_weights(Index from, Index to) {
    constexpr double sliver = 1e-3;
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    std::vector<AreaWeights> out(static_cast<std::size_t>(to));
    for (Index t = 0; t < to; ++t) {
        const double begin = static_cast<double>(t) * scale, end = begin + scale;
        const double width = std::min(scale, static_cast<double>(from) - begin);
        AreaWeights& area = out[static_cast<std::size_t>(t)];
        area.first = static_cast<Index>(begin);
        if (static_cast<double>(area.first + 1) - begin <= sliver) ++area.first;
        for (Index i = area.first; i < from && end - static_cast<double>(i) > sliver; ++i) {
            const double share = std::min(end, static_cast<double>(i + 1)) - std::max(begin, static_cast<double>(i));
            area.weights.push_back(static_cast<float>(share / width));
        }
    }
    return out;
}

/// Weighted means of stretches of a line of bytes. Products come from a table, since there are few weights.
class LineMeans {
public:
    LineMeans(Index width, Index side) : areas_{area_weights(width, side)} {
        for (const AreaWeights& area : areas_)
            for (const float w : area.weights) places_.push_back(place_of(w));
    }

    void operator()(const std::uint8_t* line, std::vector<float>& means) const {
        auto place = places_.begin();
        for (std::size_t x = 0; x < areas_.size(); ++x) {
            const std::uint8_t* byte = line + areas_[x].first;
            float mean = 0;
            for (std::size_t i = 0; i < areas_[x].weights.size(); ++i) mean += products_[*place++ + *byte++];
            means[x] = mean;
        }
    }

private:
    /// Where the products of `weight` and the bytes 0 .. 255 start.
    std::size_t place_of(float weight) {
        const auto found = std::find(weights_.begin(), weights_.end(), weight);
        const auto place = static_cast<std::size_t>(found - weights_.begin()) * 256;
        if (found == weights_.end()) {
            weights_.push_back(weight);
            for (int b = 0; b < 256; ++b) products_.push_back(rounded_product(static_cast<float>(b), weight));
        }
        return place;
    }

    std::vector<AreaWeights> areas_;
    std::vector<std::size_t> places_;
    std::vector<float> weights_, products_;
};

/// Area mean of a gray image [height, width] on side * side bytes, ties to even.
inline std::vector<float> area_resize(const std::vector<std::uint8_t>& gray, Index height, Index width, Index side) {
    const LineMeans across{width, side};
    std::vector<float> out, row(static_cast<std::size_t>(side)), sum(static_cast<std::size_t>(side));
    for (const AreaWeights& rows : area_weights(height, side)) {
        std::fill(sum.begin(), sum.end(), 0.0f);
        for (std::size_t y = 0; y < rows.weights.size(); ++y) {
            across(gray.data() + (rows.first + static_cast<Index>(y)) * width, row);
            for (std::size_t x = 0; x < row.size(); ++x) sum[x] += rounded_product(row[x], rows.weights[y]);
        }
        for (const float s : sum) out.push_back(std::clamp(std::nearbyint(s), 0.0f, 255.0f));
    }
    return out;
}

/// Waves 0 .. kept - 1 of the orthonormal cosine transform of length `side`: [kept, side].
inline std::vector<double> cosine_waves(Index kept, Index side) {
    std::vector<double> waves;
    const double n = static_cast<double>(side);
    for (Index k = 0; k < kept; ++k)
        for (Index x = 0; x < side; ++x)
            waves.push_back(std::sqrt((k == 0 ? 1 : 2) / n) *
                            std::cos(std::numbers::pi * static_cast<double>((2 * x + 1) * k) / (2 * n)));
    return waves;
}

/// Mean of the two middle values (of an even number), or the middle one.
inline double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return values.size() % 2 != 0 ? *middle : (*std::max_element(values.begin(), middle) + *middle) / 2;
}

}  // namespace detail

/// The hash of a frame [H, W, 3] (RGB): size * size bits, low waves first.
[[nodiscard]] inline std::vector<bool> perceptual_hash(const Tensor<std::uint8_t>& frame, Index size = 8, Index lowpass = 2) {
    if (frame.rank() != 3 || frame.size(2) != 3 || frame.empty())
        fail<ShapeError>("perceptual_hash: a frame should be [H, W, 3]; got ", frame.shape());
    if (size < 2 || lowpass < 1 || size > 64 || lowpass > 16)
        fail<UsageError>("perceptual_hash: size should be 2 to 64, lowpass 1 to 16; got ", size, " and ", lowpass);
    const Index side = size * lowpass;
    const std::vector<float> small = detail::area_resize(detail::gray_of(frame), frame.size(0), frame.size(1), side);
    const float largest = std::max(1.0f, *std::max_element(small.begin(), small.end()));
    const std::vector<double> waves = detail::cosine_waves(size, side);
    const auto at = [](Index row, Index width, Index column) { return static_cast<std::size_t>(row * width + column); };
    std::vector<double> across(static_cast<std::size_t>(side * size)), low(static_cast<std::size_t>(size * size));
    for (Index y = 0; y < side; ++y)
        for (Index k = 0; k < size; ++k)
            for (Index x = 0; x < side; ++x)
                across[at(y, size, k)] += waves[at(k, side, x)] * static_cast<double>(small[at(y, side, x)] / largest);
    for (Index k = 0; k < size; ++k)
        for (Index y = 0; y < side; ++y)
            for (Index x = 0; x < size; ++x) low[at(k, size, x)] += waves[at(k, side, y)] * across[at(y, size, x)];
    constexpr double noise = 1e-6;   // below what floats in [0, 1] leave of an exact 0
    for (double& c : low)
        if (std::abs(c) < noise) c = 0;
    const double middle = detail::median(low);
    std::vector<bool> bits;
    for (const double c : low) bits.push_back(c > middle);
    return bits;
}

/// Cuts where the hashes of neighbouring frames differ in enough bits.
class HashDetector {
public:
    explicit HashDetector(const HashOptions& options = {}) : options_{options} {}

    /// Takes the next frame [H, W, 3] (RGB); gives the cut that it decides, if any: always this frame.
    std::optional<Index> next(const Tensor<std::uint8_t>& frame) {
        std::vector<bool> hash = perceptual_hash(frame, options_.size, options_.lowpass);
        const Index now = at_++;
        distance_.reset();
        if (now > 0) {
            Index differ = 0;
            for (std::size_t i = 0; i < hash.size(); ++i) differ += hash[i] != last_hash_[i] ? 1 : 0;
            distance_ = static_cast<double>(differ) / static_cast<double>(hash.size());
        }
        last_hash_ = std::move(hash);
        if (!distance_ || *distance_ < options_.threshold || now - last_cut_ < options_.least_length) return std::nullopt;
        last_cut_ = now;
        return now;
    }

    /// The part of the bits in which the newest frame differs from the one before; nothing for the first.
    [[nodiscard]] const std::optional<double>& distance() const { return distance_; }

private:
    HashOptions options_;
    std::vector<bool> last_hash_;
    std::optional<double> distance_;
    Index at_ = 0, last_cut_ = 0;
};

}  // namespace svad::video
