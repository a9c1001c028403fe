// SPDX-License-Identifier: Apache-2.0
// Fixtures of whole systems: what their towers see, what the language model is shown, loss, gradients and search.
#include "runner.hpp"

#include "svad/models/hub_systems.hpp"
#include "svad/models/names_systems.hpp"

namespace goldens {

namespace {

std::string where(const ModelFixture& fixture) { return fixture.folder + "/config.json"; }

std::string text_type(const ModelFixture& fixture) { return fixture.config.at("text_config").at("model_type").get<std::string>(); }

void check_list(const ModelFixture& fixture, const std::string& name, const std::vector<Var>& values, const Tensor<std::uint8_t>& mask = {}) {
    for (std::size_t i = 0; i < values.size(); ++i) fixture.check(name + "." + std::to_string(i), masked(values[i], mask));
}

/// Blocks of a CLIP tower and what is in front of its first norm.
void check_tower(const ModelFixture& fixture, const std::string& name, const Vit& tower, const Var& clips) {
    const NoGrad off;
    std::vector<Var> layers;
    (void)tower.behind(tower.config.depth, clips, &layers);
    fixture.check(name + ".embed", tower.place(clips));
    check_list(fixture, name + ".block", {layers.begin() + 1, layers.end()});
}

Var as_clips(const Var& pictures) { return pictures.reshape({pictures.size(0), 1, pictures.size(1), pictures.size(2), pictures.size(3)}); }

/// The decoder on the merged vectors, its loss and all gradients but those of pictures.
void check_language(const ModelFixture& fixture, const Decoder& decoder, const Var& vectors, const DecoderContext& context) {
    const Tensor<std::uint8_t> keep = fixture.mask("attention_mask");
    std::vector<Var> layers;
    DecoderContext traced = context;
    traced.keep = keep, traced.layers = &layers;
    const Var h = decoder(vectors, traced);
    fixture.check("lm.inputs_embeds", masked(vectors, keep));
    check_list(fixture, "lm.block", layers, keep);
    fixture.check("logits", masked(decoder.scores(h.detach()), keep));
    const Var loss = next_word_loss(decoder, h, fixture.ids("labels"));
    fixture.check("loss", loss);
    backward(loss);
}

infer::Prompt prompt_of(const ModelFixture& fixture, const Var& vectors) {
    return {.vectors = vectors, .keep = fixture.inputs.contains("gen.attention_mask") ? fixture.mask("gen.attention_mask") : KeyMask()};
}

/// The same weights under the names of public files give the same vectors.
template <class M, class See>
void check_hub_file(const ModelFixture& fixture, M& model, const NameTable& table, See see) {
    const std::string path = fixture.folder + "/hub.safetensors";
    if (!io::exists(path)) return;
    const NoGrad off;
    const Tensor<float> want = see().template to<float>();
    load(model, io::SafeTensors::open(path), table);
    const Tensor<float> got = see().template to<float>();
    fixture.report.same("hub.safetensors", std::equal(got.begin(), got.end(), want.begin()), "gives other features");
}

}  // namespace

void run_llava(const ModelFixture& fixture) {
    Llava model(hub::llava(fixture.config, where(fixture)));
    const NameTable table = names::llava(text_type(fixture));
    load(model, fixture.weights, table);
    const Var pixels = fixture.input("pixel_values").leaf();
    const Var clips = model.video ? fixture.input("pixel_values_videos").leaf() : Var();
    check_tower(fixture, model.video ? "image" : "vision", model.vision, as_clips(pixels));
    if (model.video) check_tower(fixture, "vision", *model.video, clips);
    const Var seen = model.see(pixels), nudge = Var::zeros(seen.shape()).leaf();
    fixture.check("features", seen);
    check_language(fixture, model.decoder, model.vectors(fixture.ids("input_ids"), seen + nudge, clips ? model.watch(clips) : Var()), {});
    fixture.check("grad.features", nudge.grad());
    fixture.check("grad.pixel_values", pixels.grad());
    if (clips) fixture.check("grad.pixel_values_videos", clips.grad());
    fixture.check_gradients(table, parameter_map(model));
    const NoGrad off;
    const Var watched = model.video ? model.watch(fixture.input("gen.pixel_values_videos")) : Var();
    run_generation(fixture, model.decoder, prompt_of(fixture, model.vectors(fixture.ids("gen.input_ids"), model.see(fixture.input("gen.pixel_values")), watched)));
    check_hub_file(fixture, model, table, [&] { return model.see(pixels); });
}

void run_blip2(const ModelFixture& fixture) {
    Blip2 model(hub::blip2(fixture.config, where(fixture)));
    const NameTable table = names::blip2(text_type(fixture));
    load(model, fixture.weights, table);
    const auto pictures_of = [](const Var& x) {                                 // frames one by one
        return x.rank() == 5 ? x.reshape({x.size(0) * x.size(1), x.size(2), x.size(3), x.size(4)}) : x;
    };
    const auto instruction_of = [&](const std::string& prefix, Index pictures) {
        Instruction in;
        if (!model.qformer.words) return in;
        const Tensor<std::int32_t> ids = fixture.ids(prefix + "qformer_input_ids");
        const KeyMask keep = fixture.mask(prefix + "qformer_attention_mask");
        const Index B = ids.size(0), L = ids.size(1), each = pictures / B;
        in.ids = Tensor<std::int32_t>({pictures, L}), in.keep = KeyMask({pictures, L});
        for (Index i = 0; i < pictures; ++i) {
            std::copy_n(ids.data() + i / each * L, L, in.ids.data() + i * L);
            std::copy_n(keep.data() + i / each * L, L, in.keep.data() + i * L);
        }
        return in;
    };
    const auto see = [&](const std::string& prefix, const Var& pixels) {
        const Var pictures = pictures_of(pixels);
        return model.qformer.words ? model.see(pictures, instruction_of(prefix, pictures.size(0))) : model.see(pictures);
    };
    const Var pixels = fixture.input("pixel_values").leaf();
    {
        const NoGrad off;
        std::vector<Var> layers, states;
        const Var pictures = pictures_of(pixels), out = model.vision(pictures, &layers);
        fixture.check("vision.embed", layers.at(0));
        check_list(fixture, "vision.block", {layers.begin() + 1, layers.end()});
        fixture.check("vision.out", out);
        if (model.qformer.words) (void)model.qformer(out, instruction_of("", pictures.size(0)), &states);
        else (void)model.qformer(model.qformer.queries->var(), out, {}, &states);
        fixture.check("qformer.embed", states.at(0));
        check_list(fixture, "qformer.block", {states.begin() + 1, states.end()});
        fixture.check("qformer.out", states.back());
    }
    const Var seen = see("", pixels), nudge = Var::zeros(seen.shape()).leaf();
    fixture.check("features", seen);
    check_language(fixture, model.decoder, model.vectors(fixture.ids("input_ids"), seen + nudge), {});
    fixture.check("grad.features", nudge.grad());
    fixture.check("grad.pixel_values", pixels.grad());
    fixture.check_gradients(table, parameter_map(model));
    const NoGrad off;
    const Var shown = see("gen.", fixture.input("gen.pixel_values"));
    run_generation(fixture, model.decoder, prompt_of(fixture, model.vectors(fixture.ids("gen.input_ids"), shown)));
    if (!fixture.spec.contains("noprompt")) return;
    std::vector<std::int32_t> row = placeholders(model.config.image_id, model.config.qformer.queries), ids;
    row.push_back(fixture.config.at("text_config").at("bos_token_id").get<std::int32_t>());
    for (Index b = 0; b < shown.size(0); ++b) ids.insert(ids.end(), row.begin(), row.end());
    const Tensor<std::int32_t> prompt({shown.size(0), static_cast<Index>(row.size())}, ids);
    run_generation(fixture, model.decoder, {.vectors = model.vectors(prompt, shown)}, "noprompt.");
}

void run_qwen_vision(const ModelFixture& fixture) {
    QwenVision model(hub::qwen_vision(fixture.config, where(fixture)));
    const NameTable table = names::qwen_vision(model.config.vit.heads).inside("transformer.visual.", "");
    load(model, fixture.weights, table);
    const Var pixels = fixture.input("pixel_values").leaf();
    std::vector<Var> layers;
    const Var pooled = model.resample(model.vit(pixels, &layers), pixels), normed = model.norm(pooled), y = model.projection(normed);
    fixture.check("embed", layers.at(0));
    check_list(fixture, "block", {layers.begin() + 1, layers.end()});
    fixture.check("attn_pool", pooled);
    fixture.check("ln_post", normed);
    fixture.check("features", y);
    const Var loss = sum(y * fixture.input("cot.features"));
    fixture.check("loss", loss);
    backward(loss);
    fixture.check("grad.pixel_values", pixels.grad());
    fixture.check_gradients(table, parameter_map(model));
    const NoGrad off;
    fixture.check("interp.features", model(fixture.input("interp.pixel_values")));
}

void run_qwen2_vl(const ModelFixture& fixture) {
    Qwen2Vl model(hub::qwen2_vl(fixture.config, where(fixture)));
    load(model, fixture.weights, names::qwen2_vl());
    const auto grids = [&](const std::string& name) {
        const Tensor<std::int32_t> t = fixture.ids(name);
        std::vector<Thw> all;
        for (Index i = 0; i < t.size(0); ++i) all.push_back({t(i, 0), t(i, 1), t(i, 2)});
        return all;
    };
    const auto places = [&](const std::string& prefix) {
        return model.places(fixture.ids(prefix + "input_ids"), fixture.mask(prefix + "attention_mask"), grids(prefix + "image_grid_thw"),
                            grids(prefix + "video_grid_thw"));
    };
    const Var pixels = fixture.input("pixel_values").leaf(), tubes = fixture.input("pixel_values_videos").leaf();
    std::vector<Var> layers;
    const Var seen = model.vision(pixels, grids("image_grid_thw"), &layers), watched = model.vision(tubes, grids("video_grid_thw"));
    fixture.check("vision.embed", layers.at(0));
    check_list(fixture, "vision.block", {layers.begin() + 1, layers.end()});
    fixture.check("features", seen);
    const Tensor<std::int32_t> at = places("");
    fixture.check_ids("lm.position_ids", std::vector<std::int64_t>(at.begin(), at.end()));
    check_language(fixture, model.decoder, model.vectors(fixture.ids("input_ids"), seen, watched), {.places = at});
    fixture.check("grad.pixel_values", pixels.grad());
    fixture.check("grad.pixel_values_videos", tubes.grad());
    fixture.check_gradients(names::qwen2_vl(), parameter_map(model));
    const NoGrad off;
    infer::Prompt prompt = prompt_of(fixture, model.vectors(fixture.ids("gen.input_ids"), model.vision(fixture.input("gen.pixel_values"), grids("gen.image_grid_thw")),
                                                            model.vision(fixture.input("gen.pixel_values_videos"), grids("gen.video_grid_thw"))));
    prompt.places = places("gen.");
    run_generation(fixture, model.decoder, prompt);
}

void run_git(const ModelFixture& fixture) {
    Git model(hub::git(fixture.config, where(fixture)));
    load(model, fixture.weights, names::git());
    const Var pixels = fixture.input("pixel_values").leaf();                    // [B, T, 3, H, W]
    const Tensor<std::int32_t> ids = fixture.ids("input_ids");
    const Tensor<std::uint8_t> keep = fixture.mask("attention_mask");
    const Index B = ids.size(0), L = ids.size(1);
    {
        const NoGrad off;
        std::vector<Var> layers;
        const Var first = pixels.slice(1, 0, 1).reshape({B, pixels.size(2), pixels.size(3), pixels.size(4)}), out = model.vision(first, &layers);
        check_list(fixture, "vision.block", {layers.begin() + 1, layers.end()});
        fixture.check("vision.out", out);
    }
    const Var seen = model.see(pixels), nudge = Var::zeros(seen.shape()).leaf();
    fixture.check("features", seen);
    const Index M = seen.size(1);
    Tensor<std::uint8_t> all({B, M + L});
    for (Index b = 0; b < B; ++b)
        for (Index i = 0; i < M + L; ++i) all(b, i) = i < M || keep(b, i - M);
    std::vector<Var> layers;
    const Var h = model.decoder(model.vectors(ids, seen + nudge), {.keep = all, .layers = &layers, .prefix = M});
    const Var words = model.decoder.embed(ids) + model.decoder.positions->weight.var().slice(0, 0, L);
    fixture.check("text.embed", masked(model.decoder.embed_norm.value()(words).detach(), keep));
    check_list(fixture, "block", layers, all);
    fixture.check("logits", masked(model.decoder.scores(h.detach()), all));
    const Var loss = next_word_loss(model.decoder, h, fixture.ids("labels"));
    fixture.check("loss", loss);
    backward(loss);
    fixture.check("grad.features", nudge.grad());
    fixture.check("grad.pixel_values", pixels.grad());
    fixture.check_gradients(names::git(), parameter_map(model));
    const NoGrad off;
    run_generation(fixture, model.decoder, {.vectors = model.vectors(fixture.ids("gen.input_ids"), model.see(fixture.input("gen.pixel_values"))), .prefix = M});
}

void run_clip_vip(const ModelFixture& fixture) {
    ClipVip model(hub::clip_vip(fixture.config, where(fixture)));
    load(model, fixture.weights, names::clip_vip());
    const Var pixels = fixture.input("pixel_values").leaf();
    const Tensor<std::int32_t> ids = fixture.ids("input_ids");
    const Tensor<std::uint8_t> keep = fixture.mask("attention_mask");
    std::vector<Var> layers, states;
    const Var pooled = model.pool(model.tokens(pixels, &layers)), videos = l2_normalize(model.clip.visual_projection(pooled));
    fixture.check("vision.embed", layers.at(0));
    check_list(fixture, "vision.block", {layers.begin() + 1, layers.end()});
    fixture.check("vision.pooled", pooled);
    fixture.check("video_embeds", videos);
    const Var h = model.clip.text(model.clip.text.embed(ids), {.keep = keep, .layers = &states}), read = model.clip.at_end(h, ids);
    const Var placed = model.clip.text.embed(ids) + model.clip.text.positions->weight.var().slice(0, 0, ids.size(1));
    fixture.check("text.embed", masked(placed.detach(), keep));
    check_list(fixture, "text.block", states, keep);
    fixture.check("text.pooled", read);
    const Var texts = model.read(ids, keep);
    fixture.check("text_embeds", texts);
    fixture.check("similarity", model.clip.scores(videos, texts));
    const Var loss = model.loss(texts, videos);
    fixture.check("loss", loss);
    backward(loss);
    fixture.check("grad.pixel_values", pixels.grad());
    fixture.check_gradients(names::clip_vip(), parameter_map(model));
    const NoGrad off;
    fixture.check("interp.video_embeds", model.see(fixture.input("interp.pixel_values")));
}

}  // namespace goldens
