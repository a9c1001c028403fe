// SPDX-License-Identifier: Apache-2.0
// From frames [T, H, W, 3] of bytes to a model's input [T, 3, S, S] of floats: resize, crop, normalise.
//
// Resizing is separable; a table of taps per output position is made once per axis. Antialiased (Pillow,
// torchvision): the filter is stretched by the scale when shrinking, bicubic a = -0.5, taps outside are
// dropped and the rest renormalised. Plain (torch interpolate without antialias): bicubic a = -0.75, taps
// clamped to the border. Bytes are resized in fixed point, horizontally first and rounded in between, exactly
// as Pillow (22-bit weights) or torch (16-bit weights) do it: models were trained on those bytes. Checked
// value by value against both.
#pragma once

#include "svad/core/error.hpp"
#include "svad/core/parallel.hpp"
#include "svad/core/tensor.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace svad::video {

enum class Filter { bilinear, bicubic };
enum class Antialias { no, yes };
/// Whose fixed-point arithmetic a resize of bytes follows; they differ by one level in about 0.3% of values.
enum class Arithmetic { pillow, torch };

namespace detail {

/// Output i is the sum over k < count[i] of weight[i * width + k] * input[first[i] + k].
struct Taps {
    Index width = 0;
    std::vector<Index> first, count;
    std::vector<double> weight;
};

inline double filter_value(Filter filter, double x, double a) {
    x = std::fabs(x);
    if (filter == Filter::bilinear) return x < 1 ? 1 - x : 0;
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/// Pillow's precompute_coeffs, which torch's antialiased kernels share.
inline Taps antialiased_taps(Index in, Index out, Filter filter) {
    const double scale = static_cast<double>(in) / static_cast<double>(out), stretch = std::max(scale, 1.0);
    const double support = (filter == Filter::bilinear ? 1.0 : 2.0) * stretch;
    Taps taps;
    taps.width = static_cast<Index>(std::ceil(support)) * 2 + 1;
    taps.weight.assign(static_cast<std::size_t>(out * taps.width), 0.0);
    for (Index i = 0; i < out; ++i) {
        const double center = (static_cast<double>(i) + 0.5) * scale;
        const Index first = std::max<Index>(static_cast<Index>(center - support + 0.5), 0);
        const Index count = std::min<Index>(static_cast<Index>(center + support + 0.5), in) - first;
        double* const w = taps.weight.data() + i * taps.width;
        double total = 0;
        for (Index k = 0; k < count; ++k) {
            w[k] = filter_value(filter, (static_cast<double>(k + first) - center + 0.5) / stretch, -0.5);
            total += w[k];
        }
        if (total != 0)
            for (Index k = 0; k < count; ++k) w[k] /= total;
        taps.first.push_back(first);
        taps.count.push_back(count);
    }
    return taps;
}

/// Two or four taps around the sampled point; taps beyond the border add to the border's weight.
inline Taps plain_taps(Index in, Index out, Filter filter) {
    const double scale = static_cast<double>(in) / static_cast<double>(out);
    const Index reach = filter == Filter::bilinear ? 1 : 2;
    Taps taps;
    taps.width = 2 * reach;
    taps.weight.assign(static_cast<std::size_t>(out * taps.width), 0.0);
    for (Index i = 0; i < out; ++i) {
        double at = (static_cast<double>(i) + 0.5) * scale - 0.5;
        if (filter == Filter::bilinear) at = std::max(at, 0.0);
        const auto base = static_cast<Index>(std::floor(at));
        const Index first = std::clamp<Index>(base - reach + 1, 0, in - 1);
        const Index last = std::clamp<Index>(base + reach, 0, in - 1);
        double* const w = taps.weight.data() + i * taps.width;
        for (Index k = base - reach + 1; k <= base + reach; ++k)
            w[std::clamp(k, first, last) - first] += filter_value(filter, at - static_cast<double>(k), -0.75);
        taps.first.push_back(first);
        taps.count.push_back(last - first + 1);
    }
    return taps;
}

/// Weights as integers of `bits` fractional bits.
struct FixedTaps {
    Taps taps;
    int bits = 0;
    std::vector<std::int32_t> weight;
};

inline FixedTaps fixed_taps(Taps taps, Arithmetic arithmetic) {
    FixedTaps fixed;
    fixed.bits = 22;                         // Pillow: 32 - 8 - 2, so that sums of bytes stay within an int
    if (arithmetic == Arithmetic::torch) {   // the most bits that keep every weight within an int16
        const double largest = *std::max_element(taps.weight.begin(), taps.weight.end());
        fixed.bits = 0;
        while (fixed.bits < 22 && static_cast<int>(0.5 + largest * (1 << (fixed.bits + 1))) < (1 << 15))
            ++fixed.bits;
    }
    for (const double w : taps.weight) {
        const double scaled = w * (1 << fixed.bits);
        fixed.weight.push_back(static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5));
    }
    fixed.taps = std::move(taps);
    return fixed;
}

inline std::uint8_t to_byte(std::int32_t sum, int bits) {
    return static_cast<std::uint8_t>(std::clamp(sum >> bits, 0, 255));
}

/// in [H, W, C] -> out [H, taps, C].
template <Index C>
void resize_rows(const std::uint8_t* in, Index h, Index w, const FixedTaps& fixed, std::uint8_t* out) {
    const Index width = static_cast<Index>(fixed.taps.first.size());
    const std::int32_t half = 1 << (fixed.bits - 1);
    for (Index y = 0; y < h; ++y) {
        const std::uint8_t* const row = in + y * w * C;
        for (Index x = 0; x < width; ++x) {
            const std::int32_t* const weight = fixed.weight.data() + x * fixed.taps.width;
            const std::uint8_t* const from = row + fixed.taps.first[static_cast<std::size_t>(x)] * C;
            std::array<std::int32_t, C> sum;
            sum.fill(half);
            for (Index k = 0; k < fixed.taps.count[static_cast<std::size_t>(x)]; ++k)
                for (Index c = 0; c < C; ++c) sum[static_cast<std::size_t>(c)] += from[k * C + c] * weight[k];
            for (Index c = 0; c < C; ++c) *out++ = to_byte(sum[static_cast<std::size_t>(c)], fixed.bits);
        }
    }
}

/// in [H, n] -> out [taps, n]: whole rows at a time, which the compiler vectorises.
inline void resize_columns(const std::uint8_t* in, Index n, const FixedTaps& fixed, std::uint8_t* out) {
    std::vector<std::int32_t> sum(static_cast<std::size_t>(n));
    for (std::size_t y = 0; y < fixed.taps.first.size(); ++y) {
        std::fill(sum.begin(), sum.end(), 1 << (fixed.bits - 1));
        for (Index k = 0; k < fixed.taps.count[y]; ++k) {
            const std::int32_t weight =
                fixed.weight[y * static_cast<std::size_t>(fixed.taps.width) + static_cast<std::size_t>(k)];
            const std::uint8_t* const row = in + (fixed.taps.first[y] + k) * n;
            for (Index x = 0; x < n; ++x) sum[static_cast<std::size_t>(x)] += row[x] * weight;
        }
        for (Index x = 0; x < n; ++x) *out++ = to_byte(sum[static_cast<std::size_t>(x)], fixed.bits);
    }
}

inline void check_sizes(Index h, Index w, Index to_h, Index to_w) {
    if (h < 1 || w < 1 || to_h < 1 || to_w < 1)
        fail<ShapeError>("resize: sizes must be positive; got ", h, "x", w, " to ", to_h, "x", to_w);
}

}  // namespace detail

/// image [H, W, C] (C 1, 3 or 4) -> [h, w, C], antialiased, bit for bit what Pillow's (or torch's) resize
/// gives.
[[nodiscard]] inline Tensor<std::uint8_t> resize(const Tensor<std::uint8_t>& image, Index h, Index w,
                                                 Filter filter = Filter::bicubic,
                                                 Arithmetic arithmetic = Arithmetic::pillow) {
    if (image.rank() != 3) fail<ShapeError>("resize: image should be [H, W, C]; got ", image.shape());
    const Index H = image.size(0), W = image.size(1), C = image.size(2);
    detail::check_sizes(H, W, h, w);
    Tensor<std::uint8_t> narrow = image;
    if (w != W) {   // an axis that keeps its size is left alone, as in Pillow
        const auto fixed = detail::fixed_taps(detail::antialiased_taps(W, w, filter), arithmetic);
        narrow = Tensor<std::uint8_t>::uninitialized({H, w, C});
        if (C == 3)
            detail::resize_rows<3>(image.data(), H, W, fixed, narrow.data());
        else if (C == 1)
            detail::resize_rows<1>(image.data(), H, W, fixed, narrow.data());
        else if (C == 4)
            detail::resize_rows<4>(image.data(), H, W, fixed, narrow.data());
        else
            fail<ShapeError>("resize: image should have 1, 3 or 4 channels; got ", image.shape());
    }
    if (h == H) return narrow;
    const auto fixed = detail::fixed_taps(detail::antialiased_taps(H, h, filter), arithmetic);
    const auto out = Tensor<std::uint8_t>::uninitialized({h, w, C});
    detail::resize_columns(narrow.data(), w * C, fixed, out.data());
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

/// Sizes {h, w} with the shorter edge `size` and the aspect kept: the longer is floor(size * long / short).
[[nodiscard]] inline std::pair<Index, Index> shortest_edge(Index h, Index w, Index size) {
    detail::check_sizes(h, w, size, size);
    return h <= w ? std::pair{size, size * w / h} : std::pair{size * h / w, size};
}

/// Where a center crop begins when the margin is odd: (H - S) / 2 rounded down (transformers) or half to even
/// (torchvision, open_clip).
enum class CropRounding { down, half_even };

/// The middle [size, size, C] of image [H, W, C]; the image must be at least that large.
[[nodiscard]] inline Tensor<std::uint8_t> center_crop(const Tensor<std::uint8_t>& image, Index size,
                                                      CropRounding rounding = CropRounding::down) {
    if (image.rank() != 3 || size < 1 || image.size(0) < size || image.size(1) < size)
        fail<ShapeError>("center_crop: cannot cut ", size, "x", size, " from ", image.shape(),
                         "; resize first");
    const auto offset = [&](Index margin) {
        return rounding == CropRounding::down
                   ? margin / 2
                   : static_cast<Index>(std::nearbyint(static_cast<double>(margin) / 2));
    };
    const Index W = image.size(1), C = image.size(2), top = offset(image.size(0) - size),
                left = offset(W - size);
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

/// frame [H, W, 3] of bytes -> out [3, H, W]: (x / 255 - mean) / deviation, by a table of the 256 levels.
inline void normalize_into(const Tensor<std::uint8_t>& frame, const Normalization& n, float* out) {
    const Index pixels = frame.size(0) * frame.size(1);
    for (std::size_t c = 0; c < 3; ++c) {
        std::array<float, 256> level;
        for (std::size_t v = 0; v < 256; ++v)
            level[v] = (static_cast<float>(v) / 255.0f - n.mean[c]) / n.deviation[c];
        const std::uint8_t* in = frame.data() + c;
        for (Index i = 0; i < pixels; ++i) *out++ = level[in[3 * i]];
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
    for (Index t = 0; t < T; ++t) detail::normalize_into(frames.slice(t), n, out.data() + t * 3 * H * W);
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

/// frames [T, H, W, 3] of bytes -> a model's input [T, 3, S, S].
[[nodiscard]] inline Tensor<float> to_input(const Tensor<std::uint8_t>& frames, const InputOptions& o = {}) {
    if (frames.rank() != 4 || frames.size(3) != 3)
        fail<ShapeError>("to_input: frames should be [T, H, W, 3]; got ", frames.shape());
    const auto out = Tensor<float>::uninitialized({frames.size(0), 3, o.size, o.size});
    parallel_for(frames.size(0), 1, [&](Index begin, Index end) {
        for (Index t = begin; t < end; ++t) {
            const Tensor<std::uint8_t> frame = frames.slice(t);
            const auto [h, w] = o.fit == Fit::squash ? std::pair{o.size, o.size}
                                                     : shortest_edge(frame.size(0), frame.size(1), o.size);
            const Tensor<std::uint8_t> small = resize(frame, h, w, o.filter, o.arithmetic);
            detail::normalize_into(center_crop(small, o.size, o.rounding), o.normalization,
                                   out.data() + t * 3 * o.size * o.size);
        }
    });
    return out;
}

}  // namespace svad::video
