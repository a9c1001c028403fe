// SPDX-License-Identifier: Apache-2.0
// config.json of published language models to our configurations. Both generations of key names are understood
// (rope_parameters and rope_theta / rope_scaling).
#pragma once

#include "svad/models/bert.hpp"
#include "svad/models/decoder.hpp"
#include "svad/models/hub_fields.hpp"
#include "svad/models/qformer.hpp"

namespace svad::hub {

namespace detail {

inline RopeOptions rope_options(const Fields& f) {
    RopeOptions rope;
    const bool one = f.has("rope_parameters"), other = f.has("rope_scaling");
    rope.theta = f.number_or("rope_theta", 10000.0);
    if (!one && !other) return rope;
    const Json scaling = io::field<Json>(f.json, one ? "rope_parameters" : "rope_scaling", f.where);
    const Fields s{scaling, f.where};
    rope.theta = s.number_or("rope_theta", rope.theta);
    const std::string type = s.text_or("rope_type", s.text_or("type", "default"));
    if (type == "linear") {
        rope.scaling.kind = RopeScaling::Kind::linear;
        rope.scaling.factor = s.number("factor");
    } else if (type == "llama3") {
        rope.scaling.kind = RopeScaling::Kind::llama3;
        rope.scaling.factor = s.number("factor");
        rope.scaling.low_frequency_factor = s.number("low_freq_factor");
        rope.scaling.high_frequency_factor = s.number("high_freq_factor");
        rope.scaling.original_length = static_cast<Index>(s.number("original_max_position_embeddings"));
    } else if (type != "default") {
        fail<io::FormatError>(f.where, ": rope type '", type, "' is not supported");
    }
    return rope;
}

}  // namespace detail

/// LLaMA, Vicuna, Qwen2 and Baichuan. Baichuan's flavours differ by remote code, not by an entry: rotary if
/// max_position_embeddings is there, else ALiBi; NormHead if z_loss_weight is.
[[nodiscard]] inline DecoderConfig llama(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    const std::string type = f.text_or("model_type", "llama");
    DecoderConfig c;
    c.vocabulary = f.size("vocab_size");
    c.width = f.size("hidden_size");
    c.depth = f.size("num_hidden_layers");
    c.heads = f.size("num_attention_heads");
    c.kv_heads = f.size_or("num_key_value_heads", c.heads);
    c.head_width = f.size_or("head_dim", c.width / c.heads);
    c.hidden = f.size("intermediate_size");
    c.max_positions = f.size_or("max_position_embeddings", f.size_or("model_max_length", 2048));
    c.rope = detail::rope_options(f);
    c.eps = f.number("rms_norm_eps");
    c.activation = f.activation("hidden_act", "silu");
    c.attention_bias = f.flag_or("attention_bias", type == "qwen2");
    c.out_bias = type != "qwen2" && c.attention_bias;
    c.mlp_bias = f.flag_or("mlp_bias", false);
    c.tied = f.flag_or("tie_word_embeddings", false);
    if (type != "baichuan") return c;
    if (!f.has("max_position_embeddings")) c.positions = Positions::alibi;
    c.norm_head = f.has("z_loss_weight");
    return c;
}

[[nodiscard]] inline DecoderConfig gpt2(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    DecoderConfig c;
    c.vocabulary = f.size("vocab_size");
    c.width = f.size("n_embd");
    c.depth = f.size("n_layer");
    c.heads = f.size("n_head");
    c.hidden = f.size_or("n_inner", 4 * c.width);
    c.positions = Positions::learned;
    c.max_positions = f.size("n_positions");
    c.norm = NormKind::layer;
    c.eps = f.number_or("layer_norm_epsilon", 1e-5);
    c.gated = false;
    c.activation = f.activation("activation_function", "gelu_new");
    c.attention_bias = c.out_bias = c.mlp_bias = true;
    c.tied = f.flag_or("tie_word_embeddings", true);
    return c;
}

/// OPT. The 350m model differs (norms behind the parts, word vectors of another width) and is refused.
[[nodiscard]] inline DecoderConfig opt(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    DecoderConfig c;
    c.vocabulary = f.size("vocab_size");
    c.width = f.size("hidden_size");
    c.depth = f.size("num_hidden_layers");
    c.heads = f.size("num_attention_heads");
    c.hidden = f.size("ffn_dim");
    c.positions = Positions::learned;
    c.max_positions = f.size("max_position_embeddings");
    c.first_position = 2;                           // rows 0 and 1 were padding's in fairseq
    c.norm = NormKind::layer;
    c.eps = 1e-5;
    c.gated = false;
    c.activation = f.activation("activation_function", "relu");
    c.attention_bias = c.out_bias = c.mlp_bias = f.flag_or("enable_bias", true);
    c.tied = f.flag_or("tie_word_embeddings", true);
    const Index words = f.size_or("word_embed_proj_dim", c.width);
    if (!f.flag_or("do_layer_norm_before", true)) fail<io::FormatError>(where, ": norms behind the parts (do_layer_norm_before false) are not supported");
    if (words != c.width) fail<io::FormatError>(where, ": word vectors of ", words, " in a model of ", c.width, " are not supported");
    if (f.flag_or("_remove_final_layer_norm", false)) fail<io::FormatError>(where, ": a model without its last norm is not supported");
    if (!f.flag_or("layer_norm_elementwise_affine", true)) fail<io::FormatError>(where, ": norms without weights are not supported");
    return c;
}

/// Qwen of the first generation. Behind seq_length its code stretches the rotary base and scales queries at inference;
/// we stop there with an error instead.
[[nodiscard]] inline DecoderConfig qwen(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    DecoderConfig c;
    c.vocabulary = f.size("vocab_size");
    c.width = f.size("hidden_size");
    c.depth = f.size("num_hidden_layers");
    c.heads = f.size("num_attention_heads");
    c.head_width = f.size_or("kv_channels", c.width / c.heads);
    const Index both = f.size("intermediate_size", 2);      // of gate and up together
    if (both % 2 != 0) fail<io::FormatError>(where, ": 'intermediate_size' is ", both, "; it counts both branches and must be even");
    c.hidden = both / 2;
    c.max_positions = f.size_or("max_position_embeddings", 8192);
    c.rope.theta = f.number_or("rotary_emb_base", 10000.0);
    if (f.number_or("rotary_pct", 1.0) != 1) fail<io::FormatError>(where, ": rotary_pct other than 1 is not supported");
    c.eps = f.number("layer_norm_epsilon");
    c.attention_bias = true;
    c.out_bias = c.mlp_bias = !f.flag_or("no_bias", true);
    c.tied = f.flag_or("tie_word_embeddings", false);
    if (f.flag_or("use_dynamic_ntk", false) || f.flag_or("use_logn_attn", false)) c.longest = c.max_positions = f.size("seq_length");
    return c;
}

/// The decoder that config.json's model_type names; FormatError for a type that is not one of ours.
[[nodiscard]] inline DecoderConfig decoder(const Json& json, const std::string& where) {
    const std::string type = io::field<std::string>(json, "model_type", where);
    if (type == "gpt2") return gpt2(json, where);
    if (type == "opt") return opt(json, where);
    if (type == "qwen") return qwen(json, where);
    if (type == "llama" || type == "baichuan" || type == "qwen2") return llama(json, where);
    fail<io::FormatError>(where, ": model_type '", type, "' is not a decoder known here (llama, baichuan, qwen, qwen2, gpt2, opt)");
}

[[nodiscard]] inline BertConfig bert(const Json& json, const std::string& where, bool pooler = true) {
    const detail::Fields f{json, where};
    BertConfig c;
    c.vocabulary = f.size("vocab_size");
    c.positions = f.size("max_position_embeddings");
    c.types = f.size_or("type_vocab_size", 2);
    c.depth = f.size("num_hidden_layers");
    c.layer.width = f.size("hidden_size");
    c.layer.heads = f.size("num_attention_heads");
    c.layer.hidden = f.size("intermediate_size");
    c.layer.activation = f.activation("hidden_act", "gelu");
    c.layer.eps = f.number_or("layer_norm_eps", 1e-12);
    c.layer.dropout = f.number_or("hidden_dropout_prob", 0.0);
    c.pooler = pooler;
    return c;
}

/// Blip2QFormerModel; queries come from the caller unless their number is given.
[[nodiscard]] inline QFormerConfig qformer(const Json& json, const std::string& where, Index queries = 0) {
    const detail::Fields f{json, where};
    QFormerConfig c;
    c.queries = queries;
    c.width = f.size("hidden_size");
    c.depth = f.size("num_hidden_layers");
    c.heads = f.size("num_attention_heads");
    c.hidden = f.size("intermediate_size");
    c.memory_width = f.size("encoder_hidden_size");
    c.cross_every = f.size_or("cross_attention_frequency", 2);
    c.activation = f.activation("hidden_act", "gelu");
    c.eps = f.number_or("layer_norm_eps", 1e-12);
    c.dropout = f.number_or("hidden_dropout_prob", 0.0);
    return c;
}

}  // namespace svad::hub
