// SPDX-License-Identifier: Apache-2.0
// svad train: one stage of training from manifests to a model folder. Run again with the same arguments it goes on
// from the last checkpoint with the same bits; Ctrl-C saves and says how to go on.
#include "training.hpp"

#include "svad/svad.hpp"

#include <algorithm>
#include <cstdio>

namespace tool {

using namespace svad;

data::Manifest training_clips(const std::string& path) {
    if (path.empty()) return {};
    data::Manifest m = data::read_manifest(path);
    for (const std::string& line : m.problems) std::fprintf(stderr, "svad: left out %s\n", line.c_str());
    return m;
}

namespace {

text::Tokenizer new_tokenizer(const std::vector<const data::Manifest*>& manifests, const TrainArguments& options) {
    std::vector<std::string> texts;
    const text::Prompts prompts;
    for (const data::Manifest* m : manifests)
        for (const data::Record& r : m->records)
            for (const std::string& d : r.descriptions) texts.push_back(join(" ", d, " __ ", prompts.describe, " ", prompts.fill));
    return text::Tokenizer::train(texts, {.vocabulary = options.vocabulary});
}

/// The model folder to start from, or fresh weights of a preset.
Captioner start(const TrainArguments& options, const data::Manifest& primary, const data::Manifest& auxiliary) {
    if (!options.init.empty()) {
        Captioner captioner = Captioner::load(options.init);
        if (options.unpack) to(captioner.model.decoder, DType::f32), freeze(captioner.model.decoder, "*"), name_parameters(captioner.model);
        return captioner;
    }
    const text::Tokenizer tokenizer = new_tokenizer({&primary, &auxiliary}, options);
    SvadConfig config = options.preset == "demo" ? presets::demo() : options.preset == "small" ? presets::small() : presets::base();
    config.decoder.vocabulary = tokenizer.vocabulary();
    Captioner captioner(config, tokenizer);
    if (options.plan) train::imagine_parameters(captioner.model);
    else init(captioner.model, options.seed);
    return captioner;
}

/// What the process holds now, from the system.
std::uint64_t resident() {
    std::uint64_t pages = 0, held = 0;
    if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(file, "%lu %lu", &pages, &held) != 2) held = 0;
        std::fclose(file);
    }
    return held * 4096;
}

/// The batch with the longest texts of the run's first ones, without frames.
data::Batch longest_batch(Captioner& captioner, const std::vector<data::Record>& primary, const std::vector<data::Record>& auxiliary,
                          const data::KeywordKinds& kinds, const data::LoaderOptions& options, Index steps) {
    const Index T = captioner.config.frames, S = captioner.config.video.vit.image;
    const Tensor<std::uint8_t> black({T, S, S, 3});
    data::Loader loader(primary, auxiliary, captioner.tokenizer, kinds, [black](const data::Record&) { return black; }, options);
    data::Batch longest;
    const auto ids = [](const data::Batch& b) { return b.description.ids.numel() + (b.fill.ids.empty() ? 0 : b.fill.ids.numel()); };
    for (Index i = 0; i < std::min<Index>(steps, 64); ++i)
        if (data::Batch batch = loader.next(); i == 0 || ids(batch) > ids(longest)) longest = std::move(batch);
    return longest;
}

}  // namespace

std::string signature(const TrainArguments& o, const std::string& part) {
    std::string all = join(part, " ", o.stage, " steps ", o.steps, " batch ", o.batch, " x ", o.accumulate, " rate ", o.rate * 1e6, "e-6");
    all += join(" warmup ", o.warmup, " clip ", o.clip, " lambda ", o.lambda_d, " ", o.lambda_k, " ", o.lambda_words, " ", o.ratio);
    if (o.lambda_naming >= 0) all += join(" naming ", o.lambda_naming);
    all += join(" share ", o.auxiliary_share, " seed ", o.seed, " ", o.precision, " init ", o.init);
    for (const std::string& pattern : o.freeze) all += join(" freeze ", pattern);
    if (o.lora > 0) all += join(" lora ", o.lora, " on ", o.lora_on);
    if (o.token_room > 0) all += " tokens in f16";
    if (o.unpack) all += " unpacked";
    if (!o.prompt.empty()) all += join(" prompt ", o.prompt);
    return all;
}

train::TrainOptions loop_options(const TrainArguments& o) {
    train::TrainOptions t;
    t.steps = o.steps;
    t.token_room = static_cast<std::uint64_t>(o.token_room) << 20;
    t.rate = {.peak = o.rate, .warmup = static_cast<Index>(o.warmup * static_cast<double>(o.steps)), .total = o.steps, .floor = 0.02};
    t.clip = o.clip;
    t.lambda_d = o.lambda_d, t.lambda_k = o.lambda_k, t.lambda_naming = o.lambda_naming >= 0 ? o.lambda_naming : o.stage == "naming" ? 1 : 0;
    if (o.stage == "naming") t.lambda_d = 0, t.lambda_k = 0;
    t.ratio = o.ratio == "sampling" ? train::TaskRatio::sampling : train::TaskRatio::loss_weight;
    t.accumulate = o.accumulate, t.save_every = o.save_every, t.seed = o.seed;
    t.matmul = o.precision == "bf16" ? DType::bf16 : DType::f32;
    return t;
}

int told(const train::FitResult& result, const TrainArguments& options, const std::string& folder) {
    for (const std::string& line : result.skipped) std::fprintf(stderr, "svad: skipped %s\n", line.c_str());
    if (result.interrupted) {
        std::fprintf(stderr, "svad: stopped at step %lld of %lld and saved in %s; run the same command again to go on\n",
                     static_cast<long long>(result.steps), static_cast<long long>(options.steps), folder.c_str());
        return 130;
    }
    return result.skipped.empty() ? 0 : 3;
}

namespace {

int stage(Captioner& captioner, std::vector<data::Record> primary, std::vector<data::Record> auxiliary,
          const TrainArguments& options, const std::string& part, const std::string& folder) {
    const double words = options.lambda_words >= 0 ? options.lambda_words : options.stage == "pretrain" ? 1.0 : 0.0;
    const data::KeywordKinds kinds = words > 0 ? data::KeywordKinds::of(primary) : data::KeywordKinds{};
    std::vector<Index> sizes;
    for (const auto& list : kinds.words) sizes.push_back(static_cast<Index>(list.size()));
    std::optional<KeywordHead> head;
    if (!sizes.empty()) {
        head.emplace(captioner.config.qformer.width, sizes);
        init(*head, options.seed);
    }
    choose_trained(captioner.model, options);
    train::TrainOptions t = loop_options(options);
    t.lambda_words = words;
    const data::FrameSource frames = data::cached_frames({.frames = captioner.config.frames, .size = captioner.config.video.vit.image});
    const data::LoaderOptions l = {.batch = options.batch, .auxiliary_share = options.auxiliary_share, .seed = options.seed,
                                   .prompts = captioner.prompts, .fill_task = t.lambda_k > 0};
    if (options.plan) {
        const std::uint64_t values = memory_in_use(), before = resident();
        train::TrainPlan plan = train::plan(captioner.model, head ? &*head : nullptr,
                                            longest_batch(captioner, primary, auxiliary, kinds, l, options.steps), t, l.queue + 1);
        plan.program = before - std::min(before, values);
        std::printf("%s", plan.text().c_str());
        return 0;
    }
    t.profile = options.profile.empty() ? 0 : 10;
    train::Run run(folder);
    const auto result = train::fit(
        captioner.model, head ? &*head : nullptr,
        [&](Index first) { return std::make_unique<data::Loader>(primary, auxiliary, captioner.tokenizer, kinds, frames, l, first); },
        run, t, signature(options, part), part);
    if (!options.profile.empty()) {
        io::write_atomic(options.profile, Profile::trace());
        std::fprintf(stderr, "%s", Profile::table().c_str());
    }
    return told(result, options, folder);
}

}  // namespace

int train(const TrainArguments& options) {
    if (!options.system.empty()) return train_system(options);
    const data::Manifest primary = training_clips(options.primary), auxiliary = training_clips(options.auxiliary);
    io::make_directories(options.out);
    const io::LockFile only_one(options.out + "/lock");
    Captioner captioner = start(options, primary, auxiliary);
    std::fprintf(stderr, "svad: %lld parameters, %zu primary and %zu auxiliary clips\n",
                 static_cast<long long>(parameter_count(captioner.model)), primary.records.size(), auxiliary.records.size());

    int code = 0;
    if (options.stage == "post") {                              // the baseline of Table 7: auxiliary first, then primary
        code = stage(captioner, auxiliary.records, {}, options, "auxiliary", options.out + "/auxiliary");
        if (code != 130 && !options.plan) code = std::max(code, stage(captioner, primary.records, {}, options, "primary", options.out));
    } else {
        code = stage(captioner, primary.records, auxiliary.records, options, options.stage, options.out);
    }
    if (code == 130 || options.plan) return code;
    captioner.save(options.out + "/model", options.weights == "bf16" ? DType::bf16 : DType::f32);
    if (options.json)
        std::printf("%s\n", io::dump({{"model", options.out + "/model"}, {"steps", options.steps},
                                      {"skipped_lines", primary.problems.size() + auxiliary.problems.size()}}).c_str());
    else std::printf("%s\n", (options.out + "/model").c_str());
    return code != 0 || !primary.problems.empty() || !auxiliary.problems.empty() ? 3 : 0;
}

}  // namespace tool
