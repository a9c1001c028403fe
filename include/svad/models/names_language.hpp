// SPDX-License-Identifier: Apache-2.0
// The tensor names of published language models and Q-Formers, as data: file name, our name; * is one segment,
// {q,k,v} rows of a fused tensor. On-disk names are those of Hugging Face transformers, LAVIS and Baichuan.
#pragma once

#include "svad/nn/weights.hpp"

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

/// OPT: Decoder.
[[nodiscard]] inline NameTable opt() {
    return {{{"model.decoder.embed_tokens.weight", "words.weight"},
             {"model.decoder.embed_positions.weight", "positions.weight"},
             {"model.decoder.layers.*.self_attn_layer_norm.*", "blocks.*.norm1.*"},
             {"model.decoder.layers.*.self_attn.q_proj.*", "blocks.*.attn.q.*"},
             {"model.decoder.layers.*.self_attn.k_proj.*", "blocks.*.attn.k.*"},
             {"model.decoder.layers.*.self_attn.v_proj.*", "blocks.*.attn.v.*"},
             {"model.decoder.layers.*.self_attn.out_proj.*", "blocks.*.attn.out.*"},
             {"model.decoder.layers.*.final_layer_norm.*", "blocks.*.norm2.*"},
             {"model.decoder.layers.*.fc1.*", "blocks.*.mlp.up.*"},
             {"model.decoder.layers.*.fc2.*", "blocks.*.mlp.down.*"},
             {"model.decoder.final_layer_norm.*", "norm.*"},
             {"lm_head.weight", "head"}},
            {"lm_head.weight"},
            {},
            {"model."}};
}

/// Qwen of the first generation: Decoder. w1 is up, w2 is the gate.
[[nodiscard]] inline NameTable qwen() {
    return {{{"transformer.wte.weight", "words.weight"},
             {"transformer.h.*.ln_1.weight", "blocks.*.norm1.weight"},
             {"transformer.h.*.attn.c_attn.*", "blocks.*.attn.{q,k,v}.*"},
             {"transformer.h.*.attn.c_proj.*", "blocks.*.attn.out.*"},
             {"transformer.h.*.ln_2.weight", "blocks.*.norm2.weight"},
             {"transformer.h.*.mlp.w1.*", "blocks.*.mlp.up.*"},
             {"transformer.h.*.mlp.w2.*", "blocks.*.mlp.gate.*"},
             {"transformer.h.*.mlp.c_proj.*", "blocks.*.mlp.down.*"},
             {"transformer.ln_f.weight", "norm.weight"},
             {"lm_head.weight", "head"}},
            {"transformer.rotary_emb.inv_freq"}};
}

/// The table of a decoder by config.json's model_type; hub::decoder knows which types there are.
[[nodiscard]] inline NameTable decoder(const std::string& type) {
    if (type == "gpt2") return gpt2();
    if (type == "opt") return opt();
    return type == "qwen" ? qwen() : llama();
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

}  // namespace svad::names
