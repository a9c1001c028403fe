// SPDX-License-Identifier: Apache-2.0
// Low-rank fine-tuning of any model: add_lora() gives chosen Linears a LowRank part and freezes what they had; merge and
// unmerge fold the parts into the weights and take them out again, to the same bits; the parts alone are a small file.
// The frozen weights may be in blocks (q4_0 ...): they are read as they are stored, and only the parts are trained.
#pragma once

#include "svad/io/safetensors.hpp"
#include "svad/nn/linear.hpp"

#include <map>
#include <string>
#include <vector>

namespace svad {

/// Gives every Linear whose path matches the glob ("decoder.*.attn.*") a low-rank part and freezes its weight and bias.
/// Parts of a filled model are filled by `seed` and path. Returns how many Linears that were, at least one.
template <Module M>
Index add_lora(M& module, std::string_view glob, const LoraOptions& options = {}, std::uint64_t seed = 17) {
    if (options.rank < 1 || options.rank > 65536) fail<UsageError>("lora: the rank must be within 1 and 65536; got ", options.rank);
    Index hits = 0;
    for_each_part<Linear>(module, [&](const std::string& path, Linear& l) {
        if (!detail::glob_match(glob, path)) return;
        if (l.lora) fail<UsageError>("lora: ", path, " has a low-rank part already");
        l.lora.emplace(l.in(), l.out(), options);
        l.weight.set_trainable(false);
        if (l.bias) l.bias->set_trainable(false);
        ++hits;
    });
    if (hits == 0) fail<UsageError>("lora: no linear layer matches '", glob, "'");
    for_each_part<Linear>(module, [&](const std::string& path, Linear& l) {
        if (!l.lora || !l.weight.filled() || l.lora->a.filled()) return;
        l.lora->a.set_path(path + ".lora.a"), l.lora->b.set_path(path + ".lora.b");
        l.lora->a.fill(seed), l.lora->b.fill(seed);
    });
    return hits;
}

/// Folds every low-rank part into its weight, W + scale B A; running costs what it cost without parts. The old weights
/// are kept for unmerge_lora(). Weights in blocks or halves cannot take it: DTypeError, and nothing is changed.
template <Module M>
void merge_lora(M& module) {
    for_each_part<Linear>(module, [](const std::string& path, const Linear& l) {
        if (const DType type = l.weight.var().dtype(); l.lora && type != DType::f32 && type != DType::f64)
            fail<DTypeError>("lora: ", path, " is stored as ", type, ", which cannot take the sum; load it as f32 to merge");
    });
    const NoGrad off;
    for_each_part<Linear>(module, [](const std::string&, Linear& l) {
        if (!l.lora || l.lora->merged()) return;
        l.lora->base = l.weight.var().detach();
        l.weight.set(l.lora->base + cast(l.lora->delta(), l.lora->base.dtype()));
    });
}

/// Takes the parts out of the weights again; the weights are those before merge_lora(), bit for bit.
template <Module M>
void unmerge_lora(M& module) {
    for_each_part<Linear>(module, [](const std::string&, Linear& l) {
        if (l.lora && l.lora->merged()) l.weight.set(std::exchange(l.lora->base, Var()));
    });
}

/// Forgets every part. Merged weights stay merged: what was learned is then part of the model.
template <Module M>
void drop_lora(M& module) {
    for_each_part<Linear>(module, [](const std::string&, Linear& l) { l.lora.reset(); });
}

/// Writes the parts alone, atomically: for every Linear `path.lora.a`, `path.lora.b` (f32) and `path.lora.scale` [1].
template <Module M>
void save_lora(const M& module, const std::string& path) {
    std::vector<Tensor<float>> alive;
    std::vector<io::NamedBytes> tensors;
    const auto add = [&](const std::string& name, const Tensor<float>& values) {
        alive.push_back(values);
        tensors.push_back(io::named(name, alive.back()));
    };
    for_each_part<Linear>(module, [&](const std::string& at, const Linear& l) {
        if (!l.lora) return;
        add(at + ".lora.a", l.lora->a.var().template to<float>());
        add(at + ".lora.b", l.lora->b.var().template to<float>());
        add(at + ".lora.scale", Tensor<float>(Shape{1}, std::vector{static_cast<float>(l.lora->scale)}));
    });
    if (tensors.empty()) fail<UsageError>(path, ": the model has no low-rank parts to save");
    io::write_safetensors(path, std::move(tensors), {{"format", "svad-lora"}});
}

/// Gives the model the parts in a file of save_lora(). Throws FormatError, before anything is changed, for tensors that
/// belong to no Linear of the model, are of another shape, or lack their other half.
template <Module M>
void load_lora(M& module, const std::string& path) {
    const io::SafeTensors file = io::SafeTensors::open(path);
    std::map<std::string, Linear*> linears;
    for_each_part<Linear>(module, [&](const std::string& at, Linear& l) { linears.emplace(at, &l); });
    std::map<std::string, LowRank> parts;
    for (const std::string& name : file.names()) {
        const std::size_t cut = name.rfind(".lora.");
        const auto linear = linears.find(name.substr(0, cut));
        if (cut == std::string::npos || linear == linears.end()) fail<io::FormatError>(path, ": '", name, "' belongs to no linear layer of the model");
        const Linear& l = *linear->second;
        if (l.lora) fail<UsageError>(path, ": ", linear->first, " has a low-rank part already; drop_lora() first");
        const std::string half = linear->first + ".lora.";
        for (const char* const part : {"a", "b", "scale"})
            if (!file.contains(half + part)) fail<io::FormatError>(path, ": has '", name, "' but no '", half, part, "'");
        const Shape a = file.info(half + "a").shape, b = file.info(half + "b").shape;
        if (a.rank() != 2 || a[0] < 1 || a[1] != l.in() || b != Shape{l.out(), a[0]} || file.info(half + "scale").shape != Shape{1})
            fail<io::FormatError>(path, ": '", half, "a' ", a, " and 'b' ", b, " do not fit a layer [", l.out(), ", ", l.in(), "]");
        if (parts.contains(linear->first)) continue;
        LowRank& part = parts.try_emplace(linear->first, l.in(), l.out(), LoraOptions{.rank = a[0]}).first->second;
        part.scale = static_cast<double>(file.load<float>(half + "scale")[0]);
        part.a.set(file.load<float>(half + "a")), part.b.set(file.load<float>(half + "b"));
    }
    if (parts.empty()) fail<io::FormatError>(path, ": holds no low-rank parts");
    for (auto& [at, part] : parts) {
        Linear& l = *linears.at(at);
        l.lora.emplace(std::move(part));
        l.weight.set_trainable(false);
        if (l.bias) l.bias->set_trainable(false);
    }
    name_parameters(module);
}

}  // namespace svad
