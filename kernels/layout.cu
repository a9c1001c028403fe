// SPDX-License-Identifier: Apache-2.0
// copy: any (strided) layout into any other of the same sizes, elements of 1, 2, 4 or 8 bytes. What contiguous(), concat,
// pad, casts of layout and splits of heads are made of. Three forms:
//   runs: x and y are both dense along the innermost axis: moved in the widest unit, 16 bytes at best, that divides the
//         run and all addresses; a thread a unit.
//   tiles: x is dense along another axis than y: tiles of 32 x 32 elements (64 x 64 of 2 bytes, in pairs) turn in shared
//         memory, so that both sides move whole sectors; 32 x 8 threads. Rows of the tile are one element longer than
//         32 words, which keeps both directions free of bank conflicts.
//   single: anything else (broadcast x, steps); a thread an element, or 16 bytes of y where x repeats one value.
// Traffic: 1 read + 1 write. Bound by memory.
#include "strided.cuh"

#include "svad/backend/cuda/ops.hpp"

namespace svad::cuda {

namespace {

/// Elements by their size alone.
template <int Bytes>
struct alignas(Bytes) Unit {
    unsigned char at[Bytes];
};

template <int Bytes>
__global__ void __launch_bounds__(map_threads) copy_units(Walk<2> walk, unsigned char* y, const unsigned char* x) {
    const std::int64_t i = thread_of_grid();
    if (i >= walk.count) return;
    const Place<2> place = walk(static_cast<std::uint32_t>(i), 1);
    ptx::copy<Bytes>(y + place.at[0] * Bytes, x + place.at[1] * Bytes);
}

/// y, dense along its innermost axis, from an x that repeats one element there: 16 bytes of y a thread.
template <int Bytes>
__global__ void __launch_bounds__(map_threads) copy_repeated(Walk<2> walk, unsigned char* y, const unsigned char* x) {
    constexpr int N = 16 / Bytes;
    const std::int64_t i = thread_of_grid();
    if (i >= walk.count) return;
    const Place<2> place = walk(static_cast<std::uint32_t>(i), N);
    Unit<Bytes> value;
    ptx::copy<Bytes>(&value, x + place.at[1] * Bytes);
    y += place.at[0] * Bytes;
    if (place.first + N <= walk.width) {
        alignas(16) Unit<Bytes> values[N];
#pragma unroll
        for (int j = 0; j < N; ++j) values[j] = value;
        ptx::copy<16>(y, values);
    } else {
#pragma unroll 1
        for (int j = 0; j < walk.width - place.first; ++j) ptx::copy<Bytes>(y + j * Bytes, &value);
    }
}

/// Elements along a side of a tile, and elements that a thread moves at once in global memory.
template <int Bytes, bool Pairs>
struct TileShape {
    static constexpr int together = Pairs ? 2 : 1, side = 32 * together;
};
template <int Bytes, bool Pairs>
struct TileStorage {
    Unit<Bytes> at[TileShape<Bytes, Pairs>::side][TileShape<Bytes, Pairs>::side + 1];
};
constexpr int tile_rows = 8;

/// Tiles of the plane of axis 0, along which y is dense, and axis `across`, along which x is; the walk is over tiles.
struct Plane {
    std::int64_t width, height;                  ///< sizes of axis 0 and of the other
    std::int64_t y_step, x_step;                 ///< of y along the other, of x along axis 0
};
template <int Bytes, bool Pairs>
__global__ void __launch_bounds__(32 * tile_rows) copy_tiles(Walk<2> outer, Divisor tiles_wide, Divisor tiles_high, Plane plane,
                                                             unsigned char* y, const unsigned char* x) {
    constexpr int together = TileShape<Bytes, Pairs>::together, side = TileShape<Bytes, Pairs>::side;
    auto& tile = dynamic_shared<TileStorage<Bytes, Pairs>>().at;
    const std::uint32_t row_of_tiles = tiles_wide(blockIdx.x), above = tiles_high(row_of_tiles);
    const std::int64_t left = std::int64_t(side) * (blockIdx.x - row_of_tiles * tiles_wide.by);          // along axis 0
    const std::int64_t top = std::int64_t(side) * (row_of_tiles - above * tiles_high.by);               // along the other
    const Place<2> place = outer(above, 1);
    y += place.at[0] * Bytes, x += place.at[1] * Bytes;

    const int lane = static_cast<int>(threadIdx.x) * together, first = static_cast<int>(threadIdx.y);
    for (int i = first; i < side && left + i < plane.width; i += tile_rows) {
        if (top + lane >= plane.height) break;
        Unit<Bytes> values[together];
        ptx::copy<Bytes * together>(values, x + ((left + i) * plane.x_step + top + lane) * Bytes);
        for (int j = 0; j < together; ++j) tile[i][lane + j] = values[j];
    }
    __syncthreads();
    for (int i = first; i < side && top + i < plane.height; i += tile_rows) {
        if (left + lane >= plane.width) break;
        alignas(Bytes * together) Unit<Bytes> values[together];
        for (int j = 0; j < together; ++j) values[j] = tile[lane + j][i];
        ptx::copy<Bytes * together>(y + ((top + i) * plane.y_step + left + lane) * Bytes, values);
    }
}

// ---- choosing the form -----------------------------------------------------------------------------------------------

std::size_t bytes_of(DType dtype) {
    switch (dtype) {
        case DType::i8: case DType::u8: case DType::boolean: return 1;
        case DType::bf16: case DType::f16: case DType::i16: case DType::u16: return 2;
        case DType::f32: case DType::i32: case DType::u32: return 4;
        case DType::f64: case DType::i64: case DType::u64: return 8;
        default: throw DTypeError("copy: no CUDA kernel for values in blocks");
    }
}

/// Calls f with std::integral_constant<int, bytes>.
template <class F>
void by_bytes(std::size_t bytes, F&& f) {
    switch (bytes) {
        case 1: return f(std::integral_constant<int, 1>{});
        case 2: return f(std::integral_constant<int, 2>{});
        case 4: return f(std::integral_constant<int, 4>{});
        case 8: return f(std::integral_constant<int, 8>{});
        default: return f(std::integral_constant<int, 16>{});
    }
}

struct Copy {
    unsigned char* y;
    const unsigned char* x;
    std::size_t bytes;
    Stream stream;

    /// The same from where a part begins.
    Copy at(const Axes<2>& axes) const {
        return {y + axes.start[0] * std::int64_t(bytes), x + axes.start[1] * std::int64_t(bytes), bytes, stream};
    }
    bool aligned(std::size_t to) const {
        return reinterpret_cast<std::uintptr_t>(x) % to == 0 && reinterpret_cast<std::uintptr_t>(y) % to == 0;
    }
    void units(const Axes<2>& axes) const {
        by_bytes(bytes, [&](auto b) {
            const Walk<2> walk(axes, 1);
            launch(copy_units<b()>, blocks(walk.count, map_threads), dim3(map_threads), 0, stream, walk, y, x);
        });
    }
    /// Both dense along axis 0: in the widest units that fit.
    void runs(Axes<2> axes) const {
        std::size_t unit = 16;
        const auto fits = [&](std::int64_t elements) { return elements * std::int64_t(bytes) % std::int64_t(unit) == 0; };
        const auto all_fit = [&] {
            bool all = aligned(unit) && (axes.rank == 1 || fits(axes.sizes[0]));
            for (int i = 1; i < axes.rank; ++i) all = all && fits(axes.steps[0][i]) && fits(axes.steps[1][i]);
            return all;
        };
        while (unit > bytes && !all_fit()) unit /= 2;
        const auto each = static_cast<std::int64_t>(unit / bytes), whole = axes.sizes[0] / each, rest = axes.sizes[0] % each;
        if (whole > 0) {
            Axes<2> wide = axes;
            wide.sizes[0] = whole;
            for (int i = 1; i < axes.rank; ++i) wide.steps[0][i] /= each, wide.steps[1][i] /= each;
            Copy{y, x, unit, stream}.units(wide);
        }
        if (rest == 0) return;                                                   // only of a single run
        axes.sizes[0] = rest;
        const std::int64_t done = whole * each * std::int64_t(bytes);
        Copy{y + done, x + done, bytes, stream}.units(axes);
    }
    void repeated(const Axes<2>& axes) const {
        by_bytes(bytes, [&](auto b) {
            if constexpr (b() < 16) {
                const Walk<2> walk(axes, 16 / b());
                launch(copy_repeated<b()>, blocks(walk.count, map_threads), dim3(map_threads), 0, stream, walk, y, x);
            }
        });
    }
    /// x dense along axis `across`.
    void tiles(const Axes<2>& axes, int across) const {
        const Plane plane{axes.sizes[0], axes.sizes[across], axes.steps[0][across], axes.steps[1][0]};
        Axes<2> outer;
        bool pairs = bytes == 2 && aligned(4) && plane.width % 2 == 0 && plane.height % 2 == 0 && plane.y_step % 2 == 0 && plane.x_step % 2 == 0;
        for (int i = 1; i < axes.rank; ++i)
            if (i != across) {
                outer.add(axes.sizes[i], {axes.steps[0][i], axes.steps[1][i]});
                pairs = pairs && axes.steps[0][i] % 2 == 0 && axes.steps[1][i] % 2 == 0;
            }
        outer.close();
        const auto with = [&](auto b, auto p) {
            constexpr int side = TileShape<b(), p()>::side;
            const Divisor wide(blocks(plane.width, side)), high(blocks(plane.height, side));
            const Walk<2> walk(outer, 1);
            launch(copy_tiles<b(), p()>, dim3(wide.by * high.by * walk.count), dim3(32, tile_rows), sizeof(TileStorage<b(), p()>), stream,
                   walk, wide, high, plane, y, x);
        };
        if (pairs) return with(std::integral_constant<int, 2>{}, std::true_type{});
        by_bytes(bytes, [&](auto b) {
            if constexpr (b() < 16) with(b, std::false_type{});
        });
    }
    void operator()(Axes<2> axes) const {
        int across = -1;
        for (int i = 1; i < axes.rank; ++i)                      // any order of axes will do: y's dense one first
            if (axes.steps[0][i] == 1 && axes.steps[0][0] != 1) axes.swap(0, i);
        for (int i = 1; i < axes.rank; ++i)
            if (axes.steps[1][i] == 1) across = i;
        const std::int64_t y_step = axes.steps[0][0], x_step = axes.steps[1][0];
        const bool y_packs = walks_in_packs(axes, 0, y, bytes, static_cast<int>(16 / bytes));
        if (y_step == 1 && x_step == 1) runs(axes);
        else if (y_step == 1 && x_step == 0 && y_packs) repeated(axes);
        else if (y_step == 1 && across > 0 && axes.sizes[0] >= tile_rows && axes.sizes[across] >= tile_rows) tiles(axes, across);
        else units(axes);
    }
};

}  // namespace

/// y = x of the same sizes and dtype, any dtype of 1, 2, 4 or 8 bytes; both (strided).
void copy(Ref x, Ref y, Stream stream) {
    const Copy whole{y.as<unsigned char>(), x.as<const unsigned char>(), bytes_of(x.dtype), stream};
    in_parts(axes_of<2>({&y, &x}), most_elements, [&](const Axes<2>& axes) { whole.at(axes)(axes); });
    check_launch("copy");
}

}  // namespace svad::cuda
