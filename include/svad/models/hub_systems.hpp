// SPDX-License-Identifier: Apache-2.0
// config.json of whole published systems to our configurations: LLaVA, Video-LLaVA, BLIP-2, InstructBLIP, Qwen-VL,
// Qwen2-VL, CLIP-ViP, GIT and GVT. Their tensor names are in names_systems.hpp.
#pragma once

#include "svad/models/blip2.hpp"
#include "svad/models/clip_vip.hpp"
#include "svad/models/git.hpp"
#include "svad/models/hub_language.hpp"
#include "svad/models/hub_vision.hpp"
#include "svad/models/llava.hpp"
#include "svad/models/qwen2_vl.hpp"
#include "svad/models/qwen_vl.hpp"

namespace svad::hub {

namespace detail {

/// A part of a file that is a configuration of its own.
inline Json part(const Json& json, const char* key, const std::string& where) { return io::field<Json>(json, key, where); }

inline DecoderConfig text_decoder(const Json& json, const std::string& where) {
    return decoder(part(json, "text_config", where), where + ": text_config");
}

inline std::int32_t token(const Fields& f, std::string_view key, Index otherwise) {
    return static_cast<std::int32_t>(f.size_or(key, otherwise, 0));
}

/// LanguageBind's video tower: CLIP with attention over time where add_time_attn says so.
inline VitConfig video_tower(const Json& json, const std::string& where) {
    VitConfig c = clip_vision(json, where);
    const Fields f{json, where};
    if (f.flag_or("add_time_attn", false)) c.time_places = f.size_or("num_frames", 8);
    return c;
}

}  // namespace detail

/// LlavaForConditionalGeneration and VideoLlavaForConditionalGeneration. `video_config`, which published files lack, is
/// a tower for clips that differs from the one for pictures: LanguageBind's with add_time_attn.
[[nodiscard]] inline LlavaConfig llava(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    LlavaConfig c;
    const Json vision = detail::part(json, "vision_config", where);
    c.vision = clip_vision(vision, where + ": vision_config");
    if (io::field<std::string>(json, "model_type", where) == "video_llava")
        c.video = f.has("video_config") ? detail::video_tower(detail::part(json, "video_config", where), where + ": video_config") : c.vision;
    const Index layer = io::field_or<std::int64_t>(json, "vision_feature_layer", -2, where);
    c.vision_blocks = layer < 0 ? c.vision.depth + 1 + layer : layer;          // 0 is the embedding
    if (c.vision_blocks < 0 || c.vision_blocks > c.vision.depth)
        fail<io::FormatError>(where, ": vision_feature_layer ", layer, " of a tower of ", c.vision.depth, " layers");
    const std::string strategy = f.text_or("vision_feature_select_strategy", "default");
    if (strategy != "default" && strategy != "full")
        fail<io::FormatError>(where, ": vision_feature_select_strategy '", strategy, "' is neither default nor full");
    c.class_token = strategy == "full";
    c.activation = f.activation("projector_hidden_act", "gelu");
    c.bias = f.flag_or("multimodal_projector_bias", true);
    c.decoder = detail::text_decoder(json, where);
    c.image_id = detail::token(f, f.has("image_token_id") ? "image_token_id" : "image_token_index", 32000);
    c.video_id = detail::token(f, f.has("video_token_id") ? "video_token_id" : "video_token_index", 32001);
    return c;
}

/// The vision tower of BLIP-2 and InstructBLIP.
[[nodiscard]] inline VitConfig blip_vision(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    VitConfig c = detail::vit_sizes(f);
    c.hidden = f.size("intermediate_size");
    c.activation = f.activation("hidden_act", "gelu");
    c.eps = f.number_or("layer_norm_eps", 1e-6);
    c.attention_bias = f.flag_or("qkv_bias", true);
    return c;
}

/// Blip2ForConditionalGeneration with a decoder, InstructBLIP and InstructBLIP for videos. With an encoder-decoder
/// language model (Flan-T5) it is a FormatError.
[[nodiscard]] inline Blip2Config blip2(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    const std::string type = io::field<std::string>(json, "model_type", where);
    if (!f.flag_or("use_decoder_only_language_model", true))
        fail<io::FormatError>(where, ": a language model with an encoder is not supported; take a checkpoint with OPT or Vicuna");
    Blip2Config c;
    c.vision = blip_vision(detail::part(json, "vision_config", where), where + ": vision_config");
    const Json q = detail::part(json, "qformer_config", where);
    const std::string place = where + ": qformer_config";
    c.qformer = qformer(q, place, f.size_or("num_query_tokens", 32));
    const detail::Fields qf{q, place};
    if (type != "blip-2" || qf.flag_or("use_qformer_text_input", false)) {
        c.qformer.vocabulary = qf.size("vocab_size");
        c.qformer.positions = qf.size_or("max_position_embeddings", 512);
    }
    c.decoder = detail::text_decoder(json, where);
    for (const char* key : {"image_token_index", "image_token_id", "video_token_index", "video_token_id"})
        if (f.has(key)) c.image_id = detail::token(f, key, 0);
    return c;
}

/// The visual side of Qwen-VL: the entry `visual` of its file. Three sizes that its code fixes can be given, too.
[[nodiscard]] inline QwenVisionConfig qwen_vision(const Json& json, const std::string& where) {
    const Json visual = detail::part(json, "visual", where);
    const detail::Fields f{visual, where + ": visual"};
    QwenVisionConfig c;
    c.resampler.width = c.vit.width = f.size("width");
    c.resampler.out = f.size("output_dim");
    c.resampler.heads = f.size_or("attn_pool_heads", std::max<Index>(c.resampler.out / 128, 1));
    const Index queries = f.size_or("n_queries", 256);
    c.resampler.grid = static_cast<Index>(std::lround(std::sqrt(static_cast<double>(queries))));
    if (c.resampler.grid * c.resampler.grid != queries) fail<io::FormatError>(f.where, ": n_queries is ", queries, ", which is no square");
    c.vit.patch = f.size("patch_size");
    c.vit.image = f.size_or("pos_grid", 16) * c.vit.patch;                      // what the table is for; pictures are larger
    c.vit.depth = f.size("layers");
    c.vit.heads = f.size("heads");
    c.vit.hidden = static_cast<Index>(f.number("mlp_ratio") * static_cast<double>(c.vit.width));
    c.vit.patch_bias = c.vit.class_token = c.vit.final_norm = false;
    c.vit.pre_norm = true;
    return c;
}

/// Qwen-VL.
[[nodiscard]] inline QwenVlConfig qwen_vl(const Json& json, const std::string& where) {
    QwenVlConfig c{.vision = qwen_vision(json, where), .decoder = qwen(json, where)};
    const Json visual = detail::part(json, "visual", where);
    c.image_start = detail::token({visual, where + ": visual"}, "image_start_id", 151857);
    return c;
}

/// Qwen2VLForConditionalGeneration. Its text entries may lie at the top of the file, as older versions put them.
[[nodiscard]] inline Qwen2VlConfig qwen2_vl(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    Qwen2VlConfig c;
    const Json vision = detail::part(json, "vision_config", where);
    const detail::Fields v{vision, where + ": vision_config"};
    c.vision.width = v.size("embed_dim");
    c.vision.depth = v.size("depth");
    c.vision.heads = v.size("num_heads");
    c.vision.hidden = static_cast<Index>(v.number_or("mlp_ratio", 4.0) * static_cast<double>(c.vision.width));
    c.vision.channels = v.size_or("in_channels", v.size_or("in_chans", 3));
    c.vision.patch = v.size("patch_size");
    c.vision.frames = v.size_or("temporal_patch_size", 2);
    c.vision.merge = v.size_or("spatial_merge_size", 2);
    c.vision.out = v.size("hidden_size");
    c.vision.activation = v.activation("hidden_act", "quick_gelu");
    if (c.vision.width % (4 * c.vision.heads) != 0)
        fail<io::FormatError>(v.where, ": heads of ", c.vision.width, " / ", c.vision.heads, " cannot turn by rows and columns");
    Json text = f.has("text_config") ? detail::part(json, "text_config", where) : json;
    const char* const key = text.contains("rope_parameters") ? "rope_parameters" : "rope_scaling";
    Json rope = detail::part(text, key, where);
    c.decoder.rope_sections = io::field<std::vector<std::int64_t>>(rope, "mrope_section", where);
    rope.erase("rope_type"), rope.erase("type");                                // plain frequencies, three axes
    text[key] = rope;
    text["model_type"] = "qwen2";
    const std::vector<Index> sections = c.decoder.rope_sections;
    c.decoder = llama(text, where);
    c.decoder.rope_sections = sections;
    c.decoder.tied = f.flag_or("tie_word_embeddings", c.decoder.tied);
    c.image_id = detail::token(f, "image_token_id", 151655);
    c.video_id = detail::token(f, "video_token_id", 151656);
    return c;
}

/// CLIP-ViP: CLIP's file with an entry for the proxies.
[[nodiscard]] inline ClipVipConfig clip_vip(const Json& json, const std::string& where) {
    const Json more = detail::part(json, "vision_additional_config", where);
    const detail::Fields f{more, where + ": vision_additional_config"};
    ClipVipConfig c{.clip = clip(json, where)};
    c.proxies = f.size_or("add_cls_num", 3);
    c.frames = io::field_or<std::int64_t>(more, "if_use_temporal_embed", 1, f.where) != 0 ? f.size_or("temporal_size", 12) : 0;
    return c;
}

namespace detail {

/// BERT's layers as GIT and GVT stack them.
inline DecoderConfig git_decoder(const Fields& f) {
    DecoderConfig c;
    c.vocabulary = f.size("vocab_size");
    c.width = f.size("hidden_size");
    c.depth = f.size("num_hidden_layers");
    c.heads = f.size("num_attention_heads");
    c.hidden = f.size("intermediate_size");
    c.max_positions = f.size_or("max_position_embeddings", 1024);
    c.positions = Positions::learned;
    c.norm = NormKind::layer;
    c.post_norm = true;
    c.eps = f.number_or("layer_norm_eps", 1e-12);
    c.embed_eps = f.number_or("embedding_norm_eps", c.eps);
    c.gated = false;
    c.activation = f.activation("hidden_act", "gelu");
    c.attention_bias = c.out_bias = c.mlp_bias = c.head_bias = true;
    c.tied = f.flag_or("tie_word_embeddings", false);
    return c;
}

}  // namespace detail

/// GitForCausalLM.
[[nodiscard]] inline GitConfig git(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    const Json vision = detail::part(json, "vision_config", where);
    GitConfig c;
    c.vision = clip_vision(vision, where + ": vision_config");
    c.projection_eps = c.vision.eps;
    c.decoder = detail::git_decoder(f);
    c.frames = f.size_or("num_image_with_embedding", 0, 0);
    return c;
}

/// GVT; its repository has no config.json, so ours has the keys of GIT, model_type gvt and its own defaults.
[[nodiscard]] inline GitConfig gvt(const Json& json, const std::string& where) {
    GitConfig c = git(json, where);
    const detail::Fields f{json, where};
    c.projection_eps = 1e-5;
    c.decoder.embed_eps = f.number_or("embedding_norm_eps", 1e-8);
    c.decoder.tied = true;
    c.whole_frame = f.size_or("whole_frame", 8, 0);
    return c;
}

}  // namespace svad::hub
