// SPDX-License-Identifier: Apache-2.0
// The tensors of a GGUF file as models take them: by name, in the file's own bytes, without a copy. Values that are
// to be floats are unpacked on the way.
#pragma once

#include "svad/core/blocks.hpp"
#include "svad/core/storage.hpp"
#include "svad/core/tensor.hpp"
#include "svad/io/gguf.hpp"

namespace svad::io {

/// A tensor in the type and bytes of its file; the bytes live as long as the storage.
struct StoredTensor {
    DType dtype = DType::f32;
    Shape shape;
    Storage storage;
};

class GgufWeights {
public:
    /// Throws FileError or FormatError. Nothing but the header is read.
    static GgufWeights open(const std::string& path) {
        GgufWeights w;
        w.file_ = std::make_shared<const Gguf>(Gguf::open(path));
        w.path_ = path;
        return w;
    }

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] const Gguf& file() const { return *file_; }
    [[nodiscard]] bool contains(const std::string& name) const { return file_->tensors().contains(name); }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const auto& [name, tensor] : file_->tensors()) all.push_back(name);
        return all;
    }
    /// Throws FormatError if there is none of this name.
    [[nodiscard]] const GgufTensor& info(const std::string& name) const {
        const auto found = file_->tensors().find(name);
        if (found == file_->tensors().end()) fail<FormatError>(path_, ": has no tensor '", name, "'");
        return found->second;
    }

    /// The tensor as it is in the file. FormatError for element types that svad does not compute with (Q5_K and others).
    [[nodiscard]] StoredTensor stored(const std::string& name) const {
        const GgufTensor& tensor = info(name);
        const auto owner = std::shared_ptr<std::byte>(file_, reinterpret_cast<std::byte*>(const_cast<char*>(tensor.bytes.data())));
        return {type_of(tensor, name), tensor.shape, Storage(owner, tensor.bytes.size())};
    }

    /// The tensor's values as floats.
    template <class T>
        requires std::same_as<T, float>
    [[nodiscard]] Tensor<T> load(const std::string& name) const {
        const GgufTensor& tensor = info(name);
        const DType type = type_of(tensor, name);
        Tensor<float> values = Tensor<float>::uninitialized(tensor.shape);
        const auto* const bytes = reinterpret_cast<const std::uint8_t*>(tensor.bytes.data());
        if (is_blocked(type)) {
            blocks::decode(type, bytes, 0, values.numel(), values.data());
            return values;
        }
        for (Index i = 0; i < values.numel(); ++i) values.data()[i] = element(type, bytes, i);
        return values;
    }

private:
    static float element(DType type, const std::uint8_t* bytes, Index i) {
        if (type == DType::f32) {
            float x;
            std::memcpy(&x, bytes + 4 * i, 4);
            return x;
        }
        std::uint16_t bits;
        std::memcpy(&bits, bytes + 2 * i, 2);
        if (type == DType::bf16) return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
        f16 half;
        half.bits = bits;
        return half;
    }

    DType type_of(const GgufTensor& tensor, const std::string& name) const {
        switch (tensor.type.id) {
            case 0: return DType::f32;
            case 1: return DType::f16;
            case 2: return DType::q4_0;
            case 3: return DType::q4_1;
            case 8: return DType::q8_0;
            case 12: return DType::q4_k;
            case 14: return DType::q6_k;
            case 30: return DType::bf16;
            default:
                fail<FormatError>(path_, ": tensor '", name, "' is in ", tensor.type.name,
                                  "; known are F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K and Q6_K");
        }
    }

    std::shared_ptr<const Gguf> file_;
    std::string path_;
};

}  // namespace svad::io
