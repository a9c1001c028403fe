// SPDX-License-Identifier: Apache-2.0
// The gradient of attention with respect to q, k and v, shapes and strides as in attention.cu, f32 and bf16, sums in f32.
// With P = exp(scale q k' + bias - lse) made again and delta = sum(dy y): dv = P' dy, ds = P (dy v' - delta),
// dq = scale ds k, dk = scale ds' q. Two kernels: dq by blocks of four rows against all keys (it also leaves delta), then
// dk and dv by blocks of two keys against all rows of the group. No atomics, every sum in one order.
// Bound by L2: every block reads the other side once.
#include "attention.cuh"

namespace svad::cuda {

namespace {

template <class T, int N, int G>
__global__ void __launch_bounds__(part_threads) attention_grad_rows(Scores p, Heads<const T> dy, Heads<const T> y, const float* lse,
                                                                    Heads<const T> q, Heads<const T> k, Heads<const T> v, Heads<T> dq,
                                                                    float* delta, int blocks_a_head) {
    PartStorage<G>& shared = dynamic_shared<PartStorage<G>>();
    using L = Lanes<N, G>;
    const int head = static_cast<int>(blockIdx.x) / blocks_a_head, b = head / p.kv_heads, g = head % p.kv_heads;
    const int first_row = static_cast<int>(blockIdx.x) % blocks_a_head * part_rows;
    const auto query_of = [&](int r) { return (first_row + r) / p.group; };
    const auto head_of = [&](int r) { return g * p.group + (first_row + r) % p.group; };

    float query[part_rows][part_size], grad[part_rows][part_size], out[part_rows][part_size] = {};
    float whole[part_rows], share[part_rows], slope[part_rows];
    int last = 0;
#pragma unroll
    for (int r = 0; r < part_rows; ++r) {
        const int i = query_of(r), h = head_of(r), width = i < p.queries ? p.width : 0;
        float result[part_size];
        load_part<N, G>(query[r], q.at(b, h, i), q.step, width);
        load_part<N, G>(grad[r], dy.at(b, h, i), dy.step, width);
        load_part<N, G>(result, y.at(b, h, i), y.step, width);
        share[r] = part_dot<G>(grad[r], result);
        slope[r] = p.slope(h);
        whole[r] = -INFINITY;
        if (i >= p.queries) continue;
        last = ::max(last, p.seen(i));
        whole[r] = lse[p.number(b, h, i)];
        if (thread_of_block() == 0) delta[p.number(b, h, i)] = share[r];
    }
    for (int first = 0; first < last; first += L::teams) {
        const int j = first + L::team();
        float key[part_size], value[part_size];
        load_part<N, G>(key, k.at(b, g, j), k.step, j < last ? p.width : 0);
        load_part<N, G>(value, v.at(b, g, j), v.step, j < last ? p.width : 0);
#pragma unroll
        for (int r = 0; r < part_rows; ++r) {
            const int i = query_of(r);
            const float product = part_dot<G>(query[r], key), slant = part_dot<G>(grad[r], value);
            if (whole[r] == -INFINITY || !p.visible(b, i, j)) continue;
            const float ds = expf(product * p.scale + slope[r] * p.distance(i, j) - whole[r]) * (slant - share[r]);
#pragma unroll
            for (int e = 0; e < part_size; ++e) out[r][e] += ds * key[e];
        }
    }
#pragma unroll
    for (int r = 0; r < part_rows; ++r) leave_part(shared, r, out[r]);
    __syncthreads();
    store_parts<T, N, G>(shared, dq.step, p.width,
                         [&](int r) { return query_of(r) < p.queries ? dq.at(b, head_of(r), query_of(r)) : nullptr; },
                         [&](int, int) { return p.scale; });
}

/// Two keys a block: rows 0 and 1 of the shared parts are their dk, 2 and 3 their dv.
constexpr int keys_a_block = 2;
template <class T, int N, int G>
__global__ void __launch_bounds__(part_threads) attention_grad_keys(Scores p, Heads<const T> dy, const float* lse, const float* delta,
                                                                    Heads<const T> q, Heads<const T> k, Heads<const T> v, Heads<T> dk,
                                                                    Heads<T> dv, int blocks_a_head) {
    PartStorage<G>& shared = dynamic_shared<PartStorage<G>>();
    using L = Lanes<N, G>;
    const int head = static_cast<int>(blockIdx.x) / blocks_a_head, b = head / p.kv_heads, g = head % p.kv_heads;
    const int first_key = static_cast<int>(blockIdx.x) % blocks_a_head * keys_a_block;

    float key[keys_a_block][part_size], value[keys_a_block][part_size], sum_k[keys_a_block][part_size] = {}, sum_v[keys_a_block][part_size] = {};
#pragma unroll
    for (int c = 0; c < keys_a_block; ++c) {
        const int j = first_key + c;
        load_part<N, G>(key[c], k.at(b, g, j), k.step, j < p.keys ? p.width : 0);
        load_part<N, G>(value[c], v.at(b, g, j), v.step, j < p.keys ? p.width : 0);
    }
    const int rows = p.queries * p.group, from = p.causal ? ::max(0, first_key - p.past) * p.group : 0;
    for (int first = from; first < rows; first += L::teams) {
        const int row = first + L::team(), i = row / p.group, h = g * p.group + row % p.group, width = row < rows ? p.width : 0;
        float query[part_size], grad[part_size];
        load_part<N, G>(query, q.at(b, h, i), q.step, width);
        load_part<N, G>(grad, dy.at(b, h, i), dy.step, width);
        const float whole = row < rows ? lse[p.number(b, h, i)] : -INFINITY, share = row < rows ? delta[p.number(b, h, i)] : 0.0F;
#pragma unroll
        for (int c = 0; c < keys_a_block; ++c) {
            const int j = first_key + c;
            const float product = part_dot<G>(query, key[c]), slant = part_dot<G>(grad, value[c]);
            if (whole == -INFINITY || !p.visible(b, i, j)) continue;
            const float probability = expf(product * p.scale + p.slope(h) * p.distance(i, j) - whole), ds = probability * (slant - share);
#pragma unroll
            for (int e = 0; e < part_size; ++e) sum_k[c][e] += ds * query[e], sum_v[c][e] += probability * grad[e];
        }
    }
#pragma unroll
    for (int c = 0; c < keys_a_block; ++c) {
        leave_part(shared, c, sum_k[c]);
        leave_part(shared, keys_a_block + c, sum_v[c]);
    }
    __syncthreads();
    const auto row_of = [&](const Heads<T>& to, int r) { return r < keys_a_block && first_key + r < p.keys ? to.at(b, g, first_key + r) : nullptr; };
    store_parts<T, N, G>(shared, dk.step, p.width, [&](int r) { return row_of(dk, r); }, [&](int, int) { return p.scale; });
    store_parts<T, N, G>(shared, dv.step, p.width, [&](int r) { return r < keys_a_block ? nullptr : row_of(dv, r - keys_a_block); },
                         [&](int, int) { return 1.0F; });
}

}  // namespace

/// dq, dk, dv from dy and what attention gave.
void attention_grad(Ref dy, Ref y, Ref lse, Ref q, Ref k, Ref v, Ref dq, Ref dk, Ref dv, const Attention& options, Stream stream) {
    const Scores p("attention_grad", q, k, options);
    const Workspace delta("attention_grad", static_cast<std::size_t>(p.batches) * static_cast<std::size_t>(p.heads) *
                          static_cast<std::size_t>(p.queries) * sizeof(float), stream);
    by_dtype("attention_grad", q.dtype, [&](auto t) {
        using T = decltype(t);
        const Heads<const T> hdy(dy), hy(y), hq(q), hk(k), hv(v);
        const Heads<T> hdq(dq), hdk(dk), hdv(dv);
        const bool packs = hdy.packs(dy) && hy.packs(y) && hq.packs(q) && hk.packs(k) && hv.packs(v) && hdq.packs(dq) && hdk.packs(dk) &&
                           hdv.packs(dv);
        const int heads = p.batches * p.kv_heads, row_blocks = static_cast<int>(blocks(static_cast<std::int64_t>(p.queries) * p.group, part_rows)),
                  key_blocks = static_cast<int>(blocks(p.keys, keys_a_block));
        by_lanes<T>(packs, p.width, [&](auto n, auto g) {
            launch(attention_grad_rows<T, n(), g()>, static_cast<unsigned>(heads * row_blocks), part_threads, sizeof(PartStorage<g()>), stream,
                   p, hdy, hy, lse.as<float>(), hq, hk, hv, hdq, delta.as<float>(), row_blocks);
            launch(attention_grad_keys<T, n(), g()>, static_cast<unsigned>(heads * key_blocks), part_threads, sizeof(PartStorage<g()>), stream,
                   p, hdy, lse.as<float>(), delta.as<float>(), hq, hk, hv, hdk, hdv, key_blocks);
        });
    });
    check_launch("attention_grad");
}

}  // namespace svad::cuda
