// SPDX-License-Identifier: Apache-2.0
// A whole model on a CUDA device: the same training as on the CPU, in f32 and bf16, from a captured graph, and decoding.
#include "on_device.hpp"

#include "svad/models/presets.hpp"
#include "svad/models/svad_vlm.hpp"
#include "svad/nn/weights.hpp"
#include "svad/train/optimizer.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::test;

namespace {

using Ids = Tensor<std::int32_t>;

SvadConfig tiny() {
    return presets::of({.frames = 2, .image = 16, .patch = 8, .video_width = 16, .video_depth = 2, .video_heads = 2,
                        .gmhra_after = {1}, .query_width = 16, .query_depth = 1, .query_heads = 2, .queries = 4,
                        .word_width = 16, .word_depth = 1, .word_heads = 2, .word_hidden = 32, .vocabulary = 40});
}

/// Losses and gradient norms of three steps, and the values at the end.
struct Trained {
    std::vector<double> losses, norms;
    std::vector<Tensor<float>> values;
};

Trained train(SvadVlm& model, int steps = 3) {
    const Var clips = random_values({2, 2, 3, 16, 16}, -1, 1, 5);
    const Ids ids({2, 3}, {5, 6, 7, 5, 6, 8}), labels({2, 3}, {-100, 7, 2, -100, 8, 2});
    AdamW optimizer({.decay = 0.05});
    optimizer.add(model);
    Trained t;
    for (int step = 0; step < steps; ++step) {
        const Training on(1, static_cast<std::uint64_t>(step));
        const Var loss = model.loss(model.see(clips), ids, labels);
        backward(loss);
        t.losses.push_back(loss.item());
        t.norms.push_back(optimizer.clip(1.0));
        optimizer.step(1e-2);
        optimizer.clear();
    }
    for (const AdamWSlot& s : optimizer.slots()) t.values.push_back(s.value.to<float>());
    return t;
}

void check_close(const Trained& found, const Trained& expected, double of_losses, double of_values) {
    for (std::size_t i = 0; i < expected.losses.size(); ++i) {
        CHECK(std::abs(found.losses[i] - expected.losses[i]) <= of_losses * expected.losses[i]);
        CHECK(std::abs(found.norms[i] - expected.norms[i]) <= 5 * of_losses * expected.norms[i]);
    }
    REQUIRE(found.values.size() == expected.values.size());
    for (std::size_t i = 0; i < found.values.size(); ++i) CHECK(distance(found.values[i], expected.values[i]) <= of_values);
}

}  // namespace

TEST_CASE("training on a device in f32 is training on the CPU") {
    SvadVlm here(tiny()), there(tiny());
    init(here, 1);
    init(there, 1, gpu);
    check_close(train(there), train(here), 2e-4, 2e-2);
}

TEST_CASE("training on a device in bf16, with f32 masters, stays near the CPU's f32") {
    SvadVlm here(tiny()), there(tiny());
    init(here, 1);
    init(there, 1, gpu, DType::bf16);
    const Trained found = train(there), expected = train(here);
    check_close(found, expected, 3e-2, 0.2);
    for (const auto& [path, p] : parameters(there)) CHECK(p->var().dtype() == DType::bf16);
}

TEST_CASE("a model moved to a device and back gives what it gave") {
    SvadVlm model(tiny());
    init(model, 1);
    const Var clips = random_values({1, 2, 3, 16, 16}, -1, 1, 5);
    const Tensor<float> here = model.see(clips).to<float>();
    to(model, gpu);
    CHECK(distance(model.see(clips).to<float>(), here) < 1e-5);
    to(model, Device::cpu());
    CHECK(distance(model.see(clips).to<float>(), here) == 0);
}

TEST_CASE("decoding word by word on a device is reading the whole sentence") {
    SvadVlm model(tiny());
    init(model, 1, gpu);
    const NoGrad off;
    const Ids all({1, 4}, {3, 9, 4, 7});
    const Var whole = model.decoder(model.decoder.embed(all));
    KvCache cache = model.decoder.cache(1, 8);
    for (Index i = 0; i < 4; ++i) {
        const Var one = model.decoder(model.decoder.embed(Ids({1, 1}, std::vector{all[i]})), {.cache = &cache});
        CHECK(distance(one.to<float>(), whole.slice(1, i, i + 1).to<float>()) < 1e-4);
    }
}

TEST_CASE("a training step captured in a graph is the same step") {
    SvadVlm eager(tiny()), captured(tiny());
    init(eager, 1, gpu);
    init(captured, 1, gpu);
    const Var clips = random_values({2, 2, 3, 16, 16}, -1, 1, 5).to(gpu);
    const Ids ids({2, 3}, {5, 6, 7, 5, 6, 8}), labels({2, 3}, {-100, 7, 2, -100, 8, 2});
    const auto gradients_of = [&](SvadVlm& model, Var& loss) {
        clear_grads(model);
        loss = model.loss(model.see(clips), ids, labels);
        backward(loss);
    };
    Var replayed, plain;
    cuda::Graph graph = cuda::Graph::capture(0, [&] { gradients_of(captured, replayed); });
    for (const std::uint64_t seed : {6, 7}) {                   // on other clips each time
        detail::overwrite(clips, random_values(clips.shape(), -1, 1, seed).as<float>());
        graph.replay();
        gradients_of(eager, plain);
        CHECK(replayed.item() == plain.item());
        const auto a = parameters(captured), b = parameters(eager);
        for (std::size_t i = 0; i < a.size(); ++i)
            if (b[i].second->grad()) CHECK(distance(a[i].second->grad().to<float>(), b[i].second->grad().to<float>()) == 0);
    }
}
