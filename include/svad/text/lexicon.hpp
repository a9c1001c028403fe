// SPDX-License-Identifier: Apache-2.0
// A large list of words with a class each (a part of speech of the list's own), as hashes: what a tagger or segmenter
// knows of words that its training text does not hold.
//
// Promise: three bytes a word and a look-up of a few steps; a word that is not listed is taken for one that is about
// once in 12,000 look-ups (32-bit hashes of 349,000 words). Any bytes may be parsed; what does not fit is an error.
// Rejected: the words themselves (five times the size) and a trie (no smaller, and slower).
#pragma once

#include "svad/core/error.hpp"
#include "svad/io/file.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

/// Words and their classes, 1 to 255; class 0 is no word of the list.
class Lexicon {
public:
    Lexicon() = default;

    /// Lines "word [count] class", fields apart by a blank or a tab; of a word's lines the first counts. Classes are
    /// numbered in the order they come. Throws io::FormatError for another form or more than 255 classes.
    [[nodiscard]] static Lexicon parse(std::string_view lines, std::string_view where) {
        std::map<std::string_view, std::uint8_t> classes;
        std::map<std::uint32_t, std::uint8_t> words;
        std::size_t number = 0;
        for (std::size_t at = 0; at < lines.size();) {
            ++number;
            const std::size_t end = std::min(lines.find('\n', at), lines.size());
            std::string_view line = lines.substr(at, end - at);
            at = end + 1;
            while (line.ends_with('\r') || line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
            if (line.empty()) continue;
            const std::size_t last = line.find_last_of(" \t");
            if (last == std::string_view::npos) fail<io::FormatError>(where, ":", number, ": must be \"word [count] class\"; got one field");
            const auto kind = classes.emplace(line.substr(last + 1), static_cast<std::uint8_t>(classes.size() + 1));
            if (classes.size() > 255) fail<io::FormatError>(where, ":", number, ": more than 255 classes; give a list with fewer");
            line = line.substr(0, last);
            if (const std::size_t count = line.find_last_of(" \t"); count != std::string_view::npos && is_number(line.substr(count + 1)))
                line = line.substr(0, count);
            words.emplace(key_of(line), kind.first->second);
        }
        return Lexicon{words};
    }
    /// The list in the file at `path`. Throws io::FileError, io::FormatError.
    [[nodiscard]] static Lexicon load(const std::string& path) { return parse(io::read_file(path), path); }

    [[nodiscard]] std::size_t size() const { return classes_.size(); }
    [[nodiscard]] bool empty() const { return classes_.empty(); }

    /// The class of `word`, or 0.
    [[nodiscard]] std::uint8_t find(std::string_view word) const {
        if (empty()) return 0;
        const std::uint32_t key = key_of(word);
        const auto begin = low_.begin() + starts_[key >> 16], end = low_.begin() + starts_[(key >> 16) + 1];
        const auto at = std::lower_bound(begin, end, static_cast<std::uint16_t>(key & 0xFFFF));
        return at == end || *at != (key & 0xFFFF) ? std::uint8_t{0} : classes_[static_cast<std::size_t>(at - low_.begin())];
    }

    /// The list as bytes, which from_bytes() reads; none for an empty list.
    [[nodiscard]] std::string bytes() const {
        std::string out;
        if (empty()) return out;
        for (std::size_t i = 0; i < groups; ++i) out += static_cast<char>(starts_[i + 1] - starts_[i]);
        for (const std::uint16_t low : low_) out += static_cast<char>(low & 0xFF), out += static_cast<char>(low >> 8);
        out.append(classes_.begin(), classes_.end());
        return out;
    }
    /// The list in `bytes`. Throws io::FormatError.
    [[nodiscard]] static Lexicon from_bytes(std::string_view bytes, std::string_view where) {
        Lexicon out;
        if (bytes.empty()) return out;
        if (bytes.size() <= groups || (bytes.size() - groups) % 3 != 0)
            fail<io::FormatError>(where, ": the size of the list of words fits no list; got ", bytes.size(), " bytes");
        const std::size_t n = (bytes.size() - groups) / 3;
        out.starts_.assign(1, 0);
        for (std::size_t i = 0; i < groups; ++i) out.starts_.push_back(out.starts_[i] + static_cast<unsigned char>(bytes[i]));
        if (out.starts_.back() != n) fail<io::FormatError>(where, ": the list of words must have ", n, " words; got ", out.starts_.back());
        const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[groups + at]); };
        for (std::size_t i = 0; i < n; ++i) {
            out.low_.push_back(static_cast<std::uint16_t>(byte(2 * i) | byte(2 * i + 1) << 8));
            out.classes_.push_back(byte(2 * n + i));
        }
        for (std::size_t g = 0; g < groups; ++g)
            if (!std::is_sorted(out.low_.begin() + out.starts_[g], out.low_.begin() + out.starts_[g + 1]))
                fail<io::FormatError>(where, ": the list of words is not in order; the file is damaged, fetch it again");
        return out;
    }

private:
    static constexpr std::size_t groups = 65536;   // by the upper half of the hash

    explicit Lexicon(const std::map<std::uint32_t, std::uint8_t>& words) {
        if (words.empty()) return;
        starts_.assign(groups + 1, 0);
        std::uint32_t in_group = 0, group = 0;
        for (const auto& [key, kind] : words) {
            if (key >> 16 != group) in_group = 0, group = key >> 16;
            if (++in_group > 255) fail<UsageError>("Lexicon: a list of so many words does not fit; got ", words.size(), ", give some millions at most");
            low_.push_back(static_cast<std::uint16_t>(key & 0xFFFF)), classes_.push_back(kind);
            ++starts_[group + 1];
        }
        for (std::size_t g = 0; g < groups; ++g) starts_[g + 1] += starts_[g];
    }
    static bool is_number(std::string_view field) {
        return !field.empty() && std::all_of(field.begin(), field.end(), [](char c) { return c >= '0' && c <= '9'; });
    }
    /// FNV-1a, mixed.
    static std::uint32_t key_of(std::string_view word) {
        std::uint64_t hash = 0xCBF29CE484222325u;
        for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
        return static_cast<std::uint32_t>(((hash ^ (hash >> 29)) * 0x9E3779B97F4A7C15u) >> 32);
    }

    std::vector<std::uint32_t> starts_;   // of the groups in low_
    std::vector<std::uint16_t> low_;      // lower halves, in order within a group
    std::vector<std::uint8_t> classes_;
};

}  // namespace svad::text
