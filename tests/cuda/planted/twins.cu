// SPDX-License-Identifier: Apache-2.0
// One small kernel for each PTX wrapper and warp intrinsic. Here they test the executor's twins against plain arithmetic;
// built by nvcc, the same file shows whether the twins and a GPU agree.
#include "planted.hpp"

#include "common.cuh"

namespace svad::cuda {

namespace {

struct Tiles {
    alignas(16) bf16 a[16][16];
    alignas(16) bf16 b[16][8];
};
__global__ void mma_of_bf16(const bf16* a, const bf16* b, float* d) {
    Tiles& shared = dynamic_shared<Tiles>();
    const int lane = lane_of_warp();
    for (int i = lane; i < 256; i += 32) shared.a[i / 16][i % 16] = a[i];
    for (int i = lane; i < 128; i += 32) shared.b[i / 8][i % 8] = b[i];
    __syncwarp();
    std::uint32_t fa[4], fb[2];
    float fd[4] = {};
    ptx::ldmatrix_x4(fa, &shared.a[lane % 16][8 * (lane / 16)]);
    ptx::ldmatrix_x2_trans(fb, &shared.b[lane % 16][0]);
    ptx::mma_bf16(fd, fa, fb);
    const int row = lane / 4, column = 2 * (lane % 4);
    d[row * 8 + column] = fd[0], d[row * 8 + column + 1] = fd[1];
    d[(row + 8) * 8 + column] = fd[2], d[(row + 8) * 8 + column + 1] = fd[3];
}

__global__ void mma_of_tf32(const float* a, const float* b, float* d) {
    const int g = lane_of_warp() / 4, t = lane_of_warp() % 4;
    const std::uint32_t fa[4] = {__float_as_uint(a[g * 8 + t]), __float_as_uint(a[(g + 8) * 8 + t]),
                                 __float_as_uint(a[g * 8 + t + 4]), __float_as_uint(a[(g + 8) * 8 + t + 4])};
    const std::uint32_t fb[2] = {__float_as_uint(b[t * 8 + g]), __float_as_uint(b[(t + 4) * 8 + g])};
    float fd[4] = {};
    ptx::mma_tf32(fd, fa, fb);
    d[g * 8 + 2 * t] = fd[0], d[g * 8 + 2 * t + 1] = fd[1];
    d[(g + 8) * 8 + 2 * t] = fd[2], d[(g + 8) * 8 + 2 * t + 1] = fd[3];
}

__global__ void conversions(const float* x, float* y, float* y2, float* y3, int count) {
    const int i = static_cast<int>(thread_of_grid());
    if (i >= count) return;
    y[i] = to_float(from_float<bf16>(x[i]));
    y2[i] = to_float(from_float<f16>(x[i]));
    y3[i] = ptx::exp2_fast(x[i]);
}

__global__ void warp(const float* x, float* y) {
    const int lane = lane_of_warp();
    const float v = x[lane];
    y[lane] = __shfl_xor_sync(all_lanes, v, 3);
    y[32 + lane] = __shfl_down_sync(all_lanes, v, 2);
    y[64 + lane] = __shfl_up_sync(all_lanes, v, 2);
    y[96 + lane] = __shfl_sync(all_lanes, v, 5, 16);
    y[128 + lane] = static_cast<float>(__popc(__ballot_sync(all_lanes, v > 0) & ((2U << lane) - 1)));
}

struct Rows {
    alignas(16) float at[32][4];
};
__global__ void through_copy_async(const float* x, float* y) {
    Rows& shared = dynamic_shared<Rows>();
    const int lane = lane_of_warp();
    ptx::copy_async<16>(shared.at[lane], x + 4 * lane, lane % 2 == 0);
    ptx::copy_async_commit();
    ptx::copy_async_wait<0>();
    store_pack(y + 4 * lane, load_pack<4>(shared.at[lane]));
}

}  // namespace

void twin_mma_bf16(Ref a, Ref b, Ref d, Stream stream) {
    launch(mma_of_bf16, 1, 32, sizeof(Tiles), stream, a.as<bf16>(), b.as<bf16>(), d.as<float>());
    check_launch("twin_mma_bf16");
}
void twin_mma_tf32(Ref a, Ref b, Ref d, Stream stream) {
    launch(mma_of_tf32, 1, 32, 0, stream, a.as<float>(), b.as<float>(), d.as<float>());
    check_launch("twin_mma_tf32");
}
void twin_conversions(Ref x, Ref y, Ref y2, Ref y3, Stream stream) {
    launch(conversions, blocks(x.numel(), 128), 128, 0, stream, x.as<float>(), y.as<float>(), y2.as<float>(), y3.as<float>(), static_cast<int>(x.numel()));
    check_launch("twin_conversions");
}
void twin_warp(Ref x, Ref y, Stream stream) {
    launch(warp, 1, 32, 0, stream, x.as<float>(), y.as<float>());
    check_launch("twin_warp");
}
void twin_copy_async(Ref x, Ref y, Stream stream) {
    launch(through_copy_async, 1, 32, sizeof(Rows), stream, x.as<float>(), y.as<float>());
    check_launch("twin_copy_async");
}

}  // namespace svad::cuda
