// SPDX-License-Identifier: Apache-2.0
// attention: y = softmax(scale q k' + bias) v, and the log of the sum of exponentials (lse) that its gradient needs.
// q, y [B, H, Lq, D], k, v [B, Hkv, Lk, D] with any strides, D <= 256, f32 and bf16, all sums in f32 (FlashAttention,
// arXiv 2205.14135: the score matrix never exists).
// Scalar form, any case: a block takes four rows (query, head of the group) of one head of k and v, so that grouped heads
// share what is read; its warps deal the keys among them and add up in order at the end. Bound by L2: k and v are read
// once per four rows.
// Tiled form, bf16 on sm_80 and later, D <= 128 in rows of 16-byte packs, at least 16 queries: a block takes 64 queries of
// a head, a warp 16 of them, against tiles of 64 keys that cp.async brings while the tile before is worked on; both
// products by mma.sync, scores in base 2, probabilities rounded to bf16. Bound by the tensor cores.
#include "attention.cuh"

namespace svad::cuda {

namespace {

/// The highest score of row r, 0 if it saw nothing; and the sum of exponentials relative to that.
template <int G>
__device__ float highest_of(const PartStorage<G>& shared, int r) {
    float highest = -INFINITY;
    for (const auto& top : shared.top) highest = fmaxf(highest, top[r]);
    return highest == -INFINITY ? 0.0F : highest;
}
template <int G>
__device__ float sum_of(const PartStorage<G>& shared, int r, float highest) {
    float total = 0;
    for (int team = 0; team < PartStorage<G>::teams; ++team) total += shared.sum[team][r] * expf(shared.top[team][r] - highest);
    return total;
}

template <class T, int N, int G>
__global__ void __launch_bounds__(part_threads, 3) attention_rows(Scores p, Heads<const T> q, Heads<const T> k, Heads<const T> v, Heads<T> y,
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
        leave_part(shared, r, out[r]);
        if (L::lane() == 0) shared.top[L::team()][r] = top[r], shared.sum[L::team()][r] = sum[r];
    }
    __syncthreads();

    const auto row = [&](int r) { return query_of(r) < p.queries ? y.at(b, head_of(r), query_of(r)) : nullptr; };
    int of = -1;
    float highest = 0, share = 0;
    store_parts<T, N, G>(shared, y.step, p.width, row, [&](int team, int r) {
        if (r != of) highest = highest_of(shared, r), share = sum_of(shared, r, highest), share = share == 0 ? 0.0F : 1.0F / share, of = r;
        return expf(shared.top[team][r] - highest) * share;
    });
    const int r = thread_of_block();
    if (r >= part_rows || query_of(r) >= p.queries) return;
    highest = highest_of(shared, r);
    lse[p.number(b, head_of(r), query_of(r))] = highest + logf(sum_of(shared, r, highest));
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

// ---- tiles on tensor cores -------------------------------------------------------------------------------------------

constexpr int tile = 64;                            // queries, and keys, of a tile
constexpr int tile_threads = 128;                   // a warp has 16 queries
constexpr float log2_e = 1.4426950408889634F, ln_2 = 0.6931471805599453F;

/// Rows of D elements and a gap, so that the rows that ldmatrix reads together lie on different banks.
template <int D>
struct TileStorage {
    bf16 keys[2][tile][D + 8], values[2][tile][D + 8];
};

/// Begins to copy rows first .. first + 63 of a head, zeros beyond `rows` and `width`.
template <int D>
__device__ void begin_tile(bf16 (&to)[tile][D + 8], const Heads<const bf16>& from, int b, int h, int first, int rows, int width) {
    constexpr int packs = D / full_pack<bf16>;
#pragma unroll
    for (int item = thread_of_block(); item < tile * packs; item += tile_threads) {
        const int row = item / packs, column = item % packs * full_pack<bf16>;
        const bool valid = first + row < rows && column < width;
        ptx::copy_async<16>(&to[row][column], valid ? from.at(b, h, first + row) + column : from.data, valid);
    }
}

/// A warp's 16 queries: rows g and g + 8 of this lane, with g = lane / 4, as two halves of everything.
template <int D>
struct WarpTile {
    std::uint32_t query[D / 16][4];                 // fragments a of [16, D]
    float out[D / 8][4], top[2], sum[2];            // top in base 2

    __device__ void clear() {
#pragma unroll
        for (int n = 0; n < D / 8; ++n)
#pragma unroll
            for (int e = 0; e < 4; ++e) out[n][e] = 0;
        top[0] = top[1] = -INFINITY;
        sum[0] = sum[1] = 0;
    }
    /// Row of the matrix that this lane names to ldmatrix, of 16 rows, and column, of 16: matrices in the order of fragment a.
    __device__ static int matrix_row() { return lane_of_warp() % 16; }
    __device__ static int matrix_column() { return lane_of_warp() / 16 * 8; }

    __device__ void load_queries(const bf16 (&from)[tile][D + 8]) {
#pragma unroll
        for (int k = 0; k < D / 16; ++k) ptx::ldmatrix_x4(query[k], &from[16 * warp_of_block() + matrix_row()][16 * k + matrix_column()]);
    }
    /// s = q k' for 64 keys.
    __device__ void score(float (&s)[tile / 8][4], const bf16 (&keys)[tile][D + 8]) const {
#pragma unroll
        for (int n = 0; n < tile / 16; ++n) {
#pragma unroll
            for (int e = 0; e < 4; ++e) s[2 * n][e] = s[2 * n + 1][e] = 0;
#pragma unroll
            for (int k = 0; k < D / 16; ++k) {
                std::uint32_t both[4];               // keys 0..7 at columns 0, 8, then keys 8..15
                const int lane = lane_of_warp();
                ptx::ldmatrix_x4(both, &keys[16 * n + lane / 16 * 8 + lane % 8][16 * k + lane / 8 % 2 * 8]);
                ptx::mma_bf16(s[2 * n], query[k], {both[0], both[1]});
                ptx::mma_bf16(s[2 * n + 1], query[k], {both[2], both[3]});
            }
        }
    }
    /// One step of the online softmax: s becomes 2^(s - top), sums and out are brought to the new top.
    __device__ void soften(float (&s)[tile / 8][4]) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float higher = top[half];
#pragma unroll
            for (int n = 0; n < tile / 8; ++n) higher = fmaxf(higher, fmaxf(s[n][2 * half], s[n][2 * half + 1]));
            higher = fmaxf(higher, __shfl_xor_sync(all_lanes, higher, 1));
            higher = fmaxf(higher, __shfl_xor_sync(all_lanes, higher, 2));
            const float shift = higher == -INFINITY ? 0.0F : higher, faded = ptx::exp2_fast(top[half] - shift);
            float total = 0;
#pragma unroll
            for (int n = 0; n < tile / 8; ++n)
#pragma unroll
                for (int e = 2 * half; e < 2 * half + 2; ++e) s[n][e] = ptx::exp2_fast(s[n][e] - shift), total += s[n][e];
            sum[half] = sum[half] * faded + total;     // of this lane's columns; lanes are added at the end
            top[half] = higher;
#pragma unroll
            for (int n = 0; n < D / 8; ++n) out[n][2 * half] *= faded, out[n][2 * half + 1] *= faded;
        }
    }
    /// out += p v for 64 keys.
    __device__ void gather(const float (&p)[tile / 8][4], const bf16 (&values)[tile][D + 8]) {
#pragma unroll
        for (int k = 0; k < tile / 16; ++k) {
            const std::uint32_t share[4] = {
                ptx::floats_to_bf16x2(p[2 * k][0], p[2 * k][1]), ptx::floats_to_bf16x2(p[2 * k][2], p[2 * k][3]),
                ptx::floats_to_bf16x2(p[2 * k + 1][0], p[2 * k + 1][1]), ptx::floats_to_bf16x2(p[2 * k + 1][2], p[2 * k + 1][3])};
#pragma unroll
            for (int n = 0; n < D / 16; ++n) {
                std::uint32_t both[4];
                ptx::ldmatrix_x4_trans(both, &values[16 * k + matrix_row()][16 * n + matrix_column()]);
                ptx::mma_bf16(out[2 * n], share, {both[0], both[1]});
                ptx::mma_bf16(out[2 * n + 1], share, {both[2], both[3]});
            }
        }
    }
};

/// Scores of the warp's queries first_query + g (+ 8) and keys first_key + ...: to base 2, with bias, the unseen to minus infinity.
__device__ inline void bias_tile(const Scores& p, float (&s)[tile / 8][4], int b, float slope, int first_query, int first_key) {
    const int i = first_query + lane_of_warp() / 4, j = first_key + lane_of_warp() % 4 * 2;
    const bool plain = p.keep == nullptr && first_key + tile <= p.seen(first_query);
    const float scale = p.scale * log2_e;
    slope *= log2_e;
#pragma unroll
    for (int n = 0; n < tile / 8; ++n)
#pragma unroll
        for (int e = 0; e < 4; ++e) {
            const int query = i + e / 2 * 8, key = j + 8 * n + e % 2;
            s[n][e] = s[n][e] * scale + slope * p.distance(query, key);
            if (!plain && !(query < p.queries && p.visible(b, query, key))) s[n][e] = -INFINITY;
        }
}

template <int D>
__global__ void __launch_bounds__(tile_threads) attention_tiles(Scores p, Heads<const bf16> q, Heads<const bf16> k, Heads<const bf16> v,
                                                                Heads<bf16> y, float* lse, int blocks_a_head) {
    TileStorage<D>& shared = dynamic_shared<TileStorage<D>>();
    const int head = static_cast<int>(blockIdx.x) / blocks_a_head, b = head / p.heads, h = head % p.heads, g = h / p.group;
    const int first = (blocks_a_head - 1 - static_cast<int>(blockIdx.x) % blocks_a_head) * tile;      // causal: the longest begin first
    const int tiles = (p.seen(::min(first + tile, p.queries) - 1) + tile - 1) / tile, own = first + 16 * warp_of_block();
    begin_tile<D>(shared.keys[1], q, b, h, first, p.queries, p.width);
    begin_tile<D>(shared.keys[0], k, b, g, 0, p.keys, p.width);
    begin_tile<D>(shared.values[0], v, b, g, 0, p.keys, p.width);
    ptx::copy_async_commit();
    ptx::copy_async_wait<0>();
    __syncthreads();
    WarpTile<D> warp;
    warp.clear();
    warp.load_queries(shared.keys[1]);

    for (int t = 0; t < tiles; ++t) {
        ptx::copy_async_wait<0>();
        __syncthreads();                                      // tile t is here, and nobody reads what tile t + 1 overwrites
        if (t + 1 < tiles) {
            begin_tile<D>(shared.keys[(t + 1) % 2], k, b, g, (t + 1) * tile, p.keys, p.width);
            begin_tile<D>(shared.values[(t + 1) % 2], v, b, g, (t + 1) * tile, p.keys, p.width);
            ptx::copy_async_commit();
        }
        float s[tile / 8][4];
        warp.score(s, shared.keys[t % 2]);
        bias_tile(p, s, b, p.slope(h), own, t * tile);
        warp.soften(s);
        warp.gather(s, shared.values[t % 2]);
    }

    __syncthreads();                                          // the keys' place is free: results go through it in packs
    bf16 (&staged)[tile][D + 8] = shared.keys[0];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        float sum = warp.sum[half] + __shfl_xor_sync(all_lanes, warp.sum[half], 1);
        sum += __shfl_xor_sync(all_lanes, sum, 2);
        const int row = 16 * warp_of_block() + lane_of_warp() / 4 + 8 * half;
        const float share = sum == 0 ? 0.0F : 1.0F / sum;
#pragma unroll
        for (int n = 0; n < D / 8; ++n) {
            const std::uint32_t two = ptx::floats_to_bf16x2(warp.out[n][2 * half] * share, warp.out[n][2 * half + 1] * share);
            ptx::copy<4>(&staged[row][8 * n + lane_of_warp() % 4 * 2], &two);
        }
        if (lane_of_warp() % 4 == 0 && first + row < p.queries)
            lse[p.number(b, h, first + row)] = sum == 0 ? -INFINITY : warp.top[half] * ln_2 + logf(sum);
    }
    __syncwarp();
    for (int item = lane_of_warp(); item < 16 * D / 8; item += warp_size) {
        const int row = item / (D / 8), column = item % (D / 8) * 8;
        if (own + row < p.queries && column < p.width)
            store_pack(y.at(b, h, own + row) + column, load_pack<8>(&staged[16 * warp_of_block() + row][column]));
    }
}

constexpr int fewest_tiled = 16;                    // queries; fewer leave most of a tile empty
void by_tiles(const Scores& p, Ref q, Ref k, Ref v, Ref y, Ref lse, Stream stream) {
    const int each = static_cast<int>(blocks(p.queries, tile));
    const auto with = [&](auto width) {
        launch(attention_tiles<width()>, static_cast<unsigned>(p.batches * p.heads * each), tile_threads, sizeof(TileStorage<width()>), stream,
               p, Heads<const bf16>(q), Heads<const bf16>(k), Heads<const bf16>(v), Heads<bf16>(y), lse.as<float>(), each);
    };
    if (p.width <= 64) with(std::integral_constant<int, 64>{});
    else with(std::integral_constant<int, 128>{});
}

/// True if the tiled form takes this call.
bool tiled(const Scores& p, Ref q, Ref k, Ref v, Ref y) {
    const auto packs = [](const Ref& x) { return Heads<const bf16>(x).packs(x); };
    return q.dtype == DType::bf16 && p.width <= 128 && p.queries >= fewest_tiled && packs(q) && packs(k) && packs(v) && packs(y) &&
           compute_capability() >= 80;
}

}  // namespace

/// y = softmax(scale q k' + bias) v, lse [B, H, Lq]; a query that sees nothing gives zeros and minus infinity.
void attention(Ref q, Ref k, Ref v, Ref y, Ref lse, const Attention& options, Stream stream) {
    const Scores p("attention", q, k, options);
    if (tiled(p, q, k, v, y)) by_tiles(p, q, k, v, y, lse, stream);
    else by_dtype("attention", q.dtype, [&](auto t) { by_rows<decltype(t)>(p, q, k, v, y, lse, stream); });
    check_launch("attention");
}

}  // namespace svad::cuda
