// SPDX-License-Identifier: Apache-2.0
// What a run of training will take, told before it begins: one step is run on values that have shapes and no memory, through
// the same modules, tape and recycling of blocks as a real one. Rejected: a formula a module (wrong as soon as a module changes).
#pragma once

#include "svad/train/trainer.hpp"

#include <cstdio>

namespace svad::train {

/// Bytes of a training run.
struct TrainPlan {
    std::uint64_t parameters = 0, optimizer = 0;
    std::uint64_t gradients = 0;                    ///< of all trained parameters
    std::uint64_t activations = 0;                  ///< the most that a step holds beside its gradients: its tape and what backward makes
    std::uint64_t batches = 0;                      ///< frames of the batch in work and of those made ahead
    std::uint64_t program = 0;                      ///< what the process held before: code, manifests, tokenizer
    std::uint64_t step = 0;                         ///< the most that a step holds, gradients included

    [[nodiscard]] std::uint64_t peak() const { return parameters + optimizer + step + batches + program; }

    /// One line a part, MiB.
    [[nodiscard]] std::string text() const {
        std::string out;
        const auto row = [&](const char* what, std::uint64_t bytes) {
            char line[96];
            std::snprintf(line, sizeof line, "%-12s %10.1f MiB\n", what, static_cast<double>(bytes) / (1 << 20));
            out += line;
        };
        row("parameters", parameters), row("optimizer", optimizer), row("gradients", gradients), row("activations", activations);
        row("batches", batches), row("program", program), row("peak", peak());
        return out;
    }
};

/// Gives every parameter that has no value a shape without memory, so that a model too large for this machine can be planned.
template <Module M>
void imagine_parameters(M& module) {
    const Imagine on;
    for_each_parameter(module, [](const std::string&, Parameter& p) {
        if (!p.filled()) p.set(Var::uninitialized(p.shape(), DType::f32));
    });
}

/// The most that steps on batches like this one will take; `ahead` batches are made ahead. What the process holds beside is
/// not known here: see TrainPlan::program.
[[nodiscard]] inline TrainPlan plan(SvadVlm& model, KeywordHead* head, const data::Batch& batch, const TrainOptions& options, Index ahead = 0) {
    TrainPlan plan;
    const auto each = [&](const auto& f) {
        for_each_parameter(model, [&](const std::string&, Parameter& p) { f(p); });
        if (head) for_each_parameter(*head, [&](const std::string&, Parameter& p) { f(p); });
    };
    each([&](Parameter& p) {
        const std::uint64_t bytes = p.filled() ? bytes_of(p.var().dtype(), p.numel()) : 4 * static_cast<std::uint64_t>(p.numel());
        plan.parameters += bytes;
        if (p.trainable()) plan.optimizer += 2 * bytes, plan.gradients += bytes;
    });
    plan.batches = static_cast<std::uint64_t>(batch.frames.numel()) * sizeof(float) * static_cast<std::uint64_t>(1 + ahead);

    auto& counted = svad::detail::CpuCache::imagined();
    counted.trim();
    const Imagine on;
    const std::size_t before = counted.counts().held;
    counted.restart_peaks();
    for (int pass = 0; pass < 2; ++pass) {                                      // what the first leaves over, the second uses
        const Training random(options.seed, 0);
        const Autocast precision(options.matmul);
        LossParts parts;
        backward(batch_loss(model, head, batch, options, 0, parts));
        each([](Parameter& p) { p.clear_grad(); });
    }
    std::uint64_t packed = 0;                                                   // what a product holds of its weight while it runs
    for_each_part<Linear>(model, [&](const std::string&, Linear& l) { packed = std::max(packed, 4 * static_cast<std::uint64_t>(l.in() * l.out())); });
    plan.step = counted.counts().held_peak - before + packed;
    plan.activations = plan.step - std::min(plan.step, plan.gradients);
    return plan;
}

}  // namespace svad::train
