// SPDX-License-Identifier: Apache-2.0
// SentencePiece (Kudo and Richardson 2018): a .model file, text to ids and back.
//
// Promise: ids, offsets and decoded text are those of the sentencepiece program for all four kinds of model, with byte
// fallback, symbols of the user and every treatment of white space; any bytes may come in; time is linear (n log n for
// BPE). A value: copies are independent, encoding is const and may run in several threads.
// Strings of control symbols in the text are text.
#pragma once

#include "svad/io/file.hpp"
#include "svad/text/sentencepiece_bpe.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

/// Pieces of a text: ids, and for each the bytes [begin, end) of the text that it covers.
struct SentencePieces {
    std::vector<std::int32_t> ids;
    std::vector<std::pair<std::size_t, std::size_t>> offsets;
};

/// A tokenizer from a .model file.
class SentencePiece {
public:
    /// Reads a .model file. Throws FileError or FormatError.
    [[nodiscard]] static SentencePiece load(const std::string& path) { return parse(io::read_file(path), path); }
    /// Reads the bytes of one; `where` starts every error.
    [[nodiscard]] static SentencePiece parse(std::string_view bytes, std::string_view where) {
        return SentencePiece(parse_sentencepiece_model(bytes, where));
    }

    explicit SentencePiece(SentencePieceModel model) : model_(std::move(model)) {
        std::vector<std::pair<std::string_view, std::int32_t>> pieces, reserved, symbols;
        for (std::size_t i = 0; i < model_.pieces.size(); ++i) {
            const UnigramPiece& p = model_.pieces[i];
            const bool text = p.type == PieceType::normal || p.type == PieceType::user_defined || p.type == PieceType::unused;
            (text ? pieces : reserved).emplace_back(p.piece, static_cast<std::int32_t>(i));
            if (p.type == PieceType::user_defined) symbols.emplace_back(p.piece, static_cast<std::int32_t>(i));
        }
        pieces_ = ByteTrie(std::move(pieces));
        reserved_ = ByteTrie(std::move(reserved));
        symbols_ = ByteTrie(std::move(symbols));
        words_apart_ = SentencePieceMerger::words_are_apart(model_.pieces);
        if (model_.kind == SentencePieceModel::Kind::unigram)
            unigram_ = Unigram(model_.pieces, {.unk_id = model_.unk_id, .fuse_unk = false, .single = true});
    }

    [[nodiscard]] const SentencePieceModel& model() const { return model_; }
    [[nodiscard]] std::size_t size() const { return model_.pieces.size(); }

    /// The id of `piece`, or that of the unknown piece.
    [[nodiscard]] std::int32_t id(std::string_view piece) const {
        std::int32_t found = reserved_.find(piece);
        if (found < 0) found = pieces_.find(piece);
        return found < 0 ? model_.unk_id : found;
    }

    /// Ids and offsets of `text`.
    [[nodiscard]] SentencePieces encode(std::string_view text) const {
        SentencePieces out;
        PreparedText prepared;
        prepare_text(text, model_.normalizer, symbols_, model_.whitespace_as_suffix, prepared);
        bool after_unknown = false;
        cut(prepared.text, [&](std::int32_t id, std::size_t begin, std::size_t end) {
            if (id < 0) id = model_.unk_id;
            add(out, id, std::string_view{prepared.text}.substr(begin, end - begin), {prepared.origin[begin], prepared.origin[end]}, after_unknown);
            after_unknown = id == model_.unk_id;
        });
        return out;
    }

    /// Text of `ids`. Throws UsageError for an id outside the vocabulary.
    [[nodiscard]] std::string decode(std::span<const std::int32_t> ids) const {
        std::string out, bytes;
        bool at_start = true, ate_blank = false;
        for (const std::int32_t id : ids) {
            if (id < 0 || static_cast<std::size_t>(id) >= size())
                fail<UsageError>("SentencePiece: an id must be below ", size(), "; got ", id);
            const UnigramPiece& piece = model_.pieces[static_cast<std::size_t>(id)];
            if (piece.type == PieceType::byte) {
                bytes += static_cast<char>(detail::byte_of_piece(piece.piece));
                continue;
            }
            flush(out, bytes);
            if (ate_blank || !out.empty()) at_start = false;
            ate_blank = append(out, piece, at_start);
        }
        flush(out, bytes);
        if (!model_.denormalizer.present || model_.denormalizer.rules.empty()) return out;
        PreparedText plain;
        prepare_text(out, model_.denormalizer, ByteTrie{}, false, plain);
        return plain.text;
    }

private:
    SentencePieceModel model_;
    ByteTrie pieces_, reserved_, symbols_;
    Unigram unigram_;
    bool words_apart_ = false;

    void add(SentencePieces& out, std::int32_t id, std::string_view piece, std::pair<std::size_t, std::size_t> bytes, bool after_unknown) const {
        if (model_.pieces[static_cast<std::size_t>(id)].type == PieceType::control) bytes.second = bytes.first;
        if (id == model_.unk_id && model_.byte_fallback) {   // the last byte stands for all of the text
            for (std::size_t i = 0; i < piece.size(); ++i) {
                out.ids.push_back(model_.byte_ids[static_cast<unsigned char>(piece[i])]);
                out.offsets.emplace_back(bytes.first, i + 1 == piece.size() ? bytes.second : bytes.first);
            }
        } else if (id == model_.unk_id && after_unknown) {
            out.offsets.back().second = bytes.second;
        } else {
            out.ids.push_back(id);
            out.offsets.push_back(bytes);
        }
    }

    template <class F>
    void cut(std::string_view text, F emit) const {
        using Kind = SentencePieceModel::Kind;
        if (model_.kind == Kind::unigram) unigram_.encode(text, emit);
        if (model_.kind == Kind::bpe) SentencePieceMerger(model_, pieces_, symbols_, words_apart_).encode(text, emit);
        if (model_.kind == Kind::word) cut_words(text, emit);
        if (model_.kind == Kind::character) cut_characters(text, emit);
    }

    template <class F>
    void cut_characters(std::string_view text, F& emit) const {
        for (std::size_t at = 0; at < text.size();) {
            std::size_t n = symbols_.longest_prefix(text.substr(at));
            if (n == 0) n = std::min(character_length(text[at]), text.size() - at);
            emit(id(text.substr(at, n)), at, at + n);
            at += n;
        }
    }

    template <class F>
    void cut_words(std::string_view text, F& emit) const {
        for (std::size_t begin = 0; begin < text.size();) {
            std::size_t end = text.find(blank_sign, model_.whitespace_as_suffix ? begin : begin + 1);
            end = end == std::string_view::npos ? text.size() : end + (model_.whitespace_as_suffix ? blank_sign.size() : 0);
            emit(id(text.substr(begin, end - begin)), begin, end);
            begin = end;
        }
    }

    /// Bytes of byte pieces as text: what is no character becomes U+FFFD, byte by byte.
    static void flush(std::string& out, std::string& bytes) {
        for (std::size_t at = 0; at < bytes.size();) {
            const CodePoint c = next_code_point(bytes, at);
            if (c.valid) out.append(bytes, at, c.length);
            else out += "\xEF\xBF\xBD";
            at += c.valid ? c.length : 1;
        }
        bytes.clear();
    }

    /// Appends the surface of a piece; whether a blank at the start was taken off for good.
    bool append(std::string& out, const UnigramPiece& piece, bool at_start) const {
        if (piece.type == PieceType::control) return false;
        if (piece.type == PieceType::unknown) {
            out += model_.unk_surface;
            return false;
        }
        std::string_view rest = piece.piece;
        bool ate = false;
        const SentencePieceNormalizer& how = model_.normalizer;
        if (at_start && (!how.present || how.add_dummy_prefix || how.remove_extra_whitespaces) && rest.starts_with(blank_sign)) {
            rest.remove_prefix(blank_sign.size());
            ate = !how.remove_extra_whitespaces;
        }
        for (std::size_t at = 0; at < rest.size();) {
            const bool blank = rest.substr(at).starts_with(blank_sign);
            out += blank ? ' ' : rest[at];
            at += blank ? blank_sign.size() : 1;
        }
        return ate;
    }
};

}  // namespace svad::text
