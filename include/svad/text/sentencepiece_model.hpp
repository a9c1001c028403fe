// SPDX-License-Identifier: Apache-2.0
// What a SentencePiece .model file says: pieces, kind of model, and how text is prepared. No behaviour.
//
// Promise: any bytes give a model that encoding can believe (pieces not empty, valid types, exactly one unknown piece, all
// 256 byte pieces where bytes are spelt) or an io::FormatError.
// Fields as in sentencepiece_model.proto; unknown fields are passed over, as protocol buffers ask.
#pragma once

#include "svad/io/protobuf.hpp"
#include "svad/text/charsmap.hpp"
#include "svad/text/unigram.hpp"

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace svad::text {

/// How text is prepared before it is cut.
struct SentencePieceNormalizer {
    Charsmap rules;
    bool add_dummy_prefix = true;
    bool remove_extra_whitespaces = true;
    bool escape_whitespaces = true;
    bool present = false;                 ///< whether the file has this part at all
};

/// The contents of a .model file.
struct SentencePieceModel {
    enum class Kind : std::uint8_t { unigram = 1, bpe = 2, word = 3, character = 4 };

    std::vector<UnigramPiece> pieces;
    Kind kind = Kind::unigram;
    bool whitespace_as_suffix = false, byte_fallback = false;
    std::string unk_surface = " \xE2\x81\x87 ";
    std::int32_t unk_id = -1;
    SentencePieceNormalizer normalizer, denormalizer;
    std::vector<std::int32_t> byte_ids;   ///< of "<0x00>" to "<0xFF>" with byte fallback
};

namespace detail {

inline UnigramPiece read_piece(std::string_view message, std::string_view where) {
    UnigramPiece piece;
    io::ProtoField field;
    for (io::ProtoReader reader{message, where}; reader.next(field);) {
        if (field.number == 1 && field.wire == 2) piece.piece = field.bytes;
        if (field.number == 2 && field.wire == 5) piece.score = static_cast<double>(field.as_float());
        if (field.number != 3 || field.wire != 0) continue;
        if (field.integer < 1 || field.integer > 6) fail<io::FormatError>(where, ": a piece has a type of 1 to 6; got ", field.integer);
        piece.type = static_cast<PieceType>(field.integer);
    }
    if (piece.piece.empty()) fail<io::FormatError>(where, ": a piece may not be empty");
    if (!std::isfinite(piece.score)) fail<io::FormatError>(where, ": the score of piece '", piece.piece, "' is not finite");
    return piece;
}

inline void read_trainer(std::string_view message, std::string_view where, SentencePieceModel& model) {
    io::ProtoField field;
    for (io::ProtoReader reader{message, where}; reader.next(field);) {
        if (field.number == 3 && field.wire == 0) {
            if (field.integer < 1 || field.integer > 4) fail<io::FormatError>(where, ": model_type must be 1 to 4; got ", field.integer);
            model.kind = static_cast<SentencePieceModel::Kind>(field.integer);
        }
        if (field.number == 24 && field.wire == 0) model.whitespace_as_suffix = field.integer != 0;
        if (field.number == 35 && field.wire == 0) model.byte_fallback = field.integer != 0;
        if (field.number == 44 && field.wire == 2) model.unk_surface = field.bytes;
    }
}

inline SentencePieceNormalizer read_normalizer(std::string_view message, std::string_view where) {
    SentencePieceNormalizer out;
    out.present = true;
    io::ProtoField field;
    for (io::ProtoReader reader{message, where}; reader.next(field);) {
        if (field.number == 2 && field.wire == 2) out.rules = Charsmap(field.bytes, where);
        if (field.number == 3 && field.wire == 0) out.add_dummy_prefix = field.integer != 0;
        if (field.number == 4 && field.wire == 0) out.remove_extra_whitespaces = field.integer != 0;
        if (field.number == 5 && field.wire == 0) out.escape_whitespaces = field.integer != 0;
    }
    return out;
}

/// The byte that "<0xNN>" stands for, or -1.
inline int byte_of_piece(std::string_view piece) {
    const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
    if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
    const int high = digit(piece[3]), low = digit(piece[4]);
    return high < 0 || low < 0 ? -1 : 16 * high + low;
}

inline void check_pieces(SentencePieceModel& model, std::string_view where) {
    model.byte_ids.assign(256, -1);
    for (std::size_t i = 0; i < model.pieces.size(); ++i) {
        const UnigramPiece& piece = model.pieces[i];
        const auto id = static_cast<std::int32_t>(i);
        if (piece.type == PieceType::unknown) {
            if (model.unk_id >= 0) fail<io::FormatError>(where, ": only one piece may be the unknown one; got ", model.unk_id, " and ", i);
            model.unk_id = id;
        }
        if (piece.type != PieceType::byte) continue;
        const int byte = byte_of_piece(piece.piece);
        if (byte < 0) fail<io::FormatError>(where, ": a byte piece must be <0x00> to <0xFF>; got '", piece.piece, "'");
        model.byte_ids[static_cast<std::size_t>(byte)] = id;
    }
    if (model.unk_id < 0) fail<io::FormatError>(where, ": no piece is the unknown one");
    if (model.byte_fallback && std::find(model.byte_ids.begin(), model.byte_ids.end(), -1) != model.byte_ids.end())
        fail<io::FormatError>(where, ": byte_fallback needs all 256 byte pieces");
}

}  // namespace detail

/// Reads the bytes of a .model file; `where` starts every error.
[[nodiscard]] inline SentencePieceModel parse_sentencepiece_model(std::string_view bytes, std::string_view where) {
    SentencePieceModel model;
    io::ProtoField field;
    for (io::ProtoReader reader{bytes, where}; reader.next(field);) {
        if (field.wire != 2) continue;
        if (field.number == 1) model.pieces.push_back(detail::read_piece(field.bytes, where));
        if (field.number == 2) detail::read_trainer(field.bytes, where, model);
        if (field.number == 3) model.normalizer = detail::read_normalizer(field.bytes, where);
        if (field.number == 5) model.denormalizer = detail::read_normalizer(field.bytes, where);
    }
    detail::check_pieces(model, where);
    return model;
}

}  // namespace svad::text
