// SPDX-License-Identifier: Apache-2.0
// Whole systems from folders: fixtures' weights with a tokenizer of letters. What they say means nothing; that they see
// the frames, fit their prompts together and end as they should does. Their parts are compared with the reference programs
// in tests/goldens.
#include "svad/infer/systems.hpp"

#include "../io/temp_dir.hpp"

#include "doctest/doctest.h"

#include <filesystem>

using namespace svad;
using namespace svad::infer;

namespace {

const std::string fixtures = std::string(SVAD_FIXTURES) + "/models/";

/// A word a letter, and the special words of all systems.
void write_letters(const std::string& folder) {
    io::Json vocabulary = io::Json::object(), added = io::Json::array();
    const auto add = [&](const std::string& word) { vocabulary[word] = vocabulary.size(); };
    for (const char* word : {"[PAD]", "<s>", "</s>", "[UNK]", "[CLS]", "[SEP]", "<|endoftext|>"}) {
        added.push_back(io::object({{"id", vocabulary.size()}, {"content", word}, {"special", true}, {"single_word", false},
                                    {"lstrip", false}, {"rstrip", false}, {"normalized", false}}));
        add(word);
    }
    for (const char* word : {"#", ":", ".", ","}) add(word);
    for (char c = 'a'; c <= 'z'; ++c) add(std::string(1, c)), add("##" + std::string(1, c));
    for (char c = '0'; c <= '9'; ++c) add(std::string(1, c));
    io::write_json(folder + "/tokenizer.json", io::object({{"version", "1.0"}, {"added_tokens", added}, {"normalizer", io::object({{"type", "Lowercase"}})},
        {"pre_tokenizer", io::object({{"type", "BertPreTokenizer"}})}, {"post_processor", nullptr}, {"decoder", io::object({{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", false}})},
        {"model", io::object({{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"continuing_subword_prefix", "##"}, {"max_input_chars_per_word", 100}, {"vocab", vocabulary}})}}));
}

std::string folder_of(const TempDir& dir, const std::string& fixture) {
    const std::string folder = dir / fixture;
    io::make_directories(folder);
    for (const char* file : {"/config.json", "/model.safetensors"}) io::copy_file(fixtures + fixture + file, folder + file);
    write_letters(folder);
    return folder;
}

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

/// A decoder of LLaMA's kind with random weights, as Hugging Face lays it out.
void write_llama(const std::string& folder, Index width) {
    io::make_directories(folder);
    Decoder model({.vocabulary = 90, .width = width, .depth = 1, .heads = 2, .hidden = 24});
    init(model, 3);
    const std::pair<const char*, const char*> names[] = {{"words.weight", "embed_tokens.weight"}, {"norm.weight", "norm.weight"},
        {"blocks.0.norm1.weight", "layers.0.input_layernorm.weight"}, {"blocks.0.norm2.weight", "layers.0.post_attention_layernorm.weight"},
        {"blocks.0.attn.q.weight", "layers.0.self_attn.q_proj.weight"}, {"blocks.0.attn.k.weight", "layers.0.self_attn.k_proj.weight"},
        {"blocks.0.attn.v.weight", "layers.0.self_attn.v_proj.weight"}, {"blocks.0.attn.out.weight", "layers.0.self_attn.o_proj.weight"},
        {"blocks.0.mlp.gate.weight", "layers.0.mlp.gate_proj.weight"}, {"blocks.0.mlp.up.weight", "layers.0.mlp.up_proj.weight"},
        {"blocks.0.mlp.down.weight", "layers.0.mlp.down_proj.weight"}};
    std::vector<Tensor<float>> alive;
    std::vector<io::NamedBytes> tensors;
    const ParameterMap map = parameter_map(model);
    for (const auto& [ours, theirs] : names) tensors.push_back(io::named(join("model.", theirs), alive.emplace_back(map.at(ours)->var().to<float>())));
    tensors.push_back(io::named("lm_head.weight", alive.emplace_back(map.at("head")->var().to<float>())));
    io::write_safetensors(folder + "/model.safetensors", tensors);
    io::write_json(folder + "/config.json", io::object({{"model_type", "llama"}, {"vocab_size", 90}, {"hidden_size", width}, {"num_hidden_layers", 1},
                                                        {"num_attention_heads", 2}, {"intermediate_size", 24}, {"rms_norm_eps", 1e-6}}));
    write_letters(folder);
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
    const std::string folder = dir / "qwen";
    io::make_directories(folder);
    io::Json config = io::read_json(fixtures + "qwen_v1/config.json"), visual = io::read_json(fixtures + "qwen_vl_visual/config.json");
    if (visual.contains("visual")) visual = visual["visual"];
    visual["image_start_id"] = 140;
    config["visual"] = visual;
    io::write_json(folder + "/config.json", config);
    const auto language = io::open_weights(fixtures + "qwen_v1"), eyes = io::open_weights(fixtures + "qwen_vl_visual");
    std::vector<io::NamedBytes> tensors;
    for (const auto* file : {&language, &eyes})
        for (const std::string& name : file->names()) tensors.push_back({name, *file->info(name).dtype, file->info(name).shape, file->info(name).bytes});
    io::write_safetensors(folder + "/model.safetensors", tensors);
    write_letters(folder);
    const System s = open_system("qwen-vl", folder);
    CHECK(s.search.min_new == 8);
    check(s, 1);
}

TEST_CASE("systems: VideoChat tells its frames' times and ends at its mark") {
    const TempDir dir;
    const std::string folder = folder_of(dir, "videochat_gmhra");
    write_llama(folder + "/language", 56);
    System s = open_system("videochat", folder);
    CHECK(std::get<video::Segments>(s.frames).frames == 8);
    CHECK(s.cut == "###");
    s.search.sample = false;
    check(s, 4);
    write_llama(folder + "/language", 48);
    CHECK_THROWS_WITH_AS((void)open_system("videochat", folder), doctest::Contains("projects to words of 56"), io::FormatError);
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
