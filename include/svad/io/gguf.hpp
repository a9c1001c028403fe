// SPDX-License-Identifier: Apache-2.0
// GGUF, the file of llama.cpp: metadata (sizes, tokenizer) and a directory of tensors that stay in the mapping.
//
// Promise: versions 2 and 3, little-endian. Every count, length and offset is checked against the bytes that are there
// before anything is allocated, so memory is bounded by a small multiple of the file; keys and tensor names are unique;
// tensors lie inside the file at aligned offsets. Refused, as the reference reader does: arrays of arrays, version 1,
// big-endian files. Source: the GGUF specification of the ggml project.
#pragma once

#include "svad/core/shape.hpp"
#include "svad/io/file.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace svad::io {

/// A value of GGUF metadata: all integers and arrays of bool as 64 bits with sign, all floats as double.
using GgufValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>,
                               std::vector<std::string>>;

/// How a tensor's elements are packed: `block` elements in `bytes` bytes.
struct GgmlType {
    std::uint32_t id;
    std::string_view name;
    std::uint32_t block, bytes;
};

// clang-format off
/// Element types by id, as far as svad knows their layout.
inline constexpr std::array<GgmlType, 21> ggml_types{{
    {0, "F32", 1, 4},      {1, "F16", 1, 2},      {2, "Q4_0", 32, 18},   {3, "Q4_1", 32, 20},   {6, "Q5_0", 32, 22},
    {7, "Q5_1", 32, 24},   {8, "Q8_0", 32, 34},   {9, "Q8_1", 32, 36},   {10, "Q2_K", 256, 84}, {11, "Q3_K", 256, 110},
    {12, "Q4_K", 256, 144}, {13, "Q5_K", 256, 176}, {14, "Q6_K", 256, 210}, {15, "Q8_K", 256, 292}, {24, "I8", 1, 1},
    {25, "I16", 1, 2},     {26, "I32", 1, 4},     {27, "I64", 1, 8},     {28, "F64", 1, 8},     {30, "BF16", 1, 2},
    {39, "MXFP4", 32, 17},
}};
// clang-format on

/// A tensor of the file. `shape` is in the order of PyTorch: the last size is the fastest.
struct GgufTensor {
    GgmlType type{};
    Shape shape;
    std::string_view bytes;   ///< in the file's bytes
};

namespace detail {

/// Reads numbers and strings of a GGUF file in order and knows where it is.
class GgufCursor {
public:
    GgufCursor(std::string_view bytes, std::string_view where) : bytes_(bytes), where_(where) {}

    [[nodiscard]] std::size_t at() const { return at_; }
    [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }

    template <class T>
    T number(std::string_view what) {
        T value{};
        std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
        return value;
    }

    std::string string(std::string_view what, std::uint64_t limit) {
        const auto length = number<std::uint64_t>(what);
        if (length > limit || length > left())
            fail<FormatError>(where_, ": ", what, " of ", length, " bytes does not fit; ", left(), " bytes are left (at byte ", at_, ")");
        return std::string(take(static_cast<std::size_t>(length), what));
    }

    /// A count of things of which each takes at least `least` bytes.
    std::size_t count(std::string_view what, std::size_t least) {
        const auto n = number<std::uint64_t>(what);
        if (n > left() / least)
            fail<FormatError>(where_, ": ", what, " of ", n, " is more than the file can hold (at byte ", at_ - 8, ")");
        return static_cast<std::size_t>(n);
    }

private:
    std::string_view take(std::size_t n, std::string_view what) {
        if (n > left()) fail<FormatError>(where_, ": ends inside ", what, " (at byte ", at_, ")");
        at_ += n;
        return bytes_.substr(at_ - n, n);
    }

    std::string_view bytes_, where_;
    std::size_t at_ = 0;
};

enum class GgufKind : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

inline constexpr std::array<std::size_t, 13> gguf_sizes{1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};

inline GgufKind gguf_kind(GgufCursor& in, std::string_view where, std::string_view key) {
    const auto kind = in.number<std::uint32_t>("a value's type");
    if (kind >= gguf_sizes.size())
        fail<FormatError>(where, ": value of '", key, "' has the unknown type ", kind, " (at byte ", in.at() - 4, ")");
    return static_cast<GgufKind>(kind);
}

inline std::int64_t gguf_integer(GgufCursor& in, GgufKind kind, std::string_view where, std::string_view key) {
    switch (kind) {
        case GgufKind::u8: return in.number<std::uint8_t>(key);
        case GgufKind::i8: return in.number<std::int8_t>(key);
        case GgufKind::u16: return in.number<std::uint16_t>(key);
        case GgufKind::i16: return in.number<std::int16_t>(key);
        case GgufKind::u32: return in.number<std::uint32_t>(key);
        case GgufKind::i32: return in.number<std::int32_t>(key);
        case GgufKind::i64: return in.number<std::int64_t>(key);
        case GgufKind::boolean: {
            const auto b = in.number<std::uint8_t>(key);
            if (b > 1) fail<FormatError>(where, ": '", key, "' should be true or false; got ", b, " (at byte ", in.at() - 1, ")");
            return b;
        }
        default: break;
    }
    const auto u = in.number<std::uint64_t>(key);
    if (u > INT64_MAX) fail<FormatError>(where, ": value of '", key, "' is above 2^63; got ", u, " (at byte ", in.at() - 8, ")");
    return static_cast<std::int64_t>(u);
}

inline bool is_real(GgufKind kind) { return kind == GgufKind::f32 || kind == GgufKind::f64; }

inline double gguf_real(GgufCursor& in, GgufKind kind, std::string_view key) {
    return kind == GgufKind::f32 ? static_cast<double>(in.number<float>(key)) : in.number<double>(key);
}

inline constexpr std::uint64_t gguf_longest = std::uint64_t{1} << 30;   // the reference reader's limit

inline GgufValue gguf_array(GgufCursor& in, std::string_view where, std::string_view key) {
    const GgufKind kind = gguf_kind(in, where, key);
    if (kind == GgufKind::array) fail<FormatError>(where, ": '", key, "' is an array of arrays, which is not supported");
    const std::size_t n = in.count("an array's length", gguf_sizes[static_cast<std::size_t>(kind)]);
    if (n > gguf_longest) fail<FormatError>(where, ": '", key, "' has ", n, " elements; at most 2^30 are supported");
    if (kind == GgufKind::string) {
        std::vector<std::string> all;
        for (std::size_t i = 0; i < n; ++i) all.push_back(in.string(key, gguf_longest));
        return all;
    }
    if (is_real(kind)) {
        std::vector<double> all(n);
        for (double& one : all) one = gguf_real(in, kind, key);
        return all;
    }
    std::vector<std::int64_t> all(n);
    for (std::int64_t& one : all) one = gguf_integer(in, kind, where, key);
    return all;
}

inline GgufValue gguf_value(GgufCursor& in, std::string_view where, std::string_view key) {
    const GgufKind kind = gguf_kind(in, where, key);
    if (kind == GgufKind::array) return gguf_array(in, where, key);
    if (kind == GgufKind::string) return in.string(key, gguf_longest);
    if (is_real(kind)) return gguf_real(in, kind, key);
    const std::int64_t value = gguf_integer(in, kind, where, key);
    if (kind == GgufKind::boolean) return value != 0;
    return value;
}

}  // namespace detail

/// A parsed GGUF file.
class Gguf {
public:
    /// Maps and parses `path`. Throws FileError or FormatError.
    static Gguf open(const std::string& path) {
        auto file = std::make_shared<const MappedFile>(path);
        Gguf made = parse(file->text(), path);
        made.file_ = std::move(file);
        return made;
    }

    /// Parses `bytes`, which must outlive the result's tensors; `where` starts every error. Throws FormatError.
    static Gguf parse(std::string_view bytes, std::string_view where) {
        Gguf made;
        made.where_ = where;
        detail::GgufCursor in{bytes, where};
        made.read_head(in, bytes);
        const std::size_t tensors = in.count("the number of tensors", 24), values = in.count("the number of values", 13);
        for (std::size_t i = 0; i < values; ++i) {
            std::string key = in.string("a key", 65535);
            if (key.empty()) fail<FormatError>(where, ": a key is empty (at byte ", in.at(), ")");
            const std::size_t begin = in.at();
            GgufValue value = detail::gguf_value(in, where, key);
            made.stored_[key] = bytes.substr(begin, in.at() - begin);
            const auto [entry, fresh] = made.metadata_.emplace(std::move(key), std::move(value));
            if (!fresh) fail<FormatError>(where, ": key '", entry->first, "' occurs twice (at byte ", in.at(), ")");
        }
        made.read_tensors(in, bytes, tensors);
        return made;
    }

    [[nodiscard]] std::uint32_t version() const { return version_; }
    [[nodiscard]] const std::map<std::string, GgufValue>& metadata() const { return metadata_; }
    [[nodiscard]] const std::map<std::string, GgufTensor>& tensors() const { return tensors_; }

    /// The values as the file stores them, each with its type in front, for a writer that keeps them as they are.
    [[nodiscard]] const std::map<std::string, std::string_view>& stored_values() const { return stored_; }

    /// The value of `key` if it is there and of type T (bool, int64_t, double, std::string or a vector of the last
    /// three); nullptr if it is not there. Throws FormatError if it has another type.
    template <class T>
    [[nodiscard]] const T* find(const std::string& key) const {
        const auto found = metadata_.find(key);
        if (found == metadata_.end()) return nullptr;
        const T* value = std::get_if<T>(&found->second);
        if (!value) fail<FormatError>(where_, ": '", key, "' has another type than expected");
        return value;
    }

    /// The value of `key`. Throws FormatError if it is missing or of another type.
    template <class T>
    [[nodiscard]] const T& get(const std::string& key) const {
        const T* value = find<T>(key);
        if (!value) fail<FormatError>(where_, ": has no '", key, "'");
        return *value;
    }

private:
    void read_head(detail::GgufCursor& in, std::string_view bytes) {
        if (!bytes.starts_with("GGUF")) fail<FormatError>(where_, ": is not a GGUF file; it does not start with 'GGUF' (at byte 0)");
        (void)in.number<std::uint32_t>("the magic");
        version_ = in.number<std::uint32_t>("the version");
        if ((version_ & 0xFFFF) == 0 && version_ != 0) fail<FormatError>(where_, ": is a big-endian GGUF file, which is not supported");
        if (version_ != 2 && version_ != 3) fail<FormatError>(where_, ": GGUF version should be 2 or 3; got ", version_, " (at byte 4)");
    }

    void read_tensors(detail::GgufCursor& in, std::string_view bytes, std::size_t count) {
        struct Entry {
            std::string name;
            std::uint64_t offset, size;
        };
        std::vector<Entry> entries;
        for (std::size_t i = 0; i < count; ++i) {
            std::string name = in.string("a tensor's name", 1023);
            GgufTensor tensor;
            const std::uint64_t size = read_shape(in, name, tensor);
            const auto offset = in.number<std::uint64_t>("a tensor's offset");
            if (!tensors_.emplace(name, tensor).second) fail<FormatError>(where_, ": tensor '", name, "' occurs twice");
            entries.push_back({std::move(name), offset, size});
        }
        const std::int64_t* given = find<std::int64_t>("general.alignment");
        const std::int64_t alignment = given ? *given : 32;
        if (alignment <= 0 || alignment > 65536 || !std::has_single_bit(static_cast<std::uint64_t>(alignment)))
            fail<FormatError>(where_, ": general.alignment should be a power of two up to 65536; got ", alignment);
        const auto step = static_cast<std::uint64_t>(alignment);
        const std::uint64_t start = (in.at() + step - 1) / step * step;
        for (const Entry& one : entries) {
            if (one.offset % step != 0)
                fail<FormatError>(where_, ": tensor '", one.name, "' is at offset ", one.offset, ", no multiple of ", alignment);
            if (start > bytes.size() || one.offset > bytes.size() - start || one.size > bytes.size() - start - one.offset)
                fail<FormatError>(where_, ": tensor '", one.name, "' of ", one.size, " bytes at offset ", one.offset,
                                  " ends past the file of ", bytes.size(), " bytes");
            tensors_.at(one.name).bytes = bytes.substr(static_cast<std::size_t>(start + one.offset), static_cast<std::size_t>(one.size));
        }
    }

    /// Fills shape and type; returns the bytes that they need.
    std::uint64_t read_shape(detail::GgufCursor& in, const std::string& name, GgufTensor& tensor) const {
        const auto rank = in.number<std::uint32_t>("a tensor's rank");
        if (rank > 4) fail<FormatError>(where_, ": tensor '", name, "' has ", rank, " sizes; at most 4 are supported");
        std::array<std::uint64_t, 4> sizes{};
        std::uint64_t elements = 1, nonzero = 1;   // a zero hides what the other sizes would overflow elsewhere
        for (std::uint32_t d = 0; d < rank; ++d) {
            sizes[d] = in.number<std::uint64_t>("a tensor's size");
            elements *= sizes[d];
            if (__builtin_mul_overflow(nonzero, std::max<std::uint64_t>(1, sizes[d]), &nonzero) || nonzero > (std::uint64_t{1} << 56))
                fail<FormatError>(where_, ": tensor '", name, "' is larger than any file (at byte ", in.at() - 8, ")");
        }
        for (std::uint32_t d = rank; d-- > 0;) tensor.shape.push_back(static_cast<Index>(sizes[d]));   // the file's first is the fastest
        const auto id = in.number<std::uint32_t>("a tensor's type");
        for (const GgmlType& type : ggml_types)
            if (type.id == id) tensor.type = type;
        if (tensor.type.block == 0) fail<FormatError>(where_, ": tensor '", name, "' has the unknown type ", id, " (at byte ", in.at() - 4, ")");
        if ((rank == 0 ? 1 : sizes[0]) % tensor.type.block != 0)
            fail<FormatError>(where_, ": tensor '", name, "' has rows of ", sizes[0], ", no multiple of the ", tensor.type.block, " of ", tensor.type.name);
        return elements / tensor.type.block * tensor.type.bytes;
    }

    std::shared_ptr<const MappedFile> file_;
    std::string where_;
    std::uint32_t version_ = 0;
    std::map<std::string, GgufValue> metadata_;
    std::map<std::string, std::string_view> stored_;
    std::map<std::string, GgufTensor> tensors_;
};

}  // namespace svad::io
