// SPDX-License-Identifier: Apache-2.0
// Rotary positions (RoFormer, arXiv 2104.09864): pair i of a head turns by position * theta^(-2i/D). Pairs are (i,
// i + D/2) as in Llama checkpoints of Hugging Face, or (2i, 2i + 1) interleaved. And the slopes of ALiBi (2108.12409).
// Promise: angles are made in double, so that position 30000 is as exact as position 3; one sine and cosine per
// distinct position and pair, however many heads and sequences share it.
// Rejected: float angles (off by 2e-3 at 32767), and a global cache of tables (a module that wants one holds one).
#pragma once

#include "svad/autograd/op.hpp"
#include "svad/backend/cpu/loops.hpp"

#include <cmath>
#include <numbers>

namespace svad {

/// How the frequencies of a model trained on short texts are stretched for longer ones.
struct RopeScaling {
    enum class Kind { none, linear, llama3 };
    Kind kind = Kind::none;
    double factor = 1;                      ///< by how much the context grows
    double low_frequency_factor = 1;        ///< llama3: waves longer than original / this are stretched in full
    double high_frequency_factor = 4;       ///< llama3: waves shorter than original / this stay
    Index original_length = 8192;           ///< llama3: the context length of the first training
};

/// Which vectors turn, and how fast.
struct RopeOptions {
    double theta = 10000;                   ///< base of the frequencies
    bool interleaved = false;               ///< pairs (2i, 2i + 1) instead of (i, i + D/2)
    bool heads_first = false;               ///< x is [B, H, L, D] instead of [B, L, H, D]
    Index head_dim = 0;                     ///< D for x [B, L, H*D]; 0: the last size of x
    RopeScaling scaling = {};
};

/// Radians per position of each pair [D/2], in double.
[[nodiscard]] inline std::vector<double> rope_frequencies(Index head_dim, const RopeOptions& options = {}) {
    if (head_dim <= 0 || head_dim % 2 != 0)
        fail<ShapeError>("rope: heads must have an even width; got ", head_dim);
    const RopeScaling& s = options.scaling;
    std::vector<double> frequencies;
    for (Index i = 0; i < head_dim / 2; ++i) {
        double f = std::pow(options.theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
        if (s.kind == RopeScaling::Kind::linear) f /= s.factor;
        if (s.kind == RopeScaling::Kind::llama3) {
            // Full turns within the original context; between the two factors the stretch fades in.
            const double turns = static_cast<double>(s.original_length) * f / (2 * std::numbers::pi);
            const double kept = (turns - s.low_frequency_factor) / (s.high_frequency_factor - s.low_frequency_factor);
            const double share = std::clamp(kept, 0.0, 1.0);
            f = share * f + (1 - share) * f / s.factor;
        }
        frequencies.push_back(f);
    }
    return frequencies;
}

/// Cosines and sines [positions, D/2]; row r is position `first` + r.
struct RopeTable {
    Tensor<float> cos, sin;
    Index first = 0;
};

/// The table of positions first .. first + count - 1 for heads of width `head_dim`.
[[nodiscard]] inline RopeTable rope_table(Index head_dim, Index count, const RopeOptions& options = {}, Index first = 0) {
    const std::vector<double> frequencies = rope_frequencies(head_dim, options);
    const auto pairs = static_cast<Index>(frequencies.size());
    RopeTable table{Tensor<float>::uninitialized({count, pairs}), Tensor<float>::uninitialized({count, pairs}), first};
    cpu::for_rows(count, pairs, [&](Index r) {
        for (Index i = 0; i < pairs; ++i) {
            const double angle = static_cast<double>(first + r) * frequencies[static_cast<std::size_t>(i)];
            table.cos(r, i) = static_cast<float>(std::cos(angle));
            table.sin(r, i) = static_cast<float>(std::sin(angle));
        }
    }, 64);
    return table;
}

namespace ops {

/// Every pair (a, b) becomes (a cos - b sin, b cos + a sin); the gradient turns back.
struct RopeOp {
    static constexpr std::string_view name = "rope";
    static constexpr bool strided = true;
    RopeTable table;
    Tensor<std::int32_t> positions;                         ///< [B, L] or [1, L]
    bool interleaved = false, heads_first = false, inverse = false;
    Index turned = 0;                                       ///< so many heads of [B, L, H*D] turn, the others pass; 0: all

    Result shape(const Shape& x) const {
        const Index width = 2 * table.cos.size(1);
        require(x.rank() == 4 || (x.rank() == 3 && !heads_first), name, "x should be [B, L, H, D], [B, H, L, D] or [B, L, H*D]");
        require(x.rank() == 4 ? x[3] == width : width > 0 && x[2] % width == 0, name, "x's last size must be the heads' width");
        const Index length = heads_first ? x[2] : x[1];
        require(positions.rank() == 2 && (positions.size(0) == x[0] || positions.size(0) == 1) && positions.size(1) == length,
                name, "positions must be [B, L] or [1, L]");
        for (std::int32_t p : positions.span())
            if (p < table.first || p >= table.first + table.cos.size(0))
                fail<ShapeError>(name, ": position ", p, " is outside the table's ", table.first, " .. ",
                                 table.first + table.cos.size(0) - 1, "; make a longer table");
        return {.y = x};
    }

    template <Real T>
    void cpu(View<const T> x, View<T> y) const {
        const bool tokens = x.shape.rank() == 3;
        const Index pairs = table.cos.size(1), width = 2 * pairs, step = x.stride(-1);
        const Index L = heads_first ? x.size(2) : x.size(1), H = tokens ? x.size(2) / width : heads_first ? x.size(1) : x.size(2);
        const Index x_head = tokens ? width * step : x.stride(heads_first ? 1 : 2), x_row = x.stride(heads_first ? 2 : 1);
        const Index y_head = heads_first ? L * width : width, y_row = heads_first ? width : H * width;
        svad::cpu::for_rows(x.size(0) * L, H * width, [&](Index r) {
            const Index b = r / L, l = r % L;
            const Index at = (positions[positions.size(0) == 1 ? l : r] - table.first) * pairs;
            const float *cosines = table.cos.data() + at, *sines = table.sin.data() + at;
            for (Index h = 0; h < H; ++h) {
                const T* from = x.data + b * x.stride(0) + h * x_head + l * x_row;
                T* to = y.data + b * H * L * width + h * y_head + l * y_row;
                if (turned == 0 || h < turned) turn(from, step, cosines, sines, to, pairs);
                else
                    for (Index i = 0; i < width; ++i) to[i] = from[i * step];
            }
        });
    }

    void cuda(Ref x, Ref y, Stream s) const {
        if (turned > 0) fail<DeviceError>("rope: no CUDA kernel that turns the first ", turned, " heads alone; use rope() on their slice");
        // Only the rows that the positions need, in steps of 64: a decoder asks for the same ones again.
        Index low = table.cos.size(0), high = 0;
        for (const std::int32_t p : positions.span()) low = std::min<Index>(low, p - table.first), high = std::max<Index>(high, p - table.first);
        low = low / 64 * 64, high = std::min(table.cos.size(0), (high / 64 + 1) * 64);
        if (svad::cuda::capturing(svad::cuda::current())) low = 0, high = table.cos.size(0);
        const Index pairs = table.cos.size(1);
        const auto rows = [&](const Tensor<float>& t) {
            return svad::cuda::mirrored(Tensor<float>({high - low, pairs}, t.storage(), t.offset() + static_cast<std::size_t>(low * pairs) * sizeof(float)));
        };
        svad::cuda::rope(by_heads(x), rows(table.cos), rows(table.sin), svad::cuda::mirrored(positions), by_heads(y), table.first + low,
                         interleaved, inverse, s);
    }

    Grads grad(const Var& dy, Dropped, Dropped) const {
        return {apply(RopeOp{table, positions, interleaved, heads_first, !inverse, turned}, dy)};
    }

    static auto samples() {
        const std::vector<std::int32_t> six{0, 1, 5, 7, 2, 2}, three{3}, nothing;
        const Tensor<std::int32_t> positions({2, 3}, six), one({1, 1}, three), none({1, 0}, nothing);
        return std::vector<Sample<RopeOp>>{{{rope_table(6, 8), positions}, {{2, 3, 2, 6}}},
                                           {{rope_table(10, 8), positions, true, true}, {{2, 2, 3, 10}}},
                                           {{rope_table(4, 8), positions, true}, {{2, 3, 12}}},
                                           {{rope_table(4, 8), positions, false, false, false, 2}, {{2, 3, 12}}},
                                           {{rope_table(2, 8), one}, {{1, 1, 1, 2}}},
                                           {{rope_table(4, 8), none}, {{2, 0, 1, 4}}}};
    }

private:
    // x [B, L, H, D], whatever its layout.
    Ref by_heads(const Ref& x) const {
        Ref r = x;
        if (x.rank == 3) {
            const Index width = 2 * table.cos.size(1);
            r.rank = 4;
            r.sizes[2] = x.sizes[2] / width, r.sizes[3] = width;
            r.strides[2] = width * x.strides[2], r.strides[3] = x.strides[2];
        } else if (heads_first) std::swap(r.sizes[1], r.sizes[2]), std::swap(r.strides[1], r.strides[2]);
        return r;
    }

    template <class T>
    void turn(const T* x, Index step, const float* cosines, const float* sines, T* y, Index pairs) const {
        const T sign = inverse ? T(-1) : T(1);
        if (interleaved) {
            for (Index i = 0; i < pairs; ++i) {
                const T a = x[2 * i * step], b = x[(2 * i + 1) * step];
                const T c = static_cast<T>(cosines[i]), s = sign * static_cast<T>(sines[i]);
                y[2 * i] = a * c - b * s;
                y[2 * i + 1] = b * c + a * s;
            }
        } else if (step == 1) {
            for (Index i = 0; i < pairs; ++i) {
                const T a = x[i], b = x[i + pairs], c = static_cast<T>(cosines[i]), s = sign * static_cast<T>(sines[i]);
                y[i] = a * c - b * s;
                y[i + pairs] = b * c + a * s;
            }
        } else {
            for (Index i = 0; i < pairs; ++i) {
                const T a = x[i * step], b = x[(i + pairs) * step];
                const T c = static_cast<T>(cosines[i]), s = sign * static_cast<T>(sines[i]);
                y[i] = a * c - b * s;
                y[i + pairs] = b * c + a * s;
            }
        }
    }
};

}  // namespace ops

/// x with every head's pairs turned by its position; positions [B, L] or [1, L] must lie within the table.
[[nodiscard]] inline Var rope(const Var& x, const Tensor<std::int32_t>& positions, const RopeTable& table,
                              const RopeOptions& options = {}) {
    return apply(ops::RopeOp{table, positions, options.interleaved, options.heads_first}, x);
}

/// The first `heads` heads of x [B, L, H*D] turned, the others as they are: queries and keys of one packed projection.
[[nodiscard]] inline Var rope_heads(const Var& x, Index heads, const Tensor<std::int32_t>& positions, const RopeTable& table,
                                    const RopeOptions& options = {}) {
    return apply(ops::RopeOp{table, positions, options.interleaved, false, false, heads}, x);
}

/// The same with a table made for this call, of the positions from the smallest to the largest.
[[nodiscard]] inline Var rope(const Var& x, const Tensor<std::int32_t>& positions, const RopeOptions& options = {}) {
    const Index width = options.head_dim > 0 || x.rank() == 0 ? options.head_dim : x.size(-1);
    Index low = 0, high = -1;
    if (!positions.empty()) {
        const auto [smallest, largest] = std::minmax_element(positions.begin(), positions.end());
        low = *smallest, high = *largest;
    }
    if (high - low >= Index{1} << 22) fail<UsageError>("rope: positions ", low, " .. ", high, " are too far apart for one table");
    return rope(x, positions, rope_table(width, high - low + 1, options, low), options);
}

/// Positions 0 .. length - 1 shifted by `first`, [1, length]: what an unpadded sequence has.
[[nodiscard]] inline Tensor<std::int32_t> position_ids(Index length, Index first = 0) {
    Tensor<std::int32_t> positions({1, length});
    for (Index i = 0; i < length; ++i) positions[i] = static_cast<std::int32_t>(first + i);
    return positions;
}

/// The ALiBi slope of each head [H]: 2^(-8 (h + 1) / H) for a power of two; else those of the power below it, then
/// every second one of the power above.
[[nodiscard]] inline Tensor<float> alibi_slopes(Index heads) {
    Index power = 1;
    while (2 * power <= heads) power *= 2;
    Tensor<float> slopes({std::max<Index>(heads, 0)});
    for (Index h = 0; h < heads; ++h) {
        const Index numerator = h < power ? 2 * (h + 1) : 2 * (h - power) + 1;          // in steps of 1 / (2 power)
        slopes[h] = static_cast<float>(std::exp2(-8.0 * static_cast<double>(numerator) / static_cast<double>(2 * power)));
    }
    return slopes;
}

}  // namespace svad
