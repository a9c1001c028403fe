// SPDX-License-Identifier: Apache-2.0
// The tensors of a PyTorch checkpoint (.pth, .pt: a zip archive with a pickle of a dictionary and a member a storage).
//
// Promise: data only. The globals that a state dictionary needs are allowed and never called; everything else in the
// pickle is a FormatError that names it (io/pickle.hpp), and so is an entry that is not a tensor. Names,
// types, sizes, strides and offsets are checked against the archive before they are believed; tensors are read
// from the mapping when asked for. Tensors that do not lie contiguous are refused rather than copied.
// Facts: torch's serialization format since 1.6.
#pragma once

#include "svad/io/pickle.hpp"
#include "svad/io/safetensors.hpp"
#include "svad/io/zip.hpp"

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace svad::io {

namespace detail {

struct TorchStorage {
    std::string_view global;
    DType dtype;
};

inline constexpr std::array<TorchStorage, 10> torch_storages{{
    {"torch FloatStorage", DType::f32}, {"torch DoubleStorage", DType::f64}, {"torch HalfStorage", DType::f16},
    {"torch BFloat16Storage", DType::bf16}, {"torch LongStorage", DType::i64}, {"torch IntStorage", DType::i32},
    {"torch ShortStorage", DType::i16}, {"torch CharStorage", DType::i8}, {"torch ByteStorage", DType::u8},
    {"torch BoolStorage", DType::boolean},
}};

inline bool torch_global(std::string_view name) {
    for (const std::string_view call :
         {"collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter"})
        if (name == call) return true;
    return std::any_of(torch_storages.begin(), torch_storages.end(), [&](const auto& s) { return s.global == name; });
}

/// Turns the values of a checkpoint's pickle into tensors of its archive.
class TorchTensors {
public:
    TorchTensors(const Pickle& pickle, const ZipMembers& members, std::string folder, std::string path)
        : pickle_{pickle}, members_{members}, folder_{std::move(folder)}, path_{std::move(path)} {}

    /// The entries of the dictionary `value`, which must all be tensors with different names.
    std::map<std::string, TensorInfo, std::less<>> all(const PickleValue& value) const {
        std::map<std::string, TensorInfo, std::less<>> tensors;
        for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
            const PickleValue& key = pickle_.at(value.items[i]);
            if (key.kind != PickleKind::text) fail<FormatError>(path_, ": an entry's name is no text");
            if (!tensors.emplace(key.text, tensor(pickle_.at(value.items[i + 1]), std::string{key.text})).second)
                fail<FormatError>(path_, ": tensor '", key.text, "' occurs twice");
        }
        return tensors;
    }

    /// The dictionary at `key` of the one at the top, or that one itself.
    const PickleValue& dictionary(std::string_view key) const {
        const PickleValue* value = &pickle_.at(pickle_.root);
        require_dictionary(*value, "the top");
        if (key.empty()) return *value;
        for (std::size_t i = 0; i + 1 < value->items.size(); i += 2)
            if (const PickleValue& name = pickle_.at(value->items[i]); name.kind == PickleKind::text && name.text == key) {
                const PickleValue& found = pickle_.at(value->items[i + 1]);
                require_dictionary(found, key);
                return found;
            }
        fail<FormatError>(path_, ": has no entry '", key, "'");
    }

private:
    void require_dictionary(const PickleValue& value, std::string_view what) const {
        if (value.kind != PickleKind::dictionary)
            fail<FormatError>(path_, ": ", what, " should be a dictionary of tensors; save a model's state_dict()");
    }

    [[noreturn]] void bad(const std::string& name, std::string_view what) const {
        fail<FormatError>(path_, ": '", name, "' ", what);
    }
    const PickleValue& argument(const PickleValue& tuple, std::size_t i, PickleKind kind, const std::string& name) const {
        if (i >= tuple.items.size() || pickle_.at(tuple.items[i]).kind != kind) bad(name, "is no tensor as torch.save writes it");
        return pickle_.at(tuple.items[i]);
    }
    /// The arguments of `value` if it calls `global`.
    const PickleValue* arguments(const PickleValue& value, std::string_view global) const {
        if (value.kind != PickleKind::call || pickle_.at(value.items[0]).text != global) return nullptr;
        return &pickle_.at(value.items[1]);
    }

    TensorInfo tensor(const PickleValue& entry, const std::string& name) const {
        const PickleValue* value = &entry;
        if (const PickleValue* parameter = arguments(entry, "torch._utils _rebuild_parameter"))
            value = &argument(*parameter, 0, PickleKind::call, name);
        const PickleValue* parts = arguments(*value, "torch._utils _rebuild_tensor_v2");
        if (parts == nullptr) bad(name, "is no tensor; save a model's state_dict() or name the entry that holds it");
        const auto [dtype, storage] = storage_of(argument(*parts, 0, PickleKind::persistent, name), name);
        const std::vector<std::uint64_t> sizes = numbers(argument(*parts, 2, PickleKind::tuple, name), name);
        const std::vector<std::uint64_t> strides = numbers(argument(*parts, 3, PickleKind::tuple, name), name);
        TensorInfo info;
        std::uint64_t numel = 0;
        info.shape = checked_shape(sizes, path_ + ": '" + name + "'", numel);
        info.dtype = dtype;
        info.stored = stored_name(dtype);
        require_contiguous(sizes, strides, numel, name);
        const std::int64_t offset = argument(*parts, 1, PickleKind::integer, name).integer;
        const std::uint64_t room = storage.size() / size_of(dtype);
        if (offset < 0 || static_cast<std::uint64_t>(offset) > room || numel > room - static_cast<std::uint64_t>(offset))
            bad(name, "reaches beyond its storage");
        const std::string_view bytes = storage.substr(static_cast<std::size_t>(offset) * size_of(dtype), numel * size_of(dtype));
        info.bytes = std::as_bytes(std::span{bytes.data(), bytes.size()});
        return info;
    }

    /// ('storage', type, key, device, elements): the type and the bytes of the archive's member.
    std::pair<DType, std::string_view> storage_of(const PickleValue& persistent, const std::string& name) const {
        const PickleValue& parts = argument(persistent, 0, PickleKind::tuple, name);
        const std::string_view type = argument(parts, 1, PickleKind::global, name).text;
        const auto known = std::find_if(torch_storages.begin(), torch_storages.end(), [&](const auto& s) { return s.global == type; });
        if (argument(parts, 0, PickleKind::text, name).text != "storage" || known == torch_storages.end())
            bad(name, "has a storage of no known type");
        const auto member = members_.find(folder_ + "data/" + std::string{argument(parts, 2, PickleKind::text, name).text});
        if (member == members_.end()) bad(name, "has a storage that is not in the archive");
        return {known->dtype, member->second};
    }

    std::vector<std::uint64_t> numbers(const PickleValue& tuple, const std::string& name) const {
        if (tuple.items.size() > Shape::max_rank) bad(name, "has more axes than are supported");
        std::vector<std::uint64_t> out;
        for (std::size_t i = 0; i < tuple.items.size(); ++i) {
            const std::int64_t n = argument(tuple, i, PickleKind::integer, name).integer;
            if (n < 0) bad(name, "has a negative size");
            out.push_back(static_cast<std::uint64_t>(n));
        }
        return out;
    }

    void require_contiguous(const std::vector<std::uint64_t>& sizes, const std::vector<std::uint64_t>& strides,
                            std::uint64_t numel, const std::string& name) const {
        if (sizes.size() != strides.size()) bad(name, "has other numbers of sizes and strides");
        std::uint64_t step = 1;
        for (std::size_t i = sizes.size(); i-- > 0 && numel > 0;) {
            if (sizes[i] != 1 && strides[i] != step) bad(name, "is not contiguous; save it after contiguous()");
            step *= sizes[i];
        }
    }

    const Pickle& pickle_;
    const ZipMembers& members_;
    std::string folder_, path_;
};

}  // namespace detail

/// The tensors of the checkpoint at `path`; `inside` names the entry that holds them if it is not the top.
/// Throws FileError or FormatError.
[[nodiscard]] inline SafeTensors open_pytorch(const std::string& path, std::string_view inside = {}) {
    MappedFile file{path};
    const ZipMembers members = zip_members(file.text(), path);
    constexpr std::string_view pickle_name = "data.pkl";
    const auto found = std::find_if(members.begin(), members.end(), [&](const auto& m) {
        return m.first == pickle_name || m.first.ends_with("/data.pkl");
    });
    if (found == members.end()) fail<FormatError>(path, ": is no PyTorch checkpoint: the archive has no data.pkl");
    const std::string folder = found->first.substr(0, found->first.size() - pickle_name.size());
    if (const auto order = members.find(folder + "byteorder"); order != members.end() && order->second != "little")
        fail<FormatError>(path, ": was written with another byte order than little");
    const Pickle pickle = parse_pickle(found->second, path, detail::torch_global);
    const detail::TorchTensors tensors{pickle, members, folder, path};
    auto entries = tensors.all(tensors.dictionary(inside));
    return SafeTensors::of(std::move(file), std::move(entries));
}

}  // namespace svad::io
