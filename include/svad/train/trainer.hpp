// SPDX-License-Identifier: Apache-2.0
// The training loop of SVAD-VLM (paper sections 4.2, 4.3 and 5.1): description and prompt-guided keyword generation on
// primary and auxiliary clips in one batch, L = lambda_d L_d + lambda_k L_k (eq 10), each branch through its own
// alignment. It can be killed at any moment: it resumes from the last checkpoint with the same bits.
#pragma once

#include "svad/autograd/backward.hpp"
#include "svad/core/profile.hpp"
#include "svad/data/loader.hpp"
#include "svad/models/keyword_head.hpp"
#include "svad/models/naming.hpp"
#include "svad/models/svad_vlm.hpp"
#include "svad/train/checkpoint.hpp"
#include "svad/train/frozen_tokens.hpp"
#include "svad/train/optimizer.hpp"
#include "svad/train/progress.hpp"
#include "svad/train/schedule.hpp"

#include <functional>

namespace svad::train {

/// How the ratio lambda_k : lambda_d is read; the paper's text allows both.
enum class TaskRatio {
    loss_weight,                                ///< both tasks every step, losses weighted
    sampling,                                   ///< one task a step, drawn with these odds, weight 1
};

struct TrainOptions {
    Index steps = 1000;
    Schedule rate = {};
    AdamWOptions adamw = {.beta2 = 0.98, .decay = 0.05};
    double clip = 1.0;
    double lambda_d = 1.0, lambda_k = 2.5;      ///< Table 6: lambda_k : lambda_d = 5 : 2 is best
    double lambda_words = 0;                    ///< weight of keyword supervision (pre-train stage)
    double lambda_naming = 0;                   ///< weight of naming_loss() (pre-train stage, decoder that knows its language)
    TaskRatio ratio = TaskRatio::loss_weight;
    Index accumulate = 1;                       ///< batches per update
    Index save_every = 500, log_every = 20;
    std::uint64_t seed = 17;
    DType matmul = DType::f32;                  ///< bf16: products round their operands
    Index profile = 0;                          ///< so many steps are measured, from the third on (see Profile)
    std::uint64_t token_room = 0;               ///< bytes for the tokens of a frozen ViT (see FrozenTokens); 0 = made anew every step
};

/// The parts of the last step's loss; a part that was not computed is 0.
struct LossParts {
    double total = 0, description = 0, fill = 0, words = 0, naming = 0;
};

/// The loss of one batch; vision runs once for both tasks, from `tokens` on if they are given.
[[nodiscard]] inline Var batch_loss(const SvadVlm& model, const KeywordHead* head, const data::Batch& batch,
                                    const TrainOptions& options, Index step, LossParts& parts, FrozenTokens* tokens = nullptr) {
    const Var queries = tokens ? model.qformer(model.encoder.all_tokens(tokens->of(batch))) : model.encode(batch.frames);   // [B, Q, W]
    const Var prefix = model.align(queries, batch.primary);                             // [B, Q, D]

    double weight_d = options.lambda_d, weight_k = batch.fill.ids.empty() ? 0 : options.lambda_k;
    if (options.ratio == TaskRatio::sampling && weight_k > 0) {
        Random random(options.seed, stable_hash("task ratio"));
        random.index = static_cast<std::uint64_t>(step) * 4;
        const bool fill = random.chance(weight_k / (weight_d + weight_k));
        weight_d = fill ? 0 : 1, weight_k = fill ? 1 : 0;
    }
    Var total;
    const auto add = [&](const Var& loss, double weight, double& part) {
        part = loss.item();
        parts.total += weight * part;
        total = total ? total + loss * weight : loss * weight;
    };
    if (weight_d > 0) add(model.loss(prefix, batch.description.ids, batch.description.labels), weight_d, parts.description);
    if (weight_k > 0) add(model.loss(prefix, batch.fill.ids, batch.fill.labels), weight_k, parts.fill);
    if (head && options.lambda_words > 0) add(head->loss(queries, batch.classes), options.lambda_words, parts.words);
    if (options.lambda_naming > 0) add(naming_loss(model.decoder, prefix, batch.words), options.lambda_naming, parts.naming);
    if (!total) fail<UsageError>("train: all loss weights are zero");
    return total;
}

/// What a finished or interrupted fit() says.
struct FitResult {
    Index steps = 0;
    bool interrupted = false;
    std::vector<std::string> skipped;           ///< clips that could not be used, one line each
};

/// Called after every `log_every` steps with the step and the figures just logged.
using OnLog = std::function<void(Index step, const Figures&)>;

namespace detail {

/// One update with clipped gradients; their length before.
inline double update(AdamW& optimizer, double clip, double rate) {
    const Span span("adamw", "optimizer");
    const double length = optimizer.clip(clip);
    optimizer.step(rate);
    optimizer.clear();
    return length;
}

template <class Loader>
auto next_batch(Loader& loader) {
    const Span span("next_batch", "data");
    return loader.next();
}

/// Measures `count` steps from step `first` on.
inline void profile_from(Index first, Index count, Index step) {
    if (count > 0 && step == first) Profile::start();
    if (count > 0 && step == first + count) Profile::stop();
}

}  // namespace detail

/// The loop, whatever is trained: up to options.steps, from the run's last checkpoint if there is one. `loader_at(first)`
/// makes the loader whose next batch is number `first`; `loss_of(batch, step, parts)` is a batch's loss.
template <class LoaderAt, class LossOf>
FitResult fit_steps(AdamW& optimizer, LoaderAt loader_at, LossOf loss_of, Run& run, const TrainOptions& options,
                    const std::string& signature, const std::string& title, const OnLog& on_log) {
    if (optimizer.slots().empty()) fail<UsageError>("train: every parameter is frozen");
    Index step = run.resume(optimizer, signature);
    for (const std::string& line : run.problems()) std::fprintf(stderr, "checkpoint skipped: %s\n", line.c_str());

    MetricsLog log(run.folder(), step);
    ProgressBar bar(title);
    const auto loader = loader_at(step * options.accumulate);
    watch_stop_signals();
    auto since = std::chrono::steady_clock::now();
    Index clips = 0;
    const Index measured = std::min(step + 2, options.steps - 1);               // the first steps fill caches
    for (; step < options.steps && !stop_requested(); ++step) {
        detail::profile_from(measured, options.profile, step);
        LossParts parts;
        for (Index k = 0; k < options.accumulate; ++k) {
            const Training on(options.seed, static_cast<std::uint64_t>(step * options.accumulate + k));
            const Autocast precision(options.matmul);
            const auto batch = detail::next_batch(*loader);
            LossParts one;
            const Var loss = loss_of(batch, step, one);
            backward(loss * (1.0 / static_cast<double>(options.accumulate)));
            const double share = 1.0 / static_cast<double>(options.accumulate);
            parts.total += share * one.total, parts.description += share * one.description;
            parts.fill += share * one.fill, parts.words += share * one.words, parts.naming += share * one.naming;
            clips += batch.size();
        }
        if (!std::isfinite(parts.total))
            fail<UsageError>("train: the loss at step ", step, " is not finite; lower the learning rate and resume");
        const double rate = options.rate(step), norm = detail::update(optimizer, options.clip, rate);

        const auto now = std::chrono::steady_clock::now();
        const double seconds = std::chrono::duration<double>(now - since).count();
        const double speed = seconds > 0 ? static_cast<double>(clips) / seconds : 0;
        bar.update(step + 1, options.steps,
                   {{"loss", parts.total}, {"describe", parts.description}, {"fill", parts.fill},
                    {"words", parts.words}, {"naming", parts.naming}, {"clips/s", speed}});
        if ((step + 1) % options.log_every == 0 || step + 1 == options.steps) {
            const Figures figures = {{"loss", parts.total}, {"loss_description", parts.description},
                                     {"loss_fill", parts.fill}, {"loss_words", parts.words}, {"loss_naming", parts.naming},
                                     {"grad_norm", norm}, {"rate", rate}, {"clips_per_second", speed}};
            log.write(step + 1, figures);
            if (on_log) on_log(step + 1, figures);
            since = now, clips = 0;
        }
        if ((step + 1) % options.save_every == 0 && step + 1 < options.steps) run.save(optimizer, step + 1, signature);
    }
    if (options.profile > 0) Profile::stop();
    run.save(optimizer, step, signature);
    bar.finish();
    return {step, step < options.steps, loader->skipped()};
}

/// Trains the model (and the head, if given) by fit_steps().
template <class LoaderAt>
FitResult fit(SvadVlm& model, KeywordHead* head, LoaderAt loader_at, Run& run, const TrainOptions& options,
              const std::string& signature, const std::string& title = "train", const OnLog& on_log = {}) {
    AdamW optimizer(options.adamw);
    optimizer.add(model);
    if (head) optimizer.add(*head, "head.");
    std::optional<FrozenTokens> tokens;
    if (options.token_room > 0) tokens.emplace(model.encoder, options.token_room);
    const auto loss = [&](const data::Batch& batch, Index step, LossParts& parts) {
        return batch_loss(model, head, batch, options, step, parts, tokens ? &*tokens : nullptr);
    };
    return fit_steps(optimizer, loader_at, loss, run, options, signature, title, on_log);
}

}  // namespace svad::train
