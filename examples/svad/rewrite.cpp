// SPDX-License-Identifier: Apache-2.0
// svad rewrite: how the ordinary metrics score a description that says the same in other words, as the paper's table 4
// has it: an upper limit. A language model rewrites the first reference of every id; the result is scored against all.
#include "backend.hpp"
#include "scored.hpp"

#include "svad/metrics/judge.hpp"

namespace tool {

namespace {

using namespace svad;

/// The rewritten references as captions of a system called by the model's name.
metrics::CaptionFile rewritten(const metrics::CaptionFile& refs, const Backend& backend, Complaints& complaints) {
    std::vector<std::string> ids, first;
    for (const metrics::CaptionEntry& one : refs.entries())
        if (!one.captions.empty()) ids.push_back(one.id), first.push_back(one.captions.front());
    if (ids.empty()) fail<io::FormatError>(refs.path(), ": has no caption to rewrite");
    metrics::JudgeOptions options;
    options.model = backend.name, options.attempts = backend.attempts, options.parallel = backend.parallel;
    Explained model{*backend.model};
    const auto said = metrics::rewrite(model, first, options);
    metrics::CaptionFile out("references rewritten by " + backend.name);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (said[i]) out[ids[i]].push_back(*said[i]);
        else complaints.add(join("not rewritten: item '", metrics::detail::shown_id(ids[i]), "': ",
                                 model.why(first[i], "every reply was empty")));
    }
    if (out.entries().empty()) fail<text::ModelError>("the model rewrote none of ", ids.size(), " references");
    return out;
}

void write_captions(const std::string& path, const metrics::CaptionFile& captions) {
    io::AtomicWriter file(path);
    for (const metrics::CaptionEntry& one : captions.entries())
        file.write(io::dump(io::object({{"id", one.id}, {"caption", one.captions.front()}})) + "\n");
    file.commit();
}

}  // namespace

int rewrite(const RewriteOptions& o) {
    const metrics::CaptionFile refs = metrics::read_captions(o.files.refs);
    const Backend backend = open_backend(o.model);
    Complaints complaints;
    const metrics::CaptionFile captions = rewritten(refs, backend, complaints);
    if (!o.out.empty()) write_captions(o.out, captions);
    CaptionFilesOptions files = o.files;
    files.missing = "skip";
    const Scored scored = score(refs, captions, files);
    const std::string how = join("rewrite|prompt:", metrics::RewritePrompt{}.version, "|model:", backend.name,
                                 "|temperature:0|references:first");
    if (files.json) {
        io::Json out = system_json(scored, files);
        out["rewritten"] = how;
        out["requests"] = to_json(backend.model->spent());
        std::printf("%s\n", io::dump(out, 2).c_str());
    } else {
        print_scores({scored}, files);
        std::printf("\n%s\n%s\n", how.c_str(), shown(backend.model->spent()).c_str());
    }
    return complaints.count() > 0 || scored.pairs.unreferenced > 0 ? 3 : 0;
}

}  // namespace tool
