// SPDX-License-Identifier: Apache-2.0
// svad assemble: a SVAD-VLM from a DINOv2, a BERT and a language model, as a folder that svad train goes on from.
#include "commands.hpp"

#include "svad/svad.hpp"

#include <cstdio>

namespace tool {

namespace {

using namespace svad;

Vit read_vision(const std::string& path) {
    if (path.ends_with(".onnx")) {
        std::vector<std::string> unused;
        Vit vit = hub::dinov2_of_onnx(path, &unused);
        std::fprintf(stderr, "svad: %zu tensors of %s are no part of the ViT and not used\n", unused.size(), path.c_str());
        return vit;
    }
    const std::string where = path + "/config.json";
    const io::Json json = io::read_json(where);
    if (const auto type = io::field<std::string>(json, "model_type", where); type != "dinov2")
        fail<io::FormatError>(where, ": model_type is '", type, "'; the vision part must be a dinov2");
    Vit vit(hub::dinov2(json, where));
    load(vit, path, names::dinov2());
    return vit;
}

Bert read_words(const std::string& folder) {
    const std::string where = folder + "/config.json";
    Bert bert(hub::bert(io::read_json(where), where));
    load(bert, folder, names::bert());
    return bert;
}

}  // namespace

int assemble(const AssembleArguments& options) {
    AssembleOptions o{.frames = options.frames, .image = options.image, .queries = options.queries, .gmhra = options.gmhra, .seed = options.seed};
    if (!options.describe.empty()) o.prompts.describe = options.describe;
    if (!options.fill.empty()) o.prompts.fill = options.fill;
    Captioner captioner = svad::assemble(read_vision(options.vision), read_words(options.words), options.language, o);
    captioner.save(options.out);
    if (options.json) std::printf("%s\n", io::dump({{"model", options.out}, {"parameters", parameter_count(captioner.model)}}).c_str());
    else std::printf("%s%s\n", summary(captioner.model).c_str(), options.out.c_str());
    return 0;
}

}  // namespace tool
