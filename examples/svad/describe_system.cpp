// SPDX-License-Identifier: Apache-2.0
// svad describe --system NAME: what a system of the paper's comparison says of clips, one line each.
#include "commands.hpp"

#include "svad/infer/systems.hpp"
#include "svad/io/json.hpp"

#include <cstdio>

namespace tool {

using namespace svad;

int describe_by_system(const DescribeOptions& o) {
    const std::string format = o.json ? "json" : o.format;
    if ((format != "text" && format != "json") || (!o.shots.empty() && o.shots != "none") || !o.fill.empty() || !o.out.empty())
        fail<UsageError>("describe: --system ", o.system, " describes whole files as text or json on the standard output");
    infer::System system = infer::open_system(o.system, o.model);
    for (const std::string& key : system.pixels.unused) std::fprintf(stderr, "svad: preprocessor_config.json: '%s' is not used\n", key.c_str());
    if (!o.lora.empty()) drop_lora(system.module), load_lora(system.module, o.lora);
    if (!o.prompt.empty()) system.question = o.prompt;
    if (o.beams > 0) system.search.beams = o.beams;
    if (o.words > 0) system.search.max_new = o.words;
    if (system.search.beams > 1) system.search.sample = false;
    int skipped = 0;
    for (const std::string& path : o.videos) {
        try {
            const std::string text = system.describe(path);
            if (format == "json") std::printf("%s\n", io::dump(io::object({{"video", path}, {"system", o.system}, {"text", text}})).c_str());
            else std::printf("%s%s\n", o.videos.size() == 1 ? "" : (path + ": ").c_str(), text.c_str());
        } catch (const video::DecodeError& e) {
            std::fprintf(stderr, "svad: skipped %s\n", e.what());
            ++skipped;
        }
    }
    return skipped == 0 ? 0 : skipped == static_cast<int>(o.videos.size()) ? 1 : 3;
}

}  // namespace tool
