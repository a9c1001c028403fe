// SPDX-License-Identifier: Apache-2.0
// Cutting a text into the pieces that a tokenizer's model sees one by one.
//
// Promise: the pieces and byte ranges of the pre-tokenizers of Hugging Face's tokenizers; linear time. A list of steps,
// each of which cuts (or rewrites) the pieces of the one before. ByteLevel keeps bytes as they are: the printable
// characters that stand for bytes in its files exist only there.
#pragma once

#include "svad/text/aligned.hpp"
#include "svad/text/bert_tables.hpp"
#include "svad/text/split_patterns.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace svad::text {

/// What becomes of a match: dropped, a piece of its own, joined to a neighbour, or one piece with matches beside it.
enum class SplitBehavior : std::uint8_t { removed, isolated, with_previous, with_next, contiguous };

/// When Metaspace puts its mark in front: at every part of the text, only where the text begins, never.
enum class PrependScheme : std::uint8_t { always, first, never };

namespace cut {

struct ByteLevel { bool prefix_space = false, pattern = true; };
struct Pattern { SplitPattern pattern; SplitBehavior behavior = SplitBehavior::isolated; bool invert = false; };
struct Literal { std::string text; SplitBehavior behavior = SplitBehavior::isolated; bool invert = false; };
struct Whitespace {};                                   ///< white space is dropped
struct Bert {};                                         ///< white space is dropped, punctuation stands alone
struct Digits { bool individual = false; };
struct Punctuation { SplitBehavior behavior = SplitBehavior::isolated; };
struct Metaspace { std::string mark = "▁"; PrependScheme prepend = PrependScheme::always; bool split = true; };

}  // namespace cut

/// One step.
using CutStep = std::variant<cut::ByteLevel, cut::Pattern, cut::Literal, cut::Whitespace, cut::Bert, cut::Digits,
                             cut::Punctuation, cut::Metaspace>;

/// Bytes [begin, end) of a text.
struct Piece {
    std::size_t begin = 0, end = 0;
};

namespace detail {

struct Part {
    Piece piece;
    bool match;
};

/// Turns matches and what is between them into pieces.
inline void arrange(const std::vector<Part>& parts, SplitBehavior behavior, bool invert, std::vector<Piece>& out) {
    const std::size_t first = out.size();
    bool joined = false, previous = false;   // joined: what comes next belongs to the last piece
    for (const Part& part : parts) {
        const bool match = part.match != invert, fresh = out.size() == first;
        bool extend = false;
        switch (behavior) {
            case SplitBehavior::removed:
                if (match) continue;
                break;
            case SplitBehavior::isolated: break;
            case SplitBehavior::with_previous: extend = match && !previous && !fresh; break;
            case SplitBehavior::with_next: extend = joined && !match; break;
            case SplitBehavior::contiguous: extend = !fresh && match == previous; break;
        }
        joined = match;
        previous = match;
        if (extend) out.back().end = part.piece.end;
        else if (part.piece.end > part.piece.begin) out.push_back(part.piece);
    }
}

/// Parts of `piece` by a function that gives the end of the match at a position, or the position.
template <class End>
void parts_of(std::string_view text, Piece piece, End end_of, std::vector<Part>& parts) {
    parts.clear();
    const std::string_view inside = text.substr(piece.begin, piece.end - piece.begin);
    std::size_t start = 0;
    for (std::size_t at = 0; at < inside.size();) {
        const std::size_t end = end_of(inside, at);
        if (end == at) {
            at += next_code_point(inside, at).length;
            continue;
        }
        if (at > start) parts.push_back({{piece.begin + start, piece.begin + at}, false});
        parts.push_back({{piece.begin + at, piece.begin + end}, true});
        start = at = end;
    }
    if (start < inside.size()) parts.push_back({{piece.begin + start, piece.end}, false});
}

/// The end of one character for which test(value) holds, or `at`.
template <class Test>
auto character_where(Test test) {
    return [test](std::string_view text, std::size_t at) {
        const CodePoint c = next_code_point(text, at);
        return test(c.value) ? at + c.length : at;
    };
}

/// A text and its pieces.
struct Cuts {
    AlignedText text;
    std::vector<Piece> pieces;
};

/// Cuts every piece with end_of and arranges the parts.
template <class End>
void cut_all(Cuts& cuts, End end_of, SplitBehavior behavior, bool invert = false) {
    std::vector<Piece> made;
    std::vector<Part> parts;
    for (const Piece piece : cuts.pieces) {
        parts_of(cuts.text.text(), piece, end_of, parts);
        arrange(parts, behavior, invert, made);
    }
    cuts.pieces = std::move(made);
}

inline void step(Cuts& cuts, const cut::Pattern& s) {
    cut_all(cuts, [&](std::string_view text, std::size_t at) { return match_end(s.pattern, text, at); }, s.behavior, s.invert);
}

/// Every occurrence of a string from the left.
inline auto literal_end(const std::string& wanted) {
    return [&wanted](std::string_view text, std::size_t at) {
        return !wanted.empty() && text.substr(at).starts_with(wanted) ? at + wanted.size() : at;
    };
}

inline void step(Cuts& cuts, const cut::Literal& s) { cut_all(cuts, literal_end(s.text), s.behavior, s.invert); }

inline void step(Cuts& cuts, const cut::Whitespace&) { cut_all(cuts, character_where(is_space), SplitBehavior::removed); }

inline void step(Cuts& cuts, const cut::Bert&) {
    cut_all(cuts, character_where(is_space), SplitBehavior::removed);
    cut_all(cuts, character_where(is_bert_punctuation), SplitBehavior::isolated);
}

inline void step(Cuts& cuts, const cut::Digits& s) {
    const auto digit = [](char32_t c) { return class_of(c) == CharacterClass::number; };
    cut_all(cuts, character_where(digit), s.individual ? SplitBehavior::isolated : SplitBehavior::contiguous);
}

inline void step(Cuts& cuts, const cut::Punctuation& s) { cut_all(cuts, character_where(is_bert_punctuation), s.behavior); }

/// Rewrites every piece: rewrite(old text, piece, new text) appends what it becomes.
template <class Rewrite>
void rewrite_all(Cuts& cuts, Rewrite rewrite) {
    AlignedText made(cuts.text.tracked());
    made.reserve(cuts.text.size() + cuts.pieces.size());
    for (Piece& piece : cuts.pieces) {
        const std::size_t begin = made.size();
        rewrite(cuts.text, piece, made);
        piece = {begin, made.size()};
    }
    cuts.text = std::move(made);
}

inline void step(Cuts& cuts, const cut::ByteLevel& s) {
    const auto lacks_space = [&](Piece p) { return p.end > p.begin && cuts.text.text()[p.begin] != ' '; };
    if (s.prefix_space && std::any_of(cuts.pieces.begin(), cuts.pieces.end(), lacks_space))
        rewrite_all(cuts, [&](const AlignedText& old, Piece piece, AlignedText& made) {
            if (lacks_space(piece)) made.append(" ", old.span(piece.begin));
            made.append(old, piece.begin, piece.end);
        });
    if (s.pattern) step(cuts, cut::Pattern{SplitPattern::gpt2});
}

inline void step(Cuts& cuts, const cut::Metaspace& s) {
    rewrite_all(cuts, [&](const AlignedText& old, Piece piece, AlignedText& made) {
        if (piece.end == piece.begin) return;
        const std::string_view text = old.text();
        const bool marked = text[piece.begin] == ' ' || text.substr(piece.begin).starts_with(s.mark);
        const bool wanted = s.prepend == PrependScheme::always ||
                            (s.prepend == PrependScheme::first && old.span(piece.begin).begin == 0);   // tracked, or the start
        if (wanted && !marked) made.append(s.mark, old.span(piece.begin));
        for (std::size_t at = piece.begin; at < piece.end;) {
            const std::size_t blank = std::min(text.substr(0, piece.end).find(' ', at), piece.end);   // no further: pieces may be many
            made.append(old, at, blank);
            if (blank < piece.end) made.append(s.mark, old.span(blank));
            at = blank + 1;
        }
    });
    if (s.split) cut_all(cuts, literal_end(s.mark), SplitBehavior::with_next);
}

}  // namespace detail

/// Applies all steps to `text` as one piece; calls f(text as rewritten, pieces).
template <class F>
void pre_tokenize(AlignedText text, const std::vector<CutStep>& steps, F f) {
    detail::Cuts cuts{std::move(text), {}};
    if (!cuts.text.empty()) cuts.pieces.push_back({0, cuts.text.size()});
    for (const CutStep& one : steps)
        std::visit([&](const auto& s) { detail::step(cuts, s); }, one);
    f(static_cast<const AlignedText&>(cuts.text), static_cast<const std::vector<Piece>&>(cuts.pieces));
}

}  // namespace svad::text
