// SPDX-License-Identifier: Apache-2.0
// svad judge: captions in files graded by a language model, aspect by aspect. What could not be scored is named, counted
// and never part of a mean. With --cache a run that was stopped goes on without asking anything twice.
#include "backend.hpp"

#include "svad/metrics/caption_files.hpp"
#include "svad/metrics/judge.hpp"

#include <cmath>

namespace tool {

namespace {

using namespace svad;

std::vector<metrics::Aspect> aspects_of(const JudgeArguments& o) {
    std::vector<metrics::Aspect> out;
    for (const std::string& name : o.aspects)
        for (std::size_t i = 0; i < metrics::aspect_names.size(); ++i)
            if (const auto aspect = static_cast<metrics::Aspect>(i); metrics::aspect_names[i] == name) {
                if (std::find(out.begin(), out.end(), aspect) == out.end()) out.push_back(aspect);
            }
    if (out.empty()) out.assign(metrics::paper_aspects.begin(), metrics::paper_aspects.end());
    const bool two = std::find(out.begin(), out.end(), metrics::Aspect::consistency) != out.end();
    if (two == o.second_hyps.empty())
        fail<UsageError>("--aspects consistency and --second-hyps FILE, the answers to --second-question, need each other");
    return out;
}

metrics::PairedCaptions paired(const metrics::CaptionFile& refs, const std::string& hyps, const JudgeArguments& o) {
    const auto missing = o.missing == "skip" ? metrics::Missing::skip : metrics::Missing::error;
    return metrics::pair_captions(refs, metrics::read_captions(hyps), missing);
}

/// What is judged, the first reference of each; `several` counts the items that have more.
struct Items {
    std::vector<metrics::JudgeItem> list;
    metrics::PairedCaptions pairs;
    std::size_t several = 0;
};

Items read_items(const JudgeArguments& o) {
    const metrics::CaptionFile refs = metrics::read_captions(o.refs);
    Items out{{}, paired(refs, o.hyps, o), 0};
    std::unordered_map<std::string, std::string> second;
    if (!o.second_hyps.empty())
        for (const auto& one : paired(refs, o.second_hyps, o).items) second[one.id] = one.candidate;
    for (const metrics::CaptionItem& item : out.pairs.items) {
        out.list.push_back({item.id, o.question, item.references.front(), item.candidate, o.second_question, ""});
        if (const auto at = second.find(item.id); at != second.end()) out.list.back().second_prediction = at->second;
        if (!o.second_hyps.empty() && out.list.back().second_prediction.empty())
            fail<io::FormatError>(o.second_hyps, ": has no caption for id '", metrics::detail::shown_id(item.id), "'");
        out.several += item.references.size() > 1;
    }
    if (out.list.empty()) fail<io::FormatError>(o.hyps, ": no caption has a reference in ", o.refs);
    return out;
}

io::Json or_null(double x) { return std::isfinite(x) ? io::Json(x) : io::Json(nullptr); }

void write_answers(const std::string& path, const Items& items, const metrics::Judgement& judged) {
    io::AtomicWriter file(path);
    for (std::size_t i = 0; i < items.list.size(); ++i)
        for (std::size_t a = 0; a < judged.aspects.size(); ++a) {
            const metrics::Verdict& v = judged.items[i][a];
            io::Json line = io::object({{"id", items.list[i].id}, {"aspect", std::string(name_of(judged.aspects[a].aspect))},
                                        {"score", v.score ? io::Json(*v.score) : io::Json(nullptr)}, {"answers", v.answers}});
            if (!v.problem.empty()) line["problem"] = v.problem;
            file.write(io::dump(line) + "\n");
        }
    file.commit();
}

void print_json(const Items& items, const metrics::Judgement& judged, const text::Spent& spent) {
    io::Json aspects = io::object({});
    for (const metrics::AspectMean& a : judged.aspects)
        aspects[std::string(name_of(a.aspect))] =
            io::object({{"mean", or_null(a.mean)}, {"interval", std::vector<io::Json>{or_null(a.low), or_null(a.high)}},
                        {"scored", a.scored}, {"failed", a.failed}});
    const auto& p = items.pairs;
    std::printf("%s\n", io::dump(io::object({{"items", p.items.size()}, {"missing", p.missing}, {"without_references", p.unreferenced},
                                             {"extra", p.extra}, {"aspects", aspects}, {"mean", or_null(judged.mean)},
                                             {"signature", judged.signature}, {"requests", to_json(spent)}}), 2).c_str());
}

void print_table(const Items& items, const metrics::Judgement& judged, const text::Spent& spent) {
    const auto& p = items.pairs;
    std::printf("%zu items, %zu ids without a caption, %zu without references, %zu captions of other ids", p.items.size(), p.missing,
                p.unreferenced, p.extra);
    if (items.several > 0) std::printf("; %zu items have more than one reference: the first is used", items.several);
    std::printf("\n\n%-12s %7s   %-17s %7s %7s\n", "aspect", "mean", "95% interval", "scored", "failed");
    for (const metrics::AspectMean& a : judged.aspects)
        std::printf("%-12s %7.3f   [%6.3f, %6.3f]  %7lld %7lld\n", std::string(name_of(a.aspect)).c_str(), a.mean, a.low, a.high,
                    static_cast<long long>(a.scored), static_cast<long long>(a.failed));
    std::printf("%-12s %7.3f\n\n%s\n%s\n", "mean", judged.mean, judged.signature.c_str(), shown(spent).c_str());
}

}  // namespace

int judge(const JudgeArguments& o) {
    metrics::JudgeOptions options;
    options.aspects = aspects_of(o);
    const Items items = read_items(o);
    const Backend backend = open_backend(o.model);
    options.model = backend.name, options.attempts = backend.attempts, options.parallel = backend.parallel;
    options.truncate = o.truncate, options.rounds = static_cast<int>(o.rounds), options.seed = o.seed;
    metrics::Judgement judged = metrics::judge(*backend.model, items.list, options);
    judged.signature += join("|question:", stable_hash(o.question + "\n" + o.second_question) % 1000000);

    if (!o.out.empty()) write_answers(o.out, items, judged);
    if (o.json) print_json(items, judged, backend.model->spent());
    else print_table(items, judged, backend.model->spent());
    std::fflush(stdout);
    Complaints complaints;
    for (std::size_t i = 0; i < items.list.size(); ++i)
        for (std::size_t a = 0; a < judged.aspects.size(); ++a)
            if (const metrics::Verdict& v = judged.items[i][a]; !v.score)
                complaints.add(join("no score: item '", metrics::detail::shown_id(items.list[i].id), "', ",
                                    name_of(judged.aspects[a].aspect), ": ", v.problem));
    const auto& p = items.pairs;
    return complaints.count() > 0 || p.missing + p.unreferenced + p.extra > 0 ? 3 : 0;
}

}  // namespace tool
