// SPDX-License-Identifier: Apache-2.0
// Checkpoints in, checkpoints out: every fixture comes back tensor for tensor, whatever its names, fused rows and shapes.
// SVAD_EXPORT names a folder that keeps what was written, for tests/tool/roundtrip.py.
#include "svad/nn/export.hpp"

#include "svad/models/hub.hpp"
#include "svad/models/names.hpp"
#include "svad/nn/lora.hpp"

#include "../io/temp_dir.hpp"

#include "doctest/doctest.h"

#include <cstdlib>

using namespace svad;

namespace {

const std::string fixtures = std::string(SVAD_FIXTURES) + "/models/";

/// Loads the folder into a new model and writes it to `to`.
template <class Make>
void through(const std::string& from, const std::string& to, Make make, const NameTable& names) {
    auto model = make(io::read_json(from + "/config.json"), from + "/config.json");
    load(model, from, names);
    export_like(model, from, to, names);
}

void decoder_through(const std::string& from, const std::string& to) {
    const auto json = io::read_json(from + "/config.json");
    through(from, to, [](const io::Json& j, const std::string& where) { return Decoder(hub::decoder(j, where)); }, names::decoder(json["model_type"]));
}

void system_through(const std::string& name, const std::string& from, const std::string& to) {
    const auto text_type = [&] { return io::read_json(from + "/config.json")["text_config"].value("model_type", "llama"); };
    if (name.ends_with("llava")) through(from, to, [](const auto& j, const auto& w) { return Llava(hub::llava(j, w)); }, names::llava(text_type()));
    else if (name == "qwen2_vl") through(from, to, [](const auto& j, const auto& w) { return Qwen2Vl(hub::qwen2_vl(j, w)); }, names::qwen2_vl());
    else if (name == "git_video") through(from, to, [](const auto& j, const auto& w) { return Git(hub::git(j, w)); }, names::git());
    else if (name == "vit") through(from, to, [](const auto& j, const auto& w) { return Vit(hub::vit(j, w, true)); }, names::vit());
    else if (name == "bert") through(from, to, [](const auto& j, const auto& w) { return Bert(hub::bert(j, w)); }, names::bert());
    else through(from, to, [](const auto& j, const auto& w) { return Blip2(hub::blip2(j, w)); }, names::blip2(text_type()));
}

void check_same(const std::string& a, const std::string& b) {
    const auto x = io::open_weights(a), y = io::open_weights(b);
    CHECK(x.names() == y.names());
    for (const std::string& name : x.names()) {
        INFO(name);
        CHECK(x.info(name).shape == y.info(name).shape);
        CHECK(x.info(name).stored == y.info(name).stored);
        CHECK(std::equal(x.info(name).bytes.begin(), x.info(name).bytes.end(), y.info(name).bytes.begin(), y.info(name).bytes.end()));
    }
}

}  // namespace

TEST_CASE("export: every decoder comes back as the file it was, with its config.json") {
    const TempDir dir;
    const char* const kept = std::getenv("SVAD_EXPORT");
    for (const std::string name : {"llama_mha", "llama_gqa", "llama_rope_llama3", "gpt2", "opt", "qwen_v1", "baichuan_7b", "baichuan_13b", "baichuan2_7b", "baichuan2_13b"}) {
        INFO(name);
        const std::string to = kept ? std::string(kept) + "/" + name : dir / name;
        decoder_through(fixtures + name, to);
        check_same(fixtures + name, to);
        CHECK(io::read_file(to + "/config.json") == io::read_file(fixtures + name + "/config.json"));
    }
}

TEST_CASE("export: so do encoders and whole systems") {
    const TempDir dir;
    const char* const kept = std::getenv("SVAD_EXPORT");
    for (const std::string name : {"vit", "bert", "llava", "video_llava", "blip2_opt", "instructblipvideo", "qwen2_vl", "git_video"}) {
        INFO(name);
        const std::string to = kept ? std::string(kept) + "/" + name : dir / name;
        system_through(name, fixtures + name, to);
        check_same(fixtures + name, to);
    }
}

TEST_CASE("export: what was trained is what is read, a head stored beside its words follows them, shards stay shards") {
    const TempDir dir;
    const std::string source = dir / "source", out = dir / "out";
    io::make_directories(source);
    Decoder model({.vocabulary = 20, .width = 8, .depth = 1, .heads = 2, .hidden = 12, .tied = true});
    init(model, 1);
    const NameTable names = names::llama();
    std::map<std::string, Tensor<float>> values;
    for (const auto& [path, p] : parameters(model)) values[path] = p->var().to<float>();
    const auto tensor = [&](const char* name, const char* path) { return io::named(name, values.at(path)); };
    io::write_safetensors(source + "/model-1.safetensors", {tensor("model.embed_tokens.weight", "words.weight"), tensor("model.norm.weight", "norm.weight"),
        tensor("model.layers.0.input_layernorm.weight", "blocks.0.norm1.weight"), tensor("model.layers.0.post_attention_layernorm.weight", "blocks.0.norm2.weight")});
    io::write_safetensors(source + "/model-2.safetensors", {tensor("lm_head.weight", "words.weight"), tensor("model.layers.0.self_attn.q_proj.weight", "blocks.0.attn.q.weight"),
        tensor("model.layers.0.self_attn.k_proj.weight", "blocks.0.attn.k.weight"), tensor("model.layers.0.self_attn.v_proj.weight", "blocks.0.attn.v.weight"),
        tensor("model.layers.0.self_attn.o_proj.weight", "blocks.0.attn.out.weight"), tensor("model.layers.0.mlp.gate_proj.weight", "blocks.0.mlp.gate.weight"),
        tensor("model.layers.0.mlp.up_proj.weight", "blocks.0.mlp.up.weight"), tensor("model.layers.0.mlp.down_proj.weight", "blocks.0.mlp.down.weight")});
    io::Json map;
    for (const std::string file : {"model-1.safetensors", "model-2.safetensors"})
        for (const std::string& name : io::SafeTensors::open(source + "/" + file).names()) map[name] = file;
    io::write_json(source + "/model.safetensors.index.json", io::object({{"weight_map", map}}));

    load(model, source, names);
    for (const auto& [path, p] : parameters(model))
        for (float& x : p->var().as<float>().span()) x *= 3;
    export_like(model, source, out, names);
    Decoder again(model.config);
    load(again, out, names);
    CHECK(io::exists(out + "/model-2.safetensors"));
    const auto file = io::open_weights(out);
    CHECK(file.load<float>("lm_head.weight")[7] == 3 * values.at("words.weight")[7]);
    CHECK(again.blocks[0].mlp.up.weight.var().as<float>()[3] == 3 * values.at("blocks.0.mlp.up.weight")[3]);

    CHECK_THROWS_WITH_AS(export_like(model, source, source, names), doctest::Contains("is the source"), UsageError);
    add_lora(model, "*.attn.q");
    CHECK_THROWS_WITH_AS(export_like(model, source, dir / "more", names), doctest::Contains("2 parameters have no place"), UsageError);
    Decoder wider({.vocabulary = 21, .width = 8, .depth = 1, .heads = 2, .hidden = 12, .tied = true});
    init(wider, 1);
    CHECK_THROWS_WITH_AS(export_like(wider, source, dir / "more", names), doctest::Contains("is [20, 8]"), ShapeError);
}
