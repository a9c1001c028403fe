// SPDX-License-Identifier: Apache-2.0
// What svad train does alike for our model and for the systems of the comparison.
#pragma once

#include "commands.hpp"

#include "svad/nn/lora.hpp"
#include "svad/train/trainer.hpp"

#include <cstdio>

namespace tool {

/// The manifest, every line that was left out named on stderr; none for an empty path.
svad::data::Manifest training_clips(const std::string& path);

/// The loop's options.
svad::train::TrainOptions loop_options(const TrainArguments& options);

/// Everything that the bits of a run depend on; a resume with other values is refused.
std::string signature(const TrainArguments& options, const std::string& part);

/// Names the skipped clips and, after Ctrl-C, how to go on; the exit status.
int told(const svad::train::FitResult& result, const TrainArguments& options, const std::string& folder);

/// Freezes and adds low-rank parts as the options say, and tells how much that is.
template <svad::Module M>
void choose_trained(M& model, const TrainArguments& options) {
    const auto count = [](svad::Index n) { return static_cast<long long>(n); };
    for (const std::string& glob : options.freeze)
        std::fprintf(stderr, "svad: %lld parameters frozen by '%s'\n", count(svad::freeze(model, glob)), glob.c_str());
    if (options.lora > 0) {
        const svad::LoraOptions parts{.rank = options.lora, .alpha = 2.0 * static_cast<double>(options.lora)};
        std::fprintf(stderr, "svad: low-rank parts beside %lld layers\n", count(svad::add_lora(model, options.lora_on, parts, options.seed)));
    }
    std::fprintf(stderr, "svad: %lld parameters are trained\n", count(svad::parameter_count(model, svad::Count::trainable)));
}

}  // namespace tool
