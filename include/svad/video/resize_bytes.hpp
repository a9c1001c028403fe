// SPDX-License-Identifier: Apache-2.0
// The two inner loops of resizing bytes: sums of bytes with integer weights, across a row and down the columns.
//
// Promise: the same bytes on every machine. Weights have up to 23 bits with their sign; where the CPU has AVX2 (asked at run
// time) each is split into 4096 * high + low, both of which fit 16 bits, so that one instruction multiplies two neighbours and
// adds them; the two sums together are the exact integer that the plain loop gives. Rejected: rounding weights to 16 bits, as
// fast resizers do (other bytes than Pillow's), and 32-bit products (a third of the speed).
#pragma once

#include "svad/core/intrinsics.hpp"
#include "svad/video/taps.hpp"

#include <array>
#include <cstring>

namespace svad::video::detail {

/// The taps of outputs first .. first + count - 1 along one axis, in the layouts that the loops read.
class ByteTaps {
public:
    ByteTaps(const FixedTaps& fixed, Index first, Index count) : bits_{fixed.bits} {
        for (Index i = first; i < first + count; ++i) {
            const auto at = static_cast<std::size_t>(i);
            begin_.push_back(fixed.taps.first[at]);
            count_.push_back(fixed.taps.count[at]);
            groups_ = std::max(groups_, (fixed.taps.count[at] + 3) / 4);
        }
        const std::size_t width = static_cast<std::size_t>(4 * groups_);
        weight_.assign(begin_.size() * width, 0);
        high_.assign(weight_.size(), 0);
        low_.assign(weight_.size(), 0);
        pairs_.assign(8 * weight_.size(), 0);
        for (std::size_t i = 0; i < begin_.size(); ++i)
            for (std::size_t k = 0; k < static_cast<std::size_t>(count_[i]); ++k) {
                const std::int32_t w = fixed.weight[(static_cast<std::size_t>(first) + i) * static_cast<std::size_t>(fixed.taps.width) + k];
                const std::int32_t high = (w + 2048) >> 12;
                weight_[i * width + k] = w;
                high_[i * width + k] = static_cast<std::int16_t>(high);
                low_[i * width + k] = static_cast<std::int16_t>(w - high * 4096);
                std::int16_t* const group = pairs_.data() + (i * width + k / 4 * 4) * 8;
                for (std::size_t c = 0; c < 4; ++c) {   // pixels (0, 1) of a group in the low half, (2, 3) in the high one
                    group[k % 4 / 2 * 8 + 2 * c + k % 2] = high_[i * width + k];
                    group[16 + k % 4 / 2 * 8 + 2 * c + k % 2] = low_[i * width + k];
                }
            }
    }

    /// First input that is needed, and the one behind the last.
    [[nodiscard]] Index first() const { return begin_.front(); }
    [[nodiscard]] Index last() const { return begin_.back() + count_.back(); }

    /// row [w, C] -> out [outputs, C]; `padded` is scratch.
    void across(const std::uint8_t* row, Index w, Index C, std::uint8_t* out, std::vector<std::uint8_t>& padded) const {
#if SVAD_X86
        if (C == 3 && has_avx2()) {
            // The vector loop reads whole groups of four pixels, with four bytes to spare.
            padded.resize(static_cast<std::size_t>((w + 4 * groups_) * 3 + 16));
            std::memcpy(padded.data(), row, static_cast<std::size_t>(w * 3));
            return across_avx2(padded.data(), out);
        }
#endif
        (void)padded;
        (void)w;
        if (C == 3) across_plain<3>(row, out);
        else if (C == 1) across_plain<1>(row, out);
        else across_plain<4>(row, out);
    }

    /// in [rows, n], whose first row is first() -> out [outputs, n].
    void down(const std::uint8_t* in, Index n, std::uint8_t* out) const {
        for (std::size_t y = 0; y < begin_.size(); ++y, out += n) {
            const std::uint8_t* const from = in + (begin_[y] - first()) * n;
            Index done = 0;
#if SVAD_X86
            if (has_avx2()) done = down_avx2(from, n, y, out);
#endif
            down_plain(from, n, done, y, out);
        }
    }

private:
    [[nodiscard]] std::uint8_t to_byte(std::int32_t sum) const { return static_cast<std::uint8_t>(std::clamp(sum >> bits_, 0, 255)); }
    [[nodiscard]] std::size_t row_of(std::size_t output) const { return output * static_cast<std::size_t>(4 * groups_); }

    template <Index C>
    void across_plain(const std::uint8_t* row, std::uint8_t* out) const {
        for (std::size_t x = 0; x < begin_.size(); ++x) {
            const std::int32_t* const weight = weight_.data() + row_of(x);
            const std::uint8_t* const from = row + begin_[x] * C;
            std::array<std::int32_t, C> sum;
            sum.fill(1 << (bits_ - 1));
            for (Index k = 0; k < count_[x]; ++k)
                for (Index c = 0; c < C; ++c) sum[static_cast<std::size_t>(c)] += from[k * C + c] * weight[k];
            for (const std::int32_t s : sum) *out++ = to_byte(s);
        }
    }

    /// Columns `begin` .. n - 1 of output row y.
    void down_plain(const std::uint8_t* from, Index n, Index begin, std::size_t y, std::uint8_t* out) const {
        const std::int32_t* const weight = weight_.data() + row_of(y);
        for (Index x = begin; x < n; ++x) {
            std::int32_t sum = 1 << (bits_ - 1);
            for (Index k = 0; k < count_[y]; ++k) sum += from[k * n + x] * weight[k];
            out[x] = to_byte(sum);
        }
    }

#if SVAD_X86
    static bool has_avx2() {
        static const bool has = __builtin_cpu_supports("avx2") != 0;
        return has;
    }

    /// 4096 * high + low + half, shifted and clamped to bytes' range.
    __attribute__((target("avx2"))) __m256i finished(__m256i high, __m256i low) const {
        const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32(high, 12), low), _mm256_set1_epi32(1 << (bits_ - 1)));
        const __m256i shifted = _mm256_sra_epi32(sum, _mm_cvtsi32_si128(bits_));
        return _mm256_min_epi32(_mm256_max_epi32(shifted, _mm256_setzero_si256()), _mm256_set1_epi32(255));
    }

    __attribute__((target("avx2"))) void across_avx2(const std::uint8_t* row, std::uint8_t* out) const {
        // Bytes of four pixels rgb rgb rgb rgb to 16-bit pairs rr gg bb -- of (0, 1) and of (2, 3).
        const __m256i order = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,   //
                                               6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
        const __m128i half = _mm_set1_epi32(1 << (bits_ - 1)), shift = _mm_cvtsi32_si128(bits_);
        const __m128i gather = _mm_setr_epi8(0, 4, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
        for (std::size_t x = 0; x < begin_.size(); ++x, out += 3) {
            const std::uint8_t* from = row + begin_[x] * 3;
            const __m256i* weights = reinterpret_cast<const __m256i*>(pairs_.data() + row_of(x) * 8);
            __m256i high = _mm256_setzero_si256(), low = high;
            for (Index k = 0; k < count_[x]; k += 4, from += 12, weights += 2) {
                const __m256i four = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
                const __m256i words = _mm256_shuffle_epi8(four, order);
                high = _mm256_add_epi32(high, _mm256_madd_epi16(words, _mm256_loadu_si256(weights)));
                low = _mm256_add_epi32(low, _mm256_madd_epi16(words, _mm256_loadu_si256(weights + 1)));
            }
            // The halves hold different pixels of the same output.
            const __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high, 12), low);
            __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
            sum = _mm_sra_epi32(_mm_add_epi32(sum, half), shift);
            sum = _mm_min_epi32(_mm_max_epi32(sum, _mm_setzero_si128()), _mm_set1_epi32(255));
            const int bytes = _mm_cvtsi128_si32(_mm_shuffle_epi8(sum, gather));
            std::memcpy(out, &bytes, x + 1 < begin_.size() ? 4 : 3);   // the fourth byte is the next pixel's
        }
    }

    /// Weights k and k + 1 side by side in every 32 bits.
    __attribute__((target("avx2"))) static __m256i two(const std::int16_t* weights) {
        std::int32_t both;
        std::memcpy(&both, weights, sizeof(both));
        return _mm256_set1_epi32(both);
    }

    /// Sixteen columns at a time; returns how many were done.
    __attribute__((target("avx2"))) Index down_avx2(const std::uint8_t* from, Index n, std::size_t y, std::uint8_t* out) const {
        const std::int16_t *high = high_.data() + row_of(y), *low = low_.data() + row_of(y);
        const Index taps = count_[y];
        Index x = 0;
        for (; x + 16 <= n; x += 16) {
            __m256i high_sum[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()}, low_sum[2] = {high_sum[0], high_sum[0]};
            for (Index k = 0; k < taps; k += 2) {
                const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + k * n + x));
                const __m128i b = k + 1 < taps ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + (k + 1) * n + x)) : _mm_setzero_si128();
                const __m256i words[2] = {_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b)), _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b))};
                const __m256i h = two(high + k), l = two(low + k);
                for (int i = 0; i < 2; ++i) {
                    high_sum[i] = _mm256_add_epi32(high_sum[i], _mm256_madd_epi16(words[i], h));
                    low_sum[i] = _mm256_add_epi32(low_sum[i], _mm256_madd_epi16(words[i], l));
                }
            }
            __m256i words = _mm256_packus_epi32(finished(high_sum[0], low_sum[0]), finished(high_sum[1], low_sum[1]));
            words = _mm256_permute4x64_epi64(words, 0xD8);
            const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(out + x), bytes);
        }
        return x;
    }
#endif

    int bits_ = 0;
    Index groups_ = 0;                        // of four taps, in the widest output
    std::vector<Index> begin_, count_;        // of each output
    std::vector<std::int32_t> weight_;        // [outputs, 4 * groups], zeros behind the last tap
    std::vector<std::int16_t> high_, low_;    // the same, weight = 4096 * high + low
    std::vector<std::int16_t> pairs_;         // [outputs, groups, high or low, 16]: as across_avx2 multiplies them
};

}  // namespace svad::video::detail
