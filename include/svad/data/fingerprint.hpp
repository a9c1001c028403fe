// SPDX-License-Identifier: Apache-2.0
// Near-duplicate videos: a fingerprint of each, and groups of those whose fingerprints agree.
//
// A fingerprint is the difference hash (64 bits: in a 9 x 8 picture of the brightness, whether each value is less than its
// right neighbour) of a few uniformly chosen frames; it survives scaling, another codec and small changes of colour. Frames
// of hardly any contrast say nothing and count for nothing. Two videos are near duplicates if most of the telling frames of
// the shorter list have a close frame in the other, whatever its place, so that trimmed copies are found too. Only videos
// are compared that agree on 16 of the 64 bits in one of four fixed places for some frame, which copies do, so the cost grows
// with the number of likely pairs and not with all pairs. Groups are the connected videos.
#pragma once

#include "svad/core/error.hpp"
#include "svad/core/tensor.hpp"
#include "svad/video/resize.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <numeric>
#include <unordered_map>
#include <utility>
#include <vector>

namespace svad::data {

/// Hashes of a video's telling frames, in order; empty: nothing can be said.
using Fingerprint = std::vector<std::uint64_t>;

/// When two videos count as the same.
struct DuplicateOptions {
    int most_bits = 8;          ///< differing bits of two close frames
    double least_share = 0.6;   ///< of the telling frames of the shorter fingerprint
    int least_contrast = 8;     ///< levels between the darkest and the brightest of the 9 x 8 values; under it a frame tells nothing
};

/// Appends the hash of frame [H, W, 3] unless it tells nothing.
inline void add_frame(Fingerprint& print, const Tensor<std::uint8_t>& frame, const DuplicateOptions& options = {}) {
    if (frame.rank() != 3 || frame.size(2) != 3) fail<ShapeError>("fingerprint: frame should be [H, W, 3]; got ", frame.shape());
    constexpr Index rows = 8, columns = 9;
    const Tensor<std::uint8_t> small = video::resize(frame, rows, columns, video::Filter::bilinear);
    std::array<int, rows * columns> light;
    for (Index i = 0; i < rows * columns; ++i)   // BT.601's weights in 1/256
        light[static_cast<std::size_t>(i)] = (77 * small[3 * i] + 150 * small[3 * i + 1] + 29 * small[3 * i + 2]) >> 8;
    const auto [darkest, brightest] = std::minmax_element(light.begin(), light.end());
    if (*brightest - *darkest < options.least_contrast) return;
    std::uint64_t hash = 0;
    for (std::size_t y = 0; y < rows; ++y)
        for (std::size_t x = 0; x + 1 < columns; ++x) hash = hash << 1 | (light[y * columns + x] < light[y * columns + x + 1] ? 1u : 0u);
    print.push_back(hash);
}

/// True if most telling frames of the shorter of two fingerprints have a close frame in the other.
[[nodiscard]] inline bool near_duplicates(const Fingerprint& a, const Fingerprint& b, const DuplicateOptions& options = {}) {
    const Fingerprint &shorter = a.size() <= b.size() ? a : b, &longer = a.size() <= b.size() ? b : a;
    if (shorter.empty()) return false;
    const auto close = [&](std::uint64_t x) {
        return std::any_of(longer.begin(), longer.end(), [&](std::uint64_t y) { return std::popcount(x ^ y) <= options.most_bits; });
    };
    const auto found = std::count_if(shorter.begin(), shorter.end(), close);
    return static_cast<double>(found) >= options.least_share * static_cast<double>(shorter.size());
}

namespace detail {

/// Sets that are joined and asked for their representative, the least member.
class UnionFind {
public:
    explicit UnionFind(std::size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }
    std::size_t find(std::size_t i) {
        while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
        return i;
    }
    void join(std::size_t a, std::size_t b) {
        a = find(a), b = find(b);
        parent_[std::max(a, b)] = std::min(a, b);
    }

private:
    std::vector<std::size_t> parent_;
};

}  // namespace detail

/// For each video the number of the first video of its group: itself where it is like no earlier one.
[[nodiscard]] inline std::vector<std::size_t> duplicate_groups(const std::vector<Fingerprint>& prints, const DuplicateOptions& options = {}) {
    std::unordered_map<std::uint32_t, std::vector<std::size_t>> buckets;   // by quarter and its 16 bits
    for (std::size_t v = 0; v < prints.size(); ++v)
        for (const std::uint64_t hash : prints[v])
            for (std::uint32_t quarter = 0; quarter < 4; ++quarter) {
                auto& bucket = buckets[quarter << 16 | static_cast<std::uint32_t>(hash >> (16 * quarter) & 0xffff)];
                if (bucket.empty() || bucket.back() != v) bucket.push_back(v);
            }
    detail::UnionFind groups{prints.size()};
    for (const auto& [key, videos] : buckets)
        for (std::size_t i = 0; i < videos.size(); ++i)
            for (std::size_t j = i + 1; j < videos.size(); ++j)   // videos of one group need no further comparison
                if (groups.find(videos[i]) != groups.find(videos[j]) && near_duplicates(prints[videos[i]], prints[videos[j]], options))
                    groups.join(videos[i], videos[j]);
    std::vector<std::size_t> out;
    for (std::size_t v = 0; v < prints.size(); ++v) out.push_back(groups.find(v));
    return out;
}

}  // namespace svad::data
