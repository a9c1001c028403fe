// SPDX-License-Identifier: Apache-2.0
// tokenizer.json, the file of Hugging Face's tokenizers, as TokenizerParts.
//
// Promise: any byte sequence gives parts or an io::FormatError that names file and field; nothing is allocated beyond
// what the entries in the file justify (an id of two thousand million in a file of three tokens is an error, not a
// table). Models: BPE, WordPiece, Unigram.
#pragma once

#include "svad/core/error.hpp"
#include "svad/io/json.hpp"
#include "svad/text/byte_characters.hpp"
#include "svad/text/tokenizer_parts.hpp"
#include "svad/text/tokenizer_steps.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace svad::text {

namespace detail {

using IdOf = std::unordered_map<std::string_view, std::int32_t>;   // of the file's token strings

/// Ids above this in a file with so many tokens are a mistake: files leave small gaps only.
inline std::size_t id_limit(std::size_t tokens) { return 2 * tokens + 1024; }

inline IdOf read_ids(const Json& vocab, std::size_t limit, std::string_view where) {
    if (!vocab.is_object()) fail<io::FormatError>(where, ": model has no 'vocab' object");
    IdOf ids;
    ids.reserve(vocab.size());
    for (const auto& [name, value] : vocab.get_ref<const Json::object_t&>()) {
        if (!value.is_number_unsigned()) fail<io::FormatError>(where, ": id of token '", name, "' is not a natural number");
        if (value.get<std::uint64_t>() >= limit)
            fail<io::FormatError>(where, ": id of '", name, "' is beyond the number of tokens; got ", value.get<std::uint64_t>());
        ids.emplace(name, value.get<std::int32_t>());
    }
    return ids;
}

/// The tokens as the model looks for them: for byte-level files the bytes behind the characters.
inline Vocabulary make_vocabulary(const IdOf& ids, bool bytes, std::string_view where) {
    Vocabulary made;
    std::string raw;
    for (const auto& [name, id] : ids) {
        if (bytes && from_byte_characters(name, raw)) made.add(raw, id, where);
        else if (bytes) made.add_unfound(name, id, where);   // no text becomes it
        else made.add(name, id, where);
    }
    return made;
}

/// The two strings of a merge: ["a", "b"] or "a b".
inline std::pair<std::string, std::string> merge_strings(const Json& one, std::size_t number, std::string_view where) {
    if (one.is_array() && one.size() == 2 && one[0].is_string() && one[1].is_string())
        return {one[0].get<std::string>(), one[1].get<std::string>()};
    if (!one.is_string()) fail<io::FormatError>(where, ": merge ", number, " is neither a pair nor a string");
    const auto text = one.get<std::string>();
    const std::size_t blank = text.find(' ');
    if (blank == std::string::npos) fail<io::FormatError>(where, ": merge ", number, " is not two tokens; got '", text, "'");
    return {text.substr(0, blank), text.substr(blank + 1)};
}

inline PairTable read_merges(const Json& model, const IdOf& ids, const std::string& prefix, std::vector<IdPair>& merges,
                             std::string_view where) {
    const Json& list = value_of(model, "merges");
    if (!list.is_array()) fail<io::FormatError>(where, ": model has no 'merges' array");
    PairTable table;
    const auto id_of = [&](const std::string& token, std::size_t merge) {
        const auto found = ids.find(token);
        if (found == ids.end())
            fail<io::FormatError>(where, ": merge ", merge, " names a token that is not in the vocabulary; got '", token, "'");
        return found->second;
    };
    for (std::size_t m = 0; m < list.size(); ++m) {
        const auto [left, right] = merge_strings(list[m], m, where);
        const bool continues = !prefix.empty() && right.starts_with(prefix);
        const IdPair pair{id_of(left, m), id_of(right, m)};
        table.add(pair, {static_cast<std::int32_t>(m), id_of(left + (continues ? right.substr(prefix.size()) : right), m)});
        merges.push_back(pair);
    }
    return table;
}

inline std::string text_or_empty(const Json& model, const char* key) {
    const Json& value = value_of(model, key);
    return value.is_string() ? value.get<std::string>() : std::string{};
}

inline bool is_byte_level(const TokenizerParts& parts) {
    return std::any_of(parts.cuts.begin(), parts.cuts.end(), [](const CutStep& s) { return std::holds_alternative<cut::ByteLevel>(s); });
}

inline BpeModel read_bpe(const Json& model, std::size_t limit, TokenizerParts& parts, std::string_view where) {
    if (const Json& dropout = value_of(model, "dropout"); dropout.is_number() && dropout.get<double>() != 0)
        fail<io::FormatError>(where, ": dropout is for training and not supported; got ", dropout.get<double>());
    const IdOf ids = read_ids(value_of(model, "vocab"), limit, where);
    BpeRules rules;
    rules.bytes = is_byte_level(parts);
    rules.prefix = text_or_empty(model, "continuing_subword_prefix");
    rules.suffix = text_or_empty(model, "end_of_word_suffix");
    rules.fuse_unk = io::field_or<bool>(model, "fuse_unk", false, where);
    rules.byte_fallback = io::field_or<bool>(model, "byte_fallback", false, where);
    rules.ignore_merges = io::field_or<bool>(model, "ignore_merges", false, where);
    if (const std::string unk = text_or_empty(model, "unk_token"); !unk.empty())
        if (const auto found = ids.find(unk); found != ids.end()) rules.unk = found->second;
    PairTable merges = read_merges(model, ids, rules.prefix, parts.merges, where);
    BpeModel made{make_vocabulary(ids, rules.bytes, where), std::move(merges), rules};
    if (rules.bytes && made.missing_bytes() > 128) fail<io::FormatError>(where, ": vocabulary has no tokens for most bytes; is it byte-level?");
    return made;
}

inline WordPieceModel read_wordpiece(const Json& model, std::size_t limit, std::string_view where) {
    Vocabulary vocabulary = make_vocabulary(read_ids(value_of(model, "vocab"), limit, where), false, where);
    const auto unk = io::field_or<std::string>(model, "unk_token", "[UNK]", where);
    const std::int32_t id = vocabulary.find(unk);
    if (id < 0) fail<io::FormatError>(where, ": unk_token '", unk, "' is not in the vocabulary");
    return {std::move(vocabulary), id, io::field_or<std::string>(model, "continuing_subword_prefix", "##", where),
            io::field_or<std::size_t>(model, "max_input_chars_per_word", 100, where)};
}

/// The token that stands for a byte: <0x0A>.
inline std::string byte_token(int byte) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto b = static_cast<std::size_t>(byte);
    return {'<', '0', 'x', digits[b / 16], digits[b % 16], '>'};
}

inline UnigramModel read_unigram(const Json& model, std::string_view where) {
    const Json& list = value_of(model, "vocab");
    if (!list.is_array()) fail<io::FormatError>(where, ": model has no 'vocab' list of [token, score]");
    const Json& unk = value_of(model, "unk_id");
    if (!unk.is_number_unsigned() || unk.get<std::uint64_t>() >= list.size())
        fail<io::FormatError>(where, ": unk_id should be the number of a token; got ", unk.dump());
    Vocabulary vocabulary;
    std::vector<UnigramPiece> pieces;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const Json& one = list[i];
        if (!one.is_array() || one.size() != 2 || !one[0].is_string() || !one[1].is_number())
            fail<io::FormatError>(where, ": entry ", i, " of 'vocab' is not [token, score]");
        pieces.push_back({one[0].get<std::string>(), one[1].get<double>()});
        vocabulary.add(pieces.back().piece, static_cast<std::int32_t>(i), where);
    }
    UnigramOptions options{.unk_id = unk.get<std::int32_t>()};
    if (io::field_or<bool>(model, "byte_fallback", false, where))
        for (int byte = 0; byte < 256; ++byte) options.byte_ids.push_back(vocabulary.find(byte_token(byte)));
    return {std::move(vocabulary), Unigram{pieces, std::move(options)}};
}

inline std::vector<AddedToken> read_added(const Json& file, std::size_t limit, std::string_view where) {
    std::vector<AddedToken> added;
    const Json& list = value_of(file, "added_tokens");
    if (list.is_null()) return added;
    if (!list.is_array()) fail<io::FormatError>(where, ": 'added_tokens' is no list");
    for (const Json& one : list) {
        AddedToken token;
        token.text = io::field<std::string>(one, "content", where);
        const auto id = io::field<std::uint64_t>(one, "id", where);
        if (id >= limit) fail<io::FormatError>(where, ": id of '", token.text, "' is beyond the number of tokens; got ", id);
        if (token.text.empty()) fail<io::FormatError>(where, ": added token ", id, " is empty");
        token.id = static_cast<std::int32_t>(id);
        token.special = io::field_or<bool>(one, "special", false, where);
        token.normalized = io::field_or<bool>(one, "normalized", !token.special, where);
        token.lstrip = io::field_or<bool>(one, "lstrip", false, where);
        token.rstrip = io::field_or<bool>(one, "rstrip", false, where);
        token.single_word = io::field_or<bool>(one, "single_word", false, where);
        added.push_back(std::move(token));
    }
    return added;
}

/// Whether `direction` is to the left.
inline bool is_left(const Json& object, std::string_view where) {
    const auto direction = io::field_or<std::string>(object, "direction", "Right", where);
    if (direction != "Left" && direction != "Right") fail<io::FormatError>(where, ": direction should be Left or Right; got '", direction, "'");
    return direction == "Left";
}

inline Truncation read_truncation(const Json& cut, std::string_view where) {
    Truncation made{io::field<std::size_t>(cut, "max_length", where)};
    made.left = is_left(cut, where);
    const auto strategy = io::field_or<std::string>(cut, "strategy", "LongestFirst", where);
    if (strategy == "OnlyFirst") made.strategy = CutStrategy::only_first;
    else if (strategy == "OnlySecond") made.strategy = CutStrategy::only_second;
    else if (strategy != "LongestFirst")
        fail<io::FormatError>(where, ": truncation's strategy should be LongestFirst, OnlyFirst or OnlySecond; got '", strategy, "'");
    const auto stride = io::field_or<std::size_t>(cut, "stride", 0, where);   // changes no id: see lengths.hpp
    if (stride > 0 && stride >= made.length)
        fail<io::FormatError>(where, ": truncation's stride should be less than max_length; got ", stride, " of ", made.length);
    return made;
}

inline Padding read_padding(const Json& pad, std::string_view where) {
    Padding made;
    const Json& strategy = value_of(pad, "strategy");
    if (const Json& fixed = value_of(strategy, "Fixed"); fixed.is_number_unsigned()) made.length = fixed.get<std::size_t>();
    else if (!strategy.is_null() && strategy != "BatchLongest")
        fail<io::FormatError>(where, ": padding's strategy should be \"BatchLongest\" or {\"Fixed\": n}; got ", strategy.dump());
    if (const Json& multiple = value_of(pad, "pad_to_multiple_of"); multiple.is_number_unsigned()) made.multiple_of = multiple.get<std::size_t>();
    constexpr std::size_t most = std::size_t{1} << 20;
    if (const std::size_t to = std::max(made.length.value_or(0), made.multiple_of); to > most)
        fail<io::FormatError>(where, ": padding to ", to, " tokens is more than any model takes");
    made.id = io::field_or<std::int32_t>(pad, "pad_id", 0, where);
    made.type = io::field_or<std::int32_t>(pad, "pad_type_id", 0, where);
    made.left = is_left(pad, where);
    return made;
}

inline void read_lengths(const Json& file, TokenizerParts& parts, std::string_view where) {
    if (const Json& cut = value_of(file, "truncation"); cut.is_object()) parts.truncation = read_truncation(cut, where);
    if (const Json& pad = value_of(file, "padding"); pad.is_object()) parts.padding = read_padding(pad, where);
}

}  // namespace detail

/// The tokenizer in the text of a tokenizer.json; `where` starts every error. Throws FormatError.
[[nodiscard]] inline TokenizerParts read_tokenizer_json(std::string_view json, std::string_view where) {
    const io::Json file = io::parse_json(json, where);
    const io::Json& model = detail::value_of(file, "model");
    if (!model.is_object()) fail<io::FormatError>(where, ": has no 'model'; is it a tokenizer.json?");
    TokenizerParts parts;
    parts.normalizer = detail::read_normalizer(detail::value_of(file, "normalizer"), where);
    parts.cuts = detail::read_cuts(detail::value_of(file, "pre_tokenizer"), where);
    parts.post = detail::read_post_processor(detail::value_of(file, "post_processor"), where);
    parts.decoder = detail::read_decoder(detail::value_of(file, "decoder"), where);
    const std::size_t limit = detail::id_limit(detail::value_of(model, "vocab").size() + detail::value_of(file, "added_tokens").size());
    const auto type = io::field_or<std::string>(model, "type", "BPE", where);
    if (type == "BPE") parts.model = detail::read_bpe(model, limit, parts, where);
    else if (type == "WordPiece") parts.model = detail::read_wordpiece(model, limit, where);
    else if (type == "Unigram") parts.model = detail::read_unigram(model, where);
    else fail<io::FormatError>(where, ": model type should be BPE, WordPiece or Unigram; got '", type, "'");
    parts.added = detail::read_added(file, limit, where);
    detail::read_lengths(file, parts, where);
    parts.json = json;
    return parts;
}

}  // namespace svad::text
