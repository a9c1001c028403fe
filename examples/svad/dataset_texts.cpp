// SPDX-License-Identifier: Apache-2.0
// svad dataset keywords, check and stats: the annotations of the clips, what is wrong with them, and the finished manifests.
// A description that came with a video becomes the annotation of its clip where the whole video is one clip; where it was cut
// the text describes more than a clip shows: it is not attached, but counted and named in to_annotate.jsonl.
#include "complaints.hpp"
#include "dataset.hpp"
#include "stats.hpp"
#include "tagging.hpp"

#include "svad/data/check.hpp"
#include "svad/data/tagged_keywords.hpp"

#include <map>

namespace tool {

namespace {

using namespace svad;

/// The clips, their annotations, and the texts that came with whole videos.
struct Texts {
    std::vector<data::ClipRow> clips;
    data::ClipAnnotations annotations;
    std::map<std::string, std::string> of_video;   // texts.jsonl
    std::map<std::string, int> clips_of_video;

    explicit Texts(const DatasetOptions& o)
        : clips(data::read_clip_rows(stage_input(o, "clips.jsonl", "sample"))),
          annotations(data::read_annotations_file(o.folder + "/annotations.jsonl")) {
        for (VideoText& t : read_video_texts(stage_input(o, "texts.jsonl", "shots"))) of_video[t.id] = std::move(t.text);
        for (const data::VideoShots& v : data::read_video_shots(stage_input(o, "shots.jsonl", "shots"))) clips_of_video[v.id] = static_cast<int>(v.shots.size());
    }
    /// The annotation of a clip that may be used; null if there is none, or it is rejected or empty.
    [[nodiscard]] const data::ClipAnnotation* usable(const std::string& clip) const {
        const auto at = annotations.find(clip);
        return at == annotations.end() || at->second.status == "rejected" || at->second.description.empty() ? nullptr : &at->second;
    }
};

bool chinese(const DatasetOptions& o, const std::string& text) { return o.language.empty() ? mostly_han(text) : o.language == "zh"; }

/// One line of train.jsonl or test.jsonl.
io::Json manifest_line(const data::ClipRow& clip, const data::ClipAnnotation& a) {
    return io::object({{"id", clip.id}, {"video", clip.video}, {"start", clip.start}, {"end", clip.end}, {"seconds", clip.seconds()},
                       {"category", clip.category}, {"split", clip.split}, {"description", a.description}, {"keywords", data::to_json(a.keywords)}});
}

/// A clip that has no usable annotation, and what is known that helps to write one.
io::Json open_line(const data::ClipRow& clip, const Texts& texts) {
    io::Json line = data::to_json(clip);
    if (const auto a = texts.annotations.find(clip.id); a != texts.annotations.end()) line["status"] = a->second.status, line["note"] = a->second.note;
    if (const auto t = texts.of_video.find(data::video_of(clip.id)); t != texts.of_video.end()) line["text_of_the_whole_video"] = t->second;
    return line;
}

}  // namespace

io::Json dataset_keywords(const DatasetOptions& o) {
    Texts texts{o};
    Tagging tagging{o.taggers};
    std::int64_t from_videos = 0, cut = 0, filled = 0, keywords = 0;   // of what is there now, not of what this run did
    for (const data::ClipRow& clip : texts.clips) {
        const std::string video = data::video_of(clip.id);
        const auto text = texts.of_video.find(video);
        if (text == texts.of_video.end()) continue;
        if (texts.clips_of_video[video] != 1) {
            ++cut;
            continue;
        }
        data::ClipAnnotation& a = texts.annotations[clip.id];
        if (a.id.empty()) a.id = clip.id, a.description = text->second, a.status = "written";
        data::check_annotation(a);
        from_videos += a.description == text->second;
    }
    for (auto& [id, a] : texts.annotations) {
        if (a.keywords.empty() && !a.description.empty())
            for (const data::KeywordSpan& span : data::keywords_of(a.description, tagging(a.description, chinese(o, a.description)))) {
                const bool seen = std::any_of(a.keywords.begin(), a.keywords.end(), [&](const data::Keyword& k) { return k.word == span.keyword.word; });
                if (!seen) a.keywords.push_back(span.keyword);
            }
        filled += !a.keywords.empty();
        keywords += static_cast<std::int64_t>(a.keywords.size());
    }
    data::write_annotations_file(o.folder + "/annotations.jsonl", texts.annotations);
    return io::object({{"annotations", texts.annotations.size()}, {"with_the_text_of_their_video", from_videos},
                       {"clips_of_cut_videos_with_a_text", cut}, {"with_keywords", filled}, {"keywords", keywords}});
}

io::Json dataset_check(const DatasetOptions& o) {
    const Texts texts{o};
    Tagging tagging{o.taggers};
    std::vector<data::CheckedText> items;
    for (const data::ClipRow& clip : texts.clips) {
        const auto a = texts.annotations.find(clip.id);
        data::CheckedText item{clip.id, a == texts.annotations.end() ? "" : a->second.description, a != texts.annotations.end(), {}};
        if (!item.text.empty()) item.words = tagging(item.text, chinese(o, item.text));
        items.push_back(std::move(item));
    }
    std::vector<io::Json> lines;
    std::map<std::string, std::int64_t> counts;
    std::map<std::string, std::string> text_of;
    for (const data::CheckedText& item : items) text_of[item.id] = item.text;
    for (const data::Finding& f : data::check_annotations(items, {.least_words = o.least_words, .language = o.language})) {
        ++counts[std::string(name_of(f.fault))];
        lines.push_back(io::object({{"id", f.id}, {"finding", std::string(name_of(f.fault))}, {"why", f.why}, {"text", text_of[f.id]}}));
    }
    io::Json by_fault = io::Json::object();
    for (const auto& [name, n] : counts) by_fault[name] = n;
    std::vector<io::Json> strays;
    for (const auto& [id, a] : texts.annotations)
        if (!text_of.contains(id)) strays.push_back(id);   // of a clip that is no longer used
    io::write_json_lines(o.folder + "/findings.jsonl", lines);
    return io::object({{"clips", items.size()}, {"findings", lines.size()}, {"by_fault", by_fault}, {"annotations_without_clip", strays}});
}

io::Json dataset_stats(const DatasetOptions& o) {
    const Texts texts{o};
    std::map<std::string, std::vector<io::Json>> sides{{"train", {}}, {"test", {}}};
    std::vector<io::Json> open;
    for (const data::ClipRow& clip : texts.clips) {
        if (clip.split != "train" && clip.split != "test") fail<io::FormatError>(o.folder, "/clips.jsonl: ", clip.id, " is on no side; run svad dataset split");
        if (const data::ClipAnnotation* const a = texts.usable(clip.id)) sides[clip.split].push_back(manifest_line(clip, *a));
        else open.push_back(open_line(clip, texts));
    }
    StatsOptions stats;
    stats.taggers = o.taggers;
    if (!o.language.empty()) stats.language = o.language;
    for (const auto& [side, lines] : sides) {
        io::write_json_lines(o.folder + "/" + side + ".jsonl", lines);
        if (!lines.empty()) stats.manifests.push_back("dataset=" + o.folder + "/" + side + ".jsonl");
    }
    io::write_json_lines(o.folder + "/to_annotate.jsonl", open);
    io::Json report = io::object({{"train", sides["train"].size()}, {"test", sides["test"].size()}, {"to_annotate", open.size()}});
    if (stats.manifests.empty()) {
        report["statistics"] = "none: no clip has a description yet";
        for (const char* name : {"/statistics.json", "/statistics.html"}) io::write_atomic(o.folder + name, "");
        return report;
    }
    std::vector<AnnotatedSet> sets = read_sets(stats);
    for (AnnotatedSet& set : sets)   // the same bytes wherever the folder is
        for (data::AnnotationFile& file : set.files) file.path = file.path.substr(o.folder.size() + 1);
    io::write_atomic(o.folder + "/statistics.json", io::dump(stats_json(sets), 2) + "\n");
    io::write_atomic(o.folder + "/statistics.html", stats_page(sets));
    report["statistics"] = "statistics.json";
    return report;
}

}  // namespace tool
