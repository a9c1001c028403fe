// SPDX-License-Identifier: Apache-2.0
//
// One clip as numbers: the truth, and everything about its look that no caption names.
// Promise: `sample_scene(seed, index, domain)` is a pure function. Every number comes from Philox(seed,
// stream of the index), so clips can be made in any order, on any thread, again. A clip is an establishing
// shot and one shot an action, with hard cuts. Cuts are placed so that of the 8 centres of equal segments
// each shot holds at least two: a model that sees those 8 frames can know all that is described.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "svad/core/random.hpp"
#include "svad/core/shape.hpp"
#include "svad/data/synth/canvas.hpp"
#include "svad/data/synth/world.hpp"

namespace svad::data::synth {

/// Frames a second of every clip.
inline constexpr double kFps = 12.0;

/// How the camera moves within one shot: zoom from `zoom` to `zoom + push`, sideways by `pan` units.
struct ShotCamera {
    float zoom = 1.0F;
    float push = 0.05F;
    float pan = 0.0F;
    float tilt = 0.0F; ///< units up or down, fixed within the shot
};

/// Looks that no caption names.
struct Look {
    float gain = 1.0F;
    float slope = 0.0F;
    float grain = 5.0F;
    float scale = 1.0F;     ///< size of the products
    float hue = 0.0F;       ///< warms or cools walls and table
    float tone = 0.0F;      ///< skin, 0 light to 1 dark
    float phase = 0.0F;     ///< start of idle motions
    float amplitude = 1.0F; ///< size of motions
    int clothes = 0;
    int table = 0;
    int liquid = 0;
    bool mirrored_place = false;
    std::array<float, 6> jitter{}; ///< small offsets, each from -1 to 1
};

/// Everything that a renderer and a describer need of one clip.
struct Scene {
    std::uint64_t seed = 0;
    std::uint64_t index = 0;
    Domain domain = Domain::primary;
    ClipTruth truth;
    Look look;
    Index frames = 0;
    std::vector<Index> cuts;        ///< first frame of shot 1, 2, ...; cuts[0] = 0
    std::vector<ShotCamera> camera; ///< one a shot

    /// The shot that shows `frame`.
    std::size_t shot_of(Index frame) const {
        std::size_t shot = 0;
        while (shot + 1 < cuts.size() && frame >= cuts[shot + 1]) ++shot;
        return shot;
    }

    /// How much of its shot has passed at `frame`, from 0 to 1.
    float phase_of(Index frame) const {
        const std::size_t shot = shot_of(frame);
        const Index begin = cuts[shot], end = shot + 1 < cuts.size() ? cuts[shot + 1] : frames;
        return (static_cast<float>(frame - begin) + 0.5F) / static_cast<float>(end - begin);
    }
};

/// The frame at the centre of segment `i` of `n` equal segments.
inline Index segment_centre(Index frames, Index n, Index i) { return (2 * i + 1) * frames / (2 * n); }

namespace detail {

/// A stream number that no other (domain, index, purpose) has.
inline std::uint64_t stream_of(Domain domain, std::uint64_t index, std::uint64_t purpose) {
    return index * 32 + purpose * 2 + (domain == Domain::auxiliary ? 1U : 0U);
}

inline Look sample_look(Random& random) {
    const auto in = [&](double lo, double hi) { return static_cast<float>(random.uniform(lo, hi)); };
    Look look;
    look.gain = in(0.9, 1.08);
    look.slope = in(-0.22, 0.22);
    look.grain = in(2, 10);
    look.scale = in(0.93, 1.05);
    look.hue = in(-1, 1);
    look.tone = in(0, 1);
    look.phase = in(0, 1);
    look.amplitude = in(0.9, 1.1);
    look.clothes = static_cast<int>(random.below(4));
    look.table = static_cast<int>(random.below(4));
    look.liquid = static_cast<int>(random.below(4));
    look.mirrored_place = random.chance(0.5);
    for (float& value : look.jitter) value = in(-1, 1);
    return look;
}

/// How many of the 8 sampled frames each shot holds.
inline std::vector<Index> sample_shares(Random& random, std::size_t shots) {
    static constexpr std::array<std::array<Index, 3>, 5> three{
        {{2, 3, 3}, {3, 2, 3}, {3, 3, 2}, {2, 3, 3}, {2, 4, 2}}};
    static constexpr std::array<std::array<Index, 2>, 3> two{{{3, 5}, {4, 4}, {2, 6}}};
    const auto row = static_cast<std::size_t>(random.below(shots == 3 ? 5 : 3));
    if (shots == 3) return {three[row].begin(), three[row].end()};
    return {two[row].begin(), two[row].end()};
}

inline void sample_shots(Scene& scene, Random& random) {
    scene.frames = 32 + random.below(9);
    scene.cuts = {0};
    Index seen = 0;
    const std::vector<Index> shares = sample_shares(random, scene.truth.actions.size() + 1);
    for (std::size_t i = 0; i + 1 < shares.size(); ++i) {
        seen += shares[i];
        const Index before = segment_centre(scene.frames, 8, seen - 1);
        const Index after = segment_centre(scene.frames, 8, seen);
        scene.cuts.push_back(before + 1 + random.below(after - before));
    }
    for (std::size_t i = 0; i < shares.size(); ++i) {
        ShotCamera camera;
        camera.zoom = static_cast<float>(i == 0 ? random.uniform(0.98, 1.03) : random.uniform(0.98, 1.06));
        camera.push = static_cast<float>(random.uniform(-0.02, 0.08));
        camera.pan = static_cast<float>(random.uniform(-3, 3));
        camera.tilt = static_cast<float>(random.uniform(-2, 2));
        scene.camera.push_back(camera);
    }
}

} // namespace detail

/// Clip number `index` of a domain. Facts are drawn evenly and independently of one another; the two actions
/// are a pair of different ones that suit the product, and both orders of a pair are equally likely.
inline Scene sample_scene(std::uint64_t seed, std::uint64_t index, Domain domain) {
    Scene scene{.seed = seed,
                .index = index,
                .domain = domain,
                .truth = {},
                .look = {},
                .frames = 0,
                .cuts = {},
                .camera = {}};
    Random random(seed, detail::stream_of(domain, index, 0));
    const bool primary = domain == Domain::primary;
    ClipTruth& truth = scene.truth;
    if (primary) {
        truth.object = static_cast<Object>(random.below(kPrimaryObjects));
        truth.place = static_cast<Place>(random.below(kPrimaryPlaces));
    } else {
        static constexpr std::array<Object, 8> objects{Object::cup,  Object::bottle, Object::box,
                                                       Object::ball, Object::shoe,   Object::hat,
                                                       Object::book, Object::clock};
        static constexpr std::array<Place, 5> places{Place::kitchen, Place::beach, Place::street,
                                                     Place::forest, Place::studio};
        truth.object = objects[static_cast<std::size_t>(random.below(8))];
        truth.place = places[static_cast<std::size_t>(random.below(5))];
    }
    truth.colour = static_cast<Colour>(random.below(8));
    truth.side = static_cast<Side>(random.below(2));
    truth.count = static_cast<Count>(random.below(3));
    truth.material = static_cast<Material>(random.below(3));
    truth.person = static_cast<Person>(random.below(4));
    const std::vector<Action> possible = actions_of(truth.object);
    const Index many = static_cast<Index>(possible.size());
    const Index first = random.below(many);
    const Index second = (first + 1 + random.below(many - 1)) % many;
    truth.actions.push_back(possible[static_cast<std::size_t>(first)]);
    if (primary) truth.actions.push_back(possible[static_cast<std::size_t>(second)]);
    scene.look = detail::sample_look(random);
    detail::sample_shots(scene, random);
    return scene;
}

} // namespace svad::data::synth
