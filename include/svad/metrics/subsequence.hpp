// SPDX-License-Identifier: Apache-2.0
// The longest common subsequence of one caption with many, 64 words of the caption in one step (Allison and Dix 1986;
// Hyyro 2004): a row of the usual table as bits, where a 0 says that the length grows here.
//
// Promise: the length of the table's last cell, in (words / 64) steps a word of the other; memory linear in the words.
// Rejected: the table itself (the longest part of all scores' time), a mask for every word (square in memory).
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace svad::metrics {

/// Compares one caption after the other; keeps its memory between them.
class CommonSubsequence {
public:
    /// Makes `words` the caption that is compared; numbers are as WordTable gives them.
    void set(std::span<const std::uint32_t> words) {
        for (const std::uint32_t word : words_) chains_[word] = {};
        words_.assign(words.begin(), words.end());
        blocks_ = (words_.size() + 63) / 64;
        before_.assign(words_.size(), 0);
        masks_.clear();
        for (std::size_t i = 0; i < words_.size(); ++i) {
            if (words_[i] >= chains_.size()) chains_.resize(words_[i] + std::size_t{1} + words_[i] / 2);
            Chain& chain = chains_[words_[i]];
            before_[i] = chain.last;
            chain.last = static_cast<std::uint32_t>(i + 1);
            ++chain.count;
        }
        for (std::size_t i = 0; i < words_.size(); ++i) {
            Chain& chain = chains_[words_[i]];
            if (chain.count <= blocks_ || chain.mask != 0) continue;   // so there are at most 64 masks
            masks_.resize(masks_.size() + blocks_, 0);
            chain.mask = static_cast<std::uint32_t>(masks_.size() / blocks_);
            mark(chain, masks_.data() + masks_.size() - blocks_, true);
        }
        scratch_.assign(blocks_, 0);
    }

    /// Words of the longest common subsequence of the caption and `other`.
    [[nodiscard]] std::size_t length(std::span<const std::uint32_t> other) {
        row_.assign(blocks_, ~std::uint64_t{0});
        for (const std::uint32_t word : other) {
            if (word >= chains_.size() || chains_[word].count == 0) continue;
            const Chain& chain = chains_[word];
            if (chain.mask != 0) {
                step(masks_.data() + (chain.mask - 1) * blocks_);
                continue;
            }
            mark(chain, scratch_.data(), true);
            step(scratch_.data());
            mark(chain, scratch_.data(), false);
        }
        std::size_t zeros = 64 * blocks_;
        for (const std::uint64_t bits : row_) zeros -= static_cast<std::size_t>(std::popcount(bits));
        return zeros;
    }

private:
    /// Where a word stands in the caption: its last place + 1, from which before_ leads to the earlier ones.
    struct Chain {
        std::uint32_t last = 0, count = 0, mask = 0;   // mask: number + 1, of words with more places than blocks
    };

    void mark(const Chain& chain, std::uint64_t* bits, bool on) const {
        for (std::uint32_t place = chain.last; place != 0; place = before_[place - 1]) {
            const std::uint64_t bit = std::uint64_t{1} << ((place - 1) % 64);
            if (on) bits[(place - 1) / 64] |= bit;
            else bits[(place - 1) / 64] = 0;
        }
    }

    void step(const std::uint64_t* mask) {
        std::uint64_t carry = 0;
        for (std::size_t k = 0; k < blocks_; ++k) {
            const std::uint64_t row = row_[k], hit = row & mask[k];
            const std::uint64_t partial = row + hit, sum = partial + carry;
            carry = static_cast<std::uint64_t>(partial < row) | static_cast<std::uint64_t>(sum < partial);
            row_[k] = sum | (row & ~mask[k]);
        }
    }

    std::vector<Chain> chains_;            // by word
    std::vector<std::uint32_t> words_, before_;
    std::vector<std::uint64_t> masks_, scratch_, row_;
    std::size_t blocks_ = 0;
};

}  // namespace svad::metrics
