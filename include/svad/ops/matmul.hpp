// SPDX-License-Identifier: Apache-2.0
// Batched matrix products with transposes as flags and broadcast batch dimensions.
#pragma once

#include "svad/backend/cpu/gemm.hpp"
#include "svad/ops/layout.hpp"

namespace svad {

/// Which operands are read transposed.
struct Transpose {
    bool a = false, b = false;
};

namespace detail {
inline cpu::Operands matmul_operands() { return modes().matmul == DType::bf16 ? cpu::Operands::bf16 : cpu::Operands::exact; }
inline cuda::Precision precision_of(cpu::Operands o) { return o == cpu::Operands::bf16 ? cuda::Precision::bf16 : cuda::Precision::exact; }
}  // namespace detail

namespace ops {

/// op(a) [..., m, k] times op(b) [..., k, n].
struct MatmulOp {
    static constexpr std::string_view name = "matmul";
    Transpose flip = {};
    cpu::Operands operands = cpu::Operands::exact;

    Result shape(const Shape& a, const Shape& b) const {
        require(a.rank() >= 2 && b.rank() >= 2, name, "both operands need two sizes or more");
        require(a[flip.a ? -2 : -1] == b[flip.b ? -1 : -2], name, "the inner sizes must agree");
        Shape y = broadcast(batch(a), batch(b), name);
        y.push_back(a[flip.a ? -1 : -2]);
        y.push_back(b[flip.b ? -2 : -1]);
        return {.y = y};
    }

    template <Real T>
    void cpu(View<const T> a, View<const T> b, View<T> y) const {
        const Index m = y.size(-2), n = y.size(-1), k = a.size(flip.a ? -2 : -1);
        if (y.numel() == 0) return;
        const Shape outer = batch(y.shape);
        const Index count = outer.numel(), size_a = a.size(-2) * a.size(-1), size_b = b.size(-2) * b.size(-1);
        if (count > 1 && b.shape.rank() == 2 && !flip.a) {                    // one product for the whole batch
            product(a.data, b.data, y.data, count * m, n, k, a.size(-1), b.size(-1));
            return;
        }
        const Shape batch_a = batch(a.shape), batch_b = batch(b.shape);
        const auto one = [&](Index i) {
            product(a.data + place(i, outer, batch_a) * size_a, b.data + place(i, outer, batch_b) * size_b, y.data + i * m * n, m, n, k,
                    a.size(-1), b.size(-1));
        };
        if (count >= threads() && m * n * k < (Index{1} << 22))
            parallel_for(count, 1, [&](Index first, Index last) {
                for (Index i = first; i < last; ++i) one(i);
            });
        else
            for (Index i = 0; i < count; ++i) one(i);
    }

    void cuda(Ref a, Ref b, Ref y, Stream s) const {
        svad::cuda::Gemm g;
        g.m = y.size(-2), g.n = y.size(-1), g.k = a.size(flip.a ? -2 : -1);
        g.flip_a = flip.a, g.flip_b = flip.b;
        g.lda = a.size(-1), g.ldb = b.size(-1), g.ldc = g.n;
        g.precision = svad::detail::precision_of(operands);
        const Shape whole = batch(svad::cuda::shape_of(y)), of_a = batch(svad::cuda::shape_of(a)), of_b = batch(svad::cuda::shape_of(b));
        const Index count = whole.numel(), size_a = a.size(-2) * a.size(-1), size_b = b.size(-2) * b.size(-1);
        if (of_b.numel() == 1 && of_a == whole && !flip.a) {                // one product for the whole batch
            g.m *= count;
            return svad::cuda::gemm(g, a, b, y, {}, s);
        }
        const bool plain = (of_a == whole || of_a.numel() == 1) && (of_b == whole || of_b.numel() == 1);
        if (plain) {
            g.batches = count;
            g.step_a = of_a.numel() == 1 ? 0 : size_a, g.step_b = of_b.numel() == 1 ? 0 : size_b, g.step_c = g.m * g.n;
            return svad::cuda::gemm(g, a, b, y, {}, s);
        }
        using svad::cuda::flat;
        for (Index i = 0; i < count; ++i)
            svad::cuda::gemm(g, flat(a, {size_a}, place(i, whole, of_a) * size_a), flat(b, {size_b}, place(i, whole, of_b) * size_b),
                             flat(y, {g.m * g.n}, i * g.m * g.n), {}, s);
    }

    // y = A B:  dA = dy B',  dB = A' dy, each transposed where its operand was, summed over broadcast batches.
    Grads grad(const Var& dy, Dropped, const Var& a, const Var& b) const {
        const auto times = [&](const Var& x, const Var& z, bool tx, bool tz) { return svad::apply(MatmulOp{{tx, tz}, operands}, x, z); };
        Grads grads(2);
        if (a.wants_grad()) grads[0] = sum_to(flip.a ? times(b, dy, flip.b, true) : times(dy, b, false, !flip.b), a.shape());
        if (b.wants_grad()) grads[1] = sum_to(flip.b ? times(dy, a, true, flip.a) : times(a, dy, !flip.a, false), b.shape());
        return grads;
    }

    static auto samples() {
        return std::vector<Sample<MatmulOp>>{{{}, {{3, 4}, {4, 5}}}, {{{true, false}}, {{2, 4, 3}, {2, 4, 5}}},
                                             {{{false, true}}, {{2, 3, 4}, {5, 4}}}, {{{true, true}}, {{1, 2, 4, 3}, {3, 1, 5, 4}}},
                                             {{}, {{2, 0, 4}, {4, 3}}}, {{}, {{2, 3, 0}, {0, 3}}}, {{}, {{1, 1}, {1, 1}}},
                                             {{}, {{70, 33}, {33, 41}}}};
    }

private:
    static Shape batch(const Shape& s) { return Shape(std::span(s.begin(), static_cast<std::size_t>(s.rank() - 2))); }

    // Which matrix of a broadcast batch belongs to matrix i of the whole one.
    static Index place(Index i, const Shape& whole, const Shape& own) {
        Index at = 0, step = 1;
        for (int axis = -1; axis >= -whole.rank(); --axis) {
            const Index index = i % whole[axis];
            i /= whole[axis];
            if (axis < -own.rank()) continue;
            if (own[axis] != 1) at += index * step;
            step *= own[axis];
        }
        return at;
    }

    template <class T>
    void product(const T* a, const T* b, T* y, Index m, Index n, Index k, Index lda, Index ldb) const {
        svad::cpu::gemm<T>(flip.a ? svad::cpu::Trans::yes : svad::cpu::Trans::no, flip.b ? svad::cpu::Trans::yes : svad::cpu::Trans::no,
                           m, n, k, T(1), a, lda, b, ldb, T(0), y, n, operands);
    }
};

}  // namespace ops

/// op(a) [..., m, k] times op(b) [..., k, n] -> [..., m, n]; leading sizes broadcast.
[[nodiscard]] inline Var matmul(const Var& a, const Var& b, Transpose flip = {}) {
    return apply(ops::MatmulOp{flip, detail::matmul_operands()}, a, b);
}

}  // namespace svad
