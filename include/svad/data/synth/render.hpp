// SPDX-License-Identifier: Apache-2.0
//
// From a scene to pixels: the establishing shot, and one close shot for each action.
// Promise: `render(scene, frame)` is a pure function. All is laid out with the products on the left and the
// hand from the right; the other side is the mirror image, so that `left` and `right` differ in nothing else.
#pragma once

#include <algorithm>

#include "svad/core/tensor.hpp"
#include "svad/data/synth/actions.hpp"

namespace svad::data::synth {

namespace detail {

inline void draw_establishing(Stage& s, float seconds) {
    const Look& look = s.scene.look;
    const int count = static_cast<int>(s.scene.truth.count) + 1;
    const Extent size = s.extent();
    // Round and tapering neighbours may overlap a little, boxes would look like one.
    const float near = s.style.object == Object::box ? 1.05F : 0.88F;
    const float share = 1 + near * static_cast<float>(count - 1);
    s.scale = std::min({80.0F / (share * size.width), 62.0F / size.height, 2.1F}) * look.scale;
    draw_person(s.canvas, s.scene.truth.person, look, 105 + 1.5F * look.jitter[1], seconds,
                count == 3 ? 0.15F : 0.6F + 0.4F * look.jitter[2]);
    draw_table(s.canvas, look);
    const float width = s.scale * size.width, room = 80 - width;
    const float gap =
        std::clamp(room / std::max(1.0F, static_cast<float>(count - 1)), near * width, 1.15F * width);
    const float middle = (count == 3 ? 44.0F : count == 2 ? 43.0F : 38.0F) + 2 * look.jitter[0];
    for (int i = 0; i < count; ++i) {
        Pose pose;
        pose.x = middle + gap * (static_cast<float>(i) - 0.5F * static_cast<float>(count - 1));
        pose.y += 1.5F * look.jitter[static_cast<std::size_t>(3 + i)];
        draw_shadow(s, pose.x, size.width * s.scale, 0.45F);
        draw_product(s, pose);
    }
}

inline void draw_close(Stage& s, Action action) {
    const Look& look = s.scene.look;
    const int count = static_cast<int>(s.scene.truth.count) + 1;
    const Extent size = s.extent();
    s.canvas.set(s.camera);
    draw_table(s.canvas, look);
    s.scale = std::min(20.0F / size.width, 40.0F / size.height) * look.scale;
    for (int i = 1; i < count; ++i) { // the others wait at the far corner
        Pose pose;
        pose.x = 126 - 21 * static_cast<float>(i);
        pose.y = kFloor - 4;
        draw_shadow(s, pose.x, size.width * s.scale, 0.4F);
        draw_product(s, pose);
    }
    s.scale = std::min(54.0F / size.width, 54.0F / size.height) * look.scale;
    Pose pose;
    pose.x = 42 + 2 * look.jitter[0];
    draw_action(s, action, pose);
}

inline void draw_frame(Canvas& canvas, const Scene& scene, Index frame) {
    const std::size_t shot = scene.shot_of(frame);
    const float t = scene.phase_of(frame), seconds = static_cast<float>(frame) / static_cast<float>(kFps);
    const ShotCamera& move = scene.camera[shot];
    const float zoom = move.zoom + move.push * t, pan = move.pan * (t - 0.5F);
    const bool mirror = scene.truth.side == Side::right;
    const Affine whole = mirror ? Affine{-1, 0, 0, 1, kUnits, 0} : Affine{};
    const auto look_at = [&](float factor) {
        return Affine::move(64 + pan, 64 + move.tilt) * Affine::scale(factor, factor) *
               Affine::move(-64, -64);
    };
    const Affine place = scene.look.mirrored_place ? Affine{-1, 0, 0, 1, kUnits, 0} : Affine{};
    canvas.set(place * look_at(zoom * (shot == 0 ? 1.0F : 1.3F)));
    draw_place(canvas, scene.truth.place, scene.look.jitter[5]);
    Stage stage{.canvas = canvas,
                .scene = scene,
                .camera = whole * look_at(zoom),
                .style = {scene.truth.object, scene.truth.colour, scene.truth.material},
                .dress = dress_of(scene.truth.person, scene.look),
                .t = t,
                .scale = 1};
    canvas.set(stage.camera);
    if (shot == 0)
        draw_establishing(stage, seconds);
    else
        draw_close(stage, scene.truth.actions[shot - 1]);
}

inline void finish_frame(const Canvas& canvas, const Scene& scene, std::uint8_t* out) {
    const Look& look = scene.look;
    canvas.finish(out, look.gain, look.slope, look.grain,
                  static_cast<std::uint32_t>(scene.index * 2654435761U + 17));
}

} // namespace detail

/// One frame as RGB bytes [size, size, 3]. Throws UsageError for a frame outside the clip or a size outside
/// 8..1024.
inline Tensor<std::uint8_t> render(const Scene& scene, Index frame, int size = 128) {
    if (frame < 0 || frame >= scene.frames)
        fail<UsageError>("render: frame must lie in the clip; got ", frame, " of ", scene.frames,
                         "; ask for less");
    if (size < 8 || size > 1024)
        fail<UsageError>("render: size must be from 8 to 1024; got ", size, "; scale the picture afterwards");
    Canvas canvas(size);
    detail::draw_frame(canvas, scene, frame);
    Tensor<std::uint8_t> out(Shape{size, size, 3});
    detail::finish_frame(canvas, scene, out.data());
    return out;
}

/// The frames at the centres of `count` equal segments, drawn directly at `size`: [count, size, size, 3].
inline Tensor<std::uint8_t> render_sampled(const Scene& scene, Index count = 8, int size = 64) {
    if (count < 1 || count > scene.frames)
        fail<UsageError>("render_sampled: count must be from 1 to the frames of the clip; got ", count,
                         " of ", scene.frames, "; ask for fewer");
    if (size < 8 || size > 1024)
        fail<UsageError>("render_sampled: size must be from 8 to 1024; got ", size,
                         "; scale the pictures afterwards");
    Tensor<std::uint8_t> out(Shape{count, size, size, 3});
    Canvas canvas(size);
    const Index bytes = static_cast<Index>(size) * size * 3;
    for (Index i = 0; i < count; ++i) {
        detail::draw_frame(canvas, scene, segment_centre(scene.frames, count, i));
        detail::finish_frame(canvas, scene, out.data() + i * bytes);
    }
    return out;
}

} // namespace svad::data::synth
