// SPDX-License-Identifier: Apache-2.0
// svad train --system: a system of the paper's comparison, fine-tuned on our clips. Trained low-rank parts alone become
// OUT/lora.safetensors; where more is trained, or with --merge, the whole system becomes the folder OUT/model.
#include "training.hpp"

#include "svad/train/tune.hpp"

#include <filesystem>

namespace tool {

using namespace svad;

int train_system(const TrainArguments& o) {
    const data::Manifest clips = training_clips(o.primary);
    io::make_directories(o.out);
    const io::LockFile only_one(o.out + "/lock");
    infer::System system = infer::open_system(o.system, o.init);
    for (const std::string& key : system.pixels.unused) std::fprintf(stderr, "svad: preprocessor_config.json: '%s' is not used\n", key.c_str());
    if (!o.prompt.empty()) system.question = o.prompt;
    std::fprintf(stderr, "svad: %s, %lld parameters, %zu clips\n", o.system.c_str(), static_cast<long long>(parameter_count(system.module)),
                 clips.records.size());
    choose_trained(system.module, o);
    const bool parts = train::only_lora(system) && !o.merge;
    const std::string result = o.out + (parts ? "/lora.safetensors" : "/model");
    if (!parts && io::exists(result) && std::filesystem::equivalent(result, o.init))
        fail<UsageError>("train: --init ", o.init, " is where the result goes; choose another --out");

    train::TrainOptions loop = loop_options(o);
    loop.accumulate = o.batch * o.accumulate;                   // clips go through such a system one by one
    train::Run run(o.out);
    const int code = told(train::tune(system, clips.records, run, loop, signature(o, o.system), {}, o.system), o, o.out);
    if (code == 130) return code;
    if (parts) save_lora(system.module, result);
    else system.save(result);
    if (o.json)
        std::printf("%s\n", io::dump({{parts ? "lora" : "model", result}, {"steps", o.steps}, {"skipped_lines", clips.problems.size()}}).c_str());
    else std::printf("%s\n", result.c_str());
    return code != 0 || !clips.problems.empty() ? 3 : 0;
}

}  // namespace tool
