// SPDX-License-Identifier: Apache-2.0
// SVAD-VLM on its own clips, all of main: batches of both branches, both tasks, two losses (eq 8 to 10), one step.
// A tiny model on a handful of clips: it learns them by heart. `svad train` is this with resume and reports.
#include <svad/svad.hpp>

#include <cstdio>

int main() {
    using namespace svad;
    const std::string folder = "example_04_data";
    data::synth::write_dataset(folder, {.primary = 4, .held_out = 0, .auxiliary = 4, .pretrain = 0, .size = 64});
    const auto primary = data::read_manifest(folder + "/primary_train.jsonl").records;
    const auto auxiliary = data::read_manifest(folder + "/auxiliary_train.jsonl").records;
    std::vector<std::string> texts;
    for (const auto* records : {&primary, &auxiliary})
        for (const data::Record& r : *records) texts.push_back(" " + r.descriptions[0]);

    const auto tokenizer = text::Tokenizer::train(texts, {.vocabulary = 400});
    Captioner captioner(presets::of({.frames = 4, .image = 32, .patch = 16, .video_width = 32, .video_depth = 2, .video_heads = 2,
                                     .gmhra_after = {1}, .query_width = 32, .query_depth = 1, .query_heads = 2, .queries = 4,
                                     .word_width = 64, .word_depth = 2, .word_heads = 4, .word_hidden = 128,
                                     .vocabulary = tokenizer.vocabulary()}, 0.04),
                        tokenizer);
    const SvadVlm& model = captioner.model;
    init(captioner.model, 1);
    AdamW optimizer({.decay = 0.01});
    optimizer.add(captioner.model);
    data::Loader loader(primary, auxiliary, tokenizer, {}, data::cached_frames({.frames = 4, .size = 32}), {.batch = 8});

    double first = 0, last = 0;
    for (int step = 0; step < 120; ++step) {
        const Training on(1, static_cast<std::uint64_t>(step));
        const data::Batch batch = loader.next();
        const Var prefix = model.align(model.encode(batch.frames), batch.primary);                  // [B, Q, D]
        const Var describe = model.loss(prefix, batch.description.ids, batch.description.labels);   // L_d
        const Var keyword = model.loss(prefix, batch.fill.ids, batch.fill.labels);                  // L_k
        const Var loss = describe + keyword * 2.5;                                                  // eq 10
        backward(loss);
        optimizer.clip(1.0);
        optimizer.step(3e-3);
        optimizer.clear();
        (step == 0 ? first : last) = describe.item();
        if (step % 20 == 0) std::printf("step %3d  describe %.3f  keyword %.3f\n", step, describe.item(), keyword.item());
    }
    std::printf("truth: %s\nmodel: %s\n", primary[0].descriptions[0].c_str(),
                captioner.describe({captioner.frames(primary[0].video)}, {.max_new = 80}).at(0).c_str());
    return last < 0.5 * first ? 0 : 1;
}
