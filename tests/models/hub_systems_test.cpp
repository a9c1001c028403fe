// SPDX-License-Identifier: Apache-2.0
// Whole published systems beyond what the fixtures hold: configurations that are refused, LanguageBind's attention over
// time, GVT's choice of tokens, Qwen-VL's spans, and what M-RoPE and visual prefixes promise.
#include "svad/models/hub_systems.hpp"
#include "svad/models/names_systems.hpp"

#include "doctest/doctest.h"

using namespace svad;

namespace {

io::Json text_json() {
    return io::Json::parse(R"({"model_type": "llama", "vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
                               "intermediate_size": 12, "rms_norm_eps": 1e-6})");
}

io::Json vision_json() {
    return io::Json::parse(R"({"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12,
                               "image_size": 4, "patch_size": 2})");
}

io::Json llava_json() {
    return io::object({{"model_type", "video_llava"}, {"text_config", text_json()}, {"vision_config", vision_json()}});
}

io::Json gvt_json() {
    return io::object({{"model_type", "gvt"}, {"vocab_size", 20}, {"hidden_size", 8}, {"num_hidden_layers", 2}, {"num_attention_heads", 2},
                       {"intermediate_size", 12}, {"vision_config", vision_json()}, {"whole_frame", 1}});
}

Tensor<float> noise(const Shape& shape, std::uint64_t seed) {
    Tensor<float> x(shape);
    Random random(seed, 0);
    for (float& v : x) v = static_cast<float>(random.uniform()) - 0.5f;
    return x;
}

float difference(const Tensor<float>& a, const Tensor<float>& b) {
    REQUIRE(a.shape() == b.shape());
    float worst = 0;
    for (Index i = 0; i < a.numel(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
    return worst;
}

}  // namespace

TEST_CASE("Video-LLaVA's tower for clips has attention over time where its configuration says so") {
    io::Json json = llava_json(), video = vision_json();
    CHECK(hub::llava(json, "config.json").video->time_places == 0);             // as converted by Hugging Face
    video["add_time_attn"] = true, video["num_frames"] = 3;
    json["video_config"] = video;
    Llava model(hub::llava(json, "config.json"));
    init(model, 1);
    REQUIRE(model.video->blocks[0].time);
    CHECK_FALSE(model.vision.blocks[0].time);
    const NameTable table = names::llava();
    const ParameterMap map = parameter_map(model);
    for (const char* name : {"video_tower.vision_model.encoder.layers.1.temporal_embedding", "video_tower.encoder.layers.0.temporal_attn.q_proj.weight",
                             "model.video_tower.video_tower.encoder.layers.0.temporal_layer_norm1.bias", "model.mm_projector.0.weight",
                             "model.layers.1.mlp.up_proj.weight", "model.language_model.layers.0.input_layernorm.weight", "lm_head.weight"}) {
        CAPTURE(name);
        CHECK(resolve(table, name, map).parts.size() == 1);
    }
    CHECK_THROWS_WITH_AS((void)model.watch(noise({1, 4, 3, 4, 4}, 1)), doctest::Contains("4 frames, but the model has places for 3"), ShapeError);
}

TEST_CASE("attention over time mixes frames at one place only") {
    VitConfig c{.image = 4, .patch = 2, .width = 8, .depth = 1, .heads = 2, .time_places = 3};
    VitBlock block(c);
    init(block, 3);
    const NoGrad off;
    Tensor<float> x = noise({3, 5, 8}, 2);                                      // one clip of 3 frames, 5 tokens each
    const Tensor<float> before = (*block.time)(Var(x), 3).as<float>();
    Tensor<float> y = x.clone();
    y(1, 2, 0) += 1.0f;
    const Tensor<float> after = (*block.time)(Var(y), 3).as<float>();
    for (Index t = 0; t < 3; ++t)
        for (Index p = 0; p < 5; ++p) {
            float change = 0;
            for (Index d = 0; d < 8; ++d) change += std::abs(after(t, p, d) - before(t, p, d));
            CAPTURE(t);
            CAPTURE(p);
            CHECK((change > 1e-4f) == (p == 2));
        }
}

TEST_CASE("a picture alone has no place in time") {
    VitConfig c{.image = 4, .patch = 2, .width = 8, .depth = 1, .heads = 2, .time_places = 3};
    VitBlock block(c);
    init(block, 3);
    const NoGrad off;
    const Tensor<float> x = noise({2, 5, 8}, 2);
    const Tensor<float> before = (*block.time)(Var(x), 1).as<float>();
    block.time->places.set(Var(noise({3, 8}, 9)));
    CHECK(difference((*block.time)(Var(x), 1).as<float>(), before) == 0);
}

TEST_CASE("GVT shows the class tokens of all frames and all tokens of one") {
    Git model(hub::gvt(gvt_json(), "config.json"));
    init(model, 5);
    CHECK(model.decoder.config.tied);
    const NoGrad off;
    const Tensor<float> clips = noise({1, 3, 3, 4, 4}, 6);
    const Tensor<float> seen = model.see(Var(clips)).as<float>();
    CHECK(seen.shape() == Shape{1, 3 + 5, 8});
    for (Index t = 0; t < 3; ++t) {                                             // frame by frame the same tokens
        const Var one = model.projection_norm(model.projection(model.vision(Var(clips).slice(1, t, t + 1).reshape({1, 3, 4, 4}))));
        CHECK(difference(one.slice(1, 0, 1).to<float>(), Var(seen).slice(1, t, t + 1).to<float>()) < 1e-5f);
        if (t == 1) CHECK(difference(one.to<float>(), Var(seen).slice(1, 3, 8).to<float>()) < 1e-5f);
    }
    const NameTable table = names::gvt();
    const ParameterMap map = parameter_map(model);
    CHECK(resolve(table, "image_encoder.transformer.resblocks.1.attn.in_proj_weight", map).parts.size() == 3);
    CHECK(resolve(table, "textual.output.bias", map).parts.size() == 1);
    CHECK(resolve(table, "textual.classifier.dense.weight", map).ignored);
}

TEST_CASE("visual tokens of a prefix do not see words, and words see all of them") {
    Git model(hub::gvt(gvt_json(), "config.json"));
    init(model, 5);
    const NoGrad off;
    const Var seen = noise({1, 4, 8}, 7);
    const auto run = [&](std::vector<std::int32_t> ids, const Var& features) {
        return model.decoder(model.vectors(Tensor<std::int32_t>({1, 3}, ids), features), {.prefix = 4}).to<float>();
    };
    const Tensor<float> a = run({1, 2, 3}, seen), b = run({1, 2, 4}, seen);
    CHECK(difference(Var(a).slice(1, 0, 6).to<float>(), Var(b).slice(1, 0, 6).to<float>()) == 0);
    CHECK(difference(a, b) > 1e-4f);
    Tensor<float> other = noise({1, 4, 8}, 7);
    other(0, 3, 0) += 1.0f;                                                     // the last visual token changes the first word
    CHECK(difference(Var(a).slice(1, 4, 5).to<float>(), Var(run({1, 2, 3}, other)).slice(1, 4, 5).to<float>()) > 1e-4f);
}

TEST_CASE("a text without pictures turns the same in three places as in one") {
    io::Json text = text_json();
    text["model_type"] = "qwen2";
    DecoderConfig c = hub::decoder(text, "config.json");
    c.rope_sections = {1, 1, 0};
    Decoder model(c);
    init(model, 4);
    const NoGrad off;
    const Tensor<std::int32_t> ids({1, 4}, {1, 2, 3, 4}), places({3, 1, 4}, {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3});
    const Tensor<float> plain = model(model.embed(ids)).to<float>(), three = model(model.embed(ids), {.places = places}).to<float>();
    CHECK(difference(plain, three) < 1e-6f);
    CHECK_THROWS_AS((void)model(model.embed(ids), {.places = Tensor<std::int32_t>({3, 1, 3})}), ShapeError);
}

TEST_CASE("Qwen-VL replaces whatever stands between <img> and </img>, and nothing else") {
    const io::Json json = io::object({{"model_type", "qwen"}, {"vocab_size", 20}, {"hidden_size", 8}, {"num_hidden_layers", 1}, {"num_attention_heads", 2},
                                      {"kv_channels", 4}, {"intermediate_size", 24}, {"layer_norm_epsilon", 1e-6}, {"seq_length", 64},
                                      {"visual", io::object({{"heads", 2}, {"image_start_id", 10}, {"layers", 1}, {"mlp_ratio", 2.0}, {"output_dim", 8},
                                                             {"patch_size", 2}, {"width", 8}, {"n_queries", 4}, {"pos_grid", 2}, {"attn_pool_heads", 2}})}});
    QwenVl model(hub::qwen_vl(json, "config.json"));
    init(model, 8);
    const NoGrad off;
    const Var features = noise({1, 4, 8}, 9);
    const Tensor<float> a = model.vectors(Tensor<std::int32_t>({1, 7}, {10, 3, 4, 5, 12, 11, 6}), features).to<float>();
    const Tensor<float> b = model.vectors(Tensor<std::int32_t>({1, 7}, {10, 7, 7, 12, 12, 11, 6}), features).to<float>();
    CHECK(difference(a, b) == 0);
    CHECK(difference(Var(a).slice(1, 1, 5).to<float>(), features.to<float>()) == 0);
    CHECK_THROWS_WITH_AS((void)model.vectors(Tensor<std::int32_t>({1, 6}, {10, 3, 4, 5, 11, 6}), features), doctest::Contains("followed by 4 ids and </img>"), ShapeError);
    io::Json odd = json;
    odd["visual"]["n_queries"] = 5;
    CHECK_THROWS_WITH_AS((void)hub::qwen_vl(odd, "config.json"), doctest::Contains("no square"), io::FormatError);
}

TEST_CASE("configurations that are not ours are refused by name") {
    io::Json json = llava_json();
    json["vision_feature_layer"] = -9;
    CHECK_THROWS_WITH_AS((void)hub::llava(json, "config.json"), doctest::Contains("vision_feature_layer -9 of a tower of 2"), io::FormatError);
    json["vision_feature_layer"] = -2, json["vision_feature_select_strategy"] = "some";
    CHECK_THROWS_WITH_AS((void)hub::llava(json, "config.json"), doctest::Contains("neither default nor full"), io::FormatError);
    const io::Json t5 = io::object({{"model_type", "blip-2"}, {"use_decoder_only_language_model", false}});
    CHECK_THROWS_WITH_AS((void)hub::blip2(t5, "config.json"), doctest::Contains("with an encoder is not supported"), io::FormatError);
}
