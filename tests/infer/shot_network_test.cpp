// SPDX-License-Identifier: Apache-2.0
// Windows of a tiny network over videos of every awkward length, and shots from hand-made probabilities.
#include "svad/infer/shot_network.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::infer;

namespace {

TransNetV2 tiny_network() {
    TransNetV2 model({.height = 8, .width = 8, .filters = 1, .stacks = 2, .reach = 2, .features = 2, .hidden = 3, .dropout = 0});
    init(model, 11);
    return model;
}

Tensor<std::uint8_t> video_of(Index frames) {
    Tensor<std::uint8_t> x({frames, 8, 8, 3});
    for (Index i = 0; i < x.numel(); ++i) x[i] = static_cast<std::uint8_t>((i * 7919 + i / 192 * 31) % 251);
    return x;
}

/// The figures of frames first .. first + 49 from the window of 100 around them, made the slow way.
std::vector<float> by_hand(const TransNetV2& model, const Tensor<std::uint8_t>& frames, Index first) {
    Tensor<std::uint8_t> window({1, 100, 8, 8, 3});
    for (Index i = 0; i < 100; ++i) {
        const Index from = std::clamp<Index>(first - 25 + i, 0, frames.size(0) - 1);
        std::copy_n(frames.data() + from * 192, 192, window.data() + i * 192);
    }
    const Tensor<float> logits = model(window).single.to<float>();
    std::vector<float> out;
    for (Index i = 25; i < 75; ++i) out.push_back(1 / (1 + std::exp(-logits[i])));
    return out;
}

std::vector<ShotEvidence> singles(const std::vector<float>& values) {
    std::vector<ShotEvidence> out;
    for (const float v : values) out.push_back({v, 0});
    return out;
}

}  // namespace

TEST_CASE("shot_evidence: as many figures as frames, each from the window around its frame") {
    const TransNetV2 model = tiny_network();
    for (const Index n : {1, 49, 50, 51, 75, 100, 126}) {
        const Tensor<std::uint8_t> frames = video_of(n);
        const std::vector<ShotEvidence> got = shot_evidence(model, frames);
        REQUIRE(static_cast<Index>(got.size()) == n);
        for (Index first = 0; first < n; first += 50) {
            const std::vector<float> want = by_hand(model, frames, first);
            for (Index i = first; i < std::min(n, first + 50); ++i)
                REQUIRE(got[static_cast<std::size_t>(i)].single == doctest::Approx(want[static_cast<std::size_t>(i - first)]).epsilon(1e-5));
        }
    }
}

TEST_CASE("ShotNetwork: a video of no frames has no figures, frames of another size are refused") {
    const TransNetV2 model = tiny_network();
    ShotNetwork network{model};
    CHECK(network.finish().empty());
    CHECK_THROWS_AS((void)network.next(Tensor<std::uint8_t>({8, 9, 3})), ShapeError);
}

TEST_CASE("shots_of: a shot ends with the first frame of a transition and starts behind its last") {
    const auto shots = [](const std::vector<float>& values) { return shots_of(singles(values)); };
    using Shots = std::vector<video::Shot>;
    CHECK(shots({0, 0, 0}) == Shots{{0, 3}});
    CHECK(shots({0, 0, 1, 0, 0}) == Shots{{0, 3}, {3, 5}});
    CHECK(shots({0, 1, 1, 0, 0}) == Shots{{0, 2}, {3, 5}});
    CHECK(shots({0, 0, 1}) == Shots{{0, 3}});
    CHECK(shots({1, 0, 0}) == Shots{{1, 3}});      // a transition at the very start ends nothing
    CHECK(shots({1, 1}) == Shots{{0, 2}});
    CHECK(shots({0, 0.5f, 0}) == Shots{{0, 3}});   // the threshold itself is not above it
    CHECK(shots({}).empty());
}
