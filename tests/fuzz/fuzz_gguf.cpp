// SPDX-License-Identifier: Apache-2.0
// libFuzzer entry: any bytes as a GGUF file give a value whose tensors lie inside them, or a FormatError.
#include "svad/io/gguf.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    try {
        const svad::io::Gguf file = svad::io::Gguf::parse(bytes, "input");
        for (const auto& [name, tensor] : file.tensors())
            if (!tensor.bytes.empty() && (tensor.bytes.data() < bytes.data() || tensor.bytes.end() > bytes.end())) __builtin_trap();
    } catch (const svad::io::FormatError&) {
    }
    return 0;
}
