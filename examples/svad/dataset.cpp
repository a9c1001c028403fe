// SPDX-License-Identifier: Apache-2.0
// svad dataset build and its stages as commands: options, the order of work, reports.
#include "dataset.hpp"

#include <CLI/CLI.hpp>

#include <array>
#include <cstdio>

namespace tool {

namespace {

using namespace svad;

struct Stage {
    const char *name, *purpose;
    io::Json (*run)(const DatasetOptions&);
};

constexpr std::array<Stage, 7> stages{{
    {"shots", "find the shots of every video", dataset_shots},
    {"filter", "drop fragmented videos and brief clips (the dual filter)", dataset_filter},
    {"sample", "take clips evenly from all categories", dataset_sample},
    {"split", "choose the test videos; near duplicates stay on one side", dataset_split},
    {"keywords", "take over texts that came with videos and fill in keywords", dataset_keywords},
    {"check", "look for annotations that are missing, short, doubled, in another language or break a rule", dataset_check},
    {"stats", "write train, test and to_annotate manifests and the statistics", dataset_stats},
}};

std::int64_t count_of(const io::Json& report, const char* key) { return report.contains(key) ? report[key].get<std::int64_t>() : 0; }

/// The figures of a report on one line: what is no list and no text.
std::string shown(const io::Json& report) {
    std::string out;
    for (const auto& [key, value] : report.get_ref<const io::Json::object_t&>()) {
        if (value.is_object()) out += join(out.empty() ? "" : "; ", key, ": {", shown(value), "}");
        else if (value.is_number()) out += join(out.empty() ? "" : "; ", key, " ", io::dump(value));
    }
    return out;
}

/// Runs one stage and keeps its report.
io::Json run_stage(const Stage& stage, const DatasetOptions& o) {
    io::Json report = stage.run(o);
    io::write_atomic(o.folder + "/" + stage.name + ".json", io::dump(report, 2) + "\n");
    if (!o.json) std::printf("%-9s %s\n", stage.name, shown(report).c_str());
    std::fflush(stdout);
    return report;
}

int run_stages(const DatasetOptions& o, std::size_t first, std::size_t last) {
    io::make_directories(o.folder + "/.work");
    const io::LockFile lock{o.folder + "/.work/lock"};
    io::Json all = io::Json::object();
    std::int64_t problems = 0, findings = 0;
    for (std::size_t i = first; i < last; ++i) {
        const io::Json report = run_stage(stages[i], o);
        problems += count_of(report, "problems");
        findings += count_of(report, "findings");
        all[stages[i].name] = report;
    }
    if (last - first > 1) io::write_atomic(o.folder + "/dataset.json", io::dump(all, 2) + "\n");
    if (o.json) std::printf("%s\n", io::dump(all, 2).c_str());
    return problems > 0 || (o.strict && findings > 0) ? 3 : 0;
}

void add_sources(CLI::App& c, DatasetOptions& o) {
    c.add_option("videos", o.from, "folders (searched in any depth), files, manifests (.jsonl)")->required();
    c.add_option("--out", o.folder, "folder of the data set")->required();
    c.add_option("--category", o.category, "category of all videos (default: the first folder below the one named)");
    c.add_option("--detector", o.detector, "how shots are found; combined is surest and needs --transnet")
        ->check(CLI::IsMember({"content", "adaptive", "hash", "combined", "none"}))->capture_default_str();
    c.add_option("--transnet", o.transnet, "weights of TransNet V2 (.pth)")->check(CLI::ExistingFile);
    c.add_option("--jobs", o.jobs, "videos looked at side by side (default: one a core)")->check(CLI::Range(1, 256));
}
void add_limits(CLI::App& c, DatasetOptions& o) {
    c.add_option("--brief-seconds", o.brief_seconds, "clips shorter than this are brief")->check(CLI::NonNegativeNumber)->capture_default_str();
    c.add_option("--brief-share", o.brief_share, "videos with more of their length in brief clips are dropped")->check(CLI::Range(0.0, 1.0))->capture_default_str();
    c.add_option("--least-seconds", o.least_seconds, "shorter clips of the other videos are dropped")->check(CLI::NonNegativeNumber)->capture_default_str();
}
void add_language(CLI::App& c, DatasetOptions& o) {
    c.add_option("--language", o.language, "language of the descriptions (default: told by their letters)")->check(CLI::IsMember({"en", "zh"}));
    c.add_option("--taggers", o.taggers, "folder with taggers (default: those that come with svad)");
}

/// The options that a stage reads.
void add_options(CLI::App& c, DatasetOptions& o, std::string_view stage) {
    const bool all = stage == "build";
    if (all || stage == "shots") add_sources(c, o);
    else c.add_option("folder", o.folder, "folder of the data set")->required()->check(CLI::ExistingDirectory);
    if (all || stage == "filter") add_limits(c, o);
    if (all || stage == "sample") c.add_option("--clips", o.clips, "how many clips to take (default: all)")->check(CLI::PositiveNumber);
    if (all || stage == "split") c.add_option("--test", o.test, "part of each category's videos for the test side")->check(CLI::Range(0.0, 1.0))->capture_default_str();
    if (all || stage == "sample" || stage == "split") c.add_option("--seed", o.seed, "seed of what is chosen")->capture_default_str();
    if (all || stage == "keywords" || stage == "check" || stage == "stats") add_language(c, o);
    if (all || stage == "check") {
        c.add_option("--least-words", o.least_words, "words of a description at least")->check(CLI::NonNegativeNumber)->capture_default_str();
        c.add_flag("--strict", o.strict, "exit status 3 if anything is found");
    }
    c.add_flag("--json", o.json, "reports as JSON");
}

}  // namespace

std::string stage_input(const DatasetOptions& o, const char* name, const char* stage) {
    std::string path = o.folder + "/" + name;
    if (!io::exists(path)) fail<io::FileError>(path, ": is not there yet; run svad dataset ", stage, " first");
    return path;
}

std::vector<VideoText> read_video_texts(const std::string& path) {
    std::vector<VideoText> out;
    io::for_each_json_line(io::read_file(path), path, [&](const io::Json& line, const std::string& where) {
        out.push_back({io::field<std::string>(line, "id", where), io::field<std::string>(line, "text", where)});
    });
    return out;
}

void add_dataset_stages(CLI::App& dataset, DatasetOptions& o, int& code) {
    auto* const build = dataset.add_subcommand("build", "all stages: from raw videos to train and test manifests with statistics");
    add_options(*build, o, "build");
    build->callback([&] { code = run_stages(o, 0, stages.size()); });
    for (std::size_t i = 0; i < stages.size(); ++i) {
        auto* const c = dataset.add_subcommand(stages[i].name, stages[i].purpose);
        add_options(*c, o, stages[i].name);
        c->callback([&o, &code, i] { code = run_stages(o, i, i + 1); });
    }
}

}  // namespace tool
