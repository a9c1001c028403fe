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

void run_vit(const ModelFixture& fixture) {
    Vit model(hub::vit(fixture.config, where(fixture), fixture.weights.contains("pooler.dense.weight")));
    load(model, fixture.weights, names::vit());
    const Var pixels = fixture.input("pixel_values").leaf();
    std::vector<Var> layers;
    const Var y = model(pixels, &layers);
    fixture.check("embed", layers.at(0));
    check_list(fixture, "block", layers, 1);
    fixture.check("last_hidden_state", y);
    Var loss = against(fixture, y, "last_hidden_state");
    if (model.pooler) {
        const Var pooled = model.pool(y);
        fixture.check("pooler_output", pooled);
        if (fixture.inputs.contains("cot.pooler_output")) loss = loss + against(fixture, pooled, "pooler_output");
    }
    fixture.check("loss", loss);
    backward(loss);
    fixture.check("grad.pixel_values", pixels.grad());
    fixture.check_gradients(names::vit(), parameter_map(model));
    if (!fixture.inputs.contains("interp.pixel_values")) return;
    const NoGrad off;
    const Var other = model(fixture.input("interp.pixel_values"));
    fixture.check("interp.last_hidden_state", other);
    if (model.pooler) fixture.check("interp.pooler_output", model.pool(other));
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
