// SPDX-License-Identifier: Apache-2.0
// Frames made small before they are compared: PySceneDetect's automatic downscale.
//
// Definition: with a longer side above 256, both sides are divided by side / 256 and rounded to the nearest (ties to
// even, at least 1). A small pixel lies at ((i + 0.5) * in / out - 0.5) and is mixed of the two nearest on each axis:
// OpenCV's linear resize of bytes, weights in 2^-11, bit for bit. Only pixels that take part are converted to RGB,
// straight from a decoder's planes, four for a small one. Rejected: converting all and resizing (converting 720p takes
// as long as all that is left to do).
#pragma once

#include "svad/core/tensor.hpp"
#include "svad/video/yuv_rgb.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace svad::video {

/// Height and width of a frame of h x w for comparison.
[[nodiscard]] inline std::pair<Index, Index> downscaled(Index h, Index w) {
    constexpr Index longest = 256;
    const Index side = std::max(h, w);
    if (side <= longest) return {h, w};
    const double factor = static_cast<double>(side) / static_cast<double>(longest);
    const auto part = [&](Index n) { return std::max<Index>(1, static_cast<Index>(std::nearbyint(static_cast<double>(n) / factor))); };
    return {part(h), part(w)};
}

namespace detail {

/// For each small pixel of an axis the first of two neighbours and their weights in 2^-11.
struct LinearTaps {
    std::vector<std::size_t> first;
    std::vector<std::array<std::int16_t, 2>> weights;

    LinearTaps(Index in, Index out) {
        const double scale = 1 / (static_cast<double>(out) / static_cast<double>(in));
        for (Index i = 0; i < out; ++i) {
            const auto at = static_cast<float>((static_cast<double>(i) + 0.5) * scale - 0.5);
            Index left = static_cast<Index>(std::floor(at));
            float part = at - static_cast<float>(left);
            if (left < 0) left = 0, part = 0;
            if (left >= in - 1) left = std::max<Index>(in - 2, 0), part = in > 1 ? 1.0f : 0.0f;   // the last two, all of the last
            const auto weight = [](float w) { return static_cast<std::int16_t>(std::nearbyint(w * 2048)); };
            first.push_back(static_cast<std::size_t>(left));
            weights.push_back({weight(1 - part), weight(part)});
        }
    }
};

/// A line of small pixels, mixed across only: red, green and blue in sixteenths of 2^-11, padded to whole vectors.
using MixedLine = std::array<std::vector<std::int16_t>, 3>;

/// Gathers pairs of bytes from a line by shuffles: sixteen bytes from `base` on hold the pairs of two small pixels.
struct PairWindows {
    static constexpr std::size_t size = 16;
    std::vector<std::size_t> base;        // of every two small pixels
    std::vector<std::uint8_t> controls;   // 64 for eight small pixels: of pixels 0, 1, 4, 5, then of 2, 3, 6, 7
    bool fit = false;

    /// pairs[i]: the two places of small pixel i in a line of `width` bytes; `padded` (a multiple of 8) small pixels are made.
    PairWindows(std::vector<std::array<std::size_t, 2>> pairs, std::size_t width, std::size_t padded)
        : base(padded / 2), controls(padded * 8, 0x80), fit(width >= size) {
        pairs.resize(padded, pairs.back());
        for (std::size_t i = 0; fit && i < padded; ++i) {
            std::size_t& first = base[i / 2];
            if (i % 2 == 0) first = std::min(pairs[i][0], width - size);
            fit = pairs[i][1] - first < size;
            const std::size_t half = i % 4 / 2, place = i / 8 * 64 + half * 32 + i % 8 / 4 * 16 + half * 8 + i % 2 * 4;
            for (std::size_t k = 0; k < 2; ++k) controls[place + 2 * k] = static_cast<std::uint8_t>(pairs[i][k] - first);
        }
    }
};

/// Of the luma and of the color of a line of 4:2:0.
struct YuvWindows {
    PairWindows luma, color;

    YuvWindows(const std::vector<std::size_t>& first, Index width, std::size_t padded)
        : luma(pairs(first, 1), static_cast<std::size_t>(width), padded),
          color(pairs(first, 2), static_cast<std::size_t>(width + 1) / 2, padded) {}
    [[nodiscard]] bool fit() const { return luma.fit && color.fit; }

private:
    static std::vector<std::array<std::size_t, 2>> pairs(const std::vector<std::size_t>& first, std::size_t step) {
        std::vector<std::array<std::size_t, 2>> out;
        for (const std::size_t at : first) out.push_back({at / step, (at + 1) / step});
        return out;
    }
};

#if SVAD_X86

/// Eight pairs of words times their weights, summed, in sixteenths.
SVAD_WIDE __m256i wide_mix(__m256i words, const std::array<std::int16_t, 2>* weights) {
    return _mm256_srai_epi32(_mm256_madd_epi16(words, wide_load(weights)), 4);
}
/// The pairs of small pixels at .. at + 7 as words.
SVAD_WIDE __m256i wide_window(const std::uint8_t* line, const PairWindows& windows, std::size_t at) {
    const std::size_t* const base = &windows.base[at / 2];
    const std::uint8_t* const control = &windows.controls[8 * at];
    const __m256i a = wide_halves(line + base[0], line + base[2]), b = wide_halves(line + base[1], line + base[3]);
    return _mm256_or_si256(_mm256_shuffle_epi8(a, wide_load(control)), _mm256_shuffle_epi8(b, wide_load(control + 32)));
}

/// `count` small pixels, a multiple of 16.
SVAD_WIDE void mix_line_wide(const YuvLine& line, const YuvWindows& windows, const std::vector<std::array<std::int16_t, 2>>& weights,
                             std::size_t count, MixedLine& to) {
    const WideYuvToRgb c(line.convert);
    for (std::size_t i = 0; i < count; i += 16) {
        __m256i mixed[3][2];
        for (std::size_t half = 0; half < 2; ++half) {
            const std::size_t at = i + 8 * half;
            const __m256i light = c.lightness(wide_window(line.y, windows.luma, at));
            const WideYuvToRgb::Color color = c.color(wide_window(line.u, windows.color, at), wide_window(line.v, windows.color, at));
            mixed[0][half] = wide_mix(c.byte(_mm256_add_epi16(light, color.r)), &weights[at]);
            mixed[1][half] = wide_mix(c.byte(_mm256_add_epi16(light, color.g)), &weights[at]);
            mixed[2][half] = wide_mix(c.byte(_mm256_add_epi16(light, color.b)), &weights[at]);
        }
        for (std::size_t k = 0; k < 3; ++k)   // packing leaves the quarters in the order 0 2 1 3
            wide_store(&to[k][i], _mm256_permute4x64_epi64(_mm256_packs_epi32(mixed[k][0], mixed[k][1]), 0xD8));
    }
}

/// Sixteen words mixed down from two lines.
SVAD_WIDE __m256i wide_down(const std::int16_t* top, const std::int16_t* bottom, __m256i above, __m256i below) {
    const __m256i sum = _mm256_add_epi16(_mm256_mulhi_epi16(wide_load(top), above), _mm256_mulhi_epi16(wide_load(bottom), below));
    return _mm256_srai_epi16(_mm256_add_epi16(sum, _mm256_set1_epi16(2)), 2);
}
SVAD_WIDE void mix_down_wide(const std::int16_t* top, const std::int16_t* bottom, std::array<std::int16_t, 2> weights, std::size_t count,
                             std::uint8_t* to) {
    const __m256i above = _mm256_set1_epi16(weights[0]), below = _mm256_set1_epi16(weights[1]);
    for (std::size_t i = 0; i < count; i += 32) {
        const __m256i first = wide_down(top + i, bottom + i, above, below), second = wide_down(top + i + 16, bottom + i + 16, above, below);
        wide_store(to + i, _mm256_permute4x64_epi64(_mm256_packus_epi16(first, second), 0xD8));
    }
}

#endif

}  // namespace detail

/// Makes frames of one size small: planes of RGB, each line padded with what does not change.
class Downscaler {
public:
    Downscaler(Index height, Index width)
        : height_{height}, width_{width}, size_{downscaled(height, width)}, down_(height, size_.first), across_(width, size_.second),
          padded_{(static_cast<std::size_t>(size_.second) + 31) / 32 * 32}, windows_(across_.first, width, padded_) {
        across_.weights.resize(padded_);   // zeros
        for (detail::MixedLine& line : lines_)
            for (auto& words : line) words.resize(padded_);
        for (auto& plane : planes_) plane.resize(padded_ * static_cast<std::size_t>(size_.first));
    }

    [[nodiscard]] Index height() const { return size_.first; }
    [[nodiscard]] Index width() const { return size_.second; }

    /// Pixels behind the end of each line, which never change.
    [[nodiscard]] std::size_t padding() const { return padded_ - static_cast<std::size_t>(size_.second); }

    /// Takes a frame as the decoder has it.
    void take(const detail::YuvPicture& picture) {
        all_lines([&](std::size_t row, detail::MixedLine& to) { mix(picture.line(row), to); });
    }
    /// Takes a frame [H, W, 3] (RGB).
    void take(const Tensor<std::uint8_t>& rgb) {
        if (rgb.shape() != Shape{height_, width_, 3})
            fail<ShapeError>("shots: a frame should be ", Shape{height_, width_, 3}, "; got ", rgb.shape());
        const auto stride = static_cast<std::size_t>(width_) * 3;
        all_lines([&](std::size_t row, detail::MixedLine& to) { mix_plain(detail::RgbLine{rgb.data() + row * stride}, to); });
    }
    /// A line of the small frame.
    [[nodiscard]] detail::PlanarLine line(std::size_t row) const {
        return {&planes_[0][row * padded_], &planes_[1][row * padded_], &planes_[2][row * padded_]};
    }

private:
    template <class Mix>
    void all_lines(Mix&& mix) {
        std::array<std::size_t, 2> held{~std::size_t{0}, ~std::size_t{0}};   // which lines of the frame are in lines_
        const auto last = static_cast<std::size_t>(height_) - 1;
        for (std::size_t row = 0; row < down_.first.size(); ++row) {
            const std::size_t top = down_.first[row], bottom = std::min(top + 1, last);
            if (held[0] != top && held[1] == top) {
                std::swap(lines_[0], lines_[1]);
                std::swap(held[0], held[1]);
            }
            if (held[0] != top) mix(held[0] = top, lines_[0]);
            if (held[1] != bottom) mix(held[1] = bottom, lines_[1]);
            mix_down(row, down_.weights[row]);
        }
    }

    void mix(const detail::YuvLine& line, detail::MixedLine& to) {
#if SVAD_X86
        if (detail::has_wide() && windows_.fit()) return detail::mix_line_wide(line, windows_, across_.weights, padded_, to);
#endif
        mix_plain(line, to);
    }

    template <class Line>
    void mix_plain(const Line& line, detail::MixedLine& to) {
        const auto last = static_cast<std::size_t>(width_) - 1;
        for (std::size_t i = 0; i < across_.first.size(); ++i) {
            const std::size_t left = across_.first[i];
            const detail::Rgb a = line.plain(left), b = line.plain(std::min(left + 1, last));
            const auto [wa, wb] = across_.weights[i];
            to[0][i] = static_cast<std::int16_t>((a.r * wa + b.r * wb) >> 4);
            to[1][i] = static_cast<std::int16_t>((a.g * wa + b.g * wb) >> 4);
            to[2][i] = static_cast<std::int16_t>((a.b * wa + b.b * wb) >> 4);
        }
    }

    void mix_down(std::size_t row, std::array<std::int16_t, 2> weights) {
        for (std::size_t k = 0; k < 3; ++k) {
            const std::int16_t *const top = lines_[0][k].data(), *const bottom = lines_[1][k].data();
            std::uint8_t* const to = &planes_[k][row * padded_];
#if SVAD_X86
            if (detail::has_wide()) {
                detail::mix_down_wide(top, bottom, weights, padded_, to);
                continue;
            }
#endif
            for (std::size_t i = 0; i < padded_; ++i)
                to[i] = static_cast<std::uint8_t>((((weights[0] * top[i]) >> 16) + ((weights[1] * bottom[i]) >> 16) + 2) >> 2);
        }
    }

    Index height_, width_;
    std::pair<Index, Index> size_;
    detail::LinearTaps down_, across_;
    std::size_t padded_;
    detail::YuvWindows windows_;
    std::array<detail::MixedLine, 2> lines_;
    std::array<std::vector<std::uint8_t>, 3> planes_;
};

}  // namespace svad::video
