// SPDX-License-Identifier: Apache-2.0
// How near are the kernels to what the GPU can do? Each is timed by events over many launches on rotating buffers, against
// two ceilings measured first: a copy of device memory, and a large bf16 product. Then a training step and decoding.
#include <svad/svad.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>

#if SVAD_CUDA

namespace {

using namespace svad;

const Device gpu = Device::cuda(0);

/// Median milliseconds of one call, of 5 runs of `repeats`.
double milliseconds(int repeats, const std::function<void(int)>& call) {
    const Stream stream = cuda::compute_stream(0);
    for (int i = 0; i < 3; ++i) call(i);
    std::vector<double> runs;
    for (int run = 0; run < 5; ++run) {
        cuda::Event start, stop;
        start.record(stream);
        for (int i = 0; i < repeats; ++i) call(i);
        stop.record(stream);
        stop.synchronize();
        runs.push_back(static_cast<double>(stop.since(start)) / repeats);
    }
    std::sort(runs.begin(), runs.end());
    return runs[2];
}

struct Ceilings {
    double bytes = 0, flops = 0;                    ///< per second
} ceilings;

void row(const char* name, double ms, double bytes, double flops) {
    const bool products = flops > 0;
    const double rate = (products ? flops : bytes) / (ms * 1e-3), most = products ? ceilings.flops : ceilings.bytes;
    std::printf("%-34s %9.4f ms  %8.1f %s  %3.0f %%\n", name, ms, rate / (products ? 1e12 : 1e9), products ? "TFLOP/s" : "GB/s   ",
                most > 0 ? 100 * rate / most : 100.0);
    std::fflush(stdout);
}

/// Values that do not fit the cache together, taken in turn.
std::vector<Var> buffers(const Shape& shape, DType dtype = DType::bf16) {
    std::vector<Var> all;
    for (int i = 0; i < 4; ++i) all.push_back(Var::full(shape, 0.5 + 0.1 * i, dtype, gpu));
    return all;
}

void kernels() {
    const NoGrad off;
    const Shape wide{16384, 4096};
    const double bytes = 2.0 * static_cast<double>(wide.numel());
    const std::vector<Var> x = buffers(wide), y = buffers(wide);
    const Var w = Var::full({4096}, 1, DType::bf16, gpu), b = Var::zeros({4096}, DType::bf16, gpu);
    const auto at = [](const std::vector<Var>& v, int i) { return v[static_cast<std::size_t>(i) % v.size()]; };
    double ms = milliseconds(20, [&](int i) { cuda::copy_bytes(at(y, i).storage().data(), at(x, i).storage().data(), static_cast<std::size_t>(bytes), 0); });
    ceilings.bytes = 2 * bytes / (ms * 1e-3);
    row("copy", ms, 2 * bytes, 0);
    const std::vector<Var> square = buffers({8192, 8192});
    ms = milliseconds(5, [&](int i) { (void)matmul(at(square, i), at(square, i + 1)); });
    ceilings.flops = 2.0 * 8192 * 8192 * 8192 / (ms * 1e-3);
    row("matmul 8192 bf16", ms, 0, 2.0 * 8192 * 8192 * 8192);

    row("add 16384x4096", milliseconds(20, [&](int i) { (void)(at(x, i) + at(y, i)); }), 3 * bytes, 0);
    row("gelu 16384x4096", milliseconds(20, [&](int i) { (void)gelu(at(x, i)); }), 2 * bytes, 0);
    row("swiglu 16384x4096", milliseconds(20, [&](int i) { (void)swiglu(at(x, i), at(y, i)); }), 3 * bytes, 0);
    row("layer_norm 16384x4096", milliseconds(20, [&](int i) { (void)layer_norm(at(x, i), w, b); }), 2 * bytes, 0);
    row("rms_norm 16384x4096", milliseconds(20, [&](int i) { (void)rms_norm(at(x, i), w); }), 2 * bytes, 0);
    row("softmax 16384x4096", milliseconds(20, [&](int i) { (void)softmax(at(x, i)); }), 2 * bytes, 0);
    Tensor<std::int32_t> labels({16384});
    for (Index i = 0; i < labels.numel(); ++i) labels[i] = static_cast<std::int32_t>(i % 4096);
    row("cross_entropy 16384x4096", milliseconds(20, [&](int i) { (void)cross_entropy(at(x, i), labels); }), bytes, 0);
    for (const Index length : {Index{256}, Index{2048}}) {
        const std::vector<Var> q = buffers({16384 / length, 16, length, 64});
        const std::string name = join("attention 16 heads of 64, length ", length);
        row(name.c_str(), milliseconds(10, [&](int i) { (void)attention(at(q, i), at(q, i + 1), at(q, i + 2)); }), 0,
            4.0 * 16384 * 16 * static_cast<double>(length) * 64);
    }
}

void training(const char* name, const SvadConfig& config, Index clips, Index image) {
    SvadVlm model(config);
    init(model, 1, gpu, DType::bf16);
    AdamW optimizer;
    optimizer.add(model);
    const Var frames = cast(Var::full({clips, 8, 3, image, image}, 0.5), DType::bf16).to(gpu);
    Tensor<std::int32_t> ids({clips, 64}), labels({clips, 64});
    for (Index i = 0; i < ids.numel(); ++i) ids[i] = labels[i] = static_cast<std::int32_t>(i % 700);
    const auto step = [&](int) {
        backward(model.loss(model.see(frames), ids, labels));
        optimizer.clip(1.0);
        optimizer.step(1e-4);
        optimizer.clear();
    };
    const double ms = milliseconds(5, step);
    std::printf("train step %-23s %9.3f ms  %8.1f clips/s   peak %.0f MiB\n", name, ms, static_cast<double>(clips) / (ms * 1e-3),
                static_cast<double>(cuda::memory(0).peak) / (1 << 20));
    std::fflush(stdout);
}

/// Bytes of the weights that one step of decoding reads, and the time it takes.
void decoding() {
    const NoGrad off;
    SvadVlm model(presets::base());
    init(model, 1, gpu, DType::bf16);
    double bytes = 0;
    for_each_parameter(model.decoder, [&](const std::string&, Parameter& p) { bytes += 2.0 * static_cast<double>(p.numel()); });
    KvCache cache = model.decoder.cache(1, 2048);
    const double ms = milliseconds(32, [&](int i) {
        const Var hidden = model.decoder(model.decoder.embed(Tensor<std::int32_t>({1, 1}, std::vector<std::int32_t>{i})), {.cache = &cache});
        (void)argmax(model.decoder.scores(hidden));
    });
    row("decode one word, base bf16", ms, bytes, 0);
}

}  // namespace

int main() {
    if (cuda::devices() == 0) {
        std::puts("not run: there is no CUDA device");
        return 77;
    }
    std::printf("%s\n", cuda::describe(0).c_str());
    kernels();
    training("demo, 16 clips", presets::demo(), 16, 64);
    training("base, 8 clips", presets::base(), 8, 224);
    decoding();
}

#else

int main() {
    std::puts("not run: built without CUDA; configure with -DSVAD_CUDA=ON");
    return 77;
}

#endif
