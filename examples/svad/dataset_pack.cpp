// SPDX-License-Identifier: Apache-2.0
// svad dataset pack: the videos of a data set with their annotations as tar shards, and back.
// Promise: one sample a video, whole and not re-encoded, with the lines of all its clips; interrupted runs go on; unpack
// gives the manifest and the videos again and writes nowhere but below its folder.
#include "commands.hpp"
#include "complaints.hpp"

#include "svad/data/manifest.hpp"
#include "svad/data/shards.hpp"

#include <filesystem>
#include <map>

namespace tool {

namespace {

using namespace svad;
namespace fs = std::filesystem;

/// A video and the lines of its clips, as the manifest has them.
struct PackedVideo {
    std::string path;   ///< to open
    std::string name;   ///< in the manifest
    std::vector<io::Json> clips;
};

/// The videos of a manifest by the names it gives them, which sorts them.
std::map<std::string, PackedVideo> read_videos(const std::string& manifest, Complaints& complaints) {
    std::map<std::string, PackedVideo> videos;
    const std::string text = io::read_file(manifest), folder = io::detail::directory_of(manifest);
    std::size_t number = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t stop = std::min(text.find('\n', at), text.size());
        const std::string_view line(text.data() + at, stop - at);
        at = stop + 1;
        ++number;
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        try {
            io::Json json = io::parse_json(line, "line");
            const data::Record record = data::detail::parse_record(json, folder);
            PackedVideo& video = videos[json["video"].get<std::string>()];
            video.path = record.video;
            video.name = json["video"].get<std::string>();
            json.erase("video");
            video.clips.push_back(std::move(json));
        } catch (const Error& e) {
            complaints.add(join(manifest, ":", number, ": ", e.what()));
        } catch (const io::Json::exception&) {
            complaints.add(join(manifest, ":", number, ": a field has the wrong type"));
        }
    }
    if (videos.empty()) fail<io::FormatError>(manifest, ": no line describes a clip");
    return videos;
}

/// "mp4" of "clips/a.mp4"; shards keep it, as readers choose a decoder by it.
std::string ending_of(const std::string& path) {
    std::string ending = fs::path(path).extension().string();
    if (!ending.empty()) ending.erase(0, 1);
    const bool plain = !ending.empty() && ending.size() <= 8 && ending.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == std::string::npos;
    return plain && ending != "json" ? ending : "video";
}

std::vector<data::ShardSample> samples_of(const std::map<std::string, PackedVideo>& videos, Complaints& complaints) {
    std::vector<data::ShardSample> samples;
    for (const auto& [name, video] : videos) {
        std::error_code error;
        const std::uint64_t bytes = fs::is_regular_file(video.path, error) ? fs::file_size(video.path, error) : 0;
        if (bytes == 0) {
            complaints.add(join(video.path, ": is missing or empty and not packed"));
            continue;
        }
        const io::Json json = io::object({{"video", video.name}, {"clips", io::Json(video.clips)}});
        samples.push_back({video.path, ending_of(video.path), io::dump(json) + "\n", bytes});
    }
    return samples;
}

/// "DIR/shards/train-000003.tar"
std::string shard_path(const DatasetPackOptions& o, const std::string& split, std::size_t number) {
    std::string digits = std::to_string(number);
    digits.insert(0, digits.size() < 6 ? 6 - digits.size() : 0, '0');
    return join(o.out, "/", split, "-", digits, ".tar");
}

/// Packs one manifest; its entry of the index.
io::Json pack_manifest(const DatasetPackOptions& o, const std::string& manifest, Complaints& complaints) {
    const std::string split = fs::path(manifest).stem().string();
    const auto samples = samples_of(read_videos(manifest, complaints), complaints);
    const auto plans = data::plan_shards(samples, static_cast<std::uint64_t>(o.shard_mib) << 20);
    io::Json shards = io::Json::array();
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const std::string path = shard_path(o, split, i);
        const bool written = data::write_shard(path, samples, plans[i]);
        std::fprintf(stderr, "%s: %zu videos, %.1f MiB%s\n", path.c_str(), plans[i].last - plans[i].first,
                     static_cast<double>(plans[i].bytes) / (1 << 20), written ? "" : " (was there)");
        shards.push_back(io::object({{"file", fs::path(path).filename().string()}, {"samples", plans[i].last - plans[i].first},
                                     {"bytes", plans[i].bytes}}));
    }
    // A run with other samples may have left more shards than there are now.
    for (std::size_t i = plans.size(); io::exists(shard_path(o, split, i)); ++i) fs::remove(shard_path(o, split, i));
    return io::object({{"split", split}, {"samples", samples.size()}, {"shards", std::move(shards)}});
}

}  // namespace

int dataset_pack(const DatasetPackOptions& options) {
    DatasetPackOptions o = options;
    std::vector<std::string> manifests;
    if (!io::is_directory(o.source)) manifests = {o.source};
    else
        for (const char* split : {"train", "test"})
            if (const std::string path = join(o.source, "/", split, ".jsonl"); io::exists(path)) manifests.push_back(path);
    if (manifests.empty()) fail<UsageError>(o.source, ": has neither train.jsonl nor test.jsonl; run svad dataset build, or give a manifest");
    if (o.out.empty()) o.out = join(io::is_directory(o.source) ? o.source : io::detail::directory_of(o.source), "/shards");
    io::make_directories(o.out);
    const io::LockFile lock{o.out + "/.lock"};
    Complaints complaints;
    io::Json splits = io::Json::array();
    for (const std::string& manifest : manifests) splits.push_back(pack_manifest(o, manifest, complaints));
    const io::Json index = io::object({{"format", "webdataset"}, {"splits", std::move(splits)}});
    io::write_json(o.out + "/index.json", index);
    if (o.json) std::printf("%s\n", io::dump(index, 2).c_str());
    return complaints.count() > 0 ? 3 : 0;
}

namespace {

/// Writes what one shard holds below `out`; its clips are appended to `lines` with their place.
void unpack_shard(const std::string& shard, const std::string& out, std::vector<std::string>& lines) {
    const io::MappedFile file{shard};
    io::TarReader reader{file.text(), shard};
    const std::string stem = fs::path(shard).stem().string();
    std::string video;
    for (io::TarEntry entry; reader.next(entry);) {
        if (entry.name.find('/') != std::string::npos) fail<io::FormatError>(shard, ": '", entry.name, "' is in a folder; that is not our layout");
        if (!entry.name.ends_with(".json")) {
            video = join("videos/", stem, "-", entry.name);
            io::write_atomic(join(out, "/", video), entry.bytes);
            continue;
        }
        if (video.empty()) fail<io::FormatError>(shard, ": '", entry.name, "' stands before its video");
        const io::Json sample = io::parse_json(entry.bytes, join(shard, ": ", entry.name));
        const auto clips = sample.is_object() ? sample.find("clips") : sample.end();
        if (clips == sample.end() || !clips->is_array()) fail<io::FormatError>(shard, ": '", entry.name, "' has no list 'clips'");
        for (io::Json clip : *clips) {
            if (!clip.is_object()) fail<io::FormatError>(shard, ": '", entry.name, "' has a clip that is no object");
            clip["video"] = video;
            lines.push_back(io::dump(clip) + "\n");
        }
        video.clear();
    }
}

}  // namespace

int dataset_unpack(const DatasetUnpackOptions& o) {
    io::make_directories(o.out + "/videos");
    std::map<std::string, std::vector<std::string>> splits;
    for (const std::string& shard : o.shards) {
        const std::string stem = fs::path(shard).stem().string();
        unpack_shard(shard, o.out, splits[stem.substr(0, stem.rfind('-'))]);
    }
    for (const auto& [split, lines] : splits) {
        io::AtomicWriter manifest{join(o.out, "/", split, ".jsonl")};
        for (const std::string& line : lines) manifest.write(line);
        manifest.commit();
        std::printf("%s/%s.jsonl: %zu clips\n", o.out.c_str(), split.c_str(), lines.size());
    }
    return 0;
}

}  // namespace tool
