// SPDX-License-Identifier: Apache-2.0
// svad stats, reading: what language a set is in, how long its videos are, and the pass over its files.
// A set's first annotation decides what is not said on the command line; the page says what was decided.
#include "stats.hpp"

#include "tagging.hpp"

#include "svad/video/reader.hpp"

#include <map>
#include <memory>

namespace tool {

namespace {

using namespace svad;

/// One set while it is read.
class Reading {
public:
    Reading(std::string name, const StatsOptions& options, const Models& models) : options_(options), models_(models) {
        set_.name = std::move(name);
    }

    /// Reads a file; `split` names its part of the set where its lines do not.
    void add(const std::string& path, const std::string& split) {
        const std::string folder = io::detail::directory_of(path);
        Words words;
        set_.files.push_back(data::read_annotations(path, [&](const data::AnnotationRow& row) {
            if (!pass_) begin(row);
            source_(row, words);
            data::Annotation a;
            a.video = row.video, a.words = words.words, a.tags = words.tags, a.category = row.category;
            a.split = row.split.empty() ? std::string_view(split) : row.split;
            a.seconds = std::isnan(row.seconds) && options_.probe ? probed(row.video, folder) : row.seconds;
            pass_->add(a);
        }));
    }

    AnnotatedSet finish() {
        set_.statistics = pass_->finish();
        return std::move(set_);
    }

private:
    void begin(const data::AnnotationRow& first) {
        set_.language = options_.language != "auto" ? options_.language : mostly_han(first.caption) ? "zh" : "en";
        source_ = WordSource(options_.words, set_.language == "zh", first, models_);
        set_.words_are = source_.words_are();
        set_.tags_are = source_.tags_are();
        pass_ = std::make_unique<data::StatisticsPass>(
            data::StatisticsOptions{.groups = source_.groups(), .curve_points = curve_points * drawn_between});
    }

    /// The length of a video file, decoded once; NaN if it cannot be.
    double probed(std::string_view video, const std::string& folder) {
        const auto [at, fresh] = lengths_.try_emplace(std::string(video), std::nan(""));
        if (!fresh) return at->second;
        try {
            const std::string path = at->first.front() == '/' || io::exists(at->first) ? at->first : folder + "/" + at->first;
            const double seconds = video::read(path, video::Uniform{.frames = 1}).duration;
            if (seconds > 0) at->second = seconds;
        } catch (const Error& e) {
            std::fprintf(stderr, "svad: length unknown: %s\n", e.what());
        }
        ++(std::isnan(at->second) ? set_.unreadable : set_.probed);
        return at->second;
    }

    const StatsOptions& options_;
    const Models& models_;
    AnnotatedSet set_;
    WordSource source_;
    std::unique_ptr<data::StatisticsPass> pass_;
    std::map<std::string, double> lengths_;
};

/// "NAME=PATH", or a path whose file name without its endings is the name.
std::pair<std::string, std::string> named(const std::string& argument) {
    const std::size_t equals = argument.find('=');
    if (equals != std::string::npos && equals > 0 && !io::exists(argument))
        return {argument.substr(0, equals), argument.substr(equals + 1)};
    std::string name = argument.substr(argument.rfind('/') + 1);
    for (const std::string_view ending : {".gz", ".tsv", ".jsonl", ".json", ".txt"})
        if (name.size() > ending.size() && name.ends_with(ending)) name.resize(name.size() - ending.size());
    return {name, argument};
}

}  // namespace

std::vector<AnnotatedSet> read_sets(const StatsOptions& options) {
    std::vector<std::string> order;
    std::map<std::string, std::vector<std::string>> paths;
    for (const std::string& argument : options.manifests) {
        const auto [name, path] = named(argument);
        if (paths[name].empty()) order.push_back(name);
        paths[name].push_back(path);
    }
    const Models models = options.taggers == "none" ? Models{} : load_models(taggers_folder(options.taggers));
    std::vector<AnnotatedSet> sets;
    for (const std::string& name : order) {
        Reading reading(name, options, models);
        for (const std::string& path : paths[name]) reading.add(path, paths[name].size() > 1 ? named(path).first : "");
        sets.push_back(reading.finish());
    }
    return sets;
}

}  // namespace tool
