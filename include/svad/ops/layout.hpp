// SPDX-License-Identifier: Apache-2.0
// Where elements lie: reshape, permute, slice and expand are views over the same bytes; concat, stack and pad copy.
// The gradient of a view is the opposite view; that of a slice is a padded copy.
#pragma once

#include "svad/autograd/op.hpp"
#include "svad/backend/cpu/loops.hpp"
#include "svad/core/parallel.hpp"

namespace svad {

namespace detail {

/// Copies a strided view of any rank into contiguous memory; rows of the last axis at a time.
template <class T>
void copy_strided(View<const T> x, T* out) {
    const int rank = x.shape.rank();
    if (x.numel() == 0) return;
    if (rank == 0) {
        *out = *x.data;
        return;
    }
    const Index width = x.last(), step = x.stride(-1);
    parallel_for(x.rows(), std::max<Index>(1, 16384 / width), [&](Index first, Index last) {
        Strides at{};                                           // of row r; counted on, since dividing costs more than a short row
        Index rest = first, offset = 0;
        for (int i = rank - 2; i >= 0; --i) {
            const auto a = static_cast<std::size_t>(i);
            at[a] = rest % x.shape[i], rest /= x.shape[i];
            offset += at[a] * x.stride(i);
        }
        for (Index r = first; r < last; ++r) {
            const T* in = x.data + offset;
            T* to = out + r * width;
            if (step == 1) std::copy(in, in + width, to);
            else
                for (Index i = 0; i < width; ++i) to[i] = in[i * step];
            for (int i = rank - 2; i >= 0; --i) {
                const auto a = static_cast<std::size_t>(i);
                offset += x.stride(i);
                if (++at[a] < x.shape[i]) break;
                offset -= at[a] * x.stride(i), at[a] = 0;
            }
        }
    });
}

}  // namespace detail

namespace ops {

/// The same elements in row-major memory of their own.
struct ContiguousOp {
    static constexpr std::string_view name = "contiguous";
    static constexpr bool strided = true;

    Result shape(const Shape& x) const { return {.y = x}; }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const { detail::copy_strided(x, y.data); }
    void cuda(Ref x, Ref y, Stream s) const { svad::cuda::copy(x, y, s); }
    Grads grad(const Var& dy, Dropped, Dropped) const { return {dy}; }
    static auto samples() { return std::vector<Sample<ContiguousOp>>{{{}, {{2, 3}}}, {{}, {{0}}}}; }
};

struct ReshapeOp {
    static constexpr std::string_view name = "reshape";
    Shape to;

    Result shape(const Shape&) const { return {.y = to}; }
    Var view(const Var& x) const {
        if (to.numel() != x.numel()) fail<ShapeError>("reshape: ", x.shape(), " does not have the elements of ", to);
        const Var packed = x.contiguous_();
        return packed.with_layout(to, row_major(to), packed.offset());
    }
    Grads grad(const Var& dy, Dropped, Dropped x) const { return {dy.reshape(x.shape)}; }
    static auto samples() { return std::vector<Sample<ReshapeOp>>{{{{3, 2}}, {{2, 3}}}, {{{0, 5}}, {{5, 0}}}, {{{1}}, {{1, 1}}}}; }
};

struct PermuteOp {
    static constexpr std::string_view name = "permute";
    Shape order;                                            ///< axis i of the result is axis order[i] of x

    Result shape(const Shape& x) const { return {.y = x}; }
    Var view(const Var& x) const {
        if (order.rank() != x.rank()) fail<ShapeError>("permute: order ", order, " does not fit ", x.shape());
        Shape to;
        Strides strides{};
        unsigned seen = 0;
        for (int i = 0; i < x.rank(); ++i) {
            const int from = x.shape().at(static_cast<int>(order[i]));
            if (seen & (1u << from)) fail<ShapeError>("permute: axis ", from, " is named twice in ", order);
            seen |= 1u << from;
            to.push_back(x.size(from));
            strides[static_cast<std::size_t>(i)] = x.strides()[static_cast<std::size_t>(from)];
        }
        return x.with_layout(to, strides, x.offset());
    }
    Grads grad(const Var& dy, Dropped, Dropped) const {
        Shape back = order;
        for (int i = 0; i < order.rank(); ++i) back = back.with(static_cast<int>(order[i]), i);
        return {apply(PermuteOp{back}, dy)};
    }
    static auto samples() { return std::vector<Sample<PermuteOp>>{{{{2, 0, 1}}, {{2, 3, 4}}}, {{{1, 0}}, {{1, 5}}}, {{{1, 0}}, {{0, 5}}}}; }
};

/// x placed in zeros: `before` and `after` elements along `axis`.
struct PadOp {
    static constexpr std::string_view name = "pad";
    int axis;
    Index before, after;

    Result shape(const Shape& x) const {
        require(before >= 0 && after >= 0, name, "a negative width cuts off; that is slice()");
        return {.y = x.with(axis, x[axis] + before + after)};
    }
    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        const Index n = x.size(axis), total = y.size(axis);
        Index inner = 1;
        for (int i = x.shape.at(axis) + 1; i < x.shape.rank(); ++i) inner *= x.size(i);
        if (y.numel() == 0) return;
        const Index outer = y.numel() / (total * inner);
        for (Index o = 0; o < outer; ++o) {
            T* to = y.data + o * total * inner;
            std::fill(to, to + before * inner, T(0));
            std::copy(x.data + o * n * inner, x.data + (o + 1) * n * inner, to + before * inner);
            std::fill(to + (before + n) * inner, to + total * inner, T(0));
        }
    }
    void cuda(Ref x, Ref y, Stream s) const {
        svad::cuda::fill(y, 0, s);
        if (x.numel() > 0) svad::cuda::copy(x, svad::cuda::part(y, axis, before, x.size(axis)), s);
    }
    Grads grad(const Var& dy, Dropped, Dropped x) const { return {dy.slice(axis, before, before + x.shape[axis])}; }
    static auto samples() { return std::vector<Sample<PadOp>>{{{1, 2, 1}, {{2, 3, 2}}}, {{0, 0, 3}, {{1, 4}}}, {{-1, 1, 0}, {{2, 0}}}}; }
};

/// Elements first .. last-1 along `axis`, seen in place.
struct SliceOp {
    static constexpr std::string_view name = "slice";
    int axis;
    Index first, last;

    Result shape(const Shape& x) const { return {.y = x.with(axis, last - first)}; }
    Var view(const Var& x) const {
        if (first < 0 || last < first || last > x.size(axis))
            fail<ShapeError>("slice: [", first, ", ", last, ") is not within axis ", axis, " of ", x.shape());
        const auto a = static_cast<std::size_t>(x.shape().at(axis));
        const auto offset = x.offset() + static_cast<std::size_t>(first * x.strides()[a]);
        return x.with_layout(x.shape().with(axis, last - first), x.strides(), offset);
    }
    Grads grad(const Var& dy, Dropped, Dropped x) const { return {apply(PadOp{axis, first, x.shape[axis] - last}, dy)}; }
    static auto samples() { return std::vector<Sample<SliceOp>>{{{1, 1, 3}, {{2, 4, 2}}}, {{0, 0, 1}, {{1, 3}}}, {{0, 2, 2}, {{3}}}}; }
};

/// Element `index` of `axis`, which disappears, seen in place.
struct SelectOp {
    static constexpr std::string_view name = "select";
    int axis;
    Index index;

    Result shape(const Shape& x) const { return {.y = x.without(axis)}; }
    Var view(const Var& x) const {
        if (index < 0 || index >= x.size(axis))
            fail<ShapeError>("slice: no element ", index, " on axis ", axis, " of ", x.shape());
        const int a = x.shape().at(axis);
        Strides strides{};
        for (int i = 0, j = 0; i < x.rank(); ++i)
            if (i != a) strides[static_cast<std::size_t>(j++)] = x.strides()[static_cast<std::size_t>(i)];
        const auto offset = x.offset() + static_cast<std::size_t>(index * x.strides()[static_cast<std::size_t>(a)]);
        return x.with_layout(x.shape().without(axis), strides, offset);
    }
    Grads grad(const Var& dy, Dropped, Dropped x) const {
        return {apply(PadOp{axis, index, x.shape[axis] - index - 1}, dy.reshape(x.shape.with(axis, 1)))};
    }
    static auto samples() { return std::vector<Sample<SelectOp>>{{{1, 2}, {{2, 4, 2}}}, {{0, 0}, {{1, 3}}}, {{-1, 1}, {{3, 2}}}}; }
};

/// x summed over everything that broadcasting `to` to x's shape would repeat: the gradient of broadcasting.
struct SumToOp {
    static constexpr std::string_view name = "sum_to";
    Shape to;

    Result shape(const Shape& x) const {
        require(broadcast(x, to, name) == x, name, "the target must broadcast to the value");
        return {.y = to};
    }

    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        std::vector<cpu::SumAxis> axes;
        const int lead = x.shape.rank() - to.rank();
        for (int i = 0; i < x.shape.rank(); ++i)
            axes.push_back({x.shape[i], i >= lead && to[i - lead] == x.shape[i]});
        if (y.numel() > 0) cpu::sum_axes<T>(x.data, y.data, axes);
    }

    void cuda(Ref x, Ref y, Stream s) const { svad::cuda::sum(x, svad::cuda::raised(y, x.rank), 1, s); }

    Grads grad(const Var& dy, Dropped, Dropped x) const;        // every repeated element gets the sum's gradient
    static auto samples() {
        return std::vector<Sample<SumToOp>>{{{{3}}, {{4, 3}}}, {{{2, 1, 4}}, {{2, 3, 4}}}, {{{1}}, {{70, 5}}},
                                            {{{3, 1}}, {{2, 3, 5}}}, {{{2}}, {{0, 2}}}, {{{2, 1, 3, 1}}, {{4, 2, 5, 3, 6}}},
                                            {{{1, 2, 1, 3}}, {{4, 2, 5, 3}}}, {{{600, 1}}, {{600, 70}}}};
    }
};

/// Sizes of 1 stretched by a stride of 0; new axes in front.
struct ExpandOp {
    static constexpr std::string_view name = "expand";
    Shape to;

    Result shape(const Shape&) const { return {.y = to}; }
    Var view(const Var& x) const {
        if (broadcast(x.shape(), to, name) != to) fail<ShapeError>("expand: ", x.shape(), " does not stretch to ", to);
        Strides strides{};
        const int lead = to.rank() - x.rank();
        for (int i = 0; i < x.rank(); ++i)
            if (x.size(i) == to[lead + i]) strides[static_cast<std::size_t>(lead + i)] = x.strides()[static_cast<std::size_t>(i)];
        return x.with_layout(to, strides, x.offset());
    }
    // The gradient of a stretched element is the sum over its copies.
    Grads grad(const Var& dy, Dropped, Dropped x) const { return {apply(SumToOp{x.shape}, dy)}; }
    static auto samples() { return std::vector<Sample<ExpandOp>>{{{{2, 3, 4}}, {{3, 1}}}, {{{2}}, {{1}}}, {{{0, 3}}, {{1, 3}}}}; }
};

inline Grads SumToOp::grad(const Var& dy, Dropped, Dropped x) const { return {apply(ExpandOp{x.shape}, dy)}; }

/// Inputs one behind the other along `axis`.
struct ConcatOp {
    static constexpr std::string_view name = "concat";
    int axis;

    Result shape(std::span<const Shape> x) const {
        require(!x.empty(), name, "at least one value is needed");
        Index total = 0;
        for (const Shape& s : x) {
            require(s.rank() == x[0].rank() && s.without(axis) == x[0].without(axis), name,
                    "values must agree in all sizes but the joined one");
            total += s[axis];
        }
        return {.y = x[0].with(axis, total)};
    }
    template <Real T>
    void cpu(std::span<const View<const T>> x, View<T> y) const {
        if (y.numel() == 0) return;
        Index inner = 1;
        for (int i = y.shape.at(axis) + 1; i < y.shape.rank(); ++i) inner *= y.size(i);
        const Index row = y.size(axis) * inner, outer = y.numel() / row;
        parallel_for(outer, std::max<Index>(1, 16384 / row), [&](Index begin, Index stop) {
            for (Index o = begin; o < stop; ++o) {
                T* to = y.data + o * row;
                for (const View<const T>& v : x) {
                    const Index n = v.size(axis) * inner;
                    to = std::copy(v.data + o * n, v.data + (o + 1) * n, to);
                }
            }
        });
    }
    void cuda(std::span<const Ref> x, Ref y, Stream s) const {
        Index at = 0;
        for (const Ref& r : x) {
            const Index n = r.size(axis);
            if (r.numel() > 0) svad::cuda::copy(r, svad::cuda::part(y, axis, at, n), s);
            at += n;
        }
    }
    Grads grad(const Var& dy, std::span<const Shape> x) const {
        Grads grads;
        Index at = 0;
        for (const Shape& s : x) {
            grads.push_back(dy.slice(axis, at, at + s[axis]));
            at += s[axis];
        }
        return grads;
    }
    static auto samples() {
        return std::vector<Sample<ConcatOp>>{{{1}, {{2, 3}, {2, 1}}}, {{0}, {{1, 2}, {3, 2}, {0, 2}}}, {{-1}, {{2, 2, 1}, {2, 2, 4}}}};
    }
};

}  // namespace ops

/// Values one behind the other along `axis`; all other sizes must agree.
[[nodiscard]] inline Var concat(int axis, const std::vector<Var>& values) {
    return apply_all(ops::ConcatOp{axis}, values);
}

/// Values as sub-values of a new axis.
[[nodiscard]] inline Var stack(int axis, const std::vector<Var>& values) {
    std::vector<Var> raised;
    for (const Var& v : values) {
        const int at = axis < 0 ? axis + v.rank() + 1 : axis;
        Shape s;
        for (int i = 0; i <= v.rank(); ++i) {
            if (i == at) s.push_back(1);
            if (i < v.rank()) s.push_back(v.size(i));
        }
        raised.push_back(v.reshape(s));
    }
    return concat(axis, raised);
}

/// x with zeros along `axis`.
[[nodiscard]] inline Var pad(const Var& x, int axis, Index before, Index after) {
    return apply(ops::PadOp{axis, before, after}, x);
}

/// x summed down to `shape`: undoes broadcasting.
[[nodiscard]] inline Var sum_to(const Var& x, const Shape& shape) {
    return x.shape() == shape ? x : apply(ops::SumToOp{shape}, x);
}

inline Var Var::contiguous_copy() const {
    const bool mathematical = dtype_ == DType::f32 || dtype_ == DType::f64 || device().kind != Device::Kind::cpu;
    if (mathematical) return apply(ops::ContiguousOp{}, *this);
    return dispatch_storage(dtype_, [&](auto t) {
        const Var y = uninitialized(shape_, dtype_);
        detail::copy_strided(view<const decltype(t)>(), y.data<decltype(t)>());
        return y;
    });
}

inline Var Var::reshape(const Shape& shape) const { return apply(ops::ReshapeOp{shape}, contiguous_()); }

inline Var Var::permute(std::initializer_list<int> order) const {
    Shape axes;
    for (int i : order) axes.push_back(shape_.at(i));
    return apply(ops::PermuteOp{axes}, *this);
}

inline Var Var::transpose(int a, int b) const {
    Shape axes;
    for (int i = 0; i < rank(); ++i) axes.push_back(i == shape_.at(a) ? shape_.at(b) : i == shape_.at(b) ? shape_.at(a) : i);
    return apply(ops::PermuteOp{axes}, *this);
}

inline Var Var::slice(int axis, Index first, Index last) const {
    const Index n = size(axis);
    if (first < 0) first += n;
    if (last == svad::end) last = n;
    else if (last < 0) last += n;
    return apply(ops::SliceOp{shape_.at(axis), first, last}, *this);
}

inline Var Var::slice(int axis, Index index) const { return apply(ops::SelectOp{shape_.at(axis), index < 0 ? index + size(axis) : index}, *this); }
inline Var Var::expand(const Shape& shape) const { return apply(ops::ExpandOp{shape}, *this); }

}  // namespace svad
