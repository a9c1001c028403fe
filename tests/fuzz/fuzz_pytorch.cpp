// SPDX-License-Identifier: Apache-2.0
// libFuzzer entry: any bytes as a zip archive and as the pickle of a checkpoint give values that refer to each other, or
// a FormatError.
#include "svad/io/pytorch.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    try {
        const svad::io::Pickle pickle = svad::io::parse_pickle(bytes, "input", svad::io::detail::torch_global);
        for (const svad::io::PickleValue& value : pickle.values)
            for (const std::uint32_t item : value.items)
                if (item >= pickle.values.size()) __builtin_trap();
        const svad::io::ZipMembers storages{{"data/0", bytes}};
        const svad::io::detail::TorchTensors tensors{pickle, storages, "", "input"};
        for (const auto& [name, info] : tensors.all(tensors.dictionary("")))
            if (info.bytes.size() > size) __builtin_trap();
    } catch (const svad::io::FormatError&) {
    }
    try {
        for (const auto& [name, member] : svad::io::zip_members(bytes, "input"))
            if (member.size() > size) __builtin_trap();
    } catch (const svad::io::FormatError&) {
    }
    return 0;
}
