// SPDX-License-Identifier: Apache-2.0
// What planted.cu and twins.cu offer to their tests.
#pragma once

#include "svad/backend/kernel.hpp"

namespace svad::cuda {

enum class Planted {
    none, no_barrier, warp_exchange, no_syncwarp, divergent_barrier, two_barriers, barrier_after_return, full_mask_in_branch,
    shuffle_from_outside, two_masks, uninitialised_shared, shared_beyond, shared_too_small, shared_too_large, block_not_of_warps,
    global_beyond, misaligned_pack, blocks_share, blocks_share_atomically, reads_host, stride, bank_conflict, pipeline,
    pipeline_no_wait, pipeline_overtaken
};

/// Launches the kernel with that bug. `number`: the count of global_beyond, the step of stride and bank_conflict.
void planted(Planted bug, const float* in, float* out, int* counter, int number, Stream stream);

/// d [16, 8] = a [16, 16] b [16, 8] by ldmatrix and mma.m16n8k16 in bf16; b row-major through ldmatrix.trans.
void twin_mma_bf16(Ref a, Ref b, Ref d, Stream stream);
/// d [16, 8] = a [16, 8] b [8, 8] by mma.m16n8k8 in tf32.
void twin_mma_tf32(Ref a, Ref b, Ref d, Stream stream);
/// y = x through bf16 and y2 = x through f16, as floats; y3 = 2^x.
void twin_conversions(Ref x, Ref y, Ref y2, Ref y3, Stream stream);
/// y [5, 32]: x [32] shuffled by xor 3, down 2, up 2, from lane 5 of each half; and the ballot of x > 0.
void twin_warp(Ref x, Ref y, Stream stream);
/// y = x [32, 4] through cp.async, zeros where the row is odd.
void twin_copy_async(Ref x, Ref y, Stream stream);

}  // namespace svad::cuda
