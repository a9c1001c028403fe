// SPDX-License-Identifier: Apache-2.0
// The tensor names of published checkpoints, as data: file name, our name; * is one segment, {q,k,v} rows of a fused
// tensor. On-disk names are those of Hugging Face transformers, LAVIS, VideoChat, UniFormerV2 and Baichuan.
#pragma once

#include "svad/nn/weights.hpp"

#include <array>
#include <string>

namespace svad::names {

/// LLaMA, Vicuna, Qwen2, Baichuan 1 and 2: Decoder.
[[nodiscard]] inline NameTable llama() {
    return {{{"model.embed_tokens.weight", "words.weight"},
             {"model.layers.*.input_layernorm.weight", "blocks.*.norm1.weight"},
             {"model.layers.*.post_attention_layernorm.weight", "blocks.*.norm2.weight"},
             {"model.layers.*.self_attn.q_proj.*", "blocks.*.attn.q.*"},
             {"model.layers.*.self_attn.k_proj.*", "blocks.*.attn.k.*"},
             {"model.layers.*.self_attn.v_proj.*", "blocks.*.attn.v.*"},
             {"model.layers.*.self_attn.W_pack.*", "blocks.*.attn.{q,k,v}.*"},
             {"model.layers.*.self_attn.o_proj.*", "blocks.*.attn.out.*"},
             {"model.layers.*.mlp.gate_proj.*", "blocks.*.mlp.gate.*"},
             {"model.layers.*.mlp.up_proj.*", "blocks.*.mlp.up.*"},
             {"model.layers.*.mlp.down_proj.*", "blocks.*.mlp.down.*"},
             {"model.norm.weight", "norm.weight"},
             {"lm_head.weight", "head"}},
            {"*.rotary_emb.inv_freq", "lm_head.weight"}};       // a tied head may be in the file, too
}

/// GPT-2: Decoder. Its Conv1D weights are stored [in, out].
[[nodiscard]] inline NameTable gpt2() {
    return {{{"transformer.wte.weight", "words.weight"},
             {"transformer.wpe.weight", "positions.weight"},
             {"transformer.h.*.ln_1.*", "blocks.*.norm1.*"},
             {"transformer.h.*.attn.c_attn.*", "blocks.*.attn.{q,k,v}.*", true},
             {"transformer.h.*.attn.c_proj.*", "blocks.*.attn.out.*", true},
             {"transformer.h.*.ln_2.*", "blocks.*.norm2.*"},
             {"transformer.h.*.mlp.c_fc.*", "blocks.*.mlp.up.*", true},
             {"transformer.h.*.mlp.c_proj.*", "blocks.*.mlp.down.*", true},
             {"transformer.ln_f.*", "norm.*"},
             {"lm_head.weight", "head"}},
            {"transformer.h.*.attn.bias", "transformer.h.*.attn.masked_bias", "lm_head.weight"},
            {},
            {"transformer."}};
}

/// The layers of BERT as transformers and LAVIS call them, with the Q-Former's extra parts: BertLayer.
[[nodiscard]] inline NameTable bert_layers() {
    NameTable t;
    for (const std::string inner : {"self", "attention"})
        for (const std::string which : {"attention", "crossattention"}) {
            const std::string ours = which == "attention" ? "layers.*.attn." : "layers.*.cross.";
            t.rules.push_back({"encoder.layer.*." + which + "." + inner + ".query.*", ours + "q.*"});
            t.rules.push_back({"encoder.layer.*." + which + "." + inner + ".key.*", ours + "k.*"});
            t.rules.push_back({"encoder.layer.*." + which + "." + inner + ".value.*", ours + "v.*"});
        }
    t.add({{{"encoder.layer.*.attention.output.dense.*", "layers.*.attn.out.*"},
            {"encoder.layer.*.attention.output.LayerNorm.*", "layers.*.attn_norm.*"},
            {"encoder.layer.*.crossattention.output.dense.*", "layers.*.cross.out.*"},
            {"encoder.layer.*.crossattention.output.LayerNorm.*", "layers.*.cross_norm.*"},
            {"encoder.layer.*.intermediate_query.dense.*", "layers.*.mlp.up.*"},
            {"encoder.layer.*.output_query.dense.*", "layers.*.mlp.down.*"},
            {"encoder.layer.*.output_query.LayerNorm.*", "layers.*.mlp_norm.*"}}});
    return t;
}

/// BertModel: Bert.
[[nodiscard]] inline NameTable bert() {
    NameTable t = bert_layers();
    t.add({{{"embeddings.word_embeddings.weight", "words.weight"},
            {"embeddings.position_embeddings.weight", "positions.weight"},
            {"embeddings.token_type_embeddings.weight", "types.weight"},
            {"embeddings.LayerNorm.*", "norm.*"},
            {"encoder.layer.*.intermediate.dense.*", "layers.*.mlp.up.*"},
            {"encoder.layer.*.output.dense.*", "layers.*.mlp.down.*"},
            {"encoder.layer.*.output.LayerNorm.*", "layers.*.mlp_norm.*"},
            {"pooler.dense.*", "pooler.*"}},
           {"embeddings.position_ids", "cls.*"}});
    t.stripped = {"bert."};
    return t;
}

/// Blip2QFormerModel, alone or in a whole BLIP-2: QFormer.
[[nodiscard]] inline NameTable qformer() {
    NameTable t = bert_layers();
    t.add({{{"layernorm.*", "norm.*"}, {"query_tokens", "queries"}}});
    t.stripped = {"qformer."};
    return t;
}

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
