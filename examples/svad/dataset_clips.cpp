// SPDX-License-Identifier: Apache-2.0
// svad dataset filter, sample and split: which clips are used, and on which side.
// Thin calls of data/dual_filter.hpp, data/balanced_sample.hpp and data/split.hpp between the files of the folder.
#include "dataset.hpp"

#include "svad/data/balanced_sample.hpp"
#include "svad/data/split.hpp"

#include <algorithm>
#include <map>

namespace tool {

namespace {

using namespace svad;

std::vector<data::VideoShots> read_shots(const DatasetOptions& o) { return data::read_video_shots(stage_input(o, "shots.jsonl", "shots")); }

/// Numbers of the clips that the filter keeps, by video.
std::map<std::string, std::vector<Index>> read_kept(const DatasetOptions& o) {
    std::map<std::string, std::vector<Index>> kept;
    const std::string path = stage_input(o, "filter.jsonl", "filter");
    io::for_each_json_line(io::read_file(path), path, [&](const io::Json& line, const std::string& where) {
        std::vector<Index>& numbers = kept[io::field<std::string>(line, "id", where)];
        const auto clips = line.find("clips");
        if (clips == line.end() || !clips->is_array()) fail<io::FormatError>(where, ": 'clips' is missing or no list; run svad dataset filter again");
        for (std::size_t i = 0; i < clips->size(); ++i)
            if (io::field<std::string>((*clips)[i], "verdict", where) == "kept") numbers.push_back(static_cast<Index>(i));
    });
    return kept;
}

void write_clips(const DatasetOptions& o, std::vector<data::ClipRow> clips) {
    std::sort(clips.begin(), clips.end(), [](const data::ClipRow& a, const data::ClipRow& b) { return a.id < b.id; });
    std::vector<io::Json> lines;
    for (const data::ClipRow& c : clips) lines.push_back(data::to_json(c));
    io::write_json_lines(o.folder + "/clips.jsonl", lines);
}

/// Numbers of both sides.
io::Json sides(std::size_t all, std::int64_t of_test) {
    return io::object({{"train", static_cast<std::int64_t>(all) - of_test}, {"test", of_test}});
}

std::string category_name(const std::string& category) { return category.empty() ? "(none)" : category; }

}  // namespace

io::Json dataset_filter(const DatasetOptions& o) {
    const data::DualFilterOptions limits{o.brief_seconds, o.brief_share, o.least_seconds};
    std::vector<data::VideoDecision> decisions;
    std::vector<io::Json> lines;
    for (const data::VideoShots& video : read_shots(o)) {
        decisions.push_back(data::dual_filter(data::cut_video(video), limits));
        lines.push_back(data::to_json(decisions.back()));
    }
    io::write_json_lines(o.folder + "/filter.jsonl", lines);
    io::Json report = data::to_json(decisions, limits);
    report.erase("decisions");   // they are in filter.jsonl
    return report;
}

io::Json dataset_sample(const DatasetOptions& o) {
    const auto kept = read_kept(o);
    std::vector<data::ClipRow> all;
    for (const data::VideoShots& video : read_shots(o)) {
        const auto numbers = kept.find(video.id);
        if (numbers == kept.end()) fail<io::FormatError>(o.folder, "/filter.jsonl: has no decision on ", video.id, "; run svad dataset filter again");
        for (const Index n : numbers->second) {
            if (n >= static_cast<Index>(video.shots.size()))
                fail<io::FormatError>(o.folder, "/filter.jsonl: is not of these shots of ", video.id, "; run svad dataset filter again");
            const data::ShotSpan& shot = video.shots[static_cast<std::size_t>(n)];
            all.push_back({data::clip_id(video.id, n), video.video, shot.start, shot.end, video.category, ""});
        }
    }
    std::vector<data::Candidate> candidates;
    for (const data::ClipRow& clip : all) candidates.push_back({clip.id, clip.category});
    const Index total = o.clips > 0 ? o.clips : static_cast<Index>(all.size());
    std::vector<data::ClipRow> taken;
    for (const std::size_t i : data::balanced_sample(candidates, total, o.seed)) taken.push_back(all[i]);
    std::map<std::string, std::pair<Index, Index>> counts;
    for (const data::ClipRow& clip : all) ++counts[category_name(clip.category)].first;
    for (const data::ClipRow& clip : taken) ++counts[category_name(clip.category)].second;
    io::Json categories = io::Json::object();
    for (const auto& [name, n] : counts) categories[name] = io::object({{"available", n.first}, {"taken", n.second}});
    write_clips(o, taken);
    return io::object({{"asked", o.clips}, {"seed", o.seed}, {"available", all.size()}, {"clips", taken.size()}, {"categories", categories}});
}

io::Json dataset_split(const DatasetOptions& o) {
    std::vector<data::ClipRow> clips = data::read_clip_rows(stage_input(o, "clips.jsonl", "sample"));
    std::map<std::string, std::string> used;   // video -> category
    for (const data::ClipRow& clip : clips) used.emplace(data::video_of(clip.id), clip.category);
    std::vector<data::VideoShots> videos = read_shots(o);
    std::erase_if(videos, [&](const data::VideoShots& v) { return !used.contains(v.id); });
    if (videos.size() != used.size()) fail<io::FormatError>(o.folder, "/clips.jsonl: has clips of videos that shots.jsonl lacks; run svad dataset sample again");
    std::vector<data::Fingerprint> prints;
    for (const data::VideoShots& v : videos) prints.push_back(v.fingerprint);
    const std::vector<std::size_t> group = data::duplicate_groups(prints);

    std::vector<data::SplitVideo> items;
    std::map<std::string, io::Json> groups;   // of more than one video, by the first
    for (std::size_t i = 0; i < videos.size(); ++i) {
        items.push_back({videos[i].id, videos[i].category, videos[group[i]].id});
        groups.try_emplace(videos[group[i]].id, io::Json::array()).first->second.push_back(videos[i].id);
    }
    const std::vector<bool> test = data::test_side(items, o.test, o.seed);
    std::map<std::string, bool> side;
    io::Json categories = io::Json::object(), duplicates = io::Json::array();
    for (std::size_t i = 0; i < items.size(); ++i) {
        side[items[i].id] = test[i];
        io::Json& counts = categories[category_name(items[i].category)];
        if (counts.is_null()) counts = sides(0, 0);
        counts[test[i] ? "test" : "train"] = counts[test[i] ? "test" : "train"].get<std::int64_t>() + 1;
    }
    for (auto& [first, members] : groups)
        if (members.size() > 1) duplicates.push_back(std::move(members));
    std::int64_t test_clips = 0;
    for (data::ClipRow& clip : clips) {
        clip.split = side.at(data::video_of(clip.id)) ? "test" : "train";
        test_clips += clip.split == "test";
    }
    write_clips(o, clips);
    return io::object({{"test_share", o.test}, {"seed", o.seed}, {"videos", sides(items.size(), std::count(test.begin(), test.end(), true))},
                       {"clips", sides(clips.size(), test_clips)}, {"categories", categories}, {"near_duplicates", duplicates}});
}

}  // namespace tool
