// SPDX-License-Identifier: Apache-2.0
//
// What stands around the products: places, tables, the person of the first shot and the hands of the others.
// Promise: places are told apart by large areas of muted colour, so that the saturated product stands out
// before each. All is drawn with the products on the left; `render.hpp` mirrors the picture where they are on
// the right.
#pragma once

#include <array>
#include <cmath>

#include "svad/data/synth/canvas.hpp"
#include "svad/data/synth/scene.hpp"

namespace svad::data::synth {

/// Height of the surface that products stand on.
inline constexpr float kFloor = 106.0F;

namespace detail {

inline Paint gradient(Rgb top, Rgb bottom, float from, float length) {
    return {.colour = top, .texture = Texture::vertical, .second = bottom, .reach = length, .origin = from};
}

inline void draw_tree(Canvas& canvas, float x, float y, float size, Rgb leaf) {
    canvas.box(x - 0.12F * size, y - 0.5F * size, x + 0.12F * size, y, {.colour = {0.40F, 0.29F, 0.20F}});
    canvas.ellipse(x, y - size, 0.55F * size, 0.62F * size, {.colour = leaf});
    canvas.ellipse(x - 0.3F * size, y - 0.7F * size, 0.34F * size, 0.34F * size,
                   {.colour = mix(leaf, {0, 0, 0}, 0.12F)});
}

inline void draw_indoors(Canvas& canvas, Place place, float j) {
    if (place == Place::kitchen) {
        canvas.box(-60, -60, 190, 140, {.colour = {0.86F, 0.78F, 0.64F}});
        for (int i = 0; i < 4; ++i) {
            const float x = -14 + 40 * static_cast<float>(i) + 4 * j;
            canvas.box(x, -60, x + 36, 26, {.colour = {0.62F, 0.45F, 0.30F}});
            canvas.box(x + 3, -60, x + 33, 22, {.colour = {0.70F, 0.53F, 0.37F}});
            canvas.box(x + 28, 10, x + 31, 18, {.colour = {0.85F, 0.85F, 0.85F}});
        }
        for (int i = 1; i < 5; ++i)
            canvas.box(-60, 26 + 16 * static_cast<float>(i), 190, 27.5F + 16 * static_cast<float>(i),
                       {.colour = {0.76F, 0.68F, 0.55F}});
    } else if (place == Place::office) {
        canvas.box(-60, -60, 190, 140, {.colour = {0.63F, 0.66F, 0.70F}});
        canvas.box(12 + 6 * j, 8, 60 + 6 * j, 62, {.colour = {0.35F, 0.38F, 0.44F}});
        for (int i = 0; i < 9; ++i)
            canvas.box(15 + 6 * j, 11 + 5.6F * static_cast<float>(i), 57 + 6 * j,
                       14.4F + 5.6F * static_cast<float>(i), {.colour = {0.84F, 0.87F, 0.90F}});
        for (int i = 0; i < 2; ++i) {
            const float y = 30 + 26 * static_cast<float>(i);
            canvas.box(76, y, 190, y + 4, {.colour = {0.36F, 0.30F, 0.27F}});
            for (int k = 0; k < 5; ++k)
                canvas.box(79 + 9 * static_cast<float>(k), y - 17, 85 + 9 * static_cast<float>(k), y,
                           {.colour = mix({0.50F, 0.42F, 0.40F}, {0.38F, 0.45F, 0.52F},
                                          static_cast<float>(k % 3) / 2)});
        }
    } else if (place == Place::bathroom) {
        canvas.box(-60, -60, 190, 140, {.colour = {0.66F, 0.86F, 0.86F}});
        for (int i = -2; i < 9; ++i) {
            const float v = 18 * static_cast<float>(i) + 4 * j;
            canvas.box(v, -60, v + 1.6F, 140, {.colour = {0.88F, 0.96F, 0.96F}});
            canvas.box(-60, v, 190, v + 1.6F, {.colour = {0.88F, 0.96F, 0.96F}});
        }
        canvas.ellipse(46 + 5 * j, 36, 25, 27, {.colour = {0.45F, 0.55F, 0.58F}});
        canvas.ellipse(46 + 5 * j, 36, 22, 24, {.colour = {0.84F, 0.93F, 0.97F}});
        canvas.line({36 + 5 * j, 44}, {52 + 5 * j, 22}, 3, {.colour = {0.95F, 0.99F, 1.0F}});
    } else { // studio
        canvas.box(-60, -60, 190, 140, gradient({0.50F, 0.40F, 0.50F}, {0.82F, 0.72F, 0.80F}, 0, 110));
        canvas.polygon({{24 + 8 * j, -60}, {44 + 8 * j, -60}, {92, 120}, {-10, 120}},
                       {.colour = {0.95F, 0.90F, 0.95F}, .alpha = 0.35F});
    }
}

inline void draw_outdoors(Canvas& canvas, Place place, float j) {
    if (place == Place::beach) {
        canvas.box(-60, -60, 190, 48, gradient({0.50F, 0.76F, 0.95F}, {0.83F, 0.93F, 0.97F}, -10, 60));
        canvas.box(-60, 47, 190, 74, gradient({0.10F, 0.48F, 0.66F}, {0.35F, 0.72F, 0.78F}, 47, 27));
        canvas.box(-60, 73, 190, 140, {.colour = {0.92F, 0.83F, 0.60F}});
        canvas.ellipse(26 + 10 * j, 18, 10, 10, {.colour = {1.0F, 0.96F, 0.72F}});
        canvas.polygon({{78, 49}, {90, 26}, {92, 49}}, {.colour = {0.97F, 0.97F, 0.95F}});
        canvas.box(74, 49, 98, 53, {.colour = {0.45F, 0.35F, 0.30F}});
    } else if (place == Place::park) {
        canvas.box(-60, -60, 190, 66, gradient({0.62F, 0.80F, 0.92F}, {0.88F, 0.94F, 0.95F}, -10, 76));
        canvas.box(-60, 62, 190, 140, {.colour = {0.50F, 0.66F, 0.36F}});
        canvas.polygon({{60, 62}, {68, 62}, {120, 140}, {60, 140}}, {.colour = {0.80F, 0.74F, 0.62F}});
        draw_tree(canvas, 20 + 6 * j, 72, 36, {0.36F, 0.54F, 0.30F});
        draw_tree(canvas, 92 + 5 * j, 68, 28, {0.42F, 0.58F, 0.32F});
    } else if (place == Place::street) {
        canvas.box(-60, -60, 190, 140, gradient({0.10F, 0.12F, 0.26F}, {0.24F, 0.22F, 0.38F}, 0, 100));
        for (int i = 0; i < 5; ++i) {
            const float x = -22 + 34 * static_cast<float>(i) + 4 * j,
                        top = 12 + 11 * static_cast<float>((i * 7) % 4);
            canvas.box(x, top, x + 29, 110, {.colour = {0.20F, 0.20F, 0.30F}});
            for (int k = 0; k < 6; ++k) {
                const float wx = x + 4 + 12 * static_cast<float>(k % 2),
                            wy = top + 6 + 15 * static_cast<float>(k / 2);
                canvas.box(wx, wy, wx + 8, wy + 8,
                           {.colour = (k * 5 + i * 3) % 4 == 0 ? Rgb{0.28F, 0.30F, 0.42F}
                                                               : Rgb{0.96F, 0.86F, 0.55F}});
            }
        }
    } else { // forest
        canvas.box(-60, -60, 190, 140, gradient({0.16F, 0.30F, 0.22F}, {0.30F, 0.42F, 0.28F}, 0, 110));
        for (int i = 0; i < 7; ++i) {
            const float x = -16 + 24 * static_cast<float>(i) + 5 * j * static_cast<float>(i % 2);
            canvas.polygon(
                {{x - 18, 92}, {x, 4 + 13 * static_cast<float>(i % 3)}, {x + 18, 92}},
                {.colour = mix({0.12F, 0.27F, 0.18F}, {0.22F, 0.40F, 0.24F}, static_cast<float>(i % 2))});
        }
        canvas.box(-60, 88, 190, 140, {.colour = {0.32F, 0.30F, 0.20F}});
    }
}

} // namespace detail

/// The place behind everything; `j` from -1 to 1 moves its furniture.
inline void draw_place(Canvas& canvas, Place place, float j) {
    if (place == Place::beach || place == Place::park || place == Place::street || place == Place::forest)
        detail::draw_outdoors(canvas, place, j);
    else
        detail::draw_indoors(canvas, place, j);
}

/// The table top in the foreground.
inline void draw_table(Canvas& canvas, const Look& look) {
    static constexpr std::array<Rgb, 4> tops{
        {{0.58F, 0.42F, 0.28F}, {0.66F, 0.64F, 0.62F}, {0.44F, 0.36F, 0.32F}, {0.72F, 0.60F, 0.48F}}};
    const Rgb top = tops[static_cast<std::size_t>(look.table)];
    canvas.box(-60, kFloor - 9, 190, kFloor + 10, {.colour = top});
    canvas.box(-60, kFloor - 9, 190, kFloor - 7.5F, {.colour = mix(top, {1, 1, 1}, 0.35F)});
    canvas.box(-60, kFloor + 10, 190, 190, {.colour = mix(top, {0, 0, 0}, 0.35F)});
}

/// Skin and clothes of the person.
struct Dress {
    Rgb skin;
    Rgb cloth;
};

/// The colours of a scene's person.
inline Dress dress_of(Person person, const Look& look) {
    static constexpr std::array<Rgb, 4> cloths{
        {{0.12F, 0.50F, 0.52F}, {0.92F, 0.56F, 0.66F}, {0.45F, 0.36F, 0.30F}, {0.50F, 0.53F, 0.58F}}};
    Dress dress{mix({0.96F, 0.80F, 0.68F}, {0.50F, 0.33F, 0.24F}, look.tone),
                cloths[static_cast<std::size_t>(look.clothes)]};
    if (person == Person::chef) dress.cloth = {0.93F, 0.93F, 0.92F};
    if (person == Person::robot) dress = {{0.62F, 0.68F, 0.74F}, {0.42F, 0.48F, 0.56F}};
    return dress;
}

namespace detail {

inline void draw_head(Canvas& canvas, Person person, const Dress& dress, float x, float y) {
    const Paint dark{.colour = {0.12F, 0.09F, 0.08F}};
    const Paint skin{.colour = dress.skin};
    if (person == Person::robot) {
        canvas.line({x, y - 12}, {x, y - 20}, 2, dark);
        canvas.ellipse(x, y - 21, 3, 3, {.colour = {0.25F, 0.85F, 0.90F}});
        canvas.outlined({{x - 11, y - 12}, {x + 11, y - 12}, {x + 11, y + 10}, {x - 11, y + 10}}, skin,
                        dark.colour, 1);
        canvas.box(x - 8, y - 7, x + 8, y, dark);
        for (const float side : {-1.0F, 1.0F})
            canvas.ellipse(x + 4 * side, y - 3.5F, 2.4F, 2.4F, {.colour = {0.25F, 0.95F, 0.95F}});
        return;
    }
    if (person == Person::woman) {
        canvas.ellipse(x, y - 2, 14, 14, {.colour = {0.30F, 0.14F, 0.08F}});
        canvas.box(x - 14, y - 2, x + 14, y + 20, {.colour = {0.30F, 0.14F, 0.08F}});
    }
    canvas.ellipse(x, y, 10, 11.5F, skin);
    if (person == Person::man) {
        canvas.polygon({{x - 11, y - 2},
                        {x - 9, y - 11},
                        {x, y - 14},
                        {x + 9, y - 11},
                        {x + 11, y - 2},
                        {x + 7, y - 6},
                        {x - 7, y - 6}},
                       dark);
        canvas.polygon({{x - 10, y + 3}, {x + 10, y + 3}, {x + 6, y + 13}, {x - 6, y + 13}}, dark);
    }
    if (person == Person::woman)
        canvas.polygon({{x - 10, y - 3}, {x - 6, y - 11}, {x + 6, y - 11}, {x + 10, y - 3}, {x + 2, y - 7}},
                       {.colour = {0.30F, 0.14F, 0.08F}});
    if (person == Person::chef) {
        canvas.outlined({{x - 9, y - 7},
                         {x - 13, y - 22},
                         {x - 5, y - 27},
                         {x + 5, y - 27},
                         {x + 13, y - 22},
                         {x + 9, y - 7}},
                        {.colour = {0.99F, 0.99F, 0.99F}}, {0.55F, 0.55F, 0.58F}, 0.8F);
        canvas.line({x - 6, y + 4}, {x + 6, y + 4}, 2.4F, dark);
    }
    for (const float side : {-1.0F, 1.0F}) canvas.ellipse(x + 4 * side, y - 1, 1.5F, 1.8F, dark);
    canvas.line({x - 3, y + 6.5F}, {x + 3, y + 6.5F}, 1.6F, {.colour = {0.75F, 0.25F, 0.25F}});
}

} // namespace detail

/// The person of the first shot, behind the table; `t` is the time in seconds, `reach` from 0 to 1 points the
/// near arm at the products.
inline void draw_person(Canvas& canvas, Person person, const Look& look, float x, float t, float reach) {
    const Dress dress = dress_of(person, look);
    const float sway = 1.5F * std::sin(5.0F * t + 6.0F * look.phase);
    const Paint cloth{.colour = dress.cloth}, skin{.colour = dress.skin};
    const Paint shade{.colour = mix(dress.cloth, {0, 0, 0}, 0.25F)};
    canvas.outlined({{x - 14, 120}, {x - 13, 66}, {x - 6, 58}, {x + 6, 58}, {x + 13, 66}, {x + 14, 120}},
                    cloth, shade.colour, 1);
    if (person == Person::robot) canvas.box(x - 6, 70, x + 6, 80, {.colour = {0.25F, 0.85F, 0.90F}});
    canvas.box(x - 3.5F, 52, x + 3.5F, 60, skin);
    detail::draw_head(canvas, person, dress, x + sway, 44);
    canvas.line({x + 13, 67}, {x + 17, 84}, 7, shade);
    canvas.line({x + 17, 84}, {x + 12, 98}, 6, skin);
    const Point elbow{x - 18, 82 - 5 * reach};
    const Point wrist{x - 22 - 10 * reach, 92 - 24 * reach + 3 * std::sin(9.0F * t)};
    canvas.line({x - 12, 67}, elbow, 7.5F, shade);
    canvas.line(elbow, wrist, 6, skin);
    canvas.ellipse(wrist.x, wrist.y, 4.4F, 4.4F, skin);
}

/// How a hand is held.
enum class Grip : std::uint8_t { grasp, flat, pinch };

/// A forearm with a sleeve from `from` (outside the picture) to a hand at `to`.
inline void draw_hand(Canvas& canvas, const Dress& dress, Point from, Point to, Grip grip) {
    const float dx = to.x - from.x, dy = to.y - from.y;
    const float length = std::max(std::sqrt(dx * dx + dy * dy), 1.0F);
    const Point along{dx / length, dy / length}, across{-along.y, along.x};
    const auto at = [&](float u, float v) {
        return Point{to.x + u * along.x + v * across.x, to.y + u * along.y + v * across.y};
    };
    const Rgb rim = mix(dress.skin, {0.1F, 0.05F, 0.05F}, 0.65F);
    const Rgb edge = mix(dress.cloth, {0, 0, 0}, 0.4F);
    canvas.line(from, at(-10, 0), 12, {.colour = rim});
    canvas.line(from, at(-10, 0), 10, {.colour = dress.skin});
    canvas.line(from, at(-24, 0), 18, {.colour = edge});
    canvas.line(from, at(-25, 0), 16, {.colour = dress.cloth});
    const float spread = grip == Grip::flat ? 5.6F : grip == Grip::pinch ? 2.2F : 4.2F;
    const float finger = grip == Grip::flat ? 5.0F : 9.0F;
    for (const bool outline : {true, false}) {
        const Paint paint{.colour = outline ? rim : dress.skin};
        const float extra = outline ? 1.8F : 0.0F;
        for (int i = 0; i < 4; ++i) {
            const float v = (static_cast<float>(i) - 1.5F) * spread;
            canvas.line(at(-2, v * 0.8F), at(finger - std::abs(v) * 0.3F, v), 4.0F + extra, paint);
        }
        canvas.ellipse(at(-4, 0).x, at(-4, 0).y, 8.2F + extra / 2, 8.2F + extra / 2, paint);
    }
}

} // namespace svad::data::synth
