// SPDX-License-Identifier: Apache-2.0
// Rows of a table by index. The gradient adds repeated rows in the order of the indices on every number of threads:
// the same bits every time.
#pragma once

#include "svad/ops/layout.hpp"

namespace svad {

namespace ops {

/// dy [..., D] added into rows of zeros [rows, D].
struct EmbeddingGradOp {
    static constexpr std::string_view name = "embedding_grad";
    Tensor<std::int32_t> ids;
    Index rows = 0;
    std::int32_t padding = -1;

    Result shape(const Shape& dy) const { return {.y = {rows, dy.back()}}; }
    template <Real T>
    void cpu(View<const T> dy, View<T> table) const {
        const Index D = table.size(1);
        // Split by columns, so that every thread adds in the same order.
        parallel_for(D, ids.numel() * D < 65536 ? D : 32, [&](Index first, Index last) {
            for (Index r = 0; r < rows; ++r) std::fill(table.data + r * D + first, table.data + r * D + last, T(0));
            for (Index i = 0; i < ids.numel(); ++i) {
                if (ids[i] == padding) continue;
                T* to = table.data + ids[i] * D;
                const T* from = dy.data + i * D;
                for (Index j = first; j < last; ++j) to[j] += from[j];
            }
        });
    }
    void cuda(Ref dy, Ref table, Stream s) const {
        const Ref rows_of_dy = svad::cuda::flat(dy, {ids.numel(), table.size(1)});
        if (ids.empty()) svad::cuda::fill(table, 0, s);
        else svad::cuda::embedding_grad(rows_of_dy, svad::cuda::flat(svad::cuda::mirrored(ids), {ids.numel()}), table, padding, s);
    }
    static auto samples() { return std::vector<Sample<EmbeddingGradOp>>{{{Tensor<std::int32_t>::of({1, 0, 1}), 3, 0}, {{3, 4}}}}; }
};

struct EmbeddingOp {
    static constexpr std::string_view name = "embedding";
    Tensor<std::int32_t> ids;
    std::int32_t padding = -1;                      ///< this row gets no gradient

    Result shape(const Shape& table) const {
        require(table.rank() == 2, name, "the table must be [rows, D]");
        for (Index i = 0; i < ids.numel(); ++i)
            if (ids[i] < 0 || ids[i] >= table[0]) fail<ShapeError>(name, ": id ", ids[i], " is no row of a table of ", table[0]);
        Shape y = ids.shape();
        y.push_back(table[1]);
        return {.y = y};
    }
    template <Real T>
    void cpu(View<const T> table, View<T> y) const {
        const Index D = table.size(1);
        parallel_for(ids.numel(), std::max<Index>(1, 16384 / std::max<Index>(1, D)), [&](Index first, Index last) {
            for (Index i = first; i < last; ++i) std::copy_n(table.data + ids[i] * D, D, y.data + i * D);
        });
    }
    void cuda(Ref table, Ref y, Stream s) const {
        using svad::cuda::flat;
        svad::cuda::embedding(table, flat(svad::cuda::mirrored(ids), {ids.numel()}), flat(y, {ids.numel(), table.size(1)}), s);
    }
    Grads grad(const Var& dy, Dropped, Dropped table) const { return {apply(EmbeddingGradOp{ids, table.shape[0], padding}, dy)}; }
    static auto samples() {
        const auto ids = [](const Shape& s, const std::vector<std::int32_t>& v) { return Tensor<std::int32_t>(s, v); };
        return std::vector<Sample<EmbeddingOp>>{{{ids({2, 3}, {0, 2, 2, 1, 0, 2})}, {{3, 4}}}, {{ids({1}, {0})}, {{1, 1}}},
                                                {{ids({0}, {})}, {{3, 2}}}};
    }
};

}  // namespace ops

namespace detail {

#if SVAD_CUDA
inline Var packed_rows_on_device(const Var& table, const Tensor<std::int32_t>& ids) {
    const int device = table.device().index;
    const Var y = Var::uninitialized(ops::EmbeddingOp{ids}.shape(table.shape()).y, DType::f32, table.device());
    if (y.numel() == 0) return y;
    cuda::use(device);
    const cuda::Naming naming("embedding");
    cuda::blocked_rows(table.storage().data(), table.dtype(), cuda::flat(cuda::mirrored(ids), {ids.numel()}),
                       cuda::flat(cuda::ref(y), {ids.numel(), table.size(1)}), cuda::compute_stream(device));
    cuda::finish_op(device);
    return y;
}
#endif

/// Rows of a table that stays as its file stores it, as f32.
inline Var packed_rows(const Var& table, const Tensor<std::int32_t>& ids) {
    const Index D = table.size(-1);
#if SVAD_CUDA
    if (table.device().kind == Device::Kind::cuda) return packed_rows_on_device(table, ids);
#endif
    Tensor<float> y = Tensor<float>::uninitialized(ops::EmbeddingOp{ids}.shape(table.shape()).y);
    const auto* const from = reinterpret_cast<const std::uint8_t*>(table.storage().data()) + (is_blocked(table.dtype()) ? 0 : 2 * table.offset());
    parallel_for(ids.numel(), std::max<Index>(1, 16384 / std::max<Index>(1, D)), [&](Index first, Index last) {
        for (Index i = first; i < last; ++i) blocks::decode(table.dtype(), from, ids[i] * D, D, y.data() + i * D);
    });
    return y;
}

}  // namespace detail

/// table [rows, D] at ids [...] -> [..., D]; the row `padding` gets no gradient. A table in blocks (q8_0 ... q6_k), or one
/// frozen in bf16 or f16, gives f32.
[[nodiscard]] inline Var embedding(const Var& table, const Tensor<std::int32_t>& ids, std::int32_t padding = -1) {
    const bool stored = blocks::is_packed(table.dtype()) && (is_blocked(table.dtype()) || table.device().kind == Device::Kind::cpu);
    if (stored && table.rank() == 2 && table.size(1) % 32 == 0 && !table.wants_grad()) return detail::packed_rows(table, ids);
    return apply(ops::EmbeddingOp{ids, padding}, table);
}

}  // namespace svad
