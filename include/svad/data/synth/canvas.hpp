// SPDX-License-Identifier: Apache-2.0
//
// A small software rasteriser: filled polygons, ellipses and thick lines on a square canvas of 128 x 128
// units.
// Promise: the same calls give the same bytes on every machine of one floating-point format; nothing is
// global. Anti-aliasing is plain 2 x 2 supersampling: shapes are filled with hard edges at twice the size,
// and `finish` averages four samples. Exact coverage was rejected: it is slower here and no model sees the
// difference.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "svad/core/tensor.hpp"

namespace svad::data::synth {

/// Units of the virtual picture: x to the right, y down, both from 0 to 128.
inline constexpr float kUnits = 128.0F;

/// A point, or a direction, in the plane.
struct Point {
    float x = 0;
    float y = 0;
};

/// A colour; each part from 0 to 1.
struct Rgb {
    float r = 0;
    float g = 0;
    float b = 0;
};

/// `a` where t = 0, `b` where t = 1.
inline Rgb mix(Rgb a, Rgb b, float t) {
    return {a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

/// The affine map (x, y) -> (a x + c y + e, b x + d y + f).
struct Affine {
    float a = 1, b = 0, c = 0, d = 1, e = 0, f = 0;

    /// The image of `p`.
    Point operator()(Point p) const { return {a * p.x + c * p.y + e, b * p.x + d * p.y + f}; }

    /// First `inner`, then this.
    Affine operator*(const Affine& inner) const {
        return {a * inner.a + c * inner.b, b * inner.a + d * inner.b,     a * inner.c + c * inner.d,
                b * inner.c + d * inner.d, a * inner.e + c * inner.f + e, b * inner.e + d * inner.f + f};
    }

    /// The map back; the determinant must not be zero.
    Affine inverse() const {
        const float det = a * d - b * c;
        const float ia = d / det, ib = -b / det, ic = -c / det, id = a / det;
        return {ia, ib, ic, id, -(ia * e + ic * f), -(ib * e + id * f)};
    }

    static Affine move(float x, float y) { return {1, 0, 0, 1, x, y}; }
    static Affine scale(float x, float y) { return {x, 0, 0, y, 0, 0}; }
    static Affine rotate(float radians) {
        const float s = std::sin(radians), k = std::cos(radians);
        return {k, s, -s, k, 0, 0};
    }
};

/// What covers a shape besides one colour, in the shape's own coordinates.
enum class Texture : std::uint8_t { flat, round, striped, dotted, vertical };

/// How a shape is filled.
struct Paint {
    Rgb colour = {};
    float alpha = 1.0F;
    Texture texture = Texture::flat;
    Rgb second = {};     ///< stripes, dots, or the lower end of a vertical gradient
    float reach = 12.0F; ///< half width of the body for side light; length of a vertical gradient
    float origin = 0.0F; ///< where a vertical gradient starts
};

/// A square picture that is drawn at twice its size and averaged at the end.
class Canvas {
public:
    /// A black picture that `finish` turns into [size, size, 3].
    explicit Canvas(int size)
        : size_(size), wide_(2 * size),
          pixels_(static_cast<std::size_t>(wide_) * static_cast<std::size_t>(wide_)),
          base_(Affine::scale(static_cast<float>(wide_) / kUnits, static_cast<float>(wide_) / kUnits)),
          map_(base_) {}

    /// From now on coordinates pass through `local` and are then units of the picture.
    void set(const Affine& local) { map_ = base_ * local; }

    /// Fills the polygon (even-odd rule).
    void polygon(std::span<const Point> points, const Paint& paint) {
        corners_.clear();
        for (const Point p : points) corners_.push_back(map_(p));
        fill_corners(paint);
    }
    void polygon(std::initializer_list<Point> points, const Paint& paint) {
        polygon(std::span<const Point>(points.begin(), points.size()), paint);
    }

    /// Fills the rectangle between two corners.
    void box(float x0, float y0, float x1, float y1, const Paint& paint) {
        polygon({{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}, paint);
    }

    /// Fills the ellipse around (x, y).
    void ellipse(float x, float y, float rx, float ry, const Paint& paint) {
        corners_.clear();
        for (const Point p : circle()) corners_.push_back(map_({x + rx * p.x, y + ry * p.y}));
        fill_corners(paint);
    }

    /// A line of `width` with round ends.
    void line(Point from, Point to, float width, const Paint& paint) {
        const float dx = to.x - from.x, dy = to.y - from.y;
        const float length = std::max(std::sqrt(dx * dx + dy * dy), 1e-4F);
        const float nx = -dy / length * width / 2, ny = dx / length * width / 2;
        const float tx = ny * 0.7F, ty = -nx * 0.7F;
        polygon({{from.x + nx, from.y + ny},
                 {from.x + nx * 0.6F - tx, from.y + ny * 0.6F - ty},
                 {from.x - nx * 0.6F - tx, from.y - ny * 0.6F - ty},
                 {from.x - nx, from.y - ny},
                 {to.x - nx, to.y - ny},
                 {to.x - nx * 0.6F + tx, to.y - ny * 0.6F + ty},
                 {to.x + nx * 0.6F + tx, to.y + ny * 0.6F + ty},
                 {to.x + nx, to.y + ny}},
                paint);
    }

    /// Part of an ellipse's outline, from one angle to another (radians, clockwise from the right).
    void arc(Point centre, float rx, float ry, float from, float to, float width, const Paint& paint) {
        constexpr int kPieces = 9;
        Point last{centre.x + rx * std::cos(from), centre.y + ry * std::sin(from)};
        for (int i = 1; i <= kPieces; ++i) {
            const float angle = from + (to - from) * static_cast<float>(i) / kPieces;
            const Point next{centre.x + rx * std::cos(angle), centre.y + ry * std::sin(angle)};
            line(last, next, width, paint);
            last = next;
        }
    }

    /// The polygon with a rim of `width` around it.
    void outlined(std::span<const Point> points, const Paint& paint, Rgb rim, float width) {
        for (std::size_t i = 0; i < points.size(); ++i)
            line(points[i], points[(i + 1) % points.size()], 2 * width, {.colour = rim});
        polygon(points, paint);
    }
    void outlined(std::initializer_list<Point> points, const Paint& paint, Rgb rim, float width) {
        outlined(std::span<const Point>(points.begin(), points.size()), paint, rim, width);
    }

    /// Averages into [size, size, 3] at `out`. `gain` brightens all, `slope` from left to right; `grain` is
    /// the amplitude (0 to 255) of a fixed noise that depends on `noise_seed` and the place only.
    void finish(std::uint8_t* out, float gain, float slope, float grain, std::uint32_t noise_seed) const {
        const int strength = static_cast<int>(grain * 256.0F / 128.0F);
        for (int y = 0; y < size_; ++y) {
            const std::uint32_t* top = &pixels_[at(0, 2 * y)];
            const std::uint32_t* low = &pixels_[at(0, 2 * y + 1)];
            for (int x = 0; x < size_; ++x, out += 3) {
                const float place = static_cast<float>(x) / static_cast<float>(size_) - 0.5F;
                const int factor = static_cast<int>(64.0F * (gain + slope * place));
                const std::uint32_t even = (top[2 * x] & 0xff00ffU) + (top[2 * x + 1] & 0xff00ffU) +
                                           (low[2 * x] & 0xff00ffU) + (low[2 * x + 1] & 0xff00ffU);
                const std::uint32_t odd = (top[2 * x] >> 8 & 0xffU) + (top[2 * x + 1] >> 8 & 0xffU) +
                                          (low[2 * x] >> 8 & 0xffU) + (low[2 * x + 1] >> 8 & 0xffU);
                std::uint32_t h = noise_seed ^ static_cast<std::uint32_t>(y) * 73856093U ^
                                  static_cast<std::uint32_t>(x) * 19349663U;
                h = (h ^ (h >> 15)) * 0x2c1b3c6dU;
                const int noise = ((static_cast<int>(h >> 24) - 128) * strength) >> 8;
                out[0] = level(static_cast<int>(even & 0xffffU), factor, noise);
                out[1] = level(static_cast<int>(odd), factor, noise);
                out[2] = level(static_cast<int>(even >> 16), factor, noise);
            }
        }
    }

private:
    static std::uint8_t level(int four_samples, int factor, int noise) {
        return static_cast<std::uint8_t>(std::clamp(((four_samples * factor) >> 8) + noise, 0, 255));
    }

    static std::uint32_t pack(Rgb c) {
        const auto part = [](float v) {
            return static_cast<std::uint32_t>(std::clamp(v, 0.0F, 1.0F) * 255.0F + 0.5F);
        };
        return part(c.r) | part(c.g) << 8 | part(c.b) << 16;
    }

    static const std::array<Point, 20>& circle() {
        static const std::array<Point, 20> points = [] {
            std::array<Point, 20> made{};
            for (std::size_t i = 0; i < made.size(); ++i) {
                const float angle = 6.2831853F * static_cast<float>(i) / static_cast<float>(made.size());
                made[i] = {std::cos(angle), std::sin(angle)};
            }
            return made;
        }();
        return points;
    }

    std::size_t at(int x, int y) const {
        return static_cast<std::size_t>(y) * static_cast<std::size_t>(wide_) + static_cast<std::size_t>(x);
    }

    void fill_corners(const Paint& paint) {
        float low = corners_[0].y, high = low;
        for (const Point p : corners_) low = std::min(low, p.y), high = std::max(high, p.y);
        const int first = std::max(0, static_cast<int>(std::ceil(low - 0.5F)));
        const int last = std::min(wide_ - 1, static_cast<int>(std::floor(high - 0.5F)));
        const bool plain = paint.texture == Texture::flat;
        const Affine back = plain ? Affine{} : map_.inverse();
        const std::uint32_t word = pack(paint.colour);
        for (int y = first; y <= last; ++y) {
            crossings(static_cast<float>(y) + 0.5F);
            for (std::size_t i = 0; i + 1 < cuts_.size(); i += 2) {
                const int x0 = std::max(0, static_cast<int>(std::ceil(cuts_[i] - 0.5F)));
                const int x1 = std::min(wide_, static_cast<int>(std::ceil(cuts_[i + 1] - 0.5F)));
                if (x0 >= x1) continue;
                if (!plain)
                    textured(x0, x1, y, paint, back);
                else if (paint.alpha >= 1.0F)
                    std::fill(&pixels_[at(x0, y)], &pixels_[at(x0, y)] + (x1 - x0), word);
                else
                    for (int x = x0; x < x1; ++x) blend(pixels_[at(x, y)], word, paint.alpha);
            }
        }
    }

    void crossings(float y) {
        cuts_.clear();
        Point p = corners_.back();
        for (const Point q : corners_) {
            if ((p.y <= y) != (q.y <= y)) cuts_.push_back(p.x + (y - p.y) / (q.y - p.y) * (q.x - p.x));
            p = q;
        }
        if (cuts_.size() == 2) {
            if (cuts_[0] > cuts_[1]) std::swap(cuts_[0], cuts_[1]);
        } else {
            std::sort(cuts_.begin(), cuts_.end());
        }
    }

    static void blend(std::uint32_t& under, std::uint32_t over, float alpha) {
        const auto k = static_cast<std::uint32_t>(alpha * 256.0F);
        const std::uint32_t even =
            ((under & 0xff00ffU) * (256 - k) + (over & 0xff00ffU) * k) >> 8 & 0xff00ffU;
        const std::uint32_t odd = ((under >> 8 & 0xffU) * (256 - k) + (over >> 8 & 0xffU) * k) & 0xff00U;
        under = even | odd;
    }

    void textured(int x0, int x1, int y, const Paint& paint, const Affine& back) {
        Point at_left = back({static_cast<float>(x0) + 0.5F, static_cast<float>(y) + 0.5F});
        for (int x = x0; x < x1; ++x, at_left.x += back.a, at_left.y += back.b)
            blend(pixels_[at(x, y)], pack(texel(paint, at_left)), paint.alpha);
    }

    static Rgb texel(const Paint& paint, Point p) {
        if (paint.texture == Texture::vertical)
            return mix(paint.colour, paint.second,
                       std::clamp((p.y - paint.origin) / paint.reach, 0.0F, 1.0F));
        Rgb c = paint.colour;
        if (paint.texture == Texture::striped) {
            const float phase = p.y / 7.0F + 100.0F;
            if (phase - std::floor(phase) < 0.42F) c = paint.second;
        } else if (paint.texture == Texture::dotted) {
            const float row = std::floor(p.y / 7.0F + 100.0F);
            const float shift = std::fmod(row, 2.0F) * 0.5F;
            const float u = p.x / 8.0F + 100.25F + shift, v = p.y / 7.0F + 100.0F;
            const float du = (u - std::floor(u) - 0.5F) * 8.0F, dv = (v - row - 0.5F) * 7.0F;
            if (du * du + dv * dv < 5.8F) c = paint.second;
        }
        const float side = p.x / paint.reach;
        const float light = 1.06F - 0.16F * side - 0.12F * side * side;
        return {c.r * light, c.g * light, c.b * light};
    }

    int size_;
    int wide_;
    std::vector<std::uint32_t> pixels_;
    Affine base_;
    Affine map_;
    std::vector<Point> corners_;
    std::vector<float> cuts_;
};

} // namespace svad::data::synth
