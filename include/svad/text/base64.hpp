// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648, padded) to bytes: what tiktoken's ranks and the character maps in tokenizer.json are written in.
//
// Promise: any text gives its bytes or false; white space is not skipped. Rejected: taking text without its padding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace svad::text {

/// The bytes that `text` stands for into `out`; false if it is no base64, and for the empty text.
[[nodiscard]] inline bool from_base64(std::string_view text, std::string& out) {
    const auto value = [](char c) -> int {
        if (c >= 'A' && c <= 'Z') return c - 'A';
        if (c >= 'a' && c <= 'z') return c - 'a' + 26;
        if (c >= '0' && c <= '9') return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
    };
    out.clear();
    if (text.empty() || text.size() % 4 != 0) return false;
    const std::size_t filling = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int v = i >= text.size() - filling ? 0 : value(text[i]);
        if (v < 0) return false;
        bits = (bits << 6) | static_cast<std::uint32_t>(v);
        if (i % 4 != 3) continue;
        for (const int shift : {16, 8, 0}) out += static_cast<char>((bits >> shift) & 0xFF);
    }
    out.resize(out.size() - filling);
    return true;
}

}  // namespace svad::text
