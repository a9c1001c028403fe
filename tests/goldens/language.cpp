// SPDX-License-Identifier: Apache-2.0
// Fixtures of decoders: forward, gradients, greedy search and beam search.
#include "runner.hpp"

#include "svad/models/hub.hpp"
#include "svad/models/names.hpp"
#include "svad/ops/loss.hpp"

namespace goldens {

namespace {

NameTable names_of(const ModelFixture& fixture) { return names::decoder(fixture.config.at("model_type").get<std::string>()); }

infer::SearchOptions options_of(const Json& generation, const Json& run) {
    infer::SearchOptions o;
    o.max_new = generation.at("max_new_tokens").get<Index>();
    o.pad = generation.at("pad_token_id").get<infer::Id>();
    const Json& eos = generation.at("eos_token_id");
    for (const Json& id : eos.is_array() ? eos : Json::array({eos})) o.stop.push_back(id.get<infer::Id>());
    o.beams = run.value("num_beams", Index{1});
    o.length_penalty = run.value("length_penalty", 1.0);
    o.repetition_penalty = run.value("repetition_penalty", 1.0);
    const Json early = run.value("early_stopping", Json(false));
    o.early_stopping = early.is_string() ? infer::EarlyStopping::never
                       : early.get<bool>() ? infer::EarlyStopping::yes : infer::EarlyStopping::no;
    return o;
}

// One run: ids, lengths, scores (beams) and raw scores of every step (greedy).
void run_search(const ModelFixture& fixture, const Decoder& model, const infer::Prompt& prompt, const std::string& name,
                const infer::SearchOptions& o) {
    const Index B = prompt.vectors.size(0), V = model.config.vocabulary;
    Tensor<float> logits({B, o.max_new, V});
    const auto results = infer::generate(model, prompt, o, [&](Index step, const Tensor<float>& scores) {
        for (Index b = 0; b < B; ++b) std::copy_n(scores.data() + b * V, V, logits.data() + (b * o.max_new + step) * V);
    });
    std::vector<std::int64_t> all, lengths;
    std::vector<float> scores;
    for (std::size_t b = 0; b < results.size(); ++b)
        for (const infer::Hypothesis& h : results[b]) {
            all.insert(all.end(), h.ids.begin(), h.ids.end());
            all.insert(all.end(), static_cast<std::size_t>(o.max_new) - h.ids.size(), o.pad);
            lengths.push_back(static_cast<std::int64_t>(h.ids.size()));
            scores.push_back(static_cast<float>(h.score));
            const Index made = static_cast<Index>(h.ids.size()), row = static_cast<Index>(b) * o.max_new;
            if (o.beams == 1) std::fill_n(logits.data() + (row + made) * V, (o.max_new - made) * V, 0.0f);
        }
    fixture.check_ids(name + ".ids", all);
    fixture.check_ids(name + ".lengths", lengths);
    if (o.beams == 1) fixture.check(name + ".logits", logits);
    else fixture.check(name + ".scores", Tensor<float>({B, static_cast<Index>(scores.size()) / B}, scores));
}

}  // namespace

void run_generation(const ModelFixture& fixture, const Decoder& model, const infer::Prompt& prompt, const std::string& prefix) {
    const NoGrad off;
    const Json& generation = fixture.spec.at("generation");
    for (const auto& [name, run] : generation.at("runs").items())
        if (fixture.expected.contains(prefix + name + ".ids")) run_search(fixture, model, prompt, prefix + name, options_of(generation, run));
}

Var next_word_loss(const Decoder& model, const Var& hidden, const Tensor<std::int32_t>& labels) {
    const Index B = labels.size(0), L = labels.size(1), D = model.config.width, first = hidden.size(1) - L;
    Tensor<std::int32_t> next({B, L - 1});
    for (Index b = 0; b < B; ++b) std::copy_n(labels.data() + b * L + 1, L - 1, next.data() + b * (L - 1));
    const Var h = hidden.slice(1, first, first + L - 1).reshape({B * (L - 1), D});
    if (model.head_bias) return cross_entropy(model.scores(h), next.reshape({B * (L - 1)}));
    return linear_cross_entropy(h, model.head_weight(), next.reshape({B * (L - 1)}));
}

void run_language(const ModelFixture& fixture) {
    const std::string where = fixture.folder + "/config.json";
    Decoder model(hub::decoder(fixture.config, where));
    load(model, fixture.weights, names_of(fixture));

    const Tensor<std::int32_t> ids = fixture.ids("input_ids"), labels = fixture.ids("labels");
    const Tensor<std::uint8_t> keep = fixture.mask("attention_mask");
    const Var words = model.embed(ids);
    const Var nudge = Var::zeros(words.shape()).leaf();             // its gradient is the one behind the word table
    std::vector<Var> layers;
    const Var h = model(words + nudge, {.keep = keep, .layers = &layers});
    fixture.check("embed", masked(words, keep));
    for (std::size_t i = 0; i < layers.size(); ++i) fixture.check(join("block.", i), masked(layers[i], keep));
    fixture.check("final_norm", masked(h, keep));
    fixture.check("logits", masked(model.scores(h.detach()), keep));

    const Var loss = next_word_loss(model, h, labels);
    fixture.check("loss", loss);
    backward(loss);
    fixture.check("grad.inputs_embeds", nudge.grad());
    fixture.check_gradients(names_of(fixture), parameter_map(model));
    if (!fixture.inputs.contains("gen.input_ids")) return;

    const NoGrad off;
    const Tensor<std::uint8_t> prompt_keep = fixture.mask("gen.attention_mask");
    const Var prefill = model(model.embed(fixture.ids("gen.input_ids")), {.keep = prompt_keep});
    fixture.check("gen.prefill_logits", masked(model.scores(prefill), prompt_keep));
    run_generation(fixture, model, infer::Prompt::of(model, fixture.ids("gen.input_ids"), prompt_keep));
}

}  // namespace goldens
