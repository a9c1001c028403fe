// SPDX-License-Identifier: Apache-2.0
// Caption scores: laws, hostile captions, and the values of pycocoevalcap on every shared set.
#include "svad/metrics/report.hpp"

#include "svad/io/file.hpp"
#include "svad/io/json.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using namespace svad::metrics;
namespace io = svad::io;

namespace {

std::string golden(const std::string& name) {
    const char* variable = std::getenv("SVAD_SHARED");
#ifdef SVAD_SHARED
    const std::string root = variable ? variable : SVAD_SHARED;
#else
    const std::string root = variable ? variable : "../shared";
#endif
    return root + "/goldens/text/metrics/" + name;
}

/// The file as text, unpacked if its name ends in .gz.
std::string read_golden(const std::string& name) {
    if (!name.ends_with(".gz")) return io::read_file(golden(name));
    std::string out;
    std::FILE* pipe = ::popen(("gzip -dc '" + golden(name) + "'").c_str(), "r");
    char buffer[65536];
    for (std::size_t n = 0; pipe && (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
    if (pipe) ::pclose(pipe);
    return out;
}

/// Relative error; where 0 is wanted, anything but 0 is far off.
double error(double got, const io::Json& want) {
    const double w = want.get<double>();
    return std::abs(got - w) / std::max(std::abs(w), 1e-30);
}

std::vector<std::string> strings(const io::Json& list) { return list.get<std::vector<std::string>>(); }

/// Largest relative error over the items and the corpus of one file.
double worst(const std::string& name, bool raw) {
    const io::Json file = io::parse_json(read_golden(name), name);
    std::vector<CaptionItem> items;
    for (const io::Json& one : file["items"]) {
        const bool use = raw && one.contains("hyp_raw");
        items.push_back({one["id"].is_string() ? one["id"].get<std::string>() : one["id"].dump(),
                         one[use ? "hyp_raw" : "hyp"].get<std::string>(), strings(one[use ? "refs_raw" : "refs"])});
    }
    const CaptionScores scores = score_captions(items, {.tokenization = raw ? Tokenization::ptb : Tokenization::whitespace});
    double largest = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const io::Json& want = file["items"][i];
        const ItemScores& got = scores.items[i];
        for (std::size_t n = 0; n < 4; ++n) largest = std::max(largest, error(got.bleu[n], want["bleu"][n]));
        largest = std::max({largest, error(got.cider, want["cider_d"]), error(got.rouge_l, want["rouge_l"])});
        if (want.contains("cider")) largest = std::max(largest, error(got.cider_plain, want["cider"]));
        CAPTURE(got.id);
        CHECK(largest < 1e-11);
    }
    const io::Json& corpus = file["corpus"];
    for (std::size_t n = 0; n < 4; ++n) largest = std::max(largest, error(scores.bleu[n], corpus["bleu"][n]));
    largest = std::max({largest, error(scores.cider, corpus["cider_d"]), error(scores.rouge_l, corpus["rouge_l"]),
                        error(scores.mean, corpus["mean_b1_b4_c_r"])});
    if (corpus.contains("cider")) largest = std::max(largest, error(scores.cider_plain, corpus["cider"]));
    return largest;
}

std::vector<CaptionItem> some_items() {
    return {{"1", "a man rides a horse", {"a man is riding a horse", "a person rides a brown horse"}},
            {"2", "a dog", {"the dog runs on the grass", "a dog is running"}},
            {"3", "a woman cooks", {"a woman is cooking soup", "someone cooks in a kitchen"}}};
}

}  // namespace

TEST_CASE("score_captions: every value equals pycocoevalcap's, for words as given and for captions as written") {
    if (!io::exists(golden("edge_solo.json"))) {
        MESSAGE("skipped: no shared goldens");
        return;
    }
    double largest = 0;
    for (const char* name : {"edge_whitespace.json", "edge_ptb.json", "corpus_single_item.json", "corpus_single_item_equal.json",
                             "corpus_three_items_shared_ngrams.json", "corpus_two_items.json", "corpus_two_items_same_refs.json",
                             "long_2000_words.json", "svad_en_ptb.json", "svad_en_whitespace.json", "svad_zh_char.json",
                             "svad_zh_jieba.json", "coco_fakecap_1000_pretokenized.json.gz", "coco_fakecap_1000_ptb.json.gz",
                             "msrvtt_200_leave_one_out_ptb.json.gz", "msvd_cn_char.json.gz", "msvd_cn_jieba.json.gz"}) {
        CAPTURE(name);
        const double one = worst(name, false);
        CHECK(one < 1e-11);
        largest = std::max(largest, one);
    }
    for (const char* name : {"edge_ptb.json", "svad_en_ptb.json", "msrvtt_200_leave_one_out_ptb.json.gz", "coco_fakecap_1000_ptb.json.gz"}) {
        CAPTURE(name);
        const double one = worst(name, true);
        CHECK(one < 1e-11);
        largest = std::max(largest, one);
    }
    MESSAGE("largest relative error: " << largest);
}

TEST_CASE("score_captions: every edge case alone equals pycocoevalcap's, and gives 0 where that stops") {
    if (!io::exists(golden("edge_solo.json"))) {
        MESSAGE("skipped: no shared goldens");
        return;
    }
    const io::Json file = io::parse_json(read_golden("edge_solo.json"), "edge_solo");
    for (const io::Json& one : file["cases"]) {
        CAPTURE(one["id"].dump());
        const std::vector<CaptionItem> item{{"x", one["hyp"].get<std::string>(), strings(one["refs"])}};
        const CaptionScores scores = score_captions(item, {.tokenization = Tokenization::whitespace});
        if (one.value("reference_program_raises", false)) {
            CHECK(scores.cider == 0);
            continue;
        }
        for (std::size_t n = 0; n < 4; ++n) CHECK(error(scores.bleu[n], one["bleu"][n]) < 1e-12);
        CHECK(error(scores.cider, one["cider_d"]) < 1e-12);
        CHECK(error(scores.rouge_l, one["rouge_l"]) < 1e-12);
        CHECK(scores.items[0].counts.tested == one["testlen"].get<double>());
        CHECK(scores.items[0].counts.reference == one["reflen"].get<double>());
    }
}

TEST_CASE("score_captions: the order of items and of references changes nothing") {
    auto items = some_items();
    const CaptionScores forward = score_captions(items);
    std::swap(items[0], items[2]);
    for (CaptionItem& item : items) std::swap(item.references[0], item.references[1]);
    const CaptionScores backward = score_captions(items);
    CHECK(backward.mean == doctest::Approx(forward.mean).epsilon(1e-14));
    CHECK(backward.items[2].cider == doctest::Approx(forward.items[0].cider).epsilon(1e-14));
}

TEST_CASE("score_captions: a caption equal to its only reference has full marks") {
    const std::vector<CaptionItem> items{{"1", "a man rides a brown horse", {"A man rides a brown horse."}},
                                         {"2", "the dog can't swim at all", {"The dog can't swim at all!"}}};
    const CaptionScores scores = score_captions(items);
    CHECK(scores.rouge_l == doctest::Approx(1).epsilon(1e-14));
    CHECK(scores.cider == doctest::Approx(10).epsilon(1e-12));
    CHECK(scores.bleu[3] == doctest::Approx(1).epsilon(1e-8));
    CHECK(scores.bleu[3] < 1);
}

TEST_CASE("score_captions: odd captions give finite scores, and no items or references an error") {
    std::vector<CaptionItem> items = some_items();
    items.push_back({"4", "", {"", " "}});
    items.push_back({"5", std::string("\xff\xfe \x00 \xe4\xb8", 6), {"\xf0\x9f\x98\x80", "\r\n"}});
    items.push_back({"6", std::string(20000, 'a'), {std::string(5000, '('), std::string(5000, '<')}});
    for (const auto how : {Tokenization::ptb, Tokenization::whitespace, Tokenization::characters}) {
        items[5].candidate.resize(how == Tokenization::characters ? 500 : 20000);
        const CaptionScores scores = score_captions(items, {.tokenization = how});
        for (const double value : score_values(scores)) CHECK(std::isfinite(value));
    }
    CHECK_THROWS_AS((void)score_captions({}), svad::UsageError);
    items[1].references.clear();
    CHECK_THROWS_AS((void)score_captions(items), svad::UsageError);
    CHECK_THROWS_AS((void)best_constant(some_items(), {}), svad::UsageError);
}

TEST_CASE("best_constant: the inverted index finds the mean that scoring item by item finds") {
    const auto items = some_items();
    const std::vector<std::string> candidates{"a horse", "a man is riding a horse", "a dog is running", "zebra", "", "a woman cooks soup"};
    std::vector<std::vector<std::string>> references;
    for (const auto& item : items) references.push_back(item.references);
    const Cider cider{references};
    const std::vector<double> quick = cider.score_constants(candidates);
    double best = -1;
    std::string name;
    for (std::size_t c = 0; c < candidates.size(); ++c) {
        double mean = 0;
        for (std::size_t i = 0; i < items.size(); ++i) mean += cider.score(i, candidates[c]).cider_d / 3;
        CHECK(quick[c] == doctest::Approx(mean).epsilon(1e-13));
        if (mean > best) best = mean, name = candidates[c];
    }
    CHECK(best > 0);
    CHECK(best_constant(items, candidates) == name);
}

TEST_CASE("bootstrap: intervals hold the value, depend on the seed alone, and vanish for equal items") {
    const CaptionScores scores = score_captions(some_items());
    const auto intervals = bootstrap(scores, {.rounds = 400});
    const auto values = score_values(scores);
    const auto again = bootstrap(scores, {.rounds = 400});
    for (std::size_t v = 0; v < values.size(); ++v) {
        CHECK(intervals[v].low <= values[v]);
        CHECK(intervals[v].high >= values[v]);
        CHECK(intervals[v].low == again[v].low);
    }
    CHECK(intervals[6].low < intervals[6].high);
    const CaptionItem one{"1", "a cat", {"a cat sleeps"}};
    const auto flat = bootstrap(score_captions(std::vector<CaptionItem>{one, one, one}));
    CHECK(flat[4].high - flat[4].low < 1e-12);
    CHECK_THROWS_AS((void)bootstrap(scores, {.rounds = 1}), svad::UsageError);
    CHECK_THROWS_AS((void)bootstrap(scores, {.level = 1}), svad::UsageError);
}

TEST_CASE("score_table: a row shows its name, its values and their intervals") {
    const std::vector<NamedScores> rows{{"true videos", score_captions(some_items())}};
    const std::string table = score_table(rows, {.rounds = 50});
    CHECK(table.find("true videos") != std::string::npos);
    CHECK(table.find("95% of 3 items") != std::string::npos);
    char text[32];
    std::snprintf(text, sizeof text, "%.4f", rows[0].scores.mean);
    CHECK(table.find(text) != std::string::npos);
}
