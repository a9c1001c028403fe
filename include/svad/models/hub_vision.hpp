// SPDX-License-Identifier: Apache-2.0
// config.json of published vision and video encoders to our configurations: ViT, DINOv2, SigLIP, CLIP, EVA-CLIP-g,
// VideoChat, UniFormerV2. Their tensor names are in names_vision.hpp.
#pragma once

#include "svad/models/clip.hpp"
#include "svad/models/hub_fields.hpp"
#include "svad/models/video_chat.hpp"

namespace svad::hub {

namespace detail {

/// What all vision transformers of Hugging Face call alike.
inline VitConfig vit_sizes(const Fields& f) {
    VitConfig c;
    c.image = f.size("image_size");
    c.patch = f.size("patch_size");
    c.channels = f.size_or("num_channels", 3);
    c.width = f.size("hidden_size");
    c.depth = f.size("num_hidden_layers");
    c.heads = f.size("num_attention_heads");
    return c;
}

}  // namespace detail

/// ViTModel; whether the file holds a pooler is the caller's to say.
[[nodiscard]] inline VitConfig vit(const Json& json, const std::string& where, bool pooler = true) {
    const detail::Fields f{json, where};
    VitConfig c = detail::vit_sizes(f);
    c.hidden = f.size("intermediate_size");
    c.activation = f.activation("hidden_act", "gelu");
    c.eps = f.number_or("layer_norm_eps", 1e-12);
    c.attention_bias = f.flag_or("qkv_bias", true);
    if (pooler) c.pool = VitPool::dense;
    return c;
}

/// Dinov2Model, with the plain or the gated MLP.
[[nodiscard]] inline VitConfig dinov2(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    VitConfig c = detail::vit_sizes(f);
    const double hidden = f.number_or("mlp_ratio", 4.0) * static_cast<double>(c.width);
    c.hidden = static_cast<Index>(hidden);
    c.gated = f.flag_or("use_swiglu_ffn", false);
    if (c.gated) c.hidden = (c.hidden * 2 / 3 + 7) / 8 * 8;
    c.activation = c.gated ? Activation::silu : f.activation("hidden_act", "gelu");
    c.eps = f.number_or("layer_norm_eps", 1e-6);
    c.attention_bias = f.flag_or("qkv_bias", true);
    c.layer_scale = true;
    c.pool = VitPool::token;
    return c;
}

/// SiglipVisionModel.
[[nodiscard]] inline VitConfig siglip(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    VitConfig c = detail::vit_sizes(f);
    c.hidden = f.size("intermediate_size");
    c.activation = f.activation("hidden_act", "gelu_pytorch_tanh");
    c.eps = f.number_or("layer_norm_eps", 1e-6);
    c.class_token = false;
    c.pool = f.flag_or("vision_use_head", true) ? VitPool::attention : VitPool::none;
    return c;
}

/// The vision tower of CLIPModel; the norm behind the blocks is meant for the class token only.
[[nodiscard]] inline VitConfig clip_vision(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    VitConfig c = detail::vit_sizes(f);
    c.hidden = f.size("intermediate_size");
    c.activation = f.activation("hidden_act", "quick_gelu");
    c.eps = f.number_or("layer_norm_eps", 1e-5);
    c.patch_bias = false;
    c.pre_norm = true;
    c.pool = VitPool::token;
    return c;
}

/// CLIPModel.
[[nodiscard]] inline ClipConfig clip(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    ClipConfig c;
    c.vision = clip_vision(io::field<Json>(json, "vision_config", where), where + ": vision_config");
    const Json text = io::field<Json>(json, "text_config", where);
    const detail::Fields t{text, where + ": text_config"};
    c.text.vocabulary = t.size("vocab_size");
    c.text.width = t.size("hidden_size");
    c.text.depth = t.size("num_hidden_layers");
    c.text.heads = t.size("num_attention_heads");
    c.text.hidden = t.size("intermediate_size");
    c.text.positions = Positions::learned;
    c.text.max_positions = t.size("max_position_embeddings");
    c.text.norm = NormKind::layer;
    c.text.eps = t.number_or("layer_norm_eps", 1e-5);
    c.text.gated = false;
    c.text.activation = t.activation("hidden_act", "quick_gelu");
    c.text.attention_bias = c.text.out_bias = c.text.mlp_bias = c.text.tied = true;
    // Older files say 2 whatever the vocabulary: there the end of the text is the largest id.
    const auto end = t.size_or("eos_token_id", 49407, 0);
    if (end != 2) c.end_of_text = static_cast<std::int32_t>(end);
    c.shared_width = f.size_or("projection_dim", 512);
    return c;
}

/// EVA-CLIP-g as BLIP-2 and VideoChat cut it: no bias on keys, no norm behind the blocks.
[[nodiscard]] inline VitConfig eva(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    VitConfig c;
    c.image = f.size("img_size");
    c.patch = f.size("patch_size");
    c.width = f.size("embed_dim");
    c.depth = f.size("depth");
    c.heads = f.size("num_heads");
    c.hidden = static_cast<Index>(f.number("mlp_ratio") * static_cast<double>(c.width));    // cut, unlike GMHRA's, which is rounded
    c.key_bias = false;
    c.final_norm = false;
    return c;
}

/// The visual side of VideoChat with the keys of its own configuration.
[[nodiscard]] inline VideoChatConfig video_chat(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    VideoChatConfig c;
    VitConfig& v = c.video.vit = eva(json, where);
    const double ratio = f.number("mlp_ratio") * static_cast<double>(v.width);
    v.tubes = f.flag_or("temporal_downsample", false);
    v.local_mixing = f.flag_or("no_lmhra", true) ? 0 : f.flag_or("double_lmhra", false) ? 2 : 1;
    v.local_reduction = f.number_or("lmhra_reduction", 2.0);
    c.video.gmhra = {.width = v.width, .heads = v.heads, .hidden = static_cast<Index>(std::lround(ratio))};
    c.video.gmhra_after.clear();
    const Index K = f.size("gmhra_layers", 0);
    if (K > v.depth) fail<io::FormatError>(where, ": ", K, " gmhra_layers are more than the depth ", v.depth);
    for (Index i = v.depth - K; i < v.depth; ++i) c.video.gmhra_after.push_back(i);
    c.video.aggregate_first = false;
    c.qformer.queries = f.size("num_query_token");
    c.qformer.width = f.size_or("q_hidden", 768);
    c.qformer.depth = f.size_or("q_layers", 12);
    c.qformer.heads = f.size_or("q_heads", 12);
    c.qformer.hidden = f.size_or("q_mlp", 3072);
    c.qformer.memory_width = v.width;
    c.extra_queries = f.size_or("extra_num_query_token", 0, 0);
    c.word_width = f.size_or("llm_hidden", 4096);
    return c;
}

/// UniFormerV2 with the keys of its own configuration.
[[nodiscard]] inline UniFormerConfig uniformer(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    UniFormerConfig c;
    VitConfig& v = c.video.vit;
    v.image = f.size("input_resolution");
    v.patch = f.size("patch_size");
    v.width = f.size("width");
    v.depth = f.size("layers");
    v.heads = f.size("heads");
    v.activation = Activation::quick_gelu;
    v.eps = 1e-5;
    v.patch_bias = false;
    v.pre_norm = true;
    v.final_norm = false;
    v.tubes = f.flag_or("temporal_downsample", true);
    v.local_mixing = f.flag_or("no_lmhra", false) ? 0 : f.flag_or("double_lmhra", true) ? 2 : 1;
    v.local_reduction = f.number_or("dw_reduction", 1.5);
    c.video.gmhra = {.width = v.width, .heads = v.heads,
                     .hidden = static_cast<Index>(std::lround(f.number_or("mlp_factor", 4.0) * static_cast<double>(v.width))),
                     .activation = Activation::quick_gelu, .dpe_before_norm = true};
    c.video.gmhra_after = io::field<std::vector<std::int64_t>>(json, "return_list", where);
    c.video.norm = false;
    c.classes = f.size("num_classes");
    return c;
}

}  // namespace svad::hub
