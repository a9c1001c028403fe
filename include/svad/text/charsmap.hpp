// SPDX-License-Identifier: Apache-2.0
// SentencePiece's precompiled_charsmap: rules "this string becomes that one" as a double array and a blob of strings.
//
// Promise: any bytes give a table or an io::FormatError; every look-up stays inside the table and reads a bounded number
// of bytes, also in an array that was made to run in circles. Layout: u32 length of the array in bytes, the array of
// u32 units as darts-clone writes it, then the results, each ended by a zero byte; the numbers in the array say where.
// Rejected: unpacking the rules into a map (slower to load, and the array is already the fastest form).
#pragma once

#include "svad/core/error.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace svad::text {

/// A table of replacements of prefixes. An empty one replaces nothing.
class Charsmap {
public:
    /// What a prefix of `length` bytes becomes; length 0 means that no rule fits.
    struct Match {
        std::string_view result{};
        std::size_t length = 0;
    };

    Charsmap() = default;

    /// Reads the blob; `where` starts every error.
    Charsmap(std::string_view blob, std::string_view where) {
        if (blob.empty()) return;
        if (blob.size() < 4) fail<io::FormatError>(where, ": precompiled_charsmap ends in its length; got ", blob.size(), " bytes");
        const std::size_t bytes = little_endian(blob, 0);
        if (bytes == 0 || bytes % 4 != 0 || bytes > blob.size() - 4)
            fail<io::FormatError>(where, ": precompiled_charsmap has no array of ", bytes, " bytes; got ", blob.size() - 4, " bytes");
        units_.resize(bytes / 4);
        for (std::size_t i = 0; i < units_.size(); ++i) units_[i] = little_endian(blob, 4 + 4 * i);
        results_ = blob.substr(4 + bytes);
        results_ += '\0';
    }

    [[nodiscard]] bool empty() const { return units_.empty(); }

    /// The longest rule that `text` starts with.
    [[nodiscard]] Match longest(std::string_view text) const { return search<false>(text); }
    /// The shortest one: what Hugging Face's normalizer "Precompiled" takes.
    [[nodiscard]] Match shortest(std::string_view text) const { return search<true>(text); }

private:
    static constexpr std::size_t max_length = 256, max_rules = 32;

    std::vector<std::uint32_t> units_;
    std::string results_;

    static std::uint32_t little_endian(std::string_view bytes, std::size_t at) {
        std::uint32_t value = 0;
        for (std::size_t k = 0; k < 4; ++k) value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + k])) << (8 * k);
        return value;
    }

    static std::size_t offset(std::uint32_t unit) { return (unit >> 10) << ((unit & 0x200u) >> 6); }

    template <bool First>
    Match search(std::string_view text) const {
        if (units_.empty()) return {};
        Match best;
        std::size_t at = offset(units_[0]), rules = 0;
        for (std::size_t i = 0; i < text.size() && i < max_length; ++i) {
            const auto byte = static_cast<unsigned char>(text[i]);
            at ^= byte;
            if (at >= units_.size() || (units_[at] & 0x800000FFu) != byte) break;
            const std::uint32_t unit = units_[at];
            at ^= offset(unit);
            if (!(unit & 0x100u)) continue;
            if (at >= units_.size()) break;
            const std::size_t start = units_[at] & 0x7FFFFFFFu;
            if (start >= results_.size()) break;
            best = {std::string_view{results_}.substr(start, std::strlen(results_.data() + start)), i + 1};
            if (First || ++rules == max_rules) break;
        }
        return best;
    }
};

}  // namespace svad::text
