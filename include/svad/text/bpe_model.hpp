// SPDX-License-Identifier: Apache-2.0
// Byte pair encoding of one piece: characters (or bytes) become tokens, tokens merge by rank.
//
// Promise: ids of Hugging Face's BPE and of tiktoken; n log n in the piece, so that a word of a million letters does
// not hang. Short pieces, nearly all of them, are merged by a scan over a few ranks, which is faster than any heap.
// What is known of a piece is kept in a small cache per thread.
#pragma once

#include "svad/text/bpe.hpp"
#include "svad/text/unicode.hpp"
#include "svad/text/vocabulary.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

/// Pairs of ids and what they merge to: open addressing, one cache line a look-up.
class PairTable {
public:
    /// The merge of `pair`; the first one given for a pair stays.
    void add(IdPair pair, Merge merge) {
        if (2 * (count_ + 1) > slots_.size()) grow();
        Slot& slot = slot_of(pair);
        if (slot.merge.id >= 0) return;
        slot = {pair, merge};
        ++count_;
    }

    /// The merge of `pair`, or one with id -1.
    [[nodiscard]] Merge find(IdPair pair) const {
        if (slots_.empty()) return none;
        for (std::size_t s = IdPairHash{}(pair) & (slots_.size() - 1);; s = (s + 1) & (slots_.size() - 1))
            if (slots_[s].merge.id < 0 || slots_[s].pair == pair) return slots_[s].merge;
    }

    static constexpr Merge none{std::numeric_limits<std::int32_t>::max(), -1};

private:
    struct Slot {
        IdPair pair;
        Merge merge = none;
    };

    Slot& slot_of(IdPair pair) {
        std::size_t s = IdPairHash{}(pair) & (slots_.size() - 1);
        while (slots_[s].merge.id >= 0 && slots_[s].pair != pair) s = (s + 1) & (slots_.size() - 1);
        return slots_[s];
    }

    void grow() {
        std::vector<Slot> old(std::max<std::size_t>(64, slots_.size() * 2));
        old.swap(slots_);
        for (const Slot& slot : old)
            if (slot.merge.id >= 0) slot_of(slot.pair) = slot;
    }

    std::vector<Slot> slots_;
    std::size_t count_ = 0;
};

/// A token of a piece and the bytes of the piece that it covers.
struct PieceToken {
    std::int32_t id = 0;
    std::uint32_t length = 0;
};

/// What a BPE model is beside its vocabulary and merges.
struct BpeRules {
    std::int32_t unk = -1;             ///< for characters without a token; -1: they are dropped
    bool fuse_unk = false;             ///< neighbours without a token give one unk
    bool byte_fallback = false;        ///< characters without a token become their bytes, as tokens <0x00> to <0xFF>
    bool ignore_merges = false;        ///< a piece that is a token as a whole is that token
    bool bytes = false;                ///< symbols are bytes, not characters
    std::string prefix{}, suffix{};    ///< of every symbol but the first; of the last
};

/// BPE of one piece. A value; encode() is const and may run in many threads.
class BpeModel {
public:
    BpeModel() = default;
    BpeModel(Vocabulary vocabulary, PairTable merges, BpeRules rules)
        : vocabulary_(std::move(vocabulary)), merges_(std::move(merges)), rules_(std::move(rules)), number_(next_number()) {
        byte_ids_.fill(-1);
        char name[8];
        for (unsigned b = 0; b < 256; ++b) {
            std::snprintf(name, sizeof name, "<0x%02X>", b);
            const char byte = static_cast<char>(b);
            byte_ids_[b] = vocabulary_.find(rules_.byte_fallback ? std::string_view{name} : std::string_view{&byte, 1});
        }
    }

    [[nodiscard]] const Vocabulary& vocabulary() const { return vocabulary_; }

    /// How many bytes have no token.
    [[nodiscard]] std::ptrdiff_t missing_bytes() const { return std::count(byte_ids_.begin(), byte_ids_.end(), -1); }

    /// Appends the tokens of `piece`.
    void encode(std::string_view piece, std::vector<PieceToken>& out) const {
        if (piece.empty()) return;
        if (rules_.ignore_merges)
            if (const std::int32_t id = vocabulary_.find(piece); id >= 0) {
                out.push_back({id, static_cast<std::uint32_t>(piece.size())});
                return;
            }
        Cached* cached = piece.size() <= Cached::longest ? &cache(piece) : nullptr;
        if (cached && cached->holds(number_, piece)) {
            out.insert(out.end(), cached->tokens.begin(), cached->tokens.begin() + cached->count);
            return;
        }
        const std::size_t first = out.size();
        symbols(piece, out);
        merge(out, first);
        if (cached) cached->keep(number_, piece, out, first);
    }

private:
    struct Cached {
        static constexpr std::size_t longest = 24, most = 6;
        std::uint64_t owner = 0;
        std::uint8_t length = 0, count = 0;
        std::array<char, longest> key{};
        std::array<PieceToken, most> tokens{};

        [[nodiscard]] bool holds(std::uint64_t number, std::string_view piece) const {
            return owner == number && std::string_view{key.data(), length} == piece;
        }
        void keep(std::uint64_t number, std::string_view piece, const std::vector<PieceToken>& out, std::size_t first) {
            if (out.size() - first > most) return;
            owner = number;
            length = static_cast<std::uint8_t>(piece.size());
            count = static_cast<std::uint8_t>(out.size() - first);
            std::copy(piece.begin(), piece.end(), key.begin());
            std::copy(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(), tokens.begin());
        }
    };

    static Cached& cache(std::string_view piece) {
        thread_local std::vector<Cached> table(1 << 13);
        return table[(hash_bytes(piece) >> 20) & (table.size() - 1)];
    }

    /// A number that no other model has: what a cache entry belongs to.
    static std::uint64_t next_number() {
        static std::atomic<std::uint64_t> last{0};
        return ++last;
    }

    /// Appends the piece's symbols before any merge.
    void symbols(std::string_view piece, std::vector<PieceToken>& out) const {
        PieceToken unknown{rules_.unk, 0};
        const auto flush = [&] {
            if (unknown.length > 0) out.push_back(unknown);
            unknown.length = 0;
        };
        std::string decorated;
        for (std::size_t at = 0; at < piece.size();) {
            const std::size_t n = rules_.bytes ? 1 : next_code_point(piece, at).length;
            std::string_view symbol = piece.substr(at, n);
            const auto length = static_cast<std::uint32_t>(n);
            const bool first = at == 0, last = at + n == piece.size();
            at += n;
            std::int32_t id = -1;
            if ((!first && !rules_.prefix.empty()) || (last && !rules_.suffix.empty())) {
                decorated.clear();
                if (!first) decorated += rules_.prefix;
                decorated += symbol;
                if (last) decorated += rules_.suffix;
                symbol = decorated;
                id = vocabulary_.find(symbol);
            } else {
                id = rules_.bytes ? byte_ids_[static_cast<unsigned char>(symbol[0])] : vocabulary_.find(symbol);
            }
            if (id >= 0) {
                flush();
                out.push_back({id, length});
            } else if (rules_.byte_fallback && all_bytes_known(symbol)) {
                flush();
                for (const char c : symbol) out.push_back({byte_ids_[static_cast<unsigned char>(c)], 1});
            } else if (rules_.unk >= 0) {
                if (!rules_.fuse_unk) flush();
                unknown.length += length;
            }
        }
        flush();
    }

    bool all_bytes_known(std::string_view symbol) const {
        return std::all_of(symbol.begin(), symbol.end(), [&](char c) { return byte_ids_[static_cast<unsigned char>(c)] >= 0; });
    }

    void merge(std::vector<PieceToken>& tokens, std::size_t first) const {
        const std::size_t n = tokens.size() - first;
        if (n < 2) return;
        if (n <= 48) return merge_short(tokens, first);
        merge_long(tokens, first);
    }

    /// Keeps the rank of every neighbouring pair and looks for the lowest in each round.
    void merge_short(std::vector<PieceToken>& tokens, std::size_t first) const {
        std::array<PieceToken, 48> token;
        std::array<Merge, 48> next;   // next[i]: of token i and i + 1
        std::size_t n = tokens.size() - first;
        std::copy(tokens.begin() + static_cast<std::ptrdiff_t>(first), tokens.end(), token.begin());
        for (std::size_t i = 0; i + 1 < n; ++i) next[i] = merges_.find({token[i].id, token[i + 1].id});
        while (n > 1) {
            std::size_t best = 0;
            for (std::size_t i = 1; i + 1 < n; ++i)
                if (next[i].rank < next[best].rank) best = i;
            if (next[best].id < 0) break;
            token[best] = {next[best].id, token[best].length + token[best + 1].length};
            for (std::size_t i = best + 1; i + 1 < n; ++i) {
                token[i] = token[i + 1];
                if (i + 2 < n) next[i] = next[i + 1];
            }
            --n;
            if (best > 0) next[best - 1] = merges_.find({token[best - 1].id, token[best].id});
            if (best + 1 < n) next[best] = merges_.find({token[best].id, token[best + 1].id});
        }
        tokens.resize(first);
        tokens.insert(tokens.end(), token.begin(), token.begin() + static_cast<std::ptrdiff_t>(n));
    }

    void merge_long(std::vector<PieceToken>& tokens, std::size_t first) const {
        std::vector<std::int32_t> ids;
        std::vector<std::uint32_t> lengths;
        for (std::size_t i = first; i < tokens.size(); ++i) {
            ids.push_back(tokens[i].id);
            lengths.push_back(tokens[i].length);
        }
        apply_merges(ids, lengths, [&](IdPair pair) { return merges_.find(pair); });
        tokens.resize(first);
        for (std::size_t i = 0; i < ids.size(); ++i) tokens.push_back({ids[i], lengths[i]});
    }

    Vocabulary vocabulary_;
    PairTable merges_;
    BpeRules rules_;
    std::uint64_t number_ = 0;
    std::array<std::int32_t, 256> byte_ids_{};
};

}  // namespace svad::text
