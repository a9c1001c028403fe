// SPDX-License-Identifier: Apache-2.0
// svad::cuda::gemm on the CPU, with the arguments of kernels/blas.cu: what cuBLASLt is on a GPU, sums in f32.
#include "svad/backend/cuda/ops.hpp"
#include "svad/backend/cuda/runtime.hpp"
#include "svad/core/dtype.hpp"
#include "svad/core/error.hpp"

#include "cuda_runtime.h"

#include <algorithm>
#include <vector>

namespace svad::cuda {

namespace {

float read(const Ref& r, std::int64_t i) {
    if (r.dtype == DType::f32) return r.as<float>()[i];
    if (r.dtype == DType::bf16) return static_cast<float>(r.as<svad::bf16>()[i]);
    if (r.dtype == DType::f16) return static_cast<float>(r.as<svad::f16>()[i]);
    fail<CudaError>("gemm: only f32, bf16 and f16 are multiplied on the device");
}

void write(const Ref& r, std::int64_t i, float value) {
    if (r.dtype == DType::f32) r.as<float>()[i] = value;
    else r.as<svad::bf16>()[i] = svad::bf16(value);
}

float rounded(float x, const Gemm& g, DType t) {
    return t == DType::f32 && g.precision == Precision::bf16 ? static_cast<float>(svad::bf16(x)) : x;
}

void product(const Gemm& g, const Ref& a, const Ref& b, const Ref& c, const Ref& bias, std::int64_t batch) {
    std::vector<float> row(static_cast<std::size_t>(g.n));
    for (std::int64_t i = 0; i < g.m; ++i) {
        std::fill(row.begin(), row.end(), 0.0f);
        for (std::int64_t p = 0; p < g.k; ++p) {
            const float left = rounded(read(a, batch * g.step_a + (g.flip_a ? p * g.lda + i : i * g.lda + p)), g, a.dtype);
            for (std::int64_t j = 0; j < g.n; ++j)
                row[static_cast<std::size_t>(j)] +=
                    left * rounded(read(b, batch * g.step_b + (g.flip_b ? j * g.ldb + p : p * g.ldb + j)), g, b.dtype);
        }
        for (std::int64_t j = 0; j < g.n; ++j) {
            const std::int64_t at = batch * g.step_c + i * g.ldc + j;
            float y = g.alpha * row[static_cast<std::size_t>(j)];
            if (g.beta != 0) y += g.beta * read(c, at);
            if (bias) y += read(bias, j);
            write(c, at, y);
        }
        const std::size_t element = c.dtype == DType::f32 ? 4 : 2;
        if (executor::observer)
            executor::observer->host_wrote(c.as<unsigned char>() + static_cast<std::size_t>(batch * g.step_c + i * g.ldc) * element,
                                           static_cast<std::size_t>(g.n) * element);
    }
}

}  // namespace

void gemm(const Gemm& g, Ref a, Ref b, Ref c, Ref bias, Stream stream) {
    if (a.dtype != b.dtype) fail<CudaError>("gemm: operands differ in dtype");
    const auto run = [=] {
        for (std::int64_t i = 0; i < g.batches; ++i) product(g, a, b, c, bias, i);
    };
    executor::enqueue(stream, run);
}

}  // namespace svad::cuda
