// SPDX-License-Identifier: Apache-2.0
// Attention whose operands lie side by side in one projection, read where they are: queries, keys and values of tokens that
// look at themselves, or the keys and values of a memory. One product makes the projection, and nothing is cut out of it.
#pragma once

#include "svad/ops/attention.hpp"

namespace svad {

namespace ops {

/// The gradient of the packed projection, in its layout.
struct PackedAttentionGradOp {
    static constexpr std::string_view name = "packed_attention_grad";
    static constexpr Wide wide{.inputs = 1u << 2};
    AttentionOptions options;
    svad::detail::HeadCounts counts;

    Result shape(const Shape&, const Shape&, const Shape&, const Shape& qkv) const { return {.y = qkv}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> y, View<const T> lse, View<const T> qkv, View<T> out) const;
    void cuda(Ref dy, Ref y, Ref lse, Ref qkv, Ref out, Stream s) const;
    static auto samples() {
        return std::vector<Sample<PackedAttentionGradOp>>{
            {{{}, {4, 2}}, {{2, 3, 12}, {2, 3, 12}, {2, 4, 3}, {2, 3, 24}}}};
    }
};

/// Self-attention on one projection [B, L, (H + 2 Hkv) D] that holds q, k and v side by side; the result is [B, L, H*D].
/// It saves the three padded copies that the gradients of three slices would be.
struct PackedAttentionOp {
    static constexpr std::string_view name = "packed_attention";
    static constexpr Wide wide{.saved = true};
    static constexpr bool strided = true;
    AttentionOptions options;
    svad::detail::HeadCounts counts;

    cpu::AttentionPlan plan(const Shape& qkv) const {
        const Index width = qkv[2] / (counts.heads + 2 * counts.kv_heads);
        return svad::detail::plan_attention(options, qkv[0], counts, qkv[1], qkv[1], width);
    }
    Result shape(const Shape& qkv) const {
        const Index all = counts.heads + 2 * counts.kv_heads;
        require(qkv.rank() == 3 && all > 0 && qkv[2] % all == 0, name, "the value should be [B, L, (H + 2 Hkv) D]");
        const cpu::AttentionPlan p = plan(qkv);
        svad::detail::check_attention(options, name, {p.batches, p.heads, p.queries, p.keys}, p.kv_heads);
        return {.y = {qkv[0], qkv[1], counts.heads * p.width}, .saved = {{p.batches, p.heads, p.queries}}};
    }
    template <Real T>
    void cpu(View<const T> qkv, View<T> y, View<T> lse) const {
        const cpu::AttentionPlan p = plan(qkv.shape);
        using svad::detail::heads_of;
        const Index w = p.width, k = p.heads * w, v = k + p.kv_heads * w;
        cpu::attend<T>(p, heads_of(qkv, w), heads_of(qkv, w, k), heads_of(qkv, w, v), heads_of(y, w), lse.data);
    }
    void cuda(Ref qkv, Ref y, Ref lse, Stream s) const {
        const cpu::AttentionPlan p = plan(svad::cuda::shape_of(qkv));
        using svad::detail::heads_on_device;
        const Index w = p.width, k = p.heads * w, v = k + p.kv_heads * w;
        svad::cuda::attention(heads_on_device(qkv, p.heads, w), heads_on_device(qkv, p.kv_heads, w, k), heads_on_device(qkv, p.kv_heads, w, v),
                              heads_on_device(y, p.heads, w), lse, svad::detail::attention_on_device(options, p), s);
    }
    Grads grad(const Var& dy, const Var& y, const Var& lse, const Var& qkv) const {
        return {apply(PackedAttentionGradOp{options, counts}, dy, y, lse, qkv)};
    }
    static auto samples() {
        std::vector<Sample<PackedAttentionOp>> all;
        const auto add = [&](bool causal, svad::detail::HeadCounts n, const Shape& qkv) {
            PackedAttentionOp op{{}, n};
            op.options.causal = causal;
            all.push_back({op, {qkv}});
        };
        add(false, {3, 3}, {2, 5, 18});
        add(true, {4, 2}, {1, 67, 64});
        add(false, {1, 1}, {1, 1, 3});
        add(false, {2, 1}, {2, 0, 8});
        return all;
    }
};

template <Real T>
void PackedAttentionGradOp::cpu(View<const T> dy, View<const T> y, View<const T> lse, View<const T> qkv, View<T> out) const {
    const cpu::AttentionPlan p = PackedAttentionOp{options, counts}.plan(qkv.shape);
    using svad::detail::heads_of;
    const Index w = p.width, k = p.heads * w, v = k + p.kv_heads * w;
    cpu::attend_back<T>(p, heads_of(qkv, w), heads_of(qkv, w, k), heads_of(qkv, w, v), heads_of(y, w), heads_of(dy, w),
                               lse.data, heads_of(out, w), heads_of(out, w, k), heads_of(out, w, v));
}

inline void PackedAttentionGradOp::cuda(Ref dy, Ref y, Ref lse, Ref qkv, Ref out, Stream s) const {
    const cpu::AttentionPlan p = PackedAttentionOp{options, counts}.plan(svad::cuda::shape_of(qkv));
    using svad::detail::heads_on_device;
    const Index w = p.width, k = p.heads * w, v = k + p.kv_heads * w;
    svad::cuda::attention_grad(heads_on_device(dy, p.heads, w), heads_on_device(y, p.heads, w), lse, heads_on_device(qkv, p.heads, w),
                               heads_on_device(qkv, p.kv_heads, w, k), heads_on_device(qkv, p.kv_heads, w, v), heads_on_device(out, p.heads, w),
                               heads_on_device(out, p.kv_heads, w, k), heads_on_device(out, p.kv_heads, w, v),
                               svad::detail::attention_on_device(options, p), s);
}

/// The gradients of KvAttentionOp in one flat value: [dq], then [dkv] in its layout.
struct KvAttentionGradOp {
    static constexpr std::string_view name = "kv_attention_grad";
    static constexpr Wide wide{.inputs = 1u << 2};
    AttentionOptions options;
    svad::detail::HeadCounts counts;

    Result shape(const Shape&, const Shape&, const Shape&, const Shape& q, const Shape& kv) const { return {.y = {q.numel() + kv.numel()}}; }
    template <Real T>
    void cpu(View<const T> dy, View<const T> y, View<const T> lse, View<const T> q, View<const T> kv, View<T> out) const;
    void cuda(Ref dy, Ref y, Ref lse, Ref q, Ref kv, Ref out, Stream s) const;
    static auto samples() {
        return std::vector<Sample<KvAttentionGradOp>>{{{{}, {4, 2}}, {{2, 3, 12}, {2, 3, 12}, {2, 4, 3}, {2, 3, 12}, {2, 5, 12}}}};
    }
};

/// Cross-attention of q [B, Lq, H*D] on one projection [B, Lk, 2 Hkv D] that holds keys and values side by side.
struct KvAttentionOp {
    static constexpr std::string_view name = "kv_attention";
    static constexpr bool strided = true;
    static constexpr Wide wide{.saved = true};
    AttentionOptions options;
    svad::detail::HeadCounts counts;

    cpu::AttentionPlan plan(const Shape& q, const Shape& kv) const {
        return svad::detail::plan_attention(options, q[0], counts, q[1], kv[1], q[2] / counts.heads);
    }
    Result shape(const Shape& q, const Shape& kv) const {
        require(q.rank() == 3 && kv.rank() == 3 && q[0] == kv[0], name, "q should be [B, Lq, H*D], the keys and values [B, Lk, 2 Hkv D]");
        require(counts.heads > 0 && q[2] % counts.heads == 0 && kv[2] == 2 * counts.kv_heads * (q[2] / counts.heads), name,
                "widths must be heads times one common head width");
        const cpu::AttentionPlan p = plan(q, kv);
        svad::detail::check_attention(options, name, {p.batches, p.heads, p.queries, p.keys}, p.kv_heads);
        return {.y = q, .saved = {{p.batches, p.heads, p.queries}}};
    }
    template <Real T>
    void cpu(View<const T> q, View<const T> kv, View<T> y, View<T> lse) const {
        const cpu::AttentionPlan p = plan(q.shape, kv.shape);
        using svad::detail::heads_of;
        const Index w = p.width;
        cpu::attend<T>(p, heads_of(q, w), heads_of(kv, w), heads_of(kv, w, p.kv_heads * w), heads_of(y, w), lse.data);
    }
    void cuda(Ref q, Ref kv, Ref y, Ref lse, Stream s) const {
        const cpu::AttentionPlan p = plan(svad::cuda::shape_of(q), svad::cuda::shape_of(kv));
        using svad::detail::heads_on_device;
        const Index w = p.width;
        svad::cuda::attention(heads_on_device(q, p.heads, w), heads_on_device(kv, p.kv_heads, w), heads_on_device(kv, p.kv_heads, w, p.kv_heads * w),
                              heads_on_device(y, p.heads, w), lse, svad::detail::attention_on_device(options, p), s);
    }
    Grads grad(const Var& dy, const Var& y, const Var& lse, const Var& q, const Var& kv) const {
        const Var flat = apply(KvAttentionGradOp{options, counts}, dy, y, lse, q, kv);
        return {flat.slice(0, 0, q.numel()).reshape(q.shape()), flat.slice(0, q.numel(), flat.numel()).reshape(kv.shape())};
    }
    static auto samples() {
        std::vector<Sample<KvAttentionOp>> all;
        const auto add = [&](bool causal, svad::detail::HeadCounts n, const Shape& q, const Shape& kv) {
            KvAttentionOp op{{}, n};
            op.options.causal = causal;
            all.push_back({op, {q, kv}});
        };
        add(false, {4, 2}, {2, 3, 12}, {2, 5, 12});
        add(true, {1, 1}, {1, 3, 5}, {1, 7, 10});
        add(false, {2, 2}, {1, 1, 4}, {1, 300, 8});
        add(false, {2, 1}, {0, 2, 4}, {0, 3, 4});
        return all;
    }
};

template <Real T>
void KvAttentionGradOp::cpu(View<const T> dy, View<const T> y, View<const T> lse, View<const T> q, View<const T> kv, View<T> out) const {
    const cpu::AttentionPlan p = KvAttentionOp{options, counts}.plan(q.shape, kv.shape);
    using svad::detail::heads_of;
    const Index w = p.width, v = p.kv_heads * w;
    const View<T> dkv(out.data + q.numel(), kv.shape);
    cpu::attend_back<T>(p, heads_of(q, w), heads_of(kv, w), heads_of(kv, w, v), heads_of(y, w), heads_of(dy, w), lse.data,
                        heads_of(out.data, q.shape, w), heads_of(dkv, w), heads_of(dkv, w, v));
}

inline void KvAttentionGradOp::cuda(Ref dy, Ref y, Ref lse, Ref q, Ref kv, Ref out, Stream s) const {
    const cpu::AttentionPlan p = KvAttentionOp{options, counts}.plan(svad::cuda::shape_of(q), svad::cuda::shape_of(kv));
    using svad::detail::heads_on_device;
    const Index w = p.width, v = p.kv_heads * w;
    Ref dq = svad::cuda::contiguous(q), dkv = svad::cuda::contiguous(kv);
    dq.data = out.data, dkv.data = svad::cuda::flat(out, {kv.numel()}, q.numel()).data;
    svad::cuda::attention_grad(heads_on_device(dy, p.heads, w), heads_on_device(y, p.heads, w), lse, heads_on_device(q, p.heads, w),
                               heads_on_device(kv, p.kv_heads, w), heads_on_device(kv, p.kv_heads, w, v), heads_on_device(dq, p.heads, w),
                               heads_on_device(dkv, p.kv_heads, w), heads_on_device(dkv, p.kv_heads, w, v),
                               svad::detail::attention_on_device(options, p), s);
}

}  // namespace ops

/// The same with keys and values side by side: kv [B, Lk, 2 Hkv D] = [k | v].
[[nodiscard]] inline Var attention_kv(const Var& q, const Var& kv, Index heads, Index kv_heads, const AttentionOptions& options = {}) {
    return apply(ops::KvAttentionOp{options, detail::count_heads(heads, kv_heads)}, q, kv);
}

/// Self-attention on a packed projection [B, L, (H + 2 Hkv) D] = [q | k | v], result [B, L, H*D].
[[nodiscard]] inline Var attention_packed(const Var& qkv, Index heads, Index kv_heads, const AttentionOptions& options = {}) {
    return apply(ops::PackedAttentionOp{options, detail::count_heads(heads, kv_heads)}, qkv);
}

}  // namespace svad
