// SPDX-License-Identifier: Apache-2.0
// The optimizer over all parameters of a model at once: AdamW, the sum of squares of all gradients, the factor of clipping.
// The list of arrays travels in the launch's parameters, 32 arrays a launch, so nothing is copied to the device; a block of
// 256 threads takes 4096 elements of one array, neighbouring threads neighbouring elements.
// Traffic of AdamW, bytes an element: 12 + 4 (or 2) read, 12 written, 2 more for a copy in bf16. Bound by memory.
// The sum of squares is one partial sum a block, which one block then adds in their order: the same bits every time.
// Rejected: 16-byte packs (an item's arrays need not share an alignment, and whole warps move whole lines either way).
#include "common.cuh"

#include "svad/backend/cuda/ops.hpp"

namespace svad::cuda {

namespace {

constexpr int threads = 256, arrays_a_launch = 32;
constexpr std::int64_t chunk = 4096;

/// Up to 32 arrays; blocks first[i] .. first[i + 1] - 1 of the launch work on array i.
template <class Item>
struct Arrays {
    Item at[arrays_a_launch];
    std::int64_t first[arrays_a_launch + 1];
    int count;

    __device__ int of_block() const {
        int i = 0;
        while (i + 1 < count && first[i + 1] <= static_cast<std::int64_t>(blockIdx.x)) ++i;
        return i;
    }
};

/// f(i) for the elements of array `item`, of n, that are this thread's.
template <class Item, class F>
__device__ void each_element(const Arrays<Item>& arrays, int item, std::int64_t n, F f) {
    const std::int64_t begin = (static_cast<std::int64_t>(blockIdx.x) - arrays.first[item]) * chunk;
    const std::int64_t end = begin + chunk < n ? begin + chunk : n;
    for (std::int64_t i = begin + threadIdx.x; i < end; i += threads) f(i);
}

__device__ inline float element(const void* x, DType dtype, std::int64_t i) {
    return dtype == DType::f32 ? static_cast<const float*>(x)[i] : to_float(static_cast<const bf16*>(x)[i]);
}

__global__ void __launch_bounds__(threads) adamw_step(Arrays<AdamWItem> items, const AdamWStep* step, float beta1, float beta2, float eps) {
    const int item = items.of_block();
    const AdamWItem& p = items.at[item];
    const float rate = step->rate * p.rate, scale = step->grad_scale, keep = 1.0F - rate * p.decay;
    const float part = rate / step->correct1, correct = 1.0F / step->correct2;
    each_element(items, item, p.n, [&](std::int64_t i) {
        const float g = element(p.grad, p.grad_dtype, i) * scale;
        const float m = beta1 * p.m[i] + (1.0F - beta1) * g, v = beta2 * p.v[i] + (1.0F - beta2) * square(g);
        const float value = p.value[i] * keep - part * m / (sqrtf(v) * correct + eps);
        p.m[i] = m;
        p.v[i] = v;
        p.value[i] = value;
        if (p.copy) store(static_cast<bf16*>(p.copy) + i, value);
    });
}

struct Values {
    void* data;
    DType dtype;
    std::int64_t n;
};

struct SumStorage {
    WarpValues values;
};

__global__ void __launch_bounds__(threads) squares_of_chunks(Arrays<Values> arrays, float* sums) {
    SumStorage& shared = dynamic_shared<SumStorage>();
    const int item = arrays.of_block();
    const Values& x = arrays.at[item];
    float sum = 0;
    each_element(arrays, item, x.n, [&](std::int64_t i) { sum += square(element(x.data, x.dtype, i)); });
    sum = block_sum(sum, shared.values);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(threads) add_chunks(const float* sums, std::int64_t n, float* y) {
    SumStorage& shared = dynamic_shared<SumStorage>();
    float sum = 0;
    for (std::int64_t i = threadIdx.x; i < n; i += threads) sum += sums[i];
    sum = block_sum(sum, shared.values);
    if (threadIdx.x == 0) y[0] = sum;
}

__global__ void __launch_bounds__(threads) scale_values(Arrays<Values> arrays, const float* scale) {
    const int item = arrays.of_block();
    const Values& x = arrays.at[item];
    const float by = scale[0];
    each_element(arrays, item, x.n, [&](std::int64_t i) {
        if (x.dtype == DType::f32) static_cast<float*>(x.data)[i] *= by;
        else store(static_cast<bf16*>(x.data) + i, to_float(static_cast<bf16*>(x.data)[i]) * by);
    });
}

__global__ void factor_of_clipping(const float* squares, float max_norm, float* scale) {
    if (threadIdx.x == 0) scale[0] = fminf(1.0F, max_norm / (sqrtf(squares[0]) + 1e-6F));
}

std::int64_t chunks_of(std::int64_t n) { return (n + chunk - 1) / chunk; }

/// Calls f(arrays, blocks) for the items of n > 0 elements, 32 at a time.
template <class Item, class F>
void in_launches(const Item* items, int count, F f) {
    for (int i = 0; i < count;) {
        Arrays<Item> arrays = {};
        for (; i < count && arrays.count < arrays_a_launch; ++i) {
            if (items[i].n == 0) continue;
            arrays.at[arrays.count] = items[i];
            arrays.first[arrays.count + 1] = arrays.first[arrays.count] + chunks_of(items[i].n);
            ++arrays.count;
        }
        f(arrays, arrays.first[arrays.count]);
    }
}

Values values_of(const char* op, const Ref& x) {
    by_dtype(op, x.dtype, [](auto) {});
    return {x.data, x.dtype, x.numel()};
}

template <class F>
void in_launches(const char* op, const Ref* xs, int count, F f) {
    Values some[arrays_a_launch];
    for (int i = 0; i < count; i += arrays_a_launch) {
        const int n = count - i < arrays_a_launch ? count - i : arrays_a_launch;
        for (int j = 0; j < n; ++j) some[j] = values_of(op, xs[i + j]);
        in_launches(some, n, f);
    }
}

}  // namespace

void adamw(const AdamWItem* items, int count, const AdamWStep* step, float beta1, float beta2, float eps, Stream stream) {
    for (int i = 0; i < count; ++i) by_dtype("adamw", items[i].grad_dtype, [](auto) {});
    in_launches(items, count, [&](const Arrays<AdamWItem>& arrays, std::int64_t grid) {
        launch(adamw_step, dim3(static_cast<unsigned>(grid)), dim3(threads), 0, stream, arrays, step, beta1, beta2, eps);
    });
    check_launch("adamw");
}

void sum_of_squares(const Ref* xs, int count, Ref y, Stream stream) {
    std::int64_t total = 0;
    for (int i = 0; i < count; ++i) total += chunks_of(xs[i].numel());
    const Workspace sums("sum_of_squares", static_cast<std::size_t>(total) * sizeof(float), stream);
    std::int64_t done = 0;
    in_launches("sum_of_squares", xs, count, [&](const Arrays<Values>& arrays, std::int64_t grid) {
        launch(squares_of_chunks, dim3(static_cast<unsigned>(grid)), dim3(threads), sizeof(SumStorage), stream, arrays, sums.as<float>() + done);
        done += grid;
    });
    launch(add_chunks, dim3(1), dim3(threads), sizeof(SumStorage), stream, sums.as<float>(), total, y.as<float>());
    check_launch("sum_of_squares");
}

void clip_scale(Ref squares, float max_norm, Ref scale, Stream stream) {
    launch(factor_of_clipping, dim3(1), dim3(warp_size), 0, stream, squares.as<float>(), max_norm, scale.as<float>());
    check_launch("clip_scale");
}

void scale_all(const Ref* xs, int count, Ref scale, Stream stream) {
    in_launches("scale_all", xs, count, [&](const Arrays<Values>& arrays, std::int64_t grid) {
        launch(scale_values, dim3(static_cast<unsigned>(grid)), dim3(threads), 0, stream, arrays, scale.as<float>());
    });
    check_launch("scale_all");
}

}  // namespace svad::cuda
