// SPDX-License-Identifier: Apache-2.0
// Decoders from GGUF files: LLaMA (and what is built like it), Qwen 1 and 2, Baichuan. Weights stay in the mapped file.
// llama.cpp stores the queries and keys of `llama` and `baichuan` so that neighbouring pairs turn; the rotary embedding
// follows, and no row is moved.
#pragma once

#include "svad/io/gguf_weights.hpp"
#include "svad/models/decoder.hpp"
#include "svad/nn/weights.hpp"

#include <memory>

namespace svad {

namespace hub {

/// The configuration in a GGUF file's metadata. Throws FormatError for architectures and options that are not ours.
[[nodiscard]] inline DecoderConfig gguf(const io::GgufWeights& weights) {
    const io::Gguf& file = weights.file();
    const std::string where = weights.path(), arch = file.get<std::string>("general.architecture");
    if (arch != "llama" && arch != "baichuan" && arch != "qwen" && arch != "qwen2")
        fail<io::FormatError>(where, ": architecture '", arch, "' is not a decoder known here (llama, baichuan, qwen, qwen2)");
    const auto size = [&](const std::string& key, Index otherwise) {
        const std::int64_t* const n = file.find<std::int64_t>(arch + "." + key);
        if (!n && otherwise < 0) fail<io::FormatError>(where, ": has no '", arch, ".", key, "'");
        const Index value = n ? *n : otherwise;
        if (value < 1 || value > (Index{1} << 24)) fail<io::FormatError>(where, ": '", arch, ".", key, "' is ", value, ", not within 1 and 2^24");
        return value;
    };
    const auto number = [&](const std::string& key, double otherwise) {
        const double* const x = file.find<double>(arch + "." + key);
        return x ? *x : otherwise;
    };
    const Shape& words = weights.info("token_embd.weight").shape;
    if (words.rank() != 2) fail<io::FormatError>(where, ": token_embd.weight is ", words, ", not [vocabulary, width]");
    DecoderConfig c;
    c.vocabulary = words[0];
    c.width = size("embedding_length", -1);
    c.depth = size("block_count", -1);
    if (c.depth > 1024) fail<io::FormatError>(where, ": ", c.depth, " blocks are more than the 1024 that are possible");
    c.heads = size("attention.head_count", -1);
    c.kv_heads = size("attention.head_count_kv", c.heads);
    c.head_width = size("attention.key_length", c.width / std::max<Index>(c.heads, 1));
    c.hidden = size("feed_forward_length", -1);
    c.max_positions = size("context_length", 2048);
    c.eps = number("attention.layer_norm_rms_epsilon", 1e-6);
    c.rope.theta = number("rope.freq_base", 10000.0);
    c.rope.interleaved = arch == "llama" || arch == "baichuan";
    if (size("rope.dimension_count", c.head_width) != c.head_width)
        fail<io::FormatError>(where, ": rotary embedding of ", size("rope.dimension_count", 1), " of ", c.head_width, " columns is not supported");
    if (const std::string* const type = file.find<std::string>(arch + ".rope.scaling.type"); type && *type != "none") {
        if (*type != "linear") fail<io::FormatError>(where, ": rope scaling '", *type, "' is not supported");
        c.rope.scaling = {.kind = RopeScaling::Kind::linear, .factor = number("rope.scaling.factor", 1.0)};
    }
    if (number("attention.max_alibi_bias", 0) > 0 || (arch == "baichuan" && c.depth == 40)) c.positions = Positions::alibi;
    c.attention_bias = weights.contains("blk.0.attn_q.bias") || weights.contains("blk.0.attn_qkv.bias");
    c.tied = !weights.contains("output.weight");
    return c;
}

}  // namespace hub

namespace names {

/// The tensors of a GGUF file: Decoder.
[[nodiscard]] inline NameTable gguf() {
    return {{{"token_embd.weight", "words.weight"},
             {"blk.*.attn_norm.weight", "blocks.*.norm1.weight"},
             {"blk.*.ffn_norm.weight", "blocks.*.norm2.weight"},
             {"blk.*.attn_q.*", "blocks.*.attn.q.*"},
             {"blk.*.attn_k.*", "blocks.*.attn.k.*"},
             {"blk.*.attn_v.*", "blocks.*.attn.v.*"},
             {"blk.*.attn_qkv.*", "blocks.*.attn.{q,k,v}.*"},
             {"blk.*.attn_output.*", "blocks.*.attn.out.*"},
             {"blk.*.ffn_gate.*", "blocks.*.mlp.gate.*"},
             {"blk.*.ffn_up.*", "blocks.*.mlp.up.*"},
             {"blk.*.ffn_down.*", "blocks.*.mlp.down.*"},
             {"output_norm.weight", "norm.weight"},
             {"output.weight", "head"}}};
}

}  // namespace names

/// The decoder in a GGUF file, its weights mapped and used as they are stored. Throws FileError or FormatError.
[[nodiscard]] inline std::unique_ptr<Decoder> open_gguf(const std::string& path) {
    const auto weights = io::GgufWeights::open(path);
    auto model = std::make_unique<Decoder>(hub::gguf(weights));
    load(*model, weights, names::gguf());
    return model;
}

}  // namespace svad
