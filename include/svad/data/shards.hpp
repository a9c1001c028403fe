// SPDX-License-Identifier: Apache-2.0
// Tar shards of a data set: the form in which training clusters store and stream clips (WebDataset's layout).
//
// A sample is a video and a JSON text under one key: "00000012.mp4", "00000012.json"; files that share what stands before
// the first dot belong together. Samples keep the order they are given in and are never divided; a shard closes when the next sample would take it
// over the limit.
// Promise: the same samples give the same bytes; a shard appears whole or not at all, and one that is already there with
// the right bytes is left alone, so an interrupted run goes on where it stopped. No video is re-encoded.
// Rejected: one sample a clip with its part cut out (a cut that loses nothing must begin at a key frame).
#pragma once

#include "svad/core/shape.hpp"
#include "svad/io/tar.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace svad::data {

/// One video of a shard with what is said about it.
struct ShardSample {
    std::string video;   ///< path of the file
    std::string ending;  ///< "mp4", without the dot
    std::string json;
    std::uint64_t video_bytes = 0;
};

/// Samples first .. last - 1 of the list go into one shard.
struct ShardPlan {
    std::size_t first = 0, last = 0;
    std::uint64_t bytes = 0;   ///< of the whole archive
};

namespace detail {

/// `number` with eight digits.
inline std::string sample_key(std::size_t number) {
    std::string digits = std::to_string(number);
    return digits.insert(0, digits.size() < 8 ? 8 - digits.size() : 0, '0');
}

inline std::uint64_t entry_bytes(const std::string& name, std::uint64_t size) {
    return io::tar_head(name, size).size() + size + io::tar_padding(size).size();
}

inline std::uint64_t sample_bytes(const ShardSample& s, std::size_t number) {
    const std::string key = sample_key(number);
    return entry_bytes(join(key, ".", s.ending), s.video_bytes) + entry_bytes(key + ".json", s.json.size());
}

/// Calls sink(bytes) with the archive, piece by piece.
template <class Sink>
void emit_shard(const std::vector<ShardSample>& samples, const ShardPlan& plan, Sink sink) {
    for (std::size_t i = plan.first; i < plan.last; ++i) {
        const ShardSample& s = samples[i];
        const io::MappedFile video{s.video};
        if (video.size() != s.video_bytes) fail<io::FileError>(s.video, ": changed its size while it was packed; run again");
        sink(io::tar_head(join(sample_key(i), ".", s.ending), video.size()));
        sink(video.text());
        sink(io::tar_padding(video.size()));
        sink(io::tar_head(sample_key(i) + ".json", s.json.size()));
        sink(s.json);
        sink(io::tar_padding(s.json.size()));
    }
    sink(io::tar_end());
}

/// True if the file at `path` has exactly the bytes of the shard.
inline bool has_shard(const std::string& path, const std::vector<ShardSample>& samples, const ShardPlan& plan) {
    if (!io::exists(path) || io::is_directory(path)) return false;
    const io::MappedFile file{path};
    if (file.size() != plan.bytes) return false;
    std::string_view rest = file.text();
    bool equal = true;
    emit_shard(samples, plan, [&](std::string_view bytes) {
        equal = equal && rest.starts_with(bytes);
        rest.remove_prefix(std::min(bytes.size(), rest.size()));
    });
    return equal && rest.empty();
}

}  // namespace detail

/// Which samples go into which shard of at most `limit` bytes; a sample that is larger alone has a shard of its own.
[[nodiscard]] inline std::vector<ShardPlan> plan_shards(const std::vector<ShardSample>& samples, std::uint64_t limit) {
    const std::uint64_t end = io::tar_end().size();
    std::vector<ShardPlan> plans;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const std::uint64_t bytes = detail::sample_bytes(samples[i], i);
        if (plans.empty() || plans.back().bytes + bytes > limit) plans.push_back({i, i, end});
        plans.back().last = i + 1;
        plans.back().bytes += bytes;
    }
    return plans;
}

/// Makes the file at `path` the shard; false if it was that already. Throws FileError.
inline bool write_shard(const std::string& path, const std::vector<ShardSample>& samples, const ShardPlan& plan) {
    if (detail::has_shard(path, samples, plan)) return false;
    io::AtomicWriter file{path};
    detail::emit_shard(samples, plan, [&](std::string_view bytes) { file.write(bytes); });
    file.commit();
    return true;
}

}  // namespace svad::data
