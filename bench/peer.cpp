// SPDX-License-Identifier: Apache-2.0
// What do a training step, an encoding and the writing of words cost, beside PyTorch on the same work? The sizes and the work
// are those of bench/peer.py; bench/compare.sh runs both in turns.
//
//     peer {train|encode|decode} [--config demo|small] [--dtype f32|bf16] [--threads N] [--steps N] [--serve]
//          [--profile FILE]        a Chrome trace of the steps, and a table of the ops
//
// With --serve it prints `ready`, does one step for every line that it reads, prints its milliseconds, and at the end its
// peak memory.
#include <svad/svad.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <iostream>
#include <string>

namespace {

using namespace svad;

struct Work {
    SvadConfig config;
    Index batch, words;
};

Work sizes(const std::string& name) {
    const auto made = [](const presets::Sizes& s, Index batch, Index words) {
        Work w{presets::of(s), batch, words};
        w.config.video.temporal_positions = 0;
        w.config.video.norm = false;
        w.config.video.gmhra.dpe_before_norm = true;
        w.config.video.gmhra.dropout = 0;
        w.config.qformer.cross_every = 1;
        w.config.decoder.tied = true;
        return w;
    };
    if (name == "demo")
        return made({.frames = 8, .image = 64, .patch = 8, .video_width = 128, .video_depth = 4, .video_heads = 4, .gmhra_after = {1, 3},
                     .query_width = 128, .query_depth = 2, .query_heads = 4, .queries = 16,
                     .word_width = 192, .word_depth = 4, .word_heads = 6, .word_hidden = 512, .vocabulary = 1024}, 16, 64);
    if (name == "small")
        return made({.frames = 8, .image = 112, .patch = 14, .video_width = 256, .video_depth = 6, .video_heads = 4, .gmhra_after = {2, 5},
                     .query_width = 256, .query_depth = 4, .query_heads = 4, .queries = 32,
                     .word_width = 384, .word_depth = 6, .word_heads = 6, .word_hidden = 1024, .vocabulary = 4096}, 8, 80);
    fail<UsageError>("peer: configurations are demo and small; got '", name, "'");
}

struct Peer {
    Work work;
    SvadVlm model;
    AdamW optimizer;
    DType precision;
    Tensor<float> frames;
    Tensor<std::int32_t> ids, labels;
    double loss = 0;

    Peer(const Work& w, DType p)
        : work(w), model(w.config), precision(p),
          frames({w.batch, 8, 3, w.config.video.vit.image, w.config.video.vit.image}), ids({w.batch, w.words}), labels({w.batch, w.words}) {
        init(model, 1);
        Random random(7, 0);
        for (float& x : frames) x = static_cast<float>(random.uniform());
        for (std::int32_t& id : ids) id = static_cast<std::int32_t>(random.below(w.config.decoder.vocabulary));
        for (Index b = 0; b < w.batch; ++b)
            for (Index i = 0; i < w.words; ++i) labels(b, i) = i + 1 < w.words ? ids(b, i + 1) : -100;
    }

    void train() {
        if (optimizer.slots().empty()) optimizer.add(model);
        const Training on(1, static_cast<std::uint64_t>(optimizer.steps()));
        const Autocast products(precision);
        {
            const Var l = model.loss(model.see(frames), ids, labels);
            loss = l.item();
            backward(l);
        }
        const Span span("adamw", "optimizer");
        optimizer.clip(1.0);
        optimizer.step(1e-4);
        optimizer.clear();
    }

    void encode() {
        const NoGrad off;
        const Autocast products(precision);
        (void)model.encode(frames);
    }

    void decode() {
        const NoGrad off;
        const Autocast products(precision);
        const Index Q = work.config.qformer.queries, D = work.config.decoder.width;
        KvCache cache = model.decoder.cache(1, Q + work.words);
        Var h = model.decoder(random_f64({1, Q, D}, -1, 1, 3).to<float>(), {.cache = &cache});
        for (Index i = 0; i < work.words; ++i) {
            const auto word = argmax(model.decoder.scores(h.slice(1, -1, end)).reshape({1, work.config.decoder.vocabulary}));
            if (i + 1 < work.words) h = model.decoder(model.decoder.embed(word.reshape({1, 1})), {.cache = &cache});
        }
    }
};

double timed(const std::function<void()>& step) {
    const auto start = std::chrono::steady_clock::now();
    step();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

long peak_megabytes() {
    long kilobytes = 0;
    if (std::FILE* file = std::fopen("/proc/self/status", "r")) {
        char line[256];
        while (std::fgets(line, sizeof line, file))
            if (std::strncmp(line, "VmHWM:", 6) == 0) kilobytes = std::atol(line + 6);
        std::fclose(file);
    }
    return kilobytes / 1024;
}

int run(int count, char** arguments) {
    std::string what = count > 1 ? arguments[1] : "train", config = "demo", dtype = "f32", trace;
    int steps = 10;
    bool serve = false;
    for (int i = 2; i < count; ++i) {
        const std::string option = arguments[i];
        if (option == "--serve") serve = true;
        else if (i + 1 == count) fail<UsageError>("peer: ", option, " needs a value");
        else if (option == "--config") config = arguments[++i];
        else if (option == "--dtype") dtype = arguments[++i];
        else if (option == "--profile") trace = arguments[++i];
        else if (option == "--steps") steps = std::max(1, std::atoi(arguments[++i]));
        else if (option == "--threads") set_threads(std::atoi(arguments[++i]));
        else fail<UsageError>("peer: no option ", option);
    }
    Peer peer(sizes(config), dtype == "bf16" ? DType::bf16 : DType::f32);
    const std::function<void()> step = [&] { what == "train" ? peer.train() : what == "encode" ? peer.encode() : peer.decode(); };
    step(), step();
    if (serve) {
        std::printf("ready\n");
        std::fflush(stdout);
        for (std::string line; std::getline(std::cin, line);) {
            std::printf("%.3f\n", timed(step));
            std::fflush(stdout);
        }
    } else {
        std::vector<double> ms;
        if (!trace.empty()) Profile::start();
        for (int i = 0; i < steps; ++i) ms.push_back(timed(step));
        if (!trace.empty()) {
            Profile::stop();
            io::write_atomic(trace, Profile::trace());
            std::printf("%s%s", Profile::table().c_str(), Profile::table(true).c_str());
        }
        std::nth_element(ms.begin(), ms.begin() + steps / 2, ms.end());
        std::printf("params %.2f M\n", 1e-6 * static_cast<double>(parameter_count(peer.model)));
        std::printf("%s_%s_%s %.1f ms/step\n", what.c_str(), config.c_str(), dtype.c_str(), ms[static_cast<std::size_t>(steps / 2)]);
        if (what == "train") std::printf("loss %.6f\n", peer.loss);
    }
    const auto counts = svad::detail::CpuCache::instance().counts();
    std::printf("peak_values %zu MiB\npeak_held %zu MiB\n", counts.used_peak >> 20, counts.held_peak >> 20);
    std::printf("peak_rss %ld MiB\n", peak_megabytes());
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    try {
        return run(count, arguments);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
