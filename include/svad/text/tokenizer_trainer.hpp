// SPDX-License-Identifier: Apache-2.0
// Learning a byte-level BPE tokenizer from texts, and its tokenizer.json.
//
// Promise: equal texts and options give equal bytes; ids go to the special tokens, the 256 bytes in the order of the
// characters that stand for them, then the merges; every byte has a token. The file loads in Hugging Face's tokenizers.
#pragma once

#include "svad/core/error.hpp"
#include "svad/io/json.hpp"
#include "svad/text/bpe_trainer.hpp"
#include "svad/text/byte_characters.hpp"
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

namespace detail {

inline void check_options(const TokenizerOptions& options) {
    const auto base = static_cast<Index>(options.specials.size()) + 256;
    if (options.vocabulary < base || options.vocabulary > (Index{1} << 24))
        fail<UsageError>("tokenizer: vocabulary must hold ", base, " bytes and specials; got ", options.vocabulary);
    if (std::set<std::string>(options.specials.begin(), options.specials.end()).size() != options.specials.size())
        fail<UsageError>("tokenizer: a special token is named twice");
    for (const std::string& name : options.specials)
        if (name.empty() || find_invalid_utf8(name) != std::string::npos)
            fail<UsageError>("tokenizer: a special token must be valid utf-8 and not empty; got '", name, "'");
}

/// The pieces of all texts with their counts, bytes as ids from `byte_id`.
inline std::vector<CountedWord> count_pieces(std::span<const std::string> texts, const SplitOptions& split,
                                             const std::array<std::int32_t, 256>& byte_id) {
    std::unordered_map<std::string_view, std::size_t> index;
    std::vector<CountedWord> words;
    for (const std::string& text : texts) {
        for_each_piece(text, [&](std::string_view piece) {
            const auto [found, fresh] = index.emplace(piece, words.size());
            if (fresh) {
                words.emplace_back();
                for (const char c : piece) words.back().ids.push_back(byte_id[static_cast<unsigned char>(c)]);
            }
            ++words[found->second].count;
        }, split);
    }
    return words;
}

/// tokenizer.json of byte-level BPE; `tokens` are bytes by id, the first `specials` of them special.
inline std::string write_tokenizer(const std::vector<std::string>& tokens, std::size_t specials, const std::vector<IdPair>& merges,
                                   const SplitOptions& split) {
    using io::Json;
    const auto written = [&](std::size_t id) { return id < specials ? tokens[id] : to_byte_characters(tokens[id]); };
    Json vocabulary = Json::object(), merge_list = Json::array(), added = Json::array();
    for (std::size_t id = 0; id < tokens.size(); ++id) vocabulary[written(id)] = static_cast<std::int32_t>(id);
    for (const IdPair pair : merges)
        merge_list.push_back(Json::array({written(static_cast<std::size_t>(pair.left)), written(static_cast<std::size_t>(pair.right))}));
    for (std::size_t id = 0; id < specials; ++id)
        added.push_back(io::object({{"id", static_cast<std::int32_t>(id)}, {"content", tokens[id]}, {"single_word", false},
                                    {"lstrip", false}, {"rstrip", false}, {"normalized", false}, {"special", true}}));
    const Json byte_level =
        io::object({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}});
    Json cuts = byte_level;
    if (split.single_digits)
        cuts = io::object({{"type", "Sequence"},
                           {"pretokenizers", Json::array({io::object({{"type", "Digits"}, {"individual_digits", true}}), byte_level})}});
    const Json model = io::object(
        {{"type", "BPE"}, {"dropout", nullptr}, {"unk_token", nullptr}, {"continuing_subword_prefix", nullptr},
         {"end_of_word_suffix", nullptr}, {"fuse_unk", false}, {"byte_fallback", false}, {"ignore_merges", false},
         {"vocab", vocabulary}, {"merges", merge_list}});
    const Json file = io::object({
        {"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}, {"added_tokens", added}, {"normalizer", nullptr},
        {"pre_tokenizer", cuts}, {"post_processor", nullptr}, {"decoder", byte_level},
        {"model", model}});
    return io::dump(file, 1) + "\n";
}

}  // namespace detail

/// The tokenizer.json learnt from `texts`. Throws UsageError if the specials and bytes do not fit in the vocabulary.
[[nodiscard]] inline std::string train_tokenizer_json(std::span<const std::string> texts, const TokenizerOptions& options) {
    detail::check_options(options);
    std::vector<std::string> tokens = options.specials;
    std::vector<std::uint8_t> order(256);   // bytes sorted by the character that stands for them
    for (std::size_t b = 0; b < 256; ++b) order[b] = static_cast<std::uint8_t>(b);
    const auto& characters = byte_characters();
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return characters[a] < characters[b]; });
    std::array<std::int32_t, 256> byte_id{};
    for (const std::uint8_t b : order) {
        byte_id[b] = static_cast<std::int32_t>(tokens.size());
        tokens.emplace_back(1, static_cast<char>(b));
    }
    const std::vector<IdPair> merges =
        learn_merges(detail::count_pieces(texts, options.split, byte_id), tokens,
                     {.vocabulary = options.vocabulary, .min_frequency = options.min_frequency, .never = options.specials});
    return detail::write_tokenizer(tokens, options.specials.size(), merges, options.split);
}

}  // namespace svad::text
