// SPDX-License-Identifier: Apache-2.0
// Fixtures of text: scores of captions, per item and over the corpus, from tokens as given and from captions as
// written, and the lines of the Penn Treebank tokenizer.
#include "runner.hpp"

#include "svad/metrics/report.hpp"

#include <algorithm>

namespace goldens {

namespace {

constexpr double relative = 1e-9;

std::string id_of(const Json& item) {
    const Json& id = item.at("id");
    return id.is_string() ? id.get<std::string>() : id.dump();
}

std::vector<std::string> strings(const Json& list) { return list.get<std::vector<std::string>>(); }

/// `prefix` tells the two ways apart: "" for tokens as given, "raw." for our own tokens.
void check_scores(Report& report, const std::string& prefix, const metrics::CaptionScores& got, const Json& file) {
    const auto check = [&](const std::string& name, const Json& want, const auto& one) {
        for (std::size_t n = 0; n < 4; ++n)
            report.near(join(prefix, name, ".bleu", n + 1), one.bleu[n], want.at("bleu").at(n).template get<double>(), relative);
        report.near(prefix + name + ".cider_d", one.cider, want.at("cider_d").get<double>(), relative);
        report.near(prefix + name + ".rouge_l", one.rouge_l, want.at("rouge_l").get<double>(), relative);
        if (want.contains("cider")) report.near(prefix + name + ".cider", one.cider_plain, want.at("cider").get<double>(), relative);
    };
    const Json& corpus = file.at("corpus");
    check("corpus", corpus, got);
    report.near(prefix + "corpus.mean", got.mean, corpus.at("mean_b1_b4_c_r").get<double>(), relative);
    metrics::BleuCounts total;
    for (const metrics::ItemScores& one : got.items) total.add(one.counts);
    report.near(prefix + "corpus.testlen", total.tested, corpus.at("testlen").get<double>(), 0);
    report.near(prefix + "corpus.reflen", total.reference, corpus.at("reflen").get<double>(), 0);
    for (std::size_t i = 0; i < got.items.size(); ++i) check(got.items[i].id, file.at("items").at(i), got.items[i]);
}

/// Our tokens of the captions as written, in a row, against those that were scored.
void check_tokens(Report& report, const std::vector<std::string>& raw, const std::vector<std::string>& want, metrics::Tokenization how) {
    const std::vector<std::string_view> captions(raw.begin(), raw.end());
    report.same("number of captions", raw.size() == want.size());
    for (std::size_t k = 0; k < raw.size() && k < want.size(); ++k) {
        const std::string got = metrics::tokenize(captions, k, how);
        report.same(join("tokens.", k), got == want[k], join("'", got, "', not '", want[k], "'"));
    }
}

/// The captions of all items under `key`, text or a list of texts.
std::vector<std::string> all_captions(const Json& file, const char* key) {
    std::vector<std::string> all;
    for (const Json& item : file.at("items")) {
        const Json& one = item.at(key);
        for (const std::string& text : one.is_array() ? strings(one) : std::vector<std::string>{one.get<std::string>()}) all.push_back(text);
    }
    return all;
}

void run_set(const Json& file, Report& report) {
    std::vector<metrics::CaptionItem> given, written;
    for (const Json& item : file.at("items")) {
        given.push_back({id_of(item), item.at("hyp").get<std::string>(), strings(item.at("refs"))});
        if (item.contains("hyp_raw")) written.push_back({given.back().id, item["hyp_raw"].get<std::string>(), strings(item.at("refs_raw"))});
    }
    check_scores(report, "", metrics::score_captions(given, {.tokenization = metrics::Tokenization::whitespace}), file);
    const std::string how = file.at("tokenization").get<std::string>();
    if (written.size() != given.size() || (how != "ptb" && how != "char")) return;
    const auto tokenization = how == "ptb" ? metrics::Tokenization::ptb : metrics::Tokenization::characters;
    check_tokens(report, all_captions(file, "refs_raw"), all_captions(file, "refs"), tokenization);
    check_tokens(report, all_captions(file, "hyp_raw"), all_captions(file, "hyp"), tokenization);
    check_scores(report, "raw.", metrics::score_captions(written, {.tokenization = tokenization}), file);
}

/// Every case is a corpus of its own.
void run_cases(const Json& file, Report& report) {
    for (const Json& item : file.at("cases")) {
        const std::string id = id_of(item);
        const std::vector<metrics::CaptionItem> one{{id, item.at("hyp").get<std::string>(), strings(item.at("refs"))}};
        const metrics::CaptionScores got = metrics::score_captions(one, {.tokenization = metrics::Tokenization::whitespace});
        if (item.value("reference_program_raises", false)) {
            report.same(id, std::isfinite(got.mean), "is not finite");
            continue;
        }
        for (std::size_t n = 0; n < 4; ++n) report.near(join(id, ".bleu", n + 1), got.bleu[n], item.at("bleu").at(n).get<double>(), relative);
        report.near(id + ".cider_d", got.cider, item.at("cider_d").get<double>(), relative);
        report.near(id + ".rouge_l", got.rouge_l, item.at("rouge_l").get<double>(), relative);
        report.near(id + ".testlen", got.items[0].counts.tested, item.at("testlen").get<double>(), 0);
        report.near(id + ".reflen", got.items[0].counts.reference, item.at("reflen").get<double>(), 0);
    }
}

std::string joined(const std::vector<std::string>& tokens) {
    std::string line;
    for (const std::string& token : tokens) line += (line.empty() ? "" : " ") + token;
    return line;
}

/// Lines of the tokenizer alone: lower-cased, as written, without punctuation, at the end of the input, or any of
/// several outputs where the Java program's depends on the line that follows.
void run_lines(const std::vector<Json>& lines, Report& report) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const Json& line = lines[i];
        const std::string text = line.at("text").get<std::string>(), name = join("line ", i + 1);
        const auto expect = [&](const char* key, const std::string& got) {
            if (!line.contains(key)) return;
            const auto want = line.at(key).get<std::string>();
            report.same(name + "." + key, got == want, join("'", got, "', not '", want, "' for '", text, "'"));
        };
        const std::string lower = joined(text::ptb_tokenize(text));
        expect("lower", lower);
        expect("cased", joined(text::ptb_tokenize(text, {.lower_case = false})));
        expect("coco", text::caption_words(text));
        expect("lower_at_end_of_input", joined(text::ptb_tokenize(text, {.end_of_input = true})));
        if (!line.contains("lower_variants")) continue;
        const std::vector<std::string> variants = strings(line.at("lower_variants"));
        report.same(name, std::find(variants.begin(), variants.end(), lower) != variants.end(), join("'", lower, "' for '", text, "'"));
    }
}

/// A separator inside a caption counts as a blank, so the words of all lines of the Java program come in a row.
void run_line_breaks(const Json& file, Report& report) {
    for (const Json& one : file.at("cases")) {
        std::string want;
        for (const std::string& line : strings(one.at("java_lines")))
            if (!line.empty()) want += (want.empty() ? "" : " ") + line;
        const std::string got = joined(text::ptb_tokenize(one.at("text").get<std::string>()));
        report.same(one.at("name").get<std::string>(), got == want, join("'", got, "', not '", want, "'"));
    }
}

}  // namespace

void run_metrics(const std::string& folder, std::vector<Report>& reports) {
    for (const std::string& name : files_in(folder, {".json", ".json.gz", ".jsonl", ".jsonl.gz"})) {
        Report report("metrics/" + name);
        const std::string path = folder + "/" + name;
        try {
            if (name.find(".jsonl") != std::string::npos) {
                run_lines(read_json_lines(path), report);
            } else {
                const Json file = read_json_file(path);
                if (file.contains("items")) run_set(file, report);
                else if (file.contains("cases") && name.find("line_breaks") != std::string::npos) run_line_breaks(file, report);
                else if (file.contains("cases")) run_cases(file, report);
                else report.unsupported("neither items nor cases");
            }
        } catch (const std::exception& e) {
            report.fail(e.what());
        }
        publish(report, reports);
    }
}

}  // namespace goldens
