// SPDX-License-Identifier: Apache-2.0
// Reads variants of real videos with flipped bits, cut ends and overwritten stretches: each must give frames or a DecodeError,
// within the time limit.
//   flip_videos VARIANTS SEED FILE...
// Variant v depends on (SEED, v) only, so one that fails can be repeated: it is announced in flip_videos.last before it is read.
#include "svad/core/random.hpp"
#include "svad/video/reader.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using namespace svad;

namespace {

/// `bytes` damaged in one of four ways; headers, which are at either end, are hit more often than the middle.
std::string damaged(std::string bytes, Random& random) {
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random.below(static_cast<Index>(n))); };
    const auto place = [&] {
        const std::size_t size = bytes.size(), near = std::min<std::size_t>(size, 4096), way = below(3);
        return way == 0 ? below(near) : way == 1 ? size - 1 - below(near) : below(size);
    };
    const std::size_t way = below(8), hits = 1 + below(40);
    if (way == 0) bytes.resize(1 + below(bytes.size()));
    for (std::size_t i = 0; i < hits; ++i) {
        const std::size_t at = place();
        if (way < 6) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        else for (std::size_t k = at; k < std::min(bytes.size(), at + 4); ++k) bytes[k] = way == 6 ? '\xff' : static_cast<char>(below(256));
    }
    return bytes;
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 4) return std::fprintf(stderr, "usage: flip_videos VARIANTS SEED FILE...\n"), 2;
    const long variants = std::atol(arguments[1]);
    const auto seed = static_cast<std::uint64_t>(std::atol(arguments[2]));
    std::vector<std::string> files;
    for (int i = 3; i < count; ++i) files.push_back(io::read_file(arguments[i]));
    for (const std::string& file : files)
        if (file.empty()) return std::fprintf(stderr, "flip_videos: an empty file cannot be damaged\n"), 2;
    const video::ReadOptions limits{.max_side = 4096, .max_bytes = std::uint64_t{1} << 28, .max_seconds = 20};
    long clips = 0, errors = 0;
    double slowest = 0;
    const std::string path = "flip_videos.input";
    for (long v = 0; v < variants; ++v) {
        Random random{seed + static_cast<std::uint64_t>(v) * 0x9E3779B97F4A7C15u};
        const std::size_t file = static_cast<std::size_t>(v) % files.size();
        if (std::FILE* const out = std::fopen(path.c_str(), "wb")) {
            const std::string bytes = damaged(files[file], random);
            std::fwrite(bytes.data(), 1, bytes.size(), out);
            std::fclose(out);
        }
        if (std::FILE* const last = std::fopen("flip_videos.last", "w")) std::fprintf(last, "%ld of %s\n", v, arguments[3 + file]), std::fclose(last);
        const auto begin = std::chrono::steady_clock::now();
        try {
            clips += video::read(path, video::Uniform{4}, limits).frames.size(0) == 4;
        } catch (const video::DecodeError&) {
            ++errors;
        }
        const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        if (took > slowest) {
            slowest = took;
            std::printf("variant %ld of %s: %.2f s\n", v, arguments[3 + file], took);
            std::fflush(stdout);
        }
        if (took > 2 * limits.max_seconds) return std::fprintf(stderr, "variant %ld hangs\n", v), 1;
    }
    std::remove(path.c_str());
    std::remove("flip_videos.last");
    std::printf("%ld variants: %ld gave a clip, %ld an error, slowest %.2f s\n", variants, clips, errors, slowest);
    return clips + errors == variants ? 0 : 1;
}
