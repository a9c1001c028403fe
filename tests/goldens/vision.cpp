// SPDX-License-Identifier: Apache-2.0
// Fixtures of encoders: ViT, BERT, Q-Former, and the video encoders of VideoChat and UniFormerV2.
#include "runner.hpp"

#include "svad/models/hub.hpp"
#include "svad/models/names.hpp"

namespace goldens {

namespace {

/// sum(y * cotangent), as the fixtures define their loss.
Var against(const ModelFixture& fixture, const Var& y, const std::string& name) { return sum(y * fixture.input("cot." + name)); }

void check_list(const ModelFixture& fixture, const std::string& name, const std::vector<Var>& values, std::size_t skip = 0,
                const Tensor<std::uint8_t>& mask = {}) {
    for (std::size_t i = skip; i < values.size(); ++i)
        fixture.check(name + "." + std::to_string(i - skip), masked(values[i], mask));
}

std::string where(const ModelFixture& fixture) { return fixture.folder + "/config.json"; }

}  // namespace

namespace {

struct Tower {
    VitConfig config;
    NameTable names;
};

/// What the fixture's vision transformer is called decides how its files are read.
Tower tower_of(const ModelFixture& fixture) {
    const std::string type = fixture.config.at("model_type");
    if (type == "dinov2") return {hub::dinov2(fixture.config, where(fixture)), names::dinov2()};
    if (type == "siglip_vision_model") return {hub::siglip(fixture.config, where(fixture)), names::siglip()};
    return {hub::vit(fixture.config, where(fixture), fixture.weights.contains("pooler.dense.weight")), names::vit()};
}

/// The same weights under the names of public files, where the fixture has them, give the same bits.
void check_hub_file(const ModelFixture& fixture, Vit& model, const NameTable& names, const Var& expected) {
    const std::string path = fixture.folder + "/hub.safetensors";
    if (!io::exists(path)) return;
    const NoGrad off;
    load(model, io::SafeTensors::open(path), names);
    const Tensor<float> got = model(fixture.input("pixel_values")).to<float>(), want = expected.to<float>();
    fixture.report.same("hub.safetensors", std::equal(got.begin(), got.end(), want.begin()), "gives another last_hidden_state");
}

}  // namespace

void run_vit(const ModelFixture& fixture) {
    const Tower tower = tower_of(fixture);
    Vit model(tower.config);
    load(model, fixture.weights, tower.names);
    const Var pixels = fixture.input("pixel_values").leaf();
    const bool pooled_too = model.config.pool != VitPool::none;
    std::vector<Var> layers;
    const Var y = model(pixels, &layers);
    fixture.check("embed", layers.at(0));
    check_list(fixture, "block", layers, 1);
    fixture.check("last_hidden_state", y);
    Var loss = against(fixture, y, "last_hidden_state");
    if (pooled_too) {
        const Var pooled = model.pool(y);
        fixture.check("pooler_output", pooled);
        if (fixture.inputs.contains("cot.pooler_output")) loss = loss + against(fixture, pooled, "pooler_output");
    }
    fixture.check("loss", loss);
    backward(loss);
    fixture.check("grad.pixel_values", pixels.grad());
    fixture.check_gradients(tower.names, parameter_map(model));
    check_hub_file(fixture, model, tower.names, y);
    if (!fixture.inputs.contains("interp.pixel_values")) return;
    const NoGrad off;
    const Var other = model(fixture.input("interp.pixel_values"));
    fixture.check("interp.last_hidden_state", other);
    if (pooled_too) fixture.check("interp.pooler_output", model.pool(other));
}

void run_clip_model(const ModelFixture& fixture) {
    Clip model(hub::clip(fixture.config, where(fixture)));
    load(model, fixture.weights, names::clip());
    const Var pixels = fixture.input("pixel_values").leaf();
    const Tensor<std::int32_t> ids = fixture.ids("input_ids");
    const Tensor<std::uint8_t> keep = fixture.mask("attention_mask");

    std::vector<Var> layers;
    const Var tokens = model.vision(pixels, &layers), seen = model.vision.pool(tokens);
    fixture.check("vision.embed", model.vision.place(pixels.reshape({pixels.size(0), 1, 3, pixels.size(2), pixels.size(3)})));
    fixture.check("vision.pre", layers.at(0));
    check_list(fixture, "vision.block", layers, 1);
    fixture.check("vision.pooled", seen);
    const Var pictures = l2_normalize(model.visual_projection(seen));
    fixture.check("image_embeds", pictures);
    fixture.check("image_embeds", model.see(pixels));

    const Var words = model.text.embed(ids), nudge = Var::zeros(words.shape()).leaf();
    std::vector<Var> states;
    const Var h = model.text(words + nudge, {.keep = keep, .layers = &states});
    fixture.check("text.embed", masked(words, keep));
    check_list(fixture, "text.block", states, 0, keep);
    fixture.check("text.final", masked(h, keep));
    const Var read = model.at_end(h, ids);
    fixture.check("text.pooled", read);
    const Var texts = l2_normalize(model.text_projection(read));
    fixture.check("text_embeds", texts);
    fixture.check("text_embeds", model.read(ids, keep));

    const Var scores = model.scores(texts, pictures);
    fixture.check("logits_per_text", scores);
    fixture.check("logits_per_image", scores.permute({1, 0}));
    const Var loss = info_nce(texts, pictures, model.logit_scale);
    fixture.check("loss", loss);
    backward(loss);
    fixture.check("grad.pixel_values", pixels.grad());
    fixture.check("grad.text.embed", nudge.grad());
    fixture.check_gradients(names::clip(), parameter_map(model));
    const NoGrad off;
    fixture.check("interp.image_embeds", model.see(fixture.input("interp.pixel_values")));
}

namespace {

/// EVA-CLIP-g with the norm that BLIP-2 puts behind it.
struct EvaTower {
    Vit vit;
    LayerNorm norm;
    explicit EvaTower(const VitConfig& c) : vit(c), norm(c.width, 1e-5) { name_parameters(*this); }
    void visit(auto&& f) { f("vit", vit); f("norm", norm); }
};

}  // namespace

void run_eva(const ModelFixture& fixture) {
    EvaTower model(hub::eva(fixture.config, where(fixture)));
    NameTable table = names::eva().inside("visual_encoder.", "vit.");
    table.add({{{"ln_vision.*", "norm.*"}}});
    load(model, fixture.weights, table);
    const Var pixels = fixture.input("pixel_values").leaf();
    std::vector<Var> layers;
    const Var hidden = model.vit(pixels, &layers), y = model.norm(hidden);
    fixture.check("embed", layers.at(0));
    check_list(fixture, "block", layers, 1);
    fixture.check("hidden", hidden);
    fixture.check("ln_vision", y);
    const Var loss = against(fixture, y, "ln_vision");
    fixture.check("loss", loss);
    backward(loss);
    fixture.check("grad.pixel_values", pixels.grad());
    fixture.check_gradients(table, parameter_map(model));
    const NoGrad off;
    const Var other = model.vit(fixture.input("interp.pixel_values"));
    fixture.check("interp.hidden", other);
    fixture.check("interp.ln_vision", model.norm(other));
}

void run_bert(const ModelFixture& fixture) {
    Bert model(hub::bert(fixture.config, where(fixture), fixture.weights.contains("pooler.dense.weight")));
    load(model, fixture.weights, names::bert());
    const Tensor<std::uint8_t> keep = fixture.mask("attention_mask");
    const Tensor<std::int32_t> types = fixture.inputs.contains("token_type_ids") ? fixture.ids("token_type_ids") : Tensor<std::int32_t>();
    const Var words = model.words(fixture.ids("input_ids"));
    const Var nudge = Var::zeros(words.shape()).leaf();             // its gradient is the one behind the word table
    std::vector<Var> layers;
    const Var y = model.from_words(words + nudge, keep, types, &layers);
    fixture.check("word_embed", masked(words, keep));
    fixture.check("embed", masked(layers.at(0), keep));
    check_list(fixture, "block", layers, 1, keep);
    fixture.check("last_hidden_state", masked(y, keep));
    fixture.check("sentence", Bert::sentence(y, keep));
    if (!fixture.inputs.contains("cot.last_hidden_state")) return;
    Var loss = against(fixture, y, "last_hidden_state");
    if (model.pooler) {
        const Var pooled = model.pool(y);
        fixture.check("pooler_output", pooled);
        if (fixture.inputs.contains("cot.pooler_output")) loss = loss + against(fixture, pooled, "pooler_output");
    }
    fixture.check("loss", loss);
    backward(loss);
    fixture.check("grad.word_embed", nudge.grad());
    fixture.check_gradients(names::bert(), parameter_map(model));
}

void run_qformer(const ModelFixture& fixture) {
    QFormer model(hub::qformer(fixture.config, where(fixture)));
    load(model, fixture.weights, names::qformer());
    const Var queries = fixture.input("query_embeds").leaf(), tokens = fixture.input("encoder_hidden_states").leaf();
    std::vector<Var> layers;
    const Var y = model(queries, tokens, fixture.mask("encoder_attention_mask"), &layers);
    fixture.check("embed", layers.at(0));
    check_list(fixture, "block", layers, 1);
    fixture.check("last_hidden_state", y);
    fixture.check("pooler_output", y.slice(1, 0));
    const Var loss = against(fixture, y, "last_hidden_state");
    fixture.check("loss", loss);
    backward(loss);
    fixture.check("grad.query_embeds", queries.grad());
    fixture.check("grad.encoder_hidden_states", tokens.grad());
    fixture.check_gradients(names::qformer(), parameter_map(model));
}

void run_video_chat(const ModelFixture& fixture) {
    VideoChat model(hub::video_chat(fixture.config, where(fixture)));
    load(model, fixture.weights, names::video_chat());
    const Var pixels = fixture.input("pixel_values").leaf();        // [B, T, 3, H, W]
    VideoTrace trace;
    std::vector<Var> states;
    const Var y = model(pixels, &trace, &states);
    fixture.check("embed", trace.embed);
    check_list(fixture, "block", trace.blocks);
    check_list(fixture, "gmhra", trace.aggregates);
    fixture.check("tokens", trace.tokens);
    fixture.check("ln_vision", trace.normed);
    check_list(fixture, "qformer.block", states, 1);
    fixture.check("out", y);
    const Var loss = against(fixture, y, "out");
    fixture.check("loss", loss);
    backward(loss);
    fixture.check("grad.pixel_values", pixels.grad());
    fixture.check_gradients(names::video_chat(), parameter_map(model));
}

void run_uniformer(const ModelFixture& fixture) {
    UniFormer model(hub::uniformer(fixture.config, where(fixture)));
    load(model, fixture.weights, names::uniformer());
    const Var pixels = fixture.input("pixel_values").leaf();        // [B, 3, T, H, W]
    VideoTrace trace;
    const Var y = model(pixels.permute({0, 2, 1, 3, 4}), &trace);
    fixture.check("embed", trace.embed);
    check_list(fixture, "block", trace.blocks);
    check_list(fixture, "dec", trace.aggregates);
    fixture.check("out", y);
    const Var loss = against(fixture, y, "out");
    fixture.check("loss", loss);
    backward(loss);
    fixture.check("grad.pixel_values", pixels.grad());
    fixture.check_gradients(names::uniformer(), parameter_map(model));
}

}  // namespace goldens
