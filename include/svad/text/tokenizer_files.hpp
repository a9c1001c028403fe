// SPDX-License-Identifier: Apache-2.0
// Tokenizers in other files than tokenizer.json: tiktoken's ranks, CLIP's merges, vocab.txt of BERT, vocab.json with
// merges.txt of GPT-2, and the metadata of GGUF.
//
// Promise: any bytes give TokenizerParts or a FormatError with file and line; what such a file does not say (the pattern
// of a .tiktoken file, the case of a vocab.txt) is an argument with no hidden guess.
#pragma once

#include "svad/core/error.hpp"
#include "svad/io/gguf.hpp"
#include "svad/io/json.hpp"
#include "svad/text/base64.hpp"
#include "svad/text/byte_characters.hpp"
#include "svad/text/tokenizer_json.hpp"
#include "svad/text/tokenizer_parts.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace svad::text {

/// A special token and its id.
struct SpecialToken {
    std::string text;
    std::int32_t id = 0;
};

namespace detail {

/// Calls f(line, number from 1) for the lines of `text`, without line ends.
template <class F>
void each_line(std::string_view text, F f) {
    std::size_t number = 0;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        std::string_view line = text.substr(start, end - start);
        if (line.ends_with('\r')) line.remove_suffix(1);
        f(line, ++number);
        start = end + 1;
    }
}

inline void add_specials(TokenizerParts& parts, const std::vector<SpecialToken>& specials, std::size_t limit, std::string_view where) {
    for (const SpecialToken& one : specials) {
        if (one.text.empty() || one.id < 0 || static_cast<std::size_t>(one.id) >= limit)
            fail<io::FormatError>(where, ": special token '", one.text, "' has the id ", one.id, ", which is out of range");
        parts.added.push_back({.text = one.text, .id = one.id});
    }
}

/// All ways to put a token together from two: tiktoken merges any neighbours whose bytes are a token, at its rank.
inline PairTable merges_of_ranks(const Vocabulary& vocabulary) {
    PairTable merges;
    for (std::size_t i = 0; i < vocabulary.size(); ++i) {
        const auto id = static_cast<std::int32_t>(i);
        const std::string_view token = vocabulary.string(id);
        for (std::size_t cut = 1; cut < std::min<std::size_t>(token.size(), 256); ++cut) {
            const std::int32_t left = vocabulary.find(token.substr(0, cut)), right = vocabulary.find(token.substr(cut));
            if (left >= 0 && right >= 0) merges.add({left, right}, {id, id});
        }
    }
    return merges;
}

inline TokenizerParts byte_level_parts(std::vector<CutStep> cuts) {
    TokenizerParts parts;
    parts.cuts = std::move(cuts);
    parts.decoder = {join_tokens::Bytes{}};
    return parts;
}

}  // namespace detail

/// Ranks as tiktoken writes them, a line each: base64, blank, rank. `pattern`: how text is cut; see split_patterns.
[[nodiscard]] inline TokenizerParts read_tiktoken(std::string_view text, std::string_view pattern,
                                                  const std::vector<SpecialToken>& specials, std::string_view where) {
    const std::optional<SplitPattern> known = find_split_pattern(pattern);
    if (!known) fail<io::FormatError>(where, ": the text is to be split by a pattern that is not supported: ", pattern);
    const std::size_t limit = detail::id_limit(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1 + specials.size());
    Vocabulary vocabulary;
    std::string bytes;
    detail::each_line(text, [&](std::string_view line, std::size_t number) {
        if (line.empty()) return;
        const std::size_t blank = std::min(line.find(' '), line.size());
        std::uint64_t rank = 0;
        const auto [end, error] = std::from_chars(line.data() + std::min(blank + 1, line.size()), line.data() + line.size(), rank);
        if (!from_base64(line.substr(0, blank), bytes) || error != std::errc{} || end != line.data() + line.size())
            fail<io::FormatError>(where, ": line ", number, " is not base64 and a rank");
        if (rank >= limit) fail<io::FormatError>(where, ": rank ", rank, " is beyond the number of tokens (line ", number, ")");
        vocabulary.add(bytes, static_cast<std::int32_t>(rank), where);
    });
    TokenizerParts parts = detail::byte_level_parts({cut::Pattern{*known}, cut::ByteLevel{false, false}});
    PairTable merges = detail::merges_of_ranks(vocabulary);
    BpeRules rules;
    rules.bytes = rules.ignore_merges = true;
    parts.model = BpeModel{std::move(vocabulary), std::move(merges), rules};
    detail::add_specials(parts, specials, limit, where);
    return parts;
}

/// vocab.json and merges.txt of GPT-2's family, as text; `cuts`: how text is cut (GPT-2: ByteLevel).
[[nodiscard]] inline TokenizerParts read_vocab_and_merges(std::string_view vocab_json, std::string_view merges_text,
                                                          std::vector<CutStep> cuts, std::string_view where) {
    io::Json model = io::object({{"vocab", io::parse_json(vocab_json, where)}, {"merges", io::Json::array()}});
    detail::each_line(merges_text, [&](std::string_view line, std::size_t number) {
        if (line.empty() || (number == 1 && line.starts_with("#version"))) return;
        model["merges"].push_back(std::string(line));
    });
    TokenizerParts parts = detail::byte_level_parts(std::move(cuts));
    parts.model = detail::read_bpe(model, detail::id_limit(model["vocab"].size()), parts, where);
    return parts;
}

/// CLIP's merges (bpe_simple_vocab_16e6.txt): lower-cased text, words that end in </w>, 49,408 tokens. Text is expected
/// as clip_clean leaves it; `specials` are <start_of_text> and <end_of_text> in open_clip.
[[nodiscard]] inline TokenizerParts read_clip_merges(std::string_view text, std::string_view where) {
    constexpr std::size_t merges_used = 49152 - 256 - 2;
    TokenizerParts parts = detail::byte_level_parts({cut::Pattern{SplitPattern::clip, SplitBehavior::removed, true}, cut::ByteLevel{false, false}});
    std::vector<char32_t> characters(byte_characters().begin(), byte_characters().end());
    // The first 256 ids are the bytes in the order of CLIP's own list: those that stand for themselves, then the others.
    std::vector<std::size_t> order;
    for (std::size_t b = 0; b < 256; ++b)
        if (characters[b] == b) order.push_back(b);
    for (std::size_t b = 0; b < 256; ++b)
        if (characters[b] != b) order.push_back(b);
    Vocabulary vocabulary;
    for (const char* end : {"", "</w>"})
        for (const std::size_t b : order) vocabulary.add(std::string(1, static_cast<char>(b)) + end, static_cast<std::int32_t>(vocabulary.size()), where);
    PairTable merges;
    std::string left, right;
    detail::each_line(text, [&](std::string_view line, std::size_t number) {
        if (number == 1 || number > merges_used + 1 || line.empty()) return;   // the first line names the version
        const std::size_t blank = std::min(line.find(' '), line.size());
        if (!from_byte_characters(line.substr(0, blank), left) || !from_byte_characters(line.substr(std::min(blank + 1, line.size())), right) || right.empty())
            fail<io::FormatError>(where, ": line ", number, " is not two tokens");
        const IdPair pair{vocabulary.find(left), vocabulary.find(right)};
        if (pair.left < 0 || pair.right < 0) fail<io::FormatError>(where, ": line ", number, " merges a token that is not known yet");
        const auto id = static_cast<std::int32_t>(vocabulary.size());
        vocabulary.add(left + right, id, where);
        merges.add(pair, {static_cast<std::int32_t>(number), id});
        parts.merges.push_back(pair);
    });
    const auto first = static_cast<std::int32_t>(vocabulary.size());
    BpeRules rules;
    rules.bytes = true;
    rules.suffix = "</w>";
    parts.model = BpeModel{std::move(vocabulary), std::move(merges), rules};
    parts.added = {{.text = "<start_of_text>", .id = first}, {.text = "<end_of_text>", .id = first + 1}};
    parts.decoder.push_back(join_tokens::Fuse{});
    parts.decoder.push_back(join_tokens::Replace{"</w>", " "});
    parts.post.single = {detail::token_item(first, 0), {}, detail::token_item(first + 1, 0)};
    parts.truncation = Truncation{77};
    return parts;
}

/// vocab.txt of BERT: a token a line, its number is its id. `lowercase`: the model is uncased.
[[nodiscard]] inline TokenizerParts read_wordpiece_vocab(std::string_view text, bool lowercase, std::string_view where) {
    Vocabulary vocabulary;
    detail::each_line(text, [&](std::string_view line, std::size_t number) { vocabulary.add(line, static_cast<std::int32_t>(number - 1), where); });
    const std::int32_t unk = vocabulary.find("[UNK]"), cls = vocabulary.find("[CLS]"), sep = vocabulary.find("[SEP]");
    if (unk < 0 || cls < 0 || sep < 0) fail<io::FormatError>(where, ": [UNK], [CLS] and [SEP] should be in the vocabulary");
    TokenizerParts parts;
    parts.normalizer = {normalize::Bert{true, true, lowercase, lowercase}};
    parts.cuts = {cut::Bert{}};
    parts.decoder = {join_tokens::WordPiece{}};
    using What = TemplateItem::What;
    parts.post.single = {detail::token_item(cls, 0), {}, detail::token_item(sep, 0)};
    parts.post.pair = {detail::token_item(cls, 0), {}, detail::token_item(sep, 0), {What::second, 0, 1}, detail::token_item(sep, 1)};
    for (const char* name : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"})
        if (const std::int32_t id = vocabulary.find(name); id >= 0) parts.added.push_back({.text = name, .id = id});
    parts.model = WordPieceModel{std::move(vocabulary), unk, "##", 100};
    return parts;
}

/// The byte-level BPE tokenizer in the metadata of a GGUF file (tokenizer.ggml.model "gpt2").
[[nodiscard]] inline TokenizerParts read_gguf_tokenizer(const io::Gguf& file, std::string_view where) {
    const auto& kind = file.get<std::string>("tokenizer.ggml.model");
    if (kind != "gpt2") fail<io::FormatError>(where, ": tokenizer.ggml.model should be gpt2; got '", kind, "'");
    const std::string* pre = file.find<std::string>("tokenizer.ggml.pre");
    const std::string name = pre ? *pre : "gpt-2";
    const cut::ByteLevel bytes{false, false};
    std::vector<CutStep> cuts;
    if (name == "gpt-2" || name == "default") cuts = {cut::ByteLevel{}};
    else if (name == "smollm") cuts = {cut::Digits{true}, cut::ByteLevel{}};
    else if (name == "qwen2") cuts = {cut::Pattern{SplitPattern::digits_1}, bytes};
    else if (name == "llama-bpe" || name == "llama3") cuts = {cut::Pattern{SplitPattern::digits_3}, bytes};
    else fail<io::FormatError>(where, ": tokenizer.ggml.pre '", name, "' is not supported");
    TokenizerParts parts = detail::byte_level_parts(std::move(cuts));
    const auto& tokens = file.get<std::vector<std::string>>("tokenizer.ggml.tokens");
    io::Json model = io::object({{"vocab", io::Json::object()}, {"merges", file.get<std::vector<std::string>>("tokenizer.ggml.merges")},
                                 {"ignore_merges", name == "llama-bpe" || name == "llama3"}});
    for (std::size_t i = 0; i < tokens.size(); ++i) model["vocab"][tokens[i]] = i;
    parts.model = detail::read_bpe(model, detail::id_limit(tokens.size()), parts, where);
    if (name == "qwen2") parts.normalizer = {normalize::Unicode{UnicodeForm::nfc}};
    if (const auto* types = file.find<std::vector<std::int64_t>>("tokenizer.ggml.token_type"))
        for (std::size_t i = 0; i < std::min(types->size(), tokens.size()); ++i)
            if (((*types)[i] == 3 || (*types)[i] == 4) && !tokens[i].empty())   // control, user-defined
                parts.added.push_back({.text = tokens[i], .id = static_cast<std::int32_t>(i), .special = (*types)[i] == 3});
    return parts;
}

}  // namespace svad::text
