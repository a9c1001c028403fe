// SPDX-License-Identifier: Apache-2.0
// Folders of tiny systems, one of each kind: fixtures' weights, or random ones, with a tokenizer of letters.
#pragma once

#include "svad/infer/systems.hpp"

#include "../io/temp_dir.hpp"

#include <filesystem>

namespace folders {

using namespace svad;

inline const std::string fixtures = std::string(SVAD_FIXTURES) + "/models/";

/// A word a letter, and the special words of all systems.
inline void write_letters(const std::string& folder) {
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

inline std::string folder_of(const TempDir& dir, const std::string& fixture) {
    const std::string folder = dir / fixture;
    if (io::exists(folder)) return folder;
    io::make_directories(folder);
    for (const char* file : {"/config.json", "/model.safetensors"}) io::copy_file(fixtures + fixture + file, folder + file);
    write_letters(folder);
    return folder;
}

/// A decoder of LLaMA's kind with random weights, as Hugging Face lays it out.
inline void write_llama(const std::string& folder, Index width) {
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

inline std::string qwen_vl_folder(const TempDir& dir) {
    const std::string folder = dir / "qwen";
    if (io::exists(folder)) return folder;
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
    return folder;
}

inline std::string videochat_folder(const TempDir& dir) {
    const std::string folder = folder_of(dir, "videochat_gmhra");
    if (!io::exists(folder + "/language")) write_llama(folder + "/language", 56);
    return folder;
}

/// GVT of GIT's fixture's sizes with random weights; they have no fixture with the names of its files.
inline std::string gvt_folder(const TempDir& dir) {
    const std::string folder = dir / "gvt";
    if (io::exists(folder)) return folder;
    io::make_directories(folder);
    io::Json config = io::read_json(fixtures + "git_video/config.json");
    config["model_type"] = "gvt", config["tie_word_embeddings"] = true, config["max_position_embeddings"] = 96;
    config.erase("num_image_with_embedding");
    io::write_json(folder + "/config.json", config);
    Git model(hub::gvt(config, "gvt"));
    init(model, 3);
    for_each_parameter(model, [](const std::string&, Parameter& p) {           // as large as trained ones: each part has a say
        if (p.shape().rank() >= 2)
            for (float& x : p.var().as<float>().span()) x *= 5;
    });
    std::vector<std::string> files{"image_encoder.class_embedding", "image_encoder.positional_embedding", "image_encoder.conv1.weight",
                                   "textual.embedding.words.weight", "textual.embedding.positions.weight", "textual.output.bias"};
    const auto add = [&](const std::string& part) { files.push_back(part + ".weight"), files.push_back(part + ".bias"); };
    for (const char* part : {"image_encoder.ln_pre", "image_encoder.ln_post", "textual.visual_projection.0", "textual.visual_projection.1", "textual.embedding.layer_norm"})
        add(part);
    for (const std::string layer : {"0", "1"}) {
        for (const char* part : {"ln_1", "ln_2", "attn.out_proj", "mlp.c_fc", "mlp.c_proj"}) add("image_encoder.transformer.resblocks." + layer + "." + part);
        for (const char* part : {"weight", "bias"}) files.push_back("image_encoder.transformer.resblocks." + layer + ".attn.in_proj_" + part);
        for (const char* part : {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "attention.output.LayerNorm",
                                 "intermediate.dense", "output.dense", "output.LayerNorm"})
            add("textual.transformer.encoder.layer." + layer + "." + part);
    }
    std::vector<Tensor<float>> alive;
    std::vector<io::NamedBytes> tensors;
    const ParameterMap map = parameter_map(model);
    for (const std::string& file : files)
        tensors.push_back(io::named(file, alive.emplace_back(as_in_file(resolve(names::gvt(), file, map), [](const Parameter& p) { return p.var().to<float>(); }))));
    io::write_safetensors(folder + "/model.safetensors", tensors);
    write_letters(folder);
    return folder;
}

/// The folder of a system by its name; made once a directory.
inline std::string system_folder(std::string_view name, const TempDir& dir) {
    if (name == "blip2") return folder_of(dir, "blip2_opt");
    if (name == "qwen-vl") return qwen_vl_folder(dir);
    if (name == "videochat") return videochat_folder(dir);
    if (name == "gvt") return gvt_folder(dir);
    return folder_of(dir, name == "llava" ? "llava" : "video_llava");
}

}  // namespace folders
