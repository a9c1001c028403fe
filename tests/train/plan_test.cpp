// SPDX-License-Identifier: Apache-2.0
#include "svad/train/plan.hpp"

#include "svad/autograd/gradcheck.hpp"
#include "svad/models/presets.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::train;

namespace {

SvadConfig config() {
    SvadConfig c = presets::demo();
    c.video.vit.depth = 3, c.video.gmhra_after = {1};
    return c;
}

data::Batch batch(Index clips, Index words) {
    data::Batch b;
    b.frames = Tensor<float>({clips, 8, 3, 64, 64});
    b.primary = clips;
    for (data::TextBatch* text : {&b.description, &b.fill}) {
        text->ids = Tensor<std::int32_t>({clips, words}), text->labels = Tensor<std::int32_t>({clips, words});
        for (std::int32_t& label : text->labels) label = 1;
    }
    return b;
}

/// The most that two steps hold beside what was there before.
std::size_t measured(SvadVlm& model, const data::Batch& b, const TrainOptions& options) {
    auto& cache = svad::detail::CpuCache::instance();
    trim_memory();
    const auto before = cache.counts();
    cache.restart_peaks();
    for (int pass = 0; pass < 2; ++pass) {
        LossParts parts;
        const Training on(1, 0);
        const Autocast precision(options.matmul);
        backward(batch_loss(model, nullptr, b, options, 0, parts));
        for_each_parameter(model, [](const std::string&, Parameter& p) { p.clear_grad(); });
    }
    const auto after = cache.counts();              // some of it may lie in holes between what was there before
    return std::max(after.used_peak - before.used, after.held_peak - before.held);
}

}  // namespace

TEST_CASE("train plan: within 10 % of what a step holds, for large and small batches, with parts frozen, in f32 and bf16") {
    for (const Index clips : {2, 6})
        for (const bool frozen : {false, true})
            for (const DType type : {DType::f32, DType::bf16}) {
                SvadVlm model(config());
                init(model, 1);
                if (frozen) freeze(model, "encoder.vit.*");
                TrainOptions options;
                options.matmul = type;
                const data::Batch b = batch(clips, 24);
                const TrainPlan planned = plan(model, nullptr, b, options);
                const auto held = static_cast<double>(measured(model, b, options));
                CAPTURE(clips);
                CAPTURE(frozen);
                CHECK(static_cast<double>(planned.step) > 0.9 * held);
                CHECK(static_cast<double>(planned.step) < 1.1 * held);
                const auto trained = static_cast<std::uint64_t>(parameter_count(model, Count::trainable));
                CHECK(planned.parameters == 4 * static_cast<std::uint64_t>(parameter_count(model)));
                CHECK(planned.optimizer == 8 * trained);
                CHECK(planned.gradients == 4 * trained);
                CHECK(planned.batches == static_cast<std::uint64_t>(clips) * 8 * 3 * 64 * 64 * 4);
            }
}

TEST_CASE("train plan: a model of 14.6 billion parameters is planned without memory for them") {
    SvadVlm model(presets::base());
    imagine_parameters(model);
    data::Batch b = batch(1, 8);
    b.frames = Tensor<float>({1, 8, 3, 224, 224});
    const std::size_t before = memory_in_use();
    const TrainPlan planned = plan(model, nullptr, b, {});
    CHECK(memory_in_use() == before);
    CHECK(planned.parameters > 58'000'000'000u);
    CHECK(planned.peak() > planned.parameters + planned.optimizer + planned.gradients);
}

TEST_CASE("train plan: what a gradient reads is made again, with the same bits, when the op that made it is cheap") {
    const Var x = random_f64({5, 7}, -1, 1, 3), w = random_f64({3, 7}, -1, 1, 4).leaf(), g = random_f64({7}, 0.5, 1, 5), s = random_f64({7}, -1, 1, 6);
    const Var scale = g.leaf(), shift = s.leaf(), input = x.leaf();
    const Var normed = layer_norm(input, scale, shift, 1e-5);
    const Tensor<double> kept = normed.detach().to<double>();
    const Var y = linear(normed, w);
    CHECK_FALSE(static_cast<bool>(y.node()->inputs[0]));                        // its bytes are not on the tape
    svad::detail::restore(*y.node());
    const Tensor<double> again = y.node()->inputs[0].detach().to<double>();
    CHECK(std::equal(kept.begin(), kept.end(), again.begin()));
    backward(sum(y));
    CHECK(static_cast<bool>(w.grad()));
    CHECK(static_cast<bool>(input.grad()));
}
