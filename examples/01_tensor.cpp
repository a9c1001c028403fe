// SPDX-License-Identifier: Apache-2.0
// Data: typed tensors, views, random numbers that need no state, and loops over all cores.
#include <svad/svad.hpp>

#include <cstdio>

int main() {
    using namespace svad;

    // Frames are bytes, ids are integers, scores are floats: passing one for another does not compile.
    Tensor<std::uint8_t> frames({8, 64, 64, 3});                    // [T, H, W, C], zero-filled
    frames(0, 10, 20, 1) = 255;
    const Tensor<std::uint8_t> first = frames.slice(0);             // shares memory
    std::printf("first frame %s, pixel %d\n", join(first.shape()).c_str(), first(10, 20, 1));

    // A random number is a function of (seed, stream, index): it repeats on any number of threads.
    Tensor<float> noise({4, 1000});
    parallel_for(noise.size(0), 1, [&](Index begin, Index stop) {
        for (Index row = begin; row < stop; ++row) {
            Random random(17, static_cast<std::uint64_t>(row));
            for (float& x : noise.slice(row).span()) x = static_cast<float>(random.normal());
        }
    });

    // Mathematics is on Var, which shares the tensor's memory.
    const Var x = noise;
    std::printf("mean %.4f, variance %.4f\n", mean(x).item(), mean(x * x).item() - mean(x).item() * mean(x).item());

    // What does not fit says so in one line.
    try {
        (void)(x + Var::zeros({3}));
    } catch (const ShapeError& e) {
        std::printf("error: %s\n", e.what());
    }
}
