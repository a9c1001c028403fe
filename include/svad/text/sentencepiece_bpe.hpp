// SPDX-License-Identifier: Apache-2.0
// Byte pair encoding as SentencePiece does it: neighbours merge while their joined string is a piece, the highest score
// first, the leftmost on a tie; unused pieces are taken apart again.
//
// Promise: n log n in the text (times the longest piece); symbols of the user neither merge nor are cut.
// Where no piece holds a blank sign behind another character, words cannot influence one another and are merged one by
// one: the same outcome from queues of a few entries.
// Rejected: a table of pairs of ids (a symbol that is no piece can still be half of one).
#pragma once

#include "svad/text/sentencepiece_text.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace svad::text {

/// Merges characters to pieces. Looks into a model and its trie, which must outlive the call.
class SentencePieceMerger {
public:
    SentencePieceMerger(const SentencePieceModel& model, const ByteTrie& trie, const ByteTrie& symbols, bool by_words)
        : model_(&model), trie_(&trie), symbols_(&symbols), by_words_(by_words) {}

    /// Whether words of these pieces can be merged one by one.
    [[nodiscard]] static bool words_are_apart(const std::vector<UnigramPiece>& pieces) {
        return std::none_of(pieces.begin(), pieces.end(), [](const UnigramPiece& p) {
            std::string_view rest = p.piece;
            while (rest.starts_with(blank_sign)) rest.remove_prefix(blank_sign.size());
            return rest.find(blank_sign) != std::string_view::npos;
        });
    }

    /// Calls emit(id, begin, end) for the pieces of the prepared `text`; id -1 is no piece.
    template <class F>
    void encode(std::string_view text, F emit) {
        text_ = text;
        symbols_of_.clear();
        bool last_blank = false;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t symbol = symbols_->longest_prefix(text.substr(at));
            const std::size_t n = symbol > 0 ? symbol : std::min(character_length(text[at]), text.size() - at);
            const bool blank = text.substr(at).starts_with(blank_sign);
            if (by_words_ && blank && !last_blank) finish(emit);
            last_blank = blank;
            const auto index = static_cast<std::int32_t>(symbols_of_.size());
            symbols_of_.push_back({at, at + n, index - 1, index + 1, symbol > 0});
            at += n;
        }
        finish(emit);
    }

private:
    struct Symbol {
        std::size_t begin, end;
        std::int32_t previous, next;
        bool frozen;
    };
    struct Candidate {
        double score;
        std::int32_t left;
        std::size_t begin, end;
        bool operator<(const Candidate& other) const {   // the heap keeps the greatest on top
            return score != other.score ? score < other.score : left > other.left;
        }
    };

    const SentencePieceModel* model_;
    const ByteTrie *trie_, *symbols_;
    bool by_words_;
    std::string_view text_;
    std::vector<Symbol> symbols_of_;
    std::vector<Candidate> queue_;
    std::vector<std::pair<std::size_t, std::size_t>> parts_;
    std::unordered_map<std::string_view, std::size_t> halves_;   // of unused pieces made in this word: where the left half ends

    Symbol& symbol(std::int32_t i) { return symbols_of_[static_cast<std::size_t>(i)]; }

    PieceType type(std::int32_t id) const { return model_->pieces[static_cast<std::size_t>(id)].type; }

    void offer(std::int32_t left, std::int32_t right) {
        if (left < 0 || right >= static_cast<std::int32_t>(symbols_of_.size())) return;
        const Symbol &a = symbol(left), &b = symbol(right);
        if (a.frozen || b.frozen || b.end - a.begin > Unigram::max_piece) return;
        const std::string_view made = text_.substr(a.begin, b.end - a.begin);
        const std::int32_t id = trie_->find(made);
        if (id < 0) return;
        queue_.push_back({model_->pieces[static_cast<std::size_t>(id)].score, left, a.begin, b.end});
        std::push_heap(queue_.begin(), queue_.end());
        if (type(id) == PieceType::unused) halves_[made] = a.end - a.begin;
    }

    void merge() {
        while (!queue_.empty()) {
            const Candidate best = queue_.front();
            std::pop_heap(queue_.begin(), queue_.end());
            queue_.pop_back();
            Symbol& left = symbol(best.left);
            if (left.begin != best.begin || left.next >= static_cast<std::int32_t>(symbols_of_.size())) continue;
            Symbol& right = symbol(left.next);
            if (left.end == left.begin || right.end != best.end) continue;   // merged meanwhile
            left.end = right.end;
            right.begin = right.end;
            left.next = right.next;
            if (left.next < static_cast<std::int32_t>(symbols_of_.size())) symbol(left.next).previous = best.left;
            offer(left.previous, best.left);
            offer(best.left, left.next);
        }
    }

    /// The pieces of [begin, end): itself, or if it is an unused piece what it was made of.
    template <class F>
    void take_apart(std::size_t begin, std::size_t end, F& emit) {
        parts_.assign(1, {begin, end});
        while (!parts_.empty()) {
            const auto part = parts_.back();
            parts_.pop_back();
            const std::string_view made = text_.substr(part.first, part.second - part.first);
            const std::int32_t id = trie_->find(made);
            const auto half = id >= 0 && type(id) == PieceType::unused ? halves_.find(made) : halves_.end();
            if (half == halves_.end()) {
                emit(id, part.first, part.second);
                continue;
            }
            parts_.emplace_back(part.first + half->second, part.second);
            parts_.emplace_back(part.first, part.first + half->second);
        }
    }

    template <class F>
    void finish(F& emit) {
        queue_.clear();
        halves_.clear();
        for (std::int32_t i = 0; i + 1 < static_cast<std::int32_t>(symbols_of_.size()); ++i) offer(i, i + 1);
        merge();
        for (std::int32_t i = 0; i < static_cast<std::int32_t>(symbols_of_.size()); i = symbol(i).next) take_apart(symbol(i).begin, symbol(i).end, emit);
        symbols_of_.clear();
    }
};

}  // namespace svad::text
