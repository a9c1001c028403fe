// SPDX-License-Identifier: Apache-2.0
// svad stats, reading: what language a set is in, how its captions are cut into words and tagged, and the pass over it.
// A set's first annotation decides what is not said on the command line; the page says what was decided.
#include "stats.hpp"

#include "svad/text/ptb.hpp"
#include "svad/text/upos.hpp"
#include "svad/video/reader.hpp"

#include <algorithm>
#include <map>
#include <memory>

namespace tool {

namespace {

using namespace svad;

enum class Cut { given, ptb, blanks, plain, characters };

/// The words of an annotation, and views of them and their tags as the pass reads them.
struct Words {
    std::vector<std::string> own;                           // words that are not parts of the caption
    std::vector<std::string_view> words, tags;

    void use_own() { words.assign(own.begin(), own.end()); }
};

bool mostly_han(std::string_view text) {
    std::size_t han = 0, all = 0;
    for (const std::string_view character : text::characters(text)) {
        const char32_t c = text::next_code_point(character, 0).value;
        han += (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x3FFFF);
        ++all;
    }
    return 2 * han > all;
}

Cut cut_of(const std::string& words, const data::AnnotationRow& first, bool chinese) {
    if (words == "given" || (words == "auto" && first.tokens)) return Cut::given;
    if (words == "ptb") return Cut::ptb;
    if (words == "blanks") return Cut::blanks;
    if (words == "plain") return Cut::plain;
    if (words == "characters") return Cut::characters;
    return chinese ? Cut::characters : Cut::ptb;
}

std::string name_of(Cut cut) {
    switch (cut) {
        case Cut::given: return "the words given with the set";
        case Cut::ptb: return "Penn Treebank tokens, lower-cased, without punctuation";
        case Cut::blanks: return "what lies between white space, case kept";
        case Cut::plain: return "lower-cased runs of letters, digits, apostrophes and hyphens";
        case Cut::characters: return "single characters";
    }
    return "";
}

/// Cuts captions into words.
class WordSource {
public:
    WordSource() = default;
    explicit WordSource(Cut cut) : cut_(cut) {}

    void operator()(const data::AnnotationRow& row, Words& out) const {
        out.own.clear(), out.tags.clear();
        switch (cut_) {
            case Cut::given: return given(row, out);
            case Cut::blanks: out.words = text::blank_words(row.caption); return;
            case Cut::characters: out.words = text::characters(row.caption); return;
            case Cut::plain:
                out.own = {text::plain_words(row.caption)};
                out.words = text::blank_words(out.own[0]);
                return;
            case Cut::ptb: return ptb(row.caption, out);
        }
    }

private:
    static void given(const data::AnnotationRow& row, Words& out) {
        if (!row.tokens) fail<io::FormatError>("the annotation has no tokens as the first one has; choose --words");
        out.words = text::blank_words(*row.tokens);
        if (row.tags) out.tags = text::blank_words(*row.tags);
    }

    static void ptb(std::string_view caption, Words& out) {
        for (std::string& word : text::ptb_tokenize(caption))
            if (!text::is_caption_punctuation(word)) out.own.push_back(std::move(word));
        out.use_own();
    }

    Cut cut_ = Cut::blanks;
};

/// One set while it is read.
class Reading {
public:
    Reading(std::string name, const StatsOptions& options) : options_(options) { set_.name = std::move(name); }

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
        const Cut cut = cut_of(options_.words, first, set_.language == "zh");
        source_ = WordSource(cut);
        set_.words_are = tool::name_of(cut);
        data::StatisticsOptions options;
        if (cut == Cut::given && first.tags) {
            const auto tags = text::blank_words(*first.tags);
            const bool universal = std::all_of(tags.begin(), tags.end(), [](auto t) { return text::parse_upos(t).has_value(); });
            if (!universal) options.groups = data::thulac_groups();
            set_.tags_are = universal ? "the universal tags given with the set" : "the tags given with the set, read as THULAC's";
        }
        pass_ = std::make_unique<data::StatisticsPass>(options);
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
    std::vector<AnnotatedSet> sets;
    for (const std::string& name : order) {
        Reading reading(name, options);
        for (const std::string& path : paths[name]) reading.add(path, paths[name].size() > 1 ? named(path).first : "");
        sets.push_back(reading.finish());
    }
    return sets;
}

}  // namespace tool
