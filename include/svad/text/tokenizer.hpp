// SPDX-License-Identifier: Apache-2.0
// Text to ids and back: one type for every tokenizer that svad reads.
//
// Promise: ids, byte ranges and texts equal those of the program whose file it is; time is linear in the text, whatever
// the text; any bytes may come in, and byte-level tokenizers give them back unchanged. A special string inside ordinary
// text is text unless the caller asks for it: a caption that spells "<eos>" must not end a sentence.
#pragma once

#include "svad/core/error.hpp"
#include "svad/io/file.hpp"
#include "svad/io/gzip.hpp"
#include "svad/text/tokenizer_files.hpp"
#include "svad/text/tokenizer_json.hpp"
#include "svad/text/tokenizer_parts.hpp"
#include "svad/text/tokenizer_trainer.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

/// What encode_with() is to do beside giving ids.
struct EncodeOptions {
    Specials specials = Specials::as_text;   ///< whether special strings in the text are the special tokens
    bool add_special = true;                 ///< put the model's special tokens around the text
    bool lengths = false;                    ///< cut and fill up as the file says
};

/// Ids with where they came from. All lists have one length.
struct Encoding {
    std::vector<std::int32_t> ids, type_ids, mask;   ///< mask: 1 for tokens, 0 for filling
    std::vector<Span> offsets;                       ///< bytes of the text; {0, 0} for tokens that were put around it
};

/// A tokenizer: a value; encode and decode are const and may run in many threads.
class Tokenizer {
public:
    /// Knows no token: train, load or parse make one that does.
    Tokenizer() = default;
    explicit Tokenizer(TokenizerParts parts) : parts_(std::move(parts)) { prepare(); }

    /// Learns byte-level BPE from `texts`. Throws UsageError if the specials and bytes do not fit in the vocabulary.
    static Tokenizer train(std::span<const std::string> texts, const TokenizerOptions& options = {}) {
        return parse(train_tokenizer_json(texts, options), "tokenizer");
    }

    /// The tokenizer in the file at `path`: tokenizer.json or GGUF, also packed with gzip. Throws FileError or
    /// FormatError. Files that do not say all that is needed have functions of their own in tokenizer_files.hpp:
    /// Tokenizer{read_tiktoken(...)}.
    static Tokenizer load(const std::string& path) {
        const std::string bytes = io::read_maybe_gzip(path);
        if (bytes.starts_with("GGUF")) return Tokenizer{read_gguf_tokenizer(io::Gguf::parse(bytes, path), path)};
        return parse(bytes, path);
    }

    /// The tokenizer in the text of a tokenizer.json; `where` starts every error. Throws FormatError.
    static Tokenizer parse(std::string_view json, std::string_view where) { return Tokenizer{read_tokenizer_json(json, where)}; }

    /// Writes tokenizer.json atomically. Throws UsageError for a tokenizer that came from another kind of file.
    void save(const std::string& path) const { io::write_atomic(path, to_json()); }

    /// The text of tokenizer.json, as it was read or trained.
    [[nodiscard]] const std::string& to_json() const {
        if (parts_.json.empty()) fail<UsageError>("tokenizer: did not come from a tokenizer.json and cannot be written as one");
        return parts_.json;
    }

    /// Ids of `text`, any bytes; nothing is added in front or behind.
    [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text, Specials specials = Specials::as_text) const {
        std::vector<std::int32_t> ids;
        ids.reserve(text.size() / 3 + 4);
        run(text, specials, always_tracked_, [&](std::int32_t id, const AlignedText&, std::size_t, std::size_t) { ids.push_back(id); });
        return ids;
    }

    /// Ids of `text` with byte ranges, type ids and mask.
    [[nodiscard]] Encoding encode_with(std::string_view text, const EncodeOptions& options = {}) const {
        Encoding one = bare(text, options.specials);
        if (!options.add_special && !options.lengths) return one;
        if (options.lengths) cut(one, nullptr, options.add_special ? parts_.post.added(false) : 0);
        Encoding all = options.add_special ? framed(parts_.post.single, one, {}) : std::move(one);
        if (options.lengths) fill(all);
        return all;
    }

    /// As encode_with() for two texts that the model sees together.
    [[nodiscard]] Encoding encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options = {}) const {
        Encoding a = bare(first, options.specials), b = bare(second, options.specials);
        if (options.lengths) cut(a, &b, options.add_special ? parts_.post.added(true) : 0);
        static const std::vector<TemplateItem> plain{{}, {TemplateItem::What::second, 0, 1}};
        Encoding all = framed(options.add_special ? parts_.post.pair : plain, a, b);
        if (options.lengths) fill(all);
        return all;
    }

    /// The text of `ids`; special tokens are left out unless Specials::as_text. Throws UsageError for an id that is
    /// not in the vocabulary.
    [[nodiscard]] std::string decode(std::span<const std::int32_t> ids, Specials specials = Specials::as_tokens) const {
        std::vector<std::string> tokens;
        tokens.reserve(ids.size());
        for (const std::int32_t id : ids) {
            if (id < 0 || id >= vocabulary())
                fail<UsageError>("tokenizer: id is not in the vocabulary; got ", id, " of ", vocabulary());
            const auto i = static_cast<std::size_t>(id);
            if (!is_special_[i] || specials == Specials::as_text) tokens.push_back(tokens_[i]);
        }
        return decode_tokens(std::move(tokens), parts_.decoder);
    }

    /// Id of a special or added token. Throws UsageError if there is none of that name.
    [[nodiscard]] std::int32_t id(std::string_view special) const {
        for (const AddedToken& one : parts_.added)
            if (one.text == special) return one.id;
        fail<UsageError>("tokenizer: has no special token '", special, "'; got ", parts_.added.size(), " others");
    }

    /// Whether `special` is the name of a special or added token.
    [[nodiscard]] bool has(std::string_view special) const {
        return std::any_of(parts_.added.begin(), parts_.added.end(), [&](const AddedToken& one) { return one.text == special; });
    }

    /// Whether every byte has a token, so that decode(encode(s)) == s for every s. Always so after train().
    [[nodiscard]] bool covers_all_bytes() const {
        const auto* bpe = std::get_if<BpeModel>(&parts_.model);
        return bpe && bpe->missing_bytes() == 0;
    }

    /// Number of ids: every id is in [0, vocabulary()).
    [[nodiscard]] Index vocabulary() const { return static_cast<Index>(tokens_.size()); }

    /// The string of one token: bytes for byte-level files. Throws UsageError outside the vocabulary.
    [[nodiscard]] const std::string& token(std::int32_t id) const {
        if (id < 0 || id >= vocabulary()) fail<UsageError>("tokenizer: id is not in the vocabulary; got ", id);
        return tokens_[static_cast<std::size_t>(id)];
    }

    /// The merges in order of rank; empty for models other than BPE.
    [[nodiscard]] const std::vector<IdPair>& merges() const { return parts_.merges; }

private:
    void prepare() {
        const Vocabulary& vocabulary = std::visit([](const auto& m) -> const Vocabulary& { return m.vocabulary(); }, parts_.model);
        std::size_t size = vocabulary.size();
        for (const AddedToken& one : parts_.added) size = std::max(size, static_cast<std::size_t>(one.id) + 1);
        tokens_.resize(size);
        is_special_.assign(size, false);
        for (std::size_t i = 0; i < vocabulary.size(); ++i) tokens_[i] = vocabulary.string(static_cast<std::int32_t>(i));
        std::vector<AddedToken> raw, normalized;
        for (const AddedToken& one : parts_.added) {
            tokens_[static_cast<std::size_t>(one.id)] = one.text;
            is_special_[static_cast<std::size_t>(one.id)] = one.special;
            (one.normalized ? normalized : raw).push_back(one);
            if (one.normalized) normalized.back().text = text::normalized(AlignedText{one.text, 0, false}, parts_.normalizer).text();
        }
        raw_ = AddedTokens{std::move(raw)};
        normalized_ = AddedTokens{std::move(normalized)};
        for (const CutStep& step : parts_.cuts)
            if (const auto* m = std::get_if<cut::Metaspace>(&step)) always_tracked_ = always_tracked_ || m->prepend == PrependScheme::first;
        direct_ = direct_pattern();
    }

    /// The one pattern that cuts the text, where nothing rewrites it and every match is a piece.
    [[nodiscard]] std::optional<SplitPattern> direct_pattern() const {
        if (!parts_.normalizer.empty() || !std::holds_alternative<BpeModel>(parts_.model)) return std::nullopt;
        std::optional<SplitPattern> only;
        for (const CutStep& step : parts_.cuts) {
            const auto* bytes = std::get_if<cut::ByteLevel>(&step);
            const auto* pattern = std::get_if<cut::Pattern>(&step);
            const bool cuts = pattern || (bytes && bytes->pattern);
            if ((!bytes && !pattern) || (bytes && bytes->prefix_space) || (cuts && only)) return std::nullopt;
            if (pattern && (pattern->behavior != SplitBehavior::isolated || pattern->pattern >= SplitPattern::clip)) return std::nullopt;
            if (cuts) only = pattern ? pattern->pattern : SplitPattern::gpt2;
        }
        return only;
    }

    /// Calls emit(id, text, begin, end) for every token of `text`, bytes [begin, end) of a rewritten part of it.
    template <class Emit>
    void run(std::string_view text, Specials specials, bool tracked, Emit emit) const {
        if (text.size() > UINT32_MAX) fail<UsageError>("tokenizer: text of more than 4 GiB; got ", text.size(), " bytes");
        raw_.split(text, specials, [&](TextPart part) {
            if (part.id >= 0) return put(part, AlignedText{text.substr(part.begin, part.end - part.begin), part.begin, tracked}, emit);
            const std::string_view plain = text.substr(part.begin, part.end - part.begin);
            if (direct_ && !tracked && normalized_.empty()) return run_direct(plain, emit);
            const AlignedText clean = text::normalized(AlignedText{plain, part.begin, tracked}, parts_.normalizer);
            normalized_.split(clean.text(), specials, [&](TextPart inner) {
                AlignedText segment(tracked);
                segment.append(clean, inner.begin, inner.end);
                if (inner.id >= 0) put(inner, segment, emit);
                else run_segment(std::move(segment), emit);
            });
        });
    }

    template <class Emit>
    static void put(TextPart part, const AlignedText& text, Emit& emit) {
        emit(part.id, text, 0, text.size());
    }

    template <class Emit>
    void run_direct(std::string_view text, Emit& emit) const {
        thread_local std::vector<PieceToken> tokens;
        static const AlignedText none;
        const BpeModel& model = *std::get_if<BpeModel>(&parts_.model);
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = match_end(*direct_, text, at);
            tokens.clear();
            model.encode(text.substr(at, end - at), tokens);
            for (const PieceToken& token : tokens) emit(token.id, none, 0, 0);
            at = end;
        }
    }

    template <class Emit>
    void run_segment(AlignedText segment, Emit& emit) const {
        pre_tokenize(std::move(segment), parts_.cuts, [&](const AlignedText& text, const std::vector<Piece>& pieces) {
            std::vector<PieceToken> tokens;
            for (const Piece piece : pieces) {
                tokens.clear();
                const std::string_view inside = std::string_view{text.text()}.substr(piece.begin, piece.end - piece.begin);
                std::visit([&](const auto& model) { model.encode(inside, tokens); }, parts_.model);
                std::size_t at = piece.begin;
                for (const PieceToken& token : tokens) {
                    const std::size_t end = at + (token.length & ~same_bytes);
                    emit(token.id, text, at, end);
                    if (!(token.length & same_bytes)) at = end;
                }
            }
        });
    }

    [[nodiscard]] Encoding bare(std::string_view text, Specials specials) const {
        Encoding made;
        run(text, specials, true, [&](std::int32_t id, const AlignedText& part, std::size_t begin, std::size_t end) {
            Span span = part.span(begin, end);
            if (parts_.post.trim_offsets) span = trimmed(span, std::string_view{part.text()}.substr(begin, end - begin), made.ids.empty());
            made.ids.push_back(id);
            made.offsets.push_back(span);
        });
        made.type_ids.assign(made.ids.size(), 0);
        made.mask.assign(made.ids.size(), 1);
        return made;
    }

    /// `span` without the blanks that the token begins and ends with.
    [[nodiscard]] Span trimmed(Span span, std::string_view token, bool first) const {
        const std::size_t lead = std::min(token.find_first_not_of(' '), token.size());
        const std::size_t last = token.find_last_not_of(' ');
        const std::size_t trail = last == std::string_view::npos ? token.size() : token.size() - last - 1;
        const bool put_in = (first || span.begin == 0) && parts_.post.keeps_prefix;
        const std::size_t skip = put_in && lead > 0 ? lead - 1 : lead;
        if (lead > 0) span.begin = std::min(span.begin + static_cast<std::uint32_t>(skip), span.end);
        if (trail > 0 && span.end >= trail) span.end = std::max(span.end - static_cast<std::uint32_t>(trail), span.begin);
        return span;
    }

    [[nodiscard]] static Encoding framed(const std::vector<TemplateItem>& items, const Encoding& a, const Encoding& b) {
        Encoding made;
        const auto push = [&](std::int32_t id, std::int32_t type, Span span) {
            made.ids.push_back(id);
            made.type_ids.push_back(type);
            made.offsets.push_back(span);
            made.mask.push_back(1);
        };
        for (const TemplateItem& item : items) {
            if (item.what == TemplateItem::What::token) {
                push(item.id, item.type, {});
                continue;
            }
            const Encoding& from = item.what == TemplateItem::What::first ? a : b;
            for (std::size_t i = 0; i < from.ids.size(); ++i) push(from.ids[i], item.type, from.offsets[i]);
        }
        return made;
    }

    /// Cuts `first` and `second` (or null) so that all and `added` more fit.
    void cut(Encoding& first, Encoding* second, std::size_t added) const {
        if (!parts_.truncation) return;
        const Truncation& rule = *parts_.truncation;
        const auto [a, b] = kept_lengths(rule, first.ids.size(), second ? second->ids.size() : 0, second != nullptr, added);
        keep(first, a, rule.left);
        if (second) keep(*second, b, rule.left);
    }

    static void keep(Encoding& one, std::size_t n, bool last) {
        const auto shorten = [&](auto& list) {
            const auto gone = static_cast<std::ptrdiff_t>(list.size() - std::min(n, list.size()));
            if (last) list.erase(list.begin(), list.begin() + gone);
            else list.erase(list.end() - gone, list.end());
        };
        shorten(one.ids);
        shorten(one.type_ids);
        shorten(one.mask);
        shorten(one.offsets);
    }

    void fill(Encoding& all) const {
        if (!parts_.padding) return;
        const Padding& p = *parts_.padding;
        const std::size_t n = p.filled(all.ids.size()) - all.ids.size();
        const auto put_at = [&](auto& list, auto value) { list.insert(p.left ? list.begin() : list.end(), n, value); };
        put_at(all.ids, p.id);
        put_at(all.type_ids, p.type);
        put_at(all.mask, 0);
        put_at(all.offsets, Span{});
    }

    TokenizerParts parts_;
    AddedTokens raw_, normalized_;
    std::vector<std::string> tokens_;
    std::vector<bool> is_special_;
    bool always_tracked_ = false;
    std::optional<SplitPattern> direct_;
};

}  // namespace svad::text
