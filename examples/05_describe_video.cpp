// SPDX-License-Identifier: Apache-2.0
// From a video file to sentences: load a trained model, decode the clip, search greedily, with beams and by sampling,
// and ask for a blanked word.   05_describe_video MODEL [VIDEO]; without a video it renders a short advertisement.
#include <svad/svad.hpp>

#include <cstdio>

int main(int argc, char** argv) try {
    using namespace svad;
    if (argc < 2) return std::fprintf(stderr, "usage: 05_describe_video MODEL [VIDEO]\n"), 2;
    std::string video = argc > 2 ? argv[2] : "";
    if (video.empty()) {
        data::synth::write_dataset("example_05_data", {.primary = 0, .held_out = 1, .auxiliary = 0, .pretrain = 0});
        const data::Record clip = data::read_manifest("example_05_data/primary_test.jsonl").records.at(0);
        std::printf("annotation: %s\n", clip.descriptions[0].c_str());
        video = clip.video;
    }

    const Captioner captioner = Captioner::load(argv[1]);
    const Tensor<std::uint8_t> frames = captioner.frames(video);                    // [T, S, S, 3], evenly spread
    std::printf("%s: %s frames, %.2f M parameters\n", video.c_str(), join(frames.shape()).c_str(),
                1e-6 * static_cast<double>(parameter_count(captioner.model)));

    const auto say = [&](const char* how, const infer::SearchOptions& options) {
        const std::string text = captioner.describe({frames}, options).at(0);
        std::printf("%-8s %s\n", how, text.c_str());
        return !text.empty();
    };
    bool spoke = say("greedy", {.max_new = 80});
    spoke = say("beams", {.max_new = 80, .beams = 4}) && spoke;
    spoke = say("sampled", {.max_new = 80, .sample = true, .temperature = 0.7, .top_p = 0.9, .seed = 5}) && spoke;

    const std::string masked = "a hand lifts the __";
    std::printf("%s -> %s\n", masked.c_str(), captioner.fill({frames}, {masked}, {.max_new = 8}).at(0).c_str());
    return spoke ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "05_describe_video: %s\n", error.what());
    return 1;
}
