// SPDX-License-Identifier: Apache-2.0
// Twins of ldmatrix and mma.sync: the last lane to arrive gathers the fragments of all 32, computes, and scatters.
#include "twins.hpp"

namespace svad::cuda::ptx {

namespace {

constexpr unsigned all = 0xffffffffU;

struct Rows {
    std::uint32_t* r;
    const void* row;
    Where where;
};

template <int Count, bool Transposed>
void gather(void* const* operands, unsigned) {
    for (int m = 0; m < Count; ++m) {
        std::uint16_t matrix[8][8];
        for (int i = 0; i < 8; ++i) std::memcpy(matrix[i], static_cast<Rows*>(operands[8 * m + i])->row, 16);
        for (int lane = 0; lane < 32; ++lane) {
            const int i = lane / 4, j = 2 * (lane % 4);
            const std::uint32_t low = Transposed ? matrix[j][i] : matrix[i][j], high = Transposed ? matrix[j + 1][i] : matrix[i][j + 1];
            static_cast<Rows*>(operands[lane])->r[m] = low | (high << 16);
        }
    }
}

struct Fragments {
    float* d;
    const std::uint32_t *a, *b;
};

float bf16_at(std::uint32_t pair, int high) { return __uint_as_float(high ? pair & 0xffff0000U : pair << 16); }

/// d [16, 8] += a [16, K] b [K, 8], the fragments of d being spread alike for every element type.
template <int K>
void multiply(void* const* operands, const float (&a)[16][K], const float (&b)[8][K]) {
    for (int i = 0; i < 16; ++i)
        for (int j = 0; j < 8; ++j) {
            float& d = static_cast<Fragments*>(operands[4 * (i % 8) + j / 2])->d[2 * (i / 8) + j % 2];
            double sum = d;
            for (int k = 0; k < K; ++k) sum += static_cast<double>(a[i][k]) * b[j][k];
            d = static_cast<float>(sum);
        }
}

void multiply_bf16(void* const* operands, unsigned) {
    float a[16][16], b[8][16];
    for (int lane = 0; lane < 32; ++lane) {
        const auto* f = static_cast<Fragments*>(operands[lane]);
        const int g = lane / 4, t = 2 * (lane % 4);
        for (int high = 0; high < 2; ++high) {
            for (int r = 0; r < 4; ++r) a[g + 8 * (r % 2)][t + 8 * (r / 2) + high] = bf16_at(f->a[r], high);
            for (int r = 0; r < 2; ++r) b[g][t + 8 * r + high] = bf16_at(f->b[r], high);
        }
    }
    multiply<16>(operands, a, b);
}

float tf32(std::uint32_t bits) { return __uint_as_float(bits & 0xffffe000U); }

void multiply_tf32(void* const* operands, unsigned) {
    float a[16][8], b[8][8];
    for (int lane = 0; lane < 32; ++lane) {
        const auto* f = static_cast<Fragments*>(operands[lane]);
        const int g = lane / 4, t = lane % 4;
        for (int r = 0; r < 4; ++r) a[g + 8 * (r % 2)][t + 4 * (r / 2)] = tf32(f->a[r]);
        for (int r = 0; r < 2; ++r) b[g][t + 4 * r] = tf32(f->b[r]);
    }
    multiply<8>(operands, a, b);
}

void require_sm80(const char* what, Where where) {
    if (svad::executor::settings().capability < 80) svad::executor::fault(std::string(what) + " needs sm_80", where);
}

}  // namespace

void ldmatrix(std::uint32_t* r, const void* row, int count, bool transposed, Where where) {
    using namespace svad::executor;
    const void* pc = __builtin_return_address(0);
    if (current.lane() < 8 * count) {
        const auto* p = static_cast<const unsigned char*>(row);
        if (reinterpret_cast<std::uintptr_t>(row) % 16) fault("ldmatrix from a row that is not aligned to 16 bytes", where);
        if (p < current.shared || p + 16 > current.shared + current.shared_bytes)
            fault("ldmatrix from an address outside the block's shared memory", where);
        in_kernel = false;
        report(row, 16, Access::read, pc);
        in_kernel = true;
    }
    Rows mine{r, row, where};
    if (count == 4) collective(transposed ? "ldmatrix.x4.trans" : "ldmatrix.x4", all, &mine, transposed ? gather<4, true> : gather<4, false>, where);
    else collective(transposed ? "ldmatrix.x2.trans" : "ldmatrix.x2", all, &mine, transposed ? gather<2, true> : gather<2, false>, where);
}

void mma_bf16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], Where where) {
    require_sm80("mma of bf16", where);
    Fragments mine{d, a, b};
    svad::executor::collective("mma.m16n8k16.bf16", all, &mine, multiply_bf16, where);
}

void mma_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], Where where) {
    require_sm80("mma of tf32", where);
    Fragments mine{d, a, b};
    svad::executor::collective("mma.m16n8k8.tf32", all, &mine, multiply_tf32, where);
}

}  // namespace svad::cuda::ptx
