// SPDX-License-Identifier: Apache-2.0
// Whole systems from folders: fixtures' weights with a tokenizer of letters. What they say means nothing; that they see
// the frames, fit their prompts together and end as they should does. Their parts are compared with the reference programs
// in tests/goldens.
#include "svad/infer/systems.hpp"

#include "system_folders.hpp"

#include "doctest/doctest.h"

using namespace svad;
using namespace svad::infer;
using namespace folders;

namespace {

Tensor<std::uint8_t> frames(Index count, std::uint64_t seed) {
    Tensor<std::uint8_t> clip({count, 40, 60, 3});
    Random random(seed, 1);
    for (auto& x : clip.span()) x = static_cast<std::uint8_t>(random.below(256));
    return clip;
}

Tensor<float> prompt(const System& s, const Tensor<std::uint8_t>& clip) {
    const NoGrad off;
    return s.prompt(Var(s.pixels(clip)), std::vector<double>(static_cast<std::size_t>(clip.size(0)), 0.5), s.question).vectors.to<float>();
}

bool same(const Tensor<float>& a, const Tensor<float>& b) { return a.shape() == b.shape() && std::equal(a.begin(), a.end(), b.begin()); }

/// Scores of the first word about the same frames as ever.
Tensor<float> scores(const System& s) {
    const NoGrad off;
    const Index count = std::holds_alternative<video::Uniform>(s.frames) ? 1 : 4;
    const Prompt asked = s.prompt(Var(s.pixels(frames(count, 1))), std::vector<double>(static_cast<std::size_t>(count), 0.5), s.question);
    const Var hidden = (*s.decoder)(asked.vectors, {.prefix = asked.prefix});
    return s.decoder->scores(hidden.slice(1, hidden.size(1) - 1)).to<float>();
}

/// It says the same of the same frames, is shown other vectors for other frames, and says what its decoder can say.
void check(System s, Index count) {
    s.search.max_new = 6;
    const std::vector<double> times(static_cast<std::size_t>(count), 0.5);
    const std::string said = s.describe(frames(count, 1), times);
    CHECK(said == s.describe(frames(count, 1), times));
    const Tensor<float> one = prompt(s, frames(count, 1)), two = prompt(s, frames(count, 2));
    CHECK(one.shape() == two.shape());
    CHECK_FALSE(same(one, two));
    CHECK(one.size(2) == s.decoder->config.width);
}

}  // namespace

TEST_CASE("systems: LLaVA and BLIP-2 see one frame, Video-LLaVA eight") {
    const TempDir dir;
    const System llava = open_system("llava", folder_of(dir, "llava"));
    CHECK(std::get<video::Uniform>(llava.frames).frames == 1);
    check(llava, 1);
    const System clips = open_system("video-llava", folder_of(dir, "video_llava"));
    CHECK(std::get<video::Linspace>(clips.frames).frames == 8);
    check(clips, 8);
    const System blip = open_system("blip2", folder_of(dir, "blip2_opt"));
    CHECK(blip.search.beams == 5);
    CHECK(blip.question == "a photo of");
    check(blip, 1);
    CHECK_THROWS_WITH_AS((void)open_system("video-llava", folder_of(dir, "llava")), doctest::Contains("has no tower for clips"), UsageError);
}

TEST_CASE("systems: Qwen-VL reads its picture between its marks") {
    const TempDir dir;
    const System s = open_system("qwen-vl", qwen_vl_folder(dir));
    CHECK(s.search.min_new == 8);
    check(s, 1);
}

TEST_CASE("systems: VideoChat tells its frames' times and ends at its mark") {
    const TempDir dir;
    const std::string folder = videochat_folder(dir);
    System s = open_system("videochat", folder);
    CHECK(std::get<video::Segments>(s.frames).frames == 8);
    CHECK(s.cut == "###");
    s.search.sample = false;
    check(s, 4);
    write_llama(folder + "/language", 48);
    CHECK_THROWS_WITH_AS((void)open_system("videochat", folder), doctest::Contains("projects to words of 56"), io::FormatError);
}

TEST_CASE("systems: GVT sees sixteen frames and is asked nothing") {
    const TempDir dir;
    const System s = open_system("gvt", gvt_folder(dir));
    CHECK(std::get<video::Stride>(s.frames).frames == 16);
    CHECK(s.question.empty());
    check(s, 16);
}

TEST_CASE("systems: saved, each is a folder that says the same; low-rank parts are folded in, and stay beside the weights here") {
    const TempDir dir;
    for (const auto name : system_names) {
        INFO(name);
        const System s = open_system(name, system_folder(name, dir));
        add_lora(s.module, "decoder.*.attn.?", {.rank = 2});
        for_each_part<Linear>(s.module, [](const std::string&, Linear& l) {
            if (l.lora) l.lora->b.set(Var::full(l.lora->b.shape(), 0.05));
        });
        const std::string out = dir / (std::string(name) + " saved");
        const Tensor<float> before = scores(s);
        s.save(out);
        CHECK(same(scores(s), before));
        CHECK_FALSE(io::exists(out + "/lora.safetensors"));
        const Tensor<float> after = scores(open_system(name, out));
        REQUIRE(after.shape() == before.shape());
        double worst = 0, change = 0;
        const Tensor<float> plain = scores(open_system(name, system_folder(name, dir)));
        for (Index i = 0; i < after.numel(); ++i) {
            worst = std::max(worst, static_cast<double>(std::abs(after[i] - before[i])));
            change = std::max(change, static_cast<double>(std::abs(plain[i] - before[i])));
        }
        CHECK(worst < 1e-4);                                                    // (W + s B A) x rounds otherwise than W x + s B A x
        CHECK(change > 1e-2);
    }
}

TEST_CASE("systems: low-rank parts beside the weights are part of the system") {
    const TempDir dir;
    const std::string folder = folder_of(dir, "llava");
    const System s = open_system("llava", folder);
    const Tensor<float> plain = scores(s);
    add_lora(s.module, "decoder.*", {.rank = 2});
    for_each_part<Linear>(s.module, [](const std::string&, Linear& l) {
        if (l.lora) l.lora->b.set(Var::full(l.lora->b.shape(), 0.05));
    });
    const Tensor<float> adapted = scores(s);
    CHECK_FALSE(same(plain, adapted));
    save_lora(s.module, folder + "/lora.safetensors");
    CHECK(same(scores(open_system("llava", folder)), adapted));
}

TEST_CASE("systems: unknown names and folders without their files are errors that say so") {
    const TempDir dir;
    const std::string folder = folder_of(dir, "llava");
    CHECK_THROWS_WITH_AS((void)open_system("flamingo", folder), doctest::Contains("known are blip2"), UsageError);
    io::remove_file(folder + "/tokenizer.json");
    CHECK_THROWS_WITH_AS((void)open_system("llava", folder), doctest::Contains("holds no tokenizer.json"), io::FileError);
    CHECK_THROWS_AS((void)open_system("llava", dir / "nothing"), io::FileError);
}

TEST_CASE("preprocessor: old and new forms of sizes, steps that are off, and what is not supported") {
    const auto of = [](const char* text) { return Preprocessor::of(io::parse_json(text, "p.json"), "p.json"); };
    const Preprocessor clip = of(R"({"do_resize": true, "size": {"shortest_edge": 24}, "do_center_crop": true, "crop_size": {"height": 20, "width": 20},
                                     "resample": 3, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25], "feature_extractor_type": "CLIP"})");
    CHECK(clip.unused == std::vector<std::string>{"feature_extractor_type"});
    Tensor<std::uint8_t> grey({2, 40, 60, 3});
    std::fill(grey.begin(), grey.end(), std::uint8_t{51});
    const Tensor<float> made = clip(grey);
    CHECK(made.shape() == Shape{1, 2, 3, 20, 20});
    for (const float x : made) CHECK(x == doctest::Approx((0.2 - 0.5) / 0.25));
    CHECK(of(R"({"size": 30})").shorter == 30);
    CHECK(of(R"({"size": {"height": 8, "width": 12}})")(grey).shape() == Shape{1, 2, 3, 8, 12});
    CHECK(of(R"({"do_resize": false, "do_normalize": false})")(grey).shape() == Shape{1, 2, 3, 40, 60});
    const Preprocessor filled = of(R"({"do_pad": true, "size": {"height": 30, "width": 30}, "resample": 2})");
    const Tensor<float> square = filled(grey);
    CHECK(square.shape() == Shape{1, 2, 3, 30, 30});
    CHECK(std::abs(square[0]) < 0.02f);                                         // the mean, as far as a byte can say it
    CHECK_THROWS_WITH_AS((void)of(R"({"resample": 1})"), doctest::Contains("resample 1"), io::FormatError);
    CHECK_THROWS_WITH_AS((void)of(R"({"rescale_factor": 0.0078})"), doctest::Contains("divided by 255"), io::FormatError);
    CHECK_THROWS_WITH_AS((void)of(R"({"do_flip": true})"), doctest::Contains("'do_flip' is not supported"), io::FormatError);
    CHECK_THROWS_WITH_AS((void)of(R"({"size": {"height": 0, "width": 4}})"), doctest::Contains("not within 1 and 8192"), io::FormatError);
    CHECK_THROWS_WITH_AS((void)of(R"({"image_mean": [1, 2]})"), doctest::Contains("three values"), io::FormatError);
}
