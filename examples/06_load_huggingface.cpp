// SPDX-License-Identifier: Apache-2.0
// A published checkpoint (config.json and model.safetensors of GPT-2, OPT, LLaMA, Qwen or Baichuan) in this library's
// decoder: its names are a table, what is missing or left over is an error.   06_load_huggingface FOLDER
#include <svad/svad.hpp>

#include <cstdio>

int main(int argc, char** argv) try {
    using namespace svad;
    if (argc < 2) return std::fprintf(stderr, "usage: 06_load_huggingface FOLDER\n"), 2;
    const std::string folder = argv[1], where = folder + "/config.json";
    const io::Json json = io::read_json(where);

    Decoder model(hub::decoder(json, where));
    load(model, folder, names::decoder(json.at("model_type")));
    const DecoderConfig& c = model.config;
    std::printf("%s: %lld blocks of width %lld, %lld words, %lld parameters\n", folder.c_str(), static_cast<long long>(c.depth),
                static_cast<long long>(c.width), static_cast<long long>(c.vocabulary), static_cast<long long>(parameter_count(model)));

    // Two prompts of unequal length in one batch; the shorter one is padded on the left.
    const Tensor<std::int32_t> ids({2, 4}, {11, 7, 5, 3, 0, 0, 9, 2});
    const KeyMask keep({2, 4}, {1, 1, 1, 1, 0, 0, 1, 1});
    const NoGrad off;
    const auto rows = infer::generate(model, infer::Prompt::of(model, ids, keep), {.max_new = 12, .beams = 3});
    for (const auto& hypotheses : rows) {
        std::printf("%8.4f :", hypotheses.at(0).score);
        for (const infer::Id id : hypotheses.at(0).ids) std::printf(" %d", id);
        std::printf("\n");
    }

    save(model, "example_06.safetensors", {{"format", "svad"}}, DType::bf16);      // and back, under our own names
    Decoder again(c);
    load(again, "example_06.safetensors");
    return rows.size() == 2 && parameter_count(again) == parameter_count(model) ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "06_load_huggingface: %s\n", error.what());
    return 1;
}
