// SPDX-License-Identifier: Apache-2.0
// What every kernel file includes, and all it includes: element types, 16-byte packs, reductions, launches.
// One source, two compilers: nvcc builds kernels/*.cu for the GPU, g++ builds the same text against the stand-in toolkit
// headers of tests/cuda/executor/, which run every thread of a launch on the CPU. Hence the rules:
//   shared memory is one struct a kernel, got by dynamic_shared<Storage>(): its size and bounds can be checked;
//   block sizes are multiples of 32; a barrier or a shuffle is reached by all the threads it names;
//   blocks of one launch share nothing but integer atomics; no float atomics: a result never depends on the order;
//   16-byte accesses go through load_pack and store_pack; PTX sits in ptx.cuh, each instruction with its host twin.
#pragma once

#include "svad/backend/kernel.hpp"
#include "svad/core/error_types.hpp"

#include "ptx.cuh"

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace svad::cuda {

// ---- element types: stored as bits, computed with as float -----------------------------------------------------------

/// The upper half of a float.
struct bf16 {
    std::uint16_t bits;
};

/// IEEE half precision, as the block types of GGUF files keep their scales.
struct f16 {
    std::uint16_t bits;
};

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(bf16 x) { return __uint_as_float(static_cast<std::uint32_t>(x.bits) << 16); }
__device__ inline float to_float(f16 x) { return ptx::half_to_float(x.bits); }

/// x rounded to T, to nearest even.
template <class T>
__device__ inline T from_float(float x) {
    if constexpr (std::is_same_v<T, bf16>) return bf16{ptx::float_to_bf16(x)};
    else if constexpr (std::is_same_v<T, f16>) return f16{ptx::float_to_half(x)};
    else return x;
}

template <class T>
__device__ inline float load(const T* from) { return to_float(*from); }
template <class T>
__device__ inline void store(T* to, float x) {
    const T value = from_float<T>(x);
    *to = value;                      // apart from the call: g++ shows the checker no store that a call makes
}

// ---- packs: what one thread moves at once ----------------------------------------------------------------------------

/// N elements that are moved by one instruction; N * sizeof(T) is 16 where the width and the pointers allow it, else N is 1.
template <class T, int N>
struct alignas(sizeof(T) * N) pack {
    static_assert(sizeof(T) * N <= 16 && (N & (N - 1)) == 0, "a pack is a power of two of elements, 16 bytes at most");
    T at[N];
    __device__ float operator[](int i) const { return to_float(at[i]); }
    __device__ void set(int i, float x) { at[i] = from_float<T>(x); }
};

/// Elements in 16 bytes.
template <class T>
constexpr int full_pack = static_cast<int>(16 / sizeof(T));

template <int N, class T>
__device__ pack<T, N> load_pack(const T* from) {
    pack<T, N> values;
    ptx::copy<sizeof(T) * N>(&values, from);
    return values;
}
template <class T, int N>
__device__ void store_pack(T* to, const pack<T, N>& values) { ptx::copy<sizeof(T) * N>(to, &values); }

/// True if rows of `width` elements that begin at p can be moved by 16-byte packs.
template <class T>
bool fits_packs(const T* p, std::int64_t width) {
    return reinterpret_cast<std::uintptr_t>(p) % 16 == 0 && width % full_pack<T> == 0;
}

// ---- threads ---------------------------------------------------------------------------------------------------------

constexpr int warp_size = 32;
constexpr unsigned all_lanes = 0xffffffffU;

__device__ inline int thread_of_block() {
    return static_cast<int>(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z));
}
__device__ inline int lane_of_warp() { return thread_of_block() % warp_size; }
__device__ inline int warp_of_block() { return thread_of_block() / warp_size; }
__device__ inline int warps_of_block() { return static_cast<int>(blockDim.x * blockDim.y * blockDim.z) / warp_size; }
/// Number of this thread among all of a one-dimensional launch.
__device__ inline std::int64_t thread_of_grid() { return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
/// How many threads such a launch has: the step of a loop over more elements than threads.
__device__ inline std::int64_t threads_of_grid() { return static_cast<std::int64_t>(gridDim.x) * blockDim.x; }

// ---- reductions: always in the same order ----------------------------------------------------------------------------

/// The sum over the 32 lanes, the same bits in all of them; every lane must call.
__device__ inline float warp_sum(float x) {
    for (int step = warp_size / 2; step > 0; step /= 2) x += __shfl_xor_sync(all_lanes, x, step);
    return x;
}
__device__ inline float warp_max(float x) {
    for (int step = warp_size / 2; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(all_lanes, x, step));
    return x;
}

/// What block_sum and block_max need of shared memory.
struct WarpValues {
    float at[warp_size];
};

/// combine(x of every warp) in every thread; warp_combine reduces a warp, `neutral` stands for warps that are not there.
/// `values` is free for the next use on return.
template <class F>
__device__ float block_reduce(float x, WarpValues& values, float neutral, F warp_combine) {
    x = warp_combine(x);
    if (lane_of_warp() == 0) values.at[warp_of_block()] = x;
    __syncthreads();
    x = warp_combine(lane_of_warp() < warps_of_block() ? values.at[lane_of_warp()] : neutral);
    __syncthreads();
    return x;
}
/// The sum over all threads of the block, the same bits in all of them; every thread must call.
__device__ inline float block_sum(float x, WarpValues& values) {
    return block_reduce(x, values, 0.0F, [](float y) { return warp_sum(y); });
}
__device__ inline float block_max(float x, WarpValues& values) {
    return block_reduce(x, values, -INFINITY, [](float y) { return warp_max(y); });
}

__device__ inline float square(float x) { return x * x; }

// ---- the host's side -------------------------------------------------------------------------------------------------

/// How many groups of `each` hold `count`, as a grid size.
inline unsigned blocks(std::int64_t count, std::int64_t each) { return static_cast<unsigned>((count + each - 1) / each); }

/// Calls f with a value of the static type behind f32 or bf16; any other dtype is a DTypeError that names the op.
template <class F>
void by_dtype(const char* op, DType dtype, F&& f) {
    if (dtype == DType::f32) f(float{});
    else if (dtype == DType::bf16) f(bf16{});
    else throw DTypeError(std::string(op) + ": no CUDA kernel for this element type; cast to f32 or bf16");
}

/// Throws a CudaError that names the op if the last launch, or an earlier one that only now shows, went wrong.
inline void check_launch(const char* op) {
    const cudaError_t status = cudaGetLastError();
    if (status != cudaSuccess)
        throw CudaError(std::string(op) + ": the launch failed; " + cudaGetErrorName(status) + ", " + cudaGetErrorString(status));
}

/// Runs kernel(args...) on grid x block threads with `shared` bytes of dynamic shared memory; an empty grid runs nothing.
/// The arguments are converted to the kernel's parameter types. check_launch(op) must follow.
template <class... P, class... A>
void launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared, Stream stream, A&&... args) {
    static_assert(sizeof...(P) == sizeof...(A), "as many arguments as the kernel has parameters");
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
    constexpr std::size_t always_allowed = 48 * 1024;
    if (shared > always_allowed)
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
    std::tuple<std::remove_cv_t<P>...> values{static_cast<P>(std::forward<A>(args))...};
    std::apply([&](auto&... value) {
        void* pointers[] = {static_cast<void*>(&value)..., nullptr};
        cudaLaunchKernel(kernel, grid, block, pointers, shared, stream);
    }, values);
}

/// The current device's compute capability as in sm_90: 10 * major + minor.
inline int compute_capability() {
    int device = 0, major = 0, minor = 0;
    cudaGetDevice(&device);
    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
    return 10 * major + minor;
}

/// Device memory for the length of a launcher: freed in the stream's order, so kernels launched before still own it.
class Workspace {
public:
    Workspace(const char* op, std::size_t bytes, Stream stream) : stream_(stream) {
        if (bytes == 0) return;
        const cudaError_t status = cudaMallocAsync(&data_, bytes, stream);
        if (status != cudaSuccess)
            throw CudaError(std::string(op) + ": no workspace of " + std::to_string(bytes) + " bytes; " + cudaGetErrorString(status));
    }
    ~Workspace() {
        if (data_) cudaFreeAsync(data_, stream_);
    }
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;

    template <class T>
    T* as() const { return static_cast<T*>(data_); }

private:
    void* data_ = nullptr;
    Stream stream_;
};

}  // namespace svad::cuda
