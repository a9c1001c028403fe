// SPDX-License-Identifier: Apache-2.0
// svad dataset shots: finds the shots of every video, and what tells a copy of it.
// Files that cannot be used are named with the reason, counted and listed in shots.json. The result for each file is kept in
// DIR/.work under the hash of its content and of the options.
#include "complaints.hpp"
#include "dataset.hpp"

#include "svad/infer/shot_detector.hpp"
#include "svad/metrics/judge.hpp"
#include "svad/text/vocabulary.hpp"
#include "svad/train/progress.hpp"
#include "svad/video/hash_shots.hpp"
#include "svad/video/reader.hpp"
#include "svad/video/shots.hpp"

#include <filesystem>
#include <thread>

namespace tool {

namespace {

using namespace svad;
namespace fs = std::filesystem;

/// Cuts of a video, and its timeline.
struct Cuts {
    std::vector<Index> frames;
    video::Passage line;
    Index width = 0, height = 0;
};

template <class Detector>
Cuts walk(const std::string& path, Detector&& next) {
    Cuts cuts;
    cuts.line = video::for_each_frame(path, [&](Index, double, const Tensor<std::uint8_t>& frame) {
        cuts.height = frame.size(0), cuts.width = frame.size(1);
        next(frame, cuts.frames);
    });
    return cuts;
}

template <class Detector>
Cuts simple_cuts(const std::string& path, Detector detector) {
    return walk(path, [&](const Tensor<std::uint8_t>& frame, std::vector<Index>& cuts) {
        if (const auto cut = detector.next(frame)) cuts.push_back(*cut);
    });
}

Cuts find_cuts(const std::string& path, const std::string& detector, const TransNetV2* network) {
    if (detector == "content") return simple_cuts(path, video::ContentDetector{});
    if (detector == "adaptive") return simple_cuts(path, video::AdaptiveDetector{});
    if (detector == "hash") return simple_cuts(path, video::HashDetector{});
    if (detector == "none") return walk(path, [](const auto&, const auto&) {});
    infer::ShotDetector combined{*network};
    Cuts cuts = walk(path, [&](const Tensor<std::uint8_t>& frame, const auto&) { combined.next(frame); });
    for (const infer::Boundary& b : combined.finish()) cuts.frames.push_back(b.frame);
    return cuts;
}

/// Everything that shots.jsonl says of a video.
data::VideoShots describe_video(const SourceVideo& source, const std::string& relative, const DatasetOptions& o, const TransNetV2* network) {
    const Cuts cuts = find_cuts(source.path, o.detector, network);
    data::VideoShots v{source.id, relative, source.category, cuts.line.size(), cuts.width, cuts.height, 0, 0, "", {}, {}};
    const std::vector<double>& times = cuts.line.times;
    const double first = times.front();
    v.seconds = cuts.line.end - first;
    v.rate = v.seconds > 0 ? static_cast<double>(v.frames) / v.seconds : 0;
    for (const video::Shot& shot : video::shots_between(cuts.frames, v.frames)) {
        const auto begin = static_cast<std::size_t>(shot.start), end = static_cast<std::size_t>(shot.end);
        const data::ShotSpan span{shot.start, shot.end - 1, times[begin] - first, (end < times.size() ? times[end] : cuts.line.end) - first};
        if (!(span.start >= 0 && span.end > span.start))
            fail<video::DecodeError>(source.path, ": the times of its frames run backwards from frame ", shot.start, " on; remux the file");
        v.shots.push_back(span);
    }
    if (cuts.line.truncated) v.warning = "ends before its header says";
    if (cuts.line.damaged > 0) v.warning += join(v.warning.empty() ? "" : "; ", "packets or frames damaged: ", cuts.line.damaged);
    constexpr Index looks = 8;
    video::visit_frames(source.path, video::Uniform{looks}, [&](const auto&, Index, const Tensor<std::uint8_t>& frame) { data::add_frame(v.fingerprint, frame); });
    return v;
}

/// What the network is known by: the size of its file and its name.
std::string weights_of(const std::string& path) {
    return path.empty() ? "" : join(fs::path(path).filename().string(), " ", fs::file_size(path));
}

/// Result for a file, from .work or made now: a line of shots.jsonl, or {"id", "error"}.
class Worker {
public:
    Worker(const DatasetOptions& o, const TransNetV2* network) : options_(o), network_(network), folder_(o.folder + "/.work/shots") {
        io::make_directories(folder_);
    }

    io::Json operator()(const SourceVideo& source) const {
        const std::string relative = fs::proximate(fs::weakly_canonical(source.path), fs::weakly_canonical(options_.folder)).generic_string();
        io::Json made;
        try {
            const std::string kept = kept_file(source, relative);
            if (io::exists(kept)) return read_kept(kept, source);
            made = looked_at(source, relative);
            io::write_atomic(kept, io::dump(made) + "\n");
        } catch (const io::FileError& e) {
            made = failure(source, e.what());
        }
        return made;
    }

private:
    io::Json looked_at(const SourceVideo& source, const std::string& relative) const {
        try {
            return data::to_json(describe_video(source, relative, options_, network_));
        } catch (const video::DecodeError& e) {
            return failure(source, e.what());
        }
    }
    /// Without the path, which is not the same from everywhere.
    static io::Json failure(const SourceVideo& source, std::string why) {
        if (why.starts_with(source.path + ": ")) why.erase(0, source.path.size() + 2);
        return io::object({{"id", source.id}, {"error", why}});
    }

    /// Its name is a hash of everything that the result depends on.
    std::string kept_file(const SourceVideo& source, const std::string& relative) const {
        const io::MappedFile bytes{source.path};
        const auto content = bytes.bytes();
        const std::string_view view{reinterpret_cast<const char*>(content.data()), content.size()};
        std::uint64_t hash = text::hash_bytes(view);
        for (const std::string& part : {source.id, relative, source.category, options_.detector, weights_of(options_.transnet), std::string("1")})
            hash = text::hash_bytes(join(hash, "\n", part));
        char name[24];
        std::snprintf(name, sizeof(name), "%016llx.json", static_cast<unsigned long long>(hash));
        return folder_ + "/" + name;
    }

    io::Json read_kept(const std::string& path, const SourceVideo& source) const {
        io::Json kept = io::parse_json(io::read_file(path), path + " (delete it to look at the video again)");
        if (io::field<std::string>(kept, "id", path) != source.id) fail<io::FormatError>(path, ": is of another video; delete it");
        if (!kept.contains("error")) (void)data::video_shots_from_json(kept, path);
        return kept;
    }

    const DatasetOptions& options_;
    const TransNetV2* network_;
    std::string folder_;
};

std::vector<io::Json> look_at_all(const SourceVideos& sources, const DatasetOptions& o) {
    std::optional<TransNetV2> network;
    if (o.detector == "combined") {
        if (o.transnet.empty()) fail<UsageError>("--detector combined needs --transnet with the network's weights (.pth)");
        network.emplace(infer::load_transnet(o.transnet));
    }
    const Worker work{o, network ? &*network : nullptr};
    std::vector<io::Json> results(sources.videos.size());
    train::ProgressBar progress{"shots"};
    std::mutex mutex;
    std::size_t done = 0;
    const int jobs = o.jobs > 0 ? o.jobs : static_cast<int>(std::thread::hardware_concurrency());
    metrics::detail::for_each_parallel(sources.videos.size(), jobs, [&](std::size_t i) {
        results[i] = work(sources.videos[i]);
        const std::lock_guard lock{mutex};
        progress.update(static_cast<std::int64_t>(++done), static_cast<std::int64_t>(sources.videos.size()));
    });
    return results;
}

}  // namespace

io::Json dataset_shots(const DatasetOptions& o) {
    const SourceVideos sources = find_videos(o);
    std::vector<io::Json> found, texts;
    io::Json unusable = io::Json::array(), warnings = io::Json::array();
    std::int64_t shots = 0;
    double seconds = 0;
    Complaints complaints;
    for (io::Json& result : look_at_all(sources, o)) {
        if (result.contains("error")) {
            complaints.add(join(result["id"].get<std::string>(), ": ", result["error"].get<std::string>()));
            unusable.push_back(std::move(result));
            continue;
        }
        shots += static_cast<std::int64_t>(result["shots"].size());
        seconds += result["seconds"].get<double>();
        if (const std::string warning = result["warning"]; !warning.empty()) warnings.push_back(io::object({{"id", result["id"]}, {"warning", warning}}));
        found.push_back(std::move(result));
    }
    if (found.empty()) fail<video::DecodeError>("none of the ", sources.videos.size(), " files is a video that can be used");
    for (const SourceVideo& v : sources.videos)
        if (!v.text.empty()) texts.push_back(io::object({{"id", v.id}, {"text", v.text}}));
    io::write_json_lines(o.folder + "/shots.jsonl", found);
    io::write_json_lines(o.folder + "/texts.jsonl", texts);
    return io::object({{"detector", o.detector}, {"videos", found.size()}, {"shots", shots}, {"seconds", seconds}, {"texts", texts.size()},
                       {"other_files", sources.other_files}, {"problems", unusable.size()}, {"unusable", unusable}, {"warnings", warnings}});
}

}  // namespace tool
