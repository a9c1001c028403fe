// SPDX-License-Identifier: Apache-2.0
// The header of a safetensors file, believed only after every check of the reference
// (huggingface/safetensors, tensor.rs): its length, JSON without duplicate names, known element types, sizes
// without overflow, tensors contiguous from 0 without gap or overlap up to the file's last byte.
// Sizes are bounded as if a zero among them were a one, so that no later product of them can overflow either.
#pragma once

#include "svad/core/shape.hpp"
#include "svad/io/file.hpp"
#include "svad/io/json.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::io {

/// What a header says about one tensor. `dtype` is empty for element types that svad cannot compute with (F8,
/// C64 ...).
struct TensorInfo {
    std::optional<DType> dtype;
    Shape shape;
    std::string stored;                 ///< the file's name of the element type, e.g. "BF16"
    std::span<const std::byte> bytes;   ///< in the mapping; valid as long as the SafeTensors lives
};

namespace detail {

struct StoredType {
    std::string_view name;
    std::uint64_t bits;
    std::optional<DType> dtype;
};

// clang-format off
inline constexpr StoredType stored_types[] = {
    {"F32", 32, DType::f32},  {"F64", 64, DType::f64}, {"BF16", 16, DType::bf16},   {"F16", 16, DType::f16},
    {"I8", 8, DType::i8},     {"I16", 16, DType::i16}, {"I32", 32, DType::i32},     {"I64", 64, DType::i64},
    {"U8", 8, DType::u8},     {"U16", 16, DType::u16}, {"U32", 32, DType::u32},     {"U64", 64, DType::u64},
    {"F8_E5M2", 8, {}},       {"F8_E4M3", 8, {}},      {"BOOL", 8, DType::boolean}, {"F8_E8M0", 8, {}},
    {"F8_E5M2FNUZ", 8, {}},   {"F6_E2M3", 6, {}},      {"F8_E4M3FNUZ", 8, {}},      {"F6_E3M2", 6, {}},
    {"F4", 4, {}},            {"C64", 64, {}},
};
// clang-format on

inline const StoredType* find_stored(std::string_view name) {
    for (const StoredType& type : stored_types)
        if (type.name == name) return &type;
    return nullptr;
}

inline std::string_view stored_name(DType dtype) {
    for (const StoredType& type : stored_types)
        if (type.dtype == dtype) return type.name;
    return "?";
}

/// Where one tensor's bytes are, and who says so for error messages ("<file>: tensor '<name>'").
struct HeaderEntry {
    std::string name;
    TensorInfo info;
    std::uint64_t begin = 0, end = 0;
};

inline Shape checked_shape(const std::vector<std::uint64_t>& sizes, const std::string& who,
                           std::uint64_t& numel) {
    if (sizes.size() > Shape::max_rank)
        fail<FormatError>(who, " has ", sizes.size(), " sizes; at most ", Shape::max_rank, " are supported");
    constexpr std::uint64_t limit = std::uint64_t{1} << 62;
    std::uint64_t nonzero = 1;
    numel = 1;
    for (const std::uint64_t size : sizes) {
        if (size != 0 && nonzero > limit / size)
            fail<FormatError>(who, " has a shape of more than 2^62 elements");
        if (size != 0) nonzero *= size;
        numel *= size;
    }
    Shape shape;
    for (const std::uint64_t size : sizes) shape.push_back(static_cast<Index>(size));
    return shape;
}

inline HeaderEntry parse_entry(const std::string& name, const Json& value, const std::string& path) {
    HeaderEntry entry;
    entry.name = name;
    const std::string who = path + ": tensor '" + name + "'";
    entry.info.stored = field<std::string>(value, "dtype", who);
    const StoredType* type = find_stored(entry.info.stored);
    if (type == nullptr) fail<FormatError>(who, " has the unknown dtype '", entry.info.stored, "'");
    entry.info.dtype = type->dtype;

    std::uint64_t numel = 0, bits = 0;
    entry.info.shape = checked_shape(field<std::vector<std::uint64_t>>(value, "shape", who), who, numel);
    const auto offsets = field<std::vector<std::uint64_t>>(value, "data_offsets", who);
    if (offsets.size() != 2) fail<FormatError>(who, ": data_offsets should be [begin, end]");
    entry.begin = offsets[0];
    entry.end = offsets[1];
    if (__builtin_mul_overflow(numel, type->bits, &bits)) fail<FormatError>(who, " is larger than any file");
    if (bits % 8 != 0) fail<FormatError>(who, " does not end at a whole byte");
    if (entry.begin > entry.end || entry.end - entry.begin != bits / 8) {
        fail<FormatError>(who, " needs ", bits / 8, " bytes (", entry.info.stored, entry.info.shape,
                          "); got data_offsets [", entry.begin, ", ", entry.end, "]");
    }
    return entry;
}

/// All tensors of a mapped file, in the order of their data; fills `metadata`.
inline std::vector<HeaderEntry> parse_safetensors(std::span<const std::byte> bytes, const std::string& path,
                                                  std::map<std::string, std::string>& metadata) {
    constexpr std::uint64_t max_header = 100'000'000;   // the reference's limit
    if (bytes.size() < 8)
        fail<FormatError>(path, ": is not a safetensors file; got only ", bytes.size(), " bytes");
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    if (length > max_header || length > bytes.size() - 8) {
        fail<FormatError>(path, ": header of ", length, " bytes does not fit the file of ", bytes.size(),
                          " bytes (at byte 0)");
    }
    const std::string_view text = std::string_view(reinterpret_cast<const char*>(bytes.data()) + 8, static_cast<std::size_t>(length));
    if (text.empty() || text[0] != '{')
        fail<FormatError>(path, ": header does not start with '{' (at byte 8)");
    const Json header =
        parse_json(text, path + ": header",
                   {.max_bytes = max_header, .max_depth = 16, .duplicates = DuplicateKeys::reject});

    std::vector<HeaderEntry> entries;
    for (const auto& [name, value] : header.items()) {
        if (name != "__metadata__") {
            entries.push_back(parse_entry(name, value, path));
            continue;
        }
        if (!value.is_object()) fail<FormatError>(path, ": __metadata__ should be an object of strings");
        for (const auto& [key, text_value] : value.get_ref<const Json::object_t&>())
            metadata[key] = field<std::string>(value, key, path + ": __metadata__");
    }
    std::sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
        return std::pair{a.begin, a.end} < std::pair{b.begin, b.end};
    });
    std::uint64_t at = 0;
    const std::span<const std::byte> data = bytes.subspan(8 + static_cast<std::size_t>(length));
    for (HeaderEntry& entry : entries) {
        if (entry.begin != at) {
            fail<FormatError>(path, ": tensor '", entry.name, "' begins at data byte ", entry.begin,
                              " but the one before ends at ", at);
        }
        if (entry.end > data.size()) {
            fail<FormatError>(path, ": tensor '", entry.name, "' ends at byte ", entry.end,
                              ", past the end of the data (", data.size(), ")");
        }
        at = entry.end;
        entry.info.bytes = data.subspan(static_cast<std::size_t>(entry.begin),
                                        static_cast<std::size_t>(entry.end - entry.begin));
    }
    if (at != data.size())
        fail<FormatError>(path, ": ", data.size() - at, " bytes follow the last tensor (at data byte ", at,
                          ")");
    return entries;
}

}  // namespace detail
}  // namespace svad::io
