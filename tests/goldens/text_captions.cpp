// SPDX-License-Identifier: Apache-2.0
// Fixtures of text: statistics of caption sets, for every way to cut words that a fixture names, of tagged sentences
// (in the folder pos beside this one), and what a part of a set must obey where only the whole set's figures are given.
#include "runner.hpp"

#include "svad/data/annotations.hpp"
#include "svad/data/statistics.hpp"

#include <charconv>

namespace goldens {

namespace {

using Words = std::vector<std::string_view>;

constexpr double relative = 1e-9;

std::uint64_t count_of(const Json& object, const std::string& key) { return object.at(key).get<std::uint64_t>(); }

void check_count(Report& report, const std::string& name, std::uint64_t got, const Json& want) {
    report.same(name, want.is_number_unsigned() && want.get<std::uint64_t>() == got, join("is ", got, ", not ", want.dump()));
}

void check_histogram(Report& report, const std::string& name, const data::Histogram& got, const Json& want) {
    std::map<std::uint64_t, std::uint64_t> wanted;
    for (const auto& [key, count] : want.get_ref<const Json::object_t&>()) {
        std::uint64_t value = 0;
        std::from_chars(key.data(), key.data() + key.size(), value);
        wanted[value] = count.get<std::uint64_t>();
    }
    report.same(name, got.counts == wanted);
}

/// {"mean", "histogram"} of how many different words of some tags an annotation has.
void check_unique(Report& report, const std::string& name, const data::GroupCount& got, const Json& want) {
    report.near(name + ".mean", got.unique.mean(), want.at("mean").get<double>(), relative);
    check_histogram(report, name, got.unique, want.at("histogram"));
}

void check_ngrams(Report& report, const std::string& where, const data::Statistics& s, const Json& want) {
    for (const auto& [key, grams] : want.at("unique_ngrams").get_ref<const Json::object_t&>()) {
        const std::size_t n = static_cast<std::size_t>(std::stoul(key));
        const data::NgramCounts& got = s.ngrams.at(n - 1);
        const std::string name = where + "." + key + "-grams";
        check_count(report, name + ".types", got.types, grams.at("types"));
        check_count(report, name + ".tokens", got.tokens, grams.at("tokens"));
        check_count(report, name + ".once", got.once, grams.at("occurring_once"));
        check_count(report, name + ".in_one", got.in_one_annotation, grams.at("in_one_annotation_only"));
        report.near(name + ".per_annotation", s.unique_ngrams(n), grams.at("types_per_annotation").get<double>(), relative);
        report.near(name + ".within", static_cast<double>(got.distinct_within) / static_cast<double>(s.annotations),
                    grams.at("mean_distinct_within_annotation").get<double>(), relative);
    }
    const Json& curve = want.at("type_annotation_curve");
    for (const auto& [key, values] : curve.get_ref<const Json::object_t&>()) {
        std::vector<std::int64_t> got;
        for (const data::CurvePoint& p : s.curve)
            got.push_back(static_cast<std::int64_t>(key == "x" ? p.annotations : p.types.at(std::stoul(key) - 1)));
        report.equal(where + ".curve." + key, got, values.get<std::vector<std::int64_t>>());
    }
}

void check_variant(Report& report, const std::string& where, const data::Statistics& s, const Json& want) {
    check_count(report, where + ".annotations", s.annotations, want.at("annotations"));
    check_count(report, where + ".videos", s.videos, want.at("videos"));
    check_count(report, where + ".tokens", s.words, want.at("tokens"));
    check_count(report, where + ".min", s.lengths.min(), want.at("min_words"));
    check_count(report, where + ".max", s.lengths.max(), want.at("max_words"));
    const auto near = [&](const char* name, double got, const char* key) {
        report.near(where + "." + name, got, want.at(key).get<double>(), relative);
    };
    near("words_per_annotation", s.lengths.mean(), "words_per_annotation");
    near("deviation", s.lengths.deviation(), "population_std_words");
    near("seconds", s.mean_video_seconds, "mean_video_seconds");
    near("words_per_second", s.words_per_second, "words_per_second_mean_of_ratios");
    near("of_sums", s.words_per_second_of_sums, "words_per_second_ratio_of_sums");
    check_histogram(report, where + ".lengths", s.lengths, want.at("length_histogram"));
    check_ngrams(report, where, s, want);
}

/// One pass over a table; `variant` says how to cut, `groups` what to ask of its tags.
data::Statistics statistics_of(const std::string& path, const std::string& variant, std::vector<data::TagGroup> groups) {
    data::StatisticsPass pass({.groups = std::move(groups)});
    const data::AnnotationFile file = data::read_annotations(path, [&](const data::AnnotationRow& row) {
        std::string buffer;
        data::Annotation a;
        Words words, tags;
        if (variant == "tokens_column") words = text::blank_words(row.tokens.value());
        else if (variant == "chars") words = text::characters(row.caption);
        else if (variant == "blanks") words = text::blank_words(row.caption);
        else if (variant == "lower_alnum") words = text::blank_words(buffer = text::plain_words(row.caption));
        else svad::fail<UsageError>(path, ": words cut as '", variant, "' are not known");
        if (row.tags && variant == "tokens_column") tags = text::blank_words(*row.tags);
        a.video = row.video, a.seconds = row.seconds, a.words = words, a.tags = tags;
        pass.add(a);
    });
    if (file.left_out > 0) svad::fail<io::FormatError>(file.problems.at(0));
    return pass.finish();
}

/// "noun (n np ns ni nz)" as a group.
data::TagGroup group_of(const std::string& label) {
    const std::size_t open = label.find('('), close = label.find(')');
    data::TagGroup group{label, {}};
    for (const std::string_view tag : text::blank_words(std::string_view{label}.substr(open + 1, close - open - 1)))
        group.tags.emplace_back(tag);
    return group;
}

void check_tags(Report& report, const data::Statistics& s, const Json& want) {
    const Json& counts = want.at("counts");
    report.same("tags", s.tags.size() == counts.size(), "other tags than wanted");
    for (const data::TagCount& t : s.tags) check_count(report, "tags." + t.tag, t.words, counts.value(t.tag, Json()));
    for (const data::GroupCount& g : s.groups) {
        report.near(g.group.name, s.percent(g.words), want.at("percent").at(g.group.name).get<double>(), relative);
        if (g.group.name.starts_with("verb")) check_unique(report, "verbs", g, want.at("distinct_verbs_per_annotation"));
        if (g.group.name.starts_with("noun")) check_unique(report, "nouns", g, want.at("distinct_nouns_per_annotation"));
    }
}

void check_table(Report& report, const std::string& folder, const std::string& name) {
    const Json want = read_json_file(folder + "/" + name + ".stats.json");
    std::vector<data::TagGroup> groups;
    if (want.contains("tags"))
        for (const auto& [label, percent] : want.at("tags").at("percent").get_ref<const Json::object_t&>())
            groups.push_back(group_of(label));
    for (const auto& [variant, expected] : want.at("variants").get_ref<const Json::object_t&>()) {
        const data::Statistics s = statistics_of(folder + "/" + name + ".tsv.gz", variant, groups);
        check_variant(report, variant, s, expected);
        if (want.contains("tags") && variant == "tokens_column") check_tags(report, s, want.at("tags"));
    }
}

/// A treebank as columns `form TAB tag`, a blank line after each sentence: one sentence is one annotation.
data::Statistics treebank_statistics(const std::string& path) {
    data::StatisticsPass pass({.groups = {{"verbs", {"VERB"}}, {"verbs_and_aux", {"VERB", "AUX"}}, {"nouns", {"NOUN"}},
                                          {"nouns_and_proper", {"NOUN", "PROPN"}}}});
    const std::string bytes = io::read_maybe_gzip(path);
    std::vector<std::string> forms;
    Words tags;
    const auto sentence = [&] {
        if (forms.empty()) return;
        const Words words(forms.begin(), forms.end());
        data::Annotation a;
        a.video = path, a.words = words, a.tags = tags;
        pass.add(a);
        forms.clear(), tags.clear();
    };
    for (std::string_view rest = bytes; !rest.empty();) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        const std::size_t tab = line.find('\t');
        if (line.empty()) sentence();
        else if (tab == std::string_view::npos) svad::fail<io::FormatError>(path, ": a line has no tag");
        else forms.push_back(text::to_lower(line.substr(0, tab))), tags.push_back(line.substr(tab + 1));
    }
    sentence();
    return pass.finish();
}

void check_shares(Report& report, const std::string& where, const data::Statistics& s, const Json& want, bool marks) {
    std::uint64_t total = 0;
    std::size_t known = 0;
    const auto counts = [&](const data::TagCount& t) { return marks || (t.tag != "PUNCT" && t.tag != "SYM"); };
    for (const data::TagCount& t : s.tags) total += counts(t) ? t.words : 0;
    for (const data::TagCount& t : s.tags) {
        if (!counts(t)) continue;
        ++known;
        const double percent = 100.0 * static_cast<double>(t.words) / static_cast<double>(total);
        report.near(where + "." + t.tag, percent, want.value(t.tag, 0.0), relative);
    }
    report.same(where, known == want.size(), "other tags than wanted");
}

void check_treebank(Report& report, const std::string& path, const Json& want) {
    const data::Statistics s = treebank_statistics(path);
    check_count(report, "annotations", s.annotations, want.at("annotations"));
    check_count(report, "tokens", s.words, want.at("tokens"));
    check_shares(report, "all", s, want.at("percent_of_all_tokens"), true);
    check_shares(report, "words", s, want.at("percent_without_PUNCT_and_SYM"), false);
    for (const data::GroupCount& g : s.groups) {
        const std::string key = "unique_" + g.group.name + "_per_annotation";
        check_unique(report, key, g, want.at(key));
    }
}

/// The tables of a folder that belong to a whole set: "msvd_cn_thulac" is made of msvd_cn_*_thulac.
std::vector<std::string> parts_of(const std::string& folder, const std::string& whole) {
    const std::string mark = "_thulac";
    const bool tagged = whole.ends_with(mark);
    const std::string stem = tagged ? whole.substr(0, whole.size() - mark.size()) : whole;
    std::vector<std::string> parts;
    for (const std::string& file : files_in(folder, {".stats.json"})) {
        const std::string name = file.substr(0, file.find('.'));
        if (name.starts_with(stem + "_") && name.ends_with(mark) == tagged) parts.push_back(name);
    }
    return parts;
}

/// A part of a set has at most the whole set's annotations, videos and types, and the rest of the words must be words
/// of the rest's annotations. The means of a whole set cannot be checked on a part.
void check_whole(Report& report, const std::string& folder, const std::string& whole, const Json& want) {
    for (const std::string& part : parts_of(folder, whole)) {
        const Json variants = read_json_file(folder + "/" + part + ".stats.json").at("variants");
        const std::string variant = variants.contains("lower_alnum") ? "lower_alnum" : "tokens_column";
        const data::Statistics s = statistics_of(folder + "/" + part + ".tsv.gz", variant, {});
        const std::uint64_t annotations = count_of(want, "annotations");
        const double words = want.at("words_per_annotation").get<double>() * static_cast<double>(annotations);
        const auto within = [&](const std::string& name, bool ok) { report.same(part + "." + name, ok, "more than the whole set's"); };
        within("annotations", s.annotations <= annotations);
        within("videos", s.videos <= count_of(want, "videos"));
        within("words", static_cast<double>(s.words) <= words + 0.5);
        for (std::size_t n = 0; n < s.ngrams.size(); ++n)
            within(join(n + 1, "-grams"), s.ngrams[n].types <= want.at("types").at(n).get<std::uint64_t>());
    }
}

template <class Check>
void run(const std::string& name, std::vector<Report>& reports, Check check) {
    Report report("captions/" + name);
    try {
        check(report);
    } catch (const std::exception& e) {
        report.fail(e.what());
    }
    publish(report, reports);
}

}  // namespace

void run_captions(const std::string& folder, std::vector<Report>& reports) {
    for (const std::string& file : files_in(folder, {".stats.json"})) {
        const std::string name = file.substr(0, file.find('.'));
        run(name, reports, [&](Report& report) { check_table(report, folder, name); });
    }
    if (const std::string path = folder + "/pos_statistics.json"; io::exists(path)) {
        const Json banks = read_json_file(path);
        for (const auto& [name, want] : banks.get_ref<const Json::object_t&>())
            run("pos_statistics " + name, reports, [&, &bank = name, &expected = want](Report& report) {
                check_treebank(report, folder + "/../pos/" + bank, expected);
            });
    }
    if (const std::string path = folder + "/whole_sets.json"; io::exists(path))
        run("whole_sets", reports, [&](Report& report) {
            const Json sets = read_json_file(path);
            for (const auto& [name, want] : sets.get_ref<const Json::object_t&>()) check_whole(report, folder, name, want);
        });
}

}  // namespace goldens
