// SPDX-License-Identifier: Apache-2.0
// Every system of the comparison learns from files, can be stopped at any moment, and what it learned can be kept apart.
#include "svad/train/tune.hpp"

#include "infer/system_folders.hpp"

#include "svad/video/writer.hpp"

#include <doctest/doctest.h>

#include <csignal>

using namespace svad;
using namespace svad::train;

namespace {

/// Three clips of one colour each, and what is said of them.
std::vector<data::Record> clips(const TempDir& dir) {
    const char* const names[] = {"red", "green", "blue"};
    std::vector<data::Record> records;
    for (int k = 0; k < 3; ++k) {
        data::Record r;
        r.id = names[k], r.video = dir / (r.id + ".mp4");
        r.descriptions = {"a " + r.id + " jar", r.id + " it is"};
        if (!io::exists(r.video)) {
            video::VideoWriter file(r.video, {.width = 64, .height = 48});
            Tensor<std::uint8_t> frame({48, 64, 3});
            for (Index i = 0; i < frame.numel(); ++i) frame[i] = i % 3 == k ? 230 : 20;
            for (int t = 0; t < 20; ++t) file.write(frame);
            file.finish();
        }
        records.push_back(r);
    }
    return records;
}

TrainOptions options(Index steps) {
    return {.steps = steps, .rate = {.peak = 5e-3, .total = 6, .decay = Decay::none}, .accumulate = 2, .save_every = 2, .log_every = 1};
}

/// All values by path.
std::map<std::string, std::vector<float>> values(const infer::System& s) {
    std::map<std::string, std::vector<float>> all;
    for_each_parameter(s.module, [&](const std::string& path, Parameter& p) {
        const Tensor<float> v = p.var().to<float>();
        all[path].assign(v.begin(), v.end());
    });
    return all;
}

/// What it says of each clip, by the likeliest words: what was drawn would differ anyhow.
std::vector<std::string> sentences(infer::System s, const std::vector<data::Record>& records) {
    s.search.sample = false, s.search.max_new = 8, s.search.min_new = 0;
    std::vector<std::string> all;
    for (const data::Record& r : records) all.push_back(s.describe(r.video));
    return all;
}

/// The mean loss of the records' first descriptions.
double mean_loss(const infer::System& s, const std::vector<data::Record>& records) {
    const NoGrad off;
    double sum = 0;
    for (const data::Record& r : records) {
        const video::Clip clip = video::read(r.video, s.frames);
        sum += caption_loss(s, {s.pixels(clip.frames), clip.times, caption_words(s, r.descriptions[0], 64)}).item();
    }
    return sum / static_cast<double>(records.size());
}

/// LoRA in the language model, the eyes frozen but for what projects them.
infer::System adapted(std::string_view name, const std::string& folder, const std::string& frozen = "*") {
    infer::System s = infer::open_system(name, folder);
    freeze(s.module, frozen);
    add_lora(s.module, "decoder.*.attn.*", {.rank = 4, .alpha = 8});
    return s;
}

}  // namespace

TEST_CASE("tune: every system learns by low-rank parts alone; the rest keeps its bits; the parts saved alone say the same") {
    const TempDir dir;
    const auto records = clips(dir);
    for (const auto name : infer::system_names) {
        INFO(name);
        const std::string folder = folders::system_folder(name, dir), out = dir / join("run ", name);
        infer::System s = adapted(name, folder);
        CHECK(only_lora(s));
        const auto before = values(s);
        const double first = mean_loss(s, records);
        Run run(out);
        const FitResult done = tune(s, records, run, options(6), "one");
        CHECK(done.skipped.empty());
        CHECK(mean_loss(s, records) < 0.98 * first);
        int moved = 0;
        for (const auto& [path, now] : values(s)) {
            if (path.find(".lora.") == std::string::npos) CHECK_MESSAGE(now == before.at(path), path);
            else moved += now != before.at(path);
        }
        CHECK(moved >= 8);                                      // a and b of q, k, v and out
        save_lora(s.module, out + "/lora.safetensors");
        infer::System fresh = infer::open_system(name, folder);
        load_lora(fresh.module, out + "/lora.safetensors");
        CHECK(sentences(fresh, records) == sentences(s, records));
        CHECK(mean_loss(fresh, records) == mean_loss(s, records));

        infer::System again = adapted(name, folder);            // a new process knows nothing but the folder
        Run stopped(dir / join("stopped ", name)), resumed(stopped.folder());
        tune(again, records, stopped, options(3), "one");
        infer::System third = adapted(name, folder);
        CHECK(tune(third, records, resumed, options(6), "one").steps == 6);
        CHECK(values(third) == values(s));
    }
}

TEST_CASE("tune: all of a system can be trained, what is frozen stays, and the folder it is saved to is that system") {
    const TempDir dir;
    const auto records = clips(dir);
    for (const auto name : infer::system_names) {
        INFO(name);
        const std::string folder = folders::system_folder(name, dir), out = dir / join("whole ", name);
        const std::string eyes = name == "videochat" ? "encoder.*" : name == "qwen-vl" ? "vision.vit.*" : "vision.*";
        infer::System s = infer::open_system(name, folder);
        freeze(s.module, eyes);
        CHECK_FALSE(only_lora(s));
        const auto before = values(s);
        const double first = mean_loss(s, records);
        Run run(out);
        tune(s, records, run, options(4), "two");
        CHECK(mean_loss(s, records) < 0.9 * first);
        for (const auto& [path, now] : values(s))
            if (svad::detail::glob_match(eyes, path)) CHECK_MESSAGE(now == before.at(path), path);
        s.save(out + "/model");
        const infer::System saved = infer::open_system(name, out + "/model");
        CHECK(mean_loss(saved, records) == doctest::Approx(mean_loss(s, records)).epsilon(1e-6));
        CHECK(sentences(saved, records) == sentences(s, records));
    }
}

TEST_CASE("tune: the gradient reaches the eyes through the prompt") {
    const TempDir dir;
    const auto records = clips(dir);
    for (const auto name : infer::system_names) {
        INFO(name);
        infer::System s = infer::open_system(name, folders::system_folder(name, dir));
        const video::Clip clip = video::read(records[0].video, s.frames);
        backward(caption_loss(s, {s.pixels(clip.frames), clip.times, caption_words(s, "a jar", 64)}));
        std::set<std::string> reached;
        for_each_parameter(s.module, [&](const std::string& path, Parameter& p) {
            if (p.grad()) reached.insert(path.substr(0, path.find('.')));
        });
        const std::set<std::string> parts = name == "blip2"       ? std::set<std::string>{"vision", "qformer", "projection", "decoder"}
                                            : name == "qwen-vl"   ? std::set<std::string>{"vision", "decoder"}
                                            : name == "gvt"       ? std::set<std::string>{"vision", "projection", "projection_norm", "decoder"}
                                            : name == "videochat" ? std::set<std::string>{"encoder", "qformer", "extra_queries", "projection", "decoder"}
                                            : name == "llava"     ? std::set<std::string>{"vision", "project1", "project2", "decoder"}
                                                                  : std::set<std::string>{"video", "project1", "project2", "decoder"};
        CHECK(reached == parts);
    }
}

TEST_CASE("caption_loss: it is the mean of what the scores say of the caption's words and its end, one by one") {
    const TempDir dir;
    const auto records = clips(dir);
    for (const auto name : infer::system_names) {
        INFO(name);
        const NoGrad off;
        const infer::System s = infer::open_system(name, folders::system_folder(name, dir));
        const video::Clip clip = video::read(records[1].video, s.frames);
        const TuneClip one{s.pixels(clip.frames), clip.times, caption_words(s, "a jar", 64)};
        CHECK(one.words.back() == s.search.stop.back());
        const infer::Prompt asked = s.prompt(Var(one.frames), one.seconds, s.question);
        double sum = 0;
        infer::detail::Session session(*s.decoder, asked, 64);
        for (const infer::Id word : one.words) {
            const Tensor<float> scores = session.scores();
            sum -= infer::log_probabilities(std::vector<float>(scores.begin(), scores.end()))[static_cast<std::size_t>(word)];
            session.push({word});
        }
        CHECK(caption_loss(s, one).item() == doctest::Approx(sum / static_cast<double>(one.words.size())).epsilon(1e-4));
    }
}

TEST_CASE("caption_words: as they follow a prompt, ended, and cut to the limit without their end") {
    const TempDir dir;
    const infer::System s = infer::open_system("llava", folders::system_folder("llava", dir));
    const auto words = caption_words(s, "red jar", 64);
    CHECK(s.tokenizer.decode(words) == "red jar");
    CHECK(words.size() == 7);                                   // six letters and the end
    CHECK(words.back() == s.tokenizer.id("</s>"));
    const auto cut = caption_words(s, "red jar", 4);
    CHECK(cut == std::vector<infer::Id>(words.begin(), words.begin() + 4));
}

TEST_CASE("tune: a clip that cannot be read is replaced and named; ctrl-c saves, and the run goes on to the same bits") {
    const TempDir dir;
    auto records = clips(dir);
    records.push_back(records[0]);
    records.back().id = "gone", records.back().video = dir / "gone.mp4";
    const std::string folder = folders::system_folder("llava", dir);
    infer::System whole = adapted("llava", folder), parts = adapted("llava", folder);
    Run undisturbed(dir / "a"), disturbed(dir / "b"), resumed(dir / "b");
    const FitResult done = tune(whole, records, undisturbed, options(5), "three");
    REQUIRE(done.skipped.size() == 1);
    CHECK(done.skipped[0].find("gone.mp4") != std::string::npos);
    const FitResult stopped = tune(parts, records, disturbed, options(5), "three", {}, "tune", [](Index step, const Figures&) {
        if (step == 3) std::raise(SIGINT);
    });
    CHECK(stopped.interrupted);
    CHECK(stopped.steps == 3);
    parts = adapted("llava", folder);
    CHECK_FALSE(tune(parts, records, resumed, options(5), "three").interrupted);
    CHECK(values(parts) == values(whole));
    CHECK_THROWS_WITH_AS(tune(parts, records, resumed, options(5), "others"), doctest::Contains("other options"), UsageError);
}

TEST_CASE("tune: products in bf16 learn the same, nearly") {
    const TempDir dir;
    const auto records = clips(dir);
    const std::string folder = folders::system_folder("llava", dir);
    infer::System exact = adapted("llava", folder), rounded = adapted("llava", folder);
    Run a(dir / "a"), b(dir / "b");
    TrainOptions how = options(4);
    tune(exact, records, a, how, "f32");
    how.matmul = DType::bf16;
    tune(rounded, records, b, how, "bf16");
    CHECK(values(exact) != values(rounded));
    CHECK(mean_loss(rounded, records) == doctest::Approx(mean_loss(exact, records)).epsilon(0.05));      // 8 bits of every operand, four steps
}

TEST_CASE("tune: merged, a system says what it said with its parts beside; unmerged, it has its bits again") {
    const TempDir dir;
    const auto records = clips(dir);
    infer::System s = adapted("video-llava", folders::system_folder("video-llava", dir));
    Run run(dir / "run");
    tune(s, records, run, options(3), "four");
    const auto before = values(s);
    const double loss = mean_loss(s, records);
    merge_lora(s.module);
    CHECK(values(s) != before);
    CHECK(mean_loss(s, records) == doctest::Approx(loss).epsilon(1e-5));
    unmerge_lora(s.module);
    CHECK(values(s) == before);
    CHECK(mean_loss(s, records) == loss);
}

TEST_CASE("tune: nothing to train, nothing to train on and no room for a word are errors that say so") {
    const TempDir dir;
    const auto records = clips(dir);
    infer::System s = infer::open_system("llava", folders::system_folder("llava", dir));
    Run run(dir / "run");
    CHECK_THROWS_WITH_AS(tune(s, {}, run, options(1), "x"), doctest::Contains("no clips"), UsageError);
    CHECK_THROWS_WITH_AS(tune(s, records, run, options(1), "x", {.text_limit = 0}), doctest::Contains("room for a word"), UsageError);
    freeze(s.module, "*");
    CHECK_FALSE(only_lora(s));
    CHECK_THROWS_WITH_AS(tune(s, records, run, options(1), "x"), doctest::Contains("every parameter is frozen"), UsageError);
}
