// SPDX-License-Identifier: Apache-2.0
// libFuzzer entry: any bytes as an ONNX model give tensors that lie inside them, or a FormatError.
#include "svad/io/onnx.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    try {
        for (const auto& [name, info] : svad::io::detail::onnx_tensors(text, "input")) {
            if (!info.dtype || info.bytes.empty()) continue;
            const auto* const first = reinterpret_cast<const std::uint8_t*>(info.bytes.data());
            if (first < data || first + info.bytes.size() > data + size) __builtin_trap();
            if (info.bytes.size() != static_cast<std::size_t>(info.shape.numel()) * svad::size_of(*info.dtype)) __builtin_trap();
        }
    } catch (const svad::io::FormatError&) {
    }
    return 0;
}
