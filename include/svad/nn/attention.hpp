// SPDX-License-Identifier: Apache-2.0
// Attention layers on tokens [B, L, D]. Queries, keys and values have a Linear each: products of 128..5120 columns
// reach the speed of one packed product, and the packed one pays for three sliced gradients; fused checkpoints
// (W_pack, in_proj, c_attn) are split by rows when loaded.
// Rejected: one class with optional memory (self attention caches and rotates, cross attention does neither).
#pragma once

#include "svad/nn/kv_cache.hpp"
#include "svad/nn/linear.hpp"
#include "svad/ops/attention_joined.hpp"
#include "svad/ops/rope.hpp"

namespace svad {

/// Which keys may be seen: bytes [B, L], 1 = may; empty = all.
using KeyMask = Tensor<std::uint8_t>;

struct AttentionShape {
    Index width = 0;                                ///< of the tokens
    Index heads = 1;
    Index kv_heads = 0;                             ///< 0 = heads; fewer are shared (grouped queries)
    Index head_width = 0;                           ///< 0 = width / heads
    Index memory_width = 0;                         ///< of the keys' tokens; 0 = width
    bool bias = true;                               ///< on queries, keys and values
    bool key_bias = true;                           ///< on keys; EVA has none there
    bool out_bias = true;
    Init weight = Init::normal(0.02), out = Init::normal(0.02);
};

/// What self attention needs to know beside its tokens.
struct AttentionContext {
    bool causal = false;
    KeyMask keep = {};                              ///< over all keys, the cached ones included
    Index prefix = 0;                               ///< so many tokens in front see each other both ways, and nothing else
    Tensor<float> slopes = {};                      ///< ALiBi, one a head
    const RopeTable* rotation = nullptr;            ///< rotate queries and keys by their positions; null = do not
    RopeOptions rope = {};                          ///< which pairs turn
    Tensor<std::int32_t> positions = {};            ///< [B, L]
    KvCache* cache = nullptr;
    Index layer = 0;                                ///< which of the cache's layers this is
};

/// softmax(q k' / sqrt(d)) v, then the output projection.
struct Attention {
    Linear q, k, v, out;
    Index heads, kv_heads;

    explicit Attention(const AttentionShape& s)
        : q(s.width, head_width(s) * s.heads, {.bias = s.bias, .weight = s.weight}),
          k(memory_width(s), head_width(s) * groups(s), {.bias = s.bias && s.key_bias, .weight = s.weight}),
          v(memory_width(s), head_width(s) * groups(s), {.bias = s.bias, .weight = s.weight}),
          out(head_width(s) * s.heads, s.width, {.bias = s.out_bias, .weight = s.out}), heads(s.heads), kv_heads(groups(s)) {
        if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0)
            fail<UsageError>("attention: ", heads, " heads cannot share ", kv_heads, " key-value heads");
        if (head_width(s) < 1 || (s.head_width == 0 && s.width % s.heads != 0))
            fail<UsageError>("attention: width ", s.width, " is not a multiple of ", s.heads, " heads");
    }

    /// tokens [B, L, D] look at themselves.
    Var operator()(const Var& tokens, const AttentionContext& context = {}) const {
        (void)tokens.sizes<3>("B L D");
        if (Var qkv = context.cache || context.prefix > 0 ? Var() : joined(tokens, {&q, &k, &v})) {
            if (context.rotation) qkv = rope_heads(qkv, heads + kv_heads, context.positions, *context.rotation, context.rope);
            return out(attention_packed(qkv, heads, kv_heads, options_of(context)));
        }
        auto [queries, keys, values] = together(tokens, q, k, v);
        if (context.rotation) {
            queries = rope(queries, context.positions, *context.rotation, context.rope);
            keys = rope(keys, context.positions, *context.rotation, context.rope);
        }
        if (context.cache) std::tie(keys, values) = context.cache->append(context.layer, keys, values);
        const AttentionOptions options = options_of(context);
        const Index P = context.prefix, L = queries.size(1);
        if (P == 0) return out(attention_tokens(queries, keys, values, heads, kv_heads, options));
        const Var front = attention_tokens(queries.slice(1, 0, P), keys.slice(1, 0, P), values.slice(1, 0, P), heads, kv_heads);
        if (P == L) return out(front);
        return out(concat(1, {front, attention_tokens(queries.slice(1, P, L), keys, values, heads, kv_heads, options)}));
    }

    /// tokens [B, Q, D] look at memory [B, L, M].
    Var look(const Var& tokens, const Var& memory, const KeyMask& keep = {}) const {
        const AttentionOptions options{.keep = wide(keep)};
        if (const Var kv = joined(memory, {&k, &v})) return out(attention_kv(q(tokens), kv, heads, kv_heads, options));
        return out(attention_tokens(q(tokens), k(memory), v(memory), heads, kv_heads, options));
    }

    void visit(auto&& f) { f("q", q); f("k", k); f("v", v); f("out", out); }

private:
    static Index groups(const AttentionShape& s) { return s.kv_heads == 0 ? s.heads : s.kv_heads; }
    static Index head_width(const AttentionShape& s) { return s.head_width == 0 ? s.width / s.heads : s.head_width; }
    static Index memory_width(const AttentionShape& s) { return s.memory_width == 0 ? s.width : s.memory_width; }

    static AttentionOptions options_of(const AttentionContext& c) { return {.causal = c.causal, .keep = wide(c.keep), .slopes = c.slopes}; }
    static Tensor<std::uint8_t> wide(const KeyMask& keep) {         // [B, L] -> [B, 1, 1, L]
        return keep.rank() == 2 ? keep.reshape({keep.size(0), 1, 1, keep.size(1)}) : Tensor<std::uint8_t>();
    }
};

}  // namespace svad
