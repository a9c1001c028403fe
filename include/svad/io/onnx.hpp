// SPDX-License-Identifier: Apache-2.0
// The initialisers (weights) of an ONNX file as named tensors, read in place.
//
// An exporter that folds a transpose loses the weight's name ("onnx::MatMul_1966"); the node that uses it still tells
// where it is. Such a tensor is called by its node, "/encoder/layer.0/query/MatMul" -> "encoder.layer.0.query.MatMul".
// Promise: any bytes give tensors or a FormatError with the file; sizes are checked against the bytes before they are
// believed, and nothing is copied. Tensors in another file, and strings, are refused where they are asked for.
// Facts: onnx.proto of ONNX 1.x (messages ModelProto, GraphProto, NodeProto, TensorProto).
#pragma once

#include "svad/io/protobuf.hpp"
#include "svad/io/safetensors.hpp"

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace svad::io {

namespace detail {

struct OnnxType {
    std::uint64_t id;
    std::string_view name;
    std::optional<DType> dtype;
};

inline constexpr std::array<OnnxType, 9> onnx_types{{{1, "FLOAT", DType::f32}, {2, "UINT8", DType::u8}, {3, "INT8", DType::i8},
                                                     {5, "INT16", DType::i16}, {6, "INT32", DType::i32}, {7, "INT64", DType::i64},
                                                     {9, "BOOL", DType::boolean}, {10, "FLOAT16", DType::f16}, {11, "DOUBLE", DType::f64}}};

/// One TensorProto: its name, and what is known of it.
inline std::pair<std::string, TensorInfo> onnx_tensor(std::string_view message, const std::string& path) {
    std::string name;
    std::vector<std::uint64_t> sizes;
    std::uint64_t type = 0;
    std::string_view raw, floats, doubles;
    bool elsewhere = false;
    ProtoReader reader(message, path);
    for (ProtoField f; reader.next(f);) {
        if (f.number == 1 && f.wire == 0) sizes.push_back(f.integer);
        if (f.number == 1 && f.wire == 2) {                     // packed
            if (f.bytes.size() > 64) fail<FormatError>(path, ": a tensor has more than ", Shape::max_rank, " sizes");
            for (std::size_t at = 0; at < f.bytes.size();) {
                std::uint64_t value = 0;
                for (unsigned shift = 0;; shift += 7) {
                    if (at == f.bytes.size() || shift > 63) fail<FormatError>(path, ": a tensor's sizes are cut off");
                    const auto byte = static_cast<unsigned char>(f.bytes[at++]);
                    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
                    if (byte < 0x80) break;
                }
                sizes.push_back(value);
            }
        }
        if (f.number == 2 && f.wire == 0) type = f.integer;
        if (f.number == 4 && f.wire == 2) floats = f.bytes;
        if (f.number == 8 && f.wire == 2) name = std::string(f.bytes);
        if (f.number == 9 && f.wire == 2) raw = f.bytes;
        if (f.number == 10 && f.wire == 2) doubles = f.bytes;
        if (f.number == 14 && f.wire == 0 && f.integer == 1) elsewhere = true;
        if (sizes.size() > Shape::max_rank) fail<FormatError>(path, ": a tensor has more than ", Shape::max_rank, " sizes");
    }
    if (name.find('\0') != std::string::npos || name.size() > 4096) fail<FormatError>(path, ": a tensor has an impossible name");
    TensorInfo info;
    std::uint64_t numel = 0;
    const std::string who = path + ": tensor '" + name + "'";
    info.shape = checked_shape(sizes, who, numel);
    const auto known = std::find_if(onnx_types.begin(), onnx_types.end(), [&](const OnnxType& t) { return t.id == type; });
    info.stored = elsewhere ? "a file beside it" : known == onnx_types.end() ? join("ONNX type ", type) : std::string(known->name);
    if (elsewhere || known == onnx_types.end()) return {name, info};
    if (raw.empty() && type == 1) raw = floats;                 // packed floats are the same bytes
    if (raw.empty() && type == 11) raw = doubles;
    if (raw.empty() && numel > 0) {                             // numbers one by one, of which weights are never made
        info.stored += " in a list";
        return {name, info};
    }
    if (raw.size() / size_of(*known->dtype) != numel || raw.size() % size_of(*known->dtype) != 0)
        fail<FormatError>(who, " ", *known->dtype, info.shape, " needs ", numel, " elements; got ", raw.size(), " bytes");
    info.dtype = known->dtype;
    info.bytes = std::as_bytes(std::span{raw.data(), raw.size()});
    return {name, info};
}

/// Which node each nameless initialiser goes to: "onnx::..." to the node's name, slashes as dots.
inline void note_node(std::string_view message, const std::string& path, std::map<std::string, std::string, std::less<>>& users) {
    std::vector<std::string_view> inputs;
    std::string name;
    ProtoReader reader(message, path);
    for (ProtoField f; reader.next(f);) {
        if (f.number == 1 && f.wire == 2 && f.bytes.starts_with("onnx::")) inputs.push_back(f.bytes);
        if (f.number == 3 && f.wire == 2) name = std::string(f.bytes.substr(f.bytes.starts_with('/') ? 1 : 0));
    }
    if (name.empty() || name.size() > 4096) return;
    std::replace(name.begin(), name.end(), '/', '.');
    for (const std::string_view input : inputs) users.emplace(std::string(input), name);
}

/// The initialisers of a model, by name; `text` must outlive them.
inline std::map<std::string, TensorInfo, std::less<>> onnx_tensors(std::string_view text, const std::string& path) {
    std::map<std::string, TensorInfo, std::less<>> tensors;
    std::map<std::string, std::string, std::less<>> users;
    bool graph = false;
    ProtoReader model(text, path);
    for (ProtoField m; model.next(m);) {
        if (m.number != 7 || m.wire != 2) continue;
        graph = true;
        ProtoReader reader(m.bytes, path);
        for (ProtoField f; reader.next(f);) {
            if (f.number == 1 && f.wire == 2) note_node(f.bytes, path, users);
            if (f.number != 5 || f.wire != 2) continue;
            auto [name, info] = onnx_tensor(f.bytes, path);
            if (!tensors.emplace(name, std::move(info)).second) fail<FormatError>(path, ": tensor '", name, "' occurs twice");
        }
    }
    if (!graph) fail<FormatError>(path, ": is no ONNX model: it has no graph");
    for (const auto& [old, name] : users) {
        const auto at = tensors.find(old);
        if (at == tensors.end() || tensors.contains(name)) continue;
        auto node = tensors.extract(at);
        node.key() = name;
        tensors.insert(std::move(node));
    }
    return tensors;
}

}  // namespace detail

/// The initialisers of the ONNX file at `path`. Throws FileError or FormatError.
[[nodiscard]] inline SafeTensors open_onnx(const std::string& path) {
    MappedFile file{path};
    auto tensors = detail::onnx_tensors(file.text(), path);
    return SafeTensors::of(std::move(file), std::move(tensors));
}

}  // namespace svad::io
