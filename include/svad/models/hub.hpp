// SPDX-License-Identifier: Apache-2.0
// config.json of published checkpoints to our configurations. Both generations of key names are understood
// (rope_parameters and rope_theta / rope_scaling). Sizes are bounded before a model of them is built.
#pragma once

#include "svad/io/json.hpp"
#include "svad/models/bert.hpp"
#include "svad/models/decoder.hpp"
#include "svad/models/video_chat.hpp"

#include <cmath>

namespace svad::hub {

using io::Json;

namespace detail {

/// Reads fields of one file, with the file's name in errors.
struct Fields {
    const Json& json;
    std::string where;

    Index size(std::string_view key, Index least = 1) const { return bounded(key, io::field<std::int64_t>(json, key, where), least); }
    Index size_or(std::string_view key, Index otherwise, Index least = 1) const {
        return bounded(key, io::field_or<std::int64_t>(json, key, otherwise, where), least);
    }
    double number(std::string_view key) const { return io::field<double>(json, key, where); }
    double number_or(std::string_view key, double otherwise) const { return io::field_or<double>(json, key, otherwise, where); }
    bool flag_or(std::string_view key, bool otherwise) const { return io::field_or<bool>(json, key, otherwise, where); }
    std::string text_or(std::string_view key, const std::string& otherwise) const { return io::field_or<std::string>(json, key, otherwise, where); }
    bool has(std::string_view key) const { return json.contains(key) && !json.at(std::string(key)).is_null(); }

    Activation activation(std::string_view key, const std::string& otherwise) const {
        const std::string name = text_or(key, otherwise);
        if (name == "gelu") return Activation::gelu;
        if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::gelu_tanh;
        if (name == "quick_gelu") return Activation::quick_gelu;
        if (name == "silu" || name == "swish") return Activation::silu;
        if (name == "relu") return Activation::relu;
        if (name == "tanh") return Activation::tanh;
        fail<io::FormatError>(where, ": activation '", name, "' is not known");
    }

private:
    Index bounded(std::string_view key, Index n, Index least) const {
        if (n < least || n > (Index{1} << 24)) fail<io::FormatError>(where, ": '", key, "' is ", n, ", not within ", least, " and 2^24");
        return n;
    }
};

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

/// ViTModel; whether the file holds a pooler is the caller's to say.
[[nodiscard]] inline VitConfig vit(const Json& json, const std::string& where, bool pooler = true) {
    const detail::Fields f{json, where};
    VitConfig c;
    c.image = f.size("image_size");
    c.patch = f.size("patch_size");
    c.channels = f.size_or("num_channels", 3);
    c.width = f.size("hidden_size");
    c.depth = f.size("num_hidden_layers");
    c.heads = f.size("num_attention_heads");
    c.hidden = f.size("intermediate_size");
    c.activation = f.activation("hidden_act", "gelu");
    c.eps = f.number_or("layer_norm_eps", 1e-12);
    c.attention_bias = f.flag_or("qkv_bias", true);
    c.pooler = pooler;
    return c;
}

/// The visual side of VideoChat with the keys of its own configuration.
[[nodiscard]] inline VideoChatConfig video_chat(const Json& json, const std::string& where) {
    const detail::Fields f{json, where};
    VideoChatConfig c;
    VitConfig& v = c.video.vit;
    v.image = f.size("img_size");
    v.patch = f.size("patch_size");
    v.width = f.size("embed_dim");
    v.depth = f.size("depth");
    v.heads = f.size("num_heads");
    const double ratio = f.number("mlp_ratio") * static_cast<double>(v.width);
    v.hidden = static_cast<Index>(ratio);                       // cut, unlike GMHRA's, which is rounded
    v.key_bias = false;
    v.final_norm = false;
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
