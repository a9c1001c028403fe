// SPDX-License-Identifier: Apache-2.0
#include "svad/models/svad_vlm.hpp"

#include "svad/autograd/gradcheck.hpp"
#include "svad/models/keyword_head.hpp"
#include "svad/models/presets.hpp"
#include "svad/models/video_chat.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

SvadConfig tiny() {
    return presets::of({.frames = 2, .image = 16, .patch = 8, .video_width = 16, .video_depth = 2, .video_heads = 2,
                        .gmhra_after = {1}, .query_width = 16, .query_depth = 1, .query_heads = 2, .queries = 4,
                        .word_width = 16, .word_depth = 1, .word_heads = 2, .word_hidden = 32, .vocabulary = 40});
}

/// How many parameters a fresh model of this configuration makes, less those it lists.
template <class Model, class... Config>
Index forgotten(const Config&... config) {
    const Index before = Parameter::live();
    Model model(config...);
    return Parameter::live() - before - static_cast<Index>(parameters(model).size());
}

using Ids = Tensor<std::int32_t>;

Var clips(Index n) { return random_f64({n, 2, 3, 16, 16}, -1, 1, 5).to<float>(); }

}  // namespace

TEST_CASE("models: every parameter that is made is listed") {
    SvadConfig c = tiny();
    CHECK(forgotten<SvadVlm>(c) == 0);
    CHECK(forgotten<SvadVlm>(presets::demo()) == 0);
    CHECK(forgotten<SvadVlm>(presets::small()) == 0);
    CHECK(forgotten<SvadVlm>(presets::base()) == 0);
    c.dual = false;
    c.decoder.tied = true;
    c.decoder.positions = Positions::alibi;
    CHECK(forgotten<SvadVlm>(c) == 0);
    CHECK(forgotten<VideoChat>(VideoChatConfig{}) == 0);
    CHECK(forgotten<UniFormer>(UniFormerConfig{}) == 0);
    CHECK(forgotten<Bert>(BertConfig{}) == 0);
    CHECK(forgotten<KeywordHead>(Index{16}, std::vector<Index>{3, 4, 5}) == 0);
}

TEST_CASE("svad_vlm: the loss reaches every parameter but the alignment of the other branch") {
    SvadVlm model(tiny());
    init(model, 1);
    const Ids ids({2, 3}, {5, 6, 7, 5, 6, 8}), labels({2, 3}, {-100, 7, 2, -100, 8, 2});
    backward(model.loss(model.see(clips(2)), ids, labels));
    for (const auto& entry : parameters(model)) {
        const auto& path = entry.first;
        Parameter* parameter = entry.second;
        CAPTURE(path);
        const bool other = path.find("aux") != std::string::npos;
        CHECK(static_cast<bool>(parameter->grad()) == (parameter->trainable() && !other));
    }
}

TEST_CASE("svad_vlm: the two branches differ by their alignment only") {
    SvadVlm model(tiny());
    init(model, 1);
    const Var frames = clips(2), primary = model.see(frames), auxiliary = model.see(frames, Branch::auxiliary);
    CHECK(primary.shape() == Shape{2, 4, 16});
    CHECK(primary.to<float>()[0] != auxiliary.to<float>()[0]);
    const Tensor<float> both = model.align(model.encode(frames), 1).to<float>();      // row 0 primary, row 1 auxiliary
    const Tensor<float> p = primary.to<float>(), a = auxiliary.to<float>();
    for (Index i = 0; i < 64; ++i) CHECK(both[i] == p[i]);
    for (Index i = 64; i < 128; ++i) CHECK(both[i] == a[i]);
}

TEST_CASE("svad_vlm: a word does not see those behind it") {
    SvadVlm model(tiny());
    init(model, 1);
    const Var prefix = model.see(clips(1));
    const Tensor<float> a = model(prefix, Ids({1, 3}, {5, 6, 7})).to<float>(), b = model(prefix, Ids({1, 3}, {5, 6, 9})).to<float>();
    for (Index i = 0; i < 2 * 40; ++i) CHECK(a[i] == b[i]);
}

TEST_CASE("svad_vlm: labels of another shape are an error that says both") {
    SvadVlm model(tiny());
    init(model, 1);
    CHECK_THROWS_WITH_AS(model.loss(Var::zeros({1, 4, 16}), Ids({1, 3}), Ids({1, 2})).item(), doctest::Contains("[1, 2]"), ShapeError);
}
