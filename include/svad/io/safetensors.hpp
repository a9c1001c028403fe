// SPDX-License-Identifier: Apache-2.0
// safetensors: u64 little-endian header length, JSON header {name: {dtype, shape, data_offsets}}, tensor
// bytes.
//
// Promise: the header is checked before a byte of data is believed (safetensors_header.hpp). Any byte
// sequence gives a value or an io::FormatError; data are mapped, and read and converted only when asked for.
// A checkpoint split in shards by an index.json looks like one file. Files are written atomically, larger
// elements first, then by name, with the data at a multiple of 8, so that equal tensors give equal bytes.
#pragma once

#include "svad/core/tensor.hpp"
#include "svad/io/file.hpp"
#include "svad/io/json.hpp"
#include "svad/io/safetensors_header.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::io {

static_assert(std::endian::native == std::endian::little,
              "safetensors data are read in place and are little-endian");

namespace detail {

/// out[i] = in[i] converted; integers that do not fit give FormatError, floats as integers DTypeError.
template <class From, Element To>
void convert_elements(std::span<const std::byte> in, std::span<To> out, std::string_view who) {
    if constexpr (std::same_as<From, To> && !std::same_as<From, bool>) {
        if (!out.empty()) std::memcpy(static_cast<void*>(out.data()), in.data(), in.size());
    } else if constexpr (std::same_as<From, bool>) {
        // Any byte but 0 is true; reading it as a bool would be undefined.
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = static_cast<To>(in[i] == std::byte{0} ? 0.0f : 1.0f);
    } else if constexpr (std::integral<To> && !std::integral<From>) {
        fail<DTypeError>(who, " holds floating point numbers and was asked for as ", dtype_of<To>);
    } else {
        for (std::size_t i = 0; i < out.size(); ++i) {
            From x;
            std::memcpy(static_cast<void*>(&x), in.data() + i * sizeof(From), sizeof(From));
            if constexpr (std::same_as<To, bool>) {
                out[i] = x != 0;
            } else if constexpr (std::integral<To> && std::integral<From>) {
                if (!std::in_range<To>(x))
                    fail<FormatError>(who, " holds ", x, ", which does not fit ", dtype_of<To>);
                out[i] = static_cast<To>(x);
            } else if constexpr (std::floating_point<From> && std::floating_point<To>) {
                out[i] = static_cast<To>(x);
            } else if constexpr (std::floating_point<To> && std::integral<From>) {
                out[i] = static_cast<To>(x);
            } else {   // bf16 and f16 convert through float
                out[i] = To(static_cast<float>(x));
            }
        }
    }
}

}  // namespace detail

/// The named tensors of one file or of all shards of a checkpoint, read-only. Safe to read from many threads.
class SafeTensors {
public:
    /// Maps and checks the file at `path`. Throws FileError or FormatError.
    static SafeTensors open(const std::string& path) {
        SafeTensors result;
        result.path_ = path;
        result.add(path);
        return result;
    }

    /// Maps all shards that the index `path` (model.safetensors.index.json) lists. Throws FileError or
    /// FormatError.
    static SafeTensors open_index(const std::string& path) {
        const Json index = read_json(path);
        const Json map = field<Json>(index, "weight_map", path);
        if (!map.is_object()) fail<FormatError>(path, ": weight_map should be an object of file names");
        std::map<std::string, std::vector<std::string>> names_of_shard;
        for (const auto& [name, value] : map.get_ref<const Json::object_t&>()) {
            const auto shard = field<std::string>(map, name, path + ": weight_map");
            if (shard.empty() || shard.find('/') != std::string::npos ||
                shard.find('\0') != std::string::npos)
                fail<FormatError>(path, ": weight_map names '", shard,
                                  "', which is not a file of the same directory");
            names_of_shard[shard].push_back(name);
        }
        SafeTensors result;
        result.path_ = path;
        for (const auto& [shard, names] : names_of_shard) {
            const std::string file = detail::directory_of(path) + "/" + shard;
            const std::size_t before = result.tensors_.size();
            result.add(file);
            for (const std::string& name : names)
                if (!result.contains(name)) fail<FormatError>(path, ": '", name, "' is not in ", file);
            if (result.tensors_.size() - before != names.size())
                fail<FormatError>(path, ": ", file, " holds ", result.tensors_.size() - before,
                                  " tensors, the index lists ", names.size());
        }
        return result;
    }

    /// Tensors that a reader of another format found in a mapped file. Their bytes must be in that mapping and have
    /// the sizes that their shapes and types say.
    static SafeTensors of(MappedFile file, std::map<std::string, TensorInfo, std::less<>> tensors) {
        SafeTensors result;
        result.path_ = file.path();
        result.files_.push_back(std::move(file));
        result.tensors_ = std::move(tensors);
        return result;
    }

    /// Path of the file or index that was opened.
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::size_t size() const { return tensors_.size(); }
    [[nodiscard]] bool contains(std::string_view name) const { return tensors_.find(name) != tensors_.end(); }

    /// All names, sorted by their bytes.
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (const auto& [name, info] : tensors_) result.push_back(name);
        return result;
    }

    /// What the header says about `name`. Throws FormatError if there is no such tensor.
    [[nodiscard]] const TensorInfo& info(std::string_view name) const {
        const auto found = tensors_.find(name);
        if (found == tensors_.end()) fail<FormatError>(path_, ": has no tensor '", name, "'");
        return found->second;
    }

    /// The `__metadata__` of the file (of all shards together).
    [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }

    /// A copy of `name` as T: floats and integers convert to floats, integers to integers that hold every
    /// value. Throws FormatError if it is absent or a value does not fit, DTypeError if T cannot represent
    /// its kind.
    template <Element T>
    [[nodiscard]] Tensor<T> load(std::string_view name) const {
        const TensorInfo& info = this->info(name);
        const Tensor<T> out = Tensor<T>::uninitialized(info.shape);
        load_into(name, out.span());
        return out;
    }

    /// As load(), into memory of exactly numel elements.
    template <Element T>
    void load_into(std::string_view name, std::span<T> out) const {
        const TensorInfo& info = this->info(name);
        const std::string who = path_ + ": tensor '" + std::string{name} + "'";
        if (!info.dtype) fail<DTypeError>(who, " has the dtype ", info.stored, ", which is not supported");
        if (out.size() != static_cast<std::size_t>(info.shape.numel()))
            fail<ShapeError>(who, " has ", info.shape.numel(), " elements; got room for ", out.size());
        dispatch_storage(*info.dtype,
                         [&]<class From>(From) { detail::convert_elements<From, T>(info.bytes, out, who); });
    }

private:
    void add(const std::string& path) {
        files_.emplace_back(path);
        for (detail::HeaderEntry& entry : detail::parse_safetensors(files_.back().bytes(), path, metadata_))
            if (!tensors_.emplace(entry.name, std::move(entry.info)).second)
                fail<FormatError>(path, ": tensor '", entry.name, "' is in an earlier shard too");
    }

    std::string path_;
    std::vector<MappedFile> files_;   // moving a MappedFile keeps its address, so spans stay valid
    std::map<std::string, TensorInfo, std::less<>> tensors_;
    std::map<std::string, std::string> metadata_;
};

/// The weights at `path`: a .safetensors file, an index.json of shards, or a directory that holds
/// model.safetensors.index.json, model.safetensors or adapter_model.safetensors (looked for in this order).
[[nodiscard]] inline SafeTensors open_weights(const std::string& path) {
    if (!is_directory(path))
        return path.ends_with(".json") ? SafeTensors::open_index(path) : SafeTensors::open(path);
    if (const std::string index = path + "/model.safetensors.index.json"; exists(index))
        return SafeTensors::open_index(index);
    for (const char* name : {"/model.safetensors", "/adapter_model.safetensors"})
        if (exists(path + name)) return SafeTensors::open(path + name);
    fail<FileError>(
        path, ": holds no model.safetensors, model.safetensors.index.json or adapter_model.safetensors");
}

/// A tensor to be written: its bytes belong to the caller and must outlive the call.
struct NamedBytes {
    std::string name;
    DType dtype = DType::f32;
    Shape shape;
    std::span<const std::byte> bytes;
};

/// `tensor` under `name`, for write_safetensors; shares the tensor's memory, which must live until the write.
template <Element T>
[[nodiscard]] NamedBytes named(std::string name, const Tensor<T>& tensor) {
    return {std::move(name), dtype_of<T>, tensor.shape(), std::as_bytes(tensor.span())};
}

/// Replaces the file at `path` by these tensors, atomically. Throws UsageError for a name given twice, a name
/// that is not UTF-8 or a size that does not fit the shape; FileError if the disk refuses.
inline void write_safetensors(const std::string& path, std::vector<NamedBytes> tensors,
                              const std::map<std::string, std::string>& metadata = {{"format", "pt"}}) {
    std::sort(tensors.begin(), tensors.end(), [](const NamedBytes& a, const NamedBytes& b) {
        const std::size_t size_a = size_of(a.dtype), size_b = size_of(b.dtype);
        return size_a != size_b ? size_a > size_b : a.name < b.name;
    });
    const auto quoted = [&path](const std::string& text) {
        try {
            return Json(text).dump();
        } catch (const Json::exception&) {
            fail<UsageError>(path, ": a tensor name or metadata text is not valid utf-8");
        }
    };
    std::string header = "{";
    if (!metadata.empty()) {
        header += "\"__metadata__\":{";
        for (const auto& [key, value] : metadata)
            header += join(header.back() == '{' ? "" : ",", quoted(key), ":", quoted(value));
        header += "}";
    }
    std::set<std::string_view> seen;
    std::uint64_t at = 0;
    for (const NamedBytes& tensor : tensors) {
        if (!seen.insert(tensor.name).second || tensor.name == "__metadata__")
            fail<UsageError>(path, ": tensor name '", tensor.name, "' is given twice or reserved");
        const std::uint64_t size = static_cast<std::uint64_t>(tensor.shape.numel()) * size_of(tensor.dtype);
        if (size != tensor.bytes.size())
            fail<UsageError>(path, ": tensor '", tensor.name, "' ", tensor.dtype, tensor.shape, " needs ",
                             size, " bytes; got ", tensor.bytes.size());
        std::string sizes;
        for (const Index n : tensor.shape) sizes += join(sizes.empty() ? "" : ",", n);
        header += join(header.size() == 1 ? "" : ",", quoted(tensor.name), ":{\"dtype\":\"", detail::stored_name(tensor.dtype),
                       "\",\"shape\":[", sizes, "],\"data_offsets\":[", at, ",", at + size, "]}");
        at += size;
    }
    header += "}";
    header.append((8 - header.size() % 8) % 8,
                  ' ');   // 8 bytes of length come first, so the data start stays aligned

    AtomicWriter writer{path};
    const std::uint64_t length = header.size();
    writer.write(std::as_bytes(std::span{&length, 1}));
    writer.write(header);
    for (const NamedBytes& tensor : tensors) writer.write(tensor.bytes);
    writer.commit();
}

}  // namespace svad::io
