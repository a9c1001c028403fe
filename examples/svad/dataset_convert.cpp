// SPDX-License-Identifier: Apache-2.0
// svad dataset convert: the annotation file of a public caption set as a manifest of ours.
// Promise: annotations that are no description of a clip and clips whose file is not there are named and counted, and the
// exit code says so; the same files give the same manifest.
#include "commands.hpp"
#include "complaints.hpp"

#include "svad/data/known_sets.hpp"
#include "svad/io/gzip.hpp"

#include <algorithm>
#include <filesystem>

namespace tool {

namespace {

using namespace svad;
namespace fs = std::filesystem;

/// The files below a folder, found by their path from it, by their name, or by their name without its ending.
class VideoFolder {
public:
    explicit VideoFolder(const std::string& folder) {
        if (!io::is_directory(folder)) fail<io::FileError>(folder, ": is not a folder; give the one that holds the set's videos");
        for (const auto& entry : fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
            if (!entry.is_regular_file()) continue;
            const std::string path = fs::relative(entry.path(), folder).generic_string();
            for (const std::string& key : {path, entry.path().filename().string(), entry.path().stem().string()})
                if (auto& found = files_[key]; std::find(found.begin(), found.end(), path) == found.end()) found.push_back(path);
        }
    }

    /// Path of `name` from the folder; empty with a reason in `why` if there is no file or more than one.
    [[nodiscard]] std::string find(const std::string& name, std::string& why) const {
        const std::string base = fs::path(name).filename().string();
        for (const std::string& key : {name, base}) {
            const auto at = files_.find(key);
            if (at == files_.end()) continue;
            if (at->second.size() == 1 || key == at->second.front()) return at->second.front();
            const auto [a, b] = std::minmax(at->second[0], at->second[1]);
            why = join("is there more than once: ", a, ", ", b);
            return "";
        }
        why = "is not in the folder of videos";
        return "";
    }

private:
    std::map<std::string, std::vector<std::string>> files_;
};

data::KnownSet kind_of(const std::string& name) {
    const auto& names = data::known_set_names;
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) fail<UsageError>("'", name, "' is no set that can be converted; see --help");
    return static_cast<data::KnownSet>(at - names.begin());
}

}  // namespace

int dataset_convert(const DatasetConvertOptions& o) {
    data::ConvertedSet set = data::read_known_set(kind_of(o.set), io::read_maybe_gzip(o.file), o.file, o.language == "zh");
    Complaints complaints;
    for (const std::string& problem : set.problems) complaints.add(problem);
    const VideoFolder videos{o.videos};
    const std::string folder = fs::proximate(fs::weakly_canonical(o.videos), fs::weakly_canonical(io::detail::directory_of(o.out))).generic_string();

    std::int64_t clips = 0, descriptions = 0, missing = 0;
    io::AtomicWriter out{o.out};
    for (data::SetClip& clip : set.clips) {
        std::string why;
        const std::string file = videos.find(clip.file, why);
        if (file.empty()) {
            ++missing;
            complaints.add(join(clip.file, ": ", why));
            continue;
        }
        if (!o.split.empty()) clip.split = o.split;
        out.write(io::dump(data::manifest_line(clip, folder == "." ? file : folder + "/" + file, o.branch == "primary")) + "\n");
        ++clips;
        descriptions += static_cast<std::int64_t>(clip.descriptions.size());
    }
    if (clips == 0) fail<io::FormatError>(o.file, ": none of its ", set.clips.size(), " clips is in ", o.videos);
    out.commit();
    const auto left_out = static_cast<std::int64_t>(set.left_out);
    if (o.json) {
        std::printf("%s\n", io::dump(io::object({{"clips", clips}, {"descriptions", descriptions}, {"without_file", missing},
                                                 {"left_out", left_out}}), 2).c_str());
    } else {
        std::printf("%lld clips with %lld descriptions; without a file: %lld clips; annotations left out: %lld\n",
                    static_cast<long long>(clips), static_cast<long long>(descriptions), static_cast<long long>(missing),
                    static_cast<long long>(left_out));
    }
    return missing + left_out > 0 ? 3 : 0;
}

}  // namespace tool
