// SPDX-License-Identifier: Apache-2.0
// The svad side of bench/shots.py: answers commands of standard input, a line each, with one line of JSON: the seconds that
// it took and what was found. The driver takes turns with the peer.
//     decode full FILE     content full|auto FILE     adaptive full|auto FILE     hash full FILE     network FILE (raw pictures 48 x 27, RGB)
#include <svad/infer/shot_network.hpp>
#include <svad/io/file.hpp>
#include <svad/video/colour_change.hpp>
#include <svad/video/hash_shots.hpp>
#include <svad/video/reader.hpp>
#include <svad/video/shots.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace svad;

template <class Detector>
std::vector<Index> cuts_by_color(const std::string& path, video::Downscale downscale) {
    Detector detector;
    std::vector<Index> cuts;
    video::for_each_change(path, [&](Index, double, const std::optional<video::FrameDelta>& delta) {
        if (const auto cut = detector.next(delta)) cuts.push_back(*cut);
    }, downscale);
    return cuts;
}

std::vector<Index> cuts_by_hash(const std::string& path) {
    video::HashDetector detector;
    std::vector<Index> cuts;
    video::for_each_frame(path, [&](Index, double, const Tensor<std::uint8_t>& frame) {
        if (const auto cut = detector.next(frame)) cuts.push_back(*cut);
    });
    return cuts;
}

/// What every detector has to do at least.
void decode(const std::string& path) {
    video::detail::Walk walk;
    video::detail::walk_frames(path, {}, walk, [](const auto&, AVFrame&, Index, double) {});
}

std::vector<Index> find_cuts(const std::string& detector, const std::string& size, const std::string& path) {
    const video::Downscale downscale = size == "auto" ? video::Downscale::automatic : video::Downscale::none;
    if (detector == "content") return cuts_by_color<video::ContentDetector>(path, downscale);
    if (detector == "adaptive") return cuts_by_color<video::AdaptiveDetector>(path, downscale);
    if (detector == "hash") return cuts_by_hash(path);
    if (detector == "decode") return decode(path), std::vector<Index>{};
    fail<UsageError>("bench: no detector ", detector);
}

Tensor<std::uint8_t> read_pictures(const std::string& path) {
    const std::string bytes = io::read_file(path);
    constexpr Index each = 27 * 48 * 3;
    Tensor<std::uint8_t> frames(Shape{static_cast<Index>(bytes.size()) / each, 27, 48, 3});
    std::copy_n(bytes.begin(), frames.numel(), frames.data());
    return frames;
}

template <class T, class Write>
void print_list(const char* name, const std::vector<T>& list, Write write) {
    std::printf(", \"%s\": [", name);
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (i > 0) std::printf(", ");
        write(list[i]);
    }
    std::printf("]");
}

void answer(const std::string& line, const TransNetV2* model) {
    std::istringstream words(line);
    std::string what, size, path;
    words >> what;
    if (what != "network") words >> size;
    std::getline(words >> std::ws, path);
    const Tensor<std::uint8_t> frames = what == "network" ? read_pictures(path) : Tensor<std::uint8_t>();
    if (what == "network" && model == nullptr) fail<UsageError>("bench: no weights were given");
    std::vector<Index> cuts;
    std::vector<infer::ShotEvidence> evidence;
    const auto start = std::chrono::steady_clock::now();
    if (what == "network") evidence = infer::shot_evidence(*model, frames);
    else cuts = find_cuts(what, size, path);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    std::printf("{\"seconds\": %.6f", time.count());
    print_list("cuts", cuts, [](Index cut) { std::printf("%lld", static_cast<long long>(cut)); });
    print_list("single", evidence, [](const infer::ShotEvidence& e) { std::printf("%.7g", static_cast<double>(e.single)); });
    std::printf("}\n");
    std::fflush(stdout);
}

}  // namespace

// shots THREADS [WEIGHTS]
int main(int count, char** arguments) try {
    set_threads(count > 1 ? std::atoi(arguments[1]) : 1);
    const auto model = count > 2 ? std::make_unique<TransNetV2>(infer::load_transnet(arguments[2])) : nullptr;
    for (std::string line; std::getline(std::cin, line);) answer(line, model.get());
} catch (const std::exception& error) {
    std::fprintf(stderr, "shots: %s\n", error.what());
    return 1;
}
