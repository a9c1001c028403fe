// SPDX-License-Identifier: Apache-2.0
// Back to the checkpoint that a model came from: a folder with the same files, tensor names, shapes and types as the source
// and the model's present values, which every program that reads the source reads, too. The name table is walked
// backwards: fused rows are joined, turned weights turned back.
// Rejected: inventing names from the table alone. Several spellings of one name are read, and only the source knows its own.
#pragma once

#include "svad/nn/weights.hpp"

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace svad {

namespace detail {

/// Values as elements of `dtype`; their memory is the result.
inline std::vector<std::byte> stored_values(const Tensor<float>& values, DType dtype, const std::string& who) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(values.numel()) * size_of(dtype));
    const auto fill = [&]<class T>(T) {
        for (Index i = 0; i < values.numel(); ++i) {
            const T x = static_cast<T>(values[i]);
            std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof(T), &x, sizeof(T));
        }
    };
    switch (dtype) {
        case DType::f32: fill(0.0f); break;
        case DType::f64: fill(0.0); break;
        case DType::f16: fill(f16{}); break;
        case DType::bf16: fill(bf16{}); break;
        default: fail<DTypeError>("export: ", who, " holds ", dtype, " in the source; weights are f32, f64, f16 or bf16");
    }
    return bytes;
}

/// A tensor of one of the source's files.
struct SourceTensor {
    const io::SafeTensors* file;
    NameTarget target;                              ///< no parts: nothing that a model learns
    const SourceTensor* twin = nullptr;             ///< of a tied head stored twice: the tensor with the same bytes that is learned

    const io::TensorInfo& info(const std::string& name) const { return file->info(name); }
};

/// All tensors of the files, and what of the model each holds.
inline std::map<std::string, SourceTensor> source_tensors(const std::vector<io::SafeTensors>& files, const NameTable& names, const ParameterMap& map) {
    std::map<std::string, SourceTensor> all;
    for (const io::SafeTensors& file : files)
        for (const std::string& name : file.names()) {
            NameTarget target = resolve(names, name, map);
            if (!target) fail<io::FormatError>("export: ", file.path(), ": '", name, "' belongs to no part of the model");
            if (!file.info(name).dtype) fail<DTypeError>("export: ", file.path(), ": '", name, "' has the dtype ", file.info(name).stored, ", which is not supported");
            all.emplace(name, SourceTensor{&file, std::move(target)});
        }
    for (auto& [name, tensor] : all) {
        if (!tensor.target.parts.empty()) continue;
        const io::TensorInfo& a = tensor.info(name);
        for (const auto& [other, learned] : all) {
            const io::TensorInfo& b = learned.info(other);
            if (!learned.target.parts.empty() && a.shape == b.shape && a.dtype == b.dtype && std::equal(a.bytes.begin(), a.bytes.end(), b.bytes.begin(), b.bytes.end()))
                tensor.twin = &learned;
        }
    }
    return all;
}

/// Writes one of the source's files anew.
inline void export_file(const io::SafeTensors& source, const std::map<std::string, SourceTensor>& all, const std::string& path) {
    std::vector<std::vector<std::byte>> alive;
    std::vector<io::NamedBytes> tensors;
    for (const std::string& name : source.names()) {
        const SourceTensor& tensor = all.at(name);
        const io::TensorInfo& info = source.info(name);
        const NameTarget& target = tensor.twin ? tensor.twin->target : tensor.target;
        if (target.parts.empty()) {
            tensors.push_back({name, *info.dtype, info.shape, info.bytes});
            continue;
        }
        const Tensor<float> values = as_in_file(target, [](const Parameter& p) { return p.var().to<float>(); });
        if (without_ones(values.shape()) != without_ones(info.shape))
            fail<ShapeError>("export: '", name, "' is ", info.shape, " in ", source.path(), "; the model has ", values.shape());
        alive.push_back(stored_values(values, *info.dtype, name));
        tensors.push_back({name, *info.dtype, info.shape, alive.back()});
    }
    io::write_safetensors(path, std::move(tensors), source.metadata().empty() ? std::map<std::string, std::string>{{"format", "pt"}} : source.metadata());
}

/// The names of a checkpoint's weight files, as open_weights() chooses them.
inline std::set<std::string> weight_files(const std::string& folder) {
    const std::string index = folder + "/model.safetensors.index.json";
    if (!io::exists(index)) return {"model.safetensors"};
    (void)io::SafeTensors::open_index(index);                   // checks it
    std::set<std::string> files;
    const io::Json json = io::read_json(index);
    for (const auto& [name, file] : json["weight_map"].items()) files.insert(file.get<std::string>());
    return files;
}

}  // namespace detail

/// Writes `module` into `folder` as a checkpoint like the folder `source`, from which it was loaded by `names`: the same
/// safetensors files with the same names, shapes and element types, and the source's small files (config.json, tokenizer,
/// texts of up to 64 MiB). Tensors that the model does not hold are copied; a head stored beside the words it is tied to
/// gets their values. Throws UsageError for parameters that have no place in the source (low-rank parts: merge_lora() and
/// drop_lora() first) and are not among names.elsewhere, FormatError and ShapeError where the source is another model's.
/// The folders must differ.
template <Module M>
void export_like(M& module, const std::string& source, const std::string& folder, const NameTable& names) {
    namespace fs = std::filesystem;
    io::make_directories(folder);
    if (fs::equivalent(source, folder)) fail<UsageError>("export: ", folder, " is the source; give another folder");
    const ParameterMap map = parameter_map(module);
    const std::set<std::string> weights = detail::weight_files(source);
    std::vector<io::SafeTensors> files;
    for (const std::string& file : weights) files.push_back(io::SafeTensors::open(source + "/" + file));
    const auto all = detail::source_tensors(files, names, map);
    std::set<const Parameter*> written;
    for (const auto& [name, tensor] : all) written.insert(tensor.target.parts.begin(), tensor.target.parts.end());
    std::vector<std::string> homeless;
    for (const auto& [path, p] : map)
        if (!written.contains(p) && !names.fills_elsewhere(path)) homeless.push_back(path);
    if (!homeless.empty())
        fail<UsageError>("export: ", homeless.size(), " parameters have no place in ", source, " (", detail::some(homeless), ")");
    std::size_t next = 0;
    for (const std::string& file : weights) detail::export_file(files[next++], all, folder + "/" + file);
    for (const auto& entry : fs::directory_iterator(source)) {
        const std::string file = entry.path().filename().string(), ending = entry.path().extension().string();
        const bool small = ending == ".json" || ending == ".txt" || ending == ".model" || ending == ".tiktoken" || ending == ".jinja";
        if (small && entry.is_regular_file() && entry.file_size() <= (64u << 20)) io::copy_file(source + "/" + file, folder + "/" + file);
    }
}

}  // namespace svad
