// SPDX-License-Identifier: Apache-2.0
// A GGUF file with its matrices stored in another type, and everything else as it was. What stays: vectors (norms, biases)
// and tensors that are no matrices. The words and the head decide every token and are few: in a file of 4-bit blocks they
// get 6 or 8 bits, as llama.cpp's own tool gives them. Rows that are no whole blocks of 256 get q4_1 for q4_k and q8_0 for
// q6_k; rows that are no blocks of 32 get f16. The report counts them.
#pragma once

#include "svad/core/quantize.hpp"
#include "svad/io/gguf_weights.hpp"
#include "svad/io/gguf_writer.hpp"

namespace svad::io {

/// What quantize_gguf() did.
struct QuantizeReport {
    struct Part {
        Index tensors = 0;
        std::uint64_t bytes = 0;
    };
    std::map<DType, Part> before, after;            ///< by type
    std::vector<std::string> otherwise;             ///< matrices that could not take the type, each with what it got
    [[nodiscard]] static std::uint64_t bytes(const std::map<DType, Part>& parts) {
        std::uint64_t all = 0;
        for (const auto& [type, part] : parts) all += part.bytes;
        return all;
    }
};

namespace detail {

/// The type that a tensor gets where matrices get `wanted`.
inline DType type_for(const std::string& name, const Shape& shape, DType own, DType wanted, bool tied) {
    if (shape.rank() != 2 || !name.ends_with(".weight") || shape[0] < 2) return own;
    const Index row = shape.back();
    const bool small = wanted == DType::q4_0 || wanted == DType::q4_1 || wanted == DType::q4_k;
    if (small && (name == "output.weight" || (tied && name == "token_embd.weight"))) wanted = DType::q6_k;
    if (row % block_of(wanted).elements != 0) wanted = row % 32 != 0 ? DType::f16 : wanted == DType::q4_k ? DType::q4_1 : DType::q8_0;
    return wanted;
}

/// llama.cpp's number for a file whose matrices are of this type.
inline std::uint32_t file_type(DType type) {
    switch (type) {
        case DType::f32: return 0;
        case DType::f16: return 1;
        case DType::q4_0: return 2;
        case DType::q4_1: return 3;
        case DType::q8_0: return 7;
        case DType::q4_k: return 14;
        case DType::q6_k: return 18;
        default: return 32;                         // bf16
    }
}

}  // namespace detail

/// Writes the file `from` as `to`, atomically, its matrices as `type` (f32, f16, bf16, q8_0, q4_0, q4_1, q4_k, q6_k). One
/// tensor is in memory at a time. Throws FileError, FormatError, and UsageError for weights that are not finite.
inline QuantizeReport quantize_gguf(const std::string& from, const std::string& to, DType type) {
    (void)ggml_id(type);
    const GgufWeights weights = GgufWeights::open(from);
    GgufWriter writer;
    for (const auto& [key, value] : weights.file().stored_values())
        if (key != "general.file_type" && key != "general.quantization_version" && key != "general.alignment") writer.stored(key, value);
    writer.u32("general.file_type", detail::file_type(type)).u32("general.quantization_version", 2);
    QuantizeReport report;
    std::map<std::string, DType> types;
    const bool tied = !weights.contains("output.weight");
    for (const std::string& name : weights.names()) {
        const StoredTensor tensor = weights.stored(name);
        const DType now = detail::type_for(name, tensor.shape, tensor.dtype, type, tied);
        types[name] = now;
        writer.tensor(name, now, tensor.shape);
        for (const auto& [part, dtype] : {std::pair{&report.before, tensor.dtype}, {&report.after, now}})
            ++(*part)[dtype].tensors, (*part)[dtype].bytes += svad::bytes_of(dtype, tensor.shape.numel());
        if (now != type && now != tensor.dtype) report.otherwise.push_back(join(name, " ", tensor.shape, " as ", now));
    }
    std::vector<std::uint8_t> made;
    writer.write(to, [&](const std::string& name) -> std::span<const std::byte> {
        if (weights.stored(name).dtype == types.at(name)) {
            const std::string_view bytes = weights.info(name).bytes;
            return std::as_bytes(std::span{bytes.data(), bytes.size()});
        }
        const Tensor<float> values = weights.load<float>(name);
        made.resize(svad::bytes_of(types.at(name), values.numel()));
        try {
            blocks::encode(types.at(name), values.data(), values.numel(), made.data());
        } catch (const UsageError& e) {
            fail<UsageError>(from, ": tensor '", name, "': ", e.what());
        }
        return std::as_bytes(std::span{made});
    });
    return report;
}

}  // namespace svad::io
