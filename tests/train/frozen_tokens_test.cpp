// SPDX-License-Identifier: Apache-2.0
#include "svad/train/frozen_tokens.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::train;

namespace {

VideoEncoder encoder(std::vector<Index> gmhra_after, Index temporal = 0) {
    VideoEncoderConfig c;
    c.vit = {.image = 8, .patch = 4, .width = 12, .depth = 3, .heads = 2, .final_norm = false};
    c.gmhra = {.width = 12, .heads = 2};
    c.gmhra_after = std::move(gmhra_after);
    c.temporal_positions = temporal;
    VideoEncoder e(c);
    init(e, 3);
    freeze(e, "vit.*");
    return e;
}

/// Two clips of three frames: the first moves, the second stands still.
data::Batch batch() {
    data::Batch b;
    b.frames = Tensor<float>({2, 3, 3, 8, 8});
    Random random(5, 1);
    const Index frame = 3 * 8 * 8;
    for (Index i = 0; i < 3 * frame; ++i) b.frames.data()[i] = static_cast<float>(random.uniform(-2, 2));
    for (Index i = 0; i < 3 * frame; ++i) b.frames.data()[3 * frame + i] = static_cast<float>((i % frame) % 7) - 3;
    b.clips = {"moving", "still"};
    return b;
}

double difference(const Var& a, const Var& b) {
    REQUIRE(a.shape() == b.shape());
    const Tensor<float> x = a.to<float>(), y = b.to<float>();
    double worst = 0;
    for (Index i = 0; i < x.numel(); ++i) worst = std::max(worst, static_cast<double>(std::abs(x[i] - y[i])));
    return worst;
}

}  // namespace

TEST_CASE("frozen_tokens: they are the encoder's tokens, rounded to f16") {
    for (const auto& after : {std::vector<Index>{0, 2}, std::vector<Index>{1}, std::vector<Index>{}}) {
        const VideoEncoder e = encoder(after);
        FrozenTokens frozen(e, 1 << 20);
        const NoGrad off;
        const auto kept = frozen.of(batch());
        const auto made = e.frame_tokens(Var(batch().frames));
        CHECK(kept.read.size() == after.size());
        CHECK(difference(kept.last, made.last) < 4e-3);
        CHECK(difference(e.all_tokens(kept), e(Var(batch().frames))) < 2e-2);
        for (std::size_t i = 0; i < after.size(); ++i) CHECK(difference(kept.read[i], made.read[i]) < 4e-3);
    }
}

TEST_CASE("frozen_tokens: with room, without, and at the second time the bits are the same") {
    const VideoEncoder e = encoder({2});
    FrozenTokens all(e, 1 << 20), none(e, 0);
    const auto first = all.of(batch()), second = all.of(batch()), other = none.of(batch());
    CHECK(all.clips() == 2);
    CHECK(none.clips() == 0);
    CHECK(difference(first.last, second.last) == 0);
    CHECK(difference(first.last, other.last) == 0);
}

TEST_CASE("frozen_tokens: a clip that stands still takes the room of one frame") {
    const VideoEncoder e = encoder({2}), timed = encoder({2}, 3);
    FrozenTokens plain(e, 1 << 20);
    (void)plain.of(batch());
    CHECK(plain.bytes() == (3 + 1) * 5 * 12 * 2);
    VideoEncoder still = timed;
    freeze(still, "temporal");
    FrozenTokens with_times(still, 1 << 20);                        // frames at different times differ
    (void)with_times.of(batch());
    CHECK(with_times.bytes() == (3 + 3) * 5 * 12 * 2);
}

TEST_CASE("frozen_tokens: a ViT that is trained has none") {
    VideoEncoder e = encoder({2});
    unfreeze(e, "vit.blocks.1.*");
    CHECK_THROWS_WITH_AS(FrozenTokens(e, 1), doctest::Contains("the vit is trained"), UsageError);
    CHECK_THROWS_AS(FrozenTokens(encoder({2}, 3), 1), UsageError);
}
