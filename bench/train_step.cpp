// SPDX-License-Identifier: Apache-2.0
// What does a training step of the demo's model cost, and what do its choices change? Each variant runs in turn with
// the demo's own sizes, several rounds; the ratio of the medians is printed, since absolute times mean little on a
// shared machine.
#include <svad/svad.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace {

using namespace svad;

struct Variant {
    const char* name;
    SvadVlm model;
    AdamW optimizer;
    DType precision;
    std::vector<double> seconds = {};

    Variant(const char* n, const SvadConfig& config, DType p) : name(n), model(config), precision(p) {
        init(model, 1);
        optimizer.add(model);
    }

    void step(std::uint64_t number) {
        Tensor<float> frames({16, 8, 3, 64, 64});
        Tensor<std::int32_t> ids({16, 64}), labels({16, 64});
        Random random(7, number);
        for (float& x : frames) x = static_cast<float>(random.uniform());
        for (auto* words : {&ids, &labels})
            for (std::int32_t& id : *words) id = static_cast<std::int32_t>(random.below(768));
        const auto start = std::chrono::steady_clock::now();
        const Training on(1, number);
        const Autocast products(precision);
        backward(model.loss(model.see(frames), ids, labels));
        optimizer.clip(1.0);
        optimizer.step(1e-4);
        optimizer.clear();
        seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }

    double median() {
        std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2), seconds.end());
        return seconds[seconds.size() / 2];
    }
};

}  // namespace

int main() {
    SvadConfig fine = presets::demo();
    fine.video.vit.patch = 8;
    SvadConfig plain = presets::demo();
    plain.video.gmhra_after = {};
    std::vector<Variant> variants;
    variants.reserve(4);
    variants.emplace_back("demo (patches of 16)", presets::demo(), DType::f32);
    variants.emplace_back("patches of 8", fine, DType::f32);
    variants.emplace_back("without gmhra", plain, DType::f32);
    variants.emplace_back("operands in bf16", presets::demo(), DType::bf16);
    for (std::uint64_t round = 0; round < 7; ++round)
        for (Variant& v : variants) v.step(round);
    const double base = variants[0].median();
    for (Variant& v : variants) std::printf("%-22s %5.2f x  (%.0f ms for 16 clips)\n", v.name, v.median() / base, 1e3 * v.median());
}
