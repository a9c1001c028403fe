// SPDX-License-Identifier: Apache-2.0
// Fine-tuning of the systems that the paper compares with (infer/systems.hpp) on our data: a clip is shown and asked about
// exactly as when it is described, and the loss is over the caption's words and the word that ends it,
//     L = -1/(n + 1) sum_i log p(w_i | prompt, w_1 .. w_{i-1}),     w_{n+1} = end.
// What is trained is what is not frozen: freeze(system.module, "vision.*"), add_lora(system.module, "decoder.*.attn.?").
// Clips go through the model one by one, and an update is their mean (TrainOptions::accumulate): prompts of different
// lengths need no padding then, and memory is that of one clip. Decoded frames are not kept between the epochs: beside
// a step of such models reading a clip again costs nothing.
#pragma once

#include "svad/infer/systems.hpp"
#include "svad/train/trainer.hpp"

namespace svad::train {

/// A clip as a system takes it, with the words that must follow its prompt.
struct TuneClip {
    Tensor<float> frames;                           ///< [1, T, 3, S, S]
    std::vector<double> seconds;                    ///< when each frame is shown
    std::vector<infer::Id> words;                   ///< the caption and its end

    Index size() const { return 1; }
};

/// The ids of a caption behind a system's prompt, with the word that ends it; longer ones than `limit` lose their end.
[[nodiscard]] inline std::vector<infer::Id> caption_words(const infer::System& system, const std::string& text, Index limit) {
    // Behind ":", with which most prompts end: at the start of a text a word can be another token than behind a space.
    const std::vector<infer::Id> front = system.tokenizer.encode(":");
    std::vector<infer::Id> ids = system.tokenizer.encode(": " + text);
    if (ids.size() >= front.size() && std::equal(front.begin(), front.end(), ids.begin())) ids.erase(ids.begin(), ids.begin() + static_cast<Index>(front.size()));
    else ids = system.tokenizer.encode(" " + text);
    ids.push_back(system.search.stop.back());
    if (const auto most = static_cast<std::size_t>(limit); ids.size() > most) ids.resize(most);
    return ids;
}

/// The loss of one clip.
[[nodiscard]] inline Var caption_loss(const infer::System& system, const TuneClip& clip) {
    const Decoder& decoder = *system.decoder;
    const infer::Prompt asked = system.prompt(Var(clip.frames), clip.seconds, system.question);
    const Index P = asked.vectors.size(1), n = static_cast<Index>(clip.words.size());
    Var all = asked.vectors;                                                    // [1, P, D]
    if (n > 1) all = concat(1, {all, decoder.embed(Tensor<infer::Id>({1, n - 1}, {clip.words.begin(), clip.words.end() - 1}))});
    const Var hidden = decoder(all, {.prefix = asked.prefix}).slice(1, P - 1, P - 1 + n);       // each predicts the next word
    const Var rows = hidden.reshape({n, hidden.size(2)});
    const Tensor<infer::Id> words = Tensor<infer::Id>::of(clip.words);
    return decoder.head_bias ? cross_entropy(decoder.scores(rows), words) : linear_cross_entropy(rows, decoder.head_weight(), words);
}

/// Clips of a manifest in the order of the seed, read and prepared ahead; clip k is a function of (records, options, k).
class TuneLoader {
public:
    /// Of the options, seed, text_limit, workers and queue count. The system must stay where it is.
    TuneLoader(const infer::System& system, std::vector<data::Record> records, const data::LoaderOptions& options, Index first = 0)
        : system_(system), options_(options),
          clips_(std::move(records), [this](const data::Record& r) { return read(r); }, options.seed, 0) {
        if (clips_.size() == 0) fail<UsageError>("tune: there are no clips to train on");
        if (options.text_limit < 1) fail<UsageError>("tune: captions need room for a word; got ", options.text_limit);
        ahead_.emplace([this](Index number) { return make(number); }, options.workers, options.queue, first);
    }
    TuneLoader(const TuneLoader&) = delete;
    TuneLoader& operator=(const TuneLoader&) = delete;

    /// The next clip; waits for it. What a worker threw is thrown here.
    TuneClip next() { return ahead_->next(); }
    /// One line for every clip that could not be used so far.
    std::vector<std::string> skipped() const { return clips_.skipped(); }

private:
    TuneClip read(const data::Record& record) const {
        const video::Clip clip = video::read(record.video, system_.frames, {.range = record.range});
        return {system_.pixels(clip.frames), clip.times, {}};
    }
    TuneClip make(Index number) {
        auto [clip, record] = clips_.at(number);
        Random random(options_.seed + 1, static_cast<std::uint64_t>(number));
        clip.words = caption_words(system_, random.pick(record->descriptions), options_.text_limit);
        return clip;
    }

    const infer::System& system_;
    data::LoaderOptions options_;
    data::ShuffledClips<TuneClip> clips_;
    std::optional<data::Ahead<TuneClip>> ahead_;    // last: its workers use everything above
};

/// Trains what of the system is not frozen on the records, `options.accumulate` clips an update, by fit_steps(): it can be
/// stopped at any moment and goes on with the same bits. Of the options those about keywords and kept tokens do not apply.
inline FitResult tune(infer::System& system, const std::vector<data::Record>& records, Run& run, const TrainOptions& options,
                      const std::string& signature, data::LoaderOptions loading = {}, const std::string& title = "tune", const OnLog& on_log = {}) {
    AdamW optimizer(options.adamw);
    optimizer.add(system.module);
    loading.seed = options.seed;
    const auto loss = [&](const TuneClip& clip, Index, LossParts& parts) {
        const Var one = caption_loss(system, clip);
        parts.total = parts.description = one.item();
        return one;
    };
    return fit_steps(optimizer, [&](Index first) { return std::make_unique<TuneLoader>(system, records, loading, first); }, loss, run, options,
                     signature, title, on_log);
}

/// Whether low-rank parts are all that is trained: then they are all that needs saving.
[[nodiscard]] inline bool only_lora(const infer::System& system) {
    bool only = true, any = false;
    for_each_parameter(system.module, [&](const std::string& path, Parameter& p) {
        if (!p.trainable()) return;
        any = true;
        only = only && (path.ends_with(".lora.a") || path.ends_with(".lora.b"));
    });
    return any && only;
}

}  // namespace svad::train
