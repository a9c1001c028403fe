// SPDX-License-Identifier: Apache-2.0
// The stand-in for the toolkit's cuda_runtime.h: with it g++ compiles kernels/*.cu, unchanged, for the executor.
// Device side: the built-in variables, intrinsics, warp and block operations that kernels use. `__shared__` is missing on
// purpose (kernels/common.cuh has dynamic_shared), and so are float atomics (results would depend on the order).
// Host side: memory, streams, events and graphs of one device whose memory is the host's, filled with NaN when allocated.
#pragma once

#define SVAD_EXECUTOR 1
#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

#include "device_types.h"      // IWYU pragma: export
#include "host_api.h"          // IWYU pragma: export
#include "intrinsics.h"        // IWYU pragma: export
