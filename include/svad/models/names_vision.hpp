// SPDX-License-Identifier: Apache-2.0
// The tensor names of published vision and video models, as data: file name, our name; * is one segment, {q,k,v} rows of
// a fused tensor. On-disk names are those of Hugging Face transformers, LAVIS, VideoChat, UniFormerV2 and TransNet V2.
#pragma once

#include "svad/models/names_language.hpp"

#include <array>

namespace svad::names {

/// ViTModel: Vit.
[[nodiscard]] inline NameTable vit() {
    return {{{"embeddings.cls_token", "class_token"},
             {"embeddings.position_embeddings", "positions"},
             {"embeddings.patch_embeddings.projection.*", "patch.*"},
             {"encoder.layer.*.attention.attention.query.*", "blocks.*.attn.q.*"},
             {"encoder.layer.*.attention.attention.key.*", "blocks.*.attn.k.*"},
             {"encoder.layer.*.attention.attention.value.*", "blocks.*.attn.v.*"},
             {"encoder.layer.*.attention.output.dense.*", "blocks.*.attn.out.*"},
             {"encoder.layer.*.layernorm_before.*", "blocks.*.norm1.*"},
             {"encoder.layer.*.layernorm_after.*", "blocks.*.norm2.*"},
             {"encoder.layer.*.intermediate.dense.*", "blocks.*.mlp.up.*"},
             {"encoder.layer.*.output.dense.*", "blocks.*.mlp.down.*"},
             {"layernorm.*", "norm.*"},
             {"pooler.dense.*", "pooler.*"}},
            {"classifier.*"},
            {"vit."}};
}

/// Dinov2Model: Vit.
[[nodiscard]] inline NameTable dinov2() {
    return {{{"embeddings.cls_token", "class_token"},
             {"embeddings.position_embeddings", "positions"},
             {"embeddings.patch_embeddings.projection.*", "patch.*"},
             {"encoder.layer.*.norm1.*", "blocks.*.norm1.*"},
             {"encoder.layer.*.norm2.*", "blocks.*.norm2.*"},
             {"encoder.layer.*.attention.attention.query.*", "blocks.*.attn.q.*"},
             {"encoder.layer.*.attention.attention.key.*", "blocks.*.attn.k.*"},
             {"encoder.layer.*.attention.attention.value.*", "blocks.*.attn.v.*"},
             {"encoder.layer.*.attention.output.dense.*", "blocks.*.attn.out.*"},
             {"encoder.layer.*.layer_scale1.lambda1", "blocks.*.scale1"},
             {"encoder.layer.*.layer_scale2.lambda1", "blocks.*.scale2"},
             {"encoder.layer.*.mlp.fc1.*", "blocks.*.mlp.up.*"},
             {"encoder.layer.*.mlp.fc2.*", "blocks.*.mlp.down.*"},
             {"encoder.layer.*.mlp.weights_in.*", "blocks.*.mlp.{gate,up}.*"},
             {"encoder.layer.*.mlp.weights_out.*", "blocks.*.mlp.down.*"},
             {"layernorm.*", "norm.*"}},
            {"embeddings.mask_token", "classifier.*"},
            {"dinov2."}};
}

/// The towers of CLIP and SigLIP share the names of their layers: VitBlock and DecoderBlock.
[[nodiscard]] inline NameTable clip_layers() {
    return {{{"encoder.layers.*.layer_norm1.*", "blocks.*.norm1.*"},
             {"encoder.layers.*.layer_norm2.*", "blocks.*.norm2.*"},
             {"encoder.layers.*.self_attn.q_proj.*", "blocks.*.attn.q.*"},
             {"encoder.layers.*.self_attn.k_proj.*", "blocks.*.attn.k.*"},
             {"encoder.layers.*.self_attn.v_proj.*", "blocks.*.attn.v.*"},
             {"encoder.layers.*.self_attn.out_proj.*", "blocks.*.attn.out.*"},
             {"encoder.layers.*.mlp.fc1.*", "blocks.*.mlp.up.*"},
             {"encoder.layers.*.mlp.fc2.*", "blocks.*.mlp.down.*"}}};
}

/// SiglipVisionModel: Vit.
[[nodiscard]] inline NameTable siglip() {
    NameTable t = clip_layers();
    t.add({{{"embeddings.patch_embedding.*", "patch.*"},
            {"embeddings.position_embedding.weight", "positions"},
            {"post_layernorm.*", "norm.*"},
            {"head.probe", "head.probe"},
            {"head.attention.in_proj_weight", "head.attn.{q,k,v}.weight"},
            {"head.attention.in_proj_bias", "head.attn.{q,k,v}.bias"},
            {"head.attention.out_proj.*", "head.attn.out.*"},
            {"head.layernorm.*", "head.norm.*"},
            {"head.mlp.fc1.*", "head.mlp.up.*"},
            {"head.mlp.fc2.*", "head.mlp.down.*"}},
           {"embeddings.position_ids"}});
    t.stripped = {"vision_model."};
    return t;
}

/// The vision tower of CLIPModel: Vit.
[[nodiscard]] inline NameTable clip_vision() {
    NameTable t = clip_layers();
    t.add({{{"embeddings.class_embedding", "class_token"},
            {"embeddings.patch_embedding.weight", "patch.weight"},
            {"embeddings.position_embedding.weight", "positions"},
            {"pre_layrnorm.*", "pre_norm.*"},                       // the file's spelling
            {"post_layernorm.*", "norm.*"}},
           {"embeddings.position_ids"}});
    return t;
}

/// CLIPModel: Clip.
[[nodiscard]] inline NameTable clip() {
    NameTable t = clip_vision().inside("vision_model.", "vision.");
    t.add(clip_layers().inside("text_model.", "text."));
    t.add({{{"text_model.embeddings.token_embedding.weight", "text.words.weight"},
            {"text_model.embeddings.position_embedding.weight", "text.positions.weight"},
            {"text_model.final_layer_norm.*", "text.norm.*"},
            {"visual_projection.*", "visual_projection.*"},
            {"text_projection.*", "text_projection.*"},
            {"logit_scale", "logit_scale"}},
           {"text_model.embeddings.position_ids"}});
    return t;
}

/// The local mixing of one ViT block, in VideoChat and UniFormerV2: VitBlock.
[[nodiscard]] inline NameTable local_mixing() {
    NameTable t;
    for (const std::string n : {"1", "2"}) {
        const std::string file = "lmhra" + n + ".pos_embed.", ours = "local" + n + ".";
        t.add({{{file + "0.*", ours + "norm.*"}, {file + "1.*", ours + "down.*"}, {file + "2.*", ours + "mix.*"}, {file + "3.*", ours + "up.*"}},
               {file + "0.num_batches_tracked"}});
    }
    return t;
}

/// EVA-CLIP-g as in LAVIS, with VideoChat's local mixing: Vit.
[[nodiscard]] inline NameTable eva() {
    NameTable t{{{"cls_token", "class_token"},
                 {"pos_embed", "positions"},
                 {"patch_embed.proj.*", "patch.*"},
                 {"patch_embed.proj.*", "tube.*"},
                 {"blocks.*.norm1.*", "blocks.*.norm1.*"},
                 {"blocks.*.norm2.*", "blocks.*.norm2.*"},
                 {"blocks.*.attn.qkv.weight", "blocks.*.attn.{q,k,v}.weight"},
                 {"blocks.*.attn.qkv.bias", "blocks.*.attn.{q,0,v}.bias"},
                 {"blocks.*.attn.q_bias", "blocks.*.attn.q.bias"},
                 {"blocks.*.attn.v_bias", "blocks.*.attn.v.bias"},
                 {"blocks.*.attn.proj.*", "blocks.*.attn.out.*"},
                 {"blocks.*.mlp.fc1.*", "blocks.*.mlp.up.*"},
                 {"blocks.*.mlp.fc2.*", "blocks.*.mlp.down.*"}}};
    t.add(local_mixing().inside("blocks.*.", "blocks.*."));
    return t;
}

/// One GMHRA block in torch's layout of attention: Gmhra.
[[nodiscard]] inline NameTable gmhra() {
    return {{{"dpe.*", "dpe.*"},
             {"attn.in_proj_weight", "attn.{q,k,v}.weight"},
             {"attn.in_proj_bias", "attn.{q,k,v}.bias"},
             {"attn.out_proj.*", "attn.out.*"},
             {"ln_1.*", "norm1.*"},
             {"ln_2.*", "norm2.*"},
             {"ln_3.*", "norm3.*"},
             {"mlp.c_fc.*", "mlp.up.*"},
             {"mlp.c_proj.*", "mlp.down.*"}}};
}

/// The visual side of VideoChat: VideoChat.
[[nodiscard]] inline NameTable video_chat() {
    NameTable t = eva().inside("visual_encoder.", "encoder.vit.");
    t.add(gmhra().inside("visual_encoder.gmhra.*.", "encoder.gmhra.*."));
    t.add(bert_layers().inside("Qformer.bert.", "qformer."));
    t.add({{{"visual_encoder.gmhra_cls_token", "encoder.aggregate"},
            {"ln_vision.*", "encoder.norm.*"},
            {"Qformer.bert.embeddings.LayerNorm.*", "qformer.norm.*"},
            {"query_tokens", "qformer.queries"},
            {"extra_query_tokens", "extra_queries"},
            {"llama_proj.*", "projection.*"}},
           {"Qformer.cls.*"}});
    return t;
}

/// UniFormerV2: UniFormer.
[[nodiscard]] inline NameTable uniformer() {
    NameTable t{{{"conv1.weight", "encoder.vit.patch.weight"},
                 {"conv1.weight", "encoder.vit.tube.weight"},
                 {"class_embedding", "encoder.vit.class_token"},
                 {"positional_embedding", "encoder.vit.positions"},
                 {"ln_pre.*", "encoder.vit.pre_norm.*"},
                 {"transformer.temporal_cls_token", "encoder.aggregate"},
                 {"transformer.dpe.*.*", "encoder.gmhra.*.dpe.*"},
                 {"transformer.balance", "balance"},
                 {"transformer.proj.0.*", "head_norm.*"},
                 {"transformer.proj.2.*", "head.*"},
                 {"transformer.resblocks.*.ln_1.*", "encoder.vit.blocks.*.norm1.*"},
                 {"transformer.resblocks.*.ln_2.*", "encoder.vit.blocks.*.norm2.*"},
                 {"transformer.resblocks.*.attn.in_proj_weight", "encoder.vit.blocks.*.attn.{q,k,v}.weight"},
                 {"transformer.resblocks.*.attn.in_proj_bias", "encoder.vit.blocks.*.attn.{q,k,v}.bias"},
                 {"transformer.resblocks.*.attn.out_proj.*", "encoder.vit.blocks.*.attn.out.*"},
                 {"transformer.resblocks.*.mlp.c_fc.*", "encoder.vit.blocks.*.mlp.up.*"},
                 {"transformer.resblocks.*.mlp.c_proj.*", "encoder.vit.blocks.*.mlp.down.*"}}};
    t.add(local_mixing().inside("transformer.resblocks.*.", "encoder.vit.blocks.*."));
    t.add(gmhra().inside("transformer.dec.*.", "encoder.gmhra.*."));
    return t;
}

/// The published PyTorch weights: TransNetV2.
[[nodiscard]] inline NameTable transnet_v2() {
    NameTable t;
    const std::array<std::string, 2> cells{"first", "second"};
    const std::array<std::string, 4> dilations{"1", "2", "4", "8"};
    for (std::size_t c = 0; c < cells.size(); ++c) {
        const std::string file = "SDDCNN.*.DDCNN." + std::to_string(c) + ".", ours = "stacks.*." + cells[c] + ".";
        for (std::size_t d = 0; d < dilations.size(); ++d) {
            const std::string unit = ours + "units." + std::to_string(d);
            t.rules.push_back({file + "Conv3D_" + dilations[d] + ".layers.0.weight", unit + ".space"});
            t.rules.push_back({file + "Conv3D_" + dilations[d] + ".layers.1.weight", unit + ".time"});
        }
        t.rules.push_back({file + "bn.*", ours + "norm.*"});
    }
    t.add({{{"frame_sim_layer.projection.*", "projection.*"},
            {"frame_sim_layer.fc.*", "similarity.*"},
            {"color_hist_layer.fc.*", "histogram.*"},
            {"fc1.*", "hidden.*"},
            {"cls_layer1.*", "single.*"},
            {"cls_layer2.*", "many.*"}}});
    t.ignored.push_back("*.num_batches_tracked");
    return t;
}

}  // namespace svad::names
