// SPDX-License-Identifier: Apache-2.0
// AllOps: every op that svad ships. Gradient checks, parity checks, benches and the precompiled library walk this one
// list, so an op is added by writing its struct and naming it here.
#pragma once

#include "svad/ops/activation.hpp"
#include "svad/ops/attention.hpp"
#include "svad/ops/attention_joined.hpp"
#include "svad/ops/binary_loss.hpp"
#include "svad/ops/conv.hpp"
#include "svad/ops/depthwise.hpp"
#include "svad/ops/dropout.hpp"
#include "svad/ops/elementwise.hpp"
#include "svad/ops/embedding.hpp"
#include "svad/ops/feed_forward.hpp"
#include "svad/ops/layout.hpp"
#include "svad/ops/linear.hpp"
#include "svad/ops/loss.hpp"
#include "svad/ops/matmul.hpp"
#include "svad/ops/norm.hpp"
#include "svad/ops/reduce.hpp"
#include "svad/ops/rope.hpp"

namespace svad {

template <class... Op>
struct OpList {
    static constexpr std::size_t size = sizeof...(Op);
    /// Calls f.operator()<Op>() for each.
    template <class F>
    static void each(F&& f) {
        (f.template operator()<Op>(), ...);
    }
};

using AllOps = OpList<
    ops::ContiguousOp, ops::ReshapeOp, ops::PermuteOp, ops::SliceOp, ops::SelectOp, ops::ExpandOp, ops::SumToOp,
    ops::PadOp, ops::ConcatOp,
    ops::AddOp, ops::SubOp, ops::MulOp, ops::DivOp, ops::MinimumOp, ops::MaximumOp, ops::ChosenGradOp, ops::AffineOp,
    ops::ReciprocalOp, ops::PowOp, ops::ExpOp, ops::LogOp, ops::SqrtOp, ops::WhereOp,
    ops::ActivationOp, ops::ActivationGradOp, ops::SwigluOp, ops::SwigluGradOp,
    ops::SwigluJoinedOp, ops::SwigluJoinedGradOp, ops::SumOp, ops::MaxOp, ops::MaxGradOp,
    ops::SoftmaxOp, ops::SoftmaxGradOp, ops::LogSoftmaxOp, ops::LogSoftmaxGradOp, ops::L2NormalizeOp,
    ops::L2NormalizeGradOp, ops::DropoutOp,
    ops::LayerNormOp, ops::LayerNormGradOp, ops::RmsNormOp, ops::RmsNormGradOp, ops::BatchNormOp, ops::BatchNormGradOp,
    ops::RopeOp, ops::MatmulOp, ops::LinearOp, ops::LinearBiasOp, ops::FeedForwardOp, ops::FeedForwardGradOp,
    ops::EmbeddingOp, ops::EmbeddingGradOp, ops::Conv3dOp,
    ops::Conv3dGradInputOp, ops::Conv3dGradWeightOp, ops::DepthwiseOp, ops::DepthwiseGradInputOp, ops::DepthwiseGradWeightOp,
    ops::ClipDepthwiseOp, ops::ClipDepthwiseGradInputOp, ops::ClipDepthwiseGradWeightOp,
    ops::CrossEntropyOp, ops::CrossEntropyGradOp, ops::LinearCrossEntropyOp, ops::LinearCrossEntropyGradOp,
    ops::BinaryCrossEntropyOp, ops::BinaryCrossEntropyGradOp,
    ops::AttentionOp, ops::AttentionGradOp, ops::PackedAttentionOp, ops::PackedAttentionGradOp,
    ops::KvAttentionOp, ops::KvAttentionGradOp>;

#if defined(SVAD_PRECOMPILED_SOURCE)
namespace detail {
template <class List>
struct Instances;
template <class... Op>
struct Instances<OpList<Op...>> {
    // External linkage, or clang drops the instantiations that taking the addresses forces.
    static const void* table[sizeof...(Op)];
};
template <class... Op>
const void* Instances<OpList<Op...>>::table[sizeof...(Op)] = {reinterpret_cast<const void*>(&erase_shipped<Op>)...};
template struct Instances<AllOps>;

template void convert<float>(const Var&, const Var&);
template void convert<double>(const Var&, const Var&);
template void convert<bf16>(const Var&, const Var&);
template void convert<f16>(const Var&, const Var&);
}  // namespace detail

template Tensor<float> Var::to<float>() const;
template Tensor<double> Var::to<double>() const;
template Tensor<bf16> Var::to<bf16>() const;
template Tensor<f16> Var::to<f16>() const;

namespace cpu {
template void gemm(Trans, Trans, Index, Index, Index, float, const float*, Index, const float*, Index, float, float*, Index, Operands, Finish);
template void gemm(Trans, Trans, Index, Index, Index, double, const double*, Index, const double*, Index, double, double*, Index, Operands, Finish);
template void blocked_product(DType, Index, Index, Index, const float*, const std::uint8_t*, float*, Operands);
template void packed_products(Index, Index, const float*, std::span<const PackedRows>);
}  // namespace cpu
#endif

}  // namespace svad
