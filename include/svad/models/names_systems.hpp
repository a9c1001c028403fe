// SPDX-License-Identifier: Apache-2.0
// The tensor names of whole published systems, as data: file name, our name. On-disk names are those of Hugging Face
// transformers (old and new), the original LLaVA, LanguageBind, LAVIS, Qwen-VL, CLIP-ViP and GVT.
#pragma once

#include "svad/models/names_vision.hpp"

namespace svad::names {

namespace detail {

/// Rules under several spellings of a prefix.
inline NameTable under(const NameTable& table, const std::vector<std::string>& files, const std::string& ours) {
    NameTable t;
    for (const std::string& file : files) t.add(table.inside(file, ours));
    return t;
}

/// A decoder inside a system: language_model.* on disk, model.language_model.* and lm_head.* as newer files spell it.
inline NameTable language_model(const std::string& type) {
    const NameTable plain = decoder(type);
    NameTable t = plain.inside("language_model.", "decoder.");
    for (const NameRule& r : plain.rules) {
        const bool in_model = r.file.starts_with("model.");
        t.rules.push_back({in_model ? "model.language_model." + r.file.substr(6) : r.file, "decoder." + r.ours, r.transposed});
    }
    for (const std::string& glob : plain.ignored) t.ignored.push_back(glob);
    return t;
}

/// The temporal attention of LanguageBind's video tower: Vit.
inline NameTable language_bind() {
    NameTable t = clip_vision();
    t.add({{{"encoder.layers.*.temporal_embedding", "blocks.*.time.places"},
            {"encoder.layers.*.temporal_layer_norm1.*", "blocks.*.time.norm.*"},
            {"encoder.layers.*.temporal_attn.q_proj.*", "blocks.*.time.attn.q.*"},
            {"encoder.layers.*.temporal_attn.k_proj.*", "blocks.*.time.attn.k.*"},
            {"encoder.layers.*.temporal_attn.v_proj.*", "blocks.*.time.attn.v.*"},
            {"encoder.layers.*.temporal_attn.out_proj.*", "blocks.*.time.attn.out.*"}}});
    return t;
}

inline std::vector<std::string> tower_prefixes(const std::string& tower) {
    return {tower + ".", tower + ".vision_model.", "model." + tower + ".", "model." + tower + ".vision_model."};
}

}  // namespace detail

/// LLaVA and Video-LLaVA: Llava.
[[nodiscard]] inline NameTable llava(const std::string& decoder_type = "llama") {
    NameTable t = detail::under(clip_vision(), detail::tower_prefixes("vision_tower"), "vision.");
    t.add(detail::under(clip_vision(), detail::tower_prefixes("image_tower"), "vision."));
    t.add(clip_vision().inside("model.vision_tower.vision_tower.vision_model.", "vision."));
    t.add(clip_vision().inside("model.image_tower.image_tower.", "vision."));
    t.add(detail::under(detail::language_bind(), detail::tower_prefixes("video_tower"), "video."));
    t.add(detail::language_bind().inside("model.video_tower.video_tower.", "video."));
    for (const std::string prefix : {"", "model."})
        t.add({{{prefix + "multi_modal_projector.linear_1.*", "project1.*"}, {prefix + "multi_modal_projector.linear_2.*", "project2.*"}}});
    t.add({{{"model.mm_projector.0.*", "project1.*"}, {"model.mm_projector.2.*", "project2.*"}}});
    t.add(detail::language_model(decoder_type));
    t.add(decoder(decoder_type).inside("", "decoder."));                        // the original's
    return t;
}

/// The vision tower of BLIP-2 and InstructBLIP: Vit.
[[nodiscard]] inline NameTable blip_vision() {
    return {{{"embeddings.class_embedding", "class_token"},
             {"embeddings.position_embedding", "positions"},
             {"embeddings.patch_embedding.*", "patch.*"},
             {"encoder.layers.*.layer_norm1.*", "blocks.*.norm1.*"},
             {"encoder.layers.*.layer_norm2.*", "blocks.*.norm2.*"},
             {"encoder.layers.*.self_attn.qkv.*", "blocks.*.attn.{q,k,v}.*"},
             {"encoder.layers.*.self_attn.projection.*", "blocks.*.attn.out.*"},
             {"encoder.layers.*.mlp.fc1.*", "blocks.*.mlp.up.*"},
             {"encoder.layers.*.mlp.fc2.*", "blocks.*.mlp.down.*"},
             {"post_layernorm.*", "norm.*"}}};
}

/// The Q-Former of InstructBLIP, which reads words: QFormer.
[[nodiscard]] inline NameTable word_qformer() {
    NameTable t = bert_layers();
    t.add({{{"embeddings.word_embeddings.weight", "words.weight"},
            {"embeddings.position_embeddings.weight", "positions.weight"},
            {"embeddings.layernorm.*", "norm.*"},
            {"encoder.layer.*.intermediate.dense.*", "layers.*.word_mlp.up.*"},
            {"encoder.layer.*.output.dense.*", "layers.*.word_mlp.down.*"},
            {"encoder.layer.*.output.LayerNorm.*", "layers.*.word_norm.*"}},
           {"embeddings.position_ids"}});
    return t;
}

/// BLIP-2 and InstructBLIP: Blip2.
[[nodiscard]] inline NameTable blip2(const std::string& decoder_type = "opt") {
    NameTable t;
    for (const std::string prefix : {"", "model."}) {
        t.add(blip_vision().inside(prefix + "vision_model.", "vision."));
        t.add(qformer().inside(prefix + "qformer.", "qformer."));
        t.add(word_qformer().inside(prefix + "qformer.", "qformer."));
        t.add({{{prefix + "query_tokens", "qformer.queries"}, {prefix + "language_projection.*", "projection.*"}}});
    }
    t.add(detail::language_model(decoder_type));
    return t;
}

/// The visual side of Qwen-VL, whose fused rows come head by head: QwenVision.
[[nodiscard]] inline NameTable qwen_vision(Index heads) {
    const std::string block = "transformer.resblocks.*.";
    return {{{"conv1.weight", "vit.patch.weight"},
             {"positional_embedding", "vit.positions"},
             {"ln_pre.*", "vit.pre_norm.*"},
             {block + "ln_1.*", "vit.blocks.*.norm1.*"},
             {block + "ln_2.*", "vit.blocks.*.norm2.*"},
             {block + "attn.in_proj.*", "vit.blocks.*.attn.{q,k,v}.*", false, heads},
             {block + "attn.out_proj.*", "vit.blocks.*.attn.out.*"},
             {block + "mlp.c_fc.*", "vit.blocks.*.mlp.up.*"},
             {block + "mlp.c_proj.*", "vit.blocks.*.mlp.down.*"},
             {"attn_pool.query", "resampler.query"},
             {"attn_pool.pos_embed", "resampler.places"},
             {"attn_pool.kv_proj.*", "resampler.narrow.*"},
             {"attn_pool.ln_q.*", "resampler.query_norm.*"},
             {"attn_pool.ln_kv.*", "resampler.token_norm.*"},
             {"attn_pool.attn.in_proj_weight", "resampler.attn.{q,k,v}.weight"},
             {"attn_pool.attn.in_proj_bias", "resampler.attn.{q,k,v}.bias"},
             {"attn_pool.attn.out_proj.*", "resampler.attn.out.*"},
             {"ln_post.*", "norm.*"},
             {"proj", "projection.weight", true}}};
}

/// Qwen-VL: QwenVl.
[[nodiscard]] inline NameTable qwen_vl(Index heads) {
    NameTable t = qwen_vision(heads).inside("transformer.visual.", "vision.");
    t.add(qwen().inside("", "decoder."));
    return t;
}

/// Qwen2-VL: Qwen2Vl.
[[nodiscard]] inline NameTable qwen2_vl() {
    NameTable t;
    for (const std::string prefix : {"visual.", "model.visual."})
        t.add({{{prefix + "patch_embed.proj.weight", "vision.patch"},
                {prefix + "blocks.*.norm1.*", "vision.blocks.*.norm1.*"},
                {prefix + "blocks.*.norm2.*", "vision.blocks.*.norm2.*"},
                {prefix + "blocks.*.attn.qkv.*", "vision.blocks.*.attn.{q,k,v}.*"},
                {prefix + "blocks.*.attn.proj.*", "vision.blocks.*.attn.out.*"},
                {prefix + "blocks.*.mlp.fc1.*", "vision.blocks.*.mlp.up.*"},
                {prefix + "blocks.*.mlp.fc2.*", "vision.blocks.*.mlp.down.*"},
                {prefix + "merger.ln_q.*", "vision.norm.*"},
                {prefix + "merger.mlp.0.*", "vision.merge1.*"},
                {prefix + "merger.mlp.2.*", "vision.merge2.*"}}});
    t.add(llama().inside("", "decoder."));
    t.add(detail::language_model("llama"));
    return t;
}

/// CLIP-ViP: ClipVip.
[[nodiscard]] inline NameTable clip_vip() {
    NameTable t{{{"clipmodel.vision_model.embeddings.added_cls", "proxies"},
                 {"clipmodel.vision_model.embeddings.temporal_embedding", "times"}}};
    t.add(clip().inside("clipmodel.", "clip."));
    return t;
}

/// GitForCausalLM: Git.
[[nodiscard]] inline NameTable git() {
    NameTable t = clip_vision().inside("git.image_encoder.vision_model.", "vision.");
    t.add({{{"git.img_temporal_embedding.*", "times.*.place"},
            {"git.visual_projection.visual_projection.0.*", "projection.*"},
            {"git.visual_projection.visual_projection.1.*", "projection_norm.*"},
            {"git.embeddings.word_embeddings.weight", "decoder.words.weight"},
            {"git.embeddings.position_embeddings.weight", "decoder.positions.weight"},
            {"git.embeddings.LayerNorm.*", "decoder.embed_norm.*"},
            {"git.encoder.layer.*.attention.self.query.*", "decoder.blocks.*.attn.q.*"},
            {"git.encoder.layer.*.attention.self.key.*", "decoder.blocks.*.attn.k.*"},
            {"git.encoder.layer.*.attention.self.value.*", "decoder.blocks.*.attn.v.*"},
            {"git.encoder.layer.*.attention.output.dense.*", "decoder.blocks.*.attn.out.*"},
            {"git.encoder.layer.*.attention.output.LayerNorm.*", "decoder.blocks.*.norm1.*"},
            {"git.encoder.layer.*.intermediate.dense.*", "decoder.blocks.*.mlp.up.*"},
            {"git.encoder.layer.*.output.dense.*", "decoder.blocks.*.mlp.down.*"},
            {"git.encoder.layer.*.output.LayerNorm.*", "decoder.blocks.*.norm2.*"},
            {"output.weight", "decoder.head"},
            {"output.bias", "decoder.head_bias"}},
           {"git.embeddings.position_ids", "output.weight"}});
    return t;
}

/// A tower in OpenAI's layout of CLIP: Vit.
[[nodiscard]] inline NameTable openai_vision() {
    const std::string block = "transformer.resblocks.*.";
    return {{{"class_embedding", "class_token"},
             {"positional_embedding", "positions"},
             {"conv1.weight", "patch.weight"},
             {"ln_pre.*", "pre_norm.*"},
             {block + "ln_1.*", "blocks.*.norm1.*"},
             {block + "ln_2.*", "blocks.*.norm2.*"},
             {block + "attn.in_proj_weight", "blocks.*.attn.{q,k,v}.weight"},
             {block + "attn.in_proj_bias", "blocks.*.attn.{q,k,v}.bias"},
             {block + "attn.out_proj.*", "blocks.*.attn.out.*"},
             {block + "mlp.c_fc.*", "blocks.*.mlp.up.*"},
             {block + "mlp.c_proj.*", "blocks.*.mlp.down.*"},
             {"ln_post.*", "norm.*"}},
            {"proj"}};
}

/// GVT, whose head for matching videos and texts is not used: Git.
[[nodiscard]] inline NameTable gvt() {
    const std::string layer = "textual.transformer.encoder.layer.*.";
    NameTable t = openai_vision().inside("image_encoder.", "vision.");
    t.add({{{"textual.visual_projection.0.*", "projection.*"},
            {"textual.visual_projection.1.*", "projection_norm.*"},
            {"textual.embedding.words.weight", "decoder.words.weight"},
            {"textual.embedding.positions.weight", "decoder.positions.weight"},
            {"textual.embedding.layer_norm.*", "decoder.embed_norm.*"},
            {layer + "attention.self.query.*", "decoder.blocks.*.attn.q.*"},
            {layer + "attention.self.key.*", "decoder.blocks.*.attn.k.*"},
            {layer + "attention.self.value.*", "decoder.blocks.*.attn.v.*"},
            {layer + "attention.output.dense.*", "decoder.blocks.*.attn.out.*"},
            {layer + "attention.output.LayerNorm.*", "decoder.blocks.*.norm1.*"},
            {layer + "intermediate.dense.*", "decoder.blocks.*.mlp.up.*"},
            {layer + "output.dense.*", "decoder.blocks.*.mlp.down.*"},
            {layer + "output.LayerNorm.*", "decoder.blocks.*.norm2.*"},
            {"textual.output.bias", "decoder.head_bias"}},
           {"textual.output.weight", "textual.classifier.*"}});
    return t;
}

}  // namespace svad::names
