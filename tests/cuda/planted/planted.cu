// SPDX-License-Identifier: Apache-2.0
// Kernels with one bug each, and their sound twins: what the executor and the checker must find, and must not.
#include "planted.hpp"

#include "common.cuh"

namespace svad::cuda {

namespace {

struct Exchange {
    float at[256];
};

/// Each thread reads what its neighbour, or the thread `apart` away, wrote.
template <bool Block, bool Warp>
__global__ void exchange(const float* in, float* out, int apart) {
    Exchange& shared = dynamic_shared<Exchange>();
    const int t = static_cast<int>(threadIdx.x), n = static_cast<int>(blockDim.x);
    shared.at[t] = in[t];
    if constexpr (Block) __syncthreads();
    if constexpr (Warp) __syncwarp();
    out[t] = shared.at[(t + apart) % n];
}

__global__ void divergent_barrier(float* out) {
    if (threadIdx.x < 32) __syncthreads();
    out[threadIdx.x] = 1;
}
__global__ void two_barriers(float* out) {
    if (threadIdx.x < 32) __syncthreads();
    else __syncthreads();
    out[threadIdx.x] = 1;
}
__global__ void barrier_after_return(float* out) {
    if (threadIdx.x == 0) return;
    __syncthreads();
    out[threadIdx.x] = 1;
}
__global__ void full_mask_in_branch(float* out) {
    float x = static_cast<float>(threadIdx.x);
    if (threadIdx.x % 2 == 0) x = warp_sum(x);
    out[threadIdx.x] = x;
}
__global__ void shuffle_from_outside(float* out) {
    if (threadIdx.x < 16) out[threadIdx.x] = __shfl_sync(0xffffU, 1.0F, 20);
}
__global__ void two_masks(float* out) {
    out[threadIdx.x] = __shfl_sync(threadIdx.x < 16 ? 0xffffU : all_lanes, 1.0F, 0);
}
__global__ void uninitialised_shared(float* out) { out[threadIdx.x] = dynamic_shared<Exchange>().at[threadIdx.x]; }
__global__ void shared_beyond(float* out) {
    float* at = dynamic_shared<Exchange>().at;
    at[threadIdx.x] = 1;
    out[threadIdx.x] = threadIdx.x == 255 ? (at[256] = 2.0F) : 1.0F;
}
__global__ void global_beyond(float* out, int count) {
    if (static_cast<int>(threadIdx.x) <= count) out[threadIdx.x] = 1;
}
__global__ void misaligned_pack(const float* in, float* out) { store_pack(out + 4 * threadIdx.x, load_pack<4>(in + 1 + 4 * threadIdx.x)); }
__global__ void blocks_share(int* counter, bool atomic) {
    if (threadIdx.x != 0) return;
    if (atomic) atomicAdd(counter, 1);
    else *counter += 1;
}
__global__ void reads_host(const float* host, float* out) { out[threadIdx.x] = host[threadIdx.x]; }
__global__ void stride(const float* in, float* out, int step) { out[threadIdx.x] = in[static_cast<int>(threadIdx.x) * step]; }
struct Banks {
    float at[32 * 32];
};
__global__ void bank_conflict(const float* in, float* out, int step) {
    Banks& shared = dynamic_shared<Banks>();
    const int t = static_cast<int>(threadIdx.x);
    shared.at[t * step % 1024] = in[t];
    out[t] = shared.at[t * step % 1024];
}

/// Two buffers filled by cp.async ahead of their use, each thread reading another's element.
template <bool Wait, bool After>
__global__ void pipeline(const float* in, float* out, int steps) {
    Exchange& shared = dynamic_shared<Exchange>();
    const int t = static_cast<int>(threadIdx.x), n = static_cast<int>(blockDim.x);
    const auto fetch = [&](int step) {
        if (step < steps) ptx::copy_async<4>(&shared.at[(step % 2) * n + t], in + step * n + t);
        ptx::copy_async_commit();
    };
    fetch(0);
    float sum = 0;
    for (int step = 0; step < steps; ++step) {
        fetch(step + 1);
        if constexpr (Wait) ptx::copy_async_wait<1>();
        __syncthreads();
        sum += shared.at[(step % 2) * n + (t + 1) % n];
        if constexpr (After) __syncthreads();
    }
    out[t] = sum;
}

}  // namespace

void planted(Planted bug, const float* in, float* out, int* counter, int number, Stream stream) {
    const auto run = [&](auto kernel, int threads, std::size_t shared, auto... arguments) {
        launch(kernel, 1, dim3(static_cast<unsigned>(threads)), shared, stream, arguments...);
    };
    switch (bug) {
        case Planted::none: return run(exchange<true, false>, 64, sizeof(Exchange), in, out, 33);
        case Planted::no_barrier: return run(exchange<false, false>, 64, sizeof(Exchange), in, out, 33);
        case Planted::warp_exchange: return run(exchange<false, true>, 32, sizeof(Exchange), in, out, 1);
        case Planted::no_syncwarp: return run(exchange<false, false>, 32, sizeof(Exchange), in, out, 1);
        case Planted::divergent_barrier: return run(divergent_barrier, 64, 0, out);
        case Planted::two_barriers: return run(two_barriers, 64, 0, out);
        case Planted::barrier_after_return: return run(barrier_after_return, 64, 0, out);
        case Planted::full_mask_in_branch: return run(full_mask_in_branch, 32, 0, out);
        case Planted::shuffle_from_outside: return run(shuffle_from_outside, 32, 0, out);
        case Planted::two_masks: return run(two_masks, 32, 0, out);
        case Planted::uninitialised_shared: return run(uninitialised_shared, 64, sizeof(Exchange), out);
        case Planted::shared_beyond: return run(shared_beyond, 256, sizeof(Exchange), out);
        case Planted::shared_too_small: return run(exchange<true, false>, 64, sizeof(Exchange) - 4, in, out, 1);
        case Planted::shared_too_large: return run(exchange<true, false>, 64, std::size_t(1) << 20, in, out, 1);
        case Planted::block_not_of_warps: return run(exchange<true, false>, 33, sizeof(Exchange), in, out, 1);
        case Planted::global_beyond: return run(global_beyond, 64, 0, out, number);
        case Planted::misaligned_pack: return run(misaligned_pack, 32, 0, in, out);
        case Planted::blocks_share: return launch(blocks_share, 4, 32, 0, stream, counter, false);
        case Planted::blocks_share_atomically: return launch(blocks_share, 4, 32, 0, stream, counter, true);
        case Planted::reads_host: return run(reads_host, 32, 0, in, out);
        case Planted::stride: return run(stride, 32, 0, in, out, number);
        case Planted::bank_conflict: return run(bank_conflict, 32, sizeof(Banks), in, out, number);
        case Planted::pipeline: return run(pipeline<true, true>, 64, sizeof(Exchange), in, out, 4);
        case Planted::pipeline_no_wait: return run(pipeline<false, true>, 64, sizeof(Exchange), in, out, 4);
        case Planted::pipeline_overtaken: return run(pipeline<true, false>, 64, sizeof(Exchange), in, out, 4);
    }
}

}  // namespace svad::cuda
