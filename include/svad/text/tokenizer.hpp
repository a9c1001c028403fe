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
#include "svad/io/file.hpp"
#include "svad/text/tokenizer_file.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

/// Whether a special string in a text means the special token or its letters.
enum class Specials { as_text, as_tokens };

/// Byte-level BPE tokenizer: a value; encode and decode are const and may run in many threads.
class Tokenizer {
public:
    /// Knows no token: train, load or parse make one that does.
    Tokenizer() { data_.byte_id.fill(-1); }

    /// Learns from `texts`. Throws UsageError if the specials and bytes do not fit in the vocabulary.
    static Tokenizer train(std::span<const std::string> texts, const TokenizerOptions& options = {}) {
        return Tokenizer{train_tokenizer(texts, options)};
    }

    /// The tokenizer in the file at `path`. Throws FileError or FormatError.
    static Tokenizer load(const std::string& path) {
        return parse(io::read_file(path, io::JsonLimits{}.max_bytes), path);
    }

    /// The tokenizer in the text of a tokenizer.json; `where` starts every error. Throws FormatError.
    static Tokenizer parse(std::string_view json, std::string_view where) { return Tokenizer{read_tokenizer(json, where)}; }

    /// Writes tokenizer.json atomically.
    void save(const std::string& path) const { io::write_atomic(path, to_json()); }

    /// The text of tokenizer.json.
    [[nodiscard]] std::string to_json() const { return write_tokenizer(data_); }

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
            if (s == data_.specials.size()) {
                ++at;
                continue;
            }
            encode_plain(text.substr(start, at - start), ids);
            ids.push_back(data_.specials[s].second);
            at += data_.specials[s].first.size();
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
            if (id < 0 || id >= static_cast<Index>(data_.tokens.size()))
                fail<UsageError>("tokenizer: id is not in the vocabulary; got ", id, " of ", data_.tokens.size());
            const auto i = static_cast<std::size_t>(id);
            if (!data_.is_special[i] || specials == Specials::as_text) out += data_.tokens[i];
        }
        return out;
    }

    /// Id of a special token. Throws UsageError if there is none of that name.
    [[nodiscard]] std::int32_t id(std::string_view special) const {
        for (const auto& [name, id] : data_.specials)
            if (name == special) return id;
        fail<UsageError>("tokenizer: has no special token '", special, "'; got ", data_.specials.size(), " others");
    }

    /// Whether `special` is the name of a special token.
    [[nodiscard]] bool has(std::string_view special) const {
        for (const auto& one : data_.specials)
            if (one.first == special) return true;
        return false;
    }

    /// Whether every byte has a token, so that decode(encode(s)) == s for every s. Always so after train().
    [[nodiscard]] bool covers_all_bytes() const {
        for (const std::int32_t id : data_.byte_id)
            if (id < 0) return false;
        return true;
    }

    /// Number of ids: every id is in [0, vocabulary()).
    [[nodiscard]] Index vocabulary() const { return static_cast<Index>(data_.tokens.size()); }

    /// The bytes of one token (of a special one its name). Throws UsageError outside the vocabulary.
    [[nodiscard]] const std::string& token(std::int32_t id) const {
        if (id < 0 || id >= vocabulary()) fail<UsageError>("tokenizer: id is not in the vocabulary; got ", id);
        return data_.tokens[static_cast<std::size_t>(id)];
    }

    /// The merges in order of rank.
    [[nodiscard]] const std::vector<IdPair>& merges() const { return data_.merges; }

private:
    void encode_plain(std::string_view text, std::vector<std::int32_t>& ids) const {
        std::vector<std::int32_t> piece_ids;
        for_each_piece(text, [&](std::string_view piece) {
            piece_ids.clear();
            for (const char c : piece)
                if (const std::int32_t id = data_.byte_id[static_cast<unsigned char>(c)]; id >= 0) piece_ids.push_back(id);
            apply_merges(piece_ids, data_.table);
            ids.insert(ids.end(), piece_ids.begin(), piece_ids.end());
        }, data_.split);
    }

    /// Number of the longest special token that starts at `at`, or data_.specials.size().
    [[nodiscard]] std::size_t special_at(std::string_view text, std::size_t at) const {
        std::size_t best = data_.specials.size(), length = 0;
        for (std::size_t s = 0; s < data_.specials.size(); ++s) {
            const std::string& name = data_.specials[s].first;
            if (name.size() > length && text.substr(at).starts_with(name)) {
                best = s;
                length = name.size();
            }
        }
        return best;
    }

    explicit Tokenizer(TokenizerData data) : data_(std::move(data)) {}

    TokenizerData data_;
};

}  // namespace svad::text
