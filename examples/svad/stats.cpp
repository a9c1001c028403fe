// SPDX-License-Identifier: Apache-2.0
// svad stats: statistics of annotated sets side by side, as tables 1 to 3 of the paper, as JSON, or as a page with its
// figures. What was left out and what is not known is said; lines left out and unreadable videos give exit status 3.
#include "stats.hpp"

#include "page.hpp"

#include "svad/io/json.hpp"

#include <cstdio>

namespace tool {

namespace {

using namespace svad;

io::Json as_json(const data::Histogram& h) {
    io::Json counts = io::Json::object();
    for (const auto& [value, count] : h.counts) counts[std::to_string(value)] = count;
    const bool any = h.total() > 0;
    return io::object({{"mean", any ? io::Json(h.mean()) : io::Json()}, {"deviation", any ? io::Json(h.deviation()) : io::Json()},
                       {"min", h.min()}, {"max", h.max()}, {"counts", counts}});
}

io::Json as_json(const std::vector<data::Part>& parts) {
    io::Json out = io::Json::array();
    for (const data::Part& p : parts)
        out.push_back(io::object({{"name", p.name}, {"videos", p.videos}, {"annotations", p.annotations}, {"words", p.words},
                                  {"seconds", p.seconds}}));
    return out;
}

io::Json ngrams_as_json(const AnnotatedSet& set) {
    const data::Statistics& s = set.statistics;
    io::Json out = io::Json::object();
    for (std::size_t n = 1; n <= s.ngrams.size(); ++n) {
        const data::NgramCounts& c = s.ngrams[n - 1];
        io::Json curve = io::Json::array();
        for (const data::CurvePoint& p : set.curve()) curve.push_back(p.types[n - 1]);
        out[std::to_string(n)] = io::object({{"tokens", c.tokens}, {"types", c.types},
                                             {"types_per_annotation", s.unique_ngrams(n)}, {"occurring_once", c.once},
                                             {"in_one_annotation_only", c.in_one_annotation},
                                             {"distinct_within_annotations", c.distinct_within}, {"curve", curve}});
    }
    return out;
}

io::Json tags_as_json(const data::Statistics& s) {
    if (s.tagged_words == 0) return {};
    io::Json counts = io::Json::object(), groups = io::Json::object();
    for (const data::TagCount& t : s.tags) counts[t.tag] = t.words;
    for (const data::GroupCount& g : s.groups)
        groups[g.group.name] = io::object({{"tags", g.group.tags}, {"words", g.words}, {"percent", s.percent(g.words)},
                                           {"unique_per_annotation", as_json(g.unique)}});
    return io::object({{"annotations", s.tagged_annotations}, {"words", s.tagged_words}, {"counts", counts}, {"groups", groups}});
}

io::Json as_json(const AnnotatedSet& set) {
    const data::Statistics& s = set.statistics;
    const auto known = [](double v) { return std::isfinite(v) ? io::Json(v) : io::Json(); };
    io::Json x = io::Json::array(), problems = io::Json::array(), paths = io::Json::array();
    for (const data::CurvePoint& p : set.curve()) x.push_back(p.annotations);
    for (const data::AnnotationFile& f : set.files) {
        paths.push_back(f.path);
        for (const std::string& p : f.problems) problems.push_back(p);
    }
    io::Json out = io::object({{"name", set.name}, {"files", paths}, {"language", set.language}, {"words_are", set.words_are},
                               {"annotations", s.annotations}, {"videos", s.videos}, {"words", s.words},
                               {"words_per_annotation", as_json(s.lengths)}});
    out["tags_are"] = set.tags_are.empty() ? io::Json() : io::Json(set.tags_are);
    out["time"] = io::object({{"annotations", s.timed_annotations}, {"videos", s.timed_videos}, {"seconds", s.video_seconds},
                              {"mean_video_seconds", known(s.mean_video_seconds)},
                              {"words_per_second", known(s.words_per_second)},
                              {"words_per_second_ratio_of_sums", known(s.words_per_second_of_sums)},
                              {"conflicting", s.conflicting_seconds}});
    out["ngrams"] = ngrams_as_json(set);
    out["curve_annotations"] = x;
    out["tags"] = tags_as_json(s);
    out["categories"] = as_json(s.categories);
    out["splits"] = as_json(s.splits);
    out["lines_left_out"] = set.left_out();
    out["problems"] = problems;
    return out;
}

/// `text` for a terminal: control characters of a file's words could move its cursor.
std::string printable(std::string text) {
    for (char& c : text)
        if ((c >= 0 && c < ' ') || c == 0x7F) c = '?';
    return text;
}

void print_table(const char* title, const std::vector<const char*>& columns, const std::vector<std::vector<std::string>>& rows) {
    std::size_t wide = std::string_view(title).size();
    for (const auto& row : rows) wide = std::max(wide, row[0].size());
    std::printf("%-*s", static_cast<int>(wide), title);
    for (const char* c : columns) std::printf("  %11s", c);
    std::puts("");
    for (const auto& row : rows) {
        std::printf("%-*s", static_cast<int>(wide), printable(row[0]).c_str());
        for (std::size_t i = 1; i < row.size(); ++i) std::printf("  %11s", row[i].c_str());
        std::puts("");
    }
    std::puts("");
}

std::string figure(double value, int digits) { return std::isfinite(value) ? number(value, digits) : "-"; }

void print_sets(const std::vector<AnnotatedSet>& sets) {
    std::vector<std::vector<std::string>> sizes, splits, types;
    for (const AnnotatedSet& set : sets) {
        const data::Statistics& s = set.statistics;
        sizes.push_back({set.name, grouped(s.videos), grouped(s.annotations), figure(s.mean_video_seconds, 1),
                         figure(s.lengths.mean(), 2), figure(s.words_per_second, 3)});
        for (const data::Part& p : s.splits)
            splits.push_back({set.name + " " + p.name, grouped(p.videos), grouped(p.annotations), figure(p.seconds / 3600, 2)});
        types.push_back({set.name});
        for (const data::GroupCount& g : s.groups) types.back().push_back(figure(s.percent(g.words), 1));
        for (std::size_t n = 1; n <= 4; ++n) types.back().push_back(figure(s.unique_ngrams(n), 2));
    }
    print_table("sizes (table 1)", {"videos", "annotations", "seconds", "words/annot.", "words/s"}, sizes);
    if (!splits.empty()) print_table("splits (table 2)", {"videos", "annotations", "hours"}, splits);
    print_table("language (table 3)",
                {"adverb %", "verb %", "noun %", "adjective %", "1-grams", "2-grams", "3-grams", "4-grams"}, types);
    for (const AnnotatedSet& set : sets)
        for (const std::string& remark : remarks(set)) std::printf("%s\n", printable(set.name + ": " + remark).c_str());
}

}  // namespace

io::Json stats_json(const std::vector<AnnotatedSet>& sets) {
    io::Json out = io::Json::array();
    for (const AnnotatedSet& set : sets) out.push_back(as_json(set));
    return out;
}

std::vector<std::string> remarks(const AnnotatedSet& set) {
    const data::Statistics& s = set.statistics;
    std::vector<std::string> out = {"words are " + set.words_are};
    out.push_back(set.tags_are.empty() ? "no parts of speech are known" : "parts of speech are " + set.tags_are);
    const auto part = [&](std::uint64_t n) { return join(grouped(n), " of ", grouped(s.annotations), " annotations"); };
    if (s.timed_annotations == 0) out.emplace_back("no seconds are known, so there are no words per second");
    else if (s.timed_annotations < s.annotations)
        out.push_back(join("words per second are over the ", part(s.timed_annotations), " whose seconds are known"));
    if (s.tagged_annotations > 0 && s.tagged_annotations < s.annotations)
        out.push_back(join("parts of speech are over the ", part(s.tagged_annotations), " that have tags"));
    if (s.conflicting_seconds > 0)
        out.push_back(join(part(s.conflicting_seconds), " give their video another length than its first one does"));
    if (set.unreadable > 0)
        out.push_back(join(set.unreadable, " of ", set.probed + set.unreadable, " videos have no length that can be read"));
    for (const data::AnnotationFile& f : set.files) {
        if (f.left_out > 0) out.push_back(join("lines left out: ", grouped(f.left_out), ", the first ", f.problems[0]));
        for (const std::string& column : f.ignored)
            out.push_back(join("column '", column, "' means nothing here and was not read"));
    }
    return out;
}

int stats(const StatsOptions& options) {
    const std::vector<AnnotatedSet> sets = read_sets(options);
    std::uint64_t skipped = 0;
    for (const AnnotatedSet& set : sets) {
        skipped += set.left_out() + set.unreadable;
        for (const data::AnnotationFile& f : set.files)
            for (const std::string& problem : f.problems)
                std::fprintf(stderr, "svad: left out %s\n", printable(problem).c_str());
    }
    if (options.json) {
        std::printf("%s\n", io::dump(stats_json(sets), 2).c_str());
    } else {
        print_sets(sets);
    }
    if (!options.html.empty()) io::write_atomic(options.html, stats_page(sets));
    return skipped > 0 ? 3 : 0;
}

}  // namespace tool
