// SPDX-License-Identifier: Apache-2.0
// svad describe: one line a file, or the word for a blank. A file that cannot be decoded is named and skipped.
#include "commands.hpp"

#include "svad/svad.hpp"

#include <cstdio>

namespace tool {

int describe(const DescribeOptions& options) {
    using namespace svad;
    if (!options.fill.empty() && options.fill.find("__") == std::string::npos)
        fail<UsageError>("describe: --fill needs a text with '__' where the word is missing");
    const Captioner captioner = Captioner::load(options.model);
    infer::SearchOptions search;
    search.beams = options.beams;
    search.max_new = options.words;

    int skipped = 0;
    for (const std::string& path : options.videos) {
        try {
            const std::vector clips = {captioner.frames(path)};
            const std::string text = options.fill.empty() ? captioner.describe(clips, search)[0]
                                                          : captioner.fill(clips, {options.fill}, search)[0];
            if (options.json) std::printf("%s\n", io::dump({{"video", path}, {"text", text}}).c_str());
            else if (options.videos.size() == 1) std::printf("%s\n", text.c_str());
            else std::printf("%s: %s\n", path.c_str(), text.c_str());
            std::fflush(stdout);
        } catch (const Error& e) {
            std::fprintf(stderr, "svad: skipped %s\n", e.what());
            ++skipped;
        }
    }
    if (skipped == 0) return 0;
    return skipped == static_cast<int>(options.videos.size()) ? 1 : 3;
}

}  // namespace tool
