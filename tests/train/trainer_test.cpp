// SPDX-License-Identifier: Apache-2.0
#include "svad/train/trainer.hpp"

#include "data/records.hpp"
#include "io/temp_dir.hpp"

#include "svad/io/file.hpp"
#include "svad/models/presets.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstring>

using namespace svad;
using namespace svad::train;

namespace {

/// A model, a head and a data set that train a step in milliseconds.
struct Bench {
    Records set{6, 4};
    data::KeywordKinds kinds = data::KeywordKinds::of(set.primary);
    SvadVlm model;
    KeywordHead head{16, {static_cast<Index>(kinds.words[0].size()), static_cast<Index>(kinds.words[1].size())}};

    Bench() : model(config()) {
        init(model, 1);
        init(head, 1);
    }

    static SvadConfig config() {
        SvadConfig c = presets::of({.frames = 2, .image = 16, .patch = 8, .video_width = 16, .video_depth = 1, .video_heads = 2,
                                    .gmhra_after = {0}, .query_width = 16, .query_depth = 1, .query_heads = 2, .queries = 4,
                                    .word_width = 16, .word_depth = 1, .word_heads = 2, .word_hidden = 32, .vocabulary = 300});
        c.video.gmhra.dropout = 0.2;                            // randomness must resume too
        return c;
    }

    FitResult fit(const std::string& folder, TrainOptions o, const OnLog& on_log = {}) {
        o.rate = {.peak = 0.01, .warmup = 2, .total = 12};
        o.lambda_words = 1;
        o.log_every = 1;
        Run run(folder);
        return train::fit(
            model, &head,
            [&](Index first) {
                return std::make_unique<data::Loader>(set.primary, set.auxiliary, set.tokenizer, kinds, Records::frames(),
                                                      data::LoaderOptions{.batch = 4}, first);
            },
            run, o, "options", "test", on_log);
    }

    std::vector<float> weights() {
        std::vector<float> all;
        for (const auto& [path, p] : parameters(model)) {
            const Tensor<float> v = p->var().to<float>();
            all.insert(all.end(), v.begin(), v.end());
        }
        return all;
    }
};

}  // namespace

TEST_CASE("fit: a run that was stopped twice ends with the bits of an undisturbed one") {
    const TempDir whole, parts;
    Bench a;
    CHECK(a.fit(whole.path, {.steps = 12, .accumulate = 2, .save_every = 5}).steps == 12);
    for (Index steps : {4, 9, 12}) {
        Bench b;                                                // a new process knows nothing but the folder
        b.fit(parts.path, {.steps = steps, .accumulate = 2, .save_every = 5});
        if (steps == 12) CHECK(b.weights() == a.weights());
    }
}

TEST_CASE("fit: ctrl-c ends behind the step, saves, and the run goes on to the same bits") {
    const TempDir whole, parts;
    Bench a, b, c;
    a.fit(whole.path, {.steps = 6});
    const FitResult stopped = b.fit(parts.path, {.steps = 6}, [](Index step, const Figures&) {
        if (step == 3) std::raise(SIGINT);
    });
    CHECK(stopped.interrupted);
    CHECK(stopped.steps == 3);
    CHECK_FALSE(c.fit(parts.path, {.steps = 6}).interrupted);
    CHECK(c.weights() == a.weights());
}

TEST_CASE("fit: a newest checkpoint that was cut short is reported and the older one is used") {
    const TempDir dir;
    Bench a, b;
    a.fit(dir.path, {.steps = 6, .save_every = 3});
    const std::string newest = dir / "step-00000006.safetensors";
    io::write_atomic(newest, io::read_file(newest).substr(0, 5000));
    Run run(dir.path);
    AdamW optimizer;
    optimizer.add(b.model);
    optimizer.add(b.head, "head.");
    CHECK(run.resume(optimizer, "options") == 3);
    REQUIRE(run.problems().size() == 1);
    CHECK(run.problems()[0].find("step-00000006") != std::string::npos);
}

TEST_CASE("fit: a folder of a run with other options is refused") {
    const TempDir dir;
    Bench a;
    a.fit(dir.path, {.steps = 2});
    Run run(dir.path);
    AdamW optimizer;
    optimizer.add(a.model);
    CHECK_THROWS_WITH_AS(run.resume(optimizer, "others"), doctest::Contains("other options"), UsageError);
}

TEST_CASE("fit: the loss falls, and every step is in metrics.jsonl once") {
    const TempDir dir;
    Bench a;
    std::vector<double> losses;
    const OnLog log = [&](Index, const Figures& figures) {
        for (const auto& [name, value] : figures)
            if (std::string_view(name) == "loss") losses.push_back(value);
    };
    a.fit(dir.path, {.steps = 12}, log);
    REQUIRE(losses.size() == 12);
    CHECK(losses.back() < 0.9 * losses.front());
    const std::string text = io::read_file(dir / "metrics.jsonl");
    CHECK(std::count(text.begin(), text.end(), '\n') == 12);
}

TEST_CASE("fit: with naming alone the decoder stays as it is and the prefix learns to name") {
    const TempDir dir;
    Bench a;
    freeze(a.model, "decoder.*");
    std::vector<double> named;
    const OnLog log = [&](Index, const Figures& figures) {
        for (const auto& [name, value] : figures)
            if (std::string_view(name) == "loss_naming") named.push_back(value);
    };
    a.fit(dir.path, {.steps = 12, .lambda_d = 0, .lambda_k = 0, .lambda_naming = 1}, log);
    REQUIRE(named.size() == 12);
    CHECK(named.back() < 0.9 * named.front());             // its floor is the log of a clip's tokens, not 0
}

TEST_CASE("batch_loss: L is lambda_d L_d + lambda_k L_k, and sampling takes one of the two") {
    Bench b;
    data::Loader loader(b.set.primary, b.set.auxiliary, b.set.tokenizer, b.kinds, Records::frames(), {.batch = 4});
    const data::Batch batch = loader.next();
    LossParts p;
    const double total = batch_loss(b.model, nullptr, batch, {.lambda_d = 2, .lambda_k = 5}, 0, p).item();
    CHECK(total == doctest::Approx(2 * p.description + 5 * p.fill));
    int fills = 0;
    for (Index step = 0; step < 200; ++step) {
        LossParts one;
        (void)batch_loss(b.model, nullptr, batch, {.lambda_d = 2, .lambda_k = 5, .ratio = TaskRatio::sampling}, step, one);
        CHECK((one.description > 0) != (one.fill > 0));
        fills += one.fill > 0;
    }
    CHECK(fills > 115);                                         // 143 expected, deviation 6.4
    CHECK(fills < 170);
}
