// SPDX-License-Identifier: Apache-2.0
// Fixtures of text: accuracy of the shipped taggers and of the segmenter on every *_dev.tsv and *_test.tsv of the folder.
// A file that begins with "zh" is Chinese. The bars are percentages that the models must reach.
#include "runner.hpp"

#include "svad/text/segmenter.hpp"
#include "svad/text/tagger.hpp"

namespace goldens {

namespace {

std::string models_folder() { return std::string(SVAD_FIXTURES) + "/../../examples/taggers/"; }

double tag_accuracy(const text::Tagger& tagger, const std::vector<text::TaggedSentence>& sentences) {
    std::size_t right = 0, all = 0;
    for (const auto& s : sentences) {
        const std::vector<std::string_view> words(s.words.begin(), s.words.end());
        const auto tags = tagger(words);
        for (std::size_t i = 0; i < tags.size(); ++i) right += tags[i] == s.tags[i];
        all += s.words.size();
    }
    return all ? 100.0 * static_cast<double>(right) / static_cast<double>(all) : 0.0;
}

/// F1 of words: a word counts when both its ends are right.
double segment_f1(const text::Segmenter& segmenter, const std::vector<text::TaggedSentence>& sentences) {
    std::size_t hits = 0, both = 0;
    for (const auto& s : sentences) {
        std::string joined;
        std::set<std::pair<std::size_t, std::size_t>> want;
        for (const auto& word : s.words) {
            want.emplace(joined.size(), joined.size() + word.size());
            joined += word;
        }
        const auto got = segmenter(joined);
        for (const std::string_view word : got) {
            const auto begin = static_cast<std::size_t>(word.data() - joined.data());
            hits += want.count({begin, begin + word.size()});
        }
        both += want.size() + got.size();
    }
    return both ? 200.0 * static_cast<double>(hits) / static_cast<double>(both) : 0.0;
}

void at_least(Report& report, const std::string& name, double got, double bar) {
    report.same(name, got >= bar, join(got, " %, needed ", bar));
}

}  // namespace

void run_pos(const std::string& folder, std::vector<Report>& reports) {
    for (const std::string& file : files_in(folder, {"_dev.tsv", "_test.tsv"})) {
        Report report("pos/" + file);
        try {
            const auto sentences = text::read_treebank(folder + "/" + file);
            const bool chinese = file.starts_with("zh");
            const auto tagger = text::Tagger::load(models_folder() + (chinese ? "zh.tagger" : "en.tagger"));
            at_least(report, "accuracy", tag_accuracy(tagger, sentences), chinese ? 93.0 : 95.0);
            if (chinese) {
                const auto segmenter = text::Segmenter::load(models_folder() + "zh.segmenter");
                at_least(report, "segmentation F1", segment_f1(segmenter, sentences), 94.0);
            }
        } catch (const std::exception& e) {
            report.fail(e.what());
        }
        publish(report, reports);
    }
}

}  // namespace goldens
