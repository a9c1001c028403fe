// SPDX-License-Identifier: Apache-2.0
// Writing GGUF version 3: metadata with the types that llama.cpp's readers insist on (they do not convert), tensors of any
// type that svad computes with. The directory comes first, so sizes are declared before bytes: declare all tensors, then
// write() asks for each one's bytes in turn, and a model larger than memory can be written.
#pragma once

#include "svad/core/blocks.hpp"
#include "svad/io/gguf.hpp"

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace svad::io {

/// The id of a dtype in GGUF files. Throws DTypeError for types that they do not have.
[[nodiscard]] inline std::uint32_t ggml_id(DType type) {
    switch (type) {
        case DType::f32: return 0;
        case DType::f16: return 1;
        case DType::q4_0: return 2;
        case DType::q4_1: return 3;
        case DType::q8_0: return 8;
        case DType::q4_k: return 12;
        case DType::q6_k: return 14;
        case DType::bf16: return 30;
        default: fail<DTypeError>("gguf: there are no tensors of ", type, "; f32, f16, bf16 and blocks are possible");
    }
}

class GgufWriter {
public:
    GgufWriter& u32(const std::string& key, std::uint32_t value) { return add(key, number(detail::GgufKind::u32) + number(value)); }
    GgufWriter& f32(const std::string& key, float value) { return add(key, number(detail::GgufKind::f32) + number(value)); }
    GgufWriter& flag(const std::string& key, bool value) { return add(key, number(detail::GgufKind::boolean) + static_cast<char>(value)); }
    GgufWriter& text(const std::string& key, const std::string& value) { return add(key, number(detail::GgufKind::string) + string(value)); }
    GgufWriter& texts(const std::string& key, const std::vector<std::string>& values) {
        std::string all = list(detail::GgufKind::string, values.size());
        for (const std::string& value : values) all += string(value);
        return add(key, all);
    }
    GgufWriter& i32s(const std::string& key, const std::vector<std::int32_t>& values) {
        std::string all = list(detail::GgufKind::i32, values.size());
        for (const std::int32_t value : values) all += number(value);
        return add(key, all);
    }
    /// A value as another file stores it (Gguf::stored_values()).
    GgufWriter& stored(const std::string& key, std::string_view value) { return add(key, std::string(value)); }
    [[nodiscard]] bool has(const std::string& key) const { return values_.contains(key); }

    /// Declares a tensor; its rows must be whole blocks. Throws UsageError for a name given twice and DTypeError.
    GgufWriter& tensor(const std::string& name, DType type, const Shape& shape) {
        const Index row = shape.rank() == 0 ? 1 : shape.back(), block = block_of(type).elements;
        if (row % block != 0) fail<DTypeError>("gguf: rows of ", row, " of '", name, "' are no whole blocks of ", block, " (", type, ")");
        if (shape.rank() > 4) fail<ShapeError>("gguf: '", name, "' ", shape, " has more than 4 sizes");
        for (const Declared& d : tensors_)
            if (d.name == name) fail<UsageError>("gguf: tensor '", name, "' is declared twice");
        tensors_.push_back({name, type, ggml_id(type), shape});
        return *this;
    }

    /// Replaces the file at `path`, atomically: bytes_of(name) gives the bytes of each tensor when it is its turn; they must
    /// be as many as declared and live until the next call.
    void write(const std::string& path, const std::function<std::span<const std::byte>(const std::string& name)>& bytes_of) const {
        constexpr std::uint64_t step = 32;
        const auto rest = [](std::uint64_t n) { return (step - n % step) % step; };
        std::string head = "GGUF" + number(std::uint32_t{3}) + number(std::uint64_t{tensors_.size()}) + number(std::uint64_t{values_.size()});
        for (const auto& [key, value] : values_) head += string(key) + value;
        std::uint64_t at = 0;
        for (const Declared& t : tensors_) {
            head += string(t.name) + number(static_cast<std::uint32_t>(t.shape.rank()));
            for (int i = t.shape.rank() - 1; i >= 0; --i) head += number(static_cast<std::uint64_t>(t.shape[i]));
            head += number(t.id) + number(at);
            at += svad::bytes_of(t.type, t.shape.numel());
            at += rest(at);
        }
        head.append(rest(head.size()), '\0');
        AtomicWriter file{path};
        file.write(head);
        for (const Declared& t : tensors_) {
            const std::span<const std::byte> bytes = bytes_of(t.name);
            if (bytes.size() != svad::bytes_of(t.type, t.shape.numel()))
                fail<UsageError>(path, ": tensor '", t.name, "' ", t.type, t.shape, " was declared with ", svad::bytes_of(t.type, t.shape.numel()),
                                 " bytes; got ", bytes.size());
            file.write(bytes);
            file.write(std::string(rest(bytes.size()), '\0'));
        }
        file.commit();
    }

private:
    struct Declared {
        std::string name;
        DType type;
        std::uint32_t id;
        Shape shape;
    };

    template <class T>
    static std::string number(T value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }
    static std::string string(const std::string& s) { return number(std::uint64_t{s.size()}) + s; }
    static std::string list(detail::GgufKind kind, std::size_t n) { return number(detail::GgufKind::array) + number(kind) + number(std::uint64_t{n}); }
    GgufWriter& add(const std::string& key, std::string value) {
        if (key.empty() || !values_.emplace(key, std::move(value)).second) fail<UsageError>("gguf: key '", key, "' is empty or given twice");
        return *this;
    }

    std::map<std::string, std::string> values_;
    std::vector<Declared> tensors_;
};

}  // namespace svad::io
