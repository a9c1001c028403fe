// SPDX-License-Identifier: Apache-2.0
// Building a data set from raw videos, stage by stage: what each reads and writes in the data set's folder DIR.
//
//   shots     videos                          -> shots.jsonl (data/clips.hpp), texts.jsonl (descriptions found beside them)
//   filter    shots.jsonl                     -> filter.jsonl (a decision for every video and clip)
//   sample    shots.jsonl filter.jsonl        -> clips.jsonl
//   split     clips.jsonl shots.jsonl         -> clips.jsonl, now with a split
//   keywords  clips, texts, annotations.jsonl -> annotations.jsonl
//   check     clips, annotations              -> findings.jsonl
//   stats     clips, annotations              -> train.jsonl, test.jsonl, to_annotate.jsonl, statistics.json, statistics.html
//
// Promise: every stage writes its files whole, in one step, and a report STAGE.json; the bytes depend on the videos and the
// options only: not on the order of the arguments, the number of jobs, or how often the work was killed. Paths are relative to
// DIR. What the shots stage knows of each file is kept in DIR/.work, so that only files under way are looked at again.
#pragma once

#include "commands.hpp"

#include "svad/data/annotation_store.hpp"
#include "svad/data/clips.hpp"

namespace tool {

/// The stages, in the order of `svad dataset build`. Each returns its report; "problems" in it counts what could not be used.
svad::io::Json dataset_shots(const DatasetOptions& options);
svad::io::Json dataset_filter(const DatasetOptions& options);
svad::io::Json dataset_sample(const DatasetOptions& options);
svad::io::Json dataset_split(const DatasetOptions& options);
svad::io::Json dataset_keywords(const DatasetOptions& options);
svad::io::Json dataset_check(const DatasetOptions& options);
svad::io::Json dataset_stats(const DatasetOptions& options);

/// DIR/name; a FileError that names the stage to run first if an input is missing.
[[nodiscard]] std::string stage_input(const DatasetOptions& options, const char* name, const char* stage);

/// A description that came with a video: its place in texts.jsonl.
struct VideoText {
    std::string id, text;
};
[[nodiscard]] std::vector<VideoText> read_video_texts(const std::string& path);

/// A file that may be a video, and what is known of it before it is opened.
struct SourceVideo {
    std::string id, path, category, text;
};
struct SourceVideos {
    std::vector<SourceVideo> videos;           // sorted by id
    std::int64_t other_files = 0;              // files that are no video by their name
};

/// The videos of folders (in any depth), files and manifests (.jsonl). Throws UsageError if two have one id, and if there is none.
[[nodiscard]] SourceVideos find_videos(const DatasetOptions& options);

}  // namespace tool
