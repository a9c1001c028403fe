// SPDX-License-Identifier: Apache-2.0
// svad evaluate: scores of held-out clips beside two controls (the same model shown another clip, and the best
// constant sentence), accuracy by kind of detail where the truth is known, blanks filled, and the report page.
#include "commands.hpp"
#include "report.hpp"

#include "svad/svad.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

namespace tool {

namespace {

using namespace svad;

/// The clips that can be decoded, with their frames.
struct Clips {
    std::vector<data::Record> records;
    std::vector<Tensor<std::uint8_t>> frames;
    int skipped = 0;
};

Clips decode(const Captioner& captioner, const data::Manifest& manifest, Index limit) {
    Clips clips;
    for (const data::Record& r : manifest.records) {
        if (limit > 0 && static_cast<Index>(clips.records.size()) == limit) break;
        try {
            clips.frames.push_back(captioner.frames(r.video, {.range = r.range}));
            clips.records.push_back(r);
        } catch (const Error& e) {
            std::fprintf(stderr, "svad: skipped %s\n", e.what());
            ++clips.skipped;
        }
    }
    if (clips.records.empty()) fail<UsageError>("evaluate: none of the clips of ", manifest.path, " can be decoded");
    return clips;
}

/// The clips by their source or category, or all of them in one group.
std::map<std::string, std::vector<std::size_t>> groups_of(const std::vector<data::Record>& records, const std::string& by) {
    std::map<std::string, std::vector<std::size_t>> groups;
    for (std::size_t i = 0; i < records.size(); ++i) {
        const std::string& name = by == "source" ? records[i].source : by == "category" ? records[i].category : by;
        groups[by.empty() || !name.empty() ? name : "(no " + by + ")"].push_back(i);
    }
    return groups;
}

/// Every clip gets another one of its group, half the group away.
std::vector<Tensor<std::uint8_t>> shuffled_frames(const Clips& clips, const std::map<std::string, std::vector<std::size_t>>& groups) {
    std::vector<Tensor<std::uint8_t>> out(clips.frames.size());
    for (const auto& [name, at] : groups)
        for (std::size_t i = 0; i < at.size(); ++i) out[at[i]] = clips.frames[at[(i + std::max<std::size_t>(1, at.size() / 2)) % at.size()]];
    return out;
}

/// One blank for each clip: a keyword chosen by (seed, clip), the same for every system.
std::vector<data::Blank> blanks_of(const std::vector<data::Record>& records) {
    std::vector<data::Blank> blanks;
    for (std::size_t i = 0; i < records.size(); ++i) {
        Random random(99, i);
        const auto gap = data::random_blank(data::AnnotatedKeywords{}, records[i], records[i].descriptions[0], random);
        blanks.push_back(gap ? *gap : data::Blank{});
    }
    return blanks;
}

struct Answers {
    std::vector<std::string> descriptions, words;
};

Answers answers(const Captioner& captioner, const std::vector<Tensor<std::uint8_t>>& frames,
                const std::vector<data::Blank>& blanks, Index batch, const char* title) {
    Answers out;
    train::ProgressBar bar(title);
    const infer::SearchOptions long_text{.max_new = 120}, one_word{.max_new = 8};
    const auto n = static_cast<Index>(frames.size());
    for (Index at = 0; at < n; at += batch) {
        const auto first = static_cast<std::ptrdiff_t>(at), last = static_cast<std::ptrdiff_t>(std::min(n, at + batch));
        const std::vector part(frames.begin() + first, frames.begin() + last);
        std::vector<std::string> masked;
        for (auto b = first; b < last; ++b) masked.push_back(blanks[static_cast<std::size_t>(b)].masked);
        for (std::string& text : captioner.describe(part, long_text)) out.descriptions.push_back(std::move(text));
        for (std::string& text : captioner.fill(part, masked, one_word)) out.words.push_back(std::move(text));
        bar.update(last, n);
    }
    return out;
}

metrics::CaptionScores score(const std::vector<data::Record>& records, const std::vector<std::string>& captions) {
    std::vector<metrics::CaptionItem> items;
    for (std::size_t i = 0; i < records.size(); ++i) items.push_back({records[i].id, captions[i], records[i].descriptions});
    return metrics::score_captions(items);
}

double blank_accuracy(const std::vector<data::Blank>& blanks, const std::vector<std::string>& words) {
    double asked = 0, right = 0;
    for (std::size_t i = 0; i < blanks.size(); ++i)
        if (!blanks[i].masked.empty()) ++asked, right += words[i] == blanks[i].answer.word;
    return asked > 0 ? right / asked : std::nan("");
}

/// How many of the clips that were asked about were right.
struct Share {
    int right = 0, asked = 0;

    double value() const { return asked > 0 ? static_cast<double>(right) / asked : std::nan(""); }
};

/// Part of the clips whose text names the kind rightly; order: of the clips whose two actions are both named.
std::map<std::string, Share> detail_accuracy(const std::vector<data::Record>& records, const std::vector<std::string>& captions) {
    std::map<std::string, Share> counts;
    for (std::size_t i = 0; i < records.size(); ++i) {
        if (records[i].truth.is_null()) continue;
        const auto truth = data::synth::truth_from_json(records[i].truth);
        for (const auto& [kind, verdict] : data::synth::grade(captions[i], truth).all()) {
            if (kind == "order" && !verdict.named) continue;            // of the clips where both actions are named
            Share& share = counts[std::string(kind)];
            share.right += verdict.right;
            ++share.asked;
        }
    }
    return counts;
}

/// The same where every clip is given the descriptions of (up to 50) other clips: what the model says of a wrong video.
std::map<std::string, Share> wrong_accuracy(const std::vector<data::Record>& records, const std::vector<std::string>& captions) {
    std::map<std::string, Share> counts;
    std::vector<std::string> others = captions;
    for (std::size_t shift = 1; shift < std::min<std::size_t>(captions.size(), 51); ++shift) {
        std::rotate(others.begin(), others.begin() + 1, others.end());
        for (const auto& [kind, share] : detail_accuracy(records, others)) {
            counts[kind].right += share.right;
            counts[kind].asked += share.asked;
        }
    }
    return counts;
}

struct System {
    std::string name;
    metrics::CaptionScores scores;
    std::map<std::string, Share> details;
    double blanks = std::nan("");

    Share detail(const std::string& kind) const { return details.count(kind) ? details.at(kind) : Share{}; }
};

/// "0.953" or, where there is nothing to count, "-".
std::string figure(double value, int digits) {
    if (std::isnan(value)) return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

/// What the order of actions is measured on.
std::string order_note(const std::vector<System>& systems) {
    std::string note = "order: of the clips in which both actions are named";
    for (const System& s : systems) note += join(&s == systems.data() ? " (" : ", ", s.name, " ", s.detail("order").asked, " of ", s.detail("side").asked);
    return note + ")";
}

/// Two systems for every group: scored on its clips, with its references alone.
std::vector<System> group_systems(const std::map<std::string, std::vector<std::size_t>>& groups, const std::vector<data::Record>& records,
                                  const Answers& own, const Answers& wrong) {
    std::vector<System> systems;
    for (const auto& [name, at] : groups)
        for (const Answers* answers : {&own, &wrong}) {
            std::vector<data::Record> some;
            std::vector<std::string> captions;
            for (const std::size_t i : at) some.push_back(records[i]), captions.push_back(answers->descriptions[i]);
            systems.push_back({join(name, answers == &own ? ", true (" : ", shuffled (", at.size(), ")"), score(some, captions), {}});
        }
    return systems;
}

void print_systems(const std::vector<System>& systems) {
    std::printf("%-24s %8s %8s %8s %8s %8s %8s\n", "", "BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr", "mean", "blanks");
    for (const System& s : systems)
        std::printf("%-24s %8.3f %8.3f %8.3f %8.3f %8.3f %8s\n", s.name.c_str(), s.scores.bleu[0], s.scores.bleu[3],
                    s.scores.rouge_l, s.scores.cider, s.scores.mean, figure(s.blanks, 3).c_str());
    if (systems[0].details.empty()) return;
    std::printf("\n%-24s", "right in part of clips");
    for (const auto& [kind, unused] : systems[0].details) std::printf(" %8s", kind.c_str());
    std::puts("");
    for (const System& s : systems) {
        std::printf("%-24s", s.name.c_str());
        for (const auto& [kind, unused] : systems[0].details)
            std::printf(" %8s", figure(s.detail(kind).value(), 2).c_str());
        std::puts("");
    }
    std::printf("%s\n", order_note(systems).c_str());
}

io::Json as_json(const std::vector<System>& systems) {
    io::Json out = io::Json::array();
    for (const System& s : systems) {
        io::Json details;
        for (const auto& [kind, share] : s.details) details[kind] = {{"right", share.right}, {"asked", share.asked}};
        out.push_back({{"system", s.name}, {"bleu_1", s.scores.bleu[0]}, {"bleu_4", s.scores.bleu[3]}, {"rouge_l", s.scores.rouge_l},
                       {"cider", s.scores.cider}, {"mean", s.scores.mean}, {"details", details},
                       {"blanks", std::isnan(s.blanks) ? io::Json() : io::Json(s.blanks)}});
    }
    return out;
}

std::vector<Curve> curves_of(const std::string& run) {
    std::vector<Curve> curves = {{"describe", {}, 0}, {"fill", {}, 1}, {"words", {}, 2}, {"naming", {}, 3}};
    const char* keys[] = {"loss_description", "loss_fill", "loss_words", "loss_naming"};
    io::JsonLines lines(run + "/metrics.jsonl", io::TornTail::ignore);
    for (io::Json line; lines.next(line);)
        for (std::size_t k = 0; k < curves.size(); ++k)
            if (line.is_object() && line.contains(keys[k]) && line[keys[k]].is_number() && line.contains("step") && line[keys[k]] > 0)
                curves[k].points.emplace_back(line["step"].get<double>(), line[keys[k]].get<double>());
    std::erase_if(curves, [](const Curve& c) { return c.points.empty(); });
    return curves;
}

std::vector<Strip> strips_of(const Clips& clips, const Answers& own, const std::vector<data::Blank>& blanks, Index count) {
    std::vector<Strip> strips;
    for (std::size_t i = 0; i < clips.records.size() && static_cast<Index>(strips.size()) < count; ++i) {
        const data::Record& r = clips.records[i];
        Strip s{r.id, r.descriptions[0], own.descriptions[i], blanks[i].masked, blanks[i].answer.word, own.words[i], {}, {}};
        const video::Clip keys = video::read(r.video, video::Uniform{.frames = 8}, {.range = r.range});
        for (Index t = 0; t < keys.frames.size(0); ++t) s.pictures.push_back(base64(video::encode_png(keys.frames.slice(t))));
        if (!r.truth.is_null())
            for (const auto& [kind, verdict] : data::synth::grade(own.descriptions[i], data::synth::truth_from_json(r.truth)).all())
                if (kind != "order" || verdict.named) s.details.emplace_back(kind, verdict.right);
        strips.push_back(std::move(s));
    }
    return strips;
}

void write_report(const EvaluateOptions& options, const std::vector<System>& systems, const std::vector<System>& parts, const Clips& clips,
                  const Answers& own, const std::vector<data::Blank>& blanks) {
    Report report;
    report.title = "SVAD-VLM on held-out clips";
    report.summary = join(clips.records.size(), " clips that the model never saw. Controls: the same model shown another clip, "
                                                "and the one training sentence that scores best when given for every clip.");
    report.detail_note = order_note(systems);
    report.score_columns = {"BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr", "mean", "blanks filled"};
    for (const auto& [kind, unused] : systems[0].details) report.detail_columns.push_back(kind);
    for (const System& s : systems) {
        report.scores.push_back({s.name, {s.scores.bleu[0], s.scores.bleu[3], s.scores.rouge_l, s.scores.cider, s.scores.mean, s.blanks}});
        ScoreRow row{s.name, {}};
        for (const auto& kind : report.detail_columns) row.values.push_back(s.detail(kind).value());
        report.details.push_back(row);
    }
    for (const System& s : parts)
        report.parts.push_back({s.name, {s.scores.bleu[0], s.scores.bleu[3], s.scores.rouge_l, s.scores.cider, s.scores.mean}});
    report.by = options.by;
    if (!options.run.empty()) report.curves = curves_of(options.run);
    report.strips = strips_of(clips, own, blanks, options.strips);
    io::write_atomic(options.report, html(report));
}

/// What the model said, clip by clip; --captions reads it again.
void write_answers(const std::string& path, const Clips& clips, const Answers& own, const std::vector<data::Blank>& blanks) {
    std::string lines;
    for (std::size_t i = 0; i < clips.records.size(); ++i)
        lines += io::dump({{"id", clips.records[i].id}, {"caption", own.descriptions[i]}, {"blank", blanks[i].masked}, {"filled", own.words[i]}}) + "\n";
    io::write_atomic(path, lines);
}

/// Scores captions that some other system wrote: JSONL of {"id", "caption"}.
int score_file(const EvaluateOptions& options, const data::Manifest& manifest) {
    std::map<std::string, std::string> captions;
    io::JsonLines lines(options.captions);
    for (io::Json line; lines.next(line);)
        captions[io::field<std::string>(line, "id", options.captions)] = io::field<std::string>(line, "caption", options.captions);
    std::vector<std::string> texts;
    for (const data::Record& r : manifest.records) {
        const auto at = captions.find(r.id);
        if (at == captions.end()) fail<io::FormatError>(options.captions, ": has no caption for clip '", r.id, "'");
        texts.push_back(at->second);
    }
    const std::vector<System> systems = {{options.captions, score(manifest.records, texts), detail_accuracy(manifest.records, texts)}};
    if (options.json) std::printf("%s\n", io::dump(as_json(systems), 2).c_str());
    else print_systems(systems);
    return manifest.problems.empty() ? 0 : 3;
}

}  // namespace

int evaluate(const EvaluateOptions& options) {
    if (!options.files.refs.empty()) {
        if (!options.data.empty() || !options.model.empty()) fail<UsageError>("evaluate: --refs and --hyps go without --data and --model");
        CaptionFilesOptions files = options.files;
        files.json = options.json;
        return evaluate_files(files);
    }
    if (options.data.empty()) fail<UsageError>("evaluate: give --data, or --refs and --hyps");
    const data::Manifest manifest = data::read_manifest(options.data);
    for (const std::string& line : manifest.problems) std::fprintf(stderr, "svad: left out %s\n", line.c_str());
    if (!options.captions.empty()) return score_file(options, manifest);
    if (options.model.empty()) fail<UsageError>("evaluate: give --model, or --captions to score another system's");

    const Captioner captioner = Captioner::load(options.model);
    const Clips clips = decode(captioner, manifest, options.limit);
    const std::vector<data::Blank> blanks = blanks_of(clips.records);
    const std::size_t n = clips.records.size();
    const auto groups = groups_of(clips.records, options.by);
    const std::vector<Tensor<std::uint8_t>> shuffled = shuffled_frames(clips, groups);

    const Answers own = answers(captioner, clips.frames, blanks, options.batch, "true videos");
    const Answers wrong = answers(captioner, shuffled, blanks, options.batch, "shuffled videos");
    std::vector<std::string> candidates;
    const data::Manifest pool = options.compare.empty() ? manifest : data::read_manifest(options.compare);
    for (const data::Record& r : pool.records) candidates.push_back(r.descriptions[0]);
    std::vector<metrics::CaptionItem> items;
    for (const data::Record& r : clips.records) items.push_back({r.id, "", r.descriptions});
    const std::vector<std::string> constant(n, metrics::best_constant(items, candidates));

    const std::vector<System> systems = {
        {"true videos", score(clips.records, own.descriptions), detail_accuracy(clips.records, own.descriptions),
         blank_accuracy(blanks, own.words)},
        {"shuffled videos", score(clips.records, wrong.descriptions), wrong_accuracy(clips.records, own.descriptions),
         blank_accuracy(blanks, wrong.words)},
        {"best constant sentence", score(clips.records, constant), detail_accuracy(clips.records, constant)}};
    const std::vector<System> parts = options.by.empty() ? std::vector<System>{} : group_systems(groups, clips.records, own, wrong);
    if (options.json) {
        std::printf("%s\n", io::dump(parts.empty() ? as_json(systems) : io::object({{"all", as_json(systems)}, {"groups", as_json(parts)}}), 2).c_str());
    } else {
        print_systems(systems);
        if (!parts.empty()) std::printf("\nby %s\n", options.by.c_str()), print_systems(parts);
    }
    if (!options.out.empty()) write_answers(options.out, clips, own, blanks);
    if (!options.report.empty()) write_report(options, systems, parts, clips, own, blanks);
    return clips.skipped > 0 || !manifest.problems.empty() ? 3 : 0;
}

}  // namespace tool
