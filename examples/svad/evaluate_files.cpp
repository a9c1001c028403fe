// SPDX-License-Identifier: Apache-2.0
// svad evaluate --refs --hyps: the scores of captions in files, their signatures and, with --compare, whether one of
// two systems is better. Ids that do not fit are an error unless --missing says what to do; then they are counted.
#include "scored.hpp"

#include "svad/metrics/compare.hpp"
#include "svad/metrics/signature.hpp"

#include <cstdio>
#include <optional>

namespace tool {

namespace {

using namespace svad;

metrics::ScoreOptions score_options(const CaptionFilesOptions& o) {
    const std::string name = !o.tokenizer.empty() ? o.tokenizer : o.language == "zh" ? "char" : "ptb";
    if (name == "ptb") return {.tokenization = metrics::Tokenization::ptb};
    return {.tokenization = name == "char" ? metrics::Tokenization::characters : metrics::Tokenization::whitespace};
}

metrics::BootstrapOptions rounds(const CaptionFilesOptions& o) { return {.rounds = static_cast<int>(o.rounds), .seed = o.seed}; }

metrics::Missing missing(const std::string& name) {
    if (name == "error") return metrics::Missing::error;
    return name == "empty" ? metrics::Missing::empty : metrics::Missing::skip;
}

void print_counts(const Scored& s) {
    const auto& p = s.pairs;
    std::printf("%s: %zu items, %zu ids without a caption, %zu without references, %zu captions of other ids, %zu empty captions\n",
                s.name.c_str(), p.items.size(), p.missing, p.unreferenced, p.extra, p.empty);
}

io::Json paired_json(const std::array<metrics::PairedScore, 7>& paired) {
    io::Json out = io::object({});
    for (std::size_t v = 0; v < paired.size(); ++v)
        out[metrics::score_names[v]] = io::object({{"difference", paired[v].difference},
                                                   {"interval", std::vector<double>{paired[v].interval.low,
                                                                                    paired[v].interval.high}},
                                                   {"p_bootstrap", paired[v].p_bootstrap},
                                                   {"p_randomization", paired[v].p_randomization}});
    return out;
}

void print_paired(const std::array<metrics::PairedScore, 7>& paired, const CaptionFilesOptions& o) {
    std::printf("\nfirst - second, %lld rounds, seed %llu\n", static_cast<long long>(o.rounds),
                static_cast<unsigned long long>(o.seed));
    for (std::size_t v = 0; v < paired.size(); ++v)
        std::printf("  %-8s %+8.4f  [%+.4f, %+.4f]  p %.4f (bootstrap), %.4f (randomization)\n", metrics::score_names[v],
                    paired[v].difference, paired[v].interval.low, paired[v].interval.high, paired[v].p_bootstrap,
                    paired[v].p_randomization);
}

void write_items(const std::string& path, const Scored& s) {
    std::string lines;
    for (const metrics::ItemScores& one : s.scores.items)
        lines += io::dump(io::object({{"id", one.id}, {"bleu", std::vector<double>(one.bleu.begin(), one.bleu.end())},
                                      {"rouge_l", one.rouge_l}, {"cider_d", one.cider}, {"cider", one.cider_plain}})) + "\n";
    io::write_atomic(path, lines);
}

}  // namespace

Scored score(const metrics::CaptionFile& references, const metrics::CaptionFile& captions, const CaptionFilesOptions& o) {
    Scored one{captions.path(), metrics::pair_captions(references, captions, missing(o.missing)), {}};
    one.scores = metrics::score_captions(one.pairs.items, score_options(o));
    return one;
}

io::Json system_json(const Scored& s, const CaptionFilesOptions& o) {
    io::Json scores = io::object({}), signatures = io::object({});
    const auto values = metrics::score_values(s.scores);
    for (std::size_t v = 0; v < values.size(); ++v) {
        scores[metrics::score_names[v]] = values[v];
        signatures[metrics::score_names[v]] = metrics::signature(v, s.pairs.items, score_options(o));
    }
    scores["CIDEr"] = s.scores.cider_plain;
    signatures["CIDEr"] = metrics::signature(7, s.pairs.items, score_options(o));
    io::Json out = io::object({{"hyps", s.name}, {"items", s.pairs.items.size()}, {"missing", s.pairs.missing},
                               {"without_references", s.pairs.unreferenced},
                               {"extra", s.pairs.extra}, {"empty", s.pairs.empty},
                               {"scores", scores}, {"signatures", signatures}});
    if (!o.intervals) return out;
    io::Json intervals = io::object({});
    const auto found = metrics::bootstrap(s.scores, rounds(o));
    for (std::size_t v = 0; v < found.size(); ++v)
        intervals[metrics::score_names[v]] = std::vector<double>{found[v].low, found[v].high};
    out["intervals"] = intervals;
    return out;
}

void print_scores(const std::vector<Scored>& systems, const CaptionFilesOptions& o) {
    for (const Scored& s : systems) print_counts(s);
    for (const Scored& s : systems) {
        std::vector<metrics::Interval> intervals;
        if (o.intervals) {
            const auto found = metrics::bootstrap(s.scores, rounds(o));
            intervals.assign(found.begin(), found.end());
        }
        std::printf("\n%s\n", s.name.c_str());
        const auto values = metrics::score_values(s.scores);
        for (std::size_t v = 0; v < values.size(); ++v) {
            std::printf("  %-8s %8.4f", metrics::score_names[v], values[v]);
            if (!intervals.empty()) std::printf("  [%.4f, %.4f]", intervals[v].low, intervals[v].high);
            std::printf("   %s\n", metrics::signature(v, s.pairs.items, score_options(o)).c_str());
        }
        std::printf("  %-8s %8.4f   %s\n", "CIDEr", s.scores.cider_plain,
                    metrics::signature(7, s.pairs.items, score_options(o)).c_str());
    }
}

int evaluate_files(const CaptionFilesOptions& o) {
    const metrics::CaptionFile references = metrics::read_captions(o.refs);
    std::vector<Scored> systems;
    systems.push_back(score(references, metrics::read_captions(o.hyps), o));
    std::optional<std::array<metrics::PairedScore, 7>> paired;
    if (!o.compare.empty()) {
        systems.push_back(score(references, metrics::read_captions(o.compare), o));
        paired = metrics::paired_test(systems[0].scores, systems[1].scores, rounds(o));
    }
    if (!o.items.empty()) write_items(o.items, systems[0]);
    if (o.json) {
        io::Json out = io::object({{"refs", o.refs}, {"systems", std::vector<io::Json>{}}});
        for (const Scored& s : systems) out["systems"].push_back(system_json(s, o));
        if (paired) out["paired"] = paired_json(*paired);
        std::printf("%s\n", io::dump(out, 2).c_str());
    } else {
        print_scores(systems, o);
        if (paired) print_paired(*paired, o);
    }
    const auto& p = systems[0].pairs;
    return p.missing + p.unreferenced + p.extra > 0 ? 3 : 0;
}

}  // namespace tool
