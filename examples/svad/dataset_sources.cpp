// SPDX-License-Identifier: Apache-2.0
// Which files a data set is made from. A video's id is its path below the folder that was named; its category is the first
// folder of that path. A text file of the same name beside a video holds its description.
#include "dataset.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

namespace tool {

namespace {

using namespace svad;
namespace fs = std::filesystem;

/// Endings of files that lie beside videos and are none themselves.
bool is_no_video(const fs::path& path) {
    constexpr std::array<std::string_view, 14> endings{".txt", ".json", ".jsonl", ".csv", ".tsv", ".md", ".srt", ".vtt", ".html", ".py", ".sh", ".log", ".part", ".tar"};
    const std::string ending = text::to_lower(path.extension().string());
    return std::find(endings.begin(), endings.end(), ending) != endings.end() || path.filename().string().starts_with('.');
}

std::string text_beside(const fs::path& video) {
    fs::path beside = video;
    beside.replace_extension(".txt");
    if (!fs::is_regular_file(beside)) return {};
    constexpr std::uint64_t most = 1 << 16;
    std::string words = io::read_file(beside.string(), most);
    while (!words.empty() && (words.back() == '\n' || words.back() == '\r' || words.back() == ' ')) words.pop_back();
    if (text::find_invalid_utf8(words) != std::string_view::npos)
        fail<io::FormatError>(beside.string(), ": is not valid utf-8; a description beside a video must be");
    return words;
}

void add_folder(const fs::path& folder, const std::string& category, SourceVideos& out) {
    for (const auto& entry : fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
        if (!entry.is_regular_file()) continue;
        if (is_no_video(entry.path())) {
            ++out.other_files;
            continue;
        }
        const fs::path below = entry.path().lexically_relative(folder);
        const std::string first = std::next(below.begin()) == below.end() ? "" : below.begin()->string();
        out.videos.push_back({below.generic_string(), entry.path().string(), category.empty() ? first : category, text_beside(entry.path())});
    }
}

void add_manifest(const std::string& path, const std::string& category, SourceVideos& out) {
    const data::Manifest manifest = data::read_manifest(path);
    if (!manifest.problems.empty()) fail<io::FormatError>(manifest.problems[0]);
    for (const data::Record& r : manifest.records)
        out.videos.push_back({r.id, r.video, r.category.empty() ? category : r.category, r.descriptions[0]});
}

}  // namespace

SourceVideos find_videos(const DatasetOptions& o) {
    SourceVideos out;
    for (const std::string& from : o.from) {
        const fs::path path = fs::path(from).lexically_normal();
        if (fs::is_directory(path)) add_folder(path.has_filename() ? path : path.parent_path(), o.category, out);
        else if (path.extension() == ".jsonl") add_manifest(from, o.category, out);
        else out.videos.push_back({path.filename().string(), path.string(), o.category, text_beside(path)});
    }
    std::sort(out.videos.begin(), out.videos.end(), [](const SourceVideo& a, const SourceVideo& b) { return std::tie(a.id, a.path) < std::tie(b.id, b.path); });
    const auto same = [](const SourceVideo& a, const SourceVideo& b) { return a.id == b.id && fs::equivalent(a.path, b.path); };
    out.videos.erase(std::unique(out.videos.begin(), out.videos.end(), same), out.videos.end());
    for (std::size_t i = 1; i < out.videos.size(); ++i)
        if (out.videos[i].id == out.videos[i - 1].id)
            fail<UsageError>("two videos are called ", out.videos[i].id, ": ", out.videos[i - 1].path, " and ", out.videos[i].path,
                             "; name the folder above them instead");
    for (const SourceVideo& v : out.videos)
        if (text::find_invalid_utf8(v.id) != std::string_view::npos || text::find_invalid_utf8(v.path) != std::string_view::npos)
            fail<UsageError>("the name of ", v.path, " is not valid utf-8; rename the file");
    if (out.videos.empty()) fail<UsageError>("there is no video in what was named; give folders, files or manifests (.jsonl)");
    return out;
}

}  // namespace tool
