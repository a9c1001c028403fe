// SPDX-License-Identifier: Apache-2.0
// Every kernel of svad by its launcher. Rules that hold for all:
//   - "T" is f32 or bf16: the Refs of a call that are not marked otherwise share it. Sums and functions are in f32.
//   - Refs are contiguous unless marked (strided). A (strided) operand may have strides of 0: broadcasting was done by
//     the caller, who gives operands the result's sizes.
//   - Sizes and dtypes were checked above. Inputs may be empty; a launcher with nothing to write launches nothing.
//   - Work is queued on the stream and not waited for; scratch memory comes from Workspace (kernels/common.cuh).
//   - Results repeat to the bit: no atomic additions of floats. Nothing may depend on values in host memory beyond the
//     arguments, so that a captured graph can run again on other data.
//   - After its launches a launcher calls check_launch("name") (kernels/common.cuh), which throws CudaError.
// C++17 without a toolkit: shared with nvcc.
#pragma once

#include "svad/backend/kernel.hpp"

namespace svad::cuda {

// ---- kernels/elementwise.cu -------------------------------------------------------------------------------------------

enum class Binary : std::uint8_t { add, sub, mul, div, minimum, maximum };      // minimum, maximum: NaN wins
enum class Unary : std::uint8_t { affine, reciprocal, pow, exp, log, sqrt };

/// y = a . b; a, b (strided) have y's sizes.
void binary(Binary kind, Ref a, Ref b, Ref y, Stream stream);
/// affine: p x + q; reciprocal: p / x; pow: x^p; exp, log, sqrt: of x. y may be x.
void unary(Unary kind, Ref x, Ref y, float p, float q, Stream stream);
/// dy where a is the larger (`smaller`: the smaller) of a and b, half of it where they are equal, else 0; dy, a, b (strided).
void chosen_grad(Ref dy, Ref a, Ref b, Ref y, bool smaller, Stream stream);
/// a where mask (u8) is not 0, else b; mask, a, b (strided).
void where(Ref mask, Ref a, Ref b, Ref y, Stream stream);
/// y = x in y's dtype, to nearest even; f32, bf16 and f16 in and out.
void cast(Ref x, Ref y, Stream stream);
/// Every element of y (f32, bf16, f16, i32) becomes the value.
void fill(Ref y, float value, Stream stream);

// ---- kernels/layout.cu ------------------------------------------------------------------------------------------------

/// y = x of the same sizes and dtype, any dtype of 1, 2, 4 or 8 bytes; both (strided). Contiguous copies, permutations
/// (tiles through shared memory where the innermost axes change places), concat and pad are made of it.
void copy(Ref x, Ref y, Stream stream);

// ---- kernels/activation.cu --------------------------------------------------------------------------------------------

/// As svad::Activation (ops/activation.hpp), in the same order. gelu is exact (erf), quick_gelu is x sigmoid(1.702 x).
enum class Curve : std::uint8_t { none, gelu, gelu_tanh, quick_gelu, silu, relu, sigmoid, tanh };

/// y = curve(x); y may be x.
void activation(Curve kind, Ref x, Ref y, Stream stream);
/// dx = dy * slope of the curve at x; dx may be dy or x.
void activation_grad(Curve kind, Ref dy, Ref x, Ref dx, Stream stream);
/// y = silu(gate) * up; gate and up (strided) have y's sizes.
void swiglu(Ref gate, Ref up, Ref y, Stream stream);
/// both [2, ...] = gradients of gate and of up.
void swiglu_grad(Ref dy, Ref gate, Ref up, Ref both, Stream stream);

// ---- kernels/reduce.cu ------------------------------------------------------------------------------------------------

/// y has x's rank; axes on which y is 1 are summed over, the sum is multiplied by `scale` (0 for a sum of nothing).
void sum(Ref x, Ref y, float scale, Stream stream);
/// x [outer, n, inner], n > 0 -> y [outer, inner], the maximum; NaN wins.
void max(Ref x, Ref y, Stream stream);
/// dx [outer, n, inner] = dy [outer, inner] at the first place where x equals y (NaN equals NaN), else 0.
void max_grad(Ref dy, Ref y, Ref x, Ref dx, Stream stream);
/// at (i32) [rows] = place of the row's maximum: the first of equals, or the first NaN.
void argmax(Ref x, Ref at, Stream stream);

// ---- kernels/softmax.cu -----------------------------------------------------------------------------------------------

/// Row-wise over the last axis. A row that is minus infinity throughout gives zeros.
void softmax(Ref x, Ref y, Stream stream);
/// dx = (dy - sum(dy y)) y.
void softmax_grad(Ref dy, Ref y, Ref dx, Stream stream);
void log_softmax(Ref x, Ref y, Stream stream);
/// dx = dy - exp(y) sum(dy).
void log_softmax_grad(Ref dy, Ref y, Ref dx, Stream stream);
/// norm (f32) [rows] = max(|x|, eps), y = x / norm.
void l2_normalize(Ref x, Ref y, Ref norm, double eps, Stream stream);
/// dx = (dy - y sum(dy y)) / norm, without the second term where norm <= eps.
void l2_normalize_grad(Ref dy, Ref y, Ref norm, Ref dx, double eps, Stream stream);

// ---- kernels/norm.cu --------------------------------------------------------------------------------------------------

/// stats (f32) [rows, 2] = mean and 1 / sqrt(var + eps); y = (x - mean) rstd w + b. w, b [D]. Two passes over the row's
/// centred values: far from zero the row keeps its digits.
void layer_norm(Ref x, Ref w, Ref b, Ref y, Ref stats, double eps, Stream stream);
/// out [rows + 2, D] = [dx; dw; db] as ops::LayerNormGradOp.
void layer_norm_grad(Ref dy, Ref stats, Ref x, Ref w, Ref out, Stream stream);
/// stats (f32) [rows] = 1 / sqrt(mean(x^2) + eps); y = x stats w.
void rms_norm(Ref x, Ref w, Ref y, Ref stats, double eps, Stream stream);
/// out [rows + 2, D] = [dx; dw; zeros].
void rms_norm_grad(Ref dy, Ref stats, Ref x, Ref w, Ref out, Stream stream);

// ---- kernels/batch_norm.cu --------------------------------------------------------------------------------------------

/// x [B, C, inner], w and b [C], mean and var (f32) [C]: y = (x - mean) / sqrt(var + eps) w + b.
void batch_norm(Ref x, Ref w, Ref b, Ref mean, Ref var, Ref y, double eps, Stream stream);
/// out [2, C]: sums over B and inner of dy (x - mean) / sqrt(var + eps), and of dy; dy, x [B, C, inner].
void batch_norm_grad(Ref dy, Ref x, Ref mean, Ref var, Ref out, double eps, Stream stream);

// ---- kernels/dropout.cu -----------------------------------------------------------------------------------------------

/// y = word >= floor(p 2^32) ? x / (1 - p) : 0. Element i draws from block i / 128: word k = (i % 128) / 32 of
/// philox(seed, stream, 32 (i / 128) + i % 32), exactly as ops::DropoutOp.
void dropout(Ref x, Ref y, double p, std::uint64_t seed, std::uint64_t stream_number, Stream stream);

// ---- kernels/rope.cu --------------------------------------------------------------------------------------------------

/// x, y [B, L, H, D] (strided); cos, sin (f32) [rows, D/2]; positions (i32) [B or 1, L]: row positions[b, l] - first.
/// Pairs (i, i + D/2), or (2i, 2i + 1): (a, b) -> (a c - b s, b c + a s), with -s if `inverse`. y may be x.
void rope(Ref x, Ref cos, Ref sin, Ref positions, Ref y, std::int64_t first, bool interleaved, bool inverse, Stream stream);

// ---- kernels/embedding.cu ---------------------------------------------------------------------------------------------

/// y [N, D] = rows ids (i32) [N] of table [R, D].
void embedding(Ref table, Ref ids, Ref y, Stream stream);
/// table [R, D] = 0, then row ids[i] += dy [N, D] row i, in the order of i; the id `padding` is left out.
void embedding_grad(Ref dy, Ref ids, Ref table, std::int32_t padding, Stream stream);

// ---- kernels/attention.cu, attention_grad.cu --------------------------------------------------------------------------

/// As svad::AttentionOptions with the defaults filled in.
struct Attention {
    float scale = 1;                    ///< of the scores
    bool causal = false;                ///< query i sees keys 0 .. i + past
    std::int64_t past = 0;
    Ref keep = {};                      ///< (u8) (strided) [B, 1, Lq, Lk] with strides of 0 where it repeats; 0 hides; may be absent
    Ref slopes = {};                    ///< (f32) [H]: adds slopes[h] (j - i - past) to the scores; may be absent
};

/// y = softmax(scale q k' + bias) v: q, y [B, H, Lq, D], k and v [B, Hkv, Lk, D], all (strided); lse (f32) [B, H, Lq] = log
/// of the sum of exp of the scores. Head h uses k and v of head h / (H / Hkv). A query that sees nothing gives zeros (and
/// lse minus infinity); Lk may be 0.
void attention(Ref q, Ref k, Ref v, Ref y, Ref lse, const Attention& options, Stream stream);
/// All (strided) as above, dq like q, dk and dv like k.
void attention_grad(Ref dy, Ref y, Ref lse, Ref q, Ref k, Ref v, Ref dq, Ref dk, Ref dv, const Attention& options, Stream stream);

// ---- kernels/conv.cu --------------------------------------------------------------------------------------------------

/// As svad::Conv3d: steps and zeros per axis, and groups.
struct Convolution {
    std::int64_t stride[3] = {1, 1, 1}, padding[3] = {0, 0, 0}, groups = 1;
};

/// x [B, C, T, H, W], w [O, C / groups, kt, kh, kw] -> y [B, O, t, h, w].
void conv3d(Ref x, Ref w, Ref y, const Convolution& options, Stream stream);
/// dx in the shape of x: every element gathers from the places that read it (no atomics).
void conv3d_grad_input(Ref dy, Ref w, Ref dx, const Convolution& options, Stream stream);
void conv3d_grad_weight(Ref dy, Ref x, Ref dw, const Convolution& options, Stream stream);
/// y[b,t,h,w,:] = sum over taps (i, j, k) in -1..1 of taps[9 (i+1) + 3 (j+1) + k+1, :] x[b, t + sign i, h + sign j, w + sign k, :],
/// zeros outside; x, y [B, T, H, W, C], taps [27, C]; sign is 1 (forward) or -1 (the gradient for x).
void depthwise(Ref x, Ref taps, Ref y, int sign, Stream stream);
/// dtaps [27, C].
void depthwise_grad_weight(Ref dy, Ref x, Ref dtaps, Stream stream);

// ---- kernels/loss.cu --------------------------------------------------------------------------------------------------

/// Labels (i32) equal to `ignore` count nowhere; `smoothing` as in ops/loss.hpp.
struct CrossEntropy {
    std::int32_t ignore = -100;
    float smoothing = 0;
};

/// share (f32) [1] = 1 / max(1, labels that count).
void label_share(Ref labels, Ref share, const CrossEntropy& options, Stream stream);
/// losses (f32) [n] of the rows of x [n, V]; 0 for ignored rows.
void cross_entropy(Ref x, Ref labels, Ref losses, const CrossEntropy& options, Stream stream);
/// dx = (softmax(x) - (1 - s) onehot - s / V) * dy * share, 0 in ignored rows. dy (f32): [n], or one element for all rows;
/// share (f32) [1] or absent (1). dx may be x.
void cross_entropy_grad(Ref dy, Ref share, Ref x, Ref labels, Ref dx, const CrossEntropy& options, Stream stream);
/// y (f32) [1] = sum of losses (f32) [n] times share (f32) [1], or 1 if absent.
void total_loss(Ref losses, Ref share, Ref y, Stream stream);
/// y (f32) [1] = mean of weight (max(x, 0) - x t + log(1 + exp(-|x|))); targets, weights (f32) of x's size, weights may be absent.
void binary_cross_entropy(Ref x, Ref targets, Ref weights, Ref y, Stream stream);
/// dx = dy (f32) [1] / n * weight * (sigmoid(x) - t).
void binary_cross_entropy_grad(Ref dy, Ref x, Ref targets, Ref weights, Ref dx, Stream stream);

// ---- kernels/optimizer.cu ---------------------------------------------------------------------------------------------

/// One trained value: all arrays of n elements. `copy` (bf16) receives the new value rounded, if given.
struct AdamWItem {
    float* value = nullptr;
    float* m = nullptr;
    float* v = nullptr;
    void* copy = nullptr;
    const void* grad = nullptr;
    svad::DType grad_dtype = svad::DType::f32;      ///< f32 or bf16
    std::int64_t n = 0;
    float decay = 0;                                ///< value *= 1 - rate * decay
    float rate = 1;                                 ///< times the learning rate
};
/// What changes from step to step, in device memory so that a captured step can be replayed.
struct AdamWStep {
    float rate = 0;                                 ///< learning rate
    float correct1 = 1, correct2 = 1;               ///< 1 - beta1^t, sqrt(1 - beta2^t)
    float grad_scale = 1;                           ///< gradients are multiplied by it (clipping)
};

/// m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  value = value (1 - rate decay) - rate / correct1 * m / (sqrt(v) / correct2 + eps).
/// `items` are in host memory, `step` in device memory. All items in as few launches as kernel parameters allow.
void adamw(const AdamWItem* items, int count, const AdamWStep* step, float beta1, float beta2, float eps, Stream stream);
/// y (f32) [1] = sum of squares of all elements of the `count` Refs (f32 or bf16, in host memory), in fixed order.
void sum_of_squares(const Ref* xs, int count, Ref y, Stream stream);
/// squares (f32) [1] -> scale (f32) [1] = min(1, max_norm / (sqrt(squares) + 1e-6)).
void clip_scale(Ref squares, float max_norm, Ref scale, Stream stream);
/// Multiplies all elements of all Refs by scale (f32) [1], in place.
void scale_all(const Ref* xs, int count, Ref scale, Stream stream);

// ---- kernels/quantized.cu ---------------------------------------------------------------------------------------------

/// y (T) [n] = values of `blocks` (q8_0, q4_0, q4_1, q4_k, q6_k as in core/blocks.hpp), device memory.
void dequantize(const void* blocks, svad::DType type, Ref y, Stream stream);
/// y (T) [rows, n] = x (T) [rows, k] w' with w [n, k] in blocks, in f32 arithmetic as on the CPU (backend/cpu/blocked.hpp).
/// Few rows (up to 8): weights are read once and unpacked in registers; many: unpacked in chunks into a Workspace, and gemm().
void blocked_product(Ref x, const void* w, svad::DType type, Ref y, Stream stream);
/// y (T) [N, D] = rows ids (i32) [N] of a table in blocks whose rows have D elements.
void blocked_rows(const void* table, svad::DType type, Ref ids, Ref y, Stream stream);

// ---- kernels/frames.cu ------------------------------------------------------------------------------------------------

/// frames (u8) [N, H, W, 3] -> y (T) [N, 3, h, w]: separable resize, then (value / 255 - mean) / deviation. Output column x
/// is the sum over taps j of x_weights (f32) [w, taps] [x, j] times input column x_first (i32) [w] [x] + j, and so for rows.
/// As on the CPU the columns' result is rounded to bytes before the rows', and the rows' before normalising.
void frames(Ref frames, Ref x_first, Ref x_weights, Ref y_first, Ref y_weights, const float (&mean)[3], const float (&deviation)[3],
            Ref y, Stream stream);

// ---- kernels/blas.cu --------------------------------------------------------------------------------------------------

/// How products of f32 values are made.
enum class Precision : std::uint8_t { exact, tf32, bf16 };

/// c = alpha op(a) op(b) + beta c + bias for row-major matrices: op(a) [m, k], op(b) [k, n], c [m, n], `batches` of them.
struct Gemm {
    std::int64_t m = 0, n = 0, k = 0, batches = 1;
    bool flip_a = false, flip_b = false;                    ///< a is stored [k, m], b is stored [n, k]
    std::int64_t lda = 0, ldb = 0, ldc = 0;                 ///< elements from row to row, as stored
    std::int64_t step_a = 0, step_b = 0, step_c = 0;        ///< elements from matrix to matrix of the batch; 0 repeats
    float alpha = 1, beta = 0;
    Precision precision = Precision::exact;
};

/// a, b of one dtype T; c of T or f32; bias [n] of c's dtype or absent, added to every row. Only data and dtype of the Refs
/// are read. k may be 0 (then c = beta c + bias).
void gemm(const Gemm& shape, Ref a, Ref b, Ref c, Ref bias, Stream stream);

}  // namespace svad::cuda
