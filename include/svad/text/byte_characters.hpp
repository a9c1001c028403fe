// SPDX-License-Identifier: Apache-2.0
// The printable characters that stand for bytes in the token strings of byte-level BPE (GPT-2's encoder.json and all
// tokenizer.json files after it): 188 bytes stand for themselves, the other 68 take U+0100 and up.
#pragma once

#include "svad/text/unicode.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace svad::text {

/// The printable character that stands for a byte in token strings (GPT-2's bytes_to_unicode).
[[nodiscard]] inline const std::array<char32_t, 256>& byte_characters() {
    static const std::array<char32_t, 256> table = [] {
        std::array<char32_t, 256> all{};
        char32_t spare = 256;
        for (char32_t b = 0; b < 256; ++b) {
            const bool itself = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
            all[b] = itself ? b : spare++;
        }
        return all;
    }();
    return table;
}

/// Bytes as the characters that stand for them.
inline std::string to_byte_characters(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) append_utf8(out, byte_characters()[static_cast<unsigned char>(c)]);
    return out;
}

/// The bytes behind a token string; false if a character stands for no byte.
inline bool from_byte_characters(std::string_view token, std::string& bytes) {
    static const std::array<std::int16_t, 324> byte_of = [] {
        std::array<std::int16_t, 324> all{};
        all.fill(-1);
        for (std::size_t b = 0; b < 256; ++b) all[byte_characters()[b]] = static_cast<std::int16_t>(b);
        return all;
    }();
    bytes.clear();
    for (std::size_t i = 0; i < token.size();) {
        const CodePoint c = next_code_point(token, i);
        if (!c.valid || c.value >= byte_of.size() || byte_of[c.value] < 0) return false;
        bytes += static_cast<char>(byte_of[c.value]);
        i += c.length;
    }
    return true;
}

}  // namespace svad::text
