// SPDX-License-Identifier: Apache-2.0
// Byte-level BPE from text to ids and back, in files of the Hugging Face layout (tokenizer.json).
//
// Promise: decode(encode(s)) == s for any bytes (a file may lack tokens for bytes that valid UTF-8 never or hardly
// holds, as SmolLM2's does: those bytes are dropped, as the tokenizers library drops them); equal training text gives
// equal files; ids equal those of that library for the same file. A special string inside ordinary text is text unless the caller asks for it:
// a caption that spells "<eos>" must not end a sentence.
// What is read: BPE with the byte alphabet, ByteLevel (or Digits, ByteLevel) in front, no normalizer. Anything else is
// refused by name rather than encoded wrongly.
#pragma once

#include "svad/core/error.hpp"
#include "svad/io/json.hpp"
#include "svad/text/bpe.hpp"
#include "svad/text/pretokenize.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace svad::text {

/// Whether a special string in a text means the special token or its letters.
enum class Specials { as_text, as_tokens };

/// How Tokenizer::train learns.
struct TokenizerOptions {
    Index vocabulary = 1024;                                              ///< with specials and the 256 bytes
    std::vector<std::string> specials{"<pad>", "<bos>", "<eos>", "<unk>"};   ///< get the first ids
    std::int64_t min_frequency = 1;                                       ///< of a pair that is merged
    SplitOptions split{};
};

namespace detail {

/// The printable character that stands for a byte in token strings (GPT-2's bytes_to_unicode).
inline const std::array<char32_t, 256>& byte_characters() {
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

}  // namespace detail

/// Byte-level BPE tokenizer: a value; encode and decode are const and may run in many threads.
class Tokenizer {
public:
    /// Learns from `texts`. Throws UsageError if the specials and bytes do not fit in the vocabulary.
    static Tokenizer train(std::span<const std::string> texts, const TokenizerOptions& options = {});

    /// The tokenizer in the file at `path`. Throws FileError or FormatError.
    static Tokenizer load(const std::string& path) {
        return parse(io::read_file(path, io::JsonLimits{}.max_bytes), path);
    }

    /// The tokenizer in the text of a tokenizer.json; `where` starts every error. Throws FormatError.
    static Tokenizer parse(std::string_view json, std::string_view where);

    /// Writes tokenizer.json atomically.
    void save(const std::string& path) const { io::write_atomic(path, to_json()); }

    /// The text of tokenizer.json.
    [[nodiscard]] std::string to_json() const;

    /// Ids of `text`, any bytes; nothing is added in front or behind.
    [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text, Specials specials = Specials::as_text) const {
        std::vector<std::int32_t> ids;
        if (specials == Specials::as_text) {
            encode_plain(text, ids);
            return ids;
        }
        std::size_t start = 0;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t s = special_at(text, at);
            if (s == specials_.size()) {
                ++at;
                continue;
            }
            encode_plain(text.substr(start, at - start), ids);
            ids.push_back(specials_[s].second);
            at += specials_[s].first.size();
            start = at;
        }
        encode_plain(text.substr(start), ids);
        return ids;
    }

    /// The bytes of `ids`; special tokens are left out unless Specials::as_text. Throws UsageError for an id that is
    /// not in the vocabulary.
    [[nodiscard]] std::string decode(std::span<const std::int32_t> ids, Specials specials = Specials::as_tokens) const {
        std::string out;
        for (const std::int32_t id : ids) {
            if (id < 0 || id >= static_cast<Index>(tokens_.size()))
                fail<UsageError>("tokenizer: id is not in the vocabulary; got ", id, " of ", tokens_.size());
            const auto i = static_cast<std::size_t>(id);
            if (!is_special_[i] || specials == Specials::as_text) out += tokens_[i];
        }
        return out;
    }

    /// Id of a special token. Throws UsageError if there is none of that name.
    [[nodiscard]] std::int32_t id(std::string_view special) const {
        for (const auto& [name, id] : specials_)
            if (name == special) return id;
        fail<UsageError>("tokenizer: has no special token '", special, "'; got ", specials_.size(), " others");
    }

    /// Whether `special` is the name of a special token.
    [[nodiscard]] bool has(std::string_view special) const {
        for (const auto& one : specials_)
            if (one.first == special) return true;
        return false;
    }

    /// Whether every byte has a token, so that decode(encode(s)) == s for every s. Always so after train().
    [[nodiscard]] bool covers_all_bytes() const {
        for (const std::int32_t id : byte_id_)
            if (id < 0) return false;
        return true;
    }

    /// Number of ids: every id is in [0, vocabulary()).
    [[nodiscard]] Index vocabulary() const { return static_cast<Index>(tokens_.size()); }

    /// The bytes of one token (of a special one its name). Throws UsageError outside the vocabulary.
    [[nodiscard]] const std::string& token(std::int32_t id) const {
        if (id < 0 || id >= vocabulary()) fail<UsageError>("tokenizer: id is not in the vocabulary; got ", id);
        return tokens_[static_cast<std::size_t>(id)];
    }

    /// The merges in order of rank.
    [[nodiscard]] const std::vector<IdPair>& merges() const { return merges_; }

private:
    void encode_plain(std::string_view text, std::vector<std::int32_t>& ids) const {
        std::vector<std::int32_t> piece_ids;
        for_each_piece(text, [&](std::string_view piece) {
            piece_ids.clear();
            for (const char c : piece)
                if (const std::int32_t id = byte_id_[static_cast<unsigned char>(c)]; id >= 0) piece_ids.push_back(id);
            apply_merges(piece_ids, table_);
            ids.insert(ids.end(), piece_ids.begin(), piece_ids.end());
        }, split_);
    }

    /// Number of the longest special token that starts at `at`, or specials_.size().
    [[nodiscard]] std::size_t special_at(std::string_view text, std::size_t at) const {
        std::size_t best = specials_.size(), length = 0;
        for (std::size_t s = 0; s < specials_.size(); ++s) {
            const std::string& name = specials_[s].first;
            if (name.size() > length && text.substr(at).starts_with(name)) {
                best = s;
                length = name.size();
            }
        }
        return best;
    }

    void add_special(std::string name, std::int32_t id) {
        tokens_[static_cast<std::size_t>(id)] = name;
        is_special_[static_cast<std::size_t>(id)] = true;
        specials_.emplace_back(std::move(name), id);
    }

    void add_merge(IdPair pair, std::int32_t id) {
        table_.try_emplace(pair, Merge{static_cast<std::int32_t>(merges_.size()), id});
        merges_.push_back(pair);
    }

    void read_vocabulary(const io::Json& file, std::string_view where);
    void read_merges(const io::Json& model, std::string_view where);
    void read_split(const io::Json& file, std::string_view where);

    std::vector<std::string> tokens_;   // bytes, by id
    std::vector<bool> is_special_;
    std::vector<std::pair<std::string, std::int32_t>> specials_;
    std::array<std::int32_t, 256> byte_id_{};   // -1: no token
    std::vector<IdPair> merges_;
    MergeTable table_;
    SplitOptions split_;
};

}  // namespace svad::text

#include "svad/text/tokenizer_file.hpp"
