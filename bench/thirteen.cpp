// SPDX-License-Identifier: Apache-2.0
// thirteen FILE.gguf [TYPE] [BLOCKS]: a Baichuan-13B of true shape with random weights, written to FILE in blocks of TYPE (q4_0)
// if it is not there, its memory plan, and a run: 16 tokens read, 8 written. Prints what the run took beside the plan.
// BLOCKS (40) makes it smaller, to try it.
#include "svad/core/quantize.hpp"
#include "svad/infer/memory_plan.hpp"
#include "svad/io/gguf_writer.hpp"

#include <chrono>
#include <cstdlib>
#include <fstream>

using namespace svad;

namespace {

/// Resident memory of this process at its highest, in MiB.
double peak() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (word == "VmHWM:") {
            double kib = 0;
            status >> kib;
            return kib / 1024;
        }
    return 0;
}

void write_random(const std::string& path, DType type, Index blocks) {
    const Index V = 64000, D = 5120, H = 13696;
    io::GgufWriter w;
    w.text("general.architecture", "baichuan").u32("baichuan.embedding_length", static_cast<std::uint32_t>(D)).u32("baichuan.block_count", static_cast<std::uint32_t>(blocks));
    w.u32("baichuan.attention.head_count", 40).u32("baichuan.feed_forward_length", static_cast<std::uint32_t>(H)).u32("baichuan.context_length", 4096);
    w.f32("baichuan.attention.layer_norm_rms_epsilon", 1e-6f).f32("baichuan.attention.max_alibi_bias", 8.0f);
    std::map<std::string, std::pair<DType, Shape>> tensors;
    const auto add = [&](const std::string& name, DType t, const Shape& shape) {
        tensors[name] = {t, shape};
        w.tensor(name, t, shape);
    };
    add("token_embd.weight", type, {V, D});
    for (Index i = 0; i < blocks; ++i) {
        const std::string block = join("blk.", i, ".");
        for (const char* norm : {"attn_norm", "ffn_norm"}) add(block + norm + ".weight", DType::f32, {D});
        for (const char* matrix : {"attn_q", "attn_k", "attn_v", "attn_output"}) add(block + matrix + ".weight", type, {D, D});
        add(block + "ffn_gate.weight", type, {H, D}), add(block + "ffn_up.weight", type, {H, D}), add(block + "ffn_down.weight", type, {D, H});
    }
    add("output_norm.weight", DType::f32, {D});
    add("output.weight", type, {V, D});
    // Two scaled-down rows of noise, again and again: the shapes and bytes are true, the words are not.
    std::vector<float> noise(static_cast<std::size_t>(32 * H));
    Random random(1, 1);
    for (float& x : noise) x = static_cast<float>(random.uniform(-0.03, 0.03));
    const float one = 1;
    std::vector<std::uint8_t> bytes;
    w.write(path, [&](const std::string& name) {
        const auto& [t, shape] = tensors.at(name);
        bytes.resize(bytes_of(t, shape.numel()));
        if (t == DType::f32) {
            for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) std::memcpy(bytes.data() + i, &one, 4);
        } else {
            const Index part = std::min<Index>(shape.numel(), 32 * shape.back());
            blocks::encode(t, noise.data(), part, bytes.data());
            const std::size_t period = bytes_of(t, part);
            for (std::size_t i = period; i < bytes.size(); ++i) bytes[i] = bytes[i - period];
        }
        return std::as_bytes(std::span{bytes});
    });
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 2) return std::fprintf(stderr, "usage: thirteen FILE.gguf [q4_0|q4_k|q8_0] [BLOCKS]\n"), 2;
    const std::string path = arguments[1], type = count > 2 ? arguments[2] : "q4_0";
    const Index depth = count > 3 ? std::atoi(arguments[3]) : 40;
    if (!io::exists(path)) {
        write_random(path, type == "q4_k" ? DType::q4_k : type == "q8_0" ? DType::q8_0 : DType::q4_0, depth);
        std::printf("written; run it again to measure\n");     // a fresh process, so that writing is not in the peak
        return 0;
    }
    const Index prompt = 16, words = 8;
    const infer::MemoryPlan plan = infer::memory_plan(io::GgufWeights::open(path), prompt + words, prompt);
    std::printf("plan: %s\n", plan.text().c_str());
    std::fflush(stdout);
    const auto model = open_gguf(path);
    std::printf("%.2f billion parameters\n", static_cast<double>(parameter_count(*model)) / 1e9);
    Tensor<std::int32_t> ids({1, prompt});
    for (Index i = 0; i < prompt; ++i) ids[i] = static_cast<std::int32_t>(17 * i + 3);
    const auto start = std::chrono::steady_clock::now();
    std::vector<double> times;
    const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
    const auto made = infer::generate(*model, infer::Prompt::of(*model, ids), {.max_new = words}, {}, [&](Index, infer::Id) { return times.push_back(seconds()), true; });
    std::printf("%lld tokens read in %.1f s, then %.2f s a word\n", static_cast<long long>(prompt), times.at(0),
                (times.back() - times.front()) / static_cast<double>(times.size() - 1));
    std::printf("peak %.1f MiB, plan %.1f MiB: %.3f\n", peak(), static_cast<double>(plan.total()) / (1 << 20), peak() / (static_cast<double>(plan.total()) / (1 << 20)));
    return made.at(0).at(0).ids.size() == static_cast<std::size_t>(words) ? 0 : 1;
}
