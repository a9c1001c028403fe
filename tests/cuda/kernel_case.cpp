// SPDX-License-Identifier: Apache-2.0
#include "kernel_case.hpp"

#include "schedules.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace svad::test {

namespace {

std::size_t size_of(DType dtype) {
    switch (dtype) {
        case DType::f64: case DType::i64: case DType::u64: return 8;
        case DType::f32: case DType::i32: case DType::u32: return 4;
        case DType::bf16: case DType::f16: case DType::i16: case DType::u16: return 2;
        default: return 1;
    }
}

template <class To, class From>
To bits(From x) {
    To y;
    std::memcpy(&y, &x, sizeof y);
    return y;
}

/// One value of a dtype, at p, from x or as f64.
void encode(DType dtype, double x, unsigned char* p) {
    const auto put = [&](auto v) { std::memcpy(p, &v, sizeof v); };
    switch (dtype) {
        case DType::f64: return put(x);
        case DType::f32: return put(static_cast<float>(x));
        case DType::bf16: {
            const auto u = bits<std::uint32_t>(static_cast<float>(x));
            return put(static_cast<std::uint16_t>((u + 0x7fffU + ((u >> 16) & 1U)) >> 16));
        }
        case DType::i64: return put(static_cast<std::int64_t>(x));
        case DType::i32: return put(static_cast<std::int32_t>(x));
        case DType::u32: return put(static_cast<std::uint32_t>(x));
        case DType::i8: return put(static_cast<std::int8_t>(x));
        default: return put(static_cast<std::uint8_t>(x));
    }
}
double decode(DType dtype, const unsigned char* p) {
    const auto get = [&](auto v) {
        std::memcpy(&v, p, sizeof v);
        return v;
    };
    switch (dtype) {
        case DType::f64: return get(double{});
        case DType::f32: return get(float{});
        case DType::bf16: return bits<float>(static_cast<std::uint32_t>(get(std::uint16_t{})) << 16);
        case DType::i64: return static_cast<double>(get(std::int64_t{}));
        case DType::i32: return get(std::int32_t{});
        case DType::u32: return get(std::uint32_t{});
        case DType::i8: return get(std::int8_t{});
        default: return get(std::uint8_t{});
    }
}

std::vector<double> decode_all(DType dtype, const std::vector<unsigned char>& bytes) {
    std::vector<double> values;
    for (std::size_t at = 0; at < bytes.size(); at += size_of(dtype)) values.push_back(decode(dtype, bytes.data() + at));
    return values;
}

}  // namespace

Tolerance rounding_of(DType dtype, double scale) {
    // Half an ulp is 2^-9 in bf16 and 2^-24 in f32; f32 sums of hundreds of terms lose a few bits more.
    if (dtype == DType::bf16) return {scale * 1e-4, 0x1p-8};
    return {scale * 4e-6, 4e-6};
}

struct KernelCase::Buffer {
    Ref ref;
    bool read, written;
    std::vector<unsigned char> before, after;         // after: what the first run left
};

KernelCase::KernelCase(std::string name) : name_(std::move(name)), seed_(std::hash<std::string>{}(name_)) {}
KernelCase::~KernelCase() {
    for (const auto& buffer : buffers_) cudaFree(buffer->ref.data);
}

Ref KernelCase::add(DType dtype, Sizes sizes, std::vector<unsigned char> bytes, bool read, bool written) {
    auto buffer = std::make_unique<Buffer>();
    Ref& ref = buffer->ref;
    ref.dtype = dtype;
    ref.rank = static_cast<int>(sizes.size());
    std::copy(sizes.begin(), sizes.end(), ref.sizes);
    std::int64_t step = 1;
    for (int i = ref.rank - 1; i >= 0; --i) ref.strides[i] = step, step *= ref.sizes[i];
    cudaMalloc(&ref.data, std::max<std::size_t>(bytes.size(), 1));          // empty values have an address too
    if (read && !bytes.empty()) cudaMemcpy(ref.data, bytes.data(), bytes.size(), cudaMemcpyHostToDevice);
    buffer->read = read, buffer->written = written;
    buffer->before = std::move(bytes);
    buffers_.push_back(std::move(buffer));
    return buffers_.back()->ref;
}

namespace {
std::size_t volume(Sizes sizes) {
    std::int64_t n = 1;
    for (const std::int64_t size : sizes) n *= size;
    return static_cast<std::size_t>(n);
}
std::vector<unsigned char> encode_all(DType dtype, const std::vector<double>& values) {
    std::vector<unsigned char> bytes(values.size() * size_of(dtype));
    for (std::size_t i = 0; i < values.size(); ++i) encode(dtype, values[i], bytes.data() + i * size_of(dtype));
    return bytes;
}
/// splitmix64: every state gives a well-mixed number.
std::vector<double> spread(std::uint64_t& seed, std::size_t count, double low, double high) {
    std::vector<double> values(count);
    for (double& v : values) {
        std::uint64_t z = (seed += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        v = low + (high - low) * static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
    }
    return values;
}
}  // namespace

Ref KernelCase::input(DType dtype, Sizes sizes, double low, double high) {
    return add(dtype, sizes, encode_all(dtype, spread(seed_, volume(sizes), low, high)), true, false);
}
Ref KernelCase::input(DType dtype, Sizes sizes, const std::vector<double>& values) {
    REQUIRE(values.size() == volume(sizes));
    return add(dtype, sizes, encode_all(dtype, values), true, false);
}
Ref KernelCase::input_bytes(DType dtype, Sizes sizes, const void* bytes, std::size_t count) {
    const auto* first = static_cast<const unsigned char*>(bytes);
    return add(dtype, sizes, {first, first + count}, true, false);
}
Ref KernelCase::output(DType dtype, Sizes sizes) {
    return add(dtype, sizes, std::vector<unsigned char>(volume(sizes) * size_of(dtype), 0xff), false, true);
}
Ref KernelCase::inout(DType dtype, Sizes sizes, double low, double high) {
    return add(dtype, sizes, encode_all(dtype, spread(seed_, volume(sizes), low, high)), true, true);
}
Ref KernelCase::inout(DType dtype, Sizes sizes, const std::vector<double>& values) {
    REQUIRE(values.size() == volume(sizes));
    return add(dtype, sizes, encode_all(dtype, values), true, true);
}
Ref KernelCase::shifted(Ref ref, std::int64_t elements) {
    ref.data = ref.as<unsigned char>() + static_cast<std::size_t>(elements) * size_of(ref.dtype);
    return ref;
}

const KernelCase::Buffer& KernelCase::of(Ref ref) const {
    for (const auto& buffer : buffers_)
        if (buffer->ref.data == ref.data) return *buffer;
    throw std::logic_error(name_ + ": no such value in this case");
}

void KernelCase::run(const std::function<void()>& f) {
    const int count = schedule_count();
    for (int number = 0; number < count; ++number) {
        const Schedule schedule(number);
        for (const auto& buffer : buffers_) {
            if (!buffer->written) continue;
            if (buffer->read) cudaMemcpy(buffer->ref.data, buffer->before.data(), buffer->before.size(), cudaMemcpyHostToDevice);
            else poison(buffer->ref.data, std::max<std::size_t>(buffer->before.size(), 1));
        }
        CHECK_NOTHROW(f());
        CHECK_NOTHROW(REQUIRE(cudaDeviceSynchronize() == cudaSuccess));
        for (const auto& buffer : buffers_) {
            std::vector<unsigned char> now(buffer->before.size());
            if (!now.empty()) cudaMemcpy(now.data(), buffer->ref.data, now.size(), cudaMemcpyDeviceToHost);
            INFO(name_, ", ", schedule.name(), ", value ", &buffer - buffers_.data());
            if (!buffer->written) CHECK_MESSAGE(now == buffer->before, "an input has changed");
            else if (number == 0) buffer->after = std::move(now);
            else CHECK_MESSAGE(now == buffer->after, "the result depends on the schedule");
        }
        for (const std::string& complaint : take_complaints()) FAIL_CHECK(name_, ": ", complaint);
    }
}

void KernelCase::run_within_budget(const std::function<void()>& f) {
    count_traffic(true);
    run(f);
    for (const std::string& complaint : over_budget(name_)) FAIL_CHECK(complaint);
    count_traffic(false);
}

std::vector<double> KernelCase::values(Ref ref) const {
    const Buffer& buffer = of(ref);
    return decode_all(ref.dtype, buffer.read ? buffer.before : buffer.after);
}
std::vector<double> KernelCase::results(Ref ref) const { return decode_all(ref.dtype, of(ref).after); }

void KernelCase::expect(Ref ref, const std::vector<double>& reference, Tolerance tolerance) const {
    const std::vector<double> got = results(ref);
    REQUIRE(got.size() == reference.size());
    std::size_t wrong = 0, worst = 0;
    double most = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double allowed = tolerance.absolute + tolerance.relative * std::abs(reference[i]);
        const bool both_nan = std::isnan(got[i]) && std::isnan(reference[i]);
        const double excess = both_nan || got[i] == reference[i] ? 0 : std::abs(got[i] - reference[i]) / allowed;
        if (!(excess <= 1)) ++wrong;
        if (!(excess <= most)) most = excess, worst = i;
    }
    CHECK_MESSAGE(wrong == 0, name_, ": ", wrong, " of ", got.size(), " values are off; the worst, number ", worst, ", is ", got[worst],
                  " instead of ", reference[worst]);
}

}  // namespace svad::test
