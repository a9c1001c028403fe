// SPDX-License-Identifier: Apache-2.0
// A kernel's test in a few lines: device values, the launcher under every schedule with bitwise equal results, comparison
// with an f64 reference, the checker's silence, and budgets of memory traffic. Example: tests/cuda/norm_test.cpp.
//
//     KernelCase k("rms_norm bf16");
//     const Ref x = k.input(DType::bf16, {rows, width}), w = k.input(DType::bf16, {width}), y = k.output(DType::bf16, {rows, width});
//     k.run([&] { cuda::rms_norm(x, w, y, stats, 1e-6, k.stream()); });
//     k.expect(y, reference(k.values(x), k.values(w)));
//
// The same test runs in three programs: cuda_tests (six schedules), cuda_checked (kernels under the checker, two schedules,
// and then the budgets), and, built by nvcc, cuda_device_tests (on a GPU, twice).
#pragma once

#include "svad/backend/kernel.hpp"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace svad::test {

using cuda::Ref;
using Sizes = std::initializer_list<std::int64_t>;

/// How far a result may be from the reference: absolute + relative * |reference|.
struct Tolerance {
    double absolute, relative;
};
/// For one rounding of a result of size about `scale` to the dtype, after sums in f32.
Tolerance rounding_of(DType dtype, double scale = 1);

class KernelCase {
public:
    /// The name is unique among all cases: it stands in messages and in budgets.txt.
    explicit KernelCase(std::string name);
    ~KernelCase();
    KernelCase(const KernelCase&) = delete;
    KernelCase& operator=(const KernelCase&) = delete;

    /// Device values that the kernel reads: evenly spread over [low, high), different for each input, rounded to the dtype.
    Ref input(DType dtype, Sizes sizes, double low = -1, double high = 1);
    /// The same with given values, in row-major order.
    Ref input(DType dtype, Sizes sizes, const std::vector<double>& values);
    /// Device bytes that the kernel reads, of any type: blocks of quantised weights, tables of pointers.
    Ref input_bytes(DType dtype, Sizes sizes, const void* bytes, std::size_t count);
    /// What the kernel writes: NaN before each run.
    Ref output(DType dtype, Sizes sizes);
    /// What the kernel changes in place: has these values before each run.
    Ref inout(DType dtype, Sizes sizes, double low = -1, double high = 1);
    Ref inout(DType dtype, Sizes sizes, const std::vector<double>& values);
    /// `ref` shifted by some elements, to take 16-byte alignment away: sizes then count from there.
    static Ref shifted(Ref ref, std::int64_t elements);

    cuda::Stream stream() const { return nullptr; }

    /// Calls f under every schedule; all outputs must be bitwise equal, inputs untouched, the checker silent.
    void run(const std::function<void()>& f);
    /// run(f), and in cuda_checked the traffic of every kernel within its line of budgets.txt.
    void run_within_budget(const std::function<void()>& f);

    /// Values in f64: of an output after the first run, of an inout before it, of an input always.
    std::vector<double> values(Ref ref) const;
    /// What an inout became.
    std::vector<double> results(Ref ref) const;
    /// Checks results(ref) against a reference; NaN equals only NaN.
    void expect(Ref ref, const std::vector<double>& reference, Tolerance tolerance) const;
    void expect(Ref ref, const std::vector<double>& reference) const { expect(ref, reference, rounding_of(ref.dtype)); }

private:
    struct Buffer;
    Ref add(DType dtype, Sizes sizes, std::vector<unsigned char> bytes, bool read, bool written);
    const Buffer& of(Ref ref) const;
    void check_budget() const;

    std::string name_;
    std::vector<std::unique_ptr<Buffer>> buffers_;
    std::uint64_t seed_;
};

}  // namespace svad::test
