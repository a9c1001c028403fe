// SPDX-License-Identifier: Apache-2.0
// From a video file to what the encoder reads: T uniformly sampled frames, resized to S x S, kept as bytes in a
// bounded cache: decoding the same clip every epoch would cost more than training on it.
#pragma once

#include "svad/data/manifest.hpp"
#include "svad/video/input.hpp"

#include <functional>
#include <mutex>
#include <unordered_map>

namespace svad::data {

/// Gives a record's frames as bytes [T, S, S, 3]; throws video::DecodeError if it cannot.
using FrameSource = std::function<Tensor<std::uint8_t>(const Record&)>;

/// The file and the range of a record as one text: records with the same one show the same clip.
[[nodiscard]] inline std::string clip_key(const Record& record) { return join(record.video, "#", record.range.start, "-", record.range.end); }

struct FrameOptions {
    Index frames = 8;
    Index size = 64;
    std::uint64_t cache_bytes = std::uint64_t{4} << 30;     ///< decoded frames kept in memory at most
};

/// Decodes on first use and remembers as many clips as the cache holds; safe to call from several threads.
[[nodiscard]] inline FrameSource cached_frames(FrameOptions options) {
    struct Cache {
        std::mutex mutex;
        std::unordered_map<std::string, Tensor<std::uint8_t>> clips;
        std::uint64_t bytes = 0;
    };
    return [options, cache = std::make_shared<Cache>()](const Record& record) {
        const std::string key = clip_key(record);
        {
            const std::lock_guard lock(cache->mutex);
            if (const auto hit = cache->clips.find(key); hit != cache->clips.end()) return hit->second;
        }
        const Tensor<std::uint8_t> clip = video::sampled_frames(record.video, options.frames, options.size, {.range = record.range});
        const std::lock_guard lock(cache->mutex);
        const auto bytes = static_cast<std::uint64_t>(clip.numel());
        if (cache->bytes + bytes <= options.cache_bytes && cache->clips.emplace(key, clip).second)
            cache->bytes += bytes;
        return clip;
    };
}

}  // namespace svad::data
