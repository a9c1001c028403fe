// SPDX-License-Identifier: Apache-2.0
// svad train-tagger: learns a tagger or segmenter from treebank files and says how well it does on another.
#include "commands.hpp"

#include "svad/text/segmenter.hpp"
#include "svad/text/tagger.hpp"

#include <cstdio>

namespace tool {
namespace {

using namespace svad;
using Sentences = std::vector<text::TaggedSentence>;

double percent(std::size_t part, std::size_t whole) {
    return whole ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

double accuracy(const text::Tagger& tagger, const Sentences& sentences) {
    std::size_t right = 0, all = 0;
    for (const auto& s : sentences) {
        const auto tags = tagger(std::vector<std::string_view>(s.words.begin(), s.words.end()));
        for (std::size_t i = 0; i < tags.size(); ++i) right += tags[i] == s.tags[i];
        all += tags.size();
    }
    return percent(right, all);
}

/// F1 of words whose two ends are both right; both lists cover the same bytes, so one walk finds them.
double f1(const text::Segmenter& segmenter, const Sentences& sentences) {
    std::size_t hits = 0, both = 0;
    for (const auto& s : sentences) {
        std::string joined;
        for (const auto& word : s.words) joined += word;
        const auto got = segmenter(joined);
        std::size_t next = 0, end = 0;
        for (const auto& word : s.words) {
            const std::size_t begin = end;
            end += word.size();
            while (next < got.size() && static_cast<std::size_t>(got[next].data() - joined.data()) < begin) ++next;
            hits += next < got.size() && got[next].data() == joined.data() + begin && got[next].size() == word.size();
        }
        both += got.size() + s.words.size();
    }
    return percent(2 * hits, both);
}

}  // namespace

int train_tagger(const TrainTaggerOptions& o) {
    Sentences sentences, dev;
    for (const auto& path : o.train)
        for (auto& s : text::read_treebank(path)) sentences.push_back(std::move(s));
    if (!o.dev.empty()) dev = text::read_treebank(o.dev);
    text::TaggerOptions options;
    options.epochs = o.epochs, options.seed = o.seed, options.dropout = o.dropout, options.margin = o.margin;
    options.learners = o.learners;
    if (!o.lexicon.empty()) options.lexicon = text::Lexicon::load(o.lexicon);
    options.slots = static_cast<std::size_t>(o.slots);
    options.progress = [](int epoch, double wrong) {
        std::printf("epoch %d: %.2f %% right in training\n", epoch, 100 * (1 - wrong));
        std::fflush(stdout);
    };
    if (o.task == "pos") {
        const auto tagger = text::Tagger::train(sentences, options);
        tagger.save(o.out);
        if (!dev.empty()) std::printf("%s: accuracy %.2f %%\n", o.dev.c_str(), accuracy(tagger, dev));
    } else {
        const auto segmenter = text::Segmenter::train(sentences, options);
        segmenter.save(o.out);
        if (!dev.empty()) std::printf("%s: F1 %.2f %%\n", o.dev.c_str(), f1(segmenter, dev));
    }
    return 0;
}

}  // namespace tool
