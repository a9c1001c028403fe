// SPDX-License-Identifier: Apache-2.0
// What running a decoder will take, told before anything is loaded: weights as their file stores them, the keys and values
// of the text, and the largest step. bench/thirteen.cpp compares it with what a run took.
#pragma once

#include "svad/infer/generate.hpp"
#include "svad/io/gguf_weights.hpp"
#include "svad/models/gguf_decoder.hpp"

#include <cstdio>
#include <map>
#include <string>

namespace svad::infer {

struct MemoryPlan {
    std::map<DType, std::uint64_t> weights = {};    ///< bytes by type; mapped from the file, so the system may drop and reread them
    std::uint64_t cache = 0;                        ///< keys and values of all positions, f32
    std::uint64_t step = 0;                         ///< the largest step: reading the prompt

    [[nodiscard]] std::uint64_t all_weights() const {
        std::uint64_t sum = 0;
        for (const auto& [type, bytes] : weights) sum += bytes;
        return sum;
    }
    [[nodiscard]] std::uint64_t total() const { return all_weights() + cache + step; }

    /// "weights 7345.2 MiB (q4_0 7344.6, f32 0.6), cache 62.5 MiB, step 40.1 MiB: 7447.8 MiB together".
    [[nodiscard]] std::string text() const {
        const auto mib = [](std::uint64_t bytes) {
            char number[32];
            std::snprintf(number, sizeof number, "%.1f", static_cast<double>(bytes) / (1 << 20));
            return std::string(number);
        };
        std::string types;
        for (const auto& [type, bytes] : weights) types += join(types.empty() ? "" : ", ", type, " ", mib(bytes));
        return join("weights ", mib(all_weights()), " MiB (", types, "), cache ", mib(cache), " MiB, step ", mib(step), " MiB: ", mib(total()), " MiB together");
    }
};

/// Of the decoder in a GGUF file, for a text of up to `positions` of which `prompt` are read at once. Reads the header only.
[[nodiscard]] inline MemoryPlan memory_plan(const io::GgufWeights& file, Index positions, Index prompt) {
    if (prompt < 1 || positions < prompt) fail<UsageError>("memory_plan: ", positions, " positions for a prompt of ", prompt);
    const DecoderConfig c = hub::gguf(file);
    MemoryPlan plan;
    for (const std::string& name : file.names()) {
        const io::StoredTensor tensor = file.stored(name);
        plan.weights[tensor.dtype] += bytes_of(tensor.dtype, tensor.shape.numel());
    }
    const auto size = [](Index numbers) { return static_cast<std::uint64_t>(numbers) * sizeof(float); };
    const Index head = c.head_width > 0 ? c.head_width : c.width / c.heads, keys = head * (c.kv_heads > 0 ? c.kv_heads : c.heads);
    plan.cache = size(2 * c.depth * positions * keys);
    // The residual, its norm, queries, keys, values and what attention makes of them; or the two halves of the MLP.
    const Index attention = prompt * (2 * c.width + 2 * head * c.heads + 2 * keys), mlp = prompt * (2 * c.width + 3 * c.hidden);
    plan.step = size(std::max(attention, mlp) + 2 * c.vocabulary);
    return plan;
}

}  // namespace svad::infer
