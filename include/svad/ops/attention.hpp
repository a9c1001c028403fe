// SPDX-License-Identifier: Apache-2.0
// Scaled dot-product attention with grouped heads, causal and padding masks and linear biases (ALiBi), in three
// layouts: heads apart [B, H, L, D], tokens [B, L, H*D] as projections make them, and one packed projection.
// Promise: memory grows with L, not L^2; strided inputs (slices and permutations) are read in place.
// Rejected: softmax(matmul(q, k')) out of smaller ops (keeps two matrices of scores per head for the gradient).
#pragma once

#include "svad/autograd/op.hpp"
#include "svad/backend/cpu/attention_tiles.hpp"
#include "svad/ops/layout.hpp"

#include <optional>

namespace svad {

/// Which keys a query sees, and with which weight.
struct AttentionOptions {
    bool causal = false;                    ///< query i sees keys 0 .. i + past
    double scale = 0;                       ///< of the scores; 0: D^-0.5
    Tensor<std::uint8_t> keep = {};         ///< [B or 1, 1, Lq or 1, Lk], 0 hides the key; empty: none hidden
    Tensor<float> slopes = {};              ///< [H], adds slopes[h] * (j - i - past) to the scores (ALiBi); empty: none
    std::optional<Index> past = {};         ///< keys before the first query; Lk - Lq if not given
};

namespace detail {

/// Head counts of tokens [B, L, H*D]; zeros where heads have an axis of their own. `rounded`: products round to bf16.
struct HeadCounts {
    Index heads = 0, kv_heads = 0;
    bool rounded = false;
};

inline cpu::AttentionPlan plan_attention(const AttentionOptions& o, Index batches, HeadCounts n, Index queries, Index keys,
                                         Index width) {
    cpu::AttentionPlan p{batches, n.heads, n.kv_heads, queries, keys, width};
    p.scale = o.scale != 0 ? o.scale : 1 / std::sqrt(static_cast<double>(std::max<Index>(width, 1)));
    p.causal = o.causal;
    p.past = o.past.value_or(keys - queries);
    p.rounded = n.rounded;
    if (!o.keep.empty()) {
        p.keep = o.keep.data();
        p.keep_row = o.keep.size(2) == 1 ? 0 : keys;
        p.keep_batch = o.keep.size(0) == 1 ? 0 : o.keep.size(2) * keys;
    }
    if (!o.slopes.empty()) p.slopes = o.slopes.data();
    return p;
}

/// The conditions that all three layouts share.
inline void check_attention(const AttentionOptions& o, std::string_view who, const Shape& scores /* [B, H, Lq, Lk] */,
                            Index kv_heads) {
    require(kv_heads > 0 && scores[1] % kv_heads == 0, who, "the heads of q must be a multiple of those of k and v");
    if (!o.keep.empty()) {
        const Shape& k = o.keep.shape();
        const bool fits = k.rank() == 4 && (k[0] == 1 || k[0] == scores[0]) && k[1] == 1 &&
                          (k[2] == 1 || k[2] == scores[2]) && k[3] == scores[3];
        if (!fits) fail<ShapeError>(who, ": keep ", k, " does not fit scores ", scores, "; it must be [B or 1, 1, Lq or 1, Lk]");
    }
    if (!o.slopes.empty() && o.slopes.shape() != Shape{scores[1]})
        fail<ShapeError>(who, ": slopes ", o.slopes.shape(), " must be one per head, for scores ", scores);
}

/// Head counts under the precision of this scope; fails if they are not positive.
inline HeadCounts count_heads(Index heads, Index kv_heads) {
    if (heads <= 0 || kv_heads <= 0) fail<UsageError>("attention: ", heads, " and ", kv_heads, " heads; both must be positive");
    return {heads, kv_heads, modes().matmul == DType::bf16};
}

/// Heads of x [B, H, L, D], or of tokens [B, L, H*D] whose heads are `width` wide and begin at element `first`.
template <class T>
cpu::HeadView<T> heads_of(View<T> x, Index width, Index first = 0) {
    if (x.shape.rank() == 4) return {x.data, x.stride(0), x.stride(1), x.stride(2), x.stride(3)};
    return {x.data + first * x.stride(2), x.stride(0), width * x.stride(2), x.stride(1), x.stride(2)};
}
template <class T>
cpu::HeadView<T> heads_of(T* data, const Shape& shape, Index width) {
    return heads_of(View<T>(data, shape), width);
}

/// Heads [B, H, L, D] of a Ref in either layout; those of tokens begin at element `first` of a row.
inline Ref heads_on_device(const Ref& x, Index heads, Index width, Index first = 0) {
    if (x.rank == 4) return x;
    Ref r = cuda::part(x, 2, first, heads * width);
    r.rank = 4;
    r.sizes[1] = heads, r.sizes[2] = x.sizes[1], r.sizes[3] = width;
    r.strides[1] = width * x.strides[2], r.strides[2] = x.strides[1], r.strides[3] = x.strides[2];
    return r;
}

inline cuda::Attention attention_on_device(const AttentionOptions& o, const cpu::AttentionPlan& p) {
    cuda::Attention a;
    a.scale = static_cast<float>(p.scale), a.causal = p.causal, a.past = p.past;
    if (!o.keep.empty()) {
        Ref scores;
        scores.rank = 4;
        scores.sizes[0] = p.batches, scores.sizes[1] = 1, scores.sizes[2] = p.queries, scores.sizes[3] = p.keys;
        a.keep = cuda::spread(cuda::mirrored(o.keep), scores);
    }
    a.slopes = cuda::mirrored(o.slopes);
    return a;
}

}  // namespace detail

namespace ops {

/// [dq, dk, dv] one behind the other in one flat value: they share the probabilities, which are made once.
struct AttentionGradOp {
    static constexpr std::string_view name = "attention_grad";
    static constexpr Wide wide{.inputs = 1u << 2};
    AttentionOptions options;
    svad::detail::HeadCounts counts;

    Result shape(const Shape&, const Shape&, const Shape&, const Shape& q, const Shape& k, const Shape& v) const {
        return {.y = {q.numel() + k.numel() + v.numel()}};
    }
    template <Real T>
    void cpu(View<const T> dy, View<const T> y, View<const T> lse, View<const T> q, View<const T> k, View<const T> v,
             View<T> out) const;
    void cuda(Ref dy, Ref y, Ref lse, Ref q, Ref k, Ref v, Ref out, Stream s) const;
    static auto samples() {
        return std::vector<Sample<AttentionGradOp>>{
            {{}, {{2, 4, 3, 5}, {2, 4, 3, 5}, {2, 4, 3}, {2, 4, 3, 5}, {2, 2, 7, 5}, {2, 2, 7, 5}}},
            {{{.causal = true}, {2, 1}}, {{1, 70, 8}, {1, 70, 8}, {1, 2, 70}, {1, 70, 8}, {1, 70, 4}, {1, 70, 4}}}};
    }
};

/// softmax(scale q k' + bias) v for q [B, H, Lq, D], k and v [B, Hkv, Lk, D], or with `counts` [B, L, H*D].
struct AttentionOp {
    static constexpr std::string_view name = "attention";
    static constexpr Wide wide{.saved = true};
    static constexpr bool strided = true;
    AttentionOptions options;
    svad::detail::HeadCounts counts;

    /// Sizes of a pair of inputs in either layout.
    cpu::AttentionPlan plan(const Shape& q, const Shape& k) const {
        if (counts.heads == 0) return svad::detail::plan_attention(options, q[0], {q[1], k[1], counts.rounded}, q[2], k[2], q[3]);
        return svad::detail::plan_attention(options, q[0], counts, q[1], k[1], q[2] / counts.heads);
    }

    Result shape(const Shape& q, const Shape& k, const Shape& v) const {
        const int rank = counts.heads == 0 ? 4 : 3;
        require(q.rank() == rank && k.rank() == rank && k == v && q[0] == k[0], name,
                rank == 4 ? "q should be [B, H, Lq, D], k and v [B, Hkv, Lk, D]"
                          : "q should be [B, Lq, H*D], k and v [B, Lk, Hkv*D]");
        if (rank == 4) require(q[3] == k[3], name, "q and k must have heads of one width");
        else require(counts.kv_heads > 0 && q[2] % counts.heads == 0 && k[2] == q[2] / counts.heads * counts.kv_heads, name,
                     "widths must be heads times one common head width");
        const cpu::AttentionPlan p = plan(q, k);
        svad::detail::check_attention(options, name, {p.batches, p.heads, p.queries, p.keys}, p.kv_heads);
        return {.y = q, .saved = {{p.batches, p.heads, p.queries}}};
    }
    template <Real T>
    void cpu(View<const T> q, View<const T> k, View<const T> v, View<T> y, View<T> lse) const {
        const cpu::AttentionPlan p = plan(q.shape, k.shape);
        using svad::detail::heads_of;
        cpu::attend<T>(p, heads_of(q, p.width), heads_of(k, p.width), heads_of(v, p.width), heads_of(y, p.width),
                                  lse.data);
    }
    void cuda(Ref q, Ref k, Ref v, Ref y, Ref lse, Stream s) const {
        const cpu::AttentionPlan p = plan(svad::cuda::shape_of(q), svad::cuda::shape_of(k));
        const auto heads = [&](const Ref& x, Index n) { return svad::detail::heads_on_device(x, n, p.width); };
        svad::cuda::attention(heads(q, p.heads), heads(k, p.kv_heads), heads(v, p.kv_heads), heads(y, p.heads), lse,
                              svad::detail::attention_on_device(options, p), s);
    }
    Grads grad(const Var& dy, const Var& y, const Var& lse, const Var& q, const Var& k, const Var& v) const {
        const Var flat = apply(AttentionGradOp{options, counts}, dy, y, lse, q, k, v);
        const Index nq = q.numel(), nk = k.numel();
        return {flat.slice(0, 0, nq).reshape(q.shape()), flat.slice(0, nq, nq + nk).reshape(k.shape()),
                flat.slice(0, nq + nk, nq + 2 * nk).reshape(v.shape())};
    }
    static auto samples() {
        const Tensor<std::uint8_t> keep({2, 1, 1, 7}, {1, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0});
        const Tensor<float> slopes = Tensor<float>::of({0.5F, 0.25F});
        std::vector<Sample<AttentionOp>> all;                   // one by one: g++ 12 warns of a list of such structs
        const auto add = [&](AttentionOptions o, svad::detail::HeadCounts n, const Shape& q, const Shape& k) {
            all.push_back({{std::move(o), n}, {q, k, k}});
        };
        add({}, {}, {2, 3, 4, 5}, {2, 3, 7, 5});
        add({.causal = true}, {}, {1, 4, 5, 8}, {1, 2, 9, 8});
        add({.keep = keep}, {}, {2, 2, 3, 4}, {2, 1, 7, 4});
        add({.causal = true, .scale = 0.3, .slopes = slopes}, {2, 1}, {2, 6, 10}, {2, 6, 5});
        add({.causal = true}, {}, {1, 1, 70, 17}, {1, 1, 150, 17});
        add({}, {}, {1, 1, 1, 1}, {1, 1, 1, 1});
        add({}, {}, {0, 2, 3, 4}, {0, 2, 3, 4});
        add({}, {}, {1, 2, 3, 4}, {1, 2, 0, 4});
        return all;
    }
};

template <Real T>
void AttentionGradOp::cpu(View<const T> dy, View<const T> y, View<const T> lse, View<const T> q, View<const T> k,
                          View<const T> v, View<T> out) const {
    const cpu::AttentionPlan p = AttentionOp{options, counts}.plan(q.shape, k.shape);
    using svad::detail::heads_of;
    const Index w = p.width;
    cpu::attend_back<T>(p, heads_of(q, w), heads_of(k, w), heads_of(v, w), heads_of(y, w), heads_of(dy, w), lse.data,
                               heads_of(out.data, q.shape, w), heads_of(out.data + q.numel(), k.shape, w),
                               heads_of(out.data + q.numel() + k.numel(), v.shape, w));
}

inline void AttentionGradOp::cuda(Ref dy, Ref y, Ref lse, Ref q, Ref k, Ref v, Ref out, Stream s) const {
    const cpu::AttentionPlan p = AttentionOp{options, counts}.plan(svad::cuda::shape_of(q), svad::cuda::shape_of(k));
    const auto heads = [&](const Ref& x, Index n) { return svad::detail::heads_on_device(x, n, p.width); };
    const auto part_of_out = [&](const Ref& like, Index first, Index n) {
        Ref r = svad::cuda::contiguous(like);
        r.data = svad::cuda::flat(out, {like.numel()}, first).data;
        return heads(r, n);
    };
    svad::cuda::attention_grad(heads(dy, p.heads), heads(y, p.heads), lse, heads(q, p.heads), heads(k, p.kv_heads), heads(v, p.kv_heads),
                               part_of_out(q, 0, p.heads), part_of_out(k, q.numel(), p.kv_heads),
                               part_of_out(v, q.numel() + k.numel(), p.kv_heads), svad::detail::attention_on_device(options, p), s);
}

}  // namespace ops

/// softmax(scale q k' + bias) v: q [B, H, Lq, D], k and v [B, Hkv, Lk, D], result [B, H, Lq, D]. Head h of q uses head
/// h / (H / Hkv) of k and v. A query that sees no key gives zeros.
[[nodiscard]] inline Var attention(const Var& q, const Var& k, const Var& v, const AttentionOptions& options = {}) {
    return apply(ops::AttentionOp{options, {0, 0, detail::modes().matmul == DType::bf16}}, q, k, v);
}

/// The same on tokens: q [B, Lq, H*D], k and v [B, Lk, Hkv*D], result [B, Lq, H*D]; nothing is permuted.
[[nodiscard]] inline Var attention_tokens(const Var& q, const Var& k, const Var& v, Index heads, Index kv_heads,
                                          const AttentionOptions& options = {}) {
    return apply(ops::AttentionOp{options, detail::count_heads(heads, kv_heads)}, q, k, v);
}

}  // namespace svad
