// SPDX-License-Identifier: Apache-2.0
// The wire format of protocol buffers: fields of a message, one after another, with the bytes they point to.
//
// Promise: any bytes give fields or an io::FormatError with the offset; nothing is copied, nothing is allocated, and a
// message inside a message is only read when its bytes are handed to a reader of their own.
// Rejected: the protobuf library (a code generator and megabytes for one file format).
#pragma once

#include "svad/core/error.hpp"

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace svad::io {

/// One field: its number and either a number or bytes.
struct ProtoField {
    std::uint64_t number = 0;
    std::uint64_t integer = 0;       ///< varint, or the bits of a fixed field
    std::string_view bytes{};        ///< of a length-delimited field
    unsigned wire = 0;               ///< 0 varint, 1 eight bytes, 2 bytes, 5 four bytes

    [[nodiscard]] float as_float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(integer)); }
};

/// Walks over the fields of one message.
class ProtoReader {
public:
    ProtoReader(std::string_view message, std::string_view where) : rest_(message), size_(message.size()), where_(where) {}

    /// The next field, or false at the end.
    bool next(ProtoField& field) {
        if (rest_.empty()) return false;
        const std::uint64_t key = varint();
        field = {key >> 3, 0, {}, static_cast<unsigned>(key & 7)};
        if (field.number == 0) broken("field number 0");
        if (field.wire == 0) field.integer = varint();
        else if (field.wire == 1) field.integer = fixed(8);
        else if (field.wire == 5) field.integer = fixed(4);
        else if (field.wire == 2) field.bytes = take(varint());
        else broken("a wire type that is not 0, 1, 2 or 5");
        return true;
    }

private:
    std::string_view rest_;
    std::size_t size_;
    std::string_view where_;

    [[noreturn]] void broken(const char* what) const {
        fail<FormatError>(where_, ": is not a protocol buffer; got ", what, " (at byte ", size_ - rest_.size(), " of the message)");
    }

    std::string_view take(std::uint64_t n) {
        if (n > rest_.size()) broken("a field longer than what is left");
        const std::string_view out = rest_.substr(0, static_cast<std::size_t>(n));
        rest_.remove_prefix(out.size());
        return out;
    }

    std::uint64_t fixed(std::size_t n) {
        const std::string_view bytes = take(n);
        std::uint64_t value = 0;
        for (std::size_t k = 0; k < n; ++k) value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[k])) << (8 * k);
        return value;
    }

    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto byte = static_cast<unsigned char>(take(1)[0]);
            value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
            if (byte < 0x80) return value;
        }
        broken("a number of more than ten bytes");
    }
};

}  // namespace svad::io
