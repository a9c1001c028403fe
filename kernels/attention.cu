// SPDX-License-Identifier: Apache-2.0
// attention: y = softmax(scale q k' + bias) v, and the log of the sum of exponentials (lse) that its gradient needs.
// q, y [B, H, Lq, D], k, v [B, Hkv, Lk, D] with any strides, D <= 256, f32 and bf16, all sums in f32 (FlashAttention,
// arXiv 2205.14135: the score matrix never exists).
// Scalar form, any case: a block takes four rows (query, head of the group) of one head of k and v, so that grouped heads
// share what is read; its warps deal the keys among them and add up in order at the end. Bound by L2: k and v are read
// once per four rows.
#include "attention.cuh"

namespace svad::cuda {

namespace {

template <class T, int N, int G>
__global__ void __launch_bounds__(part_threads) attention_rows(Scores p, Heads<const T> q, Heads<const T> k, Heads<const T> v, Heads<T> y,
                                                               float* lse, int blocks_a_head) {
    PartStorage<G>& shared = dynamic_shared<PartStorage<G>>();
    using L = Lanes<N, G>;
    const int head = static_cast<int>(blockIdx.x) / blocks_a_head, b = head / p.kv_heads, g = head % p.kv_heads;
    const int first_row = static_cast<int>(blockIdx.x) % blocks_a_head * part_rows;
    const auto query_of = [&](int r) { return (first_row + r) / p.group; };
    const auto head_of = [&](int r) { return g * p.group + (first_row + r) % p.group; };

    float query[part_rows][part_size], out[part_rows][part_size] = {}, top[part_rows], sum[part_rows] = {}, slope[part_rows];
    int last = 0;
#pragma unroll
    for (int r = 0; r < part_rows; ++r) {
        const bool is = query_of(r) < p.queries;
        load_part<N, G>(query[r], q.at(b, head_of(r), query_of(r)), q.step, is ? p.width : 0);
        if (is) last = ::max(last, p.seen(query_of(r)));
        top[r] = -INFINITY;
        slope[r] = p.slope(head_of(r));
    }
    for (int first = 0; first < last; first += L::teams) {
        const int j = first + L::team();
        float key[part_size], value[part_size];
        load_part<N, G>(key, k.at(b, g, j), k.step, j < last ? p.width : 0);
        load_part<N, G>(value, v.at(b, g, j), v.step, j < last ? p.width : 0);
#pragma unroll
        for (int r = 0; r < part_rows; ++r) {
            const int i = query_of(r);
            const float product = part_dot<G>(query[r], key);
            const bool visible = i < p.queries && p.visible(b, i, j);
            const float score = visible ? product * p.scale + slope[r] * p.distance(i, j) : -INFINITY;
            const float higher = fmaxf(top[r], score), shift = higher == -INFINITY ? 0.0F : higher;
            const float faded = expf(top[r] - shift), share = expf(score - shift);            // a NaN stays one
            top[r] = higher;
            sum[r] = sum[r] * faded + share;
#pragma unroll
            for (int e = 0; e < part_size; ++e) out[r][e] = out[r][e] * faded + share * value[e];
        }
    }
#pragma unroll
    for (int r = 0; r < part_rows; ++r) {
        leave_part<N, G>(shared, r, out[r]);
        if (L::lane() == 0) shared.top[L::team()][r] = top[r], shared.sum[L::team()][r] = sum[r];
    }
    __syncthreads();

    const auto top_of = [&](int r) {
        float highest = -INFINITY;
        for (int team = 0; team < L::teams; ++team) highest = fmaxf(highest, shared.top[team][r]);
        return highest == -INFINITY ? 0.0F : highest;
    };
    const auto sum_of = [&](int r, float highest) {
        float total = 0;
        for (int team = 0; team < L::teams; ++team) total += shared.sum[team][r] * expf(shared.top[team][r] - highest);
        return total;
    };
    const auto row = [&](int r) { return query_of(r) < p.queries ? y.at(b, head_of(r), query_of(r)) : nullptr; };
    int of = -1;
    float highest = 0, share = 0;
    store_parts<T, N, G>(shared, y.step, p.width, row, [&](int team, int r) {
        if (r != of) highest = top_of(r), share = sum_of(r, highest), share = share == 0 ? 0.0F : 1.0F / share, of = r;
        return expf(shared.top[team][r] - highest) * share;
    });
    const int r = thread_of_block();
    if (r >= part_rows || query_of(r) >= p.queries) return;
    highest = top_of(r);
    lse[p.number(b, head_of(r), query_of(r))] = highest + logf(sum_of(r, highest));
}

template <class T>
void by_rows(const Scores& p, Ref q, Ref k, Ref v, Ref y, Ref lse, Stream stream) {
    const Heads<const T> hq(q), hk(k), hv(v);
    const Heads<T> hy(y);
    const bool packs = hq.packs(q) && hk.packs(k) && hv.packs(v) && hy.packs(y);
    const int each = static_cast<int>(blocks(static_cast<std::int64_t>(p.queries) * p.group, part_rows));
    by_lanes<T>(packs, p.width, [&](auto n, auto g) {
        launch(attention_rows<T, n(), g()>, static_cast<unsigned>(p.batches * p.kv_heads * each), part_threads, sizeof(PartStorage<g()>), stream,
               p, hq, hk, hv, hy, lse.as<float>(), each);
    });
}

}  // namespace

/// y = softmax(scale q k' + bias) v, lse [B, H, Lq]; a query that sees nothing gives zeros and minus infinity.
void attention(Ref q, Ref k, Ref v, Ref y, Ref lse, const Attention& options, Stream stream) {
    const Scores p("attention", q, k, options);
    by_dtype("attention", q.dtype, [&](auto t) { by_rows<decltype(t)>(p, q, k, v, y, lse, stream); });
    check_launch("attention");
}

}  // namespace svad::cuda
