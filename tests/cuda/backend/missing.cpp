// SPDX-License-Identifier: Apache-2.0
// Stands in for launchers whose kernels are not written yet, so that the others can be tested: weak, so that a kernel
// takes its place by being linked. The tests count what they meet here.
#include "svad/backend/cuda/ops.hpp"
#include "svad/core/error_types.hpp"

namespace svad::cuda {

namespace {
[[noreturn]] void missing(const char* name) { throw CudaError(std::string(name) + ": kernel missing"); }
}  // namespace

[[gnu::weak]] void binary(Binary, Ref, Ref, Ref, Stream) { missing("binary"); }
[[gnu::weak]] void unary(Unary, Ref, Ref, float, float, Stream) { missing("unary"); }
[[gnu::weak]] void chosen_grad(Ref, Ref, Ref, Ref, bool, Stream) { missing("chosen_grad"); }
[[gnu::weak]] void where(Ref, Ref, Ref, Ref, Stream) { missing("where"); }
[[gnu::weak]] void cast(Ref, Ref, Stream) { missing("cast"); }
[[gnu::weak]] void fill(Ref, float, Stream) { missing("fill"); }
[[gnu::weak]] void copy(Ref, Ref, Stream) { missing("copy"); }
[[gnu::weak]] void activation(Curve, Ref, Ref, Stream) { missing("activation"); }
[[gnu::weak]] void activation_grad(Curve, Ref, Ref, Ref, Stream) { missing("activation_grad"); }
[[gnu::weak]] void swiglu(Ref, Ref, Ref, Stream) { missing("swiglu"); }
[[gnu::weak]] void swiglu_grad(Ref, Ref, Ref, Ref, Stream) { missing("swiglu_grad"); }
[[gnu::weak]] void sum(Ref, Ref, float, Stream) { missing("sum"); }
[[gnu::weak]] void max(Ref, Ref, Stream) { missing("max"); }
[[gnu::weak]] void max_grad(Ref, Ref, Ref, Ref, Stream) { missing("max_grad"); }
[[gnu::weak]] void softmax(Ref, Ref, Stream) { missing("softmax"); }
[[gnu::weak]] void softmax_grad(Ref, Ref, Ref, Stream) { missing("softmax_grad"); }
[[gnu::weak]] void log_softmax(Ref, Ref, Stream) { missing("log_softmax"); }
[[gnu::weak]] void log_softmax_grad(Ref, Ref, Ref, Stream) { missing("log_softmax_grad"); }
[[gnu::weak]] void l2_normalize(Ref, Ref, Ref, double, Stream) { missing("l2_normalize"); }
[[gnu::weak]] void l2_normalize_grad(Ref, Ref, Ref, Ref, double, Stream) { missing("l2_normalize_grad"); }
[[gnu::weak]] void argmax(Ref, Ref, Stream) { missing("argmax"); }
[[gnu::weak]] void layer_norm(Ref, Ref, Ref, Ref, Ref, double, Stream) { missing("layer_norm"); }
[[gnu::weak]] void layer_norm_grad(Ref, Ref, Ref, Ref, Ref, Stream) { missing("layer_norm_grad"); }
[[gnu::weak]] void rms_norm(Ref, Ref, Ref, Ref, double, Stream) { missing("rms_norm"); }
[[gnu::weak]] void rms_norm_grad(Ref, Ref, Ref, Ref, Ref, Stream) { missing("rms_norm_grad"); }
[[gnu::weak]] void batch_norm(Ref, Ref, Ref, Ref, Ref, Ref, double, Stream) { missing("batch_norm"); }
[[gnu::weak]] void batch_norm_grad(Ref, Ref, Ref, Ref, Ref, double, Stream) { missing("batch_norm_grad"); }
[[gnu::weak]] void dropout(Ref, Ref, double, std::uint64_t, std::uint64_t, Stream) { missing("dropout"); }
[[gnu::weak]] void rope(Ref, Ref, Ref, Ref, Ref, std::int64_t, bool, bool, Stream) { missing("rope"); }
[[gnu::weak]] void embedding(Ref, Ref, Ref, Stream) { missing("embedding"); }
[[gnu::weak]] void embedding_grad(Ref, Ref, Ref, std::int32_t, Stream) { missing("embedding_grad"); }
[[gnu::weak]] void attention(Ref, Ref, Ref, Ref, Ref, const Attention&, Stream) { missing("attention"); }
[[gnu::weak]] void attention_grad(Ref, Ref, Ref, Ref, Ref, Ref, Ref, Ref, Ref, const Attention&, Stream) { missing("attention_grad"); }
[[gnu::weak]] void conv3d(Ref, Ref, Ref, const Convolution&, Stream) { missing("conv3d"); }
[[gnu::weak]] void conv3d_grad_input(Ref, Ref, Ref, const Convolution&, Stream) { missing("conv3d_grad_input"); }
[[gnu::weak]] void conv3d_grad_weight(Ref, Ref, Ref, const Convolution&, Stream) { missing("conv3d_grad_weight"); }
[[gnu::weak]] void depthwise(Ref, Ref, Ref, int, Stream) { missing("depthwise"); }
[[gnu::weak]] void depthwise_grad_weight(Ref, Ref, Ref, Stream) { missing("depthwise_grad_weight"); }
[[gnu::weak]] void label_share(Ref, Ref, const CrossEntropy&, Stream) { missing("label_share"); }
[[gnu::weak]] void cross_entropy(Ref, Ref, Ref, const CrossEntropy&, Stream) { missing("cross_entropy"); }
[[gnu::weak]] void cross_entropy_grad(Ref, Ref, Ref, Ref, Ref, const CrossEntropy&, Stream) { missing("cross_entropy_grad"); }
[[gnu::weak]] void total_loss(Ref, Ref, Ref, Stream) { missing("total_loss"); }
[[gnu::weak]] void binary_cross_entropy(Ref, Ref, Ref, Ref, Stream) { missing("binary_cross_entropy"); }
[[gnu::weak]] void binary_cross_entropy_grad(Ref, Ref, Ref, Ref, Ref, Stream) { missing("binary_cross_entropy_grad"); }
[[gnu::weak]] void adamw(const AdamWItem*, int, const AdamWStep*, float, float, float, Stream) { missing("adamw"); }
[[gnu::weak]] void sum_of_squares(const Ref*, int, Ref, Stream) { missing("sum_of_squares"); }
[[gnu::weak]] void clip_scale(Ref, float, Ref, Stream) { missing("clip_scale"); }
[[gnu::weak]] void scale_all(const Ref*, int, Ref, Stream) { missing("scale_all"); }
[[gnu::weak]] void dequantize(const void*, svad::DType, Ref, Stream) { missing("dequantize"); }
[[gnu::weak]] void blocked_product(Ref, const void*, svad::DType, Ref, Stream) { missing("blocked_product"); }
[[gnu::weak]] void blocked_rows(const void*, svad::DType, Ref, Ref, Stream) { missing("blocked_rows"); }
[[gnu::weak]] void frames(Ref, Ref, Ref, Ref, Ref, const float (&)[3], const float (&)[3], Ref, Stream) { missing("frames"); }

}  // namespace svad::cuda
