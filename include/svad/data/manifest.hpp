// SPDX-License-Identifier: Apache-2.0
// Manifests: one JSON object a line, one clip an object (JSONL). What a data set is, on disk.
//   {"id": "p0001", "video": "clips/p0001.mp4", "branch": "primary", "description": "...",
//    "descriptions": ["...", ...], "keywords": [{"word": "jar", "kind": "object"}, ...], "truth": {...},
//    "seconds": 12.5, "category": "food", "split": "train", "source": "coco", "tokens": ["a b c", ...], "tags": ["DET NOUN VERB", ...]}
// `video` is relative to the manifest; the second and third line are optional, tokens and tags go with the descriptions.
// A clip that is part of a file has "start" and "end" in seconds from the file's first frame; either may be left out.
// A line that is no such object is left out and reported, never silently.
#pragma once

#include "svad/core/dtype.hpp"
#include "svad/io/json.hpp"
#include "svad/video/sampling.hpp"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace svad::data {

/// A word of a description that prompt-guided generation may blank, and what kind of detail it is.
struct Keyword {
    std::string word, kind;
    friend bool operator==(const Keyword&, const Keyword&) = default;
};

/// One clip with its annotations.
struct Record {
    std::string id;
    std::string video;                          ///< path as the program can open it
    bool primary = true;                        ///< which branch of the dual alignment it trains
    std::vector<std::string> descriptions;      ///< at least one
    std::vector<Keyword> keywords;
    io::Json truth;                             ///< what a generator knows about the clip; null for real data
    video::Range range;                         ///< the part of the file that is the clip
    std::optional<double> seconds;              ///< length of the clip, where the manifest says it
    std::string category, split, source;        ///< empty where it does not
    std::vector<std::string> tokens, tags;      ///< for each description its words, and their tags, joined by blanks; or empty
};

struct Manifest {
    std::string path;
    std::vector<Record> records;
    std::vector<std::string> problems;          ///< one line for every line that was left out
};

namespace detail {

inline std::string text_field(const io::Json& line, const char* key) {
    const auto it = line.find(key);
    if (it == line.end() || !it->is_string()) fail<io::FormatError>("field '", key, "' is missing or no text");
    return it->get<std::string>();
}

inline std::vector<std::string> text_list(const io::Json& line, const char* key) {
    const auto it = line.find(key);
    if (it == line.end()) return {};
    auto texts = it->is_array() ? io::detail::convert<std::vector<std::string>>(*it) : std::nullopt;
    if (!texts) fail<io::FormatError>(key, " must be a list of texts");
    return *texts;
}

/// Length, category, split, words and tags: what statistics read beyond the descriptions.
inline void parse_statistics(const io::Json& line, Record& r) {
    for (const char* key : {"duration", "seconds"})
        if (const auto value = io::find_field<double>(line, key, "line")) r.seconds = value;
    if (r.seconds && !(*r.seconds > 0 && std::isfinite(*r.seconds)))
        fail<io::FormatError>("seconds must be positive; got ", *r.seconds);
    r.range.start = io::field_or<double>(line, "start", r.range.start, "line");
    r.range.end = io::field_or<double>(line, "end", r.range.end, "line");
    if (!(std::isfinite(r.range.start) && r.range.start >= 0 && r.range.end > r.range.start))
        fail<io::FormatError>("a clip should end after it starts; got ", r.range.start, " to ", r.range.end, " s");
    r.category = io::field_or<std::string>(line, "category", "", "line");
    r.split = io::field_or<std::string>(line, "split", "", "line");
    r.source = io::field_or<std::string>(line, "source", "", "line");
    r.tokens = text_list(line, "tokens");
    r.tags = text_list(line, "tags");
    if (!r.tokens.empty() && r.tokens.size() != r.descriptions.size())
        fail<io::FormatError>("tokens must be one text a description; got ", r.tokens.size(), " for ", r.descriptions.size());
    if (!r.tags.empty() && r.tags.size() != r.tokens.size())
        fail<io::FormatError>("tags must be one text for each of tokens; got ", r.tags.size(), " for ", r.tokens.size());
}

inline Record parse_record(const io::Json& line, const std::string& folder) {
    if (!line.is_object()) fail<io::FormatError>("the line is no JSON object");
    Record r;
    r.video = text_field(line, "video");
    if (!r.video.empty() && r.video.front() != '/') r.video = folder + "/" + r.video;
    r.id = line.contains("id") ? text_field(line, "id") : r.video;
    if (line.contains("branch")) {
        const std::string branch = text_field(line, "branch");
        if (branch != "primary" && branch != "auxiliary")
            fail<io::FormatError>("branch must be primary or auxiliary; got '", branch, "'");
        r.primary = branch == "primary";
    }
    if (line.contains("description")) r.descriptions.push_back(text_field(line, "description"));
    for (std::string& more : text_list(line, "descriptions")) r.descriptions.push_back(std::move(more));
    if (r.descriptions.empty()) fail<io::FormatError>("the clip has no description");
    if (const auto words = line.find("keywords"); words != line.end()) {
        if (!words->is_array()) fail<io::FormatError>("keywords must be a list of {word, kind}");
        for (const auto& k : *words) {
            if (k.is_string()) r.keywords.push_back({k.get<std::string>(), "keyword"});
            else if (k.is_object()) r.keywords.push_back({text_field(k, "word"), k.value("kind", "keyword")});
            else fail<io::FormatError>("keywords must be a list of {word, kind}");
        }
    }
    if (line.contains("truth")) r.truth = line["truth"];
    parse_statistics(line, r);
    return r;
}

}  // namespace detail

/// Reads a manifest. Throws io::FileError if it cannot be opened and io::FormatError if no line of it is a clip;
/// single bad lines go to `problems`, each with file, line number and reason.
[[nodiscard]] inline Manifest read_manifest(const std::string& path) {
    Manifest manifest{path, {}, {}};
    const std::string text = io::read_file(path);
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash);
    std::size_t at = 0, number = 0;
    while (at < text.size()) {
        std::size_t stop = text.find('\n', at);
        if (stop == std::string::npos) stop = text.size();
        const std::string_view line(text.data() + at, stop - at);
        at = stop + 1;
        ++number;
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        const std::string where = path + ":" + std::to_string(number);
        try {
            manifest.records.push_back(detail::parse_record(io::parse_json(line, "line"), folder));
        } catch (const Error& e) {
            manifest.problems.push_back(where + ": " + e.what());
        } catch (const io::Json::exception&) {
            manifest.problems.push_back(where + ": a field has the wrong type");
        }
    }
    if (manifest.records.empty())
        fail<io::FormatError>(path, ": no line describes a clip",
                              manifest.problems.empty() ? std::string("; the file is empty") : "; " + manifest.problems[0]);
    return manifest;
}

}  // namespace svad::data
