// SPDX-License-Identifier: Apache-2.0
// What a tokenizer is made of, learning it, and tokenizer.json in both directions.
//
// Promise: any byte sequence gives a Tokenizer or an io::FormatError that names file and field; nothing is allocated
// beyond what the entries in the file justify (an id of two thousand million in a file of three tokens is an error,
// not a table). Layout: the tokenizers library 0.13 and later; merges as pairs or as "left right".
#pragma once

#include "svad/core/error.hpp"
#include "svad/io/json.hpp"
#include "svad/text/bpe_trainer.hpp"
#include "svad/text/pretokenize.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace svad::text {

/// How Tokenizer::train learns.
struct TokenizerOptions {
    Index vocabulary = 1024;                                              ///< with specials and the 256 bytes
    std::vector<std::string> specials{"<pad>", "<bos>", "<eos>", "<unk>"};   ///< get the first ids
    std::int64_t min_frequency = 1;                                       ///< of a pair that is merged
    SplitOptions split{};
};

/// A tokenizer as data: what a file says, with the tables that encoding needs.
struct TokenizerData {
    std::vector<std::string> tokens;   ///< bytes, by id; of a special one its name
    std::vector<bool> is_special;
    std::vector<std::pair<std::string, std::int32_t>> specials;
    std::array<std::int32_t, 256> byte_id{};   ///< -1: no token
    std::vector<IdPair> merges;                ///< in order of rank
    MergeTable table;
    SplitOptions split;

    /// Makes the token `id` < tokens.size() special.
    void add_special(std::string name, std::int32_t id) {
        tokens[static_cast<std::size_t>(id)] = name;
        is_special[static_cast<std::size_t>(id)] = true;
        specials.emplace_back(std::move(name), id);
    }

    /// The next merge in rank: `pair` becomes `id`.
    void add_merge(IdPair pair, std::int32_t id) {
        table.try_emplace(pair, Merge{static_cast<std::int32_t>(merges.size()), id});
        merges.push_back(pair);
    }
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

/// Learns from `texts`. Throws UsageError if the specials and bytes do not fit in the vocabulary.
[[nodiscard]] inline TokenizerData train_tokenizer(std::span<const std::string> texts, const TokenizerOptions& options) {
    const auto base = static_cast<Index>(options.specials.size()) + 256;
    if (options.vocabulary < base || options.vocabulary > (Index{1} << 24))
        fail<UsageError>("tokenizer: vocabulary must hold ", base, " bytes and specials; got ", options.vocabulary);
    if (std::set<std::string>(options.specials.begin(), options.specials.end()).size() != options.specials.size())
        fail<UsageError>("tokenizer: a special token is named twice");
    for (const std::string& name : options.specials)
        if (name.empty() || find_invalid_utf8(name) != std::string::npos)
            fail<UsageError>("tokenizer: a special token must be valid utf-8 and not empty; got '", name, "'");
    TokenizerData made;
    made.split = options.split;
    made.tokens.resize(options.specials.size());
    made.is_special.assign(options.specials.size(), false);
    for (std::size_t s = 0; s < options.specials.size(); ++s)
        made.add_special(options.specials[s], static_cast<std::int32_t>(s));
    std::vector<std::uint8_t> order(256);   // bytes sorted by the character that stands for them
    for (std::size_t b = 0; b < 256; ++b) order[b] = static_cast<std::uint8_t>(b);
    const auto& characters = detail::byte_characters();
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return characters[a] < characters[b]; });
    for (const std::uint8_t b : order) {
        made.byte_id[b] = static_cast<std::int32_t>(made.tokens.size());
        made.tokens.emplace_back(1, static_cast<char>(b));
    }
    std::unordered_map<std::string_view, std::size_t> index;
    std::vector<CountedWord> words;
    for (const std::string& text : texts) {
        for_each_piece(text, [&](std::string_view piece) {
            const auto [found, fresh] = index.emplace(piece, words.size());
            if (fresh) {
                words.emplace_back();
                for (const char c : piece) words.back().ids.push_back(made.byte_id[static_cast<unsigned char>(c)]);
            }
            ++words[found->second].count;
        }, options.split);
    }
    const std::vector<IdPair> merges = learn_merges(std::move(words), made.tokens,
                                                    {options.vocabulary, options.min_frequency, options.specials});
    made.is_special.resize(made.tokens.size(), false);
    std::unordered_map<std::string_view, std::int32_t> id_of;
    for (std::size_t i = 0; i < made.tokens.size(); ++i) id_of.emplace(made.tokens[i], static_cast<std::int32_t>(i));
    for (const IdPair pair : merges) made.add_merge(pair, id_of.at(made.tokens[static_cast<std::size_t>(pair.left)] + made.tokens[static_cast<std::size_t>(pair.right)]));
    return made;
}

/// The text of tokenizer.json.
[[nodiscard]] inline std::string write_tokenizer(const TokenizerData& data) {
    using io::Json;
    const auto written = [&](std::int32_t id) {
        const auto i = static_cast<std::size_t>(id);
        return data.is_special[i] ? data.tokens[i] : detail::to_byte_characters(data.tokens[i]);
    };
    Json vocabulary = Json::object(), merges = Json::array(), added = Json::array();
    for (std::size_t i = 0; i < data.tokens.size(); ++i) {
        const auto id = static_cast<std::int32_t>(i);
        vocabulary[written(id)] = id;
    }
    for (const IdPair pair : data.merges) merges.push_back(Json::array({written(pair.left), written(pair.right)}));
    for (const auto& [name, id] : data.specials)
        added.push_back(io::object({{"id", id}, {"content", name}, {"single_word", false}, {"lstrip", false}, {"rstrip", false},
                                    {"normalized", false}, {"special", true}}));
    const Json byte_level =
        io::object({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}});
    Json split = byte_level;
    if (data.split.single_digits)
        split = io::object({{"type", "Sequence"},
                            {"pretokenizers", Json::array({io::object({{"type", "Digits"}, {"individual_digits", true}}), byte_level})}});
    const Json model = io::object(
        {{"type", "BPE"}, {"dropout", nullptr}, {"unk_token", nullptr}, {"continuing_subword_prefix", nullptr},
         {"end_of_word_suffix", nullptr}, {"fuse_unk", false}, {"byte_fallback", false}, {"ignore_merges", false},
         {"vocab", vocabulary}, {"merges", merges}});
    const Json file = io::object({
        {"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}, {"added_tokens", added}, {"normalizer", nullptr},
        {"pre_tokenizer", split}, {"post_processor", nullptr}, {"decoder", byte_level},
        {"model", model}});
    return io::dump(file, 1) + "\n";
}

namespace detail {

inline void read_vocabulary(TokenizerData& data, const io::Json& file, std::string_view where) {
    const io::Json model = io::field<io::Json>(file, "model", where);
    const auto found = model.is_object() ? model.find("vocab") : model.end();
    if (!model.is_object() || found == model.end() || !found->is_object())
        fail<io::FormatError>(where, ": model has no 'vocab' object");
    const io::Json added = io::field_or<io::Json>(file, "added_tokens", io::Json::array(), where);
    const std::size_t limit = 2 * (found->size() + added.size()) + 1024;   // files leave small gaps between ids
    std::vector<bool> taken;
    const auto claim = [&](std::uint64_t id, const std::string& name) {
        if (id >= limit)
            fail<io::FormatError>(where, ": id of '", name, "' is beyond the number of tokens; got ", id);
        if (id >= data.tokens.size()) {
            data.tokens.resize(static_cast<std::size_t>(id) + 1);
            data.is_special.resize(data.tokens.size(), false);
            taken.resize(data.tokens.size(), false);
        }
        return static_cast<std::size_t>(id);
    };
    data.byte_id.fill(-1);
    std::string bytes;
    for (const auto& [name, value] : found->get_ref<const io::Json::object_t&>()) {
        if (!value.is_number_unsigned()) fail<io::FormatError>(where, ": id of token '", name, "' is not a natural number");
        const std::size_t id = claim(value.get<std::uint64_t>(), name);
        if (taken[id]) fail<io::FormatError>(where, ": two tokens have one id; got ", id, " again for '", name, "'");
        taken[id] = true;
        data.tokens[id] = from_byte_characters(name, bytes) ? bytes : name;
        if (bytes.size() == 1 && data.tokens[id] == bytes)
            data.byte_id[static_cast<unsigned char>(bytes[0])] = static_cast<std::int32_t>(id);
    }
    for (const io::Json& one : added) {
        auto name = io::field<std::string>(one, "content", where);
        const std::size_t id = claim(io::field<std::uint64_t>(one, "id", where), name);
        if (name.empty()) fail<io::FormatError>(where, ": added token ", id, " is empty");
        data.add_special(std::move(name), static_cast<std::int32_t>(id));
    }
    if (std::count(data.byte_id.begin(), data.byte_id.end(), -1) > 128)
        fail<io::FormatError>(where, ": vocabulary has no tokens for most bytes; is it byte-level?");
}

inline void read_merges(TokenizerData& data, const io::Json& model, std::string_view where) {
    const auto found = model.find("merges");
    if (found == model.end() || !found->is_array()) fail<io::FormatError>(where, ": model has no 'merges' array");
    const io::Json& vocab = model.at("vocab");
    const auto id_of = [&](const std::string& token, std::size_t merge) {
        const auto entry = vocab.find(token);
        if (entry == vocab.end())
            fail<io::FormatError>(where, ": merge ", merge, " names a token that is not in the vocabulary; got '", token, "'");
        return entry->get<std::int32_t>();
    };
    for (std::size_t m = 0; m < found->size(); ++m) {
        const io::Json& one = (*found)[m];
        std::string left, right;
        if (one.is_array() && one.size() == 2 && one[0].is_string() && one[1].is_string()) {
            left = one[0].get<std::string>();
            right = one[1].get<std::string>();
        } else if (one.is_string()) {
            const auto text = one.get<std::string>();
            const std::size_t blank = text.find(' ');
            if (blank == std::string::npos) fail<io::FormatError>(where, ": merge ", m, " is not two tokens; got '", text, "'");
            left = text.substr(0, blank);
            right = text.substr(blank + 1);
        } else {
            fail<io::FormatError>(where, ": merge ", m, " is neither a pair nor a string");
        }
        data.add_merge({id_of(left, m), id_of(right, m)}, id_of(left + right, m));
    }
}

inline void read_split(TokenizerData& data, const io::Json& file, std::string_view where) {
    const auto absent = [&](const io::Json& object, const char* key) {
        const auto found = object.find(key);
        return found == object.end() || found->is_null();
    };
    if (!absent(file, "normalizer")) fail<io::FormatError>(where, ": normalizers are not supported; got one");
    const io::Json whole = io::field<io::Json>(file, "pre_tokenizer", where);
    std::vector<io::Json> parts{whole};
    if (io::field<std::string>(whole, "type", where) == "Sequence")
        parts = io::field<std::vector<io::Json>>(whole, "pretokenizers", where);
    if (parts.size() == 2 && io::field<std::string>(parts[0], "type", where) == "Digits" &&
        io::field_or<bool>(parts[0], "individual_digits", false, where)) {
        data.split.single_digits = true;
        parts.erase(parts.begin());
    }
    if (parts.size() != 1 || io::field<std::string>(parts[0], "type", where) != "ByteLevel" ||
        io::field_or<bool>(parts[0], "add_prefix_space", true, where) ||
        !io::field_or<bool>(parts[0], "use_regex", true, where))
        fail<io::FormatError>(where, ": pre_tokenizer should be ByteLevel without prefix space, or Digits before it");
}

}  // namespace detail

/// The tokenizer in the text of a tokenizer.json; `where` starts every error. Throws FormatError.
[[nodiscard]] inline TokenizerData read_tokenizer(std::string_view json, std::string_view where) {
    const io::Json file = io::parse_json(json, where);
    const io::Json model = io::field<io::Json>(file, "model", where);
    if (const auto type = io::field<std::string>(model, "type", where); type != "BPE")
        fail<io::FormatError>(where, ": model type should be BPE; got '", type, "'");
    for (const char* key : {"byte_fallback", "ignore_merges"})
        if (io::field_or<bool>(model, key, false, where)) fail<io::FormatError>(where, ": ", key, " is not supported");
    TokenizerData made;
    detail::read_split(made, file, where);
    detail::read_vocabulary(made, file, where);
    detail::read_merges(made, model, where);
    return made;
}

}  // namespace svad::text
