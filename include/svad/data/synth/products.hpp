// SPDX-License-Identifier: Apache-2.0
//
// The silhouettes of the products, each in its own units: the middle of its foot at (0, 0), up is negative y.
// Promise: every product is told apart from the others by its outline alone, at 14 pixels of height.
// The body carries colour and material; lids are drawn apart so that they can come off.
#pragma once

#include <array>
#include <cmath>
#include <span>

#include "svad/data/synth/canvas.hpp"
#include "svad/data/synth/world.hpp"

namespace svad::data::synth {

/// Width and height of a product with its lid on, in its own units.
struct Extent {
    float width;
    float height;
};

/// The size of a product.
inline Extent extent_of(Object object) {
    static constexpr std::array<Extent, 12> sizes{{{26, 32},
                                                   {30, 24},
                                                   {17, 40},
                                                   {30, 24},
                                                   {22, 33},
                                                   {27, 35},
                                                   {27, 27},
                                                   {38, 30},
                                                   {36, 20},
                                                   {36, 22},
                                                   {26, 32},
                                                   {28, 30}}};
    return sizes[static_cast<std::size_t>(object)];
}

/// The paint of a named colour.
inline Rgb rgb_of(Colour colour) {
    static constexpr std::array<Rgb, 8> values{{{0.90F, 0.07F, 0.10F},
                                                {1.00F, 0.50F, 0.00F},
                                                {1.00F, 0.90F, 0.05F},
                                                {0.05F, 0.66F, 0.15F},
                                                {0.08F, 0.25F, 0.95F},
                                                {0.58F, 0.12F, 0.75F},
                                                {0.98F, 0.98F, 0.98F},
                                                {0.07F, 0.07F, 0.08F}}};
    return values[static_cast<std::size_t>(colour)];
}

/// How one product is drawn.
struct ProductStyle {
    Object object = Object::jar;
    Colour colour = Colour::red;
    Material material = Material::plain;

    /// The paint of the body.
    Paint body(float reach = 12.0F) const {
        Paint paint{.colour = rgb_of(colour), .texture = Texture::round, .second = {1, 1, 1}, .reach = reach};
        if (material == Material::striped) paint.texture = Texture::striped;
        if (material == Material::dotted) paint.texture = Texture::dotted;
        if (colour == Colour::white) paint.second = {0.45F, 0.52F, 0.62F};
        if (colour == Colour::yellow) paint.second = {0.42F, 0.30F, 0.08F};
        return paint;
    }
    /// The outline: dark, light around black.
    Rgb rim() const { return colour == Colour::black ? Rgb{0.66F, 0.66F, 0.68F} : Rgb{0.13F, 0.11F, 0.13F}; }
    /// Lids, caps and feet: grey metal.
    Paint metal() const { return {.colour = {0.66F, 0.67F, 0.70F}, .texture = Texture::round}; }
    /// The product's colour without material.
    Paint bare() const { return {.colour = rgb_of(colour), .texture = Texture::round}; }
};

namespace detail {

inline void draw_vessel(Canvas& canvas, const ProductStyle& style, bool open) {
    const Rgb rim = style.rim();
    const Paint inside{.colour = {0.16F, 0.12F, 0.12F}};
    switch (style.object) {
    case Object::jar:
        canvas.outlined(
            {{-11, 0}, {-13, -4}, {-13, -19}, {-10, -25}, {10, -25}, {13, -19}, {13, -4}, {11, 0}},
            style.body(13), rim, 1);
        if (open) canvas.ellipse(0, -25, 9, 2.4F, inside);
        break;
    case Object::bottle:
        canvas.outlined(
            {{-8, 0}, {-8, -20}, {-3.6F, -27}, {-3.6F, -35}, {3.6F, -35}, {3.6F, -27}, {8, -20}, {8, 0}},
            style.body(8), rim, 1);
        if (open) canvas.ellipse(0, -35, 3.4F, 1.4F, inside);
        break;
    case Object::cup:
        canvas.arc({12, -12}, 6, 6.5F, -1.5F, 1.5F, 3.6F, {.colour = rim});
        canvas.arc({12, -12}, 6, 6.5F, -1.5F, 1.5F, 2.2F, style.bare());
        canvas.outlined({{-8, 0}, {-12, -23}, {12, -23}, {8, 0}}, style.body(12), rim, 1);
        canvas.ellipse(0, -23, 11, 2.6F, inside);
        break;
    case Object::teapot:
        canvas.outlined({{-8, -5}, {-16, -20}, {-20, -21}, {-16, -24}, {-13, -21}, {-7, -14}}, style.bare(),
                        rim, 1);
        canvas.arc({12, -13}, 8, 8, -1.6F, 1.6F, 4.0F, {.colour = rim});
        canvas.arc({12, -13}, 8, 8, -1.6F, 1.6F, 2.4F, style.bare());
        canvas.ellipse(0, -11.5F, 14, 12.2F, {.colour = rim});
        canvas.ellipse(0, -11.5F, 13, 11.3F, style.body(13));
        if (open) canvas.ellipse(0, -21.5F, 7, 2.2F, inside);
        break;
    default: // tube
        canvas.outlined({{-11, 0}, {-11, -4}, {-4.5F, -26}, {4.5F, -26}, {11, -4}, {11, 0}}, style.body(10),
                        rim, 1);
        canvas.box(-11, -3, 11, 0, style.metal());
        if (open) canvas.ellipse(0, -26, 3.4F, 1.3F, inside);
        break;
    }
}

inline void draw_box(Canvas& canvas, const ProductStyle& style, float flaps) {
    const Rgb rim = style.rim();
    if (flaps > 0)
        canvas.outlined({{-14, -20}, {-10, -25}, {10, -25}, {14, -20}}, {.colour = {0.2F, 0.15F, 0.12F}}, rim,
                        1);
    canvas.outlined({{-15, 0}, {-15, -20}, {15, -20}, {15, 0}}, style.body(15), rim, 1);
    const float angle = -0.06F + flaps * 2.1F;
    const float x = 14 * std::cos(angle), y = 14 * std::sin(angle);
    for (const float side : {-1.0F, 1.0F})
        canvas.outlined(
            {{side * 15, -20}, {side * (15 - x), -20 - y}, {side * (15 - x), -24 - y}, {side * 15, -24}},
            {.colour = mix(rgb_of(style.colour), {0.6F, 0.6F, 0.6F}, 0.25F)}, rim, 1);
}

inline void draw_ball(Canvas& canvas, const ProductStyle& style) {
    canvas.ellipse(0, -13.5F, 14.4F, 14.4F, {.colour = style.rim()});
    canvas.ellipse(0, -13.5F, 13.4F, 13.4F, style.body(14));
    const Paint seam{.colour = style.rim()};
    canvas.arc({-14, -13.5F}, 10, 14, -0.75F, 0.75F, 1.4F, seam);
    canvas.arc({14, -13.5F}, 10, 14, 2.4F, 3.88F, 1.4F, seam);
    canvas.ellipse(0, -23, 3.2F, 2.2F, {.colour = {1, 1, 1}});
}

inline void draw_lamp(Canvas& canvas, const ProductStyle& style) {
    canvas.box(-9, -4, 9, 0, {.colour = style.rim()});
    canvas.box(-2, -18, 2, -3, {.colour = {0.45F, 0.38F, 0.25F}});
    canvas.ellipse(0, -16, 3.5F, 4, {.colour = {1, 0.96F, 0.7F}});
    canvas.outlined({{-13, -16}, {-7, -34}, {7, -34}, {13, -16}}, style.body(13), style.rim(), 1);
}

inline void draw_other(Canvas& canvas, const ProductStyle& style) {
    const Rgb rim = style.rim();
    const Paint page{.colour = {0.95F, 0.93F, 0.86F}};
    switch (style.object) {
    case Object::shoe:
        canvas.outlined({{-17, -3}, {-17, -9}, {-6, -13}, {2, -20}, {15, -20}, {17, -3}}, style.body(17), rim,
                        1);
        canvas.box(-18, -4, 18, 0, page);
        for (const float x : {-6.0F, -2.0F, 2.0F}) canvas.line({x, -10}, {x + 4, -14}, 1.6F, page);
        break;
    case Object::hat:
        canvas.ellipse(0, -3, 19, 4.4F, {.colour = rim});
        canvas.ellipse(0, -3.4F, 18, 3.6F, style.bare());
        canvas.outlined({{-11, -4}, {-9, -18}, {-4, -21}, {4, -21}, {9, -18}, {11, -4}}, style.body(11), rim,
                        1);
        canvas.box(-11, -8, 11, -4, {.colour = rim});
        break;
    case Object::book:
        canvas.outlined({{-12, 0}, {-12, -31}, {12, -31}, {12, 0}}, style.body(12), rim, 1);
        canvas.box(9, -30, 12, -1, page);
        canvas.box(-12, -31, -9, 0, {.colour = mix(rgb_of(style.colour), rim, 0.45F)});
        break;
    default: // clock
        canvas.line({-9, 0}, {-5, -6}, 3, {.colour = rim});
        canvas.line({9, 0}, {5, -6}, 3, {.colour = rim});
        canvas.ellipse(0, -16, 14.4F, 14.4F, {.colour = rim});
        canvas.ellipse(0, -16, 13.4F, 13.4F, style.body(14));
        canvas.ellipse(0, -16, 8.5F, 8.5F, page);
        canvas.line({0, -16}, {0, -22}, 1.6F, {.colour = {0.1F, 0.1F, 0.1F}});
        canvas.line({0, -16}, {4.5F, -14}, 1.6F, {.colour = {0.1F, 0.1F, 0.1F}});
        break;
    }
}

} // namespace detail

/// True where a lid or cap can come off (a box has flaps instead).
inline bool has_lid(Object object) {
    return object == Object::jar || object == Object::bottle || object == Object::tube ||
           object == Object::teapot;
}

/// Where the opening is.
inline Point mouth_of(Object object) {
    switch (object) {
    case Object::jar:
        return {0, -25};
    case Object::bottle:
        return {0, -35};
    case Object::cup:
        return {-11, -23};
    case Object::teapot:
        return {-18, -23};
    case Object::tube:
        return {0, -26};
    default:
        return {0, -22};
    }
}

/// Draws the lid alone, in the product's units, as if it were closed.
inline void draw_lid(Canvas& canvas, const ProductStyle& style) {
    const Rgb rim{0.15F, 0.14F, 0.16F};
    if (style.object == Object::jar)
        canvas.outlined({{-11, -25}, {-11, -31}, {11, -31}, {11, -25}}, style.metal(), rim, 0.9F);
    if (style.object == Object::bottle)
        canvas.outlined({{-4.5F, -34}, {-4.5F, -40}, {4.5F, -40}, {4.5F, -34}}, style.metal(), rim, 0.9F);
    if (style.object == Object::tube)
        canvas.outlined({{-5.5F, -26}, {-4.5F, -33}, {4.5F, -33}, {5.5F, -26}}, style.metal(), rim, 0.9F);
    if (style.object == Object::teapot) {
        canvas.ellipse(0, -27, 3.2F, 3.2F, {.colour = rim});
        canvas.outlined({{-8, -21.5F}, {-5, -25.5F}, {5, -25.5F}, {8, -21.5F}}, style.metal(), rim, 0.9F);
    }
}

/// Draws the product without its lid; `open` from 0 to 1 opens the flaps of a box and shows the inside of the
/// rest.
inline void draw_body(Canvas& canvas, const ProductStyle& style, float open) {
    switch (style.object) {
    case Object::box:
        return detail::draw_box(canvas, style, open);
    case Object::ball:
        return detail::draw_ball(canvas, style);
    case Object::lamp:
        return detail::draw_lamp(canvas, style);
    case Object::shoe:
    case Object::hat:
    case Object::book:
    case Object::clock:
        return detail::draw_other(canvas, style);
    default:
        return detail::draw_vessel(canvas, style, open > 0);
    }
}

} // namespace svad::data::synth
