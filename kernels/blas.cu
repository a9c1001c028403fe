// SPDX-License-Identifier: Apache-2.0
// Products by cuBLASLt. Its matrices are stored by columns, ours by rows: it is asked for c' = op(b)' op(a)', and the bias
// of a row of c is its bias of a column. The algorithm of a shape is asked for once, with the alignment that the pointers
// have, and kept with its descriptors for the life of the process. Workspace: 32 MiB a device, used in stream order.
#include "context.cuh"

#include "svad/backend/cuda/ops.hpp"

#include <cublasLt.h>

#include <cstring>

namespace svad::cuda {

namespace {

constexpr std::size_t workspace_bytes = std::size_t{32} << 20;

void check_blas(cublasStatus_t status, const char* what) {
    if (status != CUBLAS_STATUS_SUCCESS)
        fail_cuda(std::string("gemm: ") + what + ": " + cublasLtGetStatusName(status) + " (" + cublasLtGetStatusString(status) + ")");
}

cudaDataType_t type_of(DType t) {
    if (t == DType::f32) return CUDA_R_32F;
    if (t == DType::bf16) return CUDA_R_16BF;
    if (t == DType::f16) return CUDA_R_16F;
    fail_cuda("gemm: only f32, bf16 and f16 are multiplied on the device");
}

/// Everything that decides a plan; compared as bytes, so it has no padding.
struct Key {
    std::int64_t sizes[4], ld[3], step[3];
    std::int32_t types[4], flips[2], alignment[3], bias;
    bool operator<(const Key& other) const { return std::memcmp(this, &other, sizeof(Key)) < 0; }
};
static_assert(sizeof(Key) == 10 * 8 + 10 * 4, "no padding, or the comparison reads undefined bytes");

struct Plan {
    cublasLtMatmulDesc_t desc = nullptr;
    cublasLtMatrixLayout_t a = nullptr, b = nullptr, c = nullptr;
    cublasLtMatmulAlgo_t algorithm;
};

struct Blas {
    cublasLtHandle_t handle = nullptr;
    void* workspace = nullptr;
    std::map<Key, Plan> plans;
    std::mutex lock;
};

Blas& blas(int device) {
    static std::mutex lock;
    static std::map<int, Blas*> all;
    const std::lock_guard<std::mutex> hold(lock);
    Blas*& b = all[device];
    if (!b) {
        auto* fresh = new Blas;                                 // never destroyed, as the device's context
        check_blas(cublasLtCreate(&fresh->handle), "cublasLtCreate");
        check(cudaMalloc(&fresh->workspace, workspace_bytes), "gemm: workspace");
        b = fresh;
    }
    return *b;
}

std::int32_t alignment_of(const void* p) {
    const auto bits = reinterpret_cast<std::uintptr_t>(p);
    std::int32_t n = 1;
    while (n < 256 && bits % (2 * static_cast<std::uintptr_t>(n)) == 0) n *= 2;
    return n;
}

template <class T>
void set(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t which, T value) {
    check_blas(cublasLtMatmulDescSetAttribute(desc, which, &value, sizeof value), "descriptor");
}

/// A row-major matrix as cuBLASLt sees it: `columns` long vectors, `ld` apart.
cublasLtMatrixLayout_t layout(cudaDataType_t type, std::int64_t length, std::int64_t count, std::int64_t ld, std::int64_t batches,
                              std::int64_t step) {
    cublasLtMatrixLayout_t l = nullptr;
    check_blas(cublasLtMatrixLayoutCreate(&l, type, static_cast<std::uint64_t>(length), static_cast<std::uint64_t>(count), ld), "layout");
    if (batches > 1) {
        const auto n = static_cast<std::int32_t>(batches);
        check_blas(cublasLtMatrixLayoutSetAttribute(l, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &n, sizeof n), "layout");
        check_blas(cublasLtMatrixLayoutSetAttribute(l, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &step, sizeof step), "layout");
    }
    return l;
}

cublasComputeType_t compute_of(const Gemm& g, DType t) {
    if (t != DType::f32) return CUBLAS_COMPUTE_32F;
    if (g.precision == Precision::bf16) return CUBLAS_COMPUTE_32F_FAST_16BF;
    return g.precision == Precision::tf32 || tf32_allowed() ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

Plan make_plan(cublasLtHandle_t handle, const Gemm& g, const Key& key, const void* bias) {
    Plan p;
    const auto in = static_cast<cudaDataType_t>(key.types[0]), out = static_cast<cudaDataType_t>(key.types[2]);
    check_blas(cublasLtMatmulDescCreate(&p.desc, static_cast<cublasComputeType_t>(key.types[3]), CUDA_R_32F), "descriptor");
    set(p.desc, CUBLASLT_MATMUL_DESC_TRANSA, g.flip_b ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(p.desc, CUBLASLT_MATMUL_DESC_TRANSB, g.flip_a ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (key.bias) {
        set(p.desc, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
        set(p.desc, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, out);
        set(p.desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    }
    p.a = layout(in, g.flip_b ? g.k : g.n, g.flip_b ? g.n : g.k, g.ldb, g.batches, g.step_b);
    p.b = layout(in, g.flip_a ? g.m : g.k, g.flip_a ? g.k : g.m, g.lda, g.batches, g.step_a);
    p.c = layout(out, g.n, g.m, g.ldc, g.batches, g.step_c);

    cublasLtMatmulPreference_t wish = nullptr;
    check_blas(cublasLtMatmulPreferenceCreate(&wish), "preference");
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t which, auto value) {
        check_blas(cublasLtMatmulPreferenceSetAttribute(wish, which, &value, sizeof value), "preference");
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<std::uint32_t>(key.alignment[1]));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<std::uint32_t>(key.alignment[0]));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<std::uint32_t>(key.alignment[2]));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<std::uint32_t>(key.alignment[2]));
    cublasLtMatmulHeuristicResult_t best;
    int found = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(handle, p.desc, p.a, p.b, p.c, p.c, wish, 1, &best, &found);
    (void)cublasLtMatmulPreferenceDestroy(wish);
    check_blas(status, "no algorithm for these sizes");
    if (found == 0) fail_cuda("gemm: no algorithm for these sizes");
    p.algorithm = best.algo;
    return p;
}

/// c as a value of one batch axis, for the rare products over nothing.
Ref whole(const Gemm& g, Ref c) {
    c.rank = 3;
    c.sizes[0] = g.batches, c.sizes[1] = g.m, c.sizes[2] = g.n;
    c.strides[0] = g.step_c, c.strides[1] = g.ldc, c.strides[2] = 1;
    return c;
}

void product_over_nothing(const Gemm& g, Ref c, Ref bias, Stream stream) {
    Ref y = whole(g, c);
    if (g.beta == 0) fill(y, 0, stream);
    else unary(Unary::affine, y, y, g.beta, 0, stream);
    if (!bias) return;
    Ref repeated = y;
    repeated.data = bias.data;
    repeated.strides[0] = repeated.strides[1] = 0;
    binary(Binary::add, y, repeated, y, stream);
}

}  // namespace

void gemm(const Gemm& g, Ref a, Ref b, Ref c, Ref bias, Stream stream) {
    if (g.m == 0 || g.n == 0 || g.batches == 0) return;
    if (g.k == 0) return product_over_nothing(g, c, bias, stream);
    Blas& state = blas(current());
    Key key;
    std::memset(&key, 0, sizeof key);
    const std::int64_t sizes[] = {g.m, g.n, g.k, g.batches}, ld[] = {g.lda, g.ldb, g.ldc}, step[] = {g.step_a, g.step_b, g.step_c};
    std::memcpy(key.sizes, sizes, sizeof sizes), std::memcpy(key.ld, ld, sizeof ld), std::memcpy(key.step, step, sizeof step);
    key.types[0] = type_of(a.dtype), key.types[1] = type_of(b.dtype), key.types[2] = type_of(c.dtype);
    key.types[3] = compute_of(g, a.dtype);
    key.flips[0] = g.flip_a, key.flips[1] = g.flip_b;
    key.alignment[0] = alignment_of(a.data), key.alignment[1] = alignment_of(b.data), key.alignment[2] = alignment_of(c.data);
    key.bias = bias ? alignment_of(bias.data) : 0;

    const std::lock_guard<std::mutex> hold(state.lock);         // the bias pointer lives in the descriptor
    auto found = state.plans.find(key);
    if (found == state.plans.end()) found = state.plans.emplace(key, make_plan(state.handle, g, key, bias.data)).first;
    Plan& p = found->second;
    if (bias) set(p.desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(bias.data));
    check_blas(cublasLtMatmul(state.handle, p.desc, &g.alpha, b.data, p.a, a.data, p.b, &g.beta, c.data, p.c, c.data, p.c, &p.algorithm,
                              state.workspace, workspace_bytes, stream),
               "cublasLtMatmul");
}

}  // namespace svad::cuda
