// SPDX-License-Identifier: Apache-2.0
#include "svad/infer/generate.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::infer;

namespace {

Decoder tiny(Positions positions = Positions::rope) {
    Decoder d({.vocabulary = 20, .width = 16, .depth = 2, .heads = 4, .kv_heads = 2, .hidden = 24, .positions = positions,
               .max_positions = 64, .deviation = 0.4});
    init(d, 11);
    return d;
}

Tensor<Id> prompt_ids() { return Tensor<Id>({2, 3}, {4, 7, 9, 1, 2, 3}); }

std::vector<Id> by_hand(const Decoder& d, Tensor<Id> ids, Index n) {
    const NoGrad off;
    std::vector<Id> made;
    for (Index i = 0; i < n; ++i) {
        const Tensor<float> scores = d.scores(d(d.embed(ids)).slice(1, ids.size(1) - 1)).to<float>();
        made.push_back(best(scores.slice(0).span()));
        std::vector<Id> longer(ids.begin(), ids.end());
        longer.push_back(made.back());
        ids = Tensor<Id>({1, ids.size(1) + 1}, longer);
    }
    return made;
}

}  // namespace

TEST_CASE("generate: the cache changes no word against running the whole text again") {
    for (const Positions positions : {Positions::rope, Positions::alibi, Positions::learned}) {
        const Decoder d = tiny(positions);
        const auto rows = generate(d, Prompt::of(d, prompt_ids()), {.max_new = 8});
        for (Index b = 0; b < 2; ++b)
            CHECK(rows[static_cast<std::size_t>(b)][0].ids == by_hand(d, prompt_ids().slice(b).reshape({1, 3}), 8));
    }
}

TEST_CASE("generate: padding on the left changes no word") {
    const Decoder d = tiny();
    const Tensor<Id> padded({1, 5}, {0, 0, 4, 7, 9});
    const KeyMask keep({1, 5}, {0, 0, 1, 1, 1});
    const auto plain = generate(d, Prompt::of(d, prompt_ids().slice(0).reshape({1, 3})), {.max_new = 8});
    CHECK(generate(d, Prompt::of(d, padded, keep), {.max_new = 8})[0][0].ids == plain[0][0].ids);
    const auto beams = generate(d, Prompt::of(d, prompt_ids().slice(0).reshape({1, 3})), {.max_new = 8, .beams = 3});
    CHECK(generate(d, Prompt::of(d, padded, keep), {.max_new = 8, .beams = 3})[0][0].ids == beams[0][0].ids);
}

TEST_CASE("generate: a prefix of word vectors is the same as the words") {
    const Decoder d = tiny();
    const Tensor<Id> first({1, 2}, std::vector<Id>{4, 7}), last({1, 1}, std::vector<Id>{9}), all({1, 3}, {4, 7, 9});
    const auto words = generate(d, Prompt::of(d, all), {.max_new = 6, .beams = 2});
    const auto prefix = generate(d, Prompt::of(d, d.embed(first), last), {.max_new = 6, .beams = 2});
    CHECK(words[0][0].ids == prefix[0][0].ids);
    CHECK(generate(d, Prompt::of(d, d.embed(all), Tensor<Id>()), {.max_new = 6, .beams = 2})[0][0].ids == words[0][0].ids);
}

TEST_CASE("generate: a row ends at its stop word, the others go on") {
    const Decoder d = tiny();
    const auto free = generate(d, Prompt::of(d, prompt_ids()), {.max_new = 8});
    const Id stop = free[0][0].ids[2];
    const auto rows = generate(d, Prompt::of(d, prompt_ids()), {.max_new = 8, .stop = {stop}});
    const auto at = std::find(free[0][0].ids.begin(), free[0][0].ids.end(), stop) - free[0][0].ids.begin();
    CHECK(rows[0][0].ids == std::vector<Id>(free[0][0].ids.begin(), free[0][0].ids.begin() + at + 1));
    const auto other = std::find(free[1][0].ids.begin(), free[1][0].ids.end(), stop) - free[1][0].ids.begin();
    CHECK(rows[1][0].ids.size() == std::min<std::size_t>(8, static_cast<std::size_t>(other) + 1));
}

TEST_CASE("generate: sampling repeats with its seed, and rows differ") {
    const Decoder d = tiny();
    const Tensor<Id> same({2, 3}, {4, 7, 9, 4, 7, 9});
    const SearchOptions o{.max_new = 12, .sample = true, .temperature = 2, .seed = 3};
    const auto a = generate(d, Prompt::of(d, same), o), b = generate(d, Prompt::of(d, same), o);
    CHECK(a[0][0].ids == b[0][0].ids);
    CHECK(a[0][0].ids != a[1][0].ids);
}

TEST_CASE("generate: beam scores are the model's own log-probabilities over length") {
    const Decoder d = tiny();
    const Tensor<Id> ids = prompt_ids().slice(1).reshape({1, 3});
    const Hypothesis h = generate(d, Prompt::of(d, ids), {.max_new = 5, .beams = 4, .length_penalty = 1})[0][0];
    std::vector<Id> all(ids.begin(), ids.end());
    all.insert(all.end(), h.ids.begin(), h.ids.end());
    const Tensor<Id> text({1, static_cast<Index>(all.size())}, all);
    const Tensor<float> scores = d.scores(d(d.embed(text))).to<float>();
    double sum = 0;
    for (std::size_t i = 0; i < h.ids.size(); ++i)
        sum += log_probabilities(scores.slice(0).slice(static_cast<Index>(2 + i)).span())[static_cast<std::size_t>(h.ids[i])];
    CHECK(h.score == doctest::Approx(sum / static_cast<double>(h.ids.size())).epsilon(1e-5));
}

TEST_CASE("generate: no words asked for, none made; impossible stop words are refused") {
    const Decoder d = tiny();
    CHECK(generate(d, Prompt::of(d, prompt_ids()), {.max_new = 0})[1][0].ids.empty());
    CHECK(generate(d, Prompt::of(d, prompt_ids()), {.max_new = 0, .beams = 2})[1][0].ids.empty());
    CHECK_THROWS_AS((void)generate(d, Prompt::of(d, prompt_ids()), {.stop = {20}}), UsageError);
}
