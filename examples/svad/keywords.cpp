// SPDX-License-Identifier: Apache-2.0
// svad keywords: a manifest with the keywords of its descriptions, by a tagger with rules or by a language model.
// Promise: every keyword stands in a description of its line as a whole word; everything else of a line is kept. A line
// that is no clip, or one of whose descriptions has no answer, is copied as it is, named and counted.
#include "backend.hpp"
#include "tagging.hpp"

#include "svad/data/llm_keywords.hpp"
#include "svad/metrics/judge.hpp"

#include <climits>
#include <cstdlib>

namespace tool {

namespace {

using namespace svad;

/// A line of the manifest; without descriptions it is copied.
struct Line {
    std::string raw;
    io::Json json;
    std::string name;
    std::vector<std::string> descriptions;
    std::vector<std::vector<data::KeywordSpan>> found;   // of each description
};

std::string real_folder(const std::string& file) {
    const std::string folder = io::detail::directory_of(file);
    const std::unique_ptr<char, decltype(&std::free)> real{::realpath(folder.c_str(), nullptr), &std::free};
    return real ? real.get() : folder;
}

/// A line whose video is found from the new manifest's folder as it was from the old one's.
void move_video(io::Json& json, const std::string& from, const std::string& to) {
    const std::string video = json["video"];
    if (from != to && !video.empty() && video.front() != '/') json["video"] = from + "/" + video;
}

std::vector<Line> read_lines(const KeywordOptions& o, Complaints& complaints) {
    std::vector<Line> lines;
    const std::string text = io::read_maybe_gzip(o.manifest), from = real_folder(o.manifest), to = real_folder(o.out);
    std::size_t number = 0, clips = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t stop = std::min(text.find('\n', at), text.size());
        lines.push_back({text.substr(at, stop - at), {}, {}, {}, {}});
        Line& line = lines.back();
        at = stop + 1;
        line.name = join(o.manifest, ":", ++number);
        if (line.raw.find_first_not_of(" \t\r") == std::string::npos) continue;
        try {
            io::Json json = io::parse_json(line.raw, "line");
            line.descriptions = data::detail::parse_record(json, ".").descriptions;
            move_video(json, from, to);
            line.json = std::move(json);
            ++clips;
        } catch (const Error& e) {
            complaints.add(join(line.name, ": ", e.what()));
        } catch (const io::Json::exception&) {
            complaints.add(join(line.name, ": a field has the wrong type"));
        }
    }
    if (clips == 0) fail<io::FormatError>(o.manifest, ": no line describes a clip");
    return lines;
}

void by_tagger(std::vector<Line>& lines, const KeywordOptions& o, data::KeywordCounts& counts) {
    Tagging tagging{o.taggers};
    for (Line& line : lines)
        for (const std::string& text : line.descriptions) {
            const bool chinese = o.language == "zh" || (o.language == "auto" && mostly_han(text));
            line.found.push_back(data::keywords_of(text, tagging(text, chinese), static_cast<std::size_t>(o.limit)));
            counts.kept += static_cast<std::int64_t>(line.found.back().size());
        }
}

/// Asks for all descriptions, several at a time; a line with one that failed is left to be copied.
void by_model(std::vector<Line>& lines, const KeywordOptions& o, const Backend& backend, data::KeywordCounts& counts,
              Complaints& complaints) {
    std::vector<std::pair<std::size_t, std::size_t>> work;   // line, description
    for (std::size_t i = 0; i < lines.size(); ++i)
        for (std::size_t d = 0; d < lines[i].descriptions.size(); ++d) work.emplace_back(i, d);
    for (Line& line : lines) line.found.resize(line.descriptions.size());
    std::vector<data::KeywordCounts> each(work.size());
    Explained model{*backend.model};
    const data::LlmKeywordOptions options{backend.name, backend.attempts, static_cast<std::size_t>(o.limit)};
    metrics::detail::for_each_parallel(work.size(), backend.parallel, [&](std::size_t w) {
        Line& line = lines[work[w].first];
        const data::LlmKeywords<Explained> extract{model, options};
        line.found[work[w].second] = extract.spans(line.descriptions[work[w].second]);
        each[w] = extract.counts;
    });
    for (std::size_t w = 0; w < work.size(); ++w) {
        counts.kept += each[w].kept, counts.dropped += each[w].dropped;
        counts.unread += each[w].unread, counts.failed += each[w].failed;
        if (each[w].failed == 0) continue;
        Line& line = lines[work[w].first];
        const std::size_t d = work[w].second;
        complaints.add(join(line.name, ": description ", d + 1, ": ",
                            model.why(line.descriptions[d], "no answer was one list of keywords"), "; the line is as before"));
        line.found.clear();
    }
}

/// The keywords of all descriptions of a line, each word once.
std::vector<data::Keyword> merged(const Line& line) {
    std::vector<data::Keyword> out;
    std::set<std::string> seen;
    for (const auto& spans : line.found)
        for (const data::KeywordSpan& s : spans)
            if (seen.insert(s.keyword.word).second) out.push_back(s.keyword);
    return out;
}

/// Writes all lines; the number of keywords of each kind.
std::map<std::string, std::int64_t> write_lines(const std::string& path, std::vector<Line>& lines) {
    std::map<std::string, std::int64_t> kinds;
    io::AtomicWriter file(path);
    for (Line& line : lines) {
        if (!line.descriptions.empty() && !line.found.empty()) {
            io::Json list = io::Json::array();
            for (const data::Keyword& k : merged(line)) {
                list.push_back(io::object({{"word", k.word}, {"kind", k.kind}}));
                ++kinds[k.kind];
            }
            line.json["keywords"] = std::move(list);
        }
        file.write((line.json.is_null() ? line.raw : io::dump(line.json)) + "\n");
    }
    file.commit();
    return kinds;
}

void print(const std::map<std::string, std::int64_t>& kinds, const data::KeywordCounts& counts, const Backend* backend, bool json) {
    if (json) {
        io::Json by_kind = io::object({});
        for (const auto& [kind, n] : kinds) by_kind[kind] = n;
        io::Json out = io::object({{"kinds", by_kind}, {"kept", counts.kept}, {"dropped", counts.dropped},
                                   {"unread", counts.unread}, {"failed", counts.failed}});
        if (backend) out["requests"] = to_json(backend->model->spent());
        std::printf("%s\n", io::dump(out, 2).c_str());
        return;
    }
    for (const std::string_view kind : data::keyword_kinds)
        if (const auto at = kinds.find(std::string(kind)); at != kinds.end())
            std::printf("%-10s %8lld\n", at->first.c_str(), static_cast<long long>(at->second));
    std::printf("keywords of descriptions: %lld kept, %lld dropped; answers that cannot be read: %lld; descriptions failed: %lld\n",
                static_cast<long long>(counts.kept), static_cast<long long>(counts.dropped), static_cast<long long>(counts.unread),
                static_cast<long long>(counts.failed));
    if (backend) std::printf("%s\n", shown(backend->model->spent()).c_str());
}

}  // namespace

int keywords(const KeywordOptions& o) {
    const bool llm = o.by == "llm";
    if (!llm && !(o.model.endpoint.empty() && o.model.local.empty()))
        fail<UsageError>("--endpoint and --local need --by llm");
    Complaints complaints;
    std::vector<Line> lines = read_lines(o, complaints);
    const Backend backend = llm ? open_backend(o.model) : Backend{};
    data::KeywordCounts counts;
    if (llm) by_model(lines, o, backend, counts, complaints);
    else by_tagger(lines, o, counts);
    print(write_lines(o.out, lines), counts, llm ? &backend : nullptr, o.json);
    std::fflush(stdout);
    return complaints.count() > 0 ? 3 : 0;
}

}  // namespace tool
