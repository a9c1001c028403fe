// SPDX-License-Identifier: Apache-2.0
// Where the taggers are, and the words they give.
#include "tagging.hpp"

#include <array>

namespace tool {

namespace {

using namespace svad;

/// The folder of the running program, empty if the system does not say.
std::string program_folder() {
    std::array<char, 4096> path{};
    const ssize_t n = ::readlink("/proc/self/exe", path.data(), path.size());
    return n > 0 && static_cast<std::size_t>(n) < path.size()
               ? io::detail::directory_of(std::string(path.data(), static_cast<std::size_t>(n))) : std::string();
}

std::string taggers_folder(const std::string& asked) {
    const std::string installed = program_folder() + "/../share/svad/taggers";
    const std::vector<std::string> candidates = asked.empty() ? std::vector<std::string>{installed, SVAD_SOURCE_TAGGERS}
                                                              : std::vector<std::string>{asked};
    for (const std::string& folder : candidates)
        if (io::is_directory(folder)) return folder;
    fail<UsageError>("there are no taggers at ", candidates.front(), asked.empty() ? " nor where svad was built" : "",
                     "; name their folder with --taggers");
}

}  // namespace

Tagging::Tagging(const std::string& folder) : folder_(taggers_folder(folder)) {}

std::vector<text::TaggedWord> Tagging::operator()(std::string_view text, bool chinese) {
    std::vector<std::string> tokens;
    std::vector<std::string_view> placed, seen;
    if (chinese) {
        if (!segmenter_) segmenter_ = text::Segmenter::load(folder_ + "/zh.segmenter");
        if (!chinese_) chinese_ = text::Tagger::load(folder_ + "/zh.tagger");
        seen = placed = (*segmenter_)(text);
    } else {
        if (!english_) english_ = text::Tagger::load(folder_ + "/en.tagger");
        tokens = text::ptb_tokenize(text, {.lower_case = false});
        placed = places(text, tokens);
        for (const std::string& token : tokens) seen.push_back(as_written(token));
    }
    const std::vector<text::Upos> tags = (chinese ? *chinese_ : *english_)(seen);
    std::vector<text::TaggedWord> out;
    for (std::size_t i = 0; i < placed.size(); ++i) {
        if (placed[i].empty()) continue;
        const auto begin = static_cast<std::size_t>(placed[i].data() - text.data());
        out.push_back({begin, begin + placed[i].size(), tags[i]});
    }
    return out;
}

}  // namespace tool
