// SPDX-License-Identifier: Apache-2.0
// libFuzzer entry: any bytes as a safetensors file give tensors that lie inside them, or a FormatError.
#include "svad/io/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::map<std::string, std::string> metadata;
    try {
        for (const auto& entry : svad::io::detail::parse_safetensors(std::as_bytes(std::span{data, size}), "input", metadata)) {
            const auto* const first = reinterpret_cast<const std::uint8_t*>(entry.info.bytes.data());
            if (!entry.info.bytes.empty() && (first < data || first + entry.info.bytes.size() > data + size)) __builtin_trap();
        }
    } catch (const svad::io::FormatError&) {
    }
    return 0;
}
