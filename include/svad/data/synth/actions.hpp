// SPDX-License-Identifier: Apache-2.0
//
// The close shots: one pose of hand and product for each action.
// Promise: each action has its own pose, its own mark (streaks, rays, stream, sparks, circular arrow, dust,
// wiggles) and its own motion, so that one frame of it suffices to name it. Motion alone was rejected: with
// two or three frames an action, lifting and lowering would be told apart by their order only.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "svad/data/synth/products.hpp"
#include "svad/data/synth/stage.hpp"

namespace svad::data::synth::detail {

inline float smooth(float t) {
    t = std::clamp(t, 0.0F, 1.0F);
    return t * t * (3 - 2 * t);
}

/// Where the product is in a close shot.
struct Pose {
    float x = 0, y = kFloor; ///< its foot
    float angle = 0;         ///< around its middle
    float wide = 1, high = 1;
    float open = 0; ///< flaps, and how far the lid has come off
    bool lid = true;
};

/// One frame being drawn.
struct Stage {
    Canvas& canvas;
    const Scene& scene;
    Affine camera;
    ProductStyle style;
    Dress dress;
    float t = 0;     ///< phase of the shot
    float scale = 1; ///< of the main product

    Extent extent() const { return extent_of(style.object); }
    float height() const { return extent().height * scale; }
    float width() const { return extent().width * scale; }
    Affine product(const Pose& pose) const {
        const float middle = extent().height / 2;
        return camera * Affine::move(pose.x, pose.y) * Affine::scale(scale * pose.wide, scale * pose.high) *
               Affine::move(0, -middle) * Affine::rotate(pose.angle) * Affine::move(0, middle);
    }
};

inline void draw_shadow(Stage& s, float x, float width, float strength) {
    s.canvas.set(s.camera);
    s.canvas.ellipse(x, kFloor + 0.5F, width * 0.55F, 3.2F,
                     {.colour = {0.05F, 0.04F, 0.06F}, .alpha = strength});
}

inline void draw_product(Stage& s, const Pose& pose) {
    s.canvas.set(s.product(pose));
    draw_body(s.canvas, s.style, pose.open);
    if (pose.lid) draw_lid(s.canvas, s.style);
    s.canvas.set(s.camera);
}

/// Bright marks with a dark rim, to be seen before every place.
inline void draw_mark(Canvas& canvas, Point from, Point to, float width, Rgb colour) {
    canvas.line(from, to, width + 1.8F, {.colour = {0.15F, 0.12F, 0.15F}});
    canvas.line(from, to, width, {.colour = colour});
}

inline void act_lift(Stage& s, Pose pose) {
    const float rise = (6 + 26 * smooth(s.t * 1.15F)) * s.scene.look.amplitude;
    pose.y -= rise;
    pose.angle = 0.05F * std::sin(6 * s.t);
    draw_shadow(s, pose.x, s.width() * 0.8F, 0.35F);
    for (const float u : {-0.32F, 0.0F, 0.32F})
        draw_mark(s.canvas, {pose.x + u * s.width(), pose.y + 10},
                  {pose.x + u * s.width(), std::max(pose.y + 11, kFloor)}, 2.4F, {1, 1, 1});
    draw_hand(s.canvas, s.dress, {140, pose.y + 30}, {pose.x + s.width() * 0.28F, pose.y + 5}, Grip::grasp);
    draw_product(s, pose);
}

inline void act_lower(Stage& s, Pose pose) {
    const float down = smooth(s.t * 1.1F);
    pose.y -= 30 * (1 - down) * s.scene.look.amplitude;
    draw_shadow(s, pose.x, s.width() * (0.8F + 0.3F * down), 0.2F + 0.3F * down);
    const float dust = 8 + 10 * down;
    for (const float side : {-1.0F, 1.0F})
        for (int i = 0; i < 3; ++i)
            s.canvas.ellipse(pose.x + side * (s.width() * 0.45F + static_cast<float>(i) * dust * 0.5F),
                             kFloor - 1 - 2.5F * static_cast<float>(i), 5.5F, 4.5F,
                             {.colour = {0.93F, 0.90F, 0.84F}, .alpha = 0.85F});
    draw_product(s, pose);
    const float top = pose.y - s.height();
    draw_hand(s.canvas, s.dress, {pose.x + 62, top - 62}, {pose.x + 3, top + 5}, Grip::grasp);
}

inline void act_open(Stage& s, Pose pose) {
    const float off = smooth(0.25F + s.t);
    pose.open = 0.25F + 0.75F * off;
    pose.lid = false;
    draw_shadow(s, pose.x, s.width(), 0.45F);
    const float top = kFloor - s.height() * 0.86F;
    for (int i = -2; i <= 1; ++i) {
        const float angle = -1.5708F + 0.42F * static_cast<float>(i);
        const Point d{std::cos(angle), std::sin(angle)};
        draw_mark(s.canvas, {pose.x + d.x * 14, top + d.y * 10},
                  {pose.x + d.x * (22 + 14 * off), top + d.y * (18 + 14 * off)}, 3, {1.0F, 0.95F, 0.35F});
    }
    draw_product(s, pose);
    Point hold{pose.x + s.width() * 0.35F + 12 * off, top - 4 - 16 * off};
    if (has_lid(s.style.object)) {
        const Extent size = s.extent();
        const Affine lid = s.camera * Affine::move(hold.x, hold.y) * Affine::scale(s.scale, s.scale) *
                           Affine::rotate(0.3F + 0.4F * off) * Affine::move(0, size.height - 3);
        draw_hand(s.canvas, s.dress, {hold.x + 66, hold.y - 26}, {hold.x + 7, hold.y - 2}, Grip::pinch);
        s.canvas.set(lid);
        draw_lid(s.canvas, s.style);
        s.canvas.set(s.camera);
    } else {
        const float angle = -0.06F + pose.open * 2.1F;
        hold = {pose.x + s.scale * (15 - 12 * std::cos(angle)),
                kFloor - s.scale * (22 + 12 * std::sin(angle))};
        draw_hand(s.canvas, s.dress, {hold.x + 66, hold.y - 30}, {hold.x + 6, hold.y}, Grip::pinch);
    }
}

inline void act_pour(Stage& s, Pose pose) {
    static constexpr std::array<Rgb, 4> liquids{
        {{0.25F, 0.85F, 0.95F}, {0.55F, 0.30F, 0.10F}, {1.0F, 0.62F, 0.75F}, {0.70F, 0.95F, 0.35F}}};
    const Paint liquid{.colour = liquids[static_cast<std::size_t>(s.scene.look.liquid)]};
    const float tilt = smooth(0.35F + 1.3F * s.t);
    pose.x += 20;
    pose.y -= 30;
    pose.angle = -1.85F * tilt;
    if (s.style.object == Object::teapot || s.style.object == Object::cup) pose.angle = -1.2F * tilt;
    pose.lid = s.style.object == Object::teapot;
    pose.open = pose.lid ? 0 : 1;
    const Affine to_camera = s.camera.inverse() * s.product(pose);
    const Point mouth = to_camera(mouth_of(s.style.object));
    const float glass = std::min(mouth.x - 3, pose.x - 22), level = 3 + 12 * s.t;
    draw_shadow(s, glass, 26, 0.4F);
    draw_hand(s.canvas, s.dress, {146, pose.y - s.height() * 0.75F},
              {pose.x + s.height() * 0.1F + 10, pose.y - s.height() * 0.45F}, Grip::grasp);
    const Paint wall{.colour = {0.94F, 0.96F, 0.98F}};
    s.canvas.outlined(
        {{glass - 10, kFloor}, {glass - 12, kFloor - 20}, {glass + 12, kFloor - 20}, {glass + 10, kFloor}},
        wall, {0.25F, 0.25F, 0.3F}, 1);
    s.canvas.line({mouth.x, mouth.y}, {glass, mouth.y + 6}, 7.4F, {.colour = {0.15F, 0.12F, 0.15F}});
    s.canvas.box(glass - 3.7F, mouth.y + 4, glass + 3.7F, kFloor - 2, {.colour = {0.15F, 0.12F, 0.15F}});
    s.canvas.line({mouth.x, mouth.y}, {glass, mouth.y + 6}, 5.6F, liquid);
    s.canvas.box(glass - 2.8F, mouth.y + 4, glass + 2.8F, kFloor - 2, liquid);
    s.canvas.box(glass - 9, kFloor - 2 - level, glass + 9, kFloor - 2, liquid);
    draw_product(s, pose);
}

inline void act_press(Stage& s, Pose pose) {
    const float push = 0.55F + 0.45F * std::sin(3.1416F * std::clamp(0.15F + s.t * 0.8F, 0.0F, 1.0F));
    pose.high = 1 - 0.42F * push;
    pose.wide = 1 + 0.28F * push;
    draw_shadow(s, pose.x, s.width() * 1.25F, 0.5F);
    for (const float side : {-1.0F, 1.0F})
        for (int i = 0; i < 3; ++i) {
            const float angle = -0.15F - 0.5F * static_cast<float>(i);
            const Point d{side * std::cos(angle), std::sin(angle)};
            const Point start{pose.x + side * s.width() * 0.62F + d.x * 3, kFloor - 6 + d.y * 6};
            const float length = 7 + 9 * push;
            draw_mark(s.canvas, start, {start.x + d.x * length, start.y + d.y * length}, 3,
                      {1.0F, 0.55F, 0.85F});
        }
    draw_product(s, pose);
    const float top = kFloor - s.height() * pose.high;
    draw_hand(s.canvas, s.dress, {pose.x + 4, -30}, {pose.x, top - 4}, Grip::flat);
    s.canvas.line({pose.x - 14, top - 0.5F}, {pose.x + 14, top - 0.5F}, 6,
                  {.colour = mix(s.dress.skin, {0.1F, 0.05F, 0.05F}, 0.65F)});
    s.canvas.line({pose.x - 14, top - 0.5F}, {pose.x + 14, top - 0.5F}, 4.2F, {.colour = s.dress.skin});
}

inline void act_turn(Stage& s, Pose pose) {
    pose.y -= 14;
    pose.angle = 3.1416F * smooth(0.12F + 0.88F * s.t);
    draw_shadow(s, pose.x, s.width(), 0.35F);
    draw_hand(s.canvas, s.dress, {146, kFloor - 24}, {pose.x + 16, pose.y - s.height() * 0.42F}, Grip::grasp);
    draw_product(s, pose);
    const Point middle{pose.x, pose.y - s.height() / 2};
    const float r = std::max(s.height(), s.width()) * 0.5F + 9, end = -0.5F;
    for (const bool rim : {true, false}) {
        const Paint paint{.colour = rim ? Rgb{0.15F, 0.12F, 0.15F} : Rgb{0.40F, 1.0F, 0.55F}};
        const float extra = rim ? 1.8F : 0.0F;
        s.canvas.arc(middle, r, r, -3.4F, end, 3.2F + extra, paint);
        const Point tip{middle.x + r * std::cos(end + 0.32F), middle.y + r * std::sin(end + 0.32F)};
        const Point in{middle.x + (r - 7) * std::cos(end), middle.y + (r - 7) * std::sin(end)};
        const Point out{middle.x + (r + 7) * std::cos(end), middle.y + (r + 7) * std::sin(end)};
        s.canvas.line(in, tip, 3 + extra, paint);
        s.canvas.line(out, tip, 3 + extra, paint);
    }
}

inline void act_shake(Stage& s, Pose pose) {
    const float swing = std::sin(6.2832F * (2.5F * s.t + s.scene.look.phase));
    const float lean = swing >= 0 ? 0.25F + 0.3F * swing : -0.25F + 0.3F * swing;
    pose.y -= 18;
    pose.x += 7 * swing;
    pose.angle = lean;
    draw_shadow(s, pose.x, s.width() * 0.9F, 0.35F);
    draw_product(s, pose);
    const float middle = pose.y - s.height() * 0.5F;
    draw_hand(s.canvas, s.dress, {146, middle + 18}, {pose.x + 9, middle + 4}, Grip::grasp);
    for (const float side : {-1.0F, 1.0F})
        for (const float up : {-1.0F, 1.0F}) {
            const float edge = pose.x - 7 * swing + side * (s.width() * 0.5F + 9);
            const float x = std::clamp(edge, 14.0F, 114.0F), y = middle + up * (s.height() * 0.36F + 5);
            if (side > 0 && up > 0) continue;
            for (int i = 0; i < 2; ++i) {
                const float a = x + side * 6 * static_cast<float>(i);
                draw_mark(s.canvas, {a, y - 9}, {a + 3 * side, y}, 2.2F, {0.45F, 0.95F, 1.0F});
                draw_mark(s.canvas, {a + 3 * side, y}, {a, y + 9}, 2.2F, {0.45F, 0.95F, 1.0F});
            }
        }
}

inline void draw_action(Stage& s, Action action, const Pose& pose) {
    switch (action) {
    case Action::lift:
        return act_lift(s, pose);
    case Action::open:
        return act_open(s, pose);
    case Action::pour:
        return act_pour(s, pose);
    case Action::press:
        return act_press(s, pose);
    case Action::turn:
        return act_turn(s, pose);
    case Action::lower:
        return act_lower(s, pose);
    case Action::shake:
        return act_shake(s, pose);
    }
}

} // namespace svad::data::synth::detail
